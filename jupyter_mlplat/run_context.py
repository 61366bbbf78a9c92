"""MLflow's `run_context_provider` plug point: every run that a job's notebook starts is tagged with the job.

What the notebook logs goes through our spool from here on, too.

MLflow loads this module while it is being imported itself, in every process of the environment, so it is small. It
asks for no base class (https://mlflow.org/docs/latest/plugins): MLflow calls `in_context` and `tags`.
"""

from __future__ import annotations

import os

from .spool.mlflow_hook import install


class JobRunContext:
    """The job that this process works for, as the engine left it in the environment of the kernel."""

    def __init__(self) -> None:
        install()

    def in_context(self) -> bool:
        """True inside the kernel of a job. Called by MLflow for every run that is started."""
        return bool(os.environ.get("MLPLAT_JOB_ID"))

    def tags(self) -> dict[str, str]:
        """The tags that link a run with the job and the attempt. Called by MLflow where `in_context` is true."""
        return {
            "mlplat.job_id": os.environ["MLPLAT_JOB_ID"],
            "mlplat.attempt": os.environ.get("MLPLAT_ATTEMPT", "1"),
        }
