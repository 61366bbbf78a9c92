"""MLflow's own autologging in a job: what it logs outside of a run becomes a run below the job's.

It would take up the run that MLFLOW_RUN_ID names, which is the job's, and end it after the first fit.

Standard library alone, and nothing happens at import: MLflow loads this inside of other people's processes.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..attempts import RUN_VARIABLE

SAFETY = "mlflow.utils.autologging_utils.safety"
RESUMED = "MLFLOW_RUN_ID"


def install() -> None:
    """Called while MLflow is imported."""
    safety: Any = sys.modules[SAFETY]
    own = safety.with_managed_run
    if not hasattr(own, "mlplat"):
        safety.with_managed_run = _below(own)


def _below(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def with_managed_run(integration: str, patch: Callable[..., Any], tags: Any = None) -> Callable[..., Any]:
        managed = own(integration, patch, tags)

        def run(original: Any, *arguments: Any, **options: Any) -> Any:
            found = _parent()
            if found is None:
                return managed(original, *arguments, **options)
            first = arguments[0] if arguments else None
            name = type(first).__name__ if hasattr(first, "fit") else integration
            with _child(*found, name, tags):
                return managed(original, *arguments, **options)

        return run

    with_managed_run.mlplat = True  # type: ignore[attr-defined]
    return with_managed_run


def _parent() -> tuple[str, str] | None:
    """The job's run and its experiment; None where a run is active, or the notebook has set another experiment."""
    import mlflow
    from mlflow.utils.autologging_utils import _has_active_training_session

    parent = os.environ.get(RUN_VARIABLE)
    if parent is None or mlflow.active_run() or _has_active_training_session():
        return None
    experiment = str(mlflow.MlflowClient().get_run(parent).info.experiment_id)
    chosen = getattr(sys.modules["mlflow.tracking.fluent"], "_active_experiment_id", None)
    return None if chosen not in (None, experiment) else (parent, experiment)


@contextmanager
def _child(parent: str, experiment: str, name: str, tags: Any) -> Iterator[None]:
    """An active run below `parent`. What MLflow says of the job's run to whoever starts one next stays as it is."""
    import mlflow

    with _unresumed():
        mlflow.start_run(experiment_id=experiment, run_name=name, parent_run_id=parent, tags=tags)
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    finally:
        with _unresumed():
            mlflow.end_run(status)


@contextmanager
def _unresumed() -> Iterator[None]:
    resumed = os.environ.pop(RESUMED, None)
    try:
        yield
    finally:
        if resumed is not None:
            os.environ[RESUMED] = resumed
