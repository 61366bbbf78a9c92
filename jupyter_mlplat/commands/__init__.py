"""Every command of the shell and the magics, one module per noun, and how every result looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import deployments, drift, features, gpus, jobs, jobs_shown, models, runs, schedules, sweeps, whole
from .blocks import Block
from .grammar import Absent, Grammar

ABSENT = Absent(
    nouns=frozenset({"pipelines", "kernels"}),
    verbs={
        "runs": frozenset({"compare", "diff"}),
        "models": frozenset({"alias", "promote"}),
        "deployments": frozenset({"update", "traffic", "promote", "rollback"}),
        "features": frozenset({"stats"}),
        "drift": frozenset({"monitors"}),
        "gpus": frozenset({"acquire", "release"}),
    },
    options={
        "jobs run": frozenset({"--gpus", "--gpu-memory", "--notify"}),
    },
)
"""What the public contract names and a later version brings."""

GRAMMAR = Grammar(
    [
        *whole.COMMANDS,
        *jobs.COMMANDS,
        *schedules.COMMANDS,
        *sweeps.COMMANDS,
        *runs.COMMANDS,
        *models.COMMANDS,
        *deployments.COMMANDS,
        *features.COMMANDS,
        *drift.COMMANDS,
        *gpus.COMMANDS,
    ],
    ABSENT,
)

SHOWN: Mapping[str, Callable[[Any], list[Block]]] = {
    "Job": jobs_shown.show_job,
    "Schedule": schedules.show_schedule,
    "Sweep": sweeps.show_sweep,
    "JobLog": jobs_shown.show_log,
    "Run": runs.show_run,
    "RunDetail": runs.show_run,
    "RegisteredModel": models.show_model,
    "Deployment": deployments.show_deployment,
    "FeatureView": features.show_view,
    "DriftReport": drift.show_report,
    "GPUs": gpus.show_gpus,
    "Status": whole.show_status,
}
"""How one thing of each model looks, by the name of its class."""
