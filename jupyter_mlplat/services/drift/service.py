"""drift: has a table moved away from another?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import Invalid
from ...home import Home
from ...models import DriftColumn, DriftReport
from ...protocols import Clock
from ..tablefile import connect, open_table, reading
from .compare import Side, compare
from .pending import PendingReport
from .scores import THRESHOLD

if TYPE_CHECKING:
    import duckdb

    from ..runs import RunsService


class DriftService:
    """Compares tables in files, column by column."""

    def __init__(self, home: Home, clock: Clock, runs: RunsService) -> None:
        self._home = home
        self._clock = clock
        self._runs = runs

    def check(
        self, reference: str, current: str, *, columns: Sequence[str] | None = None, report: bool = False
    ) -> DriftReport:
        """Compare the table `current` with `reference`; both are paths of parquet, CSV or Delta tables.

        `columns` are those to compare, by default all; one that only one table has is then listed with a note.
        `drift` is true where at least one column drifted: `scores.py` says when, and why two samples of the same
        data do so at most once in a thousand checks. With `report` Evidently's HTML report is kept in a run of
        the experiment "drift"; that takes tens of seconds (`start_report` does not wait for it).
        Raises `Invalid` with the field at fault.
        """
        with connect(self._home.features) as connection:
            then = _side(connection, reference, "reference")
            now = _side(connection, current, "current")
            both, alone = _choose(then, now, columns)
            scored = {one.column: one for one in compare(connection, then, now, both)}
        found = [scored.get(name) or _only_in(name, alone[name]) for name in [*both, *alone]]
        made = DriftReport(
            drift=any(one.drifted for one in found),
            columns=found,
            drifted_columns=[one.column for one in found if one.drifted],
            reference=str(then.table.path),
            current=str(now.table.path),
            reference_rows=then.rows,
            current_rows=now.rows,
            checked_at=self._clock.now(),
        )
        if not report:
            return made
        with self.start_report(made) as pending:
            return pending.result()

    def start_report(self, report: DriftReport) -> PendingReport:
        """Begin Evidently's HTML report of a check in a process of its own, and return at once.

        `result()` of what comes back waits, keeps the HTML in a run of the experiment "drift" and returns the
        report with `run_id` and `report_uri`.
        """
        return PendingReport(report, self._home, self._runs)


def _side(connection: duckdb.DuckDBPyConnection, path: str, field: str) -> Side:
    table = open_table(connection, Path(path).expanduser().absolute(), field=field)
    with reading(table, field=field):
        loaded = table.loaded(connection)
        rows = int(connection.execute(f"SELECT count(*) FROM {loaded.scan}").fetchall()[0][0])
    if rows == 0:
        message = f"{table.path} has no rows"
        raise Invalid(message, hint="give a table with rows", fields={field: message})
    return Side(loaded, field, rows)


def _choose(then: Side, now: Side, columns: Sequence[str] | None) -> tuple[list[str], dict[str, str]]:
    """The columns to compare, and those that only one of the tables has with the field of that one."""
    if columns is None:
        both = [name for name in then.table.columns if name in now.table.columns]
        if not both:
            message = f"{then.table.path} and {now.table.path} have no column in common"
            raise Invalid(message, hint="give two tables of the same kind", fields={"current": message})
        alone = {
            name: side.field
            for side, other in ((then, now), (now, then))
            for name in side.table.columns
            if name not in other.table.columns
        }
        return both, alone
    chosen = list(dict.fromkeys(columns))
    if not chosen:
        raise Invalid("no column to compare", hint="name some, or none for all", fields={"columns": "empty"})
    for side in (then, now):
        for name in chosen:
            if name not in side.table.columns:
                message = f"{side.table.path} has no column {name!r}"
                known = ", ".join(list(side.table.columns)[:20])
                raise Invalid(message, hint=f"it has {known}", fields={"columns": message})
    return chosen, {}


def _only_in(name: str, field: str) -> DriftColumn:
    return DriftColumn(
        column=name,
        method="none",
        score=None,
        threshold=THRESHOLD,
        drifted=False,
        reference_missing=0.0 if field == "reference" else 1.0,
        current_missing=0.0 if field == "current" else 1.0,
        note=f"only in {field}",
    )
