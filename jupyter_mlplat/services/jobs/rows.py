"""From the store's rows to the models that cross a door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ...errors import NotFound
from ...models import JOB_MOVES, AttemptRecord, Cell, Job, JobState
from ...store import tables
from .line import Place

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
    return [Cell(**{name: cell[name] for name in Cell.model_fields}) for cell in rows]


def attempts_of(connection: Connection, row: RowMapping) -> list[AttemptRecord]:
    """The attempts of a job, the first one first."""
    table = tables.attempts
    rows = connection.execute(select(table).where(table.c.job_id == row["id"]).order_by(table.c.number)).mappings()
    return [AttemptRecord(**{name: one[name] for name in AttemptRecord.model_fields}) for one in rows]


SHOWN = frozenset(Job.model_fields)
IDS = ("id", "retry_of", "schedule_id", "sweep_id")


def to_job(row: RowMapping, place: Place | None = None, **more: Any) -> Job:
    """A job as doors show it; `place` is where it stands in the queue, `more` its cells and attempts."""
    fields: dict[str, Any] = {name: value for name, value in row.items() if name in SHOWN}
    for name in IDS:
        fields[name] = None if row[name] is None else str(row[name])
    fields["secrets"] = row["secrets"] or {}
    if place is not None:
        fields |= {"position": place.position, "expected_start": place.expected_start}
    return Job(**fields, **more)


def attempt_folder(row: RowMapping) -> Path:
    """Where the current attempt's output, log and record are."""
    return Path(row["folder"]) / f"attempt-{max(row['attempt'], 1)}"


def sources_of(state: JobState) -> list[str]:
    """The states from which a move to `state` is legal."""
    return [source.value for source, targets in JOB_MOVES.items() if state in targets]
