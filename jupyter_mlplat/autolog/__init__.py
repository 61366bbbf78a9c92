"""What a job trains, logged by itself: parameters, scores and curves of scikit-learn, XGBoost, LightGBM and torch.

MLflow's own autologging imports all of scikit-learn, which takes seconds, and draws figures for each fit, which takes
half a second of it. This one imports nothing and writes to the spool. Where a notebook calls MLflow's own, that one
logs, and this one does not.

Standard library alone: it is loaded in every job's kernel, before the first cell.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from ..attempts import AUTOLOG_VARIABLE, RUN_VARIABLE
from ..spool_folder import spool_folder

LIBRARIES = {
    "sklearn.base": ("estimators", "change_estimators"),
    "sklearn.utils.parallel": ("estimators", "change_parallel"),
    "xgboost.training": ("boosting", "change_xgboost"),
    "lightgbm.engine": ("boosting", "change_lightgbm"),
    "torch.optim.optimizer": ("loops", "change_optimizers"),
    "torch.amp.grad_scaler": ("loops", "change_scalers"),
    "torch.utils.tensorboard.writer": ("torch", "change_tensorboard"),
    "lightning.pytorch.trainer.trainer": ("torch", "change_lightning"),
    "pytorch_lightning.trainer.trainer": ("torch", "change_pytorch_lightning"),
}
"""A module -> what changes it once it is imported: a module here, and its function."""

logger = logging.getLogger("jupyter_mlplat.autolog")


@dataclass
class Job:
    """Where this process logs what it trains: below `run` of the MLflow at `uri`, by way of the spool in `folder`."""

    run: str
    uri: str
    folder: Path
    pid: int
    fits: int = 0


job: Job | None = None


def arm() -> None:
    """Have what this process trains logged, where its job wants that. Called in a job's kernel before its first cell.

    The libraries are changed when they are imported.
    """
    global job
    run, uri, folder = os.environ.get(RUN_VARIABLE), os.environ.get("MLFLOW_TRACKING_URI"), spool_folder()
    if not os.environ.get(AUTOLOG_VARIABLE) or not run or not uri or folder is None or job is not None:
        return
    job = Job(run, uri, folder, os.getpid())
    waiting = {}
    for module, (own, function) in LIBRARIES.items():
        change = functools.partial(_change, own, function)
        if module in sys.modules:
            change()
        else:
            waiting[module] = change
    sys.meta_path.insert(0, _Watch(waiting))


def _change(own: str, function: str) -> None:
    """Whatever becomes of the change, the library is there to be imported."""
    try:
        getattr(importlib.import_module(f".{own}", __name__), function)()
    except Exception as error:  # noqa: BLE001 - a library that is made otherwise than those we know
        logger.debug("not logged: %s: %s", type(error).__name__, error)


class _Watch:
    """Finds nothing by itself: of the modules that are waited for it has others find them, and hears of their end."""

    def __init__(self, waiting: Mapping[str, Callable[[], None]]) -> None:
        self._waiting = waiting

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        change = self._waiting.get(name)
        if change is None:
            return None
        for finder in [one for one in sys.meta_path if one is not self]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _afterwards(spec.loader, change)
                return spec
        return None


def _afterwards(loader: Any, change: Callable[[], None]) -> None:
    """Have a loader call `change` when it has loaded its module, and before anybody else has that."""
    load = loader.exec_module

    def exec_module(module: Any) -> None:
        load(module)
        change()

    loader.exec_module = exec_module
