"""GPU leases as the doors ask for them: who has which device, who waits, and in what order."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select, update

from ...errors import Conflict, Invalid, Unavailable
from ...models import GPU, GPUs, GPUUsage, HolderKind, Lease, LeaseRequest, LeaseState, Page, UsageKey
from ...processes import start_time
from ...protocols import Clock, GPUSource
from ...store import Store, tables
from ..rows import Asked, cursor_of, made_before, number_of
from .budgets import Budgets
from .idle import IdleWatch, is_idle
from .ledger import Ledger, device_of
from .of_deployments import DeploymentLeases
from .of_jobs import JobLeases
from .possible import refuse_impossible, to_wish
from .prices import PriceFile
from .quotas import Quotas
from .reclaim import IdleRule, Reclaim
from .reservations import Reservations
from .rows import (
    HELD,
    LASTING,
    LIVE,
    WAITING,
    find,
    held_on,
    place_of,
    queue_of,
    waiting_on,
)
from .shown import starts_on, to_lease
from .usage import rows_of, sums_by
from .visible import environment_of

LOOK_S = 0.1
SETTLE_S = 0.5
"""One that waits looks so often at its own row, and so often whether a device has become free."""
NEAR = 3
"""Places in the queue."""
WAKE_EVERY_S = 5.0
UNWATCHED_S = 3600.0
"""What belongs to no process is held so long unless another time was asked for: nothing would ever end it."""
WEEK = timedelta(days=7)
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def _nobody() -> None:
    """Where no engine has jobs, none has to be woken."""


class GPUsService:
    """What devices there are, who holds them and who waits. `wake` makes sure that an engine lives."""

    def __init__(
        self,
        store: Store,
        source: GPUSource,
        clock: Clock,
        quotas: Quotas,
        wake: Callable[[], None] = _nobody,
        prices: PriceFile | None = None,
        idle: IdleRule | None = None,
    ) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._quotas = quotas
        self.host = os.uname().nodename
        self._prices = prices or PriceFile()
        self._budgets = Budgets(self._prices, quotas.groups, clock)
        self._ledger = Ledger(self.host, clock, quotas, self._prices, self._budgets)
        self._idle = IdleWatch(store, source, clock, self.host)
        self._reclaim = Reclaim(source, clock, idle or IdleRule())
        self._wake = wake
        self._settled = self._woken = float("-inf")
        self.of_jobs = JobLeases(store, source, clock, quotas, self._ledger)
        self.of_deployments = DeploymentLeases(store, source, quotas, self._ledger)
        self.reservations = Reservations(store, source, clock, quotas, self._ledger)

    # --- looking ----------------------------------------------------------------------------

    def list(self) -> GPUs:
        """The devices with their leases; where there are none, `message` says why. Never raises for lack of a GPU."""
        message = None
        try:
            found = self._source.devices()
        except Unavailable as error:
            found, message = [], f"No GPU: {error.message}"
        if not found and message is None:
            message = "No GPU: the driver reports no device"
        self.settle(found)
        with self._store.read() as connection:
            held = held_on(connection, self.host)
            queue = self._queue(connection)
            warnings = self._budgets.warnings(connection)
            reservations = self.reservations.on_this_host(connection)
        leases = [self._reclaim.shown(to_lease(row), found) for row in held]
        return GPUs(
            source=self._source.name,
            message=message,
            devices=[_with_leases(device, leases) for device in found],
            queue=[*queue],
            reservations=[*reservations],
            warnings=warnings,
        )

    def leases(self, *, limit: int = 50, after: str | None = None) -> Page[Lease]:
        """The live leases of all hosts, oldest first; those whose owner is gone are ended first.

        Raises `Invalid` where `after` is no cursor of this list.
        """
        table = tables.leases
        query = select(table).where(table.c.state.in_(LIVE)).order_by(table.c.id).limit(limit + 1)
        if after is not None:
            query = query.where(table.c.id > cursor_of(after))
        self.settle()
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            places = self._places(connection, {row["host"] for row in rows if row["state"] == WAITING})
        items = [self._reclaim.shown(to_lease(row, places.get(row["id"]))) for row in rows[:limit]]
        return Page[Lease](items=items, next=items[-1].id if len(rows) > limit else None)

    def refuse(self, request: LeaseRequest, owner: str) -> None:
        """Raise what `acquire` would raise at once, and ask for nothing."""
        try:
            found = self._source.devices()
        except Unavailable as error:
            raise Unavailable(f"there is no GPU for it: {error.message}", hint=error.hint) from error
        refuse_impossible(request, found)
        self._quotas.refuse(owner, request.count)

    def warnings(self, owner: str) -> Sequence[str]:
        """What one who asks for devices should know: a budget that is (nearly) spent, a price file that is wrong."""
        with self._store.read() as connection:
            return self._budgets.warnings(connection, owner)

    def usage(
        self, *, since: datetime | None = None, until: datetime | None = None, by: UsageKey = UsageKey.USER
    ) -> GPUUsage:
        """GPU hours, idle hours and cost of the leases of all hosts inside a window: by default a week up to now.

        A lease counts with what of it lies inside; one that has not ended counts up to now. Raises `Invalid` for a
        window without length.
        """
        now = self._clock.now()
        until = min(until or now, now)
        since = max(since or max(until, BEGIN + WEEK) - WEEK, BEGIN)
        if since >= until:
            raise Invalid(
                "since is not before until, or in the future",
                hint="give a since that is earlier",
                fields={"since": "not before until"},
            )
        with self._store.read() as connection:
            sums, total = sums_by(connection, by, since, until, now)
            budgets, warnings = self._budgets.standing(connection), self._budgets.warnings(connection)
        prices = self._prices.now
        return GPUUsage(
            since=since,
            until=until,
            by=by,
            currency=prices.currency if prices is not None else None,
            rows=rows_of(sums.items()),
            total=total.row(None),
            budgets=budgets,
            warnings=warnings,
        )

    def watch_idle(self) -> None:
        """Look which leases of this host rest, and write it down. Called every 10 s by the engine and by servers."""
        self._idle.look()

    def get(self, lease_id: str) -> Lease:
        """A lease, also one that has ended. Raises `NotFound`."""
        with self._store.read() as connection:
            row = find(connection, lease_id)
            if row["state"] != WAITING:
                return self._reclaim.shown(to_lease(row))
            place = place_of(connection, row)
            starts = starts_on(connection, row["host"], self._clock.now(), place)
            return to_lease(row, place, starts.get(row["id"]))

    def _queue(self, connection: Connection) -> Sequence[Lease]:
        queue = waiting_on(connection, self.host)
        starts = starts_on(connection, self.host, self._clock.now()) if queue else {}
        return [to_lease(row, place, starts.get(row["id"])) for place, row in enumerate(queue, 1)]

    def _places(self, connection: Connection, hosts: Iterable[str]) -> Mapping[int, int]:
        return {row["id"]: place for host in hosts for place, row in enumerate(queue_of(connection, host), 1)}

    def asked(self) -> Sequence[Lease]:
        """The leases of this host whose users are asked whether they still want them, and that rest at this moment."""
        with self._store.read() as connection:
            rows = [row for row in held_on(connection, self.host) if row["idle_since"] and row["idle_limit"]]
        if not rows:
            return []
        try:
            found = self._source.devices()
        except Unavailable:
            return []
        devices = {one.uuid: one for one in found}
        shown = [self._reclaim.shown(to_lease(row), found) for row in rows]
        return [one for one in shown if one.asked_at is not None and is_idle(one.devices, devices)]

    def overdue(self) -> Sequence[Lease]:
        """The leases of this host that kernels have although the devices are reserved for others by now."""
        table, now = tables.leases, self._clock.now()
        query = select(table).where(
            table.c.host == self.host, table.c.state == HELD, table.c.kind == HolderKind.KERNEL.value,
            table.c.seconds.is_(None), table.c.ends_at <= now,
        )  # fmt: skip
        with self._store.read() as connection:
            return [to_lease(row) for row in connection.execute(query).mappings()]

    # --- asking and giving back ----------------------------------------------------------------

    def acquire(
        self,
        request: LeaseRequest,
        *,
        owner: str,
        kind: HolderKind = HolderKind.PROCESS,
        idempotency_key: str | None = None,
    ) -> Lease:
        """Ask for devices of this host. Returns at once: granted, or queued with its position.

        Raises `Unavailable` where this machine has no GPU, `Invalid` where no device of it is what is asked for,
        `Conflict` where a quota could never allow it or the idempotency key was used for something else.
        """
        found = self._source.devices()
        refuse_impossible(request, found)
        self._quotas.refuse(owner, request.count)
        started = None
        if request.pid is not None:
            started = start_time(request.pid)
            if started is None:
                raise Invalid(
                    f"process {request.pid} is not on this host",
                    hint="give the pid of a process that runs here",
                    fields={"pid": "no such process"},
                )
        asked = Asked.of(request, owner, idempotency_key)
        if request.notebook is not None:
            kind = HolderKind.KERNEL
        values = {
            "owner": owner, "host": self.host, "kind": kind.value, "notebook": request.notebook,
            "label": request.label or (request.notebook or "").rpartition("/")[2],
            "boot": self._ledger.boot if started is not None else None, "pid": request.pid, "pid_started": started,
            "count": request.count, "gpu_type": request.gpu_type, "memory": request.memory,
            "wanted": request.devices, "shared": request.shared, "priority": request.priority,
            "seconds": request.seconds or (UNWATCHED_S if started is None else None),
            "idle_limit": self._reclaim.rule.limit_of(request, kind), **asked.columns,
        }  # fmt: skip
        with self._store.write() as transaction:
            connection = transaction.connection
            devices = self._ledger.lock(transaction, found)
            before = made_before(connection, tables.leases, asked)
            if before is not None:
                number = int(before["id"])
            else:
                number = self._ledger.enter(transaction, values)
                granted = self._ledger.settle(transaction, found, devices)
                transaction.emit("gpus", *map(str, {number, *granted}))
            row = find(connection, str(number))
        return to_lease(row) if row["state"] != WAITING else self.get(str(number))

    def enough(self, lease_id: str, request: LeaseRequest, taken: Collection[str] = ()) -> Lease | None:
        """A granted lease with just the devices of it that `request` asks for and that are not `taken`, if it has them.

        Raises `NotFound`, and `Unavailable` where there is no driver.
        """
        lease = self.get(lease_id)
        if lease.state is not LeaseState.GRANTED or (lease.shared and not request.shared):
            return None
        if lease.shared and (request.memory or 0) > (lease.memory or 0):
            return None
        fitting = [
            one.uuid
            for one in self._source.devices()
            if one.uuid in lease.devices and one.uuid not in taken and to_wish(request).suits(device_of(one))
        ]
        if len(fitting) < request.count:
            return None
        shown = {"devices": fitting[: request.count], "shared": request.shared, "memory": request.memory}
        return lease.model_copy(update=shown)

    def adopt(self, notebook: str, *, pid: int) -> Lease | None:
        """The granted lease that process `pid` asked for ahead for a kernel of `notebook`, if there is one.

        Its time does not run out any more, except where its devices are reserved. Each is adopted once.
        """
        table = tables.leases
        ahead = (
            (table.c.kind == HolderKind.KERNEL.value) & (table.c.notebook == notebook) & (table.c.pid == pid)
            & (table.c.state == HELD) & table.c.seconds.is_not(None) & (table.c.host == self.host)
        )  # fmt: skip
        with self._store.read() as connection:
            number = connection.execute(select(func.max(table.c.id)).where(ahead)).scalar()
        if number is None:
            return None
        with self._store.write() as transaction:
            connection, now = transaction.connection, self._clock.now()
            row = {**find(connection, str(number)), "seconds": None}
            ends = self._ledger.until(connection, row, row["devices"], now)
            taken = connection.execute(
                update(table).where(ahead, table.c.id == number).values(ends_at=ends, seconds=None)
            )
            if taken.rowcount != 1:
                return None
            transaction.emit("gpus", str(number))
            return to_lease(find(transaction.connection, str(number)))

    def environment(self, lease: Lease) -> dict[str, str]:
        """Variables for a process that is to see the devices of a lease alone."""
        return environment_of(lease, self._source.devices())

    def used_by(self, lease_id: str, pid: int) -> None:
        """Say which process, a child of the owner, uses the devices: nobody else gets them while it lives.

        Does nothing for a process that has ended.
        """
        table = tables.leases
        started = start_time(pid)
        if started is None:
            return
        with self._store.write() as transaction:
            transaction.connection.execute(
                update(table)
                .where(table.c.id == number_of(lease_id, "lease"), table.c.state == HELD)
                .values(user_pid=pid, user_started=started)
            )

    def wait(
        self,
        lease_id: str,
        *,
        timeout: float | None = None,
        on_change: Callable[[Lease], None] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> Lease:
        """Return the lease once it does not wait any more, or as it stands after `timeout` seconds.

        `on_change` hears of every other position. Raises `NotFound`.
        """
        began = time.monotonic()
        said: tuple[object, ...] | None = None
        while True:
            lease = self.look(lease_id)
            if lease.state is not LeaseState.QUEUED:
                return lease
            now = (lease.position, lease.cause, lease.held_up)
            if on_change is not None and now != said:
                said = now
                shown = self.get(lease_id)
                if shown.state is not LeaseState.QUEUED:
                    return shown
                on_change(shown)
            left = math.inf if timeout is None else timeout - (time.monotonic() - began)
            if left <= 0:
                return lease
            pause(min(LOOK_S if (lease.position or 0) <= NEAR else SETTLE_S, left))

    def look(self, lease_id: str) -> Lease:
        """A lease without its expected start. Called again and again it gives out what has become free meanwhile.

        Raises `NotFound`.
        """
        with self._store.read() as connection:
            row = find(connection, lease_id)
            place = place_of(connection, row) if row["state"] == WAITING else None
        # Not all that wait look for free devices: with a thousand of them the store would do nothing else.
        if place is None or place > NEAR or row["host"] != self.host:
            return self._reclaim.shown(to_lease(row, place))
        if time.monotonic() - self._settled < SETTLE_S:
            return to_lease(row, place)
        self._settled = time.monotonic()
        self.settle()
        self._wake_for_work()
        with self._store.read() as connection:
            row = find(connection, lease_id)
            return to_lease(row, place_of(connection, row) if row["state"] == WAITING else None)

    def _wake_for_work(self) -> None:
        """Devices that jobs and deployments have come back only while an engine lives, which gives up what is gone."""
        if time.monotonic() - self._woken < WAKE_EVERY_S:
            return
        self._woken = time.monotonic()
        with self._store.read() as connection:
            held = held_on(connection, self.host)
        if any(row["kind"] in LASTING for row in held):
            self._wake()

    def release(self, lease_id: str, *, reason: str | None = None) -> Lease:
        """Give a lease back, or leave the queue. One that has ended stays as it is.

        Raises `NotFound`, and `Conflict` where it is a job's or a deployment's, which would go on without it.
        """
        try:
            found: Sequence[GPU] = self._source.devices()
        except Unavailable:
            found = []
        with self._store.write() as transaction:
            self._ledger.lock(transaction, found)
            row = find(transaction.connection, lease_id)
            if row["job_id"] is not None and row["state"] in LIVE:
                raise Conflict(
                    f"lease {lease_id} belongs to job {row['job_id']}",
                    hint=f"cancel the job: jupyter mlplat jobs cancel {row['job_id']}",
                )
            if row["deployment"] is not None and row["state"] in LIVE:
                raise Conflict(
                    f"lease {lease_id} belongs to deployment {row['deployment']}",
                    hint=f"delete it: jupyter mlplat deployments delete {row['deployment']}",
                )
            said = reason or ("cancelled" if row["state"] == WAITING else "released")
            if self._ledger.end(transaction.connection, row, LeaseState.RELEASED, said):
                granted = self._ledger.settle(transaction, found) if row["host"] == self.host else []
                transaction.emit("gpus", *map(str, [row["id"], *granted]))
                row = find(transaction.connection, lease_id)
        return to_lease(row)

    def keep(self, lease_id: str, seconds: float) -> Lease:
        """Ask nobody for so long from now on whether a kernel still wants its devices.

        Raises `NotFound`, and `Conflict` where it holds none or is no kernel's: those are not taken back for rest.
        """
        table = tables.leases
        with self._store.write() as transaction:
            connection = transaction.connection
            row = find(connection, lease_id)
            if row["kind"] != HolderKind.KERNEL.value or row["state"] != HELD:
                raise Conflict(
                    f"lease {lease_id} cannot be kept: it is {row['state']}, and of the kind {row['kind']}",
                    hint="only devices that a kernel has are taken back because they rest",
                )
            kept = self._clock.now() + timedelta(seconds=seconds)
            connection.execute(
                update(table).where(table.c.id == row["id"], table.c.state == HELD).values(kept_until=kept)
            )
            transaction.emit("gpus", str(row["id"]))
            row = find(connection, lease_id)
        return self._reclaim.shown(to_lease(row))

    def settle(self, found: Sequence[GPU] | None = None) -> None:
        """End the leases of this host whose owner is gone or whose time is up, and give out what is free.

        `found` are the devices as the source just said. Writes only where there is something to do.
        """
        if found is None:
            try:
                found = self._source.devices()
            except Unavailable:
                found = []
        with self._store.read() as connection:
            gone = self._ledger.over(connection)
            _, decision = self._ledger.decide(connection, found)
        if not gone and not decision.granted:
            return
        with self._store.write() as transaction:
            self._ledger.lock(transaction, found)
            changed = []
            for number, why in gone.items():
                row = find(transaction.connection, str(number))
                if self._ledger.end(transaction.connection, row, LeaseState.EXPIRED, why):
                    changed.append(number)
            changed += self._ledger.settle(transaction, found)
            if changed:
                transaction.emit("gpus", *map(str, changed))


def _with_leases(gpu: GPU, leases: Sequence[Lease]) -> GPU:
    on_it = [lease for lease in leases if gpu.uuid in lease.devices]
    whole = next((lease for lease in on_it if not lease.shared), None)
    note = None
    if not on_it and not device_of(gpu).free:
        note = "not offered: its memory is in use by processes without a lease"
    return gpu.model_copy(update={"lease": whole, "shares": [one for one in on_it if one.shared], "note": note})
