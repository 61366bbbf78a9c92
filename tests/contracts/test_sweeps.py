"""Sweeps without an engine: points, their jobs, states, Optuna's study; over SQLite and PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from pydantic import ValidationError
from sqlalchemy import update

from jupyter_mlplat.errors import Conflict, Invalid, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Sweep, SweepSpec, wrong_fields
from jupyter_mlplat.services.jobs import JobQueue, JobsService, RunningSweeps, SweepsService
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock


@pytest.fixture
def sweeps(store: Store, home: Home, clock: ManualClock, jobs: JobsService) -> SweepsService:
    return SweepsService(store, home, clock, jobs, lambda: None)


@pytest.fixture
def running(store: Store, home: Home, clock: ManualClock, jobs: JobsService) -> RunningSweeps:
    return RunningSweeps(store, home, clock, jobs)


@pytest.fixture
def train(tmp_path: Path) -> str:
    source = "lr: float = 0.1\nlayers: int = 1\nkind: str = 'a'\nwidths: list = [1]"
    made = new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]}), new_code_cell("print(lr)")])
    nbformat.write(made, tmp_path / "train.ipynb")
    return str(tmp_path / "train.ipynb")


def create(sweeps: SweepsService, notebook: str, **fields: Any) -> Sweep:
    return sweeps.create(SweepSpec.model_validate({"notebook": notebook, **fields}), owner="ada")


def end(store: Store, queue: JobQueue, key: str, state: str, **metrics: float) -> None:
    """As an attempt with an MLflow run ends."""
    with store.write() as transaction:
        number, attempt = map(int, key.split("-"))
        own = tables.attempts
        transaction.connection.execute(
            update(own).where(own.c.job_id == number, own.c.number == attempt).values(run_id=f"run-{key}")
        )
    reason = None if state == "succeeded" else "cancelled" if state == "cancelled" else "cell_error"
    queue.end(key, {"state": state, "reason": reason})
    queue.close_run(key, metrics)


def test_a_grid_has_every_combination_and_marks_the_best(
    sweeps: SweepsService, running: RunningSweeps, jobs: JobsService, queue: JobQueue, store: Store, train: str
) -> None:
    made = create(
        sweeps, train, space={"lr": [0.1, 0.01, 0.001], "layers": [1, 2]}, parameters={"kind": "b"}, metric="auc",
        parallel=2, retries=1, retry_on=["timeout"],
    )  # fmt: skip
    assert (made.state, made.trials, made.counts, made.best) == ("running", 6, {"queued": 6}, None)
    assert [one.point for one in made.points][:3] == [
        {"lr": 0.1, "layers": 1}, {"lr": 0.1, "layers": 2}, {"lr": 0.01, "layers": 1},
    ]  # fmt: skip
    job = jobs.get(made.points[1].job_id)
    assert (job.parameters, job.sweep_id, job.point, job.retries) == (
        {"kind": "b", "lr": 0.1, "layers": 2}, made.id, {"lr": 0.1, "layers": 2}, 1,
    )  # fmt: skip
    done = 0
    while claims := queue.claim(10):
        assert len(claims) <= 2
        for claim in claims:
            end(store, queue, claim.key, "succeeded" if done != 3 else "failed", auc=0.5 + done / 10)
            done += 1
        running.advance()
    after = sweeps.get(made.id)
    assert (after.state, after.counts) == ("partial", {"succeeded": 5, "failed": 1})
    assert after.ended_at is not None
    assert after.best is not None
    assert (after.best.point, after.best.value) == ({"lr": 0.001, "layers": 2}, 1.0)
    assert sweeps.list().items[0].points == []
    assert sweeps.list().items[0].best == after.best
    assert not running.advance()

    again = sweeps.retry(made.id)
    assert (again.state, again.counts) == ("running", {"succeeded": 5, "queued": 1})
    (claim,) = queue.claim(10)
    assert jobs.get(str(claim.row["id"])).retry_of == after.points[3].job_id
    end(store, queue, claim.key, "succeeded", auc=2.0)
    running.advance()
    final = sweeps.get(made.id)
    assert (final.state, len(final.points)) == ("succeeded", 6)
    assert final.best is not None
    assert final.best.value == 2.0
    with pytest.raises(Conflict, match="every point"):
        sweeps.retry(made.id)


def test_a_sweep_without_success_failed_and_a_cancelled_one_is_cancelled(
    sweeps: SweepsService, running: RunningSweeps, queue: JobQueue, store: Store, train: str
) -> None:
    made = create(sweeps, train, space={"lr": [1.0, 2.0]})
    for claim in queue.claim(5):
        end(store, queue, claim.key, "failed")
    running.advance()
    assert sweeps.get(made.id).state == "failed"

    other = create(sweeps, train, space={"lr": [1.0, 2.0]})
    (claim,) = queue.claim(1)
    asked = sweeps.cancel(other.id)
    assert asked.state == "running"
    for one in queue.cancellations():
        if one.row["state"] == "queued":
            queue.cancel_queued(one)
    running.advance()
    assert sweeps.get(other.id).state == "running"  # one of its jobs has not ended
    end(store, queue, claim.key, "cancelled")
    running.advance()
    after = sweeps.get(other.id)
    assert (after.state, after.counts) == ("cancelled", {"cancelled": 2})
    with pytest.raises(Conflict):
        sweeps.cancel(other.id)


def test_a_random_sample_is_the_same_for_the_same_seed(sweeps: SweepsService, train: str) -> None:
    space = {"lr": {"low": 1e-5, "high": 1.0, "log": True}, "layers": {"low": 1, "high": 9}, "kind": ["a", "b"]}
    points = [
        [one.point for one in create(sweeps, train, space=space, strategy="random", trials=20, seed=seed).points]
        for seed in (1, 1, 2)
    ]
    assert points[0] == points[1] != points[2]
    assert len(points[0]) == 20
    for point in points[0]:
        assert isinstance(point["layers"], int)
        assert 1 <= point["layers"] <= 9
        assert isinstance(point["lr"], float)
        assert 1e-5 <= point["lr"] <= 1.0
    assert sum(1 for point in points[0] if float(str(point["lr"])) < 1e-2) > 5  # spread over orders of magnitude
    few = create(sweeps, train, space={"lr": [1, 2], "kind": ["a", "b"]}, strategy="random", trials=50)
    assert sorted(map(str, (one.point for one in few.points))) == sorted(
        str({"lr": lr, "kind": kind}) for lr in (1, 2) for kind in ("a", "b")
    )


def test_optuna_goes_on_where_another_engine_stopped(
    sweeps: SweepsService, jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, train: str
) -> None:
    made = create(
        sweeps, train, strategy="optuna", trials=12, metric="loss", direction="minimize", parallel=2,
        space={"lr": {"low": 0.0, "high": 1.0}, "widths": [[1], [1, 2]], "layers": {"low": 1, "high": 3}},
    )  # fmt: skip
    assert (made.points, made.trials) == ([], 12)
    engines = [RunningSweeps(store, home, clock, jobs)]
    for step in range(40):
        if step == 5:
            engines.append(RunningSweeps(store, home, clock, jobs))
        if not engines[-1].advance():
            break
        for claim in queue.claim(2):
            lr = claim.row["point"]["lr"]
            if claim.row["trial"] == 3:
                end(store, queue, claim.key, "failed")
            else:
                end(store, queue, claim.key, "succeeded", loss=(lr - 0.3) ** 2)
    after = sweeps.get(made.id)
    assert (after.state, after.counts) == ("partial", {"succeeded": 11, "failed": 1})
    assert [one.state for one in after.points][3] == "failed"
    values = [one.value for one in after.points if one.value is not None]
    assert after.best is not None
    assert after.best.value == min(values)
    assert all(one.point["widths"] in ([1], [1, 2]) for one in after.points)
    assert (home.sweeps / made.id / "study.jsonl").exists()


def test_a_study_that_cannot_be_read_ends_the_sweep_with_the_reason(
    sweeps: SweepsService, running: RunningSweeps, home: Home, train: str
) -> None:
    made = create(sweeps, train, strategy="optuna", trials=3, metric="loss", space={"lr": [1.0]})
    (home.sweeps / made.id / "study.jsonl").mkdir()
    running.advance()
    after = sweeps.get(made.id)
    assert after.state == "failed"
    assert after.message is not None
    assert after.message.startswith("it could not go on")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"space": {"z": [1]}}, "space.z"),
        ({"space": {"lr": []}}, "space.lr"),
        ({"space": {"lr": {"low": 0, "high": 1}}}, "space.lr"),
        ({"space": {"lr": ["fast"]}}, "parameters.lr"),
        ({"space": {"lr": list(range(40)), "layers": list(range(40))}}, "space"),
        ({"space": {"lr": [1]}, "parameters": {"layers": "two"}}, "parameters.layers"),
        ({"space": {"lr": [1]}, "trials": 3}, "trials"),
        ({"space": {"lr": [1], "layers": [1, 2]}, "parameters": {"layers": 3}}, "space.layers"),
        ({"space": {"lr": [1]}, "strategy": "random"}, "trials"),
        ({"space": {"lr": [1]}, "strategy": "optuna", "trials": 3}, "metric"),
        ({"space": {"kind": {"low": 0, "high": 1}}, "strategy": "random", "trials": 3}, "space.kind"),
        ({"space": {"layers": {"low": 1.2, "high": 1.8}}, "strategy": "random", "trials": 3}, "space.layers"),
    ],
)
def test_what_cannot_be_swept_is_refused_and_nothing_is_written(
    sweeps: SweepsService, jobs: JobsService, home: Home, train: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        create(sweeps, train, **fields)
    assert field in refused.value.fields, refused.value.fields
    assert sweeps.list().items == []
    assert jobs.list().items == []
    assert list(home.sweeps.iterdir()) == []


def test_unknown_ids(sweeps: SweepsService) -> None:
    for call in (sweeps.get, sweeps.cancel, sweeps.retry):
        for unknown in ("0", "x", "9" * 30, ""):
            with pytest.raises(NotFound):
                call(unknown)


def test_the_same_key_makes_one_sweep(sweeps: SweepsService, jobs: JobsService, train: str) -> None:
    spec = SweepSpec(notebook=train, space={"lr": [1, 2]})
    first = sweeps.create(spec, owner="ada", idempotency_key="k")
    assert sweeps.create(spec, owner="ada", idempotency_key="k").id == first.id
    assert len(jobs.list().items) == 2
    with pytest.raises(Conflict):
        sweeps.create(SweepSpec(notebook=train, space={"lr": [3]}), owner="ada", idempotency_key="k")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"space": {"b": {"low": 1}}}, ["notebook", "space.b.high"]),
        ({"notebook": "a", "space": {"b": {"low": 1, "high": float("nan")}}}, ["space.b.high"]),
        ({"notebook": "a", "space": {}, "parameters": {"a": float("nan")}}, ["parameters.a"]),
        ({"notebook": "a", "space": {"b": [1]}, "nope": 1}, ["nope"]),
    ],
)
def test_what_is_wrong_is_named_as_it_was_written(given: dict[str, Any], wrong: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        SweepSpec.model_validate(given)
    named = wrong_fields(refused.value, given)
    assert set(wrong) <= set(named)
    assert all(re.fullmatch(r"[\w.]+", name) for name in named)
