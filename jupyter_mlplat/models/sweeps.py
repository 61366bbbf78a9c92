"""Sweeps: one notebook at many points of its parameters."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from .base import Model, Name
from .jobs import JobOptions, JobState


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


class SweepSpec(JobOptions):
    """A notebook, and the points of a space of its parameters at which it runs."""

    notebook: str = Field(min_length=1, max_length=4096, description="path of the notebook")
    name: Name | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="values that all points share")
    space: dict[str, Span | list[JsonValue]] = Field(min_length=1, description="parameter -> its values, or a range")
    strategy: Literal["grid", "random", "optuna"] = "grid"
    trials: int | None = Field(None, ge=1, le=1000, description="how many points; a grid has all of them")
    metric: str | None = Field(None, max_length=250, description="what the best point is the best of")
    direction: Literal["minimize", "maximize"] = "maximize"
    parallel: int | None = Field(None, ge=1, le=1000, description="points that run at the same time")
    seed: int = Field(0, ge=0, le=2**31 - 1)


class SweepPoint(Model):
    """One point of a sweep, and the newest job that ran it."""

    job_id: str
    state: JobState
    point: dict[str, JsonValue]
    value: float | None = Field(None, description="of the sweep's metric")


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
    parallel: int | None = None
    message: str | None = None
    counts: dict[str, int] = Field(description="job state -> points")
    best: SweepPoint | None = None
    points: list[SweepPoint] = Field(default_factory=list, description="empty in lists")
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None
