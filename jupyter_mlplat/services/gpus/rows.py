"""From the store's rows to leases, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, or_, select

from ...models import JobState, Lease, LeaseState
from ...store import tables
from ..rows import number_of, unknown
from .queue import PATIENCE, Device, Rank, Request

WAITING = LeaseState.QUEUED.value
HELD = LeaseState.GRANTED.value
LIVE = (WAITING, HELD)
FAIR = timedelta(hours=24)
"""Fair share looks back so far."""


_LEASES = tables.leases.c
# A statement that is made once is found among the compiled ones at once; and few columns make a long queue short.
_FIND = select(tables.leases).where(_LEASES.id == bindparam("number"))
_QUEUE = (
    select(
        _LEASES.id, _LEASES.owner, _LEASES.count, _LEASES.gpu_type, _LEASES.memory, _LEASES.wanted, _LEASES.shared,
        _LEASES.seconds, _LEASES.held_up,
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
    _LEASES.boot,
    _LEASES.pid,
    _LEASES.pid_started,
    _LEASES.user_pid,
    _LEASES.user_started,
    _LEASES.ends_at,
).where(_LEASES.host == bindparam("host"), _LEASES.state.in_(LIVE))


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


def of_jobs(connection: Connection, numbers: Sequence[int], now: datetime | None = None) -> dict[int, Lease]:
    """The last lease of each of these jobs that has asked for devices, by the job's number.

    With `now` those that wait have their expected start.
    """
    if not numbers:
        return {}
    table = tables.leases
    last = select(func.max(table.c.id)).where(table.c.job_id.in_(numbers)).group_by(table.c.job_id)
    rows = connection.execute(select(table).where(table.c.id.in_(last))).mappings().all()
    found = {}
    for row in rows:
        place = place_of(connection, row) if row["state"] == WAITING else None
        starts = starts_on(connection, row["host"], now, place) if now is not None and place is not None else {}
        found[row["job_id"]] = to_lease(row, place, starts.get(row["id"]))
    return found


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


def typical_seconds(connection: Connection, host: str) -> float | None:
    """How long leases on a host were held: the median of the last 50; None where there was none."""
    table = tables.leases
    last: list[Any] = []
    for state in (LeaseState.RELEASED, LeaseState.EXPIRED):  # one by one, so that an index leads to the last ones
        last += connection.execute(
            select(table.c.id, table.c.granted_at, table.c.ended_at)
            .where(table.c.state == state.value, table.c.host == host, table.c.granted_at.is_not(None))
            .order_by(table.c.id.desc())
            .limit(50)
        ).all()
    last.sort(key=lambda row: -row.id)
    held: list[float] = sorted((row.ended_at - row.granted_at).total_seconds() for row in last[:50])
    return held[len(held) // 2] if held else None


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
    )


def to_rank(row: RowMapping) -> Rank:
    """What the place of one of the queue comes from."""
    return Rank(row["owner"], row["priority"], row["load"], row["interruptible"], row["waited"])


def to_lease(row: RowMapping, position: int | None = None, expected_start: datetime | None = None) -> Lease:
    """A lease as doors show it."""
    shown: dict[str, Any] = {
        name: row[name]
        for name in (
            "state", "owner", "devices", "cause", "held_up", "host", "kind", "label", "pid", "count", "gpu_type",
            "memory", "shared", "priority", "granted_at", "ends_at", "ended_at", "reason", "notebook", "interruptible",
            "idle_seconds", "idle_limit", "kept_until",
        )
    }  # fmt: skip
    for name in ("job_id", "wanted_by"):
        shown[name] = None if row[name] is None else str(row[name])
    if row["state"] != WAITING:
        shown |= {"cause": None, "held_up": None}
    if row["state"] == HELD:
        shown["idle_since"] = row["idle_since"]
    return Lease(
        id=str(row["id"]),
        requested_at=row["created_at"],
        position=position,
        expected_start=expected_start,
        **shown,
    )


def starts_on(connection: Connection, host: str, now: datetime, places: int | None = None) -> Mapping[int, datetime]:
    """When those that wait for devices of a host may start, or the first so many of them; id -> time."""
    seconds = typical_seconds(connection, host)
    if seconds is None:
        return {}
    table = tables.devices
    rows = connection.execute(select(table).where(table.c.host == host)).mappings()
    devices = [Device(row["uuid"], row["name"], row["memory"], used=0) for row in rows]
    return expected_starts(queue_of(connection, host, places), held_on(connection, host), devices, seconds, now)


def expected_starts(
    queue: Sequence[RowMapping], held: Sequence[RowMapping], devices: Sequence[Device], seconds: float, now: datetime
) -> dict[int, datetime]:
    """When each that waits may start, where every lease is held for `seconds`; id -> time."""
    free_at = {device.uuid: now for device in devices}
    for row in held:
        ends = row["ends_at"] or max(row["granted_at"] + timedelta(seconds=seconds), now)
        for uuid in row["devices"]:
            free_at[uuid] = max(free_at.get(uuid, now), ends)
    found = {}
    suitable: dict[object, list[str]] = {}
    for row in queue:
        request = to_request(row)
        kind = (request.gpu_type, request.memory, tuple(request.wanted or ()))
        if kind not in suitable:
            suitable[kind] = [device.uuid for device in devices if request.suits(device)]
        if len(suitable[kind]) < request.count:
            continue
        taken = sorted(suitable[kind], key=free_at.__getitem__)[: request.count]
        start = max(free_at[uuid] for uuid in taken)
        found[request.id] = start
        for uuid in taken:
            free_at[uuid] = start + timedelta(seconds=row["seconds"] or seconds)
    return found
