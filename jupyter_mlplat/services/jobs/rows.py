"""From the store's rows to the models that cross a door."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, or_, select, update

from ...errors import Conflict, Invalid, NotFound
from ...models import JOB_MOVES, AttemptRecord, Cell, Job, JobState, Reason
from ...store import Transaction, tables
from .line import Place
from .notices import shown_notify

SUBMITTED = "submitted.ipynb"
LIVING = tuple(state.value for state in JobState if not state.ended)


def number_of(id: str, noun: str = "job") -> int:
    """The row's number behind an id. Raises `NotFound` for anything that never was an id."""
    if not _is_number(id):
        raise unknown(id, noun)
    return int(id)


def cursor_of(after: str) -> int:
    """The row's number behind the `next` of a page. Raises `Invalid` for anything that never was one."""
    if not _is_number(after):
        raise no_cursor()
    return int(after)


def no_cursor() -> Invalid:
    return Invalid(
        "after is no cursor of this list",
        hint="pass the `next` of the page before",
        fields={"after": "not a cursor"},
    )


def unknown(id: str, noun: str = "job") -> NotFound:
    return NotFound(f"no {noun} has the id {id[:80]!r}", hint=f"see them: jupyter mlplat {noun}s list")


def noun_of(table: Table) -> str:
    return table.name.removesuffix("s")


def first(connection: Connection, query: Select[Any]) -> RowMapping | None:
    """The first row of a query, by column name; None where it has none."""
    return connection.execute(query).mappings().first()


@dataclass(frozen=True)
class Asked:
    """A request that may come twice: the client's key, which is no other user's, and a hash of what is asked for."""

    idempotency_key: str | None
    request: str | None

    @classmethod
    def of(cls, spec: BaseModel, owner: str, key: str | None) -> Asked:
        if not key:
            return cls(None, None)
        content = json.dumps(spec.model_dump(mode="json"), sort_keys=True)
        return cls(f"{owner}:{key}", hashlib.sha256(content.encode()).hexdigest())

    @property
    def columns(self) -> dict[str, str | None]:
        return {"idempotency_key": self.idempotency_key, "request": self.request}


def made_before(connection: Connection, table: Table, asked: Asked) -> RowMapping | None:
    """What the same request has made, if anything. Raises `Conflict` where its key was used for another one."""
    key = asked.idempotency_key
    row = first(connection, select(table).where(table.c.idempotency_key == key)) if key else None
    if row is not None and row["request"] not in (None, asked.request):
        raise Conflict(
            f"the idempotency key was used for {noun_of(table)} {row['id']}, which is another request",
            hint="use a new key for a new request",
        )
    return row


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


def find(connection: Connection, job_id: str) -> RowMapping:
    """The row of a job. Raises `NotFound`."""
    return find_in(connection, tables.jobs, job_id)


def find_in(connection: Connection, table: Table, id: str, *, lock: bool = False) -> RowMapping:
    """The row behind an id; with `lock` nobody else changes it before the transaction ends. Raises `NotFound`."""
    noun = noun_of(table)
    query = select(table).where(table.c.id == number_of(id, noun))
    row = first(connection, query.with_for_update() if lock else query)
    if row is None:
        raise unknown(id, noun)
    return row


def newest_first(table: Table, *, limit: int, after: str | None, owner: str | None) -> Select[Any]:
    """One row more than a page of `limit` rows behind the cursor `after`. Raises `Invalid` for no cursor."""
    query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(table.c.id < cursor_of(after))
    if owner is not None:
        query = query.where(table.c.owner == owner)
    return query


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
            .where(table.c.id == number, table.c.state.in_(LIVING), ~table.c.cancel_requested)
            .values(cancel_requested=True, cancel_reason=reason.value if reason is not None else None)
        )
        if asked.rowcount:
            transaction.emit("jobs", str(number))


def attempt_folder(row: RowMapping) -> Path:
    """Where the current attempt's output, log and record are."""
    return Path(row["folder"]) / f"attempt-{max(row['attempt'], 1)}"


def sources_of(state: JobState) -> list[str]:
    """The states from which a move to `state` is legal."""
    return [source.value for source, targets in JOB_MOVES.items() if state in targets]
