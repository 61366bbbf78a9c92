"""`mlplat.log_metric(…)` and the like: into MLflow's active run, kept on disk before the call returns."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from types import FunctionType
from typing import Any

from ..errors import Invalid
from ..loading import quick_imports
from ..spool.mlflow_hook import SCHEMES, Buffer, active, buffer_of
from .current import platform


def log_metric(key: str, value: float, step: int | None = None, *, timestamp: int | None = None) -> None:
    """Log one point of a metric to MLflow's active run; starts one where there is none.

    `step` is 0 where it is not given, `timestamp` milliseconds since the epoch, now where it is not given. When this
    returns the point survives the death of this process; a reader elsewhere sees it within a second. Raises
    `MlflowException` for what MLflow would refuse.
    """
    buffer, run = _active()
    when = time.time_ns() // 1_000_000 if timestamp is None else timestamp
    if buffer is None or not buffer.metric(run, key, value, when, 0 if step is None else step):
        _mlflow().log_metric(key, value, step=step, timestamp=when)


def log_metrics(metrics: Mapping[str, float], step: int | None = None, *, timestamp: int | None = None) -> None:
    """Log one point of each metric: all of them, or none where one is refused; see `log_metric`."""
    buffer, run = _active()
    when = time.time_ns() // 1_000_000 if timestamp is None else timestamp
    if buffer is None or not buffer.metrics(run, metrics, when, 0 if step is None else step):
        _mlflow().log_metrics(dict(metrics), step=step, timestamp=when)


def log_param(key: str, value: Any) -> None:
    """Log a parameter to MLflow's active run. Raises `MlflowException` where it has another value already."""
    log_params({key: value})


def log_params(params: Mapping[str, Any]) -> None:
    """Log parameters; see `log_param`."""
    buffer, run = _active()
    if buffer is None or not buffer.params(run, params):
        _mlflow().log_params(dict(params))


def log_artifact(path: str | os.PathLike[str], folder: str | None = None) -> None:
    """Copy a file, or a folder with all that is in it, to the artifacts of MLflow's active run."""
    _active()
    mlflow = _mlflow()
    log = mlflow.log_artifacts if os.path.isdir(path) else mlflow.log_artifact
    log(os.fspath(path), folder)


def log_model(model: Any, name: str | None = None, **options: Any) -> Any:
    """Log a model to MLflow's active run with the flavor that its class belongs to; returns MLflow's `ModelInfo`.

    scikit-learn, PyTorch, XGBoost, LightGBM, CatBoost, Keras and Transformers are known by their classes; functions and
    `mlflow.pyfunc.PythonModel` are logged as `mlflow.pyfunc` does. `name` is "model" where it is not given. `options`
    are those of the flavor's own `log_model`, like `registered_model_name`, `signature` and `input_example`. Its
    requirements are inferred once for an environment and the classes of the model. Raises `Invalid` for a class that is
    of no flavor.
    """
    flavor, argument = _flavor_of(model)
    _active()
    from importlib import import_module

    with quick_imports():
        module = import_module(f"mlflow.{flavor}")
    return module.log_model(**{argument: model, "name": name or "model", **options})


FLAVORS = {
    "xgboost": ("xgboost", "xgb_model"),
    "lightgbm": ("lightgbm", "lgb_model"),
    "catboost": ("catboost", "cb_model"),
    "transformers": ("transformers", "transformers_model"),
    "keras": ("tensorflow", "model"),
    "torch": ("pytorch", "pytorch_model"),
    "mlflow": ("pyfunc", "python_model"),
    "sklearn": ("sklearn", "sk_model"),
}
"""Top-level module of a class or of one of its bases -> MLflow's flavor, and the name that the model has there."""


def _flavor_of(model: Any) -> tuple[str, str]:
    # XGBoost's and LightGBM's estimators are scikit-learn's as well: the class that is nearer counts.
    for kind in type(model).__mro__:
        found = FLAVORS.get(kind.__module__.partition(".")[0])
        if found is not None:
            return found
    if isinstance(model, FunctionType):
        return FLAVORS["mlflow"]
    known = ", ".join(sorted({flavor for flavor, _ in FLAVORS.values()}))
    raise Invalid(
        f"no flavor of MLflow is for a {type(model).__module__}.{type(model).__qualname__}",
        hint=f"known are {known}; wrap it in a mlflow.pyfunc.PythonModel",
    )


def _mlflow() -> Any:
    loaded = sys.modules.get("mlflow")
    if loaded is not None and hasattr(loaded, "active_run"):
        return loaded
    with quick_imports():
        import mlflow
    return mlflow


def _active() -> tuple[Buffer | None, str]:
    """The buffer of the active run and the run; no buffer where MLflow itself has to look at it."""
    mlflow = _mlflow()
    found = active(mlflow)
    if found is None:
        _prepare(mlflow)
        found = active(mlflow)
    return found if found is not None else (None, "")


def _prepare(mlflow: Any) -> None:
    """See that there is an active run, and that what is logged to it is buffered."""
    own = platform()
    if mlflow.active_run() is None:
        if not mlflow.is_tracking_uri_set():
            variables = own.environment()
            for name in ("MLFLOW_TRACKING_URI", "_MLFLOW_SERVER_ARTIFACT_ROOT"):
                if name in variables:
                    os.environ.setdefault(name, variables[name])
            own.runs.prepare()  # makes MLflow's database where there is none
        mlflow.start_run()
    uri = mlflow.get_tracking_uri()
    if uri.partition(":")[0].partition("+")[0] in SCHEMES:
        buffer_of(uri, own.home.spool)
