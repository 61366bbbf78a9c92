"""Evidently's report on its way: a child process that makes it, and the run that keeps it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ...errors import BackendFailed, Conflict
from ...home import Home
from ...models import DriftReport
from ...processes import kill_tree, start_time
from ..runs.tracking import translated

if TYPE_CHECKING:
    from ..runs import RunsService

EXPERIMENT = "drift"
ARTIFACT = "drift.html"
TIMEOUT_S = 600.0
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY$", re.IGNORECASE)


class PendingReport:
    """The HTML report of a check while it is made. A context manager: leaving it early ends the process."""

    def __init__(self, report: DriftReport, home: Home, runs: RunsService) -> None:
        self._report = report
        self._runs = runs
        self._folder = Path(tempfile.mkdtemp(prefix="drift-", dir=home.run))
        self._html = self._folder / ARTIFACT
        (self._folder / "check.json").write_text(json.dumps(report.model_dump(mode="json"), allow_nan=False))
        # The child reads the user's tables: it gets no token of this process.
        environment = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
        try:
            with open(self._folder / "log.txt", "wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "jupyter_mlplat.services.drift.report", str(self._folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    env={**environment, "MLPLAT_HOME": str(home.root), "DO_NOT_TRACK": "1"},
                    start_new_session=True,
                )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise BackendFailed(f"Evidently's report could not be started: {error}") from error
        self._started = start_time(self._process.pid)

    def result(self, *, timeout: float = TIMEOUT_S) -> DriftReport:
        """Wait for the HTML, keep it as an artifact of a new run, and return the report that names both.

        Raises `BackendFailed` where Evidently fails or takes longer than `timeout` seconds; the check itself
        stands all the same.
        """
        if not self._folder.exists():
            raise Conflict("this report was taken or given up already", hint="start it again")
        try:
            try:
                status = self._process.wait(timeout)
            except subprocess.TimeoutExpired as error:
                raise BackendFailed(
                    f"Evidently's report took longer than {timeout:.0f} s", hint="check fewer columns"
                ) from error
            if status != 0 or not self._html.exists():
                raise BackendFailed(
                    f"Evidently's report failed: {self._last_words()}",
                    hint="check without the report, or fewer columns",
                )
            return self._keep()
        finally:
            self.close()

    def close(self) -> None:
        """End the process, if it still runs, and remove its folder."""
        if self._process.poll() is None and self._started is not None:
            kill_tree(self._process.pid, self._started)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> PendingReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _last_words(self) -> str:
        lines = (self._folder / "log.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.returncode}"

    def _keep(self) -> DriftReport:
        from mlflow.entities import Metric, RunTag

        report = self._report
        client = self._runs.client()
        at = int(report.checked_at.timestamp() * 1000)
        tags = {
            "mlplat.kind": "drift",
            "mlplat.drift": str(report.drift).lower(),
            "mlplat.drift.columns": ", ".join(report.drifted_columns)[:5000],
            "mlplat.drift.reference": report.reference,
            "mlplat.drift.current": report.current,
        }
        scores = {f"score.{_metric_name(one.column)}": one.score for one in report.columns if one.score is not None}
        counts = {"drifted_columns": float(len(report.drifted_columns)), "columns": float(len(scores))}
        metrics = [Metric(name, value, at, 0) for name, value in {**counts, **scores}.items()]
        with translated("the run of a drift check"):
            run = client.create_run(_experiment(self._runs), run_name=f"drift {Path(report.current).name}")
            run_id = str(run.info.run_id)
            ended = "FAILED"
            try:
                client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items() if value])
                for start in range(0, len(metrics), 1000):
                    client.log_batch(run_id, metrics=metrics[start : start + 1000])
                client.log_artifact(run_id, str(self._html))
                ended = "FINISHED"
            finally:
                client.set_terminated(run_id, ended)
        return report.model_copy(update={"run_id": run_id, "report_uri": f"runs:/{run_id}/{ARTIFACT}"})


def _experiment(runs: RunsService) -> str:
    from mlflow.exceptions import MlflowException

    client = runs.client()
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return str(client.create_experiment(EXPERIMENT))
        except MlflowException:
            found = client.get_experiment_by_name(EXPERIMENT)  # somebody else was faster
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise Conflict(
            f"the experiment {EXPERIMENT} is deleted",
            hint=f"restore it: mlflow experiments restore --experiment-id {found.experiment_id}",
        )
    return str(found.experiment_id)


def _metric_name(column: str) -> str:
    """`column` in the letters that MLflow takes in a metric's name."""
    return re.sub(r"[^\w.\- ]", "_", column, flags=re.ASCII)[:200]
