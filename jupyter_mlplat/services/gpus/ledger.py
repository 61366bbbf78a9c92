"""Changes of the ledger, each inside one transaction.

Whoever changes it also gives out what has become free: no process has to live for that. The row of a device says
who has it, and its constraints make a second holder impossible, whatever a program does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import Conflict
from ...models import GPU, HolderKind, LeaseState
from ...processes import alive, host_id
from ...protocols import Clock
from ...store import Transaction, tables
from .budgets import Budgets
from .prices import PriceFile
from .queue import Decision, Device, Rank, Request, Window, decide, overtaken, why_before
from .quotas import Quotas
from .rows import (
    HELD,
    LASTING,
    WAITING,
    devices_by_owner,
    live_on,
    living_deployments,
    living_jobs,
    load_of,
    queue_of,
    ranks_of,
    to_rank,
    to_request,
    windows_on,
)

SHUT_DOWN_WITHIN = timedelta(minutes=2)

_DEVICES = select(tables.devices).where(tables.devices.c.host == bindparam("host"))
_LOCK = _DEVICES.order_by(tables.devices.c.uuid).with_for_update()
_ENTER = insert(tables.leases)
_TAKE = update(tables.devices).where(tables.devices.c.uuid == bindparam("device"), tables.devices.c.lease_id.is_(None))
_TAKE_WHOLE = _TAKE.where(tables.devices.c.shared == 0).values(lease_id=bindparam("lease"))
_TAKE_SHARE = _TAKE.values(shared=tables.devices.c.shared + bindparam("share"))
_FREE = update(tables.devices).where(tables.devices.c.lease_id == bindparam("lease")).values(lease_id=None)
_MOVE = update(tables.leases).where(tables.leases.c.id == bindparam("lease"), tables.leases.c.state == bindparam("was"))
_GRANT = _MOVE.values(
    state=HELD, devices=bindparam("given"), granted_at=bindparam("now"), ends_at=bindparam("until"),
    price=bindparam("costs"),
)  # fmt: skip
_END = _MOVE.values(state=bindparam("becomes"), ended_at=bindparam("now"), reason=bindparam("why"))


class Ledger:
    """The claims on the devices of one host."""

    def __init__(self, host: str, clock: Clock, quotas: Quotas, prices: PriceFile, budgets: Budgets) -> None:
        self.host = host
        self._clock = clock
        self._quotas = quotas
        self._prices = prices
        self._budgets = budgets
        self.boot = host_id()

    def lock(self, transaction: Transaction, found: Sequence[GPU]) -> Sequence[RowMapping]:
        """Keep others out of the ledger of this host, and make sure that it knows the devices. Returns their rows."""
        table, connection = tables.devices, transaction.connection
        rows = lock_devices(connection, self.host)
        known = {row["uuid"]: row for row in rows}
        changed = False
        for one in found:
            before = known.get(one.uuid)
            if before is None and one.memory_total_bytes > 0:
                values = {"uuid": one.uuid, "host": self.host, "name": one.name, "memory": one.memory_total_bytes}
                try:
                    with connection.begin_nested():
                        connection.execute(insert(table).values(**values))
                except IntegrityError:
                    pass  # another process was quicker
                changed = True
            elif before is not None and (before["name"], before["memory"]) != (one.name, one.memory_total_bytes):
                connection.execute(
                    update(table)
                    .where(table.c.uuid == one.uuid, table.c.shared <= one.memory_total_bytes)
                    .values(name=one.name, memory=one.memory_total_bytes)
                )
                changed = True
        return lock_devices(connection, self.host) if changed else rows

    def enter(self, transaction: Transaction, values: Mapping[str, Any]) -> int:
        """Put a request into the queue where it belongs; those that it overtakes are told. Returns its number."""
        table, connection = tables.leases, transaction.connection
        now, owner = self._clock.now(), str(values["owner"])
        load = load_of(connection, owner, now)
        new = Rank(owner, values["priority"], load, interruptible=values.get("interruptible", False))
        rows = ranks_of(connection, self.host, now)
        passed = overtaken(new, map(to_rank, reversed(rows)))
        before = rows[len(rows) - passed - 1]["place"] if passed < len(rows) else None
        after = rows[len(rows) - passed]["place"] if passed else None
        place = _between(before, after)
        if place is None:
            renumber = update(table).where(table.c.id == bindparam("number")).values(place=bindparam("index"))
            connection.execute(renumber, [{"number": row["id"], "index": float(at)} for at, row in enumerate(rows)])
            place = len(rows) - passed - 0.5
        placed = {"state": WAITING, "devices": [], "place": place, "load": new.load, "created_at": now}
        made = connection.execute(_ENTER, {**values, **placed}).inserted_primary_key
        assert made is not None
        number = int(made[0])
        told: dict[str, list[int]] = {}
        for row in rows[len(rows) - passed :]:
            told.setdefault(why_before(number, new, to_rank(row)), []).append(row["id"])
        for cause, ids in told.items():
            connection.execute(update(table).where(table.c.id.in_(ids)).values(cause=cause))
        return number

    def settle(
        self, transaction: Transaction, found: Sequence[GPU], devices: Sequence[RowMapping] | None = None
    ) -> list[int]:
        """Give out what is free. Returns the numbers of those that got something.

        `devices` are their rows where they were just read.
        """
        table, connection = tables.leases, transaction.connection
        queue, decision = self.decide(connection, found, devices)
        known = {one.uuid: one for one in found}
        for number, uuids in decision.granted.items():
            self._grant(connection, queue[number], [known[uuid] for uuid in uuids])
        told: dict[str | None, list[int]] = {}
        for number, why in decision.held_up.items():
            if queue[number]["held_up"] != why:
                told.setdefault(why, []).append(number)
        for why, numbers in told.items():
            connection.execute(update(table).where(table.c.id.in_(numbers)).values(held_up=why))
        return list(decision.granted)

    def decide(
        self, connection: Connection, found: Sequence[GPU], rows: Sequence[RowMapping] | None = None
    ) -> tuple[dict[int, RowMapping], Decision]:
        """Those that wait, by number, and what they can be given."""
        if rows is None:
            rows = connection.execute(_DEVICES, {"host": self.host}).mappings().all()
        devices = self.devices(connection, found, rows)
        if not any(device.room > 0 for device in devices):
            return {}, Decision()
        queue = {row["id"]: row for row in queue_of(connection, self.host)}
        over = self.bounds(connection, {row["owner"] for row in queue.values()})
        return queue, decide(map(to_request, queue.values()), devices, over)

    def devices(self, connection: Connection, found: Sequence[GPU], rows: Sequence[RowMapping]) -> list[Device]:
        """The devices of this host that the ledger knows, with who has them and for whom they are reserved."""
        known = {row["uuid"]: row for row in rows}
        windows = windows_on(connection, self.host, self._clock.now())
        return [device_of(one, known[one.uuid], windows.get(one.uuid, ())) for one in found if one.uuid in known]

    def bounds(
        self, connection: Connection, owners: Collection[str]
    ) -> Callable[[Request, Mapping[str, int]], str | None]:
        """What says which budget or quota a request of these owners is over, given what was granted just now."""
        held = devices_by_owner(connection) if owners and self._quotas.limits else {}
        spent = self._budgets.over(connection, owners)
        quota = partial(self._quotas.over, held)
        return lambda request, more: spent.get(request.owner) or quota(request, more)

    def _grant(self, connection: Connection, row: RowMapping, gpus: Sequence[GPU]) -> None:
        uuids = [one.uuid for one in gpus]
        for uuid in uuids:
            if row["shared"]:
                taken = connection.execute(_TAKE_SHARE, {"device": uuid, "share": row["memory"]})
            else:
                taken = connection.execute(_TAKE_WHOLE, {"device": uuid, "lease": row["id"]})
            if taken.rowcount != 1:
                raise Conflict(f"device {uuid} was given to another one", hint="try again")
        now = self._clock.now()
        until = self.until(connection, row, uuids, now)
        given = {"given": uuids, "now": now, "until": until, "costs": self._price(gpus, row)}
        connection.execute(_GRANT, {"lease": row["id"], "was": WAITING, **given})

    def until(
        self, connection: Connection, row: Mapping[Any, Any], uuids: Sequence[str], now: datetime
    ) -> datetime | None:
        """When a lease that gets devices now ends: after its time, or as the devices are reserved for others.

        None where nothing ends it; a job's and a deployment's lease ends with that.
        """
        if row["kind"] in LASTING:
            return None
        windows = windows_on(connection, self.host, now)
        ends = [one.starts for uuid in uuids for one in windows.get(uuid, ()) if row["owner"] not in one.users]
        if row["seconds"] is not None:
            ends.append(row["seconds"])
        return now + timedelta(seconds=min(ends)) if ends else None

    def _price(self, gpus: Sequence[GPU], row: RowMapping) -> float | None:
        """Of one of these devices for an hour, on average, or of the share of it; None where none has a price."""
        prices = self._prices.now
        if prices is None:
            return None
        found = []
        for one in gpus:
            price, part = prices.of(one.name), row["memory"] / one.memory_total_bytes if row["shared"] else 1.0
            if price is not None:
                found.append(price * part)
        return sum(found) / len(gpus) if found else None

    def end(self, connection: Connection, row: RowMapping, state: LeaseState, reason: str) -> bool:
        """Move a lease, as it is now, to its end and its devices back; False where it had ended."""
        return end_lease(connection, row, state, reason, self._clock.now())

    def over(self, connection: Connection) -> dict[int, str]:
        """The live leases of this host that have to end, and why."""
        now, lives = self._clock.now(), cache(alive)
        live = live_on(connection, self.host)
        living = living_jobs(connection, [row["job_id"] for row in live if row["job_id"] is not None])
        served = living_deployments(connection, [row["deployment"] for row in live if row["deployment"] is not None])

        def gone(row: RowMapping) -> bool:
            if row["job_id"] is not None:
                return row["job_id"] not in living
            if row["deployment"] is not None:
                return row["deployment"] not in served
            if row["pid"] is None or row["boot"] != self.boot:
                return row["pid"] is not None
            used = row["user_pid"] is not None and lives(row["user_pid"], row["user_started"])
            return not used and not lives(row["pid"], row["pid_started"])

        found = {row["id"]: "owner_gone" for row in live if gone(row)}
        for row in live:
            # A kernel whose devices are reserved for others is shut down, where its server lives.
            more = (
                SHUT_DOWN_WITHIN if row["kind"] == HolderKind.KERNEL.value and row["seconds"] is None else timedelta()
            )
            if row["ends_at"] is not None and row["ends_at"] + more <= now:
                found.setdefault(row["id"], "time_up")
        return found


def lock_devices(connection: Connection, host: str) -> Sequence[RowMapping]:
    """Keep others out of the ledger of a host until the transaction ends. Returns the rows of its devices."""
    return connection.execute(_LOCK, {"host": host}).mappings().all()


def end_lease(connection: Connection, row: RowMapping, state: LeaseState, reason: str, now: datetime) -> bool:
    """Move a lease, as it is now, to its end and its devices back; False where it had ended.

    The ledger of its host is locked.
    """
    if LeaseState(row["state"]).ended:
        return False
    becomes = {"becomes": state.value, "now": now, "why": reason}
    if connection.execute(_END, {"lease": row["id"], "was": row["state"], **becomes}).rowcount != 1:
        return False
    if row["state"] != HELD:
        return True
    if row["shared"]:
        table = tables.devices
        chosen = update(table).where(table.c.uuid.in_(row["devices"]))
        connection.execute(chosen.values(shared=table.c.shared - row["memory"]))
    else:
        connection.execute(_FREE, {"lease": row["id"]})
    return True


def _between(before: float | None, after: float | None) -> float | None:
    """A number between two places; None where there is none left."""
    if before is None:
        return 0.0 if after is None else after - 1.0
    if after is None:
        return before + 1.0
    middle = (before + after) / 2
    return middle if before < middle < after else None


def device_of(gpu: GPU, row: RowMapping | None = None, windows: Sequence[Window] = ()) -> Device:
    return Device(
        uuid=gpu.uuid,
        name=gpu.name,
        memory=gpu.memory_total_bytes,
        used=gpu.memory_used_bytes,
        lease=row["lease_id"] if row is not None else None,
        shared=row["shared"] if row is not None else 0,
        windows=windows,
    )
