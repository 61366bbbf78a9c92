"""From the store's rows to sweeps and their points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ....models import JobOptions, JobState, PointState, Span, Sweep, SweepPoint
from ....store import tables
from ...rows import find_in
from ..notices import shown_options
from .plan import Plan
from .space import Space
from .storage import place_of


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
    plan = Plan.of(row)
    study = place_of(row, connection.engine.url) if row["strategy"] == "optuna" else None
    points = mark_front([to_point(one, plan) for one in children_of(connection, row["id"])], plan)
    return Sweep(
        id=str(row["id"]),
        parameters=row["job"]["parameters"],
        options=shown_options(JobOptions(**row["job"]["options"])),
        space=space_of(row["space"]),
        counts=dict(Counter(one.state.value for one in points)),
        best=best_of(points, row["direction"]) if len(plan.objectives) < 2 else None,
        points=points,
        objectives=list(plan.objectives),
        constraints=[str(one) for one in plan.constraints],
        sampler=plan.sampler if row["strategy"] == "optuna" else None,
        pruner=plan.pruner if row["strategy"] == "optuna" else None,
        study=study.shown if study else None,
        study_code=study.code if study else None,
        study_dashboard=study.dashboard if study else None,
        **{
            name: row[name]
            for name in (
                "name", "owner", "state", "notebook", "strategy", "trials", "metric", "direction", "parallel",
                "message", "created_at", "ended_at",
            )
        },
    )  # fmt: skip


def to_point(job: RowMapping, plan: Plan) -> SweepPoint:
    ended = JobState(job["state"]) is JobState.SUCCEEDED
    return SweepPoint(
        job_id=str(job["id"]),
        state=PointState.PRUNED if job["pruned_at"] is not None else PointState(job["state"]),
        point=job["point"],
        value=value_of(job, plan.objectives[0].metric if plan.objectives else None),
        values=plan.values(job["metric"]),
        pruned_at=job["pruned_at"],
        feasible=plan.feasible(job["metric"]) if plan.constraints and ended else None,
    )


def best_of(points: Iterable[SweepPoint], direction: str) -> SweepPoint | None:
    """The first point with the best value, of those that keep the constraints."""
    valued = [one for one in points if one.value is not None and is_whole(one)]
    sign = 1 if direction == "minimize" else -1
    return min(valued, key=lambda one: sign * (one.value or 0.0), default=None)


def is_whole(point: SweepPoint) -> bool:
    """True for one that ran to its end and keeps the constraints."""
    return point.state is PointState.SUCCEEDED and point.feasible is not False


def mark_front(points: list[SweepPoint], plan: Plan) -> list[SweepPoint]:
    """Of several objectives: those points than which no other one is at least as good in all and better in one."""
    if len(plan.objectives) < 2:
        return points
    signs = [1 if one.direction == "minimize" else -1 for one in plan.objectives]
    costs = {
        place: [sign * value for sign, value in zip(signs, one.values, strict=True) if value is not None]
        for place, one in enumerate(points)
        if is_whole(one) and None not in one.values
    }
    front = {
        place
        for place, cost in costs.items()
        if not any(other != cost and all(a <= b for a, b in zip(other, cost, strict=True)) for other in costs.values())
    }
    return [one.model_copy(update={"front": place in front}) for place, one in enumerate(points)]


def value_of(job: RowMapping, metric: str | None) -> float | None:
    """The sweep's metric of a job; without one, the metric that the notebook marks as its own."""
    name = metric or job["metric_name"]
    value = job["metric"].get(name) if name else None
    return float(value) if value is not None else None


def space_column(space: Space) -> dict[str, Any]:
    return {name: one.model_dump() if isinstance(one, Span) else list(one) for name, one in space.items()}


def space_of(column: Mapping[str, Any]) -> dict[str, Span | list[Any]]:
    return {name: Span(**one) if isinstance(one, dict) else one for name, one in column.items()}
