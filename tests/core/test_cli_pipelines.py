"""Pipelines by the shell: files that are refused, without an engine, and one that really runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import jupyter_mlplat as mlplat
from jupyter_mlplat.cli import main
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.platform import Platform

FILE = """
name: nightly
parameters: {rows: 5}
nodes:
  report:
    notebook: report.ipynb
    parameters:
      score: {from: train.metrics.score}
      executed: {from: train.output}
  train:
    notebook: train.ipynb
    parameters:
      x: {from: prepare.results.x}
  prepare:
    notebook: prepare.ipynb
    parameters: {rows: {from: parameters.rows}}
  alarm:
    notebook: prepare.ipynb
    needs: [report]
    run_if: any_failed
"""


def write(folder: Path, cells: Mapping[str, tuple[str, str]]) -> None:
    for name, (parameters, code) in cells.items():
        made = new_notebook(cells=[new_code_cell(parameters, metadata={"tags": ["parameters"]}), new_code_cell(code)])
        made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
        nbformat.write(made, folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The file, and notebooks that pass something on; the last one wants a file that is not there yet."""
    made = tmp_path / "graph"
    made.mkdir()
    write(
        made,
        {
            "prepare": ("rows: int = 1", "import jupyter_mlplat\njupyter_mlplat.set_result('x', rows * 2)"),
            "train": ("x: int", "import mlflow\nmlflow.log_metric('score', x / 4)\nprint('trained')"),
            "report": (
                "score: float\nexecuted: str",
                "assert 'trained' in open(executed).read()\n"
                "open('wanted.txt')\nopen('report.txt', 'w').write(str(score))",
            ),
        },
    )
    (made / "pipeline.yaml").write_text(FILE)
    return made


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status = main([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.timeout(400)
def test_a_pipeline_runs_fails_and_goes_on_where_it_failed(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "pipeline.yaml")
    status, first = cli(capsys, "pipelines", "run", file, "-p", "rows=4", "--wait")
    assert (status, first["state"]) == (1, "failed"), first
    assert [(one["name"], one["state"]) for one in first["nodes"]] == [
        ("prepare", "succeeded"), ("train", "succeeded"), ("report", "failed"), ("alarm", "succeeded"),
    ]  # fmt: skip
    assert "wanted.txt" in first["message"]
    (folder / "wanted.txt").touch()
    status, second = cli(capsys, "pipelines", "retry", first["id"], "--wait")
    assert (status, second["state"], second["counts"]) == (0, "succeeded", {"succeeded": 4})
    assert (folder / "report.txt").read_text() == "2.0"
    assert [one["job_id"] == other["job_id"] for one, other in zip(first["nodes"], second["nodes"], strict=True)] == [
        True, True, False, True,
    ]  # fmt: skip
    assert main(["pipelines", "show", first["id"]]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[:3] for line in shown.splitlines()[-5:]] == [
        ["NODE", "STATE", "NEEDS"],
        ["prepare", "succeeded", "–"],
        ["train", "succeeded", "prepare"],
        ["report", "succeeded", "train"],
        ["alarm", "succeeded", "report"],
    ]
    assert main(["pipelines", "list"]) == 0
    assert "4 succeeded" in capsys.readouterr().out
    status, jobs = cli(capsys, "jobs", "list", "--pipeline", first["id"])
    assert [one["node"] for one in jobs["items"]] == ["report", "alarm", "report", "train", "prepare"]
    status, said = cli(capsys, "pipelines", "retry", first["id"])
    assert (status, said["message"]) == (4, f"pipeline {first['id']} succeeded")


def test_a_check_prints_the_graph_and_starts_nothing(
    home: object, folder: Path, no_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "pipeline.yaml")
    assert main(["pipelines", "run", file, "--check", "--name", "other"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["pipeline", "other"]
    assert [line.split()[0] for line in shown[-5:]] == ["NODE", "prepare", "train", "report", "alarm"]
    assert "any failed" in shown[-1]
    status, checked = cli(capsys, "pipelines", "run", file, "--check", "-p", "rows=7")
    assert (status, checked["parameters"]) == (0, {"rows": 7})
    assert checked["nodes"][0]["notebook"] == str(folder / "prepare.ipynb")
    assert cli(capsys, "pipelines", "list") == (0, {"items": [], "next": None})


def test_python_says_the_same(home: object, folder: Path, no_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made = mlplat.pipelines.run(folder / "pipeline.yaml", {"rows": 9}, name="mine")
    assert (made.name, made.state, made.parameters) == ("mine", "running", {"rows": 9})
    assert mlplat.pipelines.get(made.id) == made
    assert mlplat.pipelines.wait(made.id, 0.0).state == "running"
    assert [one.id for one in mlplat.pipelines.list().items] == [made.id]
    assert mlplat.pipelines.cancel(made.id).state == "running"
    monkeypatch.chdir(folder)
    graph = {"name": "one", "nodes": {"a": {"notebook": "prepare.ipynb"}}}
    assert [one.notebook for one in mlplat.pipelines.check(graph)] == [str(folder / "prepare.ipynb")]
    with pytest.raises(Invalid, match="no node refers to the parameter 'row'"):
        mlplat.pipelines.run("pipeline.yaml", {"row": 1})
    with pytest.raises(Invalid, match=r"parameters.rows"):
        mlplat.pipelines.run("pipeline.yaml", {"rows": object()})
    swept = mlplat.sweeps.run("prepare.ipynb", {"rows": [1, 2]}, retries=2)
    assert (swept.counts, swept.options.retries) == ({"queued": 2}, 2)
    assert mlplat.sweeps.get(swept.id) == swept
    assert mlplat.sweeps.cancel(swept.id).state == "running"
    with pytest.raises(Invalid, match="strategy"):
        mlplat.sweeps.run("prepare.ipynb", {"rows": [1, 2]}, strategy="guess")


PREPARE = "nodes: {a: {notebook: prepare.ipynb}}"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("nodes: {a: {notebook: prepare.ipynb}", "FILE, line 1: expected ',' or '}', but got '<stream end>'", None),
        (f"{PREPARE}\nname: a\nname: b", "FILE, line 3: the key name is there twice", "mend it there"),
        (
            "nodes:\n  a: {notebook: prepare.ipynb}\n  a: {notebook: train.ipynb}",
            "FILE, line 3: the key a is there twice", None,
        ),
        ("- a\n- b", "FILE is no mapping", "give the path of a YAML file with nodes"),
        ("", "FILE is no mapping", None),
        ("a\x00b", "FILE: special characters are not allowed", None),
        ("nodes: {1: {notebook: prepare.ipynb}}", "FILE: the key 1 is no text; write it in quotes", None),
        ("nodes: {null: {}}", "FILE: the key None is no text; write it in quotes", None),
        ("nodes: {? [a, b] : {}}", "FILE, line 1: found unhashable key", None),
        ("nodes: !!python/object:os.system {}", "FILE, line 1: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/object:os.system'", None),
        ("nodes: &a {x: *a}", "FILE: it has more than 100000 values", None),
        ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]" for n in range(9)
        ), "FILE: it has more than 100000 values", None),
        ("nodes: " + "[" * 5000, "FILE: it is nested too deeply", None),
        ("name: a", "nodes is missing", None),
        ("nodes: []", "nodes is no mapping", None),
        ("nodes: {a: prepare.ipynb}", "nodes.a is no mapping", None),
        ("nodes: {a: {}}", "nodes.a.notebook is missing", None),
        ("nodes: {a: {notebok: prepare.ipynb}}", "nodes.a.notebook is missing", None),
        (f"{PREPARE}\nnode: {{}}", "node is unknown", "did you mean nodes?"),
        (f"{PREPARE}\nversion: 3", "version is unknown", "known are name, nodes, parameters, notify"),
        ("nodes: {a: {notebook: prepare.ipynb, need: []}}", "nodes.a.need is unknown", "did you mean needs?"),
        ("nodes: {a: {notebook: prepare.ipynb, needs: prepare}}", "nodes.a.needs is no list", None),
        ("nodes: {../a: {notebook: prepare.ipynb}}", "nodes.../a is no name of a node: letters, digits, _ and -, "
         "starting with a letter or _, 63 at most", None),
        ("nodes: {a: {notebook: none.ipynb}}", "node a: there is no notebook FOLDER/none.ipynb", None),
        ("nodes: {a: {notebook: train.ipynb}}", "node a: parameter x has no default: give it a value", None),
        (f"{PREPARE}\nname: a/b", "name: String should match pattern '^[^\\x00-\\x1f/\\\\]+$'", None),
    ],
)  # fmt: skip
def test_a_file_that_is_no_pipeline(
    home: object,
    folder: Path,
    no_engine: None,
    capsys: pytest.CaptureFixture[str],
    text: str,
    message: str,
    hint: str | None,
) -> None:
    file = folder / "bad.yaml"
    file.write_text(text)
    for more in ([], ["--check"]):
        status, said = cli(capsys, "pipelines", "run", str(file), *more)
        assert status == 2
        wanted = message.replace("FILE", f"the pipeline file {file}").replace("FOLDER", str(folder))
        assert said["message"] == wanted
        assert hint is None or said["hint"] == hint
        assert said["hint"]
        assert said["fields"]
    assert cli(capsys, "pipelines", "list")[1]["items"] == []


@pytest.mark.parametrize(
    ("words", "status", "field"),
    [
        (["run", "none.yaml"], 2, "file"),
        (["run", "."], 2, "file"),
        (["run", "pipeline.yaml", "-p", "rows"], 2, "parameters"),
        (["run", "pipeline.yaml", "-p", "rows=many"], 2, "parameters.rows"),
        (["run", "pipeline.yaml", "-p", "row=3"], 2, "parameters.row"),
        (["run", "pipeline.yaml", "--name", ""], 2, "name"),
        (["show", "9"], 3, None),
        (["cancel", "x"], 3, None),
        (["retry", "9"], 3, None),
    ],
)
def test_bad_words(
    home: object,
    folder: Path,
    no_engine: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    field: str | None,
) -> None:
    monkeypatch.chdir(folder)
    found, said = cli(capsys, "pipelines", *words)
    assert found == status, said
    assert field is None or field in said["fields"], said


def test_the_words_of_yaml_are_those_of_its_version_1_2(
    home: object, folder: Path, no_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"all": ("a: str\nb: float\nc: int\nd: str\ne: bool\nf: str\ng: int = 1", "1")})
    (folder / "words.yaml").write_text(
        """
        nodes:
          first: &first
            notebook: all.ipynb
            parameters: {a: no, b: 1e-3, c: 010, d: 2026-11-21, e: TRUE, f: 1:30, g: 0x10}
            retries: 2
          second:
            <<: *first
            retries: 3
        """
    )
    status, said = cli(capsys, "pipelines", "run", str(folder / "words.yaml"))
    assert status == 0, said
    assert said["name"] == "words"
    with Platform().store.read() as connection:
        from jupyter_mlplat.store import tables

        nodes = connection.execute(tables.pipelines.select()).mappings().one()["nodes"]
    assert nodes[0]["parameters"] == {
        "a": "no", "b": 1e-3, "c": 10, "d": "2026-11-21", "e": True, "f": "1:30", "g": 16,
    }  # fmt: skip
    assert [one["options"]["retries"] for one in nodes] == [2, 3]
    assert nodes[1]["parameters"] == nodes[0]["parameters"]
