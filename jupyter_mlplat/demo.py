"""`jupyter mlplat demo`: the whole loop on real data, each step checked.

The template notebook runs as a job; its run, model version and held-out rows come out of MLflow; the model
is served and asked over HTTP; its training table becomes a feature view; the served rows are compared with
the training rows. Runs with no service installed, and beside an earlier demo.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Conflict, MLPlatError, Unavailable

if TYPE_CHECKING:
    import pandas

    from .models import Deployment, DriftReport
    from .platform import Platform

DATASET = "breast_cancer"
TEMPLATE = "train_classifier.ipynb"
TARGET = "target"
SEED = 42
TEST_SIZE = 0.25
SHIFTED = ("mean_radius", "worst_texture", "worst_area")
SHIFT_STD = 1.5
JOB_TIMEOUT_S = 600.0
WAIT_S = 6.0
CLOSED_WITHIN_S = 60.0
HTTP_TIMEOUT_S = 30.0


class StepFailed(Exception):
    """A step did something else than it should: the text says what."""


@dataclass
class Step:
    """One row of the demo's table."""

    step: str
    ok: bool = False
    result: str = ""
    seconds: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)


def templates() -> Path:
    """Where the template notebooks are: beside the modules in an installed package, else in the checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "templates", here.parent / "notebooks" / "templates"):
        if folder.is_dir():
            return folder
    raise Unavailable("the template notebooks are missing", hint="install jupyter_mlplat again")


def run_demo(platform: Platform, note: Callable[[str], None]) -> dict[str, Any]:
    """Run every step and say how each went: `{"ok", "steps", "error", "look", "seconds"}`.

    Stops at the first step that fails; what was made before stays. `note` gets a line per step.
    """
    return Demo(platform, note).run()


def open_lab(platform: Platform, notebook: str) -> str:
    """Start JupyterLab on a notebook; says where its log is. Raises `Unavailable` where it does not start."""
    log = platform.home.log / "lab.log"
    root = ["--allow-root"] if os.geteuid() == 0 else []
    with open(log, "ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *root, notebook],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        process.wait(timeout=3.0)
    except subprocess.TimeoutExpired:
        return f"JupyterLab opens in the browser (process {process.pid}, log {log})"
    raise Unavailable(f"JupyterLab did not start; see {log}", hint="start it: jupyter lab")


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
        tables = beside.submit(self._split)
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
        from .models import JobSpec

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

    def _split(self) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """The data set in two, as the notebook does it; and the held-out rows with some columns shifted."""
        from sklearn import datasets
        from sklearn.model_selection import train_test_split

        table = datasets.load_breast_cancer(as_frame=True).frame
        table.columns = [column.replace(" ", "_") for column in table.columns]
        train, heldout = train_test_split(table, test_size=TEST_SIZE, random_state=SEED, stratify=table[TARGET])
        train, heldout = train.reset_index(drop=True), heldout.reset_index(drop=True)
        moved = heldout.copy()
        for column in SHIFTED:
            moved[column] += SHIFT_STD * train[column].std()
        for name, rows in (("train", train), ("heldout", heldout), ("shifted", moved)):
            rows.drop(columns=TARGET).to_parquet(self.folder / f"{name}.parquet", index=False)
        return train, heldout

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
        from .models import DeploymentSpec

        deployments = self.platform.deployments
        spec = DeploymentSpec(name=self.deployment_name, model=self.model_uri)
        made = deployments.create(spec, owner=self.platform.user)
        ready = deployments.wait_ready(made.name, timeout=120.0)
        if ready.state != "ready" or not ready.url or not ready.token_file:
            raise StepFailed(f"deployment {ready.name} is {ready.state}: {ready.message or 'no message'}")
        return ready

    def _predict(self, step: Step, endpoint: Deployment, heldout: pandas.DataFrame) -> None:
        assert endpoint.url is not None
        assert endpoint.token_file is not None
        rows = heldout.drop(columns=TARGET)
        truth = [int(value) for value in heldout[TARGET]]
        token = Path(endpoint.token_file).read_text().strip()
        split = {"columns": list(rows.columns), "data": rows.to_numpy().tolist()}
        answered = _post(f"{endpoint.url}/invocations", token, {"dataframe_split": split})
        mlflow_predictions = [int(value) for value in answered["predictions"]]
        base = f"{endpoint.url}/v2/models/{endpoint.name}"
        wanted = {one["name"]: one["datatype"] for one in _get(base, token)["inputs"]}
        tensors = [
            {"name": name, "datatype": datatype, "shape": [len(rows)], "data": rows[name].tolist()}
            for name, datatype in wanted.items()
        ]
        answered = _post(f"{base}/infer", token, {"inputs": tensors})
        infer_predictions = [int(value) for value in answered["outputs"][0]["data"]]
        _refused_without_token(f"{endpoint.url}/invocations", {"dataframe_split": split})
        if mlflow_predictions != infer_predictions:
            raise StepFailed("the two protocols gave different predictions")
        accuracy = sum(a == b for a, b in zip(mlflow_predictions, truth, strict=True)) / len(truth)
        if abs(accuracy - self.accuracy) > 1e-9:
            raise StepFailed(f"the served accuracy is {accuracy:.6f}, the run's own {self.accuracy:.6f}")
        step.data = {"rows": len(truth), "accuracy": accuracy, "run_accuracy": self.accuracy}
        step.result = f"{len(truth)} held-out rows by both protocols, accuracy {accuracy:.4f} as in the run"

    # --- features ---------------------------------------------------------------------------

    def _features(self, step: Step, train: pandas.DataFrame, heldout: pandas.DataFrame) -> None:
        """The run's table, with the ids and times that the demo gives it, back by both ways."""
        import pandas as pd

        from .models import FeatureViewSpec

        table = pd.concat([train, heldout], ignore_index=True)
        columns = [column for column in table.columns if column != TARGET]
        measured = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(len(table)), unit="h")
        table = table.assign(sample_id=table.index.to_numpy(), measured_at=measured)
        source = self.folder / "measurements.parquet"
        table.drop(columns=TARGET).to_parquet(source, index=False)
        spec = FeatureViewSpec(
            name=self.view_name,
            source=str(source),
            entities=["sample_id"],
            timestamp="measured_at",
            description=f"scikit-learn's {DATASET}, with the ids and times of the demo",
        )
        features = self.platform.features
        features.apply([spec], owner=self.platform.user)
        view = features.materialize(self.view_name)
        known = pd.DataFrame({"sample_id": table["sample_id"], "event_time": table["measured_at"]})
        joined = features.historical(known, [self.view_name])
        if not joined[columns].equals(table[columns]):
            raise StepFailed("the point-in-time join is not the training table")
        before = features.historical(
            known.assign(event_time=known["event_time"] - pd.Timedelta(minutes=1)), [self.view_name]
        )
        if not before[columns].isna().all().all():
            raise StepFailed("the point-in-time join knew values before they were measured")
        read = features.online(self.view_name, [{"sample_id": int(one)} for one in table["sample_id"]])
        if not pd.DataFrame(read)[columns].equals(table[columns]):
            raise StepFailed("the online store does not hold the training table")
        step.data = {"view": view.name, "rows": len(table), "features": len(columns)}
        step.result = f"{view.name}: {len(table)} rows, {len(columns)} features, join and online read agree"

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


def _get(url: str, token: str) -> dict[str, Any]:
    return _ask(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"}))


def _post(url: str, token: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _ask(urllib.request.Request(url, json.dumps(body, allow_nan=False).encode(), headers))


def _ask(request: urllib.request.Request) -> dict[str, Any]:
    try:
        # An endpoint of this machine is not asked through a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=HTTP_TIMEOUT_S) as response:
            answered: dict[str, Any] = json.load(response)
            return answered
    except urllib.error.HTTPError as error:
        said = error.read(500).decode("utf-8", "replace")
        raise StepFailed(f"{request.full_url} answered {error.code}: {said}") from error
    except (OSError, ValueError) as error:
        raise StepFailed(f"{request.full_url} did not answer: {error}") from error


def _refused_without_token(url: str, body: Mapping[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        _ask(request)
    except StepFailed as error:
        if " answered 401" in str(error):
            return
        raise
    raise StepFailed(f"{url} answers without a token")
