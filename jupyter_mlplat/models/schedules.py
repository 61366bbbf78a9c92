"""Schedules, and what became of their instants."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from .base import LONGEST, Model, Name
from .jobs import JobOptions, JobSpec


class ScheduleState(StrEnum):
    """Where a schedule stands; an ended one has no instant left."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Overlap(StrEnum):
    """What becomes of a due instant while an earlier job of the schedule has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"
    REPLACE = "replace"


class CatchUp(StrEnum):
    """Which instants still run that were due while no engine lived."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class OccurrenceState(StrEnum):
    """What became of a due instant."""

    RAN = "ran"
    CAUGHT_UP = "caught_up"
    SKIPPED = "skipped"
    MISSED = "missed"


class When(Model):
    """When a schedule is due, by one of `cron`, `every` and `at`, and what it does when things get in the way."""

    cron: str | None = Field(None, max_length=200, description="five fields: minute hour day month weekday")
    timezone: str = Field("UTC", max_length=64, description="IANA zone in which cron is read, like Europe/Berlin")
    every: float | None = Field(None, ge=1, le=366 * 86400, description="seconds between two instants")
    at: AwareDatetime | None = Field(None, description="one instant")
    overlap: Overlap = Field(Overlap.QUEUE, description="while an earlier job of it has not ended")
    catch_up: CatchUp = Field(CatchUp.LATEST, description="instants that were due while nothing could run them")
    catch_up_limit: int = Field(100, ge=1, le=1000, description="with catch_up all, at most so many of the newest")
    max_lateness: float | None = Field(None, gt=0, le=LONGEST, description="seconds after which an instant is missed")


class ScheduleSpec(JobSpec, When):
    """A notebook, what its jobs are asked for, and when."""


class ScheduleChange(JobOptions, When):
    """What to change of a schedule; what is absent stays as it is."""

    name: Name | None = None
    parameters: dict[str, JsonValue] | None = None


class Occurrence(Model):
    """What became of one due instant: each has exactly one."""

    scheduled_for: AwareDatetime
    state: OccurrenceState
    reason: str | None = None
    job_id: str | None = None
    decided_at: AwareDatetime


class Schedule(Model):
    """A notebook that runs at certain instants, as it was when it was scheduled or last promoted."""

    id: str
    name: str
    owner: str
    state: ScheduleState
    revision: int
    notebook: str
    parameters: dict[str, JsonValue]
    options: JobOptions
    when: When
    next_at: AwareDatetime | None = None
    last: Occurrence | None = Field(None, description="the newest occurrence")
    edited: bool | None = Field(
        None, description="the notebook has other code than what runs; null where it was not looked at or is gone"
    )
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ScheduleAction(Model):
    """What becomes, or would become, of one notebook's schedule when schedules come from elsewhere."""

    action: Literal["create", "update", "unchanged", "unmanaged", "refused"]
    notebook: str
    schedule_id: str | None = None
    changes: list[str] = Field(default_factory=list)
    message: str | None = None


class FireTime(Model):
    """A future instant, in UTC and in the schedule's zone."""

    utc: AwareDatetime
    local: str = Field(description="ISO 8601 with the zone's offset")
