"""Schedules: made and changed by users, fired by the engine, with a ledger of what became of every due instant."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from difflib import unified_diff
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from ...crashpoint import crashpoint
from ...errors import Conflict, Invalid, MLPlatError, Stale
from ...home import Home
from ...models import (
    FireTime,
    Job,
    JobOptions,
    JobSpec,
    Occurrence,
    OccurrenceState,
    Page,
    Schedule,
    ScheduleAction,
    ScheduleChange,
    ScheduleSpec,
    ScheduleState,
    When,
)
from ...protocols import Clock
from ...store import Store, Transaction, tables
from .firing import Firing, fire
from .notebookfile import read_notebook, source_of
from .parameters import schema, validate
from .rows import SUBMITTED, cursor_of, no_cursor, number_of, unknown
from .service import JobsService
from .submission import OWN, Draft, content_hash, insert_job, write_notebook
from .timing import Timing, timing

WHEN = frozenset(When.model_fields)
MOST_SKIPPED = 1_000_000
"""Instants that a pause may have: two years of minutes."""


class SchedulesService:
    """Schedules in the store, and the notebooks that they run in their folders."""

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService, wake: Callable[[], None]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._wake = wake

    # --- what users do --------------------------------------------------------------------------

    def preview(self, when: When, *, after: datetime | None = None, count: int = 5) -> Page[FireTime]:
        """The next instants, without creating anything. Raises `Invalid` naming the field."""
        start = after or self._clock.now()
        found = timing_of(when, start).preview(start, count)
        return Page[FireTime](items=[FireTime(utc=utc, local=local.isoformat()) for utc, local in found])

    def create(self, spec: ScheduleSpec, *, owner: str, idempotency_key: str | None = None) -> Schedule:
        """Take a copy of the notebook and run it at every due instant from now on.

        Raises `Invalid` for a notebook, a parameter or a timing that cannot be used, and for one that has no
        instant left; `Conflict` where the idempotency key was used for something else.
        """
        draft = self.check(spec, owner=owner)
        when = when_of(spec)
        now = self._clock.now()
        next_at = timing_of(when, now).next_after(now)
        key = f"{owner}:{idempotency_key}" if idempotency_key else None
        table = tables.schedules
        with self._store.write() as transaction:
            if key is not None:
                row = _first(transaction.connection, select(table).where(table.c.idempotency_key == key))
                if row is not None:
                    if row["notebook"] != str(draft.path) or row["job"]["parameters"] != dict(draft.parameters):
                        raise Conflict(
                            f"the idempotency key was used for schedule {row['id']}, which is another request",
                            hint="use a new key for a new request",
                        )
                    return self._shown(transaction.connection, row)
            inserted = transaction.connection.execute(
                insert(table).values(
                    name=draft.name,
                    owner=owner,
                    state=ScheduleState.ACTIVE.value,
                    revision=1,
                    notebook=str(draft.path),
                    notebook_hash=content_hash(draft.notebook),
                    folder="",
                    job=_job_column(draft),
                    **_when_columns(when),
                    starts_at=now,
                    next_at=next_at,
                    created_at=now,
                    updated_at=now,
                    idempotency_key=key,
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
        query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
        if after is not None:
            query = query.where(table.c.id < cursor_of(after))
        if state is not None:
            if state not in set(ScheduleState):
                raise Invalid(
                    f"no schedule state is called {state!r}",
                    hint=f"one of {', '.join(ScheduleState)}",
                    fields={"state": "unknown"},
                )
            query = query.where(table.c.state == state)
        if owner is not None:
            query = query.where(table.c.owner == owner)
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            newest = _newest_occurrences(connection, [row["id"] for row in rows])
        items = [to_schedule(row, newest.get(row["id"])) for row in rows[:limit]]
        return Page[Schedule](items=items, next=items[-1].id if len(rows) > limit else None)

    def get(self, schedule_id: str) -> Schedule:
        """A schedule, and whether its notebook was edited since. Raises `NotFound`."""
        with self._store.read() as connection:
            return self._shown(connection, find(connection, schedule_id))

    def _shown(self, connection: Connection, row: RowMapping) -> Schedule:
        last = _newest_occurrences(connection, [row["id"]]).get(row["id"])
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
            values: dict[str, Any] = {}
            if change.name is not None:
                values["name"] = change.name
            job = dict(row["job"])
            pinned = Path(row["folder"]) / SUBMITTED
            notebook = read_notebook(Path(row["notebook"]) if promote else pinned)
            if change.parameters is not None:
                job["parameters"] = dict(change.parameters)
            job["options"] = {**job["options"], **change.model_dump(mode="json", include=wanted & OWN)}
            secrets = job["options"].get("secrets", {})
            job["parameters"] = validate(schema(notebook), job["parameters"], secrets=secrets)
            values["job"] = job
            if wanted & WHEN:
                when = When.model_validate({**_when_of_row(row).model_dump(), **_one_timing(change, wanted)})
                values |= _when_columns(when)
                if wanted & {"cron", "timezone", "every", "at"}:
                    _skip_due(transaction, row, now, "its timing was changed")
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
                _skip_due(transaction, row, now, "it was paused")
                next_at = timing_of_row(row).next_after(now)
                state = ScheduleState.ENDED if next_at is None else ScheduleState.ACTIVE
                self._change(transaction, row, state=state.value, next_at=next_at)
        self._wake()
        return self.get(schedule_id)

    def trigger(self, schedule_id: str, *, owner: str) -> Job:
        """Run it once now, beside its instants. Raises `NotFound`."""
        with self._store.write() as transaction:
            row = find(transaction.connection, schedule_id)
            number = insert_job(transaction, self._home, self._clock.now(), self._draft(row, owner=owner))
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
        pinned = _lines(read_notebook(self.pinned(schedule_id)))
        current = _lines(read_notebook(Path(row["notebook"])))
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
                query = query.where(table.c.scheduled_for < _moment(after))
            rows = connection.execute(query).mappings().all()
        items = [to_occurrence(one) for one in rows[:limit]]
        return Page[Occurrence](items=items, next=items[-1].scheduled_for.isoformat() if len(rows) > limit else None)

    def apply(self, folder: Path, *, owner: str, check: bool = False) -> Page[ScheduleAction]:
        """See `schedule_sources.apply_folder`."""
        from .schedule_sources import apply_folder

        return apply_folder(self, folder, owner=owner, check=check)

    def bring(self, database: Path, *, owner: str, dry_run: bool = False) -> Page[ScheduleAction]:
        """See `schedule_sources.import_scheduler`."""
        from .schedule_sources import import_scheduler

        return import_scheduler(self, database, owner=owner, dry_run=dry_run)

    # --- what the engine does -------------------------------------------------------------------

    def tick(self) -> bool:
        """Fire what is due now. True while there is an active schedule. Only the engine calls it."""
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
            self._fire(number, now)
        return True

    def _fire(self, number: int, now: datetime) -> None:
        """Decide the due instants of one schedule: their rows, their jobs and its next instant, all or nothing."""
        table = tables.schedules
        with self._store.write() as transaction:
            row = _first(
                transaction.connection,
                select(table)
                .where(table.c.id == number, table.c.state == ScheduleState.ACTIVE.value, table.c.next_at <= now)
                .with_for_update(skip_locked=True),
            )
            if row is None:
                return  # somebody else was first
            when = timing_of_row(row)
            firings = fire(when, _when_of_row(row), row["next_at"], now)
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
                    draft = self._draft(row, owner=row["owner"], scheduled_for=firing.instant)
                except MLPlatError as error:
                    state, reason = OccurrenceState.SKIPPED, f"it could not be submitted: {error.message}"
                else:
                    if row["overlap"] == "replace":
                        self._jobs.replace(transaction, at_work)
                    job = insert_job(transaction, self._home, now, draft)
        _enter(transaction, row["id"], firing.instant, state, reason, job, now)

    def _draft(self, row: RowMapping, *, owner: str, scheduled_for: datetime | None = None) -> Draft:
        lane = None if row["overlap"] == "allow" or scheduled_for is None else f"schedule:{row['id']}"
        return self._jobs.pinned_draft(
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

    def _change(self, transaction: Transaction, row: RowMapping, **values: Any) -> None:
        table = tables.schedules
        transaction.connection.execute(
            update(table)
            .where(table.c.id == row["id"])
            .values(revision=row["revision"] + 1, updated_at=self._clock.now(), **values)
        )
        transaction.emit("schedules", str(row["id"]))


# --- rows -----------------------------------------------------------------------------------------


def find(connection: Connection, schedule_id: str) -> RowMapping:
    """The row of a schedule. Raises `NotFound`."""
    row = _first(
        connection, select(tables.schedules).where(tables.schedules.c.id == number_of(schedule_id, "schedule"))
    )
    if row is None:
        raise unknown(schedule_id, "schedule")
    return row


def to_schedule(row: RowMapping, last: RowMapping | None, *, edited: bool | None = None) -> Schedule:
    """A schedule as doors show it."""
    return Schedule(
        id=str(row["id"]),
        when=_when_of_row(row),
        parameters=row["job"]["parameters"],
        options=JobOptions(**row["job"]["options"]),
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
    return timing_of(_when_of_row(row), row["starts_at"])


def _when_of_row(row: RowMapping) -> When:
    return When(**{name: row[name] for name in WHEN})


def _when_columns(when: When) -> dict[str, Any]:
    return {**when.model_dump(), "overlap": when.overlap.value, "catch_up": when.catch_up.value}


def _one_timing(change: ScheduleChange, wanted: set[str]) -> dict[str, Any]:
    """The changed fields; a new kind of timing takes the place of the old one."""
    changed = change.model_dump(include=wanted & WHEN)
    if any(changed.get(name) is not None for name in ("cron", "every", "at")):
        changed = {"cron": None, "every": None, "at": None, **changed}
    return changed


def _job_column(draft: Draft) -> dict[str, Any]:
    return {"parameters": dict(draft.parameters), "options": draft.options.model_dump(mode="json")}


def _first(connection: Connection, query: Any) -> RowMapping | None:
    row: RowMapping | None = connection.execute(query).mappings().first()
    return row


def _enter(
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


def _skip_due(transaction: Transaction, row: RowMapping, now: datetime, why: str) -> None:
    """Enter the instants that are due and undecided as skipped."""
    if row["next_at"] is not None and row["next_at"] <= now:
        instants = timing_of_row(row).between(row["next_at"] - timedelta(microseconds=1), now, MOST_SKIPPED)
        same = {"schedule_id": row["id"], "state": OccurrenceState.SKIPPED.value, "reason": why, "decided_at": now}
        transaction.connection.execute(
            insert(tables.occurrences), [{**same, "scheduled_for": instant} for instant in instants]
        )


def _newest_occurrences(connection: Connection, schedules: list[int]) -> dict[int, RowMapping]:
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


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise no_cursor()
    return moment


def _lines(notebook: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    number = 0
    for cell in notebook["cells"]:
        if cell.get("cell_type") == "code":
            lines.append(f"# cell {number}\n")
            lines += [f"{line}\n" for line in source_of(cell).splitlines()]
            number += 1
    return lines
