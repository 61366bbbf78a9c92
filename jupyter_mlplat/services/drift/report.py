"""Makes Evidently's HTML report of a check: a program of its own, because importing Evidently takes seconds.

`python -m jupyter_mlplat.services.drift.report FOLDER` reads FOLDER/check.json and writes FOLDER/drift.html.
Called by `PendingReport`.
"""

from __future__ import annotations

import html
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ...models import DriftReport
from ..tablefile import connect, open_table, quote

if TYPE_CHECKING:
    import duckdb
    import pandas

MAX_ROWS = 5_000
MAX_COLUMNS = 40
"""A report over more takes minutes and has tens of megabytes."""
_SEED = 20_240_229
_PLAIN = str.maketrans({"<": "‹", ">": "›", "&": "＆", "`": "ˋ"})


def main(folder: Path) -> int:
    """Write the report for the check that lies in `folder`."""
    report = DriftReport.model_validate_json((folder / "check.json").read_text())
    chosen, left_out = choose(report)
    (folder / "drift.html").write_text(page(report, chosen, left_out, folder), encoding="utf-8")
    return 0


def choose(report: DriftReport) -> tuple[list[str], list[str]]:
    """The columns that go into the report, drifted ones first, and the names of those that do not fit."""
    usable = [
        one
        for one in report.columns
        if one.score is not None and one.method != "type" and max(one.reference_missing, one.current_missing) < 1
    ]
    ranked = sorted(usable, key=lambda one: (not one.drifted, -(one.score or 0.0)))
    chosen = {one.column for one in ranked[:MAX_COLUMNS]}
    names = [one.column for one in report.columns]
    return [name for name in names if name in chosen], [name for name in names if name not in chosen]


def page(report: DriftReport, columns: list[str], left_out: list[str], scratch: Path) -> str:
    """Evidently's HTML with our verdict, and what was sampled, above it."""
    if not columns:
        return f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><body>{banner(report, left_out)}</body></html>"
    with connect(scratch) as connection:
        connection.execute("SET threads = 1")  # a sample is repeatable on one thread only
        reference, numerical = sample(connection, report.reference, columns)
        current, also_numerical = sample(connection, report.current, columns)
    for table in (reference, current):
        for name in columns:
            if name not in numerical & also_numerical:
                table[name] = table[name].astype(object).where(table[name].notna(), None).map(_text)
        table.columns = safe_names(columns)
    named = dict(zip(columns, reference.columns, strict=True))
    numbers = [named[name] for name in columns if name in numerical & also_numerical]
    texts = [name for name in reference.columns if name not in numbers]
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    tables = [Dataset.from_pandas(table, data_definition=definition) for table in (current, reference)]
    made = Report([DataDriftPreset(columns=list(named.values()))]).run(*tables)
    text = str(made.get_html_str(as_iframe=False))
    return text.replace("<body>", f"<body>{banner(report, left_out)}", 1)


def sample(
    connection: duckdb.DuckDBPyConnection, path: str, columns: list[str]
) -> tuple[pandas.DataFrame, frozenset[str]]:
    """At most `MAX_ROWS` rows of the table at `path`, the same ones each time, and its numeric columns."""
    table = open_table(connection, path, field="path")
    names = ", ".join(quote(name) for name in columns)
    rows = connection.sql(
        f"SELECT {names} FROM {table.scan} USING SAMPLE reservoir({MAX_ROWS} ROWS) REPEATABLE ({_SEED})"
    )
    numeric = frozenset(name for name in columns if table.kind(name) in ("integer", "wide", "float"))
    frame: pandas.DataFrame = rows.to_arrow_table().to_pandas()
    for name in numeric:
        frame[name] = frame[name].astype("float64")
    return frame, numeric


def banner(report: DriftReport, left_out: list[str]) -> str:
    """What a reader must know before reading Evidently's numbers."""
    if report.drift:
        verdict = f"Drift in {', '.join(report.drifted_columns)}"
    else:
        verdict = f"No drift in {len(report.columns)} columns"
    sampled = max(report.reference_rows, report.current_rows) > MAX_ROWS
    lines = [
        f"{report.reference_rows:,} reference rows, {report.current_rows:,} current rows, "
        f"checked {report.checked_at:%Y-%m-%d %H:%M} UTC.",
        "The verdict is of jupyter_mlplat on all rows; below are Evidently's own scores and tests"
        + (f" on a random sample of at most {MAX_ROWS:,} rows of each table." if sampled else " on the same rows."),
    ]
    if left_out:
        lines.append(f"Not in Evidently's part: {', '.join(left_out)}.")
    paragraphs = "".join(f"<p style='margin:4px 0'>{html.escape(line)}</p>" for line in lines)
    return (
        "<section style='font-family:sans-serif;padding:16px 24px;border-bottom:1px solid #ccc'>"
        f"<h1 style='font-size:20px;margin:0 0 8px'>{html.escape(verdict)}</h1>{paragraphs}</section>"
    )


def plain(text: str) -> str:
    """`text` with nothing in it that a browser takes for markup: Evidently writes names and values as they are."""
    return text.translate(_PLAIN)


def safe_names(names: list[str]) -> list[str]:
    """`names` with nothing that a browser takes for markup, and still all different."""
    safe = [plain(name) for name in names]
    return safe if len(set(safe)) == len(safe) else [f"{name} ({number})" for number, name in enumerate(safe, 1)]


def _text(value: object) -> object:
    return None if value is None else plain(str(value))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
