"""What a user reads about the platform itself, and what changed in it."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from .base import Model


class Part(Model):
    """One thing that `status` reports on."""

    name: str
    available: bool
    detail: str
    hint: str = ""


class Status(Model):
    """Versions, where data lives, what runs, and what is not available and why."""

    version: str
    api: int = Field(1, description="version of the HTTP interface; front and back compare it")
    python: str
    platform: str
    home: str
    store: str
    tracking_uri: str
    backend: str
    owner: str
    engine: dict[str, JsonValue] | None = Field(None, description="pid, host and since of the living engine")
    running: dict[str, int]
    parts: list[Part]


Topic = Literal[
    "jobs", "schedules", "sweeps", "pipelines", "runs", "models", "deployments", "features", "drift", "gpus"
]
"""What can change, as events name it."""


class Change(Model):
    """An outbox row: something changed, fetch it again. Never carries data."""

    id: int
    topic: Topic
    key: str
    at: AwareDatetime
