"""Prints the first rows of the parquet file on its standard input, as JSON. A program of its own: see `previews`.

Whoever wrote the file may have written it to harm its reader, so that one has bounds.
"""

from __future__ import annotations

import json
import resource
import sys

MEMORY = 4 << 30
SECONDS = 20
ROWS = 200
COLUMNS = 60
LETTERS = 200


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(sys.stdin.buffer)
    schema = file.schema_arrow
    names = schema.names[:COLUMNS]
    first = next(file.iter_batches(ROWS, columns=names, use_threads=False), None)
    rows = [] if first is None else zip(*(first.column(at).to_pylist() for at in range(len(names))), strict=True)
    answer = {
        "columns": [
            {"name": name[:LETTERS], "type": str(kind)[:LETTERS]}
            for name, kind in zip(names, schema.types, strict=False)
        ],
        "rows": [[None if value is None else str(value)[:LETTERS] for value in row] for row in rows],
        "count": file.metadata.num_rows,
        "more_columns": max(len(schema.names) - COLUMNS, 0),
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
