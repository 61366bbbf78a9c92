"""`jupyter mlplat runs` and `mlplat.runs`: what is changed, compared and read, as a user sees it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat.errors import Conflict, Invalid, NotFound
from jupyter_mlplat.platform import Platform

from ..shell import here


@pytest.fixture
def ids(platform: Platform) -> list[str]:
    """Two runs with a curve, parameters and files."""
    from mlflow.entities import Metric

    client = platform.runs.client()
    found = []
    for number in range(2):
        id = str(client.create_run("0", run_name=f"run {number}").info.run_id)
        client.log_batch(id, metrics=[Metric("loss/train", step / 10 + number, step, step) for step in range(30)])
        client.log_param(id, "lr", str(number))
        client.log_param(id, "depth", "3")
        client.log_text(id, f"x = 1\ny = {number}\n", "cell.py")
        client.log_text(id, "hello", "deep/note.txt")
        found.append(id)
    return found


class Terminal(io.StringIO):
    """A user who has typed an answer."""

    def isatty(self) -> bool:
        return True


def ok(*words: str | Path) -> str:
    done = here(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def as_json(*words: str | Path, status: int = 0) -> Any:
    done = here(*words, "--json")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout, parse_constant=pytest.fail)


def refused(status: int, *words: str | Path) -> str:
    done = here(*words)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (status, "", 2), done.stderr
    assert lines[1].startswith("hint: ")
    return lines[0].removeprefix("error: ")


def test_a_run_is_renamed_noted_and_tagged(platform: Platform, ids: list[str]) -> None:
    assert ok("runs", "rename", ids[0], "the good one") == f"run {ids[0]} (the good one) is changed\n"
    ok("runs", "note", ids[0], "why & how")
    changed = as_json("runs", "tag", ids[0], "stage=candidate", "empty=", "eq=a=b")
    assert {key: changed["tags"][key] for key in ("stage", "empty", "eq")} == {
        "stage": "candidate", "empty": "", "eq": "a=b",
    }  # fmt: skip
    assert "stage" not in as_json("runs", "tag", ids[0], "--remove", "stage", "--remove", "never")["tags"]
    shown = ok("runs", "show", ids[0])
    for text in ("the good one", "why & how", "eq", "a=b"):
        assert text in shown
    theirs = platform.runs.client().get_run(ids[0])
    assert (theirs.info.run_name, theirs.data.tags["mlflow.note.content"]) == ("the good one", "why & how")
    assert refused(2, "runs", "tag", ids[0]) == "no tag is given"
    assert "not NAME=VALUE" in refused(2, "runs", "tag", ids[0], "stage")
    assert "tags.mlflow.user" in refused(2, "runs", "tag", ids[0], "mlflow.user=eve")
    assert "no run has the id" in refused(3, "runs", "rename", "nothing", "x")


def test_runs_are_archived_restored_and_deleted(ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert ok("runs", "archive", ids[0]) == f"run {ids[0]} (run 0) is archived\n"
    assert [one["id"] for one in as_json("runs", "list")["items"]] == [ids[1]]
    page = as_json("runs", "list", "--archived", "--count")
    assert ([one["id"] for one in page["items"]], page["total"]) == ([ids[0]], 1)
    assert ok("runs", "list", "--count").endswith("1 in all\n")
    assert f"run {ids[0]} is archived" in refused(4, "runs", "rename", ids[0], "x")
    assert ok("runs", "restore", *ids) == "2 runs done\n"
    done = here("runs", "archive", *ids, "nothing")
    assert done.returncode == 1
    assert done.stdout.startswith("2 runs done\n")
    assert "no run has the id 'nothing'" in done.stdout
    assert as_json("runs", "restore", *ids)["items"] == [
        {"run_id": id, "ok": True, "message": None, "freed_bytes": 0} for id in ids
    ]
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    done = here("runs", "delete", *ids, "--permanent")
    question = "Delete 2 runs for good? Their metrics, parameters, tags and files are lost; models stay. [y/N] "
    assert done.returncode == 4
    assert done.stderr.startswith(f"{question}error: 2 runs were not deleted\n")
    assert as_json("runs", "delete", ids[0]) == {"freed_bytes": 0}
    assert as_json("runs", "delete", ids[0], "--permanent", "--yes") == {"freed_bytes": 17}
    assert "no run has the id" in refused(3, "runs", "delete", ids[0], "--permanent", "--yes")
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    done = here("runs", "delete", ids[1], "--permanent")
    assert (done.returncode, done.stdout) == (0, "the run is deleted; 17 B are free\n")


def test_parameters_are_weighed(ids: list[str]) -> None:
    text = ok("runs", "importance", *ids, "--metric", "loss")
    assert "runs have loss; it takes 5" in text
    assert as_json("runs", "importance", "--metric", "loss")["parameters"] == []
    assert "no experiment" in refused(3, "runs", "importance", "--experiment", "none", "--metric", "loss")


def test_runs_are_compared(ids: list[str]) -> None:
    text = ok("runs", "compare", *ids)
    assert "run 1  run 2" in text.replace("RUN", "run")
    assert "lr" in text
    assert "depth" not in text
    assert "depth" in ok("runs", "compare", *ids, "--all")
    assert [row["key"] for row in as_json("runs", "compare", *ids)["parameters"]] == ["lr"]
    text = ok("runs", "diff", *ids)
    assert "-y = 0\n+y = 1" in text
    assert "not compared: environment" in text
    assert as_json("runs", "diff", *ids)["parameters"] == [{"name": "lr", "before": "0", "after": "1"}]
    assert "from 2 to 100 runs" in refused(2, "runs", "compare", ids[0])
    assert "no run has the id" in refused(3, "runs", "diff", ids[0], "nothing")


def test_curves_and_files_are_read(ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    curve = as_json("runs", "metric", ids[0], "loss/train", "--points", "100")
    assert (curve["count"], curve["step"]) == (30, list(range(30)))
    assert "of 30 points" in ok("runs", "metric", ids[0], "loss/train")
    assert ok("runs", "metric", ids[0], "none") == f"run {ids[0]} has no metric none\n"
    assert "points" in refused(2, "runs", "metric", ids[0], "loss/train", "--points", "1")
    assert ok("runs", "artifacts", ids[0]).splitlines()[1].startswith("deep/")
    assert [one["path"] for one in as_json("runs", "artifacts", ids[0], "deep")["items"]] == ["deep/note.txt"]
    assert ok("runs", "download", ids[0], "deep/note.txt") == f"{tmp_path}/note.txt\n"
    assert (tmp_path / "note.txt").read_text() == "hello"
    ok("runs", "download", ids[0], "deep/note.txt", "--to", tmp_path / "other.txt")
    assert (tmp_path / "other.txt").read_text() == "hello"
    assert "cannot be written" in refused(2, "runs", "download", ids[0], "cell.py", "--to", tmp_path / "no" / "x")
    for path in ("../../mlflow.db", "/etc/passwd", "deep", "\udcff"):
        assert "has no file" in refused(3, "runs", "download", ids[0], path)


def test_the_python_door(ids: list[str], tmp_path: Path) -> None:
    assert mlplat.runs.tag(ids[0], {"a": "1"}).tags["a"] == "1"
    assert "a" not in mlplat.runs.tag(ids[0], {"a": None}).tags
    assert mlplat.runs.note(ids[0], "n").tags["mlflow.note.content"] == "n"
    assert mlplat.runs.rename(ids[0], "b").name == "b"
    assert mlplat.runs.archive(*ids).items[1].ok
    assert mlplat.runs.list(archived=True, count=True).total == 2
    with pytest.raises(Conflict):
        mlplat.runs.rename(ids[0], "c")
    assert mlplat.runs.restore(*ids).items[1].ok
    assert [one.count for one in mlplat.runs.curves(ids, "loss/train", points=10).curves] == [30, 30]
    assert [one.path for one in mlplat.runs.artifacts(ids[0]).items] == ["deep", "cell.py"]
    assert mlplat.runs.download(ids[0], "cell.py", tmp_path).read_text() == "x = 1\ny = 0\n"
    assert [row.key for row in mlplat.runs.compare(ids).parameters] == ["lr"]
    assert "+y = 1" in mlplat.runs.diff(*ids).code
    assert mlplat.runs.delete(ids[0], permanent=True).freed_bytes == 17
    with pytest.raises(NotFound):
        mlplat.runs.get(ids[0])
    for wrong in (lambda: mlplat.runs.rename(ids[1], ""), lambda: mlplat.runs.delete()):
        with pytest.raises(Invalid):
            wrong()
