"""The MLflow run of an attempt of a job: made before its kernel starts, ended after its kernel is gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from ...attempts import GIVEN_TAG
from ...errors import Invalid
from ...home import Home
from ...provenance import FOLDER, NOTEBOOK
from ...spool.whole_runs import PARENT_TAG
from ...usage import without_system
from .convert import ATTEMPT_TAG, JOB_TAG, finite
from .tracking import Tracking
from .writers import ClientWriter, TablesWriter, Writer, Written

if TYPE_CHECKING:
    from ...store import Store

ENDED = ("FINISHED", "FAILED", "KILLED")
AUTOLOG_TAG = "mlflow.autologging"
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
        tags: Mapping[str, str],
    ) -> str:
        """Create the run of an attempt in `experiment` (MLflow's default one if None) and return its id.

        The parameters are kept as a tag until the end, so that the notebook may log its own under the same names.
        `tags` are further ones.
        """
        made = {
            **tags,
            JOB_TAG: job_id,
            ATTEMPT_TAG: str(attempt),
            "mlflow.source.name": notebook,
            "mlflow.source.type": "NOTEBOOK",
            "mlflow.user": owner,
        }
        given = json.dumps(parameters, default=str)
        if len(given) <= MAX_TAG:
            made[GIVEN_TAG] = given
        run_id = self._writer().create(experiment or "Default", name, made)
        self._emit(run_id)
        return run_id

    def finish(
        self,
        run_id: str,
        *,
        status: Literal["FINISHED", "FAILED", "KILLED"],
        notebook: Path | None,
        parameters: Mapping[str, JsonValue],
        provenance: Sequence[Path],
    ) -> dict[str, float]:
        """End the run of an attempt: its parameters, its executed notebook, its status; returns its last metrics.

        `provenance` are files that say what it was made of.

        What is there already stays as it is, so that a second call changes nothing. Where the notebook trained one
        model outside of runs of its own, this one has that fit's parameters and scores, too. Runs that the notebook
        started itself and left running end with the same status; a metric that the attempt's own run has not is that of
        the newest of theirs that has it.
        """
        if status not in ENDED:
            raise Invalid(f"a run ends as one of {', '.join(ENDED)}, not {status}")
        writer = self._writer()
        run = writer.get(run_id)
        linked = _linked(writer, run)
        changed = _log_parameters(writer, run, parameters)
        if not linked and _take_over_fit(writer, run, parameters):
            changed, run = True, writer.get(run_id)
        if notebook is not None and notebook.is_file():
            name = Path(run.tags.get("mlflow.source.name") or notebook.name).stem + ".ipynb"
            changed |= writer.log_file(run, notebook, NOTEBOOK, name)
        for file in provenance:
            changed |= writer.log_file(run, file, FOLDER, file.name)
        for one in (run, *linked):
            changed |= _end(writer, one, status, always=one is run)
        if changed:
            self._emit(run_id)
        return _last_metrics(run, linked)

    def metrics(self, run_id: str) -> dict[str, float]:
        """The last metrics of an attempt as `finish` returned them. Raises `NotFound`."""
        writer = self._writer()
        run = writer.get(run_id)
        return _last_metrics(run, _linked(writer, run))

    def _writer(self) -> Writer:
        """What kernels that are gone had logged is delivered before."""
        tables = self._tracking.tables()
        if tables is None:
            return ClientWriter(self._tracking.client(), self._home)
        self._tracking.deliver_left()
        return TablesWriter(tables, self._tracking)

    def _emit(self, run_id: str) -> None:
        with self._store.write() as transaction:
            transaction.emit("runs", run_id)


def _log_parameters(writer: Writer, run: Written, parameters: Mapping[str, JsonValue]) -> bool:
    missing = {
        name[:MAX_NAME]: (value if isinstance(value, str) else json.dumps(value))[:MAX_TEXT]
        for name, value in parameters.items()
        if name[:MAX_NAME] not in run.parameters
    }
    if missing:
        writer.log_parameters(run.id, missing)
    return bool(missing)


def _take_over_fit(writer: Writer, run: Written, given: Mapping[str, JsonValue]) -> bool:
    """True where there is one fit, of which the run had not everything. The notebook is over: nothing can collide."""
    fits = [one for one in writer.tagged({PARENT_TAG: run.id}) if AUTOLOG_TAG in one.tags]
    if len(fits) != 1:
        return False
    known = {name[:MAX_NAME] for name in given} | run.parameters.keys()
    parameters = {key: value for key, value in fits[0].parameters.items() if key not in known}
    metrics = {key: value for key, value in fits[0].metrics.items() if key not in run.metrics}
    if parameters:
        writer.log_parameters(run.id, parameters)
    if metrics:
        writer.log_metrics(run.id, metrics)
    return bool(parameters or metrics)


def _last_metrics(run: Written, linked: Sequence[Written]) -> dict[str, float]:
    """The last value of each metric: that of the attempt's own run, else of the newest that has it."""
    found: dict[str, float] = {}
    for one in (run, *linked):
        for key, value in without_system(one.metrics).items():
            if finite(value) is not None:
                found.setdefault(key, float(value))
    return found


def _linked(writer: Writer, run: Written) -> list[Written]:
    """The runs that the notebook of this attempt started itself, newest first."""
    job, attempt = run.tags.get(JOB_TAG, ""), run.tags.get(ATTEMPT_TAG, "")
    if not job.isalnum() or not attempt.isalnum():
        return []
    return [one for one in writer.tagged({JOB_TAG: job, ATTEMPT_TAG: attempt}) if one.id != run.id]


def _end(writer: Writer, run: Written, status: str, *, always: bool) -> bool:
    """Give a run its last status; one that the notebook ended keeps its own unless `always`."""
    if run.status in ENDED and (run.status == status or not always):
        return False
    writer.end(run.id, status)
    return True
