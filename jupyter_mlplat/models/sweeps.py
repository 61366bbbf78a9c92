"""Sweeps: one notebook at many points of its parameters."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from .base import Model, Name
from .jobs import JobOptions


class SweepState(StrEnum):
    """Where a sweep stands; `partial` has points that succeeded and points that did not."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Span(Model):
    """A range of numbers, both ends included; `log` spreads points evenly over orders of magnitude."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _has_room(self) -> Span:
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.log and self.low <= 0:
            raise ValueError("a log range begins above 0")
        return self


class Objective(Model):
    """A metric, and which of its values are better."""

    metric: str = Field(min_length=1, max_length=250)
    direction: Literal["minimize", "maximize"] = "maximize"


class SweepSpec(JobOptions):
    """A notebook, and the points of a space of its parameters at which it runs."""

    notebook: str = Field(min_length=1, max_length=4096, description="path of the notebook")
    name: Name | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="values that all points share")
    space: dict[str, Span | list[JsonValue]] = Field(
        default_factory=dict,
        description="parameter -> its values, or a range; without one optuna takes the notebook's own limits",
    )
    strategy: Literal["grid", "random", "optuna"] = "grid"
    trials: int | None = Field(None, ge=1, le=1000, description="how many points; a grid has all of them")
    metric: str | None = Field(None, max_length=250, description="what the best point is the best of")
    direction: Literal["minimize", "maximize"] = "maximize"
    objectives: list[Objective] = Field(
        default_factory=list, max_length=5, description="several metrics at once, in place of `metric`"
    )
    constraints: list[Annotated[str, Field(max_length=300)]] = Field(
        default_factory=list, max_length=10, description="bounds on metrics that a good point keeps: latency <= 0.2"
    )
    sampler: Literal["tpe", "random", "gp", "cmaes", "nsgaii", "qmc"] | None = Field(
        None, description="how optuna chooses points; tpe by default"
    )
    pruner: Literal["median", "halving", "hyperband", "none"] | None = Field(
        None, description="which points that `mlplat.report` has optuna end early; median by default"
    )
    parallel: int | None = Field(None, ge=1, le=1000, description="points that run at the same time")
    seed: int = Field(0, ge=0, le=2**31 - 1)


class PointState(StrEnum):
    """Where the job of a point stands; `pruned` is one that succeeded without having run to its end."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PRUNED = "pruned"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"


class SweepPoint(Model):
    """One point of a sweep, and the newest job that ran it."""

    job_id: str
    state: PointState
    point: dict[str, JsonValue]
    value: float | None = Field(None, description="of the sweep's metric")
    values: list[float | None] = Field(default_factory=list, description="of its objectives")
    pruned_at: int | None = Field(None, description="the step at which the study found it hopeless")
    feasible: bool | None = Field(None, description="it keeps the constraints; null where there are none, or no values")
    front: bool = Field(False, description="of several objectives: no other point is better in all of them")


class Sweep(Model):
    """A notebook at many points of its parameters, one job for each."""

    id: str
    name: str
    owner: str
    state: SweepState
    notebook: str
    parameters: dict[str, JsonValue]
    options: JobOptions
    space: dict[str, Span | list[JsonValue]]
    strategy: Literal["grid", "random", "optuna"]
    trials: int
    metric: str | None = None
    direction: Literal["minimize", "maximize"]
    objectives: list[Objective] = Field(default_factory=list, description="`metric` is the first of them")
    constraints: list[str] = Field(default_factory=list)
    sampler: str | None = None
    pruner: str | None = None
    study: str | None = Field(None, description="where Optuna keeps it: a journal, or a database without its password")
    study_code: str | None = Field(None, description="how Optuna itself opens it, in Python")
    study_dashboard: str | None = Field(None, description="how its dashboard does, in a shell")
    parallel: int | None = None
    message: str | None = None
    counts: dict[str, int] = Field(description="point state -> points")
    best: SweepPoint | None = Field(None, description="null with several objectives: those with `front`")
    points: list[SweepPoint] = Field(default_factory=list, description="empty in lists")
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class StudyTrial(Model):
    """A trial of a sweep's study, as Optuna has it."""

    number: int
    job_id: str | None = Field(None, description="the newest job that ran it")
    state: str = Field(description="running, complete, pruned or fail")
    values: list[float | None] = Field(default_factory=list, description="of the objectives")
    params: dict[str, JsonValue]
    intermediate: list[list[float | None]] = Field(
        default_factory=list, description="what it reported on its way: [step, value], by step"
    )
    duration_s: float | None = Field(None, description="from the choice of the point to its result")


class SweepStudy(Model):
    """What a sweep's study knows."""

    trials: list[StudyTrial]
    importance: dict[str, float] | None = Field(
        None, description="share of each parameter in reaching the best values; null while there are few"
    )
    front: list[int] = Field(
        description="numbers of the best trials: one, or with several objectives those of the front"
    )
