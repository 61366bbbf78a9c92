"""From the store's rows to sweeps and their points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ....models import JobOptions, JobState, Span, Sweep, SweepPoint, SweepSpec
from ....store import tables
from ...rows import find_in
from ..notices import shown_options


def find(connection: Connection, sweep_id: str) -> RowMapping:
    """The row of a sweep. Raises `NotFound`."""
    return find_in(connection, tables.sweeps, sweep_id)


def children_of(connection: Connection, sweep: int) -> list[RowMapping]:
    """The newest job of every point, in the order of the points."""
    table = tables.jobs
    rows = connection.execute(select(table).where(table.c.sweep_id == sweep).order_by(table.c.id)).mappings()
    newest: dict[int, RowMapping] = {row["trial"]: row for row in rows}
    return [newest[trial] for trial in sorted(newest)]


def to_sweep(connection: Connection, row: RowMapping) -> Sweep:
    points = [
        SweepPoint(job_id=str(one["id"]), state=one["state"], point=one["point"], value=value_of(one, row["metric"]))
        for one in children_of(connection, row["id"])
    ]
    return Sweep(
        id=str(row["id"]),
        parameters=row["job"]["parameters"],
        options=shown_options(JobOptions(**row["job"]["options"])),
        space=space_of(row["space"]),
        counts=dict(Counter(one.state.value for one in points)),
        best=best_of(points, row["direction"]),
        points=points,
        **{
            name: row[name]
            for name in (
                "name", "owner", "state", "notebook", "strategy", "trials", "metric", "direction", "parallel",
                "message", "created_at", "ended_at",
            )
        },
    )  # fmt: skip


def best_of(points: Iterable[SweepPoint], direction: str) -> SweepPoint | None:
    """The first point with the best value."""
    valued = [one for one in points if one.value is not None and one.state is JobState.SUCCEEDED]
    sign = 1 if direction == "minimize" else -1
    return min(valued, key=lambda one: sign * (one.value or 0.0), default=None)


def value_of(job: RowMapping, metric: str | None) -> float | None:
    """The sweep's metric of a job; without one, the metric that the notebook marks as its own."""
    name = metric or job["metric_name"]
    value = job["metric"].get(name) if name else None
    return float(value) if value is not None else None


def space_column(spec: SweepSpec) -> dict[str, Any]:
    return {name: one.model_dump() if isinstance(one, Span) else list(one) for name, one in spec.space.items()}


def space_of(column: Mapping[str, Any]) -> dict[str, Span | list[Any]]:
    return {name: Span(**one) if isinstance(one, dict) else one for name, one in column.items()}
