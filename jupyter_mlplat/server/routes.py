"""Every route of the extension, in the order in which they are matched."""

from __future__ import annotations

from . import (
    deployments,
    drift,
    features,
    gpus,
    jobs,
    kernels,
    models,
    pipelines,
    reservations,
    runs,
    schedules,
    status,
    sweeps,
)
from .base import PREFIX

ROUTES = [
    *jobs.ROUTES,
    *schedules.ROUTES,
    *sweeps.ROUTES,
    *pipelines.ROUTES,
    *runs.ROUTES,
    *models.ROUTES,
    *deployments.ROUTES,
    *features.ROUTES,
    *drift.ROUTES,
    *gpus.ROUTES,
    *kernels.ROUTES,
    *reservations.ROUTES,
    *status.ROUTES,
    status.METRICS,
]

UNKNOWN = (PREFIX + r"(?:/.*)?", status.UnknownHandler)


def handlers() -> list[tuple[object, ...]]:
    """What tornado's application is given."""
    return [*((route.pattern, route.handler, {"route": route}) for route in ROUTES), UNKNOWN]
