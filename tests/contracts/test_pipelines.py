"""Pipelines without an engine: order, references, states, what is refused; over SQLite and PostgreSQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from sqlalchemy import func, select, update

from jupyter_mlplat.errors import Conflict, Invalid, NotFound, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Pipeline, PipelineSpec
from jupyter_mlplat.services.jobs import JobQueue, JobsService, PipelinesService, RunningPipelines
from jupyter_mlplat.services.jobs.pipelines.files import to_spec
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock

Metrics = dict[str, dict[str, float]]
Ends = Callable[..., None]


@pytest.fixture
def pipelines(store: Store, home: Home, clock: ManualClock, jobs: JobsService) -> PipelinesService:
    return PipelinesService(store, home, clock, jobs, lambda: None)


@pytest.fixture
def metrics() -> Metrics:
    """What MLflow has, by run."""
    return {}


@pytest.fixture
def running(store: Store, home: Home, clock: ManualClock, jobs: JobsService, metrics: Metrics) -> RunningPipelines:
    return RunningPipelines(store, home, clock, jobs, metrics.__getitem__)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three notebooks: prepare takes rows, train takes path and lr, alert takes text."""
    sources = {
        "prepare": "rows: int = 10",
        "train": "path: str\nlr: float = 0.1\nunits: int = 8",
        "alert": "text: str = ''\npassword: str",
    }
    for name, source in sources.items():
        made = new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]}), new_code_cell("1")])
        made.metadata["mlplat"] = {"retries": 2} if name == "prepare" else {}
        nbformat.write(made, tmp_path / f"{name}.ipynb")
    return tmp_path


def spec(folder: Path, nodes: Mapping[str, Any], **more: Any) -> PipelineSpec:
    """Nodes whose notebook, where none is given, has their name."""
    whole = {
        name: {"notebook": f"{name.partition('_')[0]}.ipynb", **node} if isinstance(node, dict) else node
        for name, node in nodes.items()
    }
    return to_spec({"name": "nightly", "nodes": whole, **more}, folder)


THREE: dict[str, Any] = {
    "alert": {"needs": ["train"], "run_if": "any_failed", "secrets": {"password": "env:SMTP"}},
    "train": {"parameters": {"path": {"from": "prepare.results.path"}, "lr": {"from": "parameters.lr"}}},
    "prepare": {"parameters": {"rows": 20}, "timeout": 60},
}


@pytest.fixture
def end(store: Store, queue: JobQueue, metrics: Metrics) -> Ends:
    """Let every job that waits run, and end as its node is told to: a state, or results and metrics."""

    def run(close: bool = True, **nodes: Any) -> None:
        claims = queue.claim(100)
        assert {claim.row["node"] for claim in claims} == set(nodes)
        for claim in claims:
            wanted = nodes[claim.row["node"]]
            state = wanted if isinstance(wanted, str) else "succeeded"
            run_id = f"run{claim.key}"
            queue.set_run(claim, run_id)
            reason = {"succeeded": None, "cancelled": "cancelled", "lost": "worker_lost"}.get(state, "timeout")
            with store.write() as transaction:
                jobs = tables.jobs
                transaction.connection.execute(update(jobs).where(jobs.c.id == claim.row["id"]).values(retries=0))
            left = wanted.get("results", {}) if isinstance(wanted, dict) else {}
            queue.end(claim.key, {"state": state, "reason": reason, "message": reason, "results": left})
            metrics[run_id] = wanted.get("metrics", {}) if isinstance(wanted, dict) else {}
            if close:
                queue.close_run(claim.key, metrics[run_id])

    return run


def states(pipeline: Pipeline) -> dict[str, str]:
    return {one.name: one.state.value if one.state else "waiting" for one in pipeline.nodes}


# --- how it goes on -------------------------------------------------------------------------------


def test_a_node_runs_when_all_that_it_needs_has_ended_and_gets_what_was_left(
    pipelines: PipelinesService,
    running: RunningPipelines,
    jobs: JobsService,
    home: Home,
    folder: Path,
    end: Ends,
) -> None:
    made = pipelines.create(spec(folder, THREE, parameters={"lr": 1}), owner="ada")
    assert [one.name for one in made.nodes] == ["prepare", "train", "alert"]
    assert (made.state, made.counts, made.nodes[2].needs) == ("running", {"waiting": 3}, ["train"])
    assert sorted(path.name for path in (home.pipelines / made.id).iterdir()) == [
        "alert.ipynb", "prepare.ipynb", "train.ipynb",
    ]  # fmt: skip
    for notebook in folder.glob("*.ipynb"):
        notebook.unlink()  # what runs was kept
    assert running.advance()
    (prepare,) = jobs.list(pipeline=made.id).items
    assert (prepare.name, prepare.node, prepare.pipeline_id) == ("nightly: prepare", "prepare", made.id)
    assert (prepare.parameters, prepare.retries, prepare.timeout) == ({"rows": 20}, 2, 60)
    running.advance()
    assert len(jobs.list().items) == 1
    end(prepare={"results": {"path": "/data/a.parquet"}})
    running.advance()
    train = jobs.get(str(pipelines.get(made.id).nodes[1].job_id))
    assert train.parameters == {"path": "/data/a.parquet", "lr": 1.0}
    end(train="succeeded")
    running.advance()
    after = pipelines.get(made.id)
    assert (after.state, after.message) == ("succeeded", None)
    assert states(after) == {"prepare": "succeeded", "train": "succeeded", "alert": "skipped"}
    assert after.nodes[2].message == "nothing before it failed"
    assert after.counts == {"succeeded": 2, "skipped": 1}
    assert after.ended_at == after.nodes[2].ended_at
    alert = jobs.get(str(after.nodes[2].job_id))
    assert (alert.state, alert.attempt, alert.cells_total) == ("skipped", 0, 2)
    assert not running.advance()
    assert pipelines.list().items == [after.model_copy(update={"nodes": []})]


def test_after_a_failure_what_can_run_runs_and_the_pipeline_has_failed(
    pipelines: PipelinesService, running: RunningPipelines, folder: Path, end: Ends
) -> None:
    nodes = THREE | {
        "alert_2": {"needs": ["alert_1"], "run_if": "all_ended", "secrets": {"password": "env:SMTP"}},
        "alert_1": {"needs": ["prepare", "prepare_2"], "run_if": "any_succeeded", "secrets": {"password": "env:SMTP"}},
        "prepare_2": {},
    }
    made = pipelines.create(spec(folder, nodes, parameters={"lr": 1}), owner="ada")
    running.advance()
    end(prepare="failed", prepare_2="succeeded")
    running.advance()
    end(alert="succeeded", alert_1="lost")
    running.advance()
    end(alert_2="succeeded")
    running.advance()
    after = pipelines.get(made.id)
    assert states(after) == {
        "prepare": "failed", "train": "skipped", "alert": "succeeded", "prepare_2": "succeeded", "alert_1": "lost",
        "alert_2": "succeeded",
    }  # fmt: skip
    assert next(one.message for one in after.nodes if one.name == "train") == "prepare failed"
    assert (after.state, after.message) == ("failed", "prepare: timeout")


def test_retry_runs_what_did_not_succeed_and_keeps_the_rest(
    pipelines: PipelinesService, running: RunningPipelines, jobs: JobsService, folder: Path, end: Ends
) -> None:
    made = pipelines.create(spec(folder, THREE, parameters={"lr": 1}), owner="ada", idempotency_key="k")
    with pytest.raises(Conflict, match="is running"):
        pipelines.retry(made.id)
    running.advance()
    end(prepare={"results": {"path": "a"}})
    running.advance()
    end(train="failed")
    running.advance()
    end(alert="failed")
    running.advance()
    failed = pipelines.get(made.id)
    assert failed.state == "failed"
    again = pipelines.retry(made.id)
    assert (again.state, states(again)) == (
        "running", {"prepare": "succeeded", "train": "waiting", "alert": "waiting"},
    )  # fmt: skip
    assert (again.message, again.ended_at, again.nodes[1].job_id) == (None, None, None)
    running.advance()
    job = jobs.get(str(pipelines.get(made.id).nodes[1].job_id))
    assert (job.retry_of, job.parameters["path"]) == (failed.nodes[1].job_id, "a")
    end(train="succeeded")
    running.advance()
    after = pipelines.get(made.id)
    assert (after.state, states(after)) == (
        "succeeded", {"prepare": "succeeded", "train": "succeeded", "alert": "skipped"},
    )  # fmt: skip
    assert after.nodes[0].job_id == made.nodes[0].job_id or after.nodes[0].job_id == failed.nodes[0].job_id
    with pytest.raises(Conflict, match="succeeded"):
        pipelines.retry(made.id)
    same = pipelines.create(spec(folder, THREE, parameters={"lr": 1}), owner="ada", idempotency_key="k")
    assert same.id == made.id


def test_cancel_ends_what_runs_and_skips_the_rest(
    pipelines: PipelinesService, running: RunningPipelines, jobs: JobsService, queue: JobQueue, folder: Path
) -> None:
    nodes = THREE | {"prepare_2": {"priority": -5}}
    made = pipelines.create(spec(folder, nodes, parameters={"lr": 1}), owner="ada")
    running.advance()
    (claim,) = queue.claim(1)
    asked = pipelines.cancel(made.id)
    assert asked.state == "running"
    assert all(jobs.get(one.id).cancel_requested for one in jobs.list().items)
    running.advance()
    for one in queue.cancellations():
        if one.row["state"] == "queued":
            queue.cancel_queued(one)
    running.advance()
    assert states(pipelines.get(made.id)) == {
        "prepare": "starting", "train": "waiting", "alert": "waiting", "prepare_2": "cancelled",
    }  # fmt: skip
    queue.end(claim.key, {"state": "cancelled", "reason": "cancelled"})
    running.advance()
    after = pipelines.get(made.id)
    assert after.state == "cancelled"
    assert after.counts == {"cancelled": 2, "skipped": 2}
    assert after.nodes[1].message == "the pipeline was cancelled"
    with pytest.raises(Conflict, match="has ended: cancelled"):
        pipelines.cancel(made.id)
    assert pipelines.retry(made.id).counts == {"waiting": 4}
    running.advance()
    assert len(queue.claim(5)) == 2


def test_a_job_that_is_cancelled_by_itself_leaves_no_success(
    pipelines: PipelinesService, running: RunningPipelines, folder: Path, end: Ends
) -> None:
    made = pipelines.create(spec(folder, {"prepare": {}, "prepare_2": {"needs": ["prepare"]}}), owner="ada")
    running.advance()
    end(prepare="cancelled")
    running.advance()
    after = pipelines.get(made.id)
    assert (after.state, after.nodes[1].message) == ("cancelled", "prepare was cancelled")


# --- references -----------------------------------------------------------------------------------


def test_every_kind_of_reference(
    pipelines: PipelinesService, running: RunningPipelines, jobs: JobsService, folder: Path, end: Ends
) -> None:
    nodes = {
        "prepare": {},
        "alert_run": {"parameters": {"text": {"from": "prepare.run_id"}}},
        "alert_job": {"parameters": {"text": {"from": "prepare.job_id"}}},
        "alert_out": {"parameters": {"text": {"from": "prepare.output"}}},
        "train": {
            "parameters": {
                "path": {"value": "from nowhere"},
                "lr": {"from": "prepare.metrics.val/loss.mean"},
                "units": {"from": "prepare.parameters.rows"},
            }
        },
    }
    for name in ("alert_run", "alert_job", "alert_out"):
        nodes[name]["secrets"] = {"password": "env:SMTP"}
    made = pipelines.create(spec(folder, nodes), owner="ada")
    running.advance()
    job = jobs.get(str(pipelines.get(made.id).nodes[0].job_id))
    (Path(job.folder) / "attempt-1").mkdir()
    (Path(job.folder) / "attempt-1" / "output.ipynb").write_text("{}")
    end(prepare={"metrics": {"val/loss.mean": 0.25}}, close=False)
    running.advance()
    assert states(pipelines.get(made.id))["train"] == "waiting"  # its metrics are not known yet
    assert states(pipelines.get(made.id))["alert_out"] == "queued"
    JobQueue(jobs._store, jobs._clock).close_run(f"{job.id}-1", {})
    running.advance()
    got = {one.node: one.parameters for one in jobs.list(pipeline=made.id).items}
    assert got["train"] == {"path": "from nowhere", "lr": 0.25, "units": 10}
    assert got["alert_run"] == {"text": f"run{job.id}-1"}
    assert got["alert_job"] == {"text": job.id}
    assert got["alert_out"] == {"text": str(Path(job.folder) / "attempt-1" / "output.ipynb")}


@pytest.mark.parametrize(
    ("reference", "left", "message"),
    [
        (
            "prepare.results.rate",
            {"results": {"path": "a", "note": 1}},
            "parameter lr comes from prepare.results.rate: prepare left no result rate, only note, path",
        ),
        (
            "prepare.metrics.loss",
            {},
            "parameter lr comes from prepare.metrics.loss: prepare left no finite metric loss, nor any",
        ),
        (
            "prepare.output",
            {},
            "parameter lr comes from prepare.output: prepare left no executed notebook",
        ),
        (
            "prepare.results.lr",
            {"results": {"lr": "fast"}},
            'parameter lr is a number, not "fast" (it comes from prepare.results.lr)',
        ),
    ],
)
def test_a_value_that_is_missing_or_does_not_fit_fails_its_node(
    pipelines: PipelinesService,
    running: RunningPipelines,
    jobs: JobsService,
    folder: Path,
    end: Ends,
    reference: str,
    left: dict[str, Any],
    message: str,
) -> None:
    nodes = {"prepare": {}, "train": {"parameters": {"path": "p", "lr": {"from": reference}}}}
    made = pipelines.create(spec(folder, nodes), owner="ada")
    running.advance()
    end(prepare=left)
    running.advance()
    after = pipelines.get(made.id)
    job = jobs.get(str(after.nodes[1].job_id))
    assert (job.state, job.reason, job.message) == ("failed", "bad_input", message)
    assert (after.state, after.message) == ("failed", f"train: {message}")


def test_a_reference_to_a_node_that_was_skipped_fails(
    pipelines: PipelinesService, running: RunningPipelines, folder: Path, end: Ends
) -> None:
    nodes = {
        "prepare": {},
        "prepare_2": {"needs": ["prepare"], "run_if": "any_failed"},
        "train": {"parameters": {"path": {"from": "prepare_2.results.path"}}, "run_if": "all_ended"},
    }
    made = pipelines.create(spec(folder, nodes), owner="ada")
    running.advance()
    end(prepare="succeeded")
    running.advance()
    after = pipelines.get(made.id)
    assert after.nodes[2].message == "parameter path comes from prepare_2.results.path: prepare_2 was skipped"


def test_where_mlflow_does_not_answer_only_the_node_that_asks_waits(
    pipelines: PipelinesService,
    store: Store,
    home: Home,
    clock: ManualClock,
    jobs: JobsService,
    folder: Path,
    end: Ends,
) -> None:
    def away(run_id: str) -> dict[str, float]:
        raise Unavailable("MLflow does not answer")

    running = RunningPipelines(store, home, clock, jobs, away)
    nodes = {"prepare": {}, "train": {"parameters": {"path": "p", "lr": {"from": "prepare.metrics.lr"}}}}
    asks = pipelines.create(spec(folder, nodes), owner="ada")
    other = pipelines.create(spec(folder, {"prepare": {}, "prepare_2": {"needs": ["prepare"]}}), owner="ada")
    running.advance()
    end(prepare={"metrics": {"lr": 0.5}})
    assert running.advance()
    assert running.advance()
    assert states(pipelines.get(asks.id))["train"] == "waiting"
    assert states(pipelines.get(other.id))["prepare_2"] == "queued"
    RunningPipelines(store, home, clock, jobs, lambda run_id: {"lr": 0.5}).advance()
    assert states(pipelines.get(asks.id))["train"] == "queued"


def test_a_node_does_not_wait_for_mlflow_without_end(
    pipelines: PipelinesService,
    store: Store,
    home: Home,
    clock: ManualClock,
    jobs: JobsService,
    folder: Path,
    end: Ends,
) -> None:
    def away(run_id: str) -> dict[str, float]:
        raise Unavailable("MLflow does not answer")

    running = RunningPipelines(store, home, clock, jobs, away)
    nodes = {"prepare": {}, "train": {"parameters": {"path": "p", "lr": {"from": "prepare.metrics.lr"}}}}
    asks = pipelines.create(spec(folder, nodes), owner="ada")
    running.advance()
    end(prepare={"metrics": {"lr": 0.5}})
    clock.move(minutes=14)
    running.advance()
    assert states(pipelines.get(asks.id))["train"] == "waiting"
    clock.move(minutes=2)
    running.advance()
    running.advance()
    after = pipelines.get(asks.id)
    assert (after.state, states(after)["train"]) == ("failed", "failed")
    assert after.nodes[1].message == "the metrics that it refers to could not be read: MLflow does not answer"


# --- engines, crashes -----------------------------------------------------------------------------


def test_two_engines_make_a_job_once(
    pipelines: PipelinesService, store: Store, home: Home, clock: ManualClock, jobs: JobsService, folder: Path
) -> None:
    made = pipelines.create(spec(folder, {f"prepare_{n}": {} for n in range(8)}), owner="ada")
    engines = [RunningPipelines(store, home, clock, jobs, {}.__getitem__) for _ in range(4)]
    gate = threading.Barrier(4)

    def advance(engine: RunningPipelines) -> None:
        gate.wait()
        engine.advance()

    threads = [threading.Thread(target=advance, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        table = tables.jobs
        counts = connection.execute(select(table.c.node, func.count()).group_by(table.c.node)).all()
    assert sorted(tuple(one) for one in counts) == [(f"prepare_{n}", 1) for n in range(8)]
    assert pipelines.get(made.id).counts == {"queued": 8}


def test_a_job_that_cannot_be_written_now_is_made_later_and_only_once(
    pipelines: PipelinesService,
    running: RunningPipelines,
    jobs: JobsService,
    home: Home,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = pipelines.create(spec(folder, {"prepare": {}}), owner="ada")
    home.jobs.rmdir()
    home.jobs.touch()  # no folder of a job can be made
    assert running.advance()
    assert running.advance()
    assert (pipelines.get(made.id).counts, jobs.list().items) == ({"waiting": 1}, [])
    assert [one.getMessage().partition(": the folder")[0] for one in caplog.records] == [f"pipeline {made.id} waits"]
    home.jobs.unlink()
    home.jobs.mkdir()
    running.advance()
    running.advance()
    assert [one.node for one in jobs.list().items] == ["prepare"]


def test_a_notebook_that_was_lost_ends_the_pipeline_with_the_reason(
    pipelines: PipelinesService, running: RunningPipelines, home: Home, folder: Path, end: Ends
) -> None:
    nodes = {"prepare": {}, "prepare_2": {}, "alert": {"needs": ["prepare"], "secrets": {"password": "env:A"}}}
    made = pipelines.create(spec(folder, nodes), owner="ada")
    (home.pipelines / made.id / "prepare_2.ipynb").unlink()
    running.advance()
    running.advance()
    assert pipelines.get(made.id).state == "running"  # one of its jobs has not ended
    end(prepare="succeeded")
    running.advance()
    after = pipelines.get(made.id)
    assert (after.state, after.counts) == ("failed", {"succeeded": 1})
    assert after.message is not None
    assert after.message.startswith("the notebook of prepare_2 was lost: there is no notebook")


def test_a_job_cannot_be_deleted_while_its_pipeline_goes_by_it(
    pipelines: PipelinesService, running: RunningPipelines, jobs: JobsService, folder: Path, end: Ends
) -> None:
    made = pipelines.create(spec(folder, {"prepare": {}, "prepare_2": {"needs": ["prepare"]}}), owner="ada")
    running.advance()
    end(prepare="succeeded")
    job = str(pipelines.get(made.id).nodes[0].job_id)
    with pytest.raises(Conflict, match=f"job {job} belongs to pipeline {made.id}, which is running"):
        jobs.delete(job)
    running.advance()
    end(prepare_2="succeeded")
    running.advance()
    jobs.delete(job)
    after = pipelines.get(made.id)
    assert (after.state, after.counts, after.nodes[0].job_id) == ("succeeded", {"succeeded": 1}, None)


def test_every_change_is_told(
    pipelines: PipelinesService, running: RunningPipelines, store: Store, folder: Path, end: Ends
) -> None:
    made = pipelines.create(spec(folder, {"prepare": {}}), owner="ada")

    def told() -> int:
        return sum(1 for one in store.changes_after(0) if (one.topic, one.key) == ("pipelines", made.id))

    assert told() == 1
    running.advance()
    before = told()
    assert before > 1
    running.advance()
    running.advance()
    quiet = told()
    running.advance()
    assert told() == quiet
    end(prepare="succeeded")
    running.advance()
    assert told() > quiet


# --- what is refused ------------------------------------------------------------------------------


def node(**parameters: Any) -> dict[str, Any]:
    return {"notebook": "train.ipynb", "parameters": {"path": "p", **parameters}}


P = {"prepare": {}}


@pytest.mark.parametrize(
    ("nodes", "more", "field", "message", "hint"),
    [
        (
            {
                "prepare": {"needs": ["prepare_3"]},
                "prepare_2": {"needs": ["prepare"]},
                "prepare_3": {"needs": ["prepare_2"]},
            },
            {}, "nodes.prepare.needs",
            "the nodes wait for each other: prepare needs prepare_3, prepare_3 needs prepare_2, "
            "prepare_2 needs prepare",
            "take away one of these needs, or a reference that stands for it",
        ),
        (
            {"train": node(lr={"from": "alert.results.x"}), "alert": {"needs": ["train"]}},
            {}, "nodes.train.needs", "the nodes wait for each other: train needs alert, alert needs train", None,
        ),
        (
            {"prepare": {"needs": ["prepare"]}},
            {}, "nodes.prepare.needs", "node prepare: it waits for itself", "take prepare away there",
        ),
        (
            {"train": node(lr={"from": "train.results.lr"})},
            {}, "nodes.train.parameters.lr", "node train: it waits for itself", None,
        ),
        (
            P | {"alert": {"needs": ["prepair"]}},
            {}, "nodes.alert.needs", "node alert: needs names 'prepair', which is no node", "did you mean prepare?",
        ),
        (
            P | {"train": node(lr={"from": "zzz.results.lr"})},
            {}, "nodes.train.parameters.lr", "node train: parameter lr names 'zzz', which is no node",
            "the nodes are prepare, train",
        ),
        *(
            (
                P | {"train": node(lr={"from": text})},
                {}, "nodes.train.parameters.lr",
                f"node train: parameter lr has a reference that cannot be read: {str(text)!r}", None,
            )
            for text in (
                "prepare", "prepare.results", "prepare.results.", "prepare.run_id.x", "prepare.colour.x", ".", "",
                "parameters", "parameters.", 3, None, ["a"],
            )
        ),
        (
            P | {"train": node(rate={"from": "prepare.results.lr"})},
            {}, "nodes.train.parameters.rate", "node train: parameter rate is unknown",
            "the notebook's parameters are path, lr, units",
        ),
        (
            P | {"train": node(lr={"from": "prepare.parameters.row"})},
            {}, "nodes.train.parameters.lr",
            "node train: parameter lr refers to prepare.parameters.row, which is unknown", "did you mean rows?",
        ),
        (
            P | {"alert": {"parameters": {"password": {"from": "prepare.results.x"}}}},
            {}, "nodes.alert.parameters.password",
            "node alert: parameter password is a secret and cannot be given as a value", None,
        ),
        (
            {"train": node(lr={"from": "parameters.lr"})},
            {}, "nodes.train.parameters.lr",
            "node train: parameter lr refers to parameters.lr, which the pipeline does not have",
            "give it: -p lr=VALUE",
        ),
        (
            {"train": node(lr={"from": "parameters.lr"})},
            {"parameters": {"lr": "fast"}}, "nodes.train.parameters.lr",
            'node train: parameter lr is a number, not "fast"', "the default is 0.1",
        ),
        (
            {"train": node(lr={"from": "parameters.lr"})},
            {"parameters": {"lr": 1, "lrr": 2}}, "parameters.lrr", "no node refers to the parameter 'lrr'",
            "did you mean lr?",
        ),
        (
            P, {"parameters": {"a-b": 2}}, "parameters.a-b", "the parameter 'a-b' has no usable name", None,
        ),
        (
            {"train": {}}, {}, "nodes.train.parameters.path",
            "node train: parameter path has no default: give it a value",
            "see what it takes: jupyter mlplat jobs schema NB",
        ),
        (
            {"train": node(lr={"value": {"from": "x"}})}, {}, "nodes.train.parameters.lr",
            'node train: parameter lr is a number, not {"from": "x"}', None,
        ),
        (
            {"train": node(lr={"from": "prepare.results.x", "else": 1})}, {}, "nodes.train.parameters.lr",
            'node train: parameter lr is a number, not {"from": "prepare.results.x", "else": 1}', None,
        ),
        (
            {"x": {"notebook": "none.ipynb"}}, {}, "nodes.x.notebook", None,
            "give the path of a Jupyter notebook (.ipynb)",
        ),
        (
            {"prepare": {"run_if": "any_failed"}}, {}, "nodes.prepare.run_if",
            "node prepare: run_if any_failed never holds where nothing comes before", "say what it needs",
        ),
        (
            {"parameters": {"notebook": "prepare.ipynb"}}, {}, "",
            "node parameters: no node can be called parameters: that is how the pipeline's own are referred to", None,
        ),
        (
            P | {"prepare_2": {"retrys": 3}}, {}, "nodes.prepare_2.retrys", "nodes.prepare_2.retrys is unknown",
            "did you mean retries?",
        ),
        (
            {"prepare": {"notify": [{"to": "mailto:ada@example.org"}]}}, {}, "nodes.prepare.notify",
            "node prepare: a node tells nobody how it ended", "say it once, beside nodes",
        ),
        (P, {"notify": [{"to": "@nobody"}]}, "notify.0.to", None, None),
        (P | {"prepare_2": "prepare.ipynb"}, {}, "nodes.prepare_2", None, None),
        (P, {"paramters": {}}, "paramters", "paramters is unknown", "did you mean parameters?"),
        (
            {f"prepare_{number}": {} for number in range(201)}, {}, "nodes",
            "nodes is longer than 200", None,
        ),
        ({}, {}, "nodes", "nodes is empty", None),
        *(
            (
                {name: {"notebook": "prepare.ipynb"}}, {}, f"nodes.{name}",
                f"nodes.{name} is no name of a node: letters, digits, _ and -, starting with a letter or _, 63 at most",
                None,
            )
            for name in ("../x", "a b", "a.b", "1a", "é", "x" * 64, "")
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_and_nothing_is_written(
    pipelines: PipelinesService,
    home: Home,
    folder: Path,
    nodes: dict[str, Any],
    more: dict[str, Any],
    field: str,
    message: str | None,
    hint: str | None,
) -> None:
    with pytest.raises(Invalid) as refused:
        pipelines.create(spec(folder, nodes, **more), owner="ada")
    if message is not None:
        assert refused.value.message == " ".join(message.split())
    if hint is not None:
        assert refused.value.hint == hint
    assert refused.value.hint
    assert not field or field in refused.value.fields, refused.value.fields
    assert "\n" not in refused.value.message
    assert pipelines.list().items == []
    assert list(home.pipelines.iterdir()) == []


def test_a_check_shows_the_graph_and_makes_nothing(pipelines: PipelinesService, home: Home, folder: Path) -> None:
    asked = spec(folder, THREE, parameters={"lr": 1})
    found = pipelines.check(asked)
    assert [(one.name, one.needs, one.run_if.value) for one in found] == [
        ("prepare", [], "all_succeeded"), ("train", ["prepare"], "all_succeeded"), ("alert", ["train"], "any_failed"),
    ]  # fmt: skip
    assert {one.job_id for one in found} == {None}
    assert list(home.pipelines.iterdir()) == []
    assert pipelines.schema(asked)["properties"] == {"lr": {"type": "number", "default": 0.1}}


def test_two_hundred_nodes_in_a_row_come_to_their_end(
    pipelines: PipelinesService, running: RunningPipelines, folder: Path, end: Ends
) -> None:
    chain = {
        f"prepare_{number}": {"needs": [f"prepare_{number - 1}"] if number else []} for number in reversed(range(200))
    }
    made = pipelines.create(spec(folder, chain), owner="ada")
    assert [one.name for one in made.nodes] == [f"prepare_{number}" for number in range(200)]
    running.advance()
    end(prepare_0="failed")
    running.advance()
    assert pipelines.get(made.id).counts == {"failed": 1, "skipped": 199}


def test_unknown_ids(pipelines: PipelinesService) -> None:
    for call in (pipelines.get, pipelines.cancel, pipelines.retry):
        for unknown in ("0", "x", "9" * 30, ""):
            with pytest.raises(NotFound):
                call(unknown)


def test_the_same_key_makes_one_pipeline(pipelines: PipelinesService, folder: Path) -> None:
    first = pipelines.create(spec(folder, {"prepare": {}}), owner="ada", idempotency_key="k")
    assert pipelines.create(spec(folder, {"prepare": {}}), owner="ada", idempotency_key="k").id == first.id
    with pytest.raises(Conflict, match="the idempotency key was used for pipeline"):
        pipelines.create(spec(folder, {"prepare_2": {}}), owner="ada", idempotency_key="k")
    assert [one.id for one in pipelines.list(owner="ada").items] == [first.id]
    assert pipelines.list(owner="bob").items == []


def test_a_notebook_in_another_language_is_refused(pipelines: PipelinesService, folder: Path) -> None:
    path = folder / "prepare.ipynb"
    notebook = json.loads(path.read_text())
    notebook["metadata"]["kernelspec"] = {"name": "bash", "language": "bash", "display_name": "bash"}
    path.write_text(json.dumps(notebook))
    with pytest.raises(Invalid, match="a notebook in bash does not run as a job"):
        pipelines.create(spec(folder, {"prepare": {}}), owner="ada")
