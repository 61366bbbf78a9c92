"""Pipelines: a graph of notebooks, each of which runs as a job when its turn comes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue

from .base import Model, Name
from .jobs import JobOptions, JobState
from .notices import Notify

NodeName = Annotated[str, Field(max_length=63, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]


class RunIf(StrEnum):
    """When a node runs, once every node that it needs has ended; otherwise it is skipped."""

    ALL_SUCCEEDED = "all_succeeded"
    ANY_SUCCEEDED = "any_succeeded"
    ANY_FAILED = "any_failed"
    ALL_ENDED = "all_ended"


class PipelineNode(JobOptions):
    """One notebook of a pipeline.

    A parameter of the form `{"from": "NODE.results.KEY"}` gets what an earlier node left: `results.KEY`,
    `metrics.KEY`, `parameters.KEY`, `run_id`, `output` (path of the executed notebook) or `job_id`; with
    `{"from": "parameters.KEY"}` it is the pipeline's own. `{"value": X}` is X itself, whatever it looks like.
    """

    notebook: str = Field(min_length=1, max_length=4096, description="path; a relative one starts at the file")
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    needs: list[NodeName] = Field(default_factory=list, description="nodes that come before; references count too")
    run_if: RunIf = RunIf.ALL_SUCCEEDED


class PipelineSpec(Model):
    """A graph of notebooks."""

    name: Name
    nodes: dict[NodeName, PipelineNode] = Field(min_length=1, max_length=200)
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="values that nodes may refer to")
    notify: list[Notify] = Field(default_factory=list, max_length=20)


class PipelineState(StrEnum):
    """Where a pipeline stands; it failed when a node did, even where another one ran because of that."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PipelineNodeRun(Model):
    """One node of a pipeline, and the newest job that ran it."""

    name: str
    notebook: str
    needs: list[str]
    run_if: RunIf
    job_id: str | None = None
    state: JobState | None = Field(None, description="of its job; null while it waits for others")
    message: str | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class Pipeline(Model):
    """A graph of notebooks on its way."""

    id: str
    name: str
    owner: str
    state: PipelineState
    parameters: dict[str, JsonValue]
    counts: dict[str, int] = Field(description="job state -> nodes; those that wait are `waiting`")
    nodes: list[PipelineNodeRun] = Field(default_factory=list, description="in an order in which they may run")
    message: str | None = None
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None
