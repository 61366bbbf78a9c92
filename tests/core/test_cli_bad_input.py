"""What the shell does with what it cannot use: one line, a hint, the right status, nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlplat.cli import main
from jupyter_mlplat.commands.values import read_mapping
from jupyter_mlplat.platform import Platform

PARAMETERS = """
alpha: float = 0.5  # how much
count: int = 3
kind: str = "linear"
flag: bool = False
layers: list = [1, 2]
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook with a typed parameters cell."""
    made = nbformat.v4.new_notebook()
    made.cells = [
        nbformat.v4.new_code_cell(PARAMETERS.strip(), metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(alpha, count, kind, flag, layers)"),
    ]
    path = tmp_path / "train.ipynb"
    nbformat.write(made, path)
    return path


@pytest.fixture
def refused(platform: Platform, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run a command that must fail: its exit status and its error, after checking that both doors of it agree."""

    def run(*words: str | Path) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = main([*map(str, words), "--json"])
        captured = capsys.readouterr()
        error = json.loads(captured.out)
        assert set(error) == {"message", "reason", "hint", "fields"}
        lines = captured.err.splitlines()
        assert lines == [f"error: {error['message']}", f"hint: {error['hint']}"]
        assert "\n" not in error["message"]
        assert error["hint"]
        assert platform.jobs.list().items == []
        assert list(platform.home.jobs.iterdir()) == []
        assert not (platform.home.log / "cli.log").exists()
        return status, error

    return run


Refused = Callable[..., tuple[int, dict[str, Any]]]


def test_a_missing_notebook(refused: Refused, tmp_path: Path) -> None:
    status, error = refused("jobs", "run", tmp_path / "none.ipynb")
    assert status == 2
    assert "none.ipynb" in error["message"]
    assert "notebook" in error["fields"]


def test_a_directory(refused: Refused, tmp_path: Path) -> None:
    status, error = refused("jobs", "run", tmp_path)
    assert status == 2
    assert "directory" in error["message"]
    assert "notebook" in error["fields"]


@pytest.mark.parametrize(
    "content", [b"hello", b"[]", b"{}", b'{"cells": 3, "nbformat": 4}', b"\xff\xfe\x00", b"", b"{" * 5000]
)
def test_a_file_that_is_no_notebook(refused: Refused, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.ipynb"
    path.write_bytes(content)
    for words in (("jobs", "run", path), ("jobs", "schema", path), ("jobs", "run", path, "-p", "a=1")):
        status, error = refused(*words)
        assert status == 2
        assert "notebook" in error["fields"]


@pytest.mark.parametrize("path", ["", "bad\0name.ipynb", "x" * 5000, "~nobody-here/a.ipynb"])
def test_a_path_that_cannot_be_one(refused: Refused, path: str) -> None:
    status, _ = refused("jobs", "run", path)
    assert status == 2


@pytest.mark.parametrize(
    ("pair", "named"),
    [
        ("beta=1", "beta"),
        ("alpha=fast", "alpha"),
        ("count=1.5", "count"),
        ("count=true", "count"),
        ("flag=maybe", "flag"),
        ("alpha=nan", "alpha"),
        ("layers=[1", "layers"),
        ("alpha", ""),
        ("=1", ""),
        ("1a=2", "1a"),
        ("os.x=2", "os.x"),
        ("class=2", "class"),
    ],
)
def test_a_parameter_that_cannot_be_used(refused: Refused, notebook: Path, pair: str, named: str) -> None:
    status, error = refused("jobs", "run", notebook, "-p", pair)
    assert status == 2
    assert error["fields"]
    if named:
        assert named in error["message"]
        assert any(named in field for field in error["fields"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.yaml", "alpha: [1, 2\n"),
        ("p.yaml", "- 1\n- 2\n"),
        ("p.yaml", "just words"),
        ("p.yaml", ""),
        ("p.json", "[1, 2]"),
        ("p.yaml", "beta: 1"),
        ("p.yaml", "alpha: fast"),
        ("p.yaml", "alpha: .nan"),
        ("p.yaml", "!!python/object/apply:os.system ['true']"),
        ("p.yaml", "1: 2"),
        ("p.yaml", "alpha: 1\nalpha: 2"),
        ("p.json", '{"alpha": 1, "alpha": 2}'),
        ("p.json", '{"alpha": NaN}'),
        ("p.yaml", "alpha: &l [*l]"),
        ("p.yaml", "a: &a [1]\n" + "".join(f"{b}: &{b} [{f'*{a}, ' * 8}]\n" for a, b in pairwise("abcdefghij"))),
        ("p.json", "[" * 100_000),
    ],
)
def test_a_parameter_file_that_cannot_be_used(
    refused: Refused, notebook: Path, tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    status, error = refused("jobs", "run", notebook, "-f", path)
    assert status == 2
    assert error["fields"]


def test_words_of_a_parameter_file_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("rate: 1e-3\nswitch: on\ncode: 012\nday: 2026-11-21\nnone: ~\n")
    assert read_mapping(str(path)) == {"rate": 0.001, "switch": "on", "code": 12, "day": "2026-11-21", "none": None}


def test_a_missing_parameter_file(refused: Refused, notebook: Path, tmp_path: Path) -> None:
    status, error = refused("jobs", "run", notebook, "-f", tmp_path / "none.yaml")
    assert status == 2
    assert error["fields"] == {"file": "does not exist"}


@pytest.mark.parametrize("option", ["--memory", "--timeout", "--deadline", "--retries", "--priority"])
@pytest.mark.parametrize("value", ["9" * 400, "9" * 5000, "1e400", "-1001", "nan"])
def test_a_number_that_is_none_of_this_world(refused: Refused, notebook: Path, option: str, value: str) -> None:
    status, error = refused("jobs", "run", notebook, f"{option}={value}")
    assert status == 2
    assert option.lstrip("-") in error["fields"]


def test_a_name_with_a_line_end(refused: Refused, notebook: Path) -> None:
    status, error = refused("jobs", "run", notebook, "--name", "two\nlines")
    assert status == 2
    assert "name" in error["fields"]


@pytest.mark.parametrize(
    "words",
    [
        ["jobs", "show"],
        ["jobs", "cancel"],
        ["jobs", "logs"],
        ["jobs", "logs", "--follow"],
        ["jobs", "cells"],
        ["jobs", "output"],
        ["jobs", "output", "--html"],
        ["jobs", "watch"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("job_id", ["99", "nonsense", "../../etc", "9" * 40, "١"])
def test_an_unknown_job(refused: Refused, words: list[str], job_id: str) -> None:
    status, error = refused(*words, job_id)
    assert status == 3
    assert error["reason"] == "not_found"


def test_an_unknown_state(refused: Refused) -> None:
    status, error = refused("jobs", "list", "--state", "done")
    assert status == 2
    assert "succeeded" in error["hint"]


def test_an_unknown_deployment(refused: Refused) -> None:
    for verb in ("show", "delete", "logs"):
        status, _ = refused("deployments", verb, "nobody")
        assert status == 3
    status, _ = refused("deployments", "predict", "nobody", "--data", '{"inputs": [1]}')
    assert status == 3


def test_an_unknown_feature_view(refused: Refused) -> None:
    for words in (("views", "nobody"), ("materialize", "nobody"), ("online", "nobody", "--entity", "id=1")):
        status, _ = refused("features", *words)
        assert status == 3


@pytest.mark.parametrize("target", ["docker", "kubernetes"])
def test_a_serving_target_of_a_later_version(refused: Refused, target: str) -> None:
    status, error = refused("deployments", "create", "d", "--model", "models:/m/1", "--target", target)
    assert status == 5
    assert "not in this version" in error["message"]


@pytest.mark.parametrize(
    ("name", "model", "field"),
    [
        ("Upper", "models:/m/1", "name"),
        ("a/b", "models:/m/1", "name"),
        ("ok", "runs:/m/1", "model"),
        ("ok", "m", "model"),
    ],
)
def test_a_deployment_that_cannot_be_one(refused: Refused, name: str, model: str, field: str) -> None:
    status, error = refused("deployments", "create", name, "--model", model)
    assert status == 2
    assert field in error["fields"]


@pytest.mark.parametrize("body", ["{", "[1]", '{"inputs": NaN}', "3"])
def test_a_request_that_is_no_json_object(refused: Refused, body: str) -> None:
    status, error = refused("deployments", "predict", "d", "--data", body)
    assert status == 2
    assert "data" in error["fields"]


def test_a_drift_check_of_missing_tables(refused: Refused, tmp_path: Path) -> None:
    status, _ = refused("drift", "check", "--reference", tmp_path / "a.csv", "--current", tmp_path / "b.csv")
    assert status == 2


def test_a_feature_definition_that_raises(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "views.py"
    path.write_text("1 / 0\n")
    status, error = refused("features", "apply", path)
    assert status == 2
    assert "line 1" in error["message"]


def test_a_configuration_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(folder))
    (folder / "jupyter_mlplat_config.py").write_text("c.Platform.idle_seconds = 'long'\n")
    assert main(["jobs", "list"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("error: the configuration is wrong: ")
    assert "idle_seconds" in lines[0]
    assert lines[1:] == ["hint: mend jupyter_mlplat_config.py"]


def test_a_data_directory_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLPLAT_HOME", str(tmp_path / "file" / "data"))
    assert main(["jobs", "list"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "hint: set MLPLAT_HOME to a folder that you may write to"
