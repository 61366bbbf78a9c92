"""A table in a local file: its columns, and the SQL that reads it, with everything that it names quoted."""

from __future__ import annotations

import csv
import gzip
import importlib
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import Invalid, Unavailable

if TYPE_CHECKING:
    import duckdb

ROW = "mlplat_row"
"""The column that `TableFile.numbered` adds: the row's position in the file, from 0."""

Kind = Literal["integer", "wide", "float", "text", "boolean", "time", "other"]
"""What a column's type is good for: `wide` integers need more than 64 signed bits."""

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "integer"),
    **dict.fromkeys(("UBIGINT", "HUGEINT", "UHUGEINT"), "wide"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(("VARCHAR", "UUID"), "text"),
    "BOOLEAN": "boolean",
    "DATE": "time",
}
_CSV_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")


@dataclass(frozen=True)
class TableFile:
    """A readable table: `columns` maps each name to DuckDB's type, `scan` is a table expression in SQL."""

    path: Path
    format: Literal["parquet", "csv", "delta"]
    columns: Mapping[str, str]
    scan: str
    numbered: str

    def kind(self, column: str) -> Kind:
        return kind_of(self.columns[column])

    def loaded(self, connection: duckdb.DuckDBPyConnection) -> TableFile:
        """The same table, cheap to scan again and again: all but parquet is copied into DuckDB (and its spill)."""
        if self.format == "parquet":
            return self
        copy = f"table_{uuid.uuid4().hex}"
        connection.execute(f"CREATE TEMP TABLE {copy} AS SELECT * FROM {self.numbered}")
        return replace(self, scan=copy, numbered=copy)


def kind_of(type_name: str) -> Kind:
    """What a column of DuckDB's type `type_name` is good for."""
    if type_name.startswith("TIMESTAMP"):
        return "time"
    if type_name.endswith("]"):
        return "other"
    if type_name.startswith("DECIMAL"):
        return "float"
    if type_name.startswith("ENUM"):
        return "text"
    return _KINDS.get(type_name, "other")


def nanoseconds(type_name: str) -> bool:
    """True where times of that type are finer than a microsecond."""
    return type_name.startswith("TIMESTAMP") and type_name.endswith("_NS")


def epoch(column: str, type_name: str) -> str:
    """SQL for the time in `column` as a whole number since 1970, UTC: nanoseconds or else microseconds.

    A time without a zone is taken as UTC; infinity becomes null.
    """
    name = quote(column)
    if nanoseconds(type_name):
        return f"epoch_ns({name})"
    return f"CASE WHEN isfinite({name}) THEN epoch_us({name}) END"


def quote(name: str) -> str:
    """`name` as an identifier of SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a string of SQL, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def connect(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory that fetches nothing from elsewhere, in UTC, on a quarter of the free memory.

    What does not fit goes to a folder in `scratch` that is removed afterwards.
    """
    import duckdb
    import psutil

    memory = max(psutil.virtual_memory().available // 4, 512 * 2**20)
    with tempfile.TemporaryDirectory(prefix=".spill-", dir=scratch) as spill:
        connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
                "memory_limit": f"{memory // 2**20}MiB",
                "temp_directory": spill,
            },
        )
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()


def open_table(connection: duckdb.DuckDBPyConnection, path: str | Path, *, field: str) -> TableFile:
    """Look at the parquet, CSV or Delta table at `path`.

    Raises `Invalid` about `field` where there is none or it cannot be read, and `Unavailable` for a Delta
    table when `deltalake` is not installed.
    """
    where = Path(path)
    try:
        if "\0" in str(path) or not where.exists():
            raise _invalid(field, f"there is no file {str(path)!r}", "give the path of a parquet or CSV file")
        if where.is_dir():
            if (where / "_delta_log").is_dir():
                return _open_delta(connection, where, field)
            raise _invalid(field, f"{where} is a directory, not a table", "give a parquet or CSV file in it")
        if not where.is_file():
            raise _invalid(field, f"{where} is not a regular file", "give the path of a parquet or CSV file")
        if where.stat().st_size == 0:
            raise _invalid(field, f"{where} is empty", "a table needs at least a header")
        with open(where, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise _invalid(
            field, f"{str(path)!r} cannot be read: {error.strerror}", "see that you may read the file"
        ) from error
    if magic == b"PAR1":
        return _open_parquet(connection, where.absolute(), field)
    if where.name.lower().endswith(_CSV_SUFFIXES):
        return _open_csv(connection, where.absolute(), field)
    raise _invalid(field, f"{where} is not a table that we can read", "use parquet, CSV or Delta")


@contextmanager
def reading(table: TableFile, *, field: str) -> Iterator[None]:
    """Turn DuckDB's complaint about the content of `table` into `Invalid` about `field`."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise Unavailable(f"there is not enough memory to read {table.path}", hint="free some memory") from error
    except duckdb.Error as error:
        raise _invalid(
            field, f"{table.path} cannot be read: {_first_line(error)}", "mend the file, or write it as parquet"
        ) from error


def _open_parquet(connection: duckdb.DuckDBPyConnection, path: Path, field: str) -> TableFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise _invalid(field, f"{path} is a broken parquet file: {_first_line(error)}", "write it again") from error
    call = f"read_parquet({literal(_no_glob(path))}, hive_partitioning = false"
    if "file_row_number" in names:
        numbered = f"(SELECT *, row_number() OVER () - 1 AS {ROW} FROM {call}))"
    else:
        numbered = f"(SELECT *, file_row_number AS {ROW} FROM {call}, file_row_number = true))"
    return _look(connection, path, "parquet", f"{call})", numbered, names, field)


def _open_csv(connection: duckdb.DuckDBPyConnection, path: Path, field: str) -> TableFile:
    import duckdb

    call = f"read_csv({literal(_no_glob(path))}, header = true, hive_partitioning = false"
    try:
        delimiter, quotes = connection.sql(
            f"SELECT Delimiter, Quote FROM sniff_csv({literal(_no_glob(path))}, header = true)"
        ).fetchall()[0]
        opened = gzip.open if path.name.lower().endswith(".gz") else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file, delimiter=delimiter, quotechar=quotes if len(quotes) == 1 else '"'), [])
    except (duckdb.Error, OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise _invalid(
            field, f"{path} is not a CSV file: {_first_line(error)}", "give a text file in UTF-8 with a header"
        ) from error
    numbered = f"(SELECT *, row_number() OVER () - 1 AS {ROW} FROM {call}, parallel = false))"
    return _look(connection, path, "csv", f"{call})", numbered, names, field)


def _open_delta(connection: duckdb.DuckDBPyConnection, path: Path, field: str) -> TableFile:
    try:
        deltalake = importlib.import_module("deltalake")
    except ImportError as error:
        raise Unavailable(
            f"{path} is a Delta table and deltalake is not installed", hint="pip install deltalake"
        ) from error
    try:
        dataset = deltalake.DeltaTable(str(path)).to_pyarrow_dataset()
    except Exception as error:  # a broken log raises whatever its part raises
        raise _invalid(field, f"the Delta table {path} cannot be read: {_first_line(error)}", "repair it") from error
    name = f"delta_{uuid.uuid4().hex}"
    connection.register(name, dataset)
    numbered = f"(SELECT *, row_number() OVER () - 1 AS {ROW} FROM {name})"
    return _look(connection, path, "delta", name, numbered, dataset.schema.names, field)


def _look(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    form: Literal["parquet", "csv", "delta"],
    scan: str,
    numbered: str,
    names: list[str],
    field: str,
) -> TableFile:
    import duckdb

    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.casefold())
        if other is not None or name.casefold() == ROW:
            what = f"has columns {other!r} and {name!r}" if other not in (None, name) else f"has {name!r} twice"
            raise _invalid(field, f"{path} {what}", "rename one: upper and lower case are the same here")
        seen[name.casefold()] = name
    try:
        rows = connection.sql(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    except duckdb.Error as error:
        raise _invalid(field, f"{path} cannot be read: {_first_line(error)}", "mend the file") from error
    types = {str(row[0]): _plain(str(row[1])) for row in rows}
    return TableFile(path, form, types, scan, numbered)


def _plain(type_name: str) -> str:
    return "TIMESTAMPTZ" if type_name == "TIMESTAMP WITH TIME ZONE" else type_name


def _no_glob(path: Path) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def _invalid(field: str, message: str, hint: str) -> Invalid:
    return Invalid(message, hint=hint, fields={field: message})


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
