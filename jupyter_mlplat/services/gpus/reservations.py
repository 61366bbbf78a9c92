"""Reservations: devices that are kept for a user or a group from one time to another.

A reservation names its devices from the begin, so that everybody sees which; two never have one device at once. Who
had a device before the reservation was made keeps it, and is named; who gets it afterwards gets it up to the window
(see `queue`), so that it is free when the window opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from ...errors import Conflict, Invalid
from ...models import GPU, Page, Reservation, ReservationRequest, ReservationState
from ...protocols import Clock, GPUSource
from ...store import Store, tables
from ..rows import Asked, cursor_of, find_in, made_before
from .ledger import Ledger, device_of
from .possible import refuse_impossible, to_wish
from .quotas import GROUP, Quotas
from .rows import held_on, is_lasting

LATE = timedelta(minutes=1)
"""So far in the past a window may begin: it took a while to ask for it."""
FARTHEST = timedelta(days=366)
LONGEST = timedelta(days=31)

_TABLE = tables.reservations
_MOMENT = "%Y-%m-%d %H:%M UTC"


class Reservations:
    """The reservations of devices; new ones are for those of this host."""

    def __init__(self, store: Store, source: GPUSource, clock: Clock, quotas: Quotas, ledger: Ledger) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._quotas = quotas
        self._ledger = ledger

    def make(self, request: ReservationRequest, *, owner: str, idempotency_key: str | None = None) -> Reservation:
        """Keep devices of this host for somebody.

        Raises `Unavailable` where this machine has no GPU, `Invalid` where it has none of that kind, or for times that
        are no window or an unknown group, `Conflict` where others have reserved them, where the quota is less, or
        where the idempotency key was used for something else.
        """
        found = self._source.devices()
        refuse_impossible(request, found)
        now = self._clock.now()
        starts, ends = self._window(request, now)
        whose = request.whose or owner
        users = self._users(whose)
        asked = Asked.of(request, owner, idempotency_key)
        with self._store.write() as transaction:
            connection = transaction.connection
            rows = self._ledger.lock(transaction, found)
            before = made_before(connection, _TABLE, asked)
            if before is not None:
                return self._shown(connection, before)
            known = {row["uuid"] for row in rows}
            others = self._not_ended(connection, now)
            wish = to_wish(request)
            suitable = [one for one in found if one.uuid in known and wish.suits(device_of(one))]
            self._refuse_over_quota(
                whose, request.count, [one for one in others if one["whose"] == whose], starts, ends
            )
            free = [one for one in suitable if not _reserved(one.uuid, others, starts, ends)]
            if len(free) < request.count:
                raise _taken(request, suitable, others, starts, ends)
            in_the_way = {uuid for row in self._in_the_way(connection, starts, users) for uuid in row["devices"]}
            free.sort(key=lambda one: (one.uuid in in_the_way, one.memory_total_bytes, one.index))
            values: dict[str, Any] = {
                "owner": owner, "whose": whose, "users": users, "host": self._ledger.host,
                "devices": sorted(one.uuid for one in free[: request.count]), "label": request.label or "",
                "starts_at": starts, "ends_at": ends, "created_at": now, **asked.columns,
            }  # fmt: skip
            made = connection.execute(insert(_TABLE).values(**values)).inserted_primary_key
            assert made is not None
            transaction.emit("gpus", "reservations")
            return self._shown(connection, find_in(connection, _TABLE, str(made[0])))

    def list(self, *, limit: int = 50, after: str | None = None) -> Page[Reservation]:
        """The reservations of all hosts that are open or upcoming, in the order in which they were made.

        Raises `Invalid` where `after` is no cursor of this list.
        """
        query = (
            select(_TABLE)
            .where(_TABLE.c.ends_at > self._clock.now(), _TABLE.c.cancelled_at.is_(None))
            .order_by(_TABLE.c.id)
            .limit(limit + 1)
        )
        if after is not None:
            query = query.where(_TABLE.c.id > cursor_of(after))
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            items = [self._shown(connection, row) for row in rows[:limit]]
        return Page[Reservation](items=items, next=items[-1].id if len(rows) > limit else None)

    def on_this_host(self, connection: Connection) -> Sequence[Reservation]:
        """Those of this host that are open or upcoming, the earliest first."""
        return [self._shown(connection, row) for row in self._not_ended(connection, self._clock.now())]

    def get(self, reservation_id: str) -> Reservation:
        """A reservation, also one that has ended. Raises `NotFound`."""
        with self._store.read() as connection:
            return self._shown(connection, find_in(connection, _TABLE, reservation_id))

    def cancel(self, reservation_id: str) -> Reservation:
        """Take a reservation back; who has devices by it keeps them. One that has ended stays as it is.

        Raises `NotFound`.
        """
        with self._store.write() as transaction:
            connection = transaction.connection
            row = find_in(connection, _TABLE, reservation_id, lock=True)
            if self._state(row) in (ReservationState.UPCOMING, ReservationState.OPEN):
                connection.execute(
                    update(_TABLE).where(_TABLE.c.id == row["id"]).values(cancelled_at=self._clock.now())
                )
                transaction.emit("gpus", "reservations")
                row = find_in(connection, _TABLE, reservation_id)
            return self._shown(connection, row)

    # --- parts --------------------------------------------------------------------------------------

    def _window(self, request: ReservationRequest, now: datetime) -> tuple[datetime, datetime]:
        starts, ends = request.starts_at or now, request.ends_at
        for field, wrong, why in (
            ("starts_at", starts < now - LATE, "it is in the past"),
            ("starts_at", starts > now + FARTHEST, "it is more than a year away"),
            ("ends_at", ends <= max(starts, now), "the window has no length"),
            ("ends_at", ends - starts > LONGEST, f"the window is longer than {LONGEST.days} days"),
        ):
            if wrong:
                raise Invalid(f"{field}: {why}", hint="give a window like 14:00 to 16:00", fields={field: why})
        return max(starts, now), ends

    def _users(self, whose: str) -> Sequence[str]:
        if not whose.startswith(GROUP):
            return [whose]
        users = self._quotas.groups.get(whose.removeprefix(GROUP))
        if users is None:
            known = ", ".join(GROUP + name for name in self._quotas.groups) or "none is configured"
            raise Invalid(f"there is no group {whose}", hint=f"groups: {known}", fields={"whose": "no such group"})
        return [*users]

    def _refuse_over_quota(
        self, whose: str, count: int, others: Sequence[RowMapping], starts: datetime, ends: datetime
    ) -> None:
        """Raise `Conflict` where somebody would have reserved more devices at a time than the quota allows."""
        limit = self._quotas.limit_of(whose)
        if limit is None:
            return
        begins = [starts, *(one["starts_at"] for one in others if starts < one["starts_at"] < ends)]
        has = max(
            sum(len(one["devices"]) for one in others if one["starts_at"] <= at < one["ends_at"]) for at in begins
        )
        if has + count > limit:
            already = f", of which {has} are reserved then" if has else ""
            raise Conflict(
                f"{count} devices are more than the quota of {whose}: {limit}{already}", hint="reserve fewer devices"
            )

    def _not_ended(self, connection: Connection, now: datetime) -> Sequence[RowMapping]:
        query = (
            select(_TABLE)
            .where(_TABLE.c.host == self._ledger.host, _TABLE.c.ends_at > now, _TABLE.c.cancelled_at.is_(None))
            .order_by(_TABLE.c.starts_at, _TABLE.c.id)
        )
        return connection.execute(query).mappings().all()

    def _in_the_way(self, connection: Connection, starts: datetime, users: Sequence[str]) -> Sequence[RowMapping]:
        """The leases of others that may go on after a begin: nothing ends them, and nothing may."""
        return [
            row
            for row in held_on(connection, self._ledger.host)
            if row["owner"] not in users
            and (row["ends_at"] is None or row["ends_at"] > starts)
            and not (row["interruptible"] or _ends_by(row, starts))
        ]

    def _state(self, row: RowMapping) -> ReservationState:
        now = self._clock.now()
        if row["cancelled_at"] is not None:
            return ReservationState.CANCELLED
        if row["ends_at"] <= now:
            return ReservationState.ENDED
        return ReservationState.OPEN if row["starts_at"] <= now else ReservationState.UPCOMING

    def _shown(self, connection: Connection, row: RowMapping) -> Reservation:
        state, names = self._state(row), set(Reservation.model_fields) - {"id", "state", "in_the_way"}
        leases: Sequence[RowMapping] = []
        if state in (ReservationState.UPCOMING, ReservationState.OPEN) and row["host"] == self._ledger.host:
            leases = self._in_the_way(connection, row["starts_at"], row["users"])
        return Reservation(
            id=str(row["id"]),
            state=state,
            in_the_way=[str(one["id"]) for one in leases if set(one["devices"]) & set(row["devices"])],
            **{name: row[name] for name in names},
        )


def _ends_by(row: RowMapping, at: datetime) -> bool:
    """True for a job that may not take longer than that."""
    return (
        is_lasting(row) and row["seconds"] is not None and row["granted_at"] + timedelta(seconds=row["seconds"]) <= at
    )


def _reserved(uuid: str, others: Sequence[RowMapping], starts: datetime, ends: datetime) -> RowMapping | None:
    """The reservation that has a device in some part of a window."""
    return next(
        (one for one in others if uuid in one["devices"] and one["starts_at"] < ends and starts < one["ends_at"]), None
    )


def _taken(
    request: ReservationRequest, suitable: Sequence[GPU], others: Sequence[RowMapping], starts: datetime, ends: datetime
) -> Conflict:
    """Says who has reserved them, and when so many would be free for as long."""
    by = {one["id"]: one for gpu in suitable if (one := _reserved(gpu.uuid, others, starts, ends)) is not None}
    named = ", ".join(
        f"reservation {one['id']} of {one['whose']} until {one['ends_at']:{_MOMENT}}" for one in by.values()
    )
    free = len(suitable) - sum(_reserved(gpu.uuid, others, starts, ends) is not None for gpu in suitable)
    later = sorted({one["ends_at"] for one in others if one["ends_at"] > starts})
    fits = (
        at
        for at in later
        if sum(_reserved(gpu.uuid, others, at, at + (ends - starts)) is None for gpu in suitable) >= request.count
    )
    first = next(fits, None)
    return Conflict(
        f"{free} of {len(suitable)} such devices can be reserved then: {named}",
        hint=f"{request.count} are free for as long from {first:{_MOMENT}}" if first else "ask for fewer devices",
    )
