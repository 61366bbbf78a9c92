"""From the store's rows to the models that cross a door."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, or_, select, update

from ...errors import Conflict
from ...models import JOB_MOVES, AttemptRecord, Cell, Job, JobState, Reason
from ...store import Transaction, tables
from ..rows import find_in, first
from .line import Place
from .notices import shown_notify

SUBMITTED = "submitted.ipynb"
LIVING = tuple(state.value for state in JobState if not state.ended)


def find(connection: Connection, job_id: str) -> RowMapping:
    """The row of a job. Raises `NotFound`."""
    return find_in(connection, tables.jobs, job_id)


def closed_jobs(connection: Connection, *which: ColumnElement[bool]) -> set[int]:
    """Numbers of jobs, of those meant, whose last attempt has its metrics or will never have any."""
    job, attempt = tables.jobs, tables.attempts
    rows = connection.execute(
        select(job.c.id)
        .outerjoin(attempt, (attempt.c.job_id == job.c.id) & (attempt.c.number == job.c.attempt))
        .where(*which, or_(attempt.c.run_closed, attempt.c.run_id.is_(None)))
    )
    return set(rows.scalars())


def refuse_while_needed(connection: Connection, row: RowMapping) -> None:
    """Raise `Conflict` where the sweep or pipeline of a job still goes by how the job ended."""
    for table, noun in ((tables.sweeps, "sweep"), (tables.pipelines, "pipeline")):
        query = select(table.c.id).where(table.c.id == row[f"{noun}_id"], table.c.state == "running")
        if row[f"{noun}_id"] is not None and first(connection, query) is not None:
            raise Conflict(
                f"job {row['id']} belongs to {noun} {row[f'{noun}_id']}, which is running",
                hint=f"wait for it, or cancel it: jupyter mlplat {noun}s cancel {row[f'{noun}_id']}",
            )


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
IDS = ("id", "retry_of", "schedule_id", "sweep_id", "pipeline_id")


def to_job(row: RowMapping, place: Place | None = None, **more: Any) -> Job:
    """A job as doors show it; `place` is where it stands in the queue, `more` its cells and attempts."""
    fields: dict[str, Any] = {name: value for name, value in row.items() if name in SHOWN}
    for name in IDS:
        fields[name] = None if row[name] is None else str(row[name])
    fields |= {"secrets": row["secrets"] or {}, "results": row["results"] or {}, "notify": shown_notify(row["notify"])}
    if place is not None:
        fields |= {"position": place.position, "expected_start": place.expected_start}
    return Job(**fields, **more)


def ask_to_end(transaction: Transaction, numbers: Iterable[int], reason: Reason | None = None) -> None:
    """Ask for the end of jobs that live; the engine carries it out. `reason` says who else than a user wants it."""
    table = tables.jobs
    for number in numbers:
        asked = transaction.connection.execute(
            update(table)
            .where(table.c.id == number, table.c.state.in_(LIVING), not_ending())
            .values(cancel_requested=True, cancel_reason=reason.value if reason is not None else None)
        )
        if asked.rowcount:
            transaction.emit("jobs", str(number))


def not_ending() -> ColumnElement[bool]:
    """True for a job whose end nobody wants; one whose devices are wanted only has to go on later."""
    table = tables.jobs
    return or_(~table.c.cancel_requested, table.c.cancel_reason == Reason.PREEMPTED.value)


def attempt_folder(row: RowMapping) -> Path:
    """Where the current attempt's output, log and record are."""
    return Path(row["folder"]) / f"attempt-{max(row['attempt'], 1)}"


def sources_of(state: JobState) -> list[str]:
    """The states from which a move to `state` is legal."""
    return [source.value for source, targets in JOB_MOVES.items() if state in targets]
