"""The provenance of runs that a notebook's or a program's own code starts: tags at the start, files at the end.

Standard library alone, and nothing happens at import: MLflow loads this inside of other people's processes.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..mlflow_base.artifacts import folder_of
from ..provenance import (
    DIFF,
    DIFF_WITHIN_S,
    FEATURES,
    FOLDER,
    LOCK,
    NOTEBOOK,
    commit_of,
    devices_in,
    diff_of,
    lock_of,
    packages,
)
from . import usage

DIFF_HOLDS_S = 10.0
"""A loop that starts run after run asks git no more often."""

logger = logging.getLogger("jupyter_mlplat.mlflow_plugin.session")

_diff: _Diff | None = None
_views: dict[str, None] = {}
"""Feature views that this process has read."""


def tags() -> dict[str, str]:
    """MLflow's tags of a run that starts now: its notebook, its commit, its job, its GPUs."""
    global _diff
    _watch_ends()
    usage.watch()
    here = Path.cwd()
    if _diff is None or _diff.age > DIFF_HOLDS_S:
        _diff = _Diff(here)
    made = commit_of(here)
    job = os.environ.get("MLPLAT_JOB_ID")
    if job:
        made |= {"mlplat.job_id": job, "mlplat.attempt": os.environ.get("MLPLAT_ATTEMPT", "1")}
    notebook = _notebook()
    if notebook:
        made |= {"mlflow.source.name": notebook, "mlflow.source.type": "NOTEBOOK"}
    if _views:
        made[FEATURES] = ",".join(sorted(_views))
    return made | devices_in(os.environ)


def has_read(views: Iterable[str]) -> None:
    """Feature views were read: the run that is active is tagged with them, and those that start from now on."""
    _views.update(dict.fromkeys(views))
    mlflow = sys.modules.get("mlflow")
    active = mlflow.active_run() if mlflow is not None and hasattr(mlflow, "active_run") else None
    run = active.info.run_id if active is not None else os.environ.get("MLFLOW_RUN_ID")
    if not run or not _views:
        return
    try:
        from mlflow import MlflowClient

        MlflowClient().set_tag(run, FEATURES, ",".join(sorted(_views)))
    except Exception as error:  # noqa: BLE001 - the values are there, whatever MLflow says
        logger.warning("run %s does not know of its feature views: %s", run, error)


def _notebook() -> str:
    """Path of the notebook whose kernel this is; of a job the engine tells it."""
    return "" if os.environ.get("MLPLAT_JOB_ID") else os.environ.get("JPY_SESSION_NAME", "")


class _Diff:
    """What git says of a folder, asked for beside the notebook's work."""

    def __init__(self, folder: Path) -> None:
        self._began = time.monotonic()
        self._found: str | None = None
        self._thread = threading.Thread(target=self._ask, args=(folder,), name="git diff", daemon=True)
        self._thread.start()

    def _ask(self, folder: Path) -> None:
        self._found = diff_of(folder)

    @property
    def age(self) -> float:
        return time.monotonic() - self._began

    def get(self) -> str | None:
        self._thread.join(DIFF_WITHIN_S)
        return self._found


# --- the end of a run -----------------------------------------------------------------------------------


def _watch_ends() -> None:
    """Have a run's files kept when it ends. MLflow is whole by now: a run is being started."""
    mlflow: Any = sys.modules.get("mlflow")
    fluent: Any = sys.modules.get("mlflow.tracking.fluent")
    own = getattr(fluent, "end_run", None)
    if own is None or hasattr(own, "mlplat"):
        return
    fluent.end_run = _keeping(own, mlflow)
    if getattr(mlflow, "end_run", None) is own:
        mlflow.end_run = fluent.end_run


def _keeping(own: Callable[..., None], mlflow: Any) -> Callable[..., None]:
    @functools.wraps(own)
    def end_run(*arguments: Any, **options: Any) -> None:
        run = mlflow.active_run()
        if run is not None:
            usage.ended(run.info.run_id)
            try:
                keep(run)
            except Exception as error:  # noqa: BLE001 - a run ends as its notebook wants, whatever becomes of these
                logger.warning("what run %s was made of is not kept: %s", run.info.run_id, error)
        own(*arguments, **options)

    end_run.mlplat = True  # type: ignore[attr-defined]
    return end_run


def keep(run: Any) -> None:
    """Put beside a run what it was made of: the cells in the order in which they ran, the diff, the packages."""
    files: dict[str, str] = {f"{FOLDER}/{LOCK}": lock_of(sys.version.split()[0], packages(sys.path))}
    diff = _diff.get() if _diff is not None else None
    if diff:
        files[f"{FOLDER}/{DIFF}"] = diff
    cells = _cells()
    if cells is not None:
        name = Path(_notebook()).stem or "session"
        files[f"{NOTEBOOK}/{name}.ipynb"] = cells
    place = folder_of(run.info.artifact_uri)
    if place is not None:
        _write(place, files)
        return
    import mlflow

    with tempfile.TemporaryDirectory() as temporary:
        _write(Path(temporary), files)
        mlflow.MlflowClient().log_artifacts(run.info.run_id, temporary)


def _write(place: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        file = place / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", errors="replace")


def _cells() -> str | None:
    """The cells of this session in the order in which they ran, as a notebook; None where this is no notebook."""
    found = sys.modules.get("IPython")
    shell = found.get_ipython() if found is not None else None
    if shell is None or os.environ.get("MLPLAT_JOB_ID"):
        return None
    sources = list(shell.history_manager.input_hist_raw)[1:]
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{count}",
            "execution_count": count,
            "metadata": {},
            "outputs": [],
            "source": source.splitlines(keepends=True),
        }
        for count, source in enumerate(sources, 1)
        if source
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1)
