"""Schedules: made and changed by users, with a ledger of what became of every due instant."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from ....errors import Conflict, Invalid, MLPlatError, Stale
from ....home import Home
from ....models import FireTime, Job, Occurrence, Page, Schedule, ScheduleChange, ScheduleSpec, ScheduleState, When
from ....protocols import Clock
from ....store import Store, Transaction, tables
from ...rows import Asked, made_before, newest_first
from ..notebookfile import code_lines, read_notebook
from ..notices.targets import kept
from ..parameters import schema, validate
from ..rows import SUBMITTED
from ..service import JobsService
from ..submission import OWN, Draft, content_hash, insert_job, write_notebook
from .due import draft_of
from .rows import (
    WHEN,
    find,
    job_column,
    job_spec,
    moment_of,
    newest_occurrences,
    one_timing,
    skip_due,
    timing_of,
    timing_of_row,
    to_occurrence,
    to_schedule,
    when_columns,
    when_of,
    when_of_row,
)
from .timing import instant


class SchedulesService:
    """Schedules in the store, and the notebooks that they run in their folders."""

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService, wake: Callable[[], None]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._wake = wake

    def preview(self, when: When, *, after: datetime | None = None, count: int = 5) -> Page[FireTime]:
        """The next instants, without creating anything. Raises `Invalid` naming the field."""
        start = after or self._clock.now()
        instant("after", start)
        found = timing_of(when, start).preview(start, count)
        return Page[FireTime](items=[FireTime(utc=utc, local=local.isoformat()) for utc, local in found])

    def create(self, spec: ScheduleSpec, *, owner: str, idempotency_key: str | None = None) -> Schedule:
        """Take a copy of the notebook and run it at every due instant from now on.

        Raises `Invalid` for a notebook, a parameter or a timing that cannot be used, and for one that has no
        instant left; `Conflict` where the idempotency key was used for something else.
        """
        asked = Asked.of(spec, owner, idempotency_key)
        table = tables.schedules
        with self._store.read() as connection:
            before = made_before(connection, table, asked)
            if before is not None:
                return self._shown(connection, before)
        draft = self.check(spec, owner=owner)
        when = when_of(spec)
        now = self._clock.now()
        next_at = timing_of(when, now).next_after(now)
        with self._store.write() as transaction:
            before = made_before(transaction.connection, table, asked)
            if before is not None:
                return self._shown(transaction.connection, before)
            inserted = transaction.connection.execute(
                insert(table).values(
                    name=draft.name,
                    owner=owner,
                    state=ScheduleState.ACTIVE.value,
                    revision=1,
                    notebook=str(draft.path),
                    notebook_hash=content_hash(draft.notebook),
                    folder="",
                    job=job_column(draft),
                    **when_columns(when),
                    starts_at=now,
                    next_at=next_at,
                    created_at=now,
                    updated_at=now,
                    **asked.columns,
                )
            ).inserted_primary_key
            assert inserted is not None
            number = int(inserted[0])
            folder = self._home.schedules / str(number)
            write_notebook(folder / SUBMITTED, draft.notebook)
            transaction.connection.execute(update(table).where(table.c.id == number).values(folder=str(folder)))
            transaction.emit("schedules", str(number))
        self._wake()
        return self.get(str(number))

    def check(self, spec: ScheduleSpec, *, owner: str) -> Draft:
        """What its jobs would be. Raises `Invalid` for what cannot be scheduled."""
        draft = self._jobs.draft(job_spec(spec), owner=owner)
        now = self._clock.now()
        if timing_of(when_of(spec), now).next_after(now) is None:
            raise Invalid(
                "the schedule has no instant in the future", hint="give a later time", fields={"at": "is past"}
            )
        return draft

    def list(
        self, *, limit: int = 50, after: str | None = None, state: str | None = None, owner: str | None = None
    ) -> Page[Schedule]:
        """Schedules, the newest first."""
        table = tables.schedules
        query = newest_first(table, limit=limit, after=after, owner=owner)
        if state is not None:
            if state not in set(ScheduleState):
                raise Invalid(
                    f"no schedule state is called {state!r}",
                    hint=f"one of {', '.join(ScheduleState)}",
                    fields={"state": "unknown"},
                )
            query = query.where(table.c.state == state)
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            newest = newest_occurrences(connection, [row["id"] for row in rows])
        items = [to_schedule(row, newest.get(row["id"])) for row in rows[:limit]]
        return Page[Schedule](items=items, next=items[-1].id if len(rows) > limit else None)

    def get(self, schedule_id: str) -> Schedule:
        """A schedule, and whether its notebook was edited since. Raises `NotFound`."""
        with self._store.read() as connection:
            return self._shown(connection, find(connection, schedule_id))

    def _shown(self, connection: Connection, row: RowMapping) -> Schedule:
        last = newest_occurrences(connection, [row["id"]]).get(row["id"])
        try:
            edited = content_hash(read_notebook(Path(row["notebook"]))) != row["notebook_hash"]
        except MLPlatError:
            edited = None
        return to_schedule(row, last, edited=edited)

    def update(
        self, schedule_id: str, change: ScheduleChange, *, revision: int | None = None, promote: bool = False
    ) -> Schedule:
        """Change what `change` has set; another timing counts from now. With `promote` see there.

        Raises `NotFound`, `Stale` where `revision` is given and is not the current one, `Invalid`.
        """
        wanted = change.model_fields_set
        now = self._clock.now()
        with self._store.write() as transaction:
            row = find(transaction.connection, schedule_id)
            if revision is not None and row["revision"] != revision:
                raise Stale(
                    f"schedule {schedule_id} was changed since: it has revision {row['revision']}, not {revision}",
                    hint="read it again and apply your change to that",
                )
            if not wanted and not promote:
                return self._shown(transaction.connection, row)
            values: dict[str, Any] = {}
            if change.name is not None:
                values["name"] = change.name
            job = dict(row["job"])
            if "notify" in wanted:
                change = change.model_copy(update={"notify": kept(change.notify, job["options"].get("notify", []))})
                self._jobs.channels.check(change.notify)
            pinned = Path(row["folder"]) / SUBMITTED
            notebook = read_notebook(Path(row["notebook"]) if promote else pinned)
            if change.parameters is not None:
                job["parameters"] = dict(change.parameters)
            job["options"] = {**job["options"], **change.model_dump(mode="json", include=wanted & OWN)}
            secrets = job["options"].get("secrets", {})
            job["parameters"] = validate(schema(notebook), job["parameters"], secrets=secrets)
            values["job"] = job
            if wanted & WHEN:
                when = When.model_validate({**when_of_row(row).model_dump(), **one_timing(change, wanted)})
                values |= when_columns(when)
                if wanted & {"cron", "timezone", "every", "at"}:
                    skip_due(transaction, row, now, "its timing was changed")
                    values |= {"starts_at": now, "next_at": timing_of(when, now).next_after(now)}
                    if values["next_at"] is None:
                        raise Invalid("the schedule has no instant in the future", hint="give a later time")
                    if row["state"] == ScheduleState.ENDED.value:
                        values["state"] = ScheduleState.ACTIVE.value
            if promote:
                values["notebook_hash"] = content_hash(notebook)
                write_notebook(pinned, notebook)
            self._change(transaction, row, **values)
        self._wake()
        return self.get(schedule_id)

    def pause(self, schedule_id: str) -> Schedule:
        """Let no instant be due until it is resumed. Raises `NotFound`, `Conflict` where it is not active."""
        with self._store.write() as transaction:
            row = find(transaction.connection, schedule_id)
            if row["state"] == ScheduleState.ENDED.value:
                raise Conflict(f"schedule {schedule_id} has ended", hint="give it a later time: schedules update")
            if row["state"] == ScheduleState.ACTIVE.value:
                self._change(transaction, row, state=ScheduleState.PAUSED.value)
        return self.get(schedule_id)

    def resume(self, schedule_id: str) -> Schedule:
        """Go on from now; instants of the pause are skipped, and the ledger says so. Raises `NotFound`, `Conflict`."""
        now = self._clock.now()
        with self._store.write() as transaction:
            row = find(transaction.connection, schedule_id)
            if row["state"] == ScheduleState.ENDED.value:
                raise Conflict(f"schedule {schedule_id} has ended", hint="give it a later time: schedules update")
            if row["state"] == ScheduleState.PAUSED.value:
                skip_due(transaction, row, now, "it was paused")
                next_at = timing_of_row(row).next_after(now)
                state = ScheduleState.ENDED if next_at is None else ScheduleState.ACTIVE
                self._change(transaction, row, state=state.value, next_at=next_at)
        self._wake()
        return self.get(schedule_id)

    def trigger(self, schedule_id: str, *, owner: str) -> Job:
        """Run it once now, beside its instants. Raises `NotFound`."""
        with self._store.write() as transaction:
            row = find(transaction.connection, schedule_id)
            number = insert_job(transaction, self._home, self._clock.now(), draft_of(self._jobs, row, owner=owner))
        self._wake()
        return self._jobs.get(str(number))

    def promote(self, schedule_id: str) -> Schedule:
        """Let its jobs run the notebook as it is now.

        Raises `NotFound`, and `Invalid` where the notebook, or a parameter of the schedule with it, cannot be used.
        """
        return self.update(schedule_id, ScheduleChange(), promote=True)

    def pinned(self, schedule_id: str) -> Path:
        """The notebook that its jobs run. Raises `NotFound`."""
        with self._store.read() as connection:
            return Path(find(connection, schedule_id)["folder"]) / SUBMITTED

    def difference(self, schedule_id: str) -> str:
        """What was edited since: a unified diff of the code cells; empty where nothing was. Raises `NotFound`."""
        with self._store.read() as connection:
            row = find(connection, schedule_id)
        pinned = code_lines(read_notebook(self.pinned(schedule_id)))
        current = code_lines(read_notebook(Path(row["notebook"])))
        return "".join(unified_diff(pinned, current, "scheduled", "now"))

    def delete(self, schedule_id: str) -> Schedule:
        """Delete a schedule and its ledger; its jobs stay. Returns it as it was. Raises `NotFound`."""
        with self._store.write() as transaction:
            row = find(transaction.connection, schedule_id)
            deleted = self._shown(transaction.connection, row)
            transaction.connection.execute(delete(tables.schedules).where(tables.schedules.c.id == row["id"]))
            transaction.emit("schedules", schedule_id)
        shutil.rmtree(row["folder"], ignore_errors=True)
        return deleted

    def occurrences(self, schedule_id: str, *, limit: int = 50, after: str | None = None) -> Page[Occurrence]:
        """What became of its instants, the newest first. Raises `NotFound`."""
        table = tables.occurrences
        with self._store.read() as connection:
            row = find(connection, schedule_id)
            query = (
                select(table)
                .where(table.c.schedule_id == row["id"])
                .order_by(table.c.scheduled_for.desc())
                .limit(limit + 1)
            )
            if after is not None:
                query = query.where(table.c.scheduled_for < moment_of(after))
            rows = connection.execute(query).mappings().all()
        items = [to_occurrence(one) for one in rows[:limit]]
        return Page[Occurrence](items=items, next=items[-1].scheduled_for.isoformat() if len(rows) > limit else None)

    def _change(self, transaction: Transaction, row: RowMapping, **values: Any) -> None:
        table = tables.schedules
        transaction.connection.execute(
            update(table)
            .where(table.c.id == row["id"])
            .values(revision=row["revision"] + 1, updated_at=self._clock.now(), **values)
        )
        transaction.emit("schedules", str(row["id"]))
