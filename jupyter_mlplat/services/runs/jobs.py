"""The MLflow run of an attempt of a job: made before its kernel starts, ended after its kernel is gone."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from ...errors import Invalid
from ...home import Home
from .convert import ATTEMPT_TAG, JOB_TAG, finite
from .tracking import Tracking, translated

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MLflowRun

    from ...store import Store

ENDED = ("FINISHED", "FAILED", "KILLED")
PARAMETERS_TAG = "mlplat.parameters"
NOTEBOOK_FOLDER = "notebook"
MAX_PARAMETERS = 100
"""MLflow's bound on one batch of parameters."""
MAX_NAME = 250
MAX_TEXT = 6000
MAX_TAG = 5000


class JobRuns:
    """Makes and ends the runs of jobs. Called by the engine."""

    def __init__(self, tracking: Tracking, home: Home, store: Store) -> None:
        self._tracking = tracking
        self._home = home
        self._store = store

    def start(
        self,
        *,
        job_id: str,
        attempt: int,
        name: str,
        notebook: str,
        experiment: str | None,
        owner: str,
        parameters: Mapping[str, JsonValue],
    ) -> str:
        """Create the run of an attempt in `experiment` (MLflow's default one if None) and return its id.

        The parameters are kept as a tag until the end, so that the notebook may log its own under the same names.
        """
        client = self._tracking.client()
        tags = {
            JOB_TAG: job_id,
            ATTEMPT_TAG: str(attempt),
            "mlflow.source.name": notebook,
            "mlflow.source.type": "NOTEBOOK",
            "mlflow.user": owner,
        }
        given = json.dumps(parameters, default=str)
        if len(given) <= MAX_TAG:
            tags[PARAMETERS_TAG] = given
        with translated(f"the run of job {job_id}"):
            run = client.create_run(_experiment_id(client, experiment), tags=tags, run_name=name)
        run_id = str(run.info.run_id)
        self._emit(run_id)
        return run_id

    def finish(
        self,
        run_id: str,
        *,
        status: Literal["FINISHED", "FAILED", "KILLED"],
        notebook: Path | None,
        parameters: Mapping[str, JsonValue],
    ) -> dict[str, float]:
        """End the run of an attempt: its parameters, its executed notebook, its status; returns its last metrics.

        What is there already stays as it is, so that a second call changes nothing. Runs that the notebook started
        itself and left running end with the same status; where the attempt's own run has no metric, the newest of
        theirs are returned.
        """
        if status not in ENDED:
            raise Invalid(f"a run ends as one of {', '.join(ENDED)}, not {status}")
        client = self._tracking.client()
        with translated(f"run {run_id}"):
            run = client.get_run(run_id)
            linked = _linked(client, run)
            changed = self._log_parameters(client, run, parameters)
            if notebook is not None and notebook.is_file():
                changed |= self._log_notebook(client, run, notebook)
            for one in (run, *linked):
                changed |= _terminate(client, one, status, always=one is run)
        if changed:
            self._emit(run_id)
        return _last_metrics(run, linked)

    def metrics(self, run_id: str) -> dict[str, float]:
        """The last metrics of an attempt as `finish` returned them. Raises `NotFound`."""
        client = self._tracking.client()
        with translated(f"run {run_id}"):
            run = client.get_run(run_id)
            return _last_metrics(run, _linked(client, run))

    def _log_parameters(self, client: MlflowClient, run: MLflowRun, parameters: Mapping[str, JsonValue]) -> bool:
        from mlflow.entities import Param

        missing = [
            Param(name[:MAX_NAME], (value if isinstance(value, str) else json.dumps(value))[:MAX_TEXT])
            for name, value in parameters.items()
            if name[:MAX_NAME] not in run.data.params
        ]
        for start in range(0, len(missing), MAX_PARAMETERS):
            client.log_batch(run.info.run_id, params=missing[start : start + MAX_PARAMETERS])
        return bool(missing)

    def _log_notebook(self, client: MlflowClient, run: MLflowRun, notebook: Path) -> bool:
        name = Path(run.data.tags.get("mlflow.source.name") or notebook.name).stem + ".ipynb"
        if any(
            item.path == f"{NOTEBOOK_FOLDER}/{name}" for item in client.list_artifacts(run.info.run_id, NOTEBOOK_FOLDER)
        ):
            return False
        with tempfile.TemporaryDirectory(dir=self._home.run) as folder:
            named = Path(folder) / name
            shutil.copyfile(notebook, named)
            client.log_artifact(run.info.run_id, str(named), NOTEBOOK_FOLDER)
        return True

    def _emit(self, run_id: str) -> None:
        with self._store.write() as transaction:
            transaction.emit("runs", run_id)


def _experiment_id(client: MlflowClient, name: str | None) -> str:
    """The id of an experiment, created if it is missing. Raises `Invalid` where it was deleted."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name or "Default")
    if found is None:
        try:
            return str(client.create_experiment(name or "Default"))
        except MlflowException:
            found = client.get_experiment_by_name(name or "Default")  # somebody else was faster
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise Invalid(
            f"experiment {found.name} is deleted",
            hint=f"restore it: mlflow experiments restore --experiment-id {found.experiment_id}",
        )
    return str(found.experiment_id)


def _last_metrics(run: MLflowRun, linked: Sequence[MLflowRun]) -> dict[str, float]:
    """Those of the attempt's own run; where it has none, those of the newest that has."""
    for one in (run, *linked):
        metrics = {key: float(value) for key, value in one.data.metrics.items() if finite(value) is not None}
        if metrics:
            return metrics
    return {}


def _linked(client: MlflowClient, run: MLflowRun) -> list[MLflowRun]:
    """The runs that the notebook of this attempt started itself, newest first."""
    job, attempt = run.data.tags.get(JOB_TAG, ""), run.data.tags.get(ATTEMPT_TAG, "")
    if not job.isalnum() or not attempt.isalnum():
        return []
    experiments = [one.experiment_id for one in client.search_experiments(max_results=1000)]
    query = f"tags.`{JOB_TAG}` = '{job}' AND tags.`{ATTEMPT_TAG}` = '{attempt}'"
    found = client.search_runs(experiments, query, max_results=200, order_by=["attributes.start_time DESC"])
    return [one for one in found if one.info.run_id != run.info.run_id]


def _terminate(client: MlflowClient, run: MLflowRun, status: str, *, always: bool) -> bool:
    """Give a run its last status; one that the notebook ended keeps its own unless `always`."""
    if run.info.status in ENDED and (run.info.status == status or not always):
        return False
    client.set_terminated(run.info.run_id, status=status)
    return True
