"""Sweeps by the shell: refused without an engine, and one that really runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.cli import main
from jupyter_mlplat.platform import Platform


@pytest.fixture
def notebook(tmp_path: Path) -> str:
    score = "import mlflow\nmlflow.log_metric('score', x * 10 + len(kind))\nassert not (x == 2 and kind == 'bb')"
    parameters = new_code_cell("x: int = 1\nkind: str = 'a'", metadata={"tags": ["parameters"]})
    made = new_notebook(cells=[parameters, new_code_cell(score)])
    made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
    nbformat.write(made, tmp_path / "train.ipynb")
    return str(tmp_path / "train.ipynb")


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status = main([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_sweep_runs_and_names_the_best_point(
    platform: Platform, notebook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-p", "x=[1, 2]", "-p", "kind=[a, bb]", "--metric", "score", "--wait"]
    status, sweep = cli(capsys, "sweeps", "run", notebook, *words)
    assert (status, sweep["state"], sweep["counts"]) == (1, "partial", {"succeeded": 3, "failed": 1})
    assert (sweep["best"]["point"], sweep["best"]["value"]) == ({"x": 2, "kind": "a"}, 21.0)
    assert main(["sweeps", "show", sweep["id"]]) == 0
    shown = capsys.readouterr().out
    assert "best" in shown
    assert "x=2, kind='a' (21, job" in shown
    assert main(["sweeps", "list"]) == 0
    assert "3 succeeded, 1 failed of 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["-p", "x=1"], "parameters"),
        (["-p", "z=[1]"], "space.z"),
        (["-p", "x=[1]", "--range", "x"], "range"),
        (["--range", "x=1:9"], "space.x"),
        (["--range", "x=9:1", "--random", "3"], "space.x"),
        (["-p", "x=[1]", "--optuna", "3"], "metric"),
        (["-p", "x=[1]", "--parallel", "0"], "parallel"),
        (["--optuna", "3", "--metric", "score"], "space"),
        (["-p", "x=[1]", "--pruner", "median"], "pruner"),
        (["-p", "x=[1]", "--metric", "a", "--direction", "minimize", "--direction", "maximize"], "direction"),
        (["-p", "x=[1]", "--optuna", "3", "--metric", "a", "--metric", "b", "--pruner", "median"], "pruner"),
        (["-p", "x=[1]", "--constraint", "small"], "constraints"),
        (["-p", "x=[1]", "--optuna", "3", "--metric", "a", "--sampler", "cmaes"], "sampler"),
    ],
)
def test_what_cannot_be_swept(
    home: object,
    notebook: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    field: str,
) -> None:
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)
    status, said = cli(capsys, "sweeps", "run", notebook, *words)
    assert status == 2
    assert any(name.startswith(field) for name in said["fields"]), said


def test_what_a_study_is_asked_for(
    platform: Platform, notebook: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)
    words = ["--range", "x=1:9", "--optuna", "5", "--constraint", "size <= 2"]
    both = ["--metric", "a", "--metric", "b", "--direction", "minimize", "--direction", "maximize"]
    status, sweep = cli(capsys, "sweeps", "run", notebook, *words, *both, "--sampler", "nsgaii")
    assert (status, sweep["sampler"], sweep["pruner"], sweep["constraints"]) == (0, "nsgaii", "none", ["size <= 2"])
    assert sweep["objectives"] == [
        {"metric": "a", "direction": "minimize"}, {"metric": "b", "direction": "maximize"},
    ]  # fmt: skip
    status, sweep = cli(capsys, "sweeps", "run", notebook, *words, *both[:4], "--direction", "minimize")
    assert {one["direction"] for one in sweep["objectives"]} == {"minimize"}
    status, sweep = cli(capsys, "sweeps", "run", notebook, *words, "--metric", "a", "--pruner", "halving")
    assert (sweep["metric"], sweep["direction"], sweep["pruner"]) == ("a", "maximize", "halving")
    assert main(["sweeps", "show", sweep["id"]]) == 0
    shown = capsys.readouterr().out
    assert "optuna, sampler tpe, pruner halving" in shown
    assert "size <= 2" in shown
    assert f"JournalFileBackend({sweep['study']!r})" in shown
    assert f"optuna-dashboard {sweep['study']}" in shown
    assert main(["sweeps", "study", sweep["id"]]) == 0
    assert "No trial yet." in capsys.readouterr().out


def test_a_study_says_which_parameters_matter(
    platform: Platform, notebook: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)
    words = ["--range", "x=1:9", "-p", "kind=[a, bb]", "--optuna", "20", "--metric", "score"]
    _, sweep = cli(capsys, "sweeps", "run", notebook, *words)
    journal(sweep["study"], 4)
    assert main(["sweeps", "study", sweep["id"]]) == 0
    assert "takes five trials" in capsys.readouterr().out
    journal(sweep["study"], 16)
    assert main(["sweeps", "study", sweep["id"]]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^x +(9\d|100)\.\d%$", shown, re.MULTILINE), shown
    assert shown.count("complete") == 20
    _, study = cli(capsys, "sweeps", "study", sweep["id"])
    assert set(study["importance"]) == {"x", "kind"}
    assert [len(one["intermediate"]) for one in study["trials"]] == [3] * 20
    _, grid = cli(capsys, "sweeps", "run", notebook, "-p", "x=[1]")
    assert main(["sweeps", "study", grid["id"]]) == 3


def journal(file: str, trials: int) -> None:
    """As Optuna itself adds trials to a study: `x` decides, `kind` does nothing."""
    import optuna
    from optuna.distributions import CategoricalDistribution, IntDistribution
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(file))
    study = optuna.create_study(storage=storage, study_name="sweep", direction="maximize", load_if_exists=True)
    space = {"x": IntDistribution(1, 9), "kind": CategoricalDistribution(['"a"', '"bb"'])}
    for number in range(trials):
        params = {"x": 1 + number % 9, "kind": ['"a"', '"bb"'][number // 2 % 2]}
        reports = {step: float(step) for step in range(3)}
        made = optuna.trial.create_trial(
            params=params, distributions=space, value=float(1 + number % 9), intermediate_values=reports
        )
        study.add_trial(made)
