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
from jupyter_mlplat.services.jobs import JobQueue, JobsService, Pruning, RunningSweeps, SweepsService
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
    assert (home.sweeps / made.id / "study.jsonl").exists() == (store.dialect == "sqlite")
    assert len(trials_of(after)) == 12


def trials_of(sweep: Sweep) -> list[Any]:
    """As Optuna itself finds them, told as the sweep says it."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    assert sweep.study_code is not None
    names = {"optuna": optuna, "JournalStorage": JournalStorage, "JournalFileBackend": JournalFileBackend}
    return list(eval(sweep.study_code, names).get_trials())


def prune(store: Store, queue: JobQueue, key: str, step: int, **metrics: float) -> None:
    """As the attempt of a hopeless trial ends."""
    with store.write() as transaction:
        number, attempt = map(int, key.split("-"))
        own = tables.attempts
        transaction.connection.execute(
            update(own).where(own.c.job_id == number, own.c.number == attempt).values(run_id=f"run-{key}")
        )
    queue.end(key, {"state": "succeeded", "reason": "pruned", "message": f"pruned at step {step}", "pruned_at": step})
    queue.close_run(key, metrics)


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband"])
def test_a_study_finds_trials_hopeless_over_engines_and_attempts(
    sweeps: SweepsService, jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, train: str,
    pruner: str,
) -> None:  # fmt: skip
    made = create(
        sweeps, train, strategy="optuna", trials=12, metric="loss", direction="minimize", parallel=1, retries=1,
        retry_delay=0.0, space={"lr": {"low": 0.0, "high": 1.0}}, pruner=pruner,
    )  # fmt: skip
    assert sweeps.prunes(int(made.id))
    running, pruning = RunningSweeps(store, home, clock, jobs), Pruning(store)
    before = "1-1"
    for number in range(12):
        running.advance()
        assert not pruning.hopeless(before, [(9, 1.0)]), "it is over, or was not begun"
        (claim,) = queue.claim(1)
        if number == 3:  # its worker dies, and another attempt says the same again
            assert not pruning.hopeless(claim.key, [(0, 0.5)])
            queue.end(claim.key, {"state": "lost", "reason": "worker_lost"})
            (claim,) = queue.claim(1)
        if number == 7:  # the engine dies
            running, pruning = RunningSweeps(store, home, clock, jobs), Pruning(store)
        level = 1.0 if number < 6 else 100.0  # worse than all before
        for step in range(8):
            if pruning.hopeless(claim.key, [(step, level / (step + 1))]):
                prune(store, queue, claim.key, step, loss=level / (step + 1))
                break
        else:
            end(store, queue, claim.key, "succeeded", loss=level / 8)
        before = claim.key
    running.advance()
    after = sweeps.get(made.id)
    assert after.state == "succeeded"
    assert after.best is not None
    assert after.best.value == 0.125
    found = trials_of(after)
    states = [one.state.name for one in found]
    assert [one.state.upper().replace("SUCCEEDED", "COMPLETE") for one in after.points] == states
    assert [one.last_step for one in found if one.state.name == "PRUNED"] == [
        one.pruned_at for one in after.points if one.pruned_at is not None
    ]
    assert states.count("COMPLETE") + states.count("PRUNED") == 12
    assert "PRUNED" in states
    assert after.counts == {
        name: count
        for name, count in {"succeeded": states.count("COMPLETE"), "pruned": states.count("PRUNED")}.items()
        if count
    }
    job = jobs.get(after.points[-1].job_id)
    if pruner == "median":
        assert states[6:] == ["PRUNED"] * 6
        assert (job.state, job.reason, job.pruned_at, job.message) == ("succeeded", "pruned", 0, "pruned at step 0")
        with pytest.raises(Conflict, match="every point"):
            sweeps.retry(made.id)
    view = sweeps.study(made.id)
    assert [one.state.upper() for one in view.trials] == states
    assert view.front == [int(str(after.points.index(after.best)))]
    assert all(
        len(one.intermediate) == len(trial.intermediate_values) for one, trial in zip(view.trials, found, strict=True)
    )


def test_an_attempt_that_runs_again_is_judged_where_it_comes_further(
    sweeps: SweepsService, running: RunningSweeps, queue: JobQueue, store: Store, train: str
) -> None:
    made = create(
        sweeps, train, strategy="optuna", trials=8, metric="loss", direction="minimize", parallel=2, retries=1,
        retry_delay=0.0, space={"lr": {"low": 0.0, "high": 1.0}},
    )  # fmt: skip
    pruning = Pruning(store)
    running.advance()
    first, *others = queue.claim(2)
    assert not pruning.hopeless(first.key, [(0, 9.0), (1, 9.0)]), "there is nothing to compare it with"
    for _ in range(6):
        assert not pruning.hopeless(others[0].key, [(0, 1.0), (1, 1.0)])
        end(store, queue, others[0].key, "succeeded", loss=1.0)
        running.advance()
        others = queue.claim(1)
    queue.end(first.key, {"state": "lost", "reason": "worker_lost"})
    (again,) = queue.claim(1)
    assert again.row["id"] == first.row["id"]
    assert not pruning.hopeless(again.key, [(0, 9.0)])
    assert pruning.hopeless(again.key, [(1, 9.0)])
    assert sweeps.get(made.id).state == "running"


def test_attempts_of_other_jobs_prune_nothing(
    sweeps: SweepsService, running: RunningSweeps, queue: JobQueue, store: Store, train: str
) -> None:
    create(sweeps, train, space={"lr": [0.1]}, metric="loss")
    (claim,) = queue.claim(1)
    pruning = Pruning(store)
    assert not pruning.hopeless(claim.key, [(0, 1e9)])
    assert not pruning.hopeless("999-1", [(0, 1.0)])


def test_the_trials_of_a_cancelled_study_end(
    sweeps: SweepsService, running: RunningSweeps, queue: JobQueue, store: Store, train: str
) -> None:
    made = create(sweeps, train, strategy="optuna", trials=5, metric="loss", parallel=2, space={"lr": [1.0, 2.0]})
    running.advance()
    (claim,) = queue.claim(1)
    sweeps.cancel(made.id)
    for one in queue.cancellations():
        if one.row["state"] == "queued":
            queue.cancel_queued(one)
    running.advance()
    assert sweeps.get(made.id).state == "running"
    end(store, queue, claim.key, "cancelled")
    running.advance()
    after = sweeps.get(made.id)
    assert after.state == "cancelled"
    assert [one.state.name for one in trials_of(after)] == ["FAIL", "FAIL"]


def test_a_trial_waits_for_its_value_but_not_for_ever(
    sweeps: SweepsService, running: RunningSweeps, queue: JobQueue, store: Store, clock: ManualClock, train: str
) -> None:
    made = create(sweeps, train, strategy="optuna", trials=1, metric="loss", space={"lr": [1.0]})
    running.advance()
    (claim,) = queue.claim(1)
    with store.write() as transaction:
        transaction.connection.execute(update(tables.attempts).values(run_id="run"))
    queue.end(claim.key, {"state": "succeeded", "reason": None})
    running.advance()
    assert sweeps.get(made.id).state == "running"
    clock.move(minutes=6)
    running.advance()
    after = sweeps.get(made.id)
    assert after.state == "succeeded"
    assert [one.state.name for one in trials_of(after)] == ["FAIL"]


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "nsgaii", "qmc"])
def test_every_sampler_chooses_points_that_the_notebook_takes(
    sweeps: SweepsService, running: RunningSweeps, queue: JobQueue, store: Store, train: str, sampler: str
) -> None:
    trials = 6 if sampler == "gp" else 12  # from the eleventh on a process is fitted, which takes a second
    made = create(
        sweeps, train, strategy="optuna", trials=trials, metric="loss", direction="minimize", sampler=sampler,
        space={"lr": {"low": 0.001, "high": 1.0, "log": True}, "layers": {"low": 1, "high": 3}, "kind": ["a", "b"]},
        constraints=["size <= 2"],
    )  # fmt: skip
    while running.advance():
        for claim in queue.claim(2):
            point = claim.row["point"]
            end(store, queue, claim.key, "succeeded", loss=point["lr"], size=float(point["layers"]))
    after = sweeps.get(made.id)
    assert (after.state, after.sampler, len(after.points)) == ("succeeded", sampler, trials)
    for one in after.points:
        assert 0.001 <= float(str(one.point["lr"])) <= 1.0
        assert one.point["layers"] in (1, 2, 3)
        assert one.point["kind"] in ("a", "b")
        assert one.feasible is (one.point["layers"] != 3)
    assert after.best is not None
    assert after.best.value == min(one.value for one in after.points if one.feasible and one.value is not None)
    for point, trial in zip(after.points, trials_of(after), strict=True):
        assert trial.constraints == {"size <= 2": float(str(point.point["layers"])) - 2}
    view = sweeps.study(made.id)
    assert view.importance is not None
    assert set(view.importance) == {"lr", "layers", "kind"}
    assert sum(view.importance.values()) == pytest.approx(1.0)
    assert [one.params for one in view.trials] == [one.point for one in after.points]


@pytest.mark.parametrize("strategy", ["optuna", "grid"])
def test_several_objectives_have_a_front(
    sweeps: SweepsService, running: RunningSweeps, queue: JobQueue, store: Store, jobs: JobsService, train: str,
    strategy: str,
) -> None:  # fmt: skip
    objectives = [{"metric": "auc"}, {"metric": "size", "direction": "minimize"}]
    made = create(
        sweeps, train, strategy=strategy, trials=8 if strategy == "optuna" else None, objectives=objectives,
        space={"layers": [1, 2, 3, 4], "lr": [0.5, 1.0]}, constraints=["size <= 3.5"],
    )  # fmt: skip
    assert (made.metric, made.direction, len(made.objectives)) == ("auc", "maximize", 2)
    assert not sweeps.prunes(int(made.id))
    while running.advance():
        for claim in queue.claim(2):
            point = claim.row["point"]
            end(store, queue, claim.key, "succeeded", auc=point["layers"] * point["lr"], size=float(point["layers"]))
    after = sweeps.get(made.id)
    assert (after.state, after.best) == ("succeeded", None)
    assert jobs.get(after.points[0].job_id).metric.keys() == {"auc", "size"}
    for one in after.points:
        auc, size = one.values
        assert (auc, size) == (one.point["layers"] * one.point["lr"], one.point["layers"])  # type: ignore[operator]
        assert one.feasible is (size is not None and size <= 3.5)
        better = [
            other for other in after.points
            if other.feasible and other.values != one.values and other.values[0] >= auc and other.values[1] <= size  # type: ignore[operator]
        ]  # fmt: skip
        assert one.front is (bool(one.feasible) and not better)
    front = [place for place, one in enumerate(after.points) if one.front]
    assert front
    if strategy == "optuna":
        assert sweeps.study(made.id).front == front
        assert [one.values for one in trials_of(after)] == [one.values for one in after.points]
    else:
        with pytest.raises(NotFound, match="has no study"):
            sweeps.study(made.id)


def test_optuna_chooses_from_the_limits_of_the_notebook(sweeps: SweepsService, tmp_path: Path) -> None:
    source = (
        "from typing import Annotated, Literal\nfrom pydantic import Field\n"
        "lr: Annotated[float, Field(ge=1e-5, le=1.0)] = 0.1\n"
        "layers: Annotated[int, Field(ge=1, le=8)] = 2\n"
        "kind: Literal['a', 'b'] = 'a'\n"
        "free: float = 1.0\nhalf: Annotated[float, Field(ge=0)] = 1.0"
    )
    made = new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]})])
    nbformat.write(made, tmp_path / "typed.ipynb")
    path = str(tmp_path / "typed.ipynb")
    found = create(sweeps, path, strategy="optuna", trials=3, metric="loss", parameters={"layers": 4})
    assert {name: one if isinstance(one, list) else one.model_dump() for name, one in found.space.items()} == {
        "lr": {"low": 1e-5, "high": 1.0, "log": True}, "kind": ["a", "b"],
    }  # fmt: skip
    with pytest.raises(Invalid, match="nothing to sweep over"):
        create(sweeps, path, strategy="random", trials=3)


def test_a_study_that_cannot_be_read_ends_the_sweep_with_the_reason(
    sweeps: SweepsService, running: RunningSweeps, home: Home, train: str
) -> None:
    made = create(sweeps, train, strategy="optuna", trials=3, metric="loss", space={"lr": [1.0]})
    (home.sweeps / made.id / "study.jsonl").mkdir()  # a journal that was begun is gone on with, PostgreSQL or not
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
        ({"space": {}}, "space"),
        ({"strategy": "optuna", "trials": 3, "metric": "loss"}, "space"),
        ({"space": {"lr": [1]}, "sampler": "gp"}, "sampler"),
        ({"space": {"lr": [1]}, "pruner": "median"}, "pruner"),
        ({"space": {"lr": [1]}, "constraints": ["latency = 2"]}, "constraints"),
        ({"space": {"lr": [1]}, "constraints": ["latency <= 1e"]}, "constraints"),
        ({"space": {"lr": [1]}, "metric": "a", "objectives": [{"metric": "b"}]}, "objectives"),
        ({"space": {"lr": [1]}, "objectives": [{"metric": "b"}, {"metric": "b"}]}, "objectives"),
        (
            {
                "space": {"lr": [1]},
                "strategy": "optuna",
                "trials": 3,
                "pruner": "median",
                "objectives": [{"metric": "a"}, {"metric": "b"}],
            },
            "pruner",
        ),
        ({"space": {"lr": [1]}, "strategy": "optuna", "trials": 3, "metric": "a", "sampler": "cmaes"}, "sampler"),
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
    for call in (sweeps.get, sweeps.cancel, sweeps.retry, sweeps.study):
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
