"""From the store's rows to the models that cross a door."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ...errors import NotFound
from ...models import JOB_MOVES, Cell, Job, JobState
from ...store import tables

SUBMITTED = "submitted.ipynb"


def number_of(job_id: str) -> int:
    """The row's number behind an id. Raises `NotFound` for anything that never was an id."""
    if not (job_id.isascii() and job_id.isdigit() and len(job_id) < 18):
        raise unknown(job_id)
    return int(job_id)


def unknown(job_id: str) -> NotFound:
    return NotFound(f"no job has the id {job_id[:80]!r}", hint="see them: jupyter mlplat jobs list")


def find(connection: Connection, job_id: str) -> RowMapping:
    """The row of a job. Raises `NotFound`."""
    row = connection.execute(select(tables.jobs).where(tables.jobs.c.id == number_of(job_id))).mappings().first()
    if row is None:
        raise unknown(job_id)
    return row


def cells_of(connection: Connection, row: RowMapping) -> list[Cell]:
    """The cells of a job's current attempt, by position."""
    table = tables.cells
    rows = connection.execute(
        select(table)
        .where(table.c.job_id == row["id"], table.c.attempt == max(row["attempt"], 1))
        .order_by(table.c.index)
    ).mappings()
    return [
        Cell(**{name: cell[name] for name in ("index", "state", "started_at", "ended_at", "error")}) for cell in rows
    ]


def to_job(row: RowMapping, cells: Iterable[Cell] = ()) -> Job:
    """A job as doors show it."""
    hidden = {"id", "seen_at", "metric_name", "idempotency_key", "run_closed"}
    fields: dict[str, Any] = {name: value for name, value in row.items() if name not in hidden}
    return Job(id=str(row["id"]), cells=list(cells), **fields)


def attempt_folder(row: RowMapping) -> Path:
    """Where the current attempt's output, log and record are."""
    return Path(row["folder"]) / f"attempt-{max(row['attempt'], 1)}"


def sources_of(state: JobState) -> list[str]:
    """The states from which a move to `state` is legal."""
    return [source.value for source, targets in JOB_MOVES.items() if state in targets]
