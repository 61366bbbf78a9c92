"""The engine's side of schedules: what is due becomes a row of the ledger and, where it runs, a job."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from sqlalchemy import RowMapping, func, select, update

from ....crashpoint import crashpoint
from ....errors import Invalid, MLPlatError, Unavailable
from ....home import Home
from ....models import JobOptions, OccurrenceState, Reason, ScheduleState
from ....protocols import Clock
from ....store import Store, Transaction, tables
from ...rows import first
from ..rows import SUBMITTED, ask_to_end
from ..service import JobsService
from ..submission import Draft, insert_job
from .firing import Firing, fire
from .rows import enter, timing_of_row, when_of_row

logger = logging.getLogger("jupyter_mlplat.engine")


class DueSchedules:
    """Fires schedules; only the process that holds the engine's lease uses it."""

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._waiting: dict[int, str] = {}

    def tick(self) -> bool:
        """Fire what is due now. True while there is an active schedule."""
        table = tables.schedules
        now = self._clock.now()
        active = table.c.state == ScheduleState.ACTIVE.value
        with self._store.read() as connection:
            nearest = connection.execute(select(func.min(table.c.next_at)).where(active)).scalar()
            if nearest is None:
                return False
            if nearest > now:
                return True
            due = list(
                connection.execute(
                    select(table.c.id).where(active, table.c.next_at <= now).order_by(table.c.next_at).limit(100)
                ).scalars()
            )
        for number in due:
            # One by one: what is wrong with a schedule is no other one's business.
            try:
                self._fire(number, now)
            except Unavailable:
                raise
            except MLPlatError as error:
                if self._waiting.get(number) != error.message:
                    logger.warning("schedule %s could not be fired, and will be: %s", number, error.message)
                self._waiting[number] = error.message
            except Exception as error:
                logger.exception("schedule %s cannot be fired", number)
                self._set_aside(number, now, f"it could not be fired: {type(error).__name__}: {error}")
            else:
                self._waiting.pop(number, None)
        return True

    def _set_aside(self, number: int, now: datetime, why: str) -> None:
        """Skip the due instant of a schedule that no code of ours can fire; pause one that has no next one either."""
        table = tables.schedules
        with self._store.write() as transaction:
            row = first(transaction.connection, select(table).where(table.c.id == number, table.c.next_at <= now))
            if row is None:
                return
            enter(transaction, number, row["next_at"], OccurrenceState.SKIPPED, why, None, now)
            try:
                next_at, state = timing_of_row(row).next_after(row["next_at"]), ScheduleState.ACTIVE
            except Exception:  # noqa: BLE001 - as broken as the rest of it
                next_at, state = row["next_at"], ScheduleState.PAUSED
            if next_at is None:
                state = ScheduleState.ENDED
            transaction.connection.execute(
                update(table).where(table.c.id == number).values(next_at=next_at, state=state.value)
            )
            transaction.emit("schedules", str(number))

    def _fire(self, number: int, now: datetime) -> None:
        """Decide the due instants of one schedule: their rows, their jobs and its next instant, all or nothing."""
        table = tables.schedules
        with self._store.write() as transaction:
            row = first(
                transaction.connection,
                select(table)
                .where(table.c.id == number, table.c.state == ScheduleState.ACTIVE.value, table.c.next_at <= now)
                .with_for_update(skip_locked=True),
            )
            if row is None:
                return  # somebody else was first
            try:
                when = timing_of_row(row)
            except Invalid as error:
                raise ValueError(error.message) from error  # no waiting helps
            firings = fire(when, when_of_row(row), row["next_at"], now)
            for firing in firings:
                self._decide(transaction, row, firing, now)
            next_at = when.next_after(firings[-1].instant)
            state = ScheduleState.ACTIVE if next_at is not None else ScheduleState.ENDED
            transaction.connection.execute(
                update(table).where(table.c.id == number).values(next_at=next_at, state=state.value)
            )
            transaction.emit("schedules", str(number))
            crashpoint("firing")
        crashpoint("fired")

    def _decide(self, transaction: Transaction, row: RowMapping, firing: Firing, now: datetime) -> None:
        state, reason, job = firing.state, firing.reason, None
        if state in (OccurrenceState.RAN, OccurrenceState.CAUGHT_UP):
            at_work = self._jobs.living_of_schedule(transaction, row["id"])
            if at_work and row["overlap"] == "skip":
                state, reason = OccurrenceState.SKIPPED, f"job {at_work[0]} had not ended"
            else:
                try:
                    draft = draft_of(self._jobs, row, owner=row["owner"], scheduled_for=firing.instant)
                except MLPlatError as error:
                    state, reason = OccurrenceState.SKIPPED, f"it could not be submitted: {error.message}"
                else:
                    if row["overlap"] == "replace":
                        ask_to_end(transaction, at_work, Reason.REPLACED)
                    job = insert_job(transaction, self._home, now, draft)
        enter(transaction, row["id"], firing.instant, state, reason, job, now)


def draft_of(jobs: JobsService, row: RowMapping, *, owner: str, scheduled_for: datetime | None = None) -> Draft:
    """A job of a schedule, of its notebook as it was pinned; without an instant it runs beside the others."""
    lane = None if row["overlap"] == "allow" or scheduled_for is None else f"schedule:{row['id']}"
    return jobs.pinned_draft(
        name=row["name"],
        path=Path(row["notebook"]),
        pinned=Path(row["folder"]) / SUBMITTED,
        parameters=row["job"]["parameters"],
        options=JobOptions(**row["job"]["options"]),
        owner=owner,
        columns={
            "schedule_id": row["id"],
            "scheduled_for": scheduled_for,
            "lane": lane,
            "lane_limit": 1 if lane else None,
        },
    )
