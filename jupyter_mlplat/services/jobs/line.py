"""The queue as somebody who waits in it sees it: positions, and when it is probably their turn."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Connection, select

from ...models import JobState
from ...store import tables

ACTIVE = (JobState.STARTING.value, JobState.RUNNING.value)
HISTORY = 200
"""How many of the newest successful jobs tell how long such jobs take."""


@dataclass(frozen=True)
class Place:
    """Where a queued job stands: its place from 1, and when it probably starts.

    None where nothing tells, and where nothing keeps it from starting now.
    """

    position: int
    expected_start: datetime | None


def places(connection: Connection, now: datetime, slots: int) -> dict[int, Place]:
    """The place of every queued job, by its number; `slots` is how many run at the same time."""
    table = tables.jobs
    queued = connection.execute(
        select(table.c.id, table.c.notebook, table.c.not_before)
        .where(table.c.state == JobState.QUEUED.value)
        .order_by(table.c.priority.desc(), table.c.id)
    ).all()
    if not queued:
        return {}
    lengths = _lengths(connection)
    usual = median(lengths.values()) if lengths else None
    running = connection.execute(select(table.c.notebook, table.c.started_at).where(table.c.state.in_(ACTIVE))).all()
    if usual is None and len(running) >= slots:
        return {row.id: Place(number, None) for number, row in enumerate(queued, 1)}
    left = [
        max(
            lengths.get(row.notebook, usual or 0.0)
            - ((now - row.started_at).total_seconds() if row.started_at else 0.0),
            0.0,
        )
        for row in running
    ]
    waits = expected_waits(
        left,
        [
            (
                lengths.get(row.notebook, usual),
                max((row.not_before - now).total_seconds(), 0.0) if row.not_before else 0.0,
            )
            for row in queued
        ],
        slots,
    )
    return {
        row.id: Place(number, now + timedelta(seconds=wait) if wait else None)
        for number, (row, wait) in enumerate(zip(queued, waits, strict=True), 1)
    }


def expected_waits(
    running: Iterable[float], queued: Iterable[tuple[float | None, float]], slots: int
) -> list[float | None]:
    """Seconds until each queued job starts.

    `running` are the seconds that each running job still needs, `queued` the length of each waiting one
    (None: unknown, and so is everything that comes to stand behind it) and the seconds that it must wait in any case.
    """
    busy = list(running)
    free = [0.0] * max(slots - len(busy), 0) + busy
    heapq.heapify(free)
    waits: list[float | None] = []
    for length, least in queued:
        if not free:
            waits.append(None)
            continue
        start = max(heapq.heappop(free), least)
        waits.append(start)
        if length is not None:
            heapq.heappush(free, start + length)
    return waits


def _lengths(connection: Connection) -> Mapping[str, float]:
    """How many seconds each notebook took, by the median of its newest successes."""
    table = tables.jobs
    taken: dict[str, list[float]] = {}
    for row in connection.execute(
        select(table.c.notebook, table.c.started_at, table.c.ended_at)
        .where(table.c.state == JobState.SUCCEEDED.value)
        .order_by(table.c.id.desc())
        .limit(HISTORY)
    ):
        if row.started_at and row.ended_at:
            taken.setdefault(row.notebook, []).append((row.ended_at - row.started_at).total_seconds())
    return {notebook: median(lengths) for notebook, lengths in taken.items()}
