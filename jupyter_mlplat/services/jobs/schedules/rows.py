"""From the store's rows to schedules and occurrences, and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select

from ....models import (
    JobOptions,
    JobSpec,
    Occurrence,
    OccurrenceState,
    Schedule,
    ScheduleChange,
    ScheduleSpec,
    When,
)
from ....store import Transaction, tables
from ...rows import find_in, no_cursor
from ..notices import shown_options
from ..submission import Draft
from .timing import Timing, timing

WHEN = frozenset(When.model_fields)
MOST_SKIPPED = 1_000_000
"""Instants that a pause may have: two years of minutes."""


def find(connection: Connection, schedule_id: str) -> RowMapping:
    """The row of a schedule. Raises `NotFound`."""
    return find_in(connection, tables.schedules, schedule_id)


def to_schedule(row: RowMapping, last: RowMapping | None, *, edited: bool | None = None) -> Schedule:
    """A schedule as doors show it."""
    return Schedule(
        id=str(row["id"]),
        when=when_of_row(row),
        parameters=row["job"]["parameters"],
        options=shown_options(JobOptions(**row["job"]["options"])),
        last=to_occurrence(last) if last is not None else None,
        edited=edited,
        **{
            name: row[name]
            for name in ("name", "owner", "state", "revision", "notebook", "next_at", "created_at", "updated_at")
        },
    )


def to_occurrence(row: RowMapping) -> Occurrence:
    return Occurrence(
        scheduled_for=row["scheduled_for"],
        state=row["state"],
        reason=row["reason"],
        job_id=None if row["job_id"] is None else str(row["job_id"]),
        decided_at=row["decided_at"],
    )


def job_spec(spec: ScheduleSpec) -> JobSpec:
    """What each of its jobs is asked for."""
    return JobSpec(**spec.model_dump(include=spec.model_fields_set - WHEN))


def when_of(spec: When) -> When:
    return When(**spec.model_dump(include=set(WHEN)))


def timing_of(when: When, starts_at: datetime) -> Timing:
    """Its instants. Raises `Invalid` naming the field."""
    return timing(cron=when.cron, timezone=when.timezone, every=when.every, at=when.at, starts_at=starts_at)


def timing_of_row(row: RowMapping) -> Timing:
    return timing_of(when_of_row(row), row["starts_at"])


def when_of_row(row: RowMapping) -> When:
    return When(**{name: row[name] for name in WHEN})


def when_columns(when: When) -> dict[str, Any]:
    return {**when.model_dump(), "overlap": when.overlap.value, "catch_up": when.catch_up.value}


def one_timing(change: ScheduleChange, wanted: set[str]) -> dict[str, Any]:
    """The changed fields; a new kind of timing takes the place of the old one."""
    changed = change.model_dump(include=wanted & WHEN)
    if any(changed.get(name) is not None for name in ("cron", "every", "at")):
        changed = {"cron": None, "every": None, "at": None, **changed}
    return changed


def job_column(draft: Draft) -> dict[str, Any]:
    return {"parameters": dict(draft.parameters), "options": draft.options.model_dump(mode="json")}


def enter(
    transaction: Transaction,
    schedule: int,
    instant: datetime,
    state: OccurrenceState,
    reason: str | None,
    job: int | None,
    now: datetime,
) -> None:
    transaction.connection.execute(
        insert(tables.occurrences).values(
            schedule_id=schedule, scheduled_for=instant, state=state.value, reason=reason, job_id=job, decided_at=now
        )
    )


def skip_due(transaction: Transaction, row: RowMapping, now: datetime, why: str) -> None:
    """Enter the instants that are due and undecided as skipped."""
    if row["next_at"] is not None and row["next_at"] <= now:
        instants = timing_of_row(row).between(row["next_at"] - timedelta(microseconds=1), now, MOST_SKIPPED)
        same = {"schedule_id": row["id"], "state": OccurrenceState.SKIPPED.value, "reason": why, "decided_at": now}
        transaction.connection.execute(
            insert(tables.occurrences), [{**same, "scheduled_for": instant} for instant in instants]
        )


def newest_occurrences(connection: Connection, schedules: list[int]) -> dict[int, RowMapping]:
    table = tables.occurrences
    newest = (
        select(table.c.schedule_id, func.max(table.c.scheduled_for).label("newest"))
        .where(table.c.schedule_id.in_(schedules))
        .group_by(table.c.schedule_id)
        .subquery()
    )
    rows = connection.execute(
        select(table).join(
            newest, (table.c.schedule_id == newest.c.schedule_id) & (table.c.scheduled_for == newest.c.newest)
        )
    ).mappings()
    return {row["schedule_id"]: row for row in rows}


def moment_of(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise no_cursor()
    return moment
