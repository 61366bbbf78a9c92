"""Leases as doors show them: with their place in the queue, and when they may start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from ...models import Lease, LeaseState
from ...store import tables
from .queue import Device, Request
from .rows import HELD, WAITING, held_on, place_of, queue_of, to_request, windows_on


def of_jobs(connection: Connection, numbers: Sequence[int], now: datetime | None = None) -> dict[int, Lease]:
    """The last lease of each of these jobs that has asked for devices, by the job's number.

    With `now` those that wait have their expected start.
    """
    if not numbers:
        return {}
    table = tables.leases
    last = select(func.max(table.c.id)).where(table.c.job_id.in_(numbers)).group_by(table.c.job_id)
    rows = connection.execute(select(table).where(table.c.id.in_(last))).mappings().all()
    return {row["job_id"]: to_lease_now(connection, row, now) for row in rows}


def to_lease_now(connection: Connection, row: RowMapping, now: datetime | None = None) -> Lease:
    """A lease with its position where it waits; with `now` also with its expected start."""
    place = place_of(connection, row) if row["state"] == WAITING else None
    starts = starts_on(connection, row["host"], now, place) if now is not None and place is not None else {}
    return to_lease(row, place, starts.get(row["id"]))


def to_lease(row: RowMapping, position: int | None = None, expected_start: datetime | None = None) -> Lease:
    """A lease as doors show it."""
    shown: dict[str, Any] = {
        name: row[name]
        for name in (
            "state", "owner", "devices", "cause", "held_up", "host", "kind", "label", "pid", "count", "gpu_type",
            "memory", "shared", "priority", "granted_at", "ends_at", "ended_at", "reason", "notebook", "interruptible",
            "idle_seconds", "idle_limit", "kept_until", "deployment",
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
    windows = windows_on(connection, host, now)
    devices = [
        Device(row["uuid"], row["name"], row["memory"], used=0, windows=windows.get(row["uuid"], ())) for row in rows
    ]
    return expected_starts(queue_of(connection, host, places), held_on(connection, host), devices, seconds, now)


def expected_starts(
    queue: Sequence[RowMapping], held: Sequence[RowMapping], devices: Sequence[Device], seconds: float, now: datetime
) -> dict[int, datetime]:
    """When each that waits may start, where a lease is held for `seconds`, or for less if it says so; id -> time."""
    free_at = {device.uuid: 0.0 for device in devices}
    for row in held:
        ends = row["ends_at"] or max(row["granted_at"] + timedelta(seconds=seconds), now)
        for uuid in row["devices"]:
            free_at[uuid] = max(free_at.get(uuid, 0.0), (ends - now).total_seconds())
    found = {}
    suitable: dict[object, list[Device]] = {}
    for row in queue:
        request = to_request(row)
        kind = (request.gpu_type, request.memory, tuple(request.wanted or ()))
        if kind not in suitable:
            suitable[kind] = [device for device in devices if request.suits(device)]
        if len(suitable[kind]) < request.count:
            continue
        can_from = {device.uuid: _open_from(request, device, free_at[device.uuid]) for device in suitable[kind]}
        taken = sorted(can_from, key=can_from.__getitem__)[: request.count]
        start = max(can_from[uuid] for uuid in taken)
        found[request.id] = now + timedelta(seconds=start)
        for uuid in taken:
            free_at[uuid] = start + min(row["seconds"] or seconds, seconds)
    return found


def _open_from(request: Request, device: Device, after: float) -> float:
    """Seconds from now on until a device that is free `after` so many is not kept for others either."""
    while (window := request.kept_out(device, after)) is not None:
        after = window.ends
    return after


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
