"""Every command of the shell and the magics, one module per noun, and how every result looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import (
    deployments,
    drift,
    features,
    gpus,
    jobs,
    jobs_shown,
    kernels,
    models,
    models_requests,
    models_versions,
    pipelines,
    prune,
    reservations,
    runs,
    runs_changes,
    runs_compared,
    runs_files,
    schedules,
    sweeps,
    whole,
)
from .blocks import Block
from .grammar import Absent, Grammar

ABSENT = Absent(
    nouns=frozenset(),
    verbs={
        "deployments": frozenset({"update", "traffic", "promote", "rollback"}),
        "features": frozenset({"stats"}),
        "drift": frozenset({"monitors"}),
    },
)
"""What the public contract names and a later version brings."""

GRAMMAR = Grammar(
    [
        *whole.COMMANDS,
        *jobs.COMMANDS,
        *schedules.COMMANDS,
        *sweeps.COMMANDS,
        *pipelines.COMMANDS,
        *runs.COMMANDS,
        *runs_changes.COMMANDS,
        *runs_compared.COMMANDS,
        *runs_files.COMMANDS,
        *models.COMMANDS,
        *models_requests.COMMANDS,
        *models_versions.COMMANDS,
        *deployments.COMMANDS,
        *features.COMMANDS,
        *drift.COMMANDS,
        *gpus.COMMANDS,
        *reservations.COMMANDS,
        *kernels.COMMANDS,
    ],
    ABSENT,
)

SHOWN: Mapping[str, Callable[[Any], list[Block]]] = {
    "jobs.Job": jobs_shown.show_job,
    "schedules.Schedule": schedules.show_schedule,
    "sweeps.Sweep": sweeps.show_sweep,
    "pipelines.Pipeline": pipelines.show_pipeline,
    "jobs.JobLog": jobs_shown.show_log,
    "jobs.Pruned": prune.show_deleted,
    "runs.Run": runs.show_run,
    "runs.RunDetail": runs.show_run,
    "runs.RunPage": runs.show_runs,
    "runs.RunsDone": runs_changes.show_done,
    "runs.RunDeleted": runs_changes.show_done,
    "runs.RunComparison": runs_compared.show_comparison,
    "runs.RunDifference": runs_compared.show_difference,
    "runs.RunCurve": runs_files.show_curve,
    "runs.ArtifactPage": runs_files.show_artifacts,
    "registry.RegisteredModel": models.show_model,
    "registry.ModelVersionDetail": models_versions.show_version,
    "registry.VersionComparison": models_versions.show_comparison,
    "registry.Lineage": models_versions.show_lineage,
    "registry.ModelCard": models_versions.show_card,
    "registry.AliasRequest": models_requests.show_request,
    "deployments.Deployment": deployments.show_deployment,
    "features.FeatureView": features.show_view,
    "drift.DriftReport": drift.show_report,
    "gpus.GPUs": gpus.show_gpus,
    "gpus.Lease": gpus.show_lease,
    "gpus.GPUUsage": gpus.show_usage,
    "gpus.Reservation": reservations.show_reservation,
    "platform.Status": whole.show_status,
}
"""How one thing of each model looks, by the module in `models` and the name of its class."""
