"""The facts that a card is generated from, as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from ....models import ModelVersionDetail, RegisteredModel, RunDetail
from ..compare import source_of
from .card_text import SECTIONS


def facts_of(
    model: RegisteredModel, version: ModelVersionDetail, run: RunDetail | None, user: str | None
) -> dict[str, JsonValue]:
    """What is known of a version; the sections that only people can fill are empty."""
    seen: dict[str, Any] = version.model_dump(mode="json")
    return {
        "model": version.name,
        "version": version.version,
        "uri": version.uri,
        "about": model.description,
        "aliases": seen["aliases"],
        "created_at": seen["created_at"],
        "status": version.status,
        "logged_by": (run.owner if run is not None else None) or user,
        "run": seen["run"],
        "job_id": run.job_id if run is not None else None,
        "provenance": dict(source_of(run)) if run is not None else {},
        "parameters": seen["parameters"],
        "metrics": seen["metrics"],
        "datasets": seen["datasets"],
        "signature": {"inputs": seen["inputs"], "outputs": seen["outputs"]},
        "flavors": seen["flavors"],
        "size": version.size,
        "python": version.python,
        "requirements": seen["requirements"],
        "deployments": seen["deployments"],
        "notes": seen["notes"],
        "sections": dict.fromkeys(SECTIONS, ""),
    }
