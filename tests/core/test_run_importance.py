"""How much each parameter of some runs has to do with a metric."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.errors import Invalid, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import ParameterImportance, Run, RunImportance
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.services.runs.importance import importance
from jupyter_mlplat.store import Store

from ..conftest import copy_mlflow

Given = dict[str, Any]


def runs(count: int, of: Callable[[random.Random], tuple[Given, float | None]], seed: int = 7) -> list[Run]:
    """Runs whose parameters and metric `of` draws; a parameter that is None is not there."""
    dice = random.Random(seed)
    drawn = [of(dice) for _ in range(count)]
    return [
        Run(
            id=str(number), name=f"run {number}", experiment_id="0", experiment="Default", status="FINISHED",
            parameters={name: str(value) for name, value in given.items() if value is not None},
            metrics={"loss": value},
        )
        for number, (given, value) in enumerate(drawn)
    ]  # fmt: skip


def by_name(found: RunImportance) -> dict[str, ParameterImportance]:
    assert found.message is None
    assert sum(one.share for one in found.parameters) == pytest.approx(1)
    return {one.name: one for one in found.parameters}


def planted(dice: random.Random) -> tuple[Given, float]:
    """What `lr` and a little `kind` make of the loss; `noise` does nothing, `seed` is always the same."""
    lr, kind = 10 ** dice.uniform(-4, 0), dice.choice(["adam", "sgd", "lion"])
    loss = math.log10(lr) + (0.8 if kind == "sgd" else 0) + dice.gauss(0, 0.05)
    return {"lr": lr, "kind": kind, "noise": dice.random(), "seed": 3}, loss


def test_a_planted_effect_ranks_first() -> None:
    found = importance(runs(60, planted), "loss")
    shares = by_name(found)
    assert [one.name for one in found.parameters] == ["lr", "kind", "noise"]
    assert shares["lr"].share > 0.7
    assert shares["kind"].share > shares["noise"].share
    assert (found.runs, found.metric) == (60, "loss")
    assert found.explained is not None
    assert found.explained > 0.7


def test_the_correlation_says_in_which_direction() -> None:
    def of(dice: random.Random) -> tuple[Given, float]:
        up, down = dice.random(), dice.random()
        return {"up": up, "down": down, "word": dice.choice("ab")}, up - down

    shares = by_name(importance(runs(40, of), "loss"))
    assert (shares["up"].correlation or 0) > 0.4
    assert (shares["down"].correlation or 0) < -0.4
    assert shares["word"].correlation is None


def test_the_same_runs_give_the_same_answer() -> None:
    made = runs(30, planted)
    assert importance(made, "loss") == importance(made, "loss")


def test_an_effect_in_both_directions_is_found_where_a_correlation_finds_none() -> None:
    def of(dice: random.Random) -> tuple[Given, float]:
        x = dice.uniform(-1, 1)
        return {"x": x, "other": dice.random()}, x * x

    shares = by_name(importance(runs(200, of), "loss"))
    assert shares["x"].share > 0.9
    assert abs(shares["x"].correlation or 0) < 0.3


def test_a_run_that_diverged_does_not_decide() -> None:
    made = runs(40, planted)
    made[0] = made[0].model_copy(
        update={"metrics": {"loss": 1e300}, "parameters": {**made[0].parameters, "noise": "1"}}
    )
    assert importance(made, "loss").parameters[0].name == "lr"


def test_parameters_that_some_runs_lack_and_numbers_of_any_size() -> None:
    def of(dice: random.Random) -> tuple[Given, float]:
        x = dice.choice([1e-300, 1.0, 1e300, math.inf])
        extra = dice.random() if dice.random() < 0.5 else None
        return {"x": x, "extra": extra, "gap": dice.choice([math.nan, 1])}, min(x, 5) + dice.gauss(0, 0.01)

    found = importance(runs(50, of), "loss")
    assert found.parameters[0].name == "x"
    assert set(by_name(found)) == {"x", "extra", "gap"}


def test_texts_that_are_no_numbers_are_categories_and_missing_is_one_of_them() -> None:
    def of(dice: random.Random) -> tuple[Given, float]:
        flag = dice.choice(["True", "False", None])
        return {"flag": flag, "n": dice.randint(1, 9)}, {"True": 1.0, "False": 0.0, None: 2.0}[flag] + dice.gauss(
            0, 0.1
        )

    shares = by_name(importance(runs(60, of), "loss"))
    assert shares["flag"].share > 0.9
    assert shares["flag"].correlation is None


def test_runs_without_the_metric_are_left_out() -> None:
    made = [*runs(20, planted), *runs(5, lambda dice: ({"lr": dice.random()}, None))]
    made += [made[0].model_copy(update={"metrics": {"other": 1.0}})]
    assert importance(made, "loss").runs == 20


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (runs(4, planted), "4 of 4 runs have loss; it takes 5"),
        (runs(9, lambda dice: ({"x": dice.random()}, None)), "0 of 9 runs have loss; it takes 5"),
        (runs(9, lambda dice: ({"x": 1}, dice.random())), "no parameter differs between the 9 runs"),
        (runs(9, lambda dice: ({"x": dice.random()}, 1.0)), "loss is the same in all 9 runs"),
    ],
)
def test_where_nothing_can_be_weighed_it_says_why(made: list[Run], message: str) -> None:
    found = importance(made, "loss")
    assert (found.message, found.parameters, found.explained) == (message, [], None)


def test_five_runs_are_enough() -> None:
    found = importance(runs(5, planted), "loss")
    assert (found.message, len(found.parameters)) == (None, 3)


@pytest.fixture(params=["tables", "client"])
def service(
    request: pytest.FixtureRequest, tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunsService]:
    """Both ways: MLflow's tables, and its client where they are not known."""
    home = Home(tmp_path / "home").ensure()
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    if request.param == "client":
        monkeypatch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
    yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


def test_runs_are_read_from_mlflow(service: RunsService) -> None:
    client = service.client()
    ids = []
    for number in range(6):
        run = client.create_run("0").info.run_id
        client.log_param(run, "x", number)
        client.log_metric(run, "loss", number**2)
        ids.append(run)
    found = service.importance.of([*ids, ids[0]], "loss")
    assert (found.runs, [one.name for one in found.parameters], found.parameters[0].correlation) == (
        6, ["x"], pytest.approx(1),
    )  # fmt: skip
    for wrong in ([ids[0]], [f"run{number}" for number in range(1001)]):
        with pytest.raises(Invalid, match="from 2 to 1000 runs"):
            service.importance.of(wrong, "loss")
    with pytest.raises(NotFound, match="no run has the id 'nothing'"):
        service.importance.of([*ids, "nothing"], "loss")
