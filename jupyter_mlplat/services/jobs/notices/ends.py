"""What an end means to somebody who wants to be told: a failure, a recovery, a success, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, select

from ....models import CellState, JobState, NoticeEvent, Notify
from ....store import Transaction, tables
from . import wording
from .ledger import About, Noun, enqueue

BAD = (JobState.FAILED.value, JobState.LOST.value)
TOLD = (*BAD, JobState.SUCCEEDED.value)
HISTORY = 50
"""The one that ended before this one is among so many that were begun last."""

FAILED_CELLS = (CellState.ERROR.value, CellState.TIMEOUT.value, CellState.KERNEL_DIED.value)


def job_ended(transaction: Transaction, number: int, now: datetime) -> None:
    """Called in the transaction in which a job ends, after its row says so.

    Points of a sweep and nodes of a pipeline tell nothing; neither does what somebody cancelled.
    """
    connection = transaction.connection
    table = tables.jobs
    row = connection.execute(select(table).where(table.c.id == number)).mappings().one()
    notify = read_notify(row["notify"])
    if not notify or row["sweep_id"] is not None or row["pipeline_id"] is not None:
        return
    if row["state"] in BAD and not (row["cancel_requested"] and row["cancel_reason"] is None):
        events = [NoticeEvent.FAILURE]
    elif row["state"] == JobState.SUCCEEDED.value:
        if row["schedule_id"] is not None:
            same = table.c.schedule_id == row["schedule_id"]
        else:
            same = (table.c.notebook == row["notebook"]) & (table.c.owner == row["owner"])
            same &= table.c.sweep_id.is_(None) & table.c.pipeline_id.is_(None)
        events = _after(connection, table, same & (table.c.id != number), TOLD)
    else:
        return
    cells, schedule = _failed_cells(connection, row), _schedule(connection, row)
    enqueue(
        transaction,
        About("jobs", number, row["owner"]),
        notify,
        events,
        lambda event: wording.job_ended(row, event, cells, schedule),
        now,
    )


def sweep_ended(transaction: Transaction, row: RowMapping, state: str, now: datetime) -> None:
    """The same for a sweep: `row` is as it was while it ran, `state` how it ended."""
    table = tables.sweeps
    same = (table.c.notebook == row["notebook"]) & (table.c.owner == row["owner"])
    notify = read_notify(row["job"]["options"].get("notify"))
    _group_ended(transaction, "sweeps", table, same, row, notify, state, row["message"], now)


def pipeline_ended(transaction: Transaction, row: RowMapping, state: str, message: str | None, now: datetime) -> None:
    """The same for a pipeline: `row` is as it was while it ran, `state` and `message` how it ended."""
    table = tables.pipelines
    same = (table.c.name == row["name"]) & (table.c.owner == row["owner"])
    _group_ended(transaction, "pipelines", table, same, row, read_notify(row["notify"]), state, message, now)


def _group_ended(
    transaction: Transaction,
    noun: Noun,
    table: Table,
    same: ColumnElement[bool],
    row: RowMapping,
    notify: list[Notify],
    state: str,
    message: str | None,
    now: datetime,
) -> None:
    if not notify:
        return
    connection = transaction.connection
    job = tables.jobs
    own = job.c.sweep_id if noun == "sweeps" else job.c.pipeline_id
    found = connection.execute(
        select(job.c.id, job.c.state, job.c.retry_of).where(own == row["id"]).order_by(job.c.id)
    ).all()
    replaced = {one.retry_of for one in found}
    if state in ("failed", "partial"):
        events = [NoticeEvent.FAILURE]
    elif state == "succeeded" and any(one.state in BAD for one in found if one.id in replaced):
        events = [NoticeEvent.RECOVERY, NoticeEvent.SUCCESS]  # it ended badly, and was run again
    elif state == "succeeded":
        events = _after(connection, table, same & (table.c.id != row["id"]), ("failed", "partial", "succeeded"))
    else:
        return
    counts = Counter(one.state for one in found if one.id not in replaced)
    enqueue(
        transaction,
        About(noun, row["id"], row["owner"]),
        notify,
        events,
        lambda event: wording.group_ended(noun, row, event, state, message, counts, now),
        now,
    )


def read_notify(column: Iterable[object] | None) -> list[Notify]:
    """Whom to tell of what, as a row keeps it."""
    return [Notify.model_validate(one) for one in column or ()]


def _after(
    connection: Connection, table: Table, same: ColumnElement[bool], states: tuple[str, ...]
) -> list[NoticeEvent]:
    """What a success is after the one of the `same` that ended before it."""
    newest = connection.execute(
        select(table.c.state, table.c.ended_at)
        .where(same, table.c.state.in_(states), table.c.ended_at.is_not(None))
        .order_by(table.c.id.desc())
        .limit(HISTORY)
    ).all()
    before = max(newest, key=lambda one: one.ended_at, default=None)
    if before is None or before.state == "succeeded":
        return [NoticeEvent.SUCCESS]
    return [NoticeEvent.RECOVERY, NoticeEvent.SUCCESS]


def _failed_cells(connection: Connection, row: RowMapping) -> list[int]:
    table = tables.cells
    return list(
        connection.execute(
            select(table.c.index)
            .where(
                table.c.job_id == row["id"],
                table.c.attempt == max(row["attempt"], 1),
                table.c.state.in_(FAILED_CELLS),
            )
            .order_by(table.c.index)
        ).scalars()
    )


def _schedule(connection: Connection, row: RowMapping) -> str | None:
    if row["schedule_id"] is None:
        return None
    table = tables.schedules
    name = connection.execute(select(table.c.name).where(table.c.id == row["schedule_id"])).scalar()
    return f"{row['schedule_id']} ({name})" if name else str(row["schedule_id"])
