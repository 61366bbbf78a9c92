"""From the store's rows to leases, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, or_, select

from ...models import DeploymentState, HolderKind, JobState, LeaseState
from ...store import tables
from ..rows import number_of, unknown
from .queue import PATIENCE, Rank, Request, Window

WAITING = LeaseState.QUEUED.value
HELD = LeaseState.GRANTED.value
LIVE = (WAITING, HELD)
LASTING = (HolderKind.JOB.value, HolderKind.DEPLOYMENT.value)
FAIR = timedelta(hours=24)
"""Fair share looks back so far."""


_LEASES = tables.leases.c
# A statement that is made once is found among the compiled ones at once; and few columns make a long queue short.
_FIND = select(tables.leases).where(_LEASES.id == bindparam("number"))
_QUEUE = (
    select(
        _LEASES.id, _LEASES.owner, _LEASES.count, _LEASES.gpu_type, _LEASES.memory, _LEASES.wanted, _LEASES.shared,
        _LEASES.seconds, _LEASES.held_up, _LEASES.kind, _LEASES.interruptible,
    )
    .where(_LEASES.host == bindparam("host"), _LEASES.state == WAITING)
    .order_by(_LEASES.place, _LEASES.id)
)  # fmt: skip
_RANKS = (
    select(
        _LEASES.id, _LEASES.place, _LEASES.owner, _LEASES.priority, _LEASES.load, _LEASES.interruptible,
        (_LEASES.created_at <= bindparam("waits_since")).label("waited"),
    )
    .where(_LEASES.host == bindparam("host"), _LEASES.state == WAITING)
    .order_by(_LEASES.place, _LEASES.id)
)  # fmt: skip
# Those that wait differ in nothing that counts here, however many they are.
_ALIKE = (_LEASES.state, _LEASES.count, _LEASES.granted_at, _LEASES.ended_at)
_LOAD = (
    select(*_ALIKE, func.count().label("rows"))
    .where(
        _LEASES.owner == bindparam("whose"),
        or_(_LEASES.ended_at.is_(None), _LEASES.ended_at > bindparam("since")),
    )
    .group_by(*_ALIKE)
)
_LIVE = select(
    _LEASES.id,
    _LEASES.job_id,
    _LEASES.deployment,
    _LEASES.kind,
    _LEASES.seconds,
    _LEASES.boot,
    _LEASES.pid,
    _LEASES.pid_started,
    _LEASES.user_pid,
    _LEASES.user_started,
    _LEASES.ends_at,
).where(_LEASES.host == bindparam("host"), _LEASES.state.in_(LIVE))
_RESERVED = tables.reservations.c
_WINDOWS = (
    select(_RESERVED.whose, _RESERVED.users, _RESERVED.devices, _RESERVED.starts_at, _RESERVED.ends_at)
    .where(
        _RESERVED.host == bindparam("host"),
        _RESERVED.ends_at > bindparam("now", type_=_RESERVED.ends_at.type),
        _RESERVED.cancelled_at.is_(None),
    )
    .order_by(_RESERVED.starts_at, _RESERVED.id)
)


def find(connection: Connection, lease_id: str) -> RowMapping:
    """The row of a lease. Raises `NotFound`."""
    row = connection.execute(_FIND, {"number": number_of(lease_id, "lease")}).mappings().first()
    if row is None:
        raise unknown(lease_id, "lease")
    return row


def queue_of(connection: Connection, host: str, places: int | None = None) -> Sequence[RowMapping]:
    """Those that wait for devices of a host, the head first, or so many of them: what they ask for."""
    return connection.execute(_QUEUE.limit(places), {"host": host}).mappings().all()


def ranks_of(connection: Connection, host: str, now: datetime) -> Sequence[RowMapping]:
    """The same: what their order comes from."""
    return connection.execute(_RANKS, {"host": host, "waits_since": now - PATIENCE}).mappings().all()


def waiting_on(connection: Connection, host: str) -> Sequence[RowMapping]:
    """Those that wait for devices of a host, the head first, as they are shown."""
    table = tables.leases
    query = select(table).where(table.c.host == host, table.c.state == WAITING).order_by(table.c.place, table.c.id)
    return connection.execute(query).mappings().all()


def held_on(connection: Connection, host: str) -> Sequence[RowMapping]:
    """The leases that have devices of a host, the oldest first."""
    table = tables.leases
    query = select(table).where(table.c.host == host, table.c.state == HELD).order_by(table.c.id)
    return connection.execute(query).mappings().all()


def live_on(connection: Connection, host: str) -> Sequence[RowMapping]:
    """Those that have devices of a host or wait for some: what says whether they are over."""
    return connection.execute(_LIVE, {"host": host}).mappings().all()


def living_jobs(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Those of these jobs that have not ended."""
    if not numbers:
        return set()
    table = tables.jobs
    living = [state.value for state in JobState if not state.ended]
    query = select(table.c.id).where(table.c.id.in_(numbers), table.c.state.in_(living))
    return set(connection.execute(query).scalars())


def living_deployments(connection: Connection, names: Sequence[str]) -> set[str]:
    """Those of these deployments that are there and have not failed."""
    if not names:
        return set()
    table = tables.deployments
    query = select(table.c.name).where(table.c.name.in_(names), table.c.state != DeploymentState.FAILED.value)
    return set(connection.execute(query).scalars())


def place_of(connection: Connection, row: RowMapping) -> int:
    """The position of one that waits, from 1."""
    table = tables.leases
    before = or_(table.c.place < row["place"], and_(table.c.place == row["place"], table.c.id < row["id"]))
    query = select(func.count()).where(table.c.host == row["host"], table.c.state == WAITING, before)
    return int(connection.execute(query).scalar_one()) + 1


def devices_by_owner(connection: Connection) -> dict[str, int]:
    """How many devices, or shares of one, each owner has on all hosts."""
    table = tables.leases
    query = select(table.c.owner, func.sum(table.c.count)).where(table.c.state == HELD).group_by(table.c.owner)
    return {owner: int(count) for owner, count in connection.execute(query)}


def load_of(connection: Connection, owner: str, now: datetime) -> float:
    """Devices that an owner has or waits for, and how many it had on average in the last 24 hours."""
    rows = connection.execute(_LOAD, {"whose": owner, "since": now - FAIR})
    load = 0.0
    for row in rows.mappings():
        devices = row["count"] * row["rows"]
        if row["state"] in LIVE:
            load += devices
        if row["granted_at"] is not None:
            span = (row["ended_at"] or now) - max(row["granted_at"], now - FAIR)
            load += devices * max(span / FAIR, 0.0)
    return load


def to_request(row: RowMapping) -> Request:
    """What one of the queue asks for."""
    return Request(
        id=row["id"],
        owner=row["owner"],
        count=row["count"],
        gpu_type=row["gpu_type"],
        memory=row["memory"],
        wanted=row["wanted"],
        shared=row["shared"],
        seconds=row["seconds"],
        lasting=is_lasting(row),
    )


def is_lasting(row: Mapping[Any, Any]) -> bool:
    """True for a claim that cannot be cut short: what runs with it would be lost."""
    return row["kind"] in LASTING and not row["interruptible"]


def to_rank(row: RowMapping) -> Rank:
    """What the place of one of the queue comes from."""
    return Rank(row["owner"], row["priority"], row["load"], row["interruptible"], row["waited"])


def windows_on(connection: Connection, host: str, now: datetime) -> dict[str, list[Window]]:
    """The reservations of a host that have not ended, by device, the earliest first."""
    found: dict[str, list[Window]] = {}
    for row in connection.execute(_WINDOWS, {"host": host, "now": now}).mappings():
        starts, ends = row["starts_at"], row["ends_at"]
        words = f"reserved for {row['whose']} from {starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC"
        window = Window(frozenset(row["users"]), (starts - now).total_seconds(), (ends - now).total_seconds(), words)
        for uuid in row["devices"]:
            found.setdefault(uuid, []).append(window)
    return found
