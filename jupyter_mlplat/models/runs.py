"""Runs, and the models that they leave."""

from __future__ import annotations

from pydantic import AwareDatetime, Field, JsonValue

from .base import Model


class Experiment(Model):
    """An MLflow experiment."""

    id: str
    name: str


class Run(Model):
    """An MLflow run as lists show it."""

    id: str
    name: str
    experiment_id: str
    experiment: str
    status: str = Field(description="MLflow's RUNNING, SCHEDULED, FINISHED, FAILED or KILLED")
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    owner: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(
        default_factory=dict, description="last values; one that is not finite is null"
    )
    tags: dict[str, str] = Field(default_factory=dict)
    job_id: str | None = None


class RunDetail(Run):
    """A run with what hangs on it."""

    datasets: list[dict[str, JsonValue]] = Field(default_factory=list)
    artifacts: list[str] = Field(default_factory=list)
    models: list[dict[str, JsonValue]] = Field(default_factory=list)


class ModelVersion(Model):
    """One version of a registered model."""

    name: str
    version: str
    uri: str = Field(description="models:/name/version")
    run_id: str | None = None
    source: str | None = None
    aliases: list[str] = Field(default_factory=list)
    created_at: AwareDatetime | None = None
    status: str = "READY"


class RegisteredModel(Model):
    """A registered model and its versions, newest first."""

    name: str
    description: str = ""
    aliases: dict[str, str] = Field(default_factory=dict, description="alias -> version")
    versions: list[ModelVersion] = Field(default_factory=list)
    updated_at: AwareDatetime | None = None
