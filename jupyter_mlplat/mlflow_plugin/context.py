"""MLflow's `run_context_provider` plug point: every run that is started is tagged with what it was made of.

What is logged goes through our spool from here on, too.

MLflow loads this module while it is being imported itself, in every process of the environment, so it is small. It
asks for no base class (https://mlflow.org/docs/latest/plugins): MLflow calls `in_context` and `tags`.
"""

from __future__ import annotations

import os

from ..autolog import managed
from ..mlflow_base.importing import once
from ..spool import mlflow_hook
from . import requirements, session


class RunContext:
    """A kernel, a job or another program that the platform has given its environment."""

    def __init__(self) -> None:
        mlflow_hook.install()
        once("mlflow.models", "infer_pip_requirements", requirements.install)
        once(managed.SAFETY, "with_managed_run", managed.install)

    def in_context(self) -> bool:
        """True where the platform's data directory is known. Called by MLflow for every run that is started."""
        return bool(os.environ.get("MLPLAT_HOME") or os.environ.get("MLPLAT_JOB_ID"))

    def tags(self) -> dict[str, str]:
        """The tags of a run that starts now. Called by MLflow where `in_context` is true."""
        return session.tags()
