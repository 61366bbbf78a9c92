"""CPU, memory and GPUs of a notebook's kernel as curves of its runs, while these are active.

Standard library alone, and nothing happens at import: MLflow loads this inside of other people's processes.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from ..spool_folder import spool_folder
from ..usage import SYSTEM, Usage, of_gpus, tree, wanted

LOOK_S = 1.0

logger = logging.getLogger("jupyter_mlplat.mlflow_plugin.session")

_lock = threading.Lock()
_thread: threading.Thread | None = None
_over: set[str] = set()
"""Runs that have ended: no point comes after."""


def watch() -> None:
    """Called when a run is started. In a job its runner measures, and elsewhere whoever is asked by MLflow to."""
    global _thread
    if os.environ.get("MLPLAT_JOB_ID") or not wanted() or spool_folder() is None:
        return
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_work, name="mlplat-usage", daemon=True)
            _thread.start()


def ended(run: str) -> None:
    """Called before a run ends."""
    with _lock:
        _over.add(run)


def _work() -> None:
    watched: dict[str, tuple[Usage, int]] = {}
    time.sleep(LOOK_S)  # the run is only being started
    while wanted():
        runs = {run.info.run_id: run for run in _active()}
        for id in watched.keys() - (runs.keys() - _over):
            del watched[id]
        for id, run in runs.items():
            try:
                if id not in watched:
                    _over.discard(id)  # it goes on, or will be gone at the next look
                    watched[id] = (Usage(_pids), _next_step(run))
                watched[id] = _sample(id, *watched[id])
            except Exception as error:  # noqa: BLE001 - a notebook does without these curves
                logger.debug("run %s is not measured: %s", id, error)
        time.sleep(LOOK_S)


def _sample(id: str, usage: Usage, step: int) -> tuple[Usage, int]:
    found = usage.sample()
    if found is None:
        return usage, step
    mlflow: Any = sys.modules["mlflow"]
    uri, moment = mlflow.get_tracking_uri(), time.time_ns() // 1_000_000
    if mlflow.MlflowClient().get_run(id).info.status == "RUNNING":
        _keep(uri, id, {**found, **_gpus()}, moment, step)
    return usage, step + 1


def _keep(uri: str, id: str, metrics: Mapping[str, float], moment: int, step: int) -> None:
    from ..spool.mlflow_hook import SCHEMES, buffer_of

    folder = spool_folder()
    if folder is None or uri.partition(":")[0].partition("+")[0] not in SCHEMES:
        return
    with _lock:
        if id not in _over:
            buffer_of(uri, folder).metrics(id, metrics, moment, step)


def _active() -> list[Any]:
    """The active runs of all threads."""
    fluent: Any = sys.modules["mlflow.tracking.fluent"]
    return [run for stack in fluent._active_run_stack.get_all_thread_values().values() for run in stack]


def _next_step(run: Any) -> int:
    """Behind the last one, of a run that goes on."""
    return max((one.step + 1 for one in run.data._metric_objs if one.key.startswith(SYSTEM)), default=0)


def _pids() -> list[int]:
    return [os.getpid(), *tree(os.getpid())]


def _gpus() -> dict[str, float]:
    """Of the devices that the kernel has a lease on."""
    if not os.environ.get("MLPLAT_LEASE"):
        return {}
    from ..backends.nvml import NVMLSource
    from ..errors import MLPlatError

    try:
        found = {one.uuid: one for one in NVMLSource().devices()}
    except MLPlatError:
        return {}
    return of_gpus([found[one] for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one in found])
