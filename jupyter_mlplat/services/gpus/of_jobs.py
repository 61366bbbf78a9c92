"""The leases of jobs: asked for before an attempt can start, ended with it, taken back for those that rank higher.

An attempt holds its lease through the job's row, not through a process: it outlives the engine as the attempt does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, or_, select, update

from ...errors import MLPlatError, Unavailable
from ...models import GPU, HolderKind, JobState, LeaseRequest, LeaseState
from ...protocols import Clock, GPUSource
from ...store import Store, Transaction, tables
from .ledger import Ledger, end_lease, lock_devices
from .possible import refuse_impossible
from .queue import Held, give_way
from .quotas import Quotas
from .rows import LIVE, WAITING, find, held_on, queue_of, to_request
from .shown import of_jobs
from .visible import environment_of
from .wishes import request_of

AT_ONCE = 25
"""So many jobs are brought into the queue for devices in one transaction."""

WAITS = "waits for a GPU:"

_QUEUED = JobState.QUEUED.value
_ACTIVE = (JobState.STARTING.value, JobState.RUNNING.value)


class JobLeases:
    """What the engine does about devices for jobs; `devices` are those of its own host."""

    def __init__(self, store: Store, source: GPUSource, clock: Clock, quotas: Quotas, ledger: Ledger) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._quotas = quotas
        self._ledger = ledger

    def ask(self, *, per_user: int = 0) -> bool:
        """Bring queued jobs that need devices, and whose turn it could be, into the queue for them.

        True while a job waits for devices. One that cannot have any says why in its message.
        """
        job = tables.jobs
        with self._store.read() as connection:
            if not connection.execute(select(job.c.id).where(job.c.state == _QUEUED, job.c.gpus > 0).limit(1)).first():
                return False
            rows = _in_turn(connection, self._clock, per_user)
        if not rows:
            return True
        possible, why = [], {}
        found: Sequence[GPU] = []
        for row in rows:
            request = request_of(row)
            try:
                found = found or self._source.devices()
                refuse_impossible(request, found)
                self._quotas.refuse(row["owner"], request.count)
            except MLPlatError as error:
                why[row["id"]] = f"{WAITS} {error.message}"
            else:
                possible.append((row, request))
        self._say(rows, why)
        if possible:
            self._enter(possible, found)
        return True

    def _say(self, rows: Sequence[RowMapping], why: Mapping[int, str]) -> None:
        table = tables.jobs
        said = {row["id"]: row["message"] for row in rows}
        changed = {number: words for number, words in why.items() if said[number] != words}
        if not changed:
            return
        with self._store.write() as transaction:
            for number, words in changed.items():
                transaction.connection.execute(
                    update(table).where(table.c.id == number, table.c.state == _QUEUED).values(message=words)
                )
                transaction.emit("jobs", str(number))

    def _enter(self, possible: Sequence[tuple[RowMapping, LeaseRequest]], found: Sequence[GPU]) -> None:
        table = tables.jobs
        with self._store.write() as transaction:
            connection = transaction.connection
            devices = self._ledger.lock(transaction, found)
            numbers = [row["id"] for row, _ in possible]
            still = set(connection.execute(_wanting(numbers)).scalars())
            made = []
            for row, request in possible:
                if row["id"] not in still:
                    continue
                values = {
                    "owner": row["owner"], "host": self._ledger.host, "kind": HolderKind.JOB.value,
                    "label": row["name"], "notebook": row["notebook"], "job_id": row["id"],
                    "attempt": row["attempt"] + 1, "interruptible": row["interruptible"], "count": request.count,
                    "gpu_type": request.gpu_type, "memory": request.memory, "shared": request.shared,
                    "priority": request.priority, "seconds": row["timeout"],
                }  # fmt: skip
                made.append(self._ledger.enter(transaction, values))
                if (row["message"] or "").startswith(WAITS):
                    connection.execute(update(table).where(table.c.id == row["id"]).values(message=None))
            if not made:
                return
            granted = self._ledger.settle(transaction, found, devices)
            transaction.emit("gpus", *map(str, {*made, *granted}))
            transaction.emit("jobs", *map(str, sorted(still)))

    def environment(self, job: int) -> dict[str, str]:
        """What shows an attempt its devices and no others. Raises `Unavailable` where it holds none any more."""
        with self._store.read() as connection:
            lease = of_jobs(connection, [job]).get(job)
        if lease is None or lease.state is not LeaseState.GRANTED:
            raise Unavailable(f"the GPUs of job {job} were taken back", hint="it asks again")
        return environment_of(lease, self._source.devices())

    def devices(self, job: int) -> list[str]:
        """UUIDs of the devices that an attempt has now; none where it needs none."""
        with self._store.read() as connection:
            lease = of_jobs(connection, [job]).get(job)
        return list(lease.devices) if lease is not None and lease.state is LeaseState.GRANTED else []

    def let_go(self) -> None:
        """Give back what queued jobs have asked for: nobody is going to start them for a while."""
        job, lease = tables.jobs, tables.leases
        query = select(job.c.id).where(
            job.c.state == _QUEUED, job.c.id.in_(select(lease.c.job_id).where(lease.c.state.in_(LIVE)))
        )
        with self._store.read() as connection:
            numbers = list(connection.execute(query).scalars())
        for number in numbers:
            with self._store.write() as transaction:
                end_with_attempt(transaction, number, "cancelled", self._clock)

    def take_back(self) -> bool:
        """Choose which interruptible leases have to go for those that wait and rank higher; the jobs are told later.

        True where there is one to go.
        """
        table = tables.leases
        with self._store.read() as connection:
            held = [row for row in held_on(connection, self._ledger.host) if row["interruptible"]]
            if not held:
                return False
            waiting = {row["id"] for row in queue_of(connection, self._ledger.host)}
        stale = [row["id"] for row in held if row["wanted_by"] is not None and row["wanted_by"] not in waiting]
        if not waiting and not stale:
            return False
        try:
            found = self._source.devices()
        except Unavailable:
            return False
        with self._store.write() as transaction:
            connection = transaction.connection
            rows = self._ledger.lock(transaction, found)
            if stale:
                connection.execute(update(table).where(table.c.id.in_(stale)).values(wanted_by=None))
            queue = connection.execute(_RANKED, {"host": self._ledger.host}).mappings().all()
            devices = self._ledger.devices(connection, found, rows)
            # The latest comes first: it has the least to lose.
            leases = [
                Held(row["id"], row["devices"], row["priority"], row["memory"] or 0 if row["shared"] else None,
                     asked=row["wanted_by"], owner=row["owner"])
                for row in sorted(
                    held_on(connection, self._ledger.host), key=lambda one: (one["priority"], -one["id"])
                )
                if row["interruptible"]
            ]  # fmt: skip
            # Who is over a budget or a quota would not get what comes back.
            over = self._ledger.bounds(connection, {row["owner"] for row in queue})
            asking = [
                (request, row["priority"], row["interruptible"])
                for request, row in ((to_request(row), row) for row in queue)
                if over(request, {}) is None
            ]
            chosen = give_way(asking, devices, leases)
            for lease, wanter in chosen.items():
                connection.execute(update(table).where(table.c.id == lease).values(wanted_by=wanter))
                self._end_unused(transaction, lease)
            if chosen:
                transaction.emit("gpus", *map(str, chosen))
                self._ledger.settle(transaction, found)
        return True

    def _end_unused(self, transaction: Transaction, lease: int) -> None:
        """One whose job has not started is simply over; the job asks again."""
        connection = transaction.connection
        row = find(connection, str(lease))
        jobs = tables.jobs
        state = connection.execute(select(jobs.c.state).where(jobs.c.id == row["job_id"])).scalar()
        if state not in _ACTIVE:
            end_lease(connection, row, LeaseState.RELEASED, "preempted", self._clock.now())
            transaction.emit("jobs", str(row["job_id"]))


def end_with_attempt(transaction: Transaction, job: int, reason: str, clock: Clock) -> None:
    """Give back what a job holds, or its place in the queue for devices, in the transaction that ends its attempt."""
    table, connection = tables.leases, transaction.connection
    live = select(table).where(table.c.job_id == job, table.c.state.in_(LIVE))
    host = connection.execute(select(table.c.host).where(table.c.job_id == job, table.c.state.in_(LIVE))).scalar()
    if host is None:
        return
    # The order in which everybody locks: devices first.
    lock_devices(connection, host)
    row = connection.execute(live).mappings().first()
    if row is None:
        return
    said = "preempted" if row["wanted_by"] is not None else reason
    if end_lease(connection, row, LeaseState.RELEASED, said, clock.now()):
        transaction.emit("gpus", str(row["id"]))


_RANKED = (
    select(tables.leases)
    .where(tables.leases.c.host == bindparam("host"), tables.leases.c.state == WAITING)
    .order_by(tables.leases.c.place, tables.leases.c.id)
    .limit(20)
)


def _wanting(numbers: Iterable[int] | None = None) -> Select[Any]:
    """Numbers of queued jobs that need devices and have not asked for them."""
    job, lease = tables.jobs, tables.leases
    asked = select(lease.c.id).where(lease.c.job_id == job.c.id, lease.c.state.in_(LIVE)).exists()
    query = select(job.c.id).where(job.c.state == _QUEUED, job.c.gpus > 0, ~job.c.cancel_requested, ~asked)
    return query if numbers is None else query.where(job.c.id.in_(list(numbers)))


def _in_turn(connection: Connection, clock: Clock, per_user: int) -> list[RowMapping]:
    """Jobs that could start if they had devices: none whose retry is not due, whose owner or lane is full.

    What the owner or the lane has asked for counts as if it ran: a claim that could not be used keeps others waiting.
    """
    job, lease = tables.jobs, tables.leases
    asked = select(lease.c.id).where(lease.c.job_id == job.c.id, lease.c.state.in_(LIVE)).exists()
    busy = connection.execute(
        select(job.c.owner, job.c.lane, job.c.lane_limit).where(
            or_(job.c.state.in_(_ACTIVE), (job.c.state == _QUEUED) & asked)
        )
    ).all()
    owners = Counter(row.owner for row in busy)
    lanes = Counter(row.lane for row in busy if row.lane is not None)
    full = {row.lane for row in busy if row.lane_limit is not None and lanes[row.lane] >= row.lane_limit}
    rows = connection.execute(
        select(job)
        .where(
            job.c.id.in_(_wanting()),
            or_(job.c.not_before.is_(None), job.c.not_before <= clock.now()),
            job.c.owner.not_in([owner for owner, count in owners.items() if per_user and count >= per_user]),
            or_(job.c.lane.is_(None), job.c.lane.not_in(full)),
        )
        .order_by(job.c.priority.desc(), job.c.id)
        .limit(AT_ONCE)
    ).mappings()
    found = []
    for row in rows:
        if per_user and owners[row["owner"]] >= per_user:
            continue
        if row["lane"] is not None and row["lane_limit"] is not None and lanes[row["lane"]] >= row["lane_limit"]:
            continue
        owners[row["owner"]] += 1
        lanes[row["lane"]] += 1
        found.append(row)
    return found
