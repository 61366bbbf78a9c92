"""The Python door: `import jupyter_mlplat as mlplat`, then `mlplat.jobs.run(...)` and the like.

One object per noun, one module for each. Each call is one call of a service on the platform that the environment and
the configuration name; errors are those of `jupyter_mlplat.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cluster import cluster
from .current import platform
from .deployments import deployments
from .drift import drift
from .features import features
from .gpus import gpus
from .jobs import JobHandle, jobs
from .pipelines import pipelines
from .runs import runs
from .schedules import schedules
from .sweeps import sweeps

if TYPE_CHECKING:
    from ..models import Status

__all__ = [
    "JobHandle",
    "cluster",
    "deployments",
    "drift",
    "features",
    "gpus",
    "jobs",
    "pipelines",
    "platform",
    "runs",
    "schedules",
    "status",
    "sweeps",
]


def status() -> Status:
    """Versions, where data lives, what runs, and what is not available and why."""
    return platform().status()
