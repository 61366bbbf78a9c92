"""Deployments: served models."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from .base import Model, Slug
from .gpu_options import GPUOptions
from .gpus import Lease


class DeploymentState(StrEnum):
    """Where an endpoint stands."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    STOPPED = "stopped"


DEPLOYMENT_MOVES: Mapping[DeploymentState, frozenset[DeploymentState]] = {
    DeploymentState.STARTING: frozenset({DeploymentState.READY, DeploymentState.FAILED, DeploymentState.STOPPED}),
    DeploymentState.READY: frozenset({DeploymentState.DEGRADED, DeploymentState.FAILED, DeploymentState.STOPPED}),
    DeploymentState.DEGRADED: frozenset(
        {DeploymentState.READY, DeploymentState.STARTING, DeploymentState.FAILED, DeploymentState.STOPPED}
    ),
    DeploymentState.FAILED: frozenset({DeploymentState.STARTING, DeploymentState.STOPPED}),
    DeploymentState.STOPPED: frozenset({DeploymentState.STARTING}),
}


class DeploymentSpec(GPUOptions):
    """What somebody asks for when they deploy a model."""

    name: Slug
    model: str = Field(pattern=r"^models:/.+", max_length=500, description="models:/name/version or models:/name@alias")
    target: Literal["local"] = "local"


class DeployedVersion(Model):
    """A model version behind an endpoint, with its share of the traffic in percent."""

    model: str
    version: str
    uri: str
    run_id: str | None = None
    traffic: int = Field(100, ge=0, le=100)


class Deployment(Model):
    """A served model: its address, and what stands behind it."""

    name: str
    owner: str
    target: str
    state: DeploymentState
    url: str | None = Field(None, description="the endpoint's own base")
    token_file: str | None = Field(None, description="a file that holds the bearer token and nothing else")
    versions: list[DeployedVersion]
    example: dict[str, JsonValue] | None = Field(None, description="one valid /invocations body")
    message: str | None = None
    restarts: int = 0
    gpus: int = 0
    gpu_type: str | None = None
    gpu_memory: int | None = None
    gpu_shared: bool = False
    lease: Lease | None = Field(None, description="its claim on GPUs, held or waited for; null while it has none")
    created_at: AwareDatetime
    updated_at: AwareDatetime
