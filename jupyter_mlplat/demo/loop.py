"""The steps of the demo, each checked, those that can beside each other."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Conflict, MLPlatError, Unavailable
from .endpoint import predict
from .steps import Step, StepFailed
from .tables import DATASET, SEED, SHIFTED, TARGET, TEST_SIZE, define_and_read, split

if TYPE_CHECKING:
    import pandas

    from ..models import Deployment, DriftReport
    from ..platform import Platform

TEMPLATE = "train_classifier.ipynb"
JOB_TIMEOUT_S = 600.0
WAIT_S = 6.0
CLOSED_WITHIN_S = 60.0


def templates() -> Path:
    """Where the template notebooks are: beside the modules in an installed package, else in the checkout."""
    here = Path(__file__).resolve().parent.parent
    for folder in (here / "templates", here.parent / "notebooks" / "templates"):
        if folder.is_dir():
            return folder
    raise Unavailable("the template notebooks are missing", hint="install jupyter_mlplat again")


class Demo:
    """One run of the demo: a number, a folder, and what the steps have made so far."""

    def __init__(self, platform: Platform, note: Callable[[str], None]) -> None:
        self.platform = platform
        self.note = note
        self.steps: list[Step] = []
        self.number, self.folder = _next_folder(platform.home.root / "demo")
        suffix = "" if self.number == 1 else f"-{self.number}"
        self.deployment_name = f"demo-classifier{suffix}"
        self.view_name = f"demo-measurements{suffix}"
        self.notebook = self.folder / TEMPLATE
        self.job_id = ""
        self.run_id = ""
        self.accuracy = 0.0
        self.model_uri = ""

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        error: dict[str, str] | None = None
        with ThreadPoolExecutor(4, thread_name_prefix="demo") as beside:
            try:
                self._run_all(beside)
            except (StepFailed, MLPlatError) as failure:
                hint = failure.hint if isinstance(failure, MLPlatError) else ""
                step = self.steps[-1]
                error = {"step": step.step, "message": str(failure), "hint": hint}
                self.note(f"{step.step} failed: {failure}")
        return {
            "ok": error is None,
            "steps": [vars(step) for step in self.steps],
            "error": error,
            "look": self._look() if error is None else [],
            "notebook": str(self.notebook),
            "seconds": round(time.monotonic() - began, 2),
        }

    def _run_all(self, beside: ThreadPoolExecutor) -> None:
        # Evidently and MLflow take seconds to start: while the job runs. The same seed gives the same rows.
        tables = beside.submit(split, self.folder)
        opened = beside.submit(lambda: tables.result() and self.platform.runs.experiments(limit=1))
        shifted = beside.submit(_timed, lambda: tables.result() and self._check_drift("shifted.parquet", report=True))
        with self._step("job") as step:
            self._train(step, opened)
        with self._step("run") as step:
            self._look_at_run(step)
        with self._step("model") as step:
            self._look_at_model(step)
        with self._step("data") as step:
            train, heldout = self._compare_tables(step, *tables.result())
        deployment = beside.submit(_timed, self._deploy)
        with self._step("features") as step:
            self._features(step, train, heldout)
        with self._step("gpus") as step:
            self._gpus(step)
        with self._step("endpoint", deployment) as step:
            endpoint = deployment.result()[0]
            step.result = f"{endpoint.name} is {endpoint.state} at {endpoint.url}"
            step.data = {"name": endpoint.name, "url": endpoint.url, "token_file": endpoint.token_file}
        with self._step("predict") as step:
            self._predict(step, endpoint, heldout)
        with self._step("drift, served rows") as step:
            report = self._check_drift("heldout.parquet", report=False)
            self._judge(step, report, expected=())
        with self._step("drift, shifted rows", shifted) as step:
            report = shifted.result()[0]
            self._judge(step, report, expected=SHIFTED)
            if not report.report_uri:
                raise StepFailed("Evidently's report was not kept")
            step.data |= {"report_uri": report.report_uri, "run_id": report.run_id}

    @contextmanager
    def _step(self, name: str, beside: Future[tuple[Any, float]] | None = None) -> Iterator[Step]:
        """Time a step and say how it went; one that went on beside others counts from where it was started."""
        step = Step(name)
        self.steps.append(step)
        began = time.monotonic()
        try:
            yield step
            step.ok = True
        except (StepFailed, MLPlatError) as error:
            step.result = str(error)
            raise
        except Exception as error:
            step.result = f"{type(error).__name__}: {error}"
            raise StepFailed(step.result) from error
        finally:
            finished = beside is not None and beside.done() and beside.exception() is None
            seconds = beside.result()[1] if beside is not None and finished else time.monotonic() - began
            step.seconds = round(seconds, 2)
        self.note(f"{name}: {step.result} ({step.seconds:.1f} s)")

    # --- train ------------------------------------------------------------------------------

    def _train(self, step: Step, opened: Future[Any]) -> None:
        """Submit the template and wait; give up where MLflow cannot be reached, for then no job can start."""
        from ..models import JobSpec

        shutil.copyfile(templates() / TEMPLATE, self.notebook)
        spec = JobSpec(
            notebook=str(self.notebook),
            name="demo",
            parameters={"dataset": DATASET, "seed": SEED, "test_size": TEST_SIZE},
        )
        submitted = self.platform.jobs.submit(spec, owner=self.platform.user)
        self.job_id = submitted.id
        self.note(f"job {submitted.id}: {self.notebook}")
        deadline = time.monotonic() + JOB_TIMEOUT_S
        job = submitted
        try:
            while not job.state.ended and time.monotonic() < deadline:
                job = self.platform.jobs.wait(submitted.id, timeout=WAIT_S)
                if opened.done() or job.state.ended:
                    opened.result()
        finally:
            if not job.state.ended:
                with suppress(Conflict):
                    self.platform.jobs.cancel(job.id)
        step.data = {"job_id": job.id, "run_id": job.run_id, "state": str(job.state)}
        if job.state != "succeeded":
            said = f": {job.message}" if job.message else ""
            raise StepFailed(f"job {job.id} is {job.state}{said} (jupyter mlplat jobs logs {job.id})")
        if not job.run_id:
            raise StepFailed(f"job {job.id} has no MLflow run")
        self.run_id = job.run_id
        step.result = f"job {job.id} {job.state}, {job.cells_done} of {job.cells_total} cells"

    def _look_at_run(self, step: Step) -> None:
        # The record of a job never waits for MLflow; its run is closed a moment later where MLflow is slow.
        deadline = time.monotonic() + CLOSED_WITHIN_S
        run = self.platform.runs.get(self.run_id)
        while run.status == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.2)
            run = self.platform.runs.get(self.run_id)
        if run.status != "FINISHED":
            raise StepFailed(f"run {run.id} is {run.status}")
        accuracy = run.metrics.get("accuracy")
        if accuracy is None or not run.parameters or not run.datasets or not run.models:
            raise StepFailed(f"run {run.id} lacks its accuracy, parameters, data sets or model")
        if "notebook" not in run.artifacts:
            raise StepFailed(f"run {run.id} does not keep the executed notebook")
        self.accuracy = accuracy
        step.data = {"run_id": run.id, "metrics": run.metrics}
        step.result = f"run {run.id}, accuracy {accuracy:.4f}"

    def _look_at_model(self, step: Step) -> None:
        name = f"{DATASET}-classifier"
        model = self.platform.runs.model(name)
        version = next((one for one in model.versions if one.run_id == self.run_id), None)
        if version is None:
            raise StepFailed(f"model {name} has no version of run {self.run_id}")
        if not model.aliases:
            raise StepFailed(f"model {name} has no alias")
        self.model_uri = version.uri
        aliases = ", ".join(f"@{alias}" for alias in version.aliases) or "an older alias stays"
        step.data = {"name": name, "version": version.version, "uri": version.uri, "aliases": version.aliases}
        step.result = f"{version.uri} ({aliases})"

    def _compare_tables(
        self, step: Step, train: pandas.DataFrame, heldout: pandas.DataFrame
    ) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """The rows that the run says it learned from, and those that it never saw."""
        import pandas as pd

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        client = self.platform.runs.client()
        client.download_artifacts(self.run_id, "data", str(self.folder))
        learned = pd.read_parquet(self.folder / "data" / "train.parquet")
        unseen = pd.read_parquet(self.folder / "data" / "heldout.parquet")
        if not learned.equals(train) or not unseen.equals(heldout):
            raise StepFailed(f"the run's rows are not those that seed {SEED} gives")
        step.data = {"train_rows": len(train), "heldout_rows": len(heldout), "folder": str(self.folder)}
        step.result = f"{len(train)} rows learned from, {len(heldout)} held out"
        return learned, unseen

    # --- serve ------------------------------------------------------------------------------

    def _deploy(self) -> Deployment:
        from ..models import DeploymentSpec

        deployments = self.platform.deployments
        spec = DeploymentSpec(name=self.deployment_name, model=self.model_uri)
        made = deployments.create(spec, owner=self.platform.user)
        ready = deployments.wait_ready(made.name, timeout=120.0)
        if ready.state != "ready" or not ready.url or not ready.token_file:
            raise StepFailed(f"deployment {ready.name} is {ready.state}: {ready.message or 'no message'}")
        return ready

    def _predict(self, step: Step, endpoint: Deployment, heldout: pandas.DataFrame) -> None:
        truth = [int(value) for value in heldout[TARGET]]
        predicted = predict(endpoint, heldout.drop(columns=TARGET))
        accuracy = sum(a == b for a, b in zip(predicted, truth, strict=True)) / len(truth)
        if abs(accuracy - self.accuracy) > 1e-9:
            raise StepFailed(f"the served accuracy is {accuracy:.6f}, the run's own {self.accuracy:.6f}")
        step.data = {"rows": len(truth), "accuracy": accuracy, "run_accuracy": self.accuracy}
        step.result = f"{len(truth)} held-out rows by both protocols, accuracy {accuracy:.4f} as in the run"

    def _features(self, step: Step, train: pandas.DataFrame, heldout: pandas.DataFrame) -> None:
        import pandas as pd

        rows, columns = define_and_read(
            self.platform.features,
            self.platform.user,
            self.view_name,
            self.folder,
            pd.concat([train, heldout], ignore_index=True),
        )
        step.data = {"view": self.view_name, "rows": rows, "features": columns}
        step.result = f"{self.view_name}: {rows} rows, {columns} features, join and online read agree"

    # --- the rest ---------------------------------------------------------------------------

    def _gpus(self, step: Step) -> None:
        gpus = self.platform.gpus.list()
        leases = self.platform.gpus.leases(limit=50, after=None)
        names = ", ".join(f"{one.index}: {one.name}" for one in gpus.devices)
        step.data = {"devices": len(gpus.devices), "leases": len(leases.items)}
        step.result = f"{names or gpus.message or 'No GPU on this machine'}; {len(leases.items)} leased"

    def _check_drift(self, current: str, *, report: bool) -> DriftReport:
        return self.platform.drift.check(str(self.folder / "train.parquet"), str(self.folder / current), report=report)

    def _judge(self, step: Step, report: DriftReport, *, expected: tuple[str, ...]) -> None:
        found = report.drifted_columns
        step.data = {"drift": report.drift, "drifted_columns": found}
        if not expected and (report.drift or found):
            raise StepFailed(f"drift was found in {', '.join(found)}, where there is none")
        if expected and not (report.drift and set(expected) <= set(found)):
            raise StepFailed(f"drift was found in {', '.join(found) or 'nothing'}, not in {', '.join(expected)}")
        step.result = f"drift in {', '.join(found)}" if found else f"no drift in {len(report.columns)} columns"

    def _look(self) -> list[dict[str, str]]:
        name = self.deployment_name
        report = next((step.data for step in self.steps if step.data.get("report_uri")), {})
        commands = {
            "the job and its cells": f"jobs show {self.job_id}",
            "its executed notebook": f"jobs output {self.job_id} --html --to demo.html",
            "its run in MLflow": f"runs show {self.run_id}",
            "the model's versions": f"models show {DATASET}-classifier",
            "the endpoint's answer": f"deployments predict {name} --example",
            "a row's features": f"features online {self.view_name} --entity sample_id=17",
            "the run with Evidently's report": f"runs show {report.get('run_id', '')}",
            "end the endpoint": f"deployments delete {name} --yes",
        }
        look = [{"what": what, "command": f"jupyter mlplat {command}"} for what, command in commands.items()]
        return [*look, {"what": "all of it in the lab", "command": "jupyter lab"}]


def _next_folder(root: Path) -> tuple[int, Path]:
    """The number of this demo, and its own empty folder."""
    number = 1
    while True:
        folder = root / str(number)
        try:
            folder.mkdir(mode=0o700, parents=True)
            return number, folder
        except FileExistsError:
            number += 1
        except OSError as error:
            raise Conflict(f"{folder} cannot be made: {error.strerror}", hint="free some space") from error


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return work(), time.monotonic() - began
