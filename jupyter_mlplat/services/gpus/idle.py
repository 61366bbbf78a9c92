"""Which leases rest: a look at the load of their devices now and then, by whoever lives.

What is known of a lease is in its row, so that several observers add up to one: each look counts the time since the
last one, whoever made that, and only one of two that look at once is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update

from ...errors import Unavailable
from ...models import GPU
from ...protocols import Clock, GPUSource
from ...store import Store, tables
from .ledger import lock_devices
from .reclaim import asked_from
from .rows import HELD

LOOK_EVERY_S = 10.0
FRESH = timedelta(seconds=LOOK_EVERY_S / 2)
"""Nobody looks again so soon."""
GAP = timedelta(seconds=60)
"""Nobody has seen what happened between two looks that are further apart."""
NO_LOAD = 0.01

_LEASES = tables.leases.c
_HELD = (
    select(
        _LEASES.id, _LEASES.devices, _LEASES.seen_at, _LEASES.idle_since, _LEASES.idle_seconds, _LEASES.idle_limit,
        _LEASES.kept_until,
    )
    .where(_LEASES.host == bindparam("whose"), _LEASES.state == HELD)
    .order_by(_LEASES.id)
)  # fmt: skip
_SEE = (
    update(tables.leases)
    .where(
        _LEASES.id == bindparam("lease"),
        _LEASES.state == HELD,
        _LEASES.seen_at.is_not_distinct_from(bindparam("before", type_=_LEASES.seen_at.type)),
    )
    .values(seen_at=bindparam("now"), idle_since=bindparam("since"), idle_seconds=bindparam("rested"))
)


@dataclass(frozen=True)
class Rest:
    """What is known of a lease: when it was last looked at, since when it rests, and how long it has in all."""

    seen_at: datetime | None
    since: datetime | None
    seconds: float

    def after(self, now: datetime, *, idle: bool) -> Rest:
        """The same after one more look."""
        if self.seen_at is None or now - self.seen_at > GAP:
            return Rest(now, None, self.seconds)
        if not idle:
            return Rest(now, None, self.seconds)
        if self.since is None:
            return Rest(now, now, self.seconds)
        return Rest(now, self.since, self.seconds + (now - self.seen_at).total_seconds())


def is_idle(uuids: Sequence[str], devices: Mapping[str, GPU]) -> bool:
    """True where the driver says of each of these devices that it has no load; what it does not say is no rest."""
    loads = [devices[uuid].utilization if uuid in devices else None for uuid in uuids]
    return all(load is not None and load < NO_LOAD for load in loads)


class IdleWatch:
    """Looks at the leases of one host."""

    def __init__(self, store: Store, source: GPUSource, clock: Clock, host: str) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._host = host

    def look(self) -> None:
        """Write down which leases rest. Does nothing without leases or devices.

        Events are a change of that, and that a user is asked from now on whether a lease is still wanted.
        """
        with self._store.read() as connection:
            rows = connection.execute(_HELD, {"whose": self._host}).mappings().all()
        if not rows:
            return
        try:
            devices = {one.uuid: one for one in self._source.devices()}
        except Unavailable:
            return
        now = self._clock.now()
        due = [row for row in rows if row["seen_at"] is None or now - row["seen_at"] >= FRESH]
        if not due:
            return
        with self._store.write() as transaction:
            # The order in which everybody locks: devices first.
            lock_devices(transaction.connection, self._host)
            changed = []
            for row in due:
                before = Rest(row["seen_at"], row["idle_since"], row["idle_seconds"])
                after = before.after(now, idle=is_idle(row["devices"], devices))
                written = transaction.connection.execute(
                    _SEE,
                    {"lease": row["id"], "before": before.seen_at, "now": now, "since": after.since,
                     "rested": after.seconds},
                )  # fmt: skip
                asked = asked_from(after.since, row["idle_limit"], row["kept_until"])
                begins = asked is not None and (before.seen_at or now) < asked <= now
                if written.rowcount == 1 and (begins or after.since != before.since):
                    changed.append(str(row["id"]))
            if changed:
                transaction.emit("gpus", *changed)
