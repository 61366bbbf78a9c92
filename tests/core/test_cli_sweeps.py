"""Sweeps by the shell: refused without an engine, and one that really runs."""

from __future__ import annotations

import json
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
