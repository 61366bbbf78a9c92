"""`mlplat.report`: what is logged, who is asked, how a hopeless trial ends and what its record says."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import mlflow
import nbformat
import numpy
import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat.api import reporting
from jupyter_mlplat.api.reporting import Pruned
from jupyter_mlplat.attempts import OUTPUT, PRUNED, read_record
from jupyter_mlplat.engine.reports import Reports
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.platform import Platform

from .test_runner import Run, notebook_at, runs

__all__ = ["runs"]

Asked = list[tuple[str, Sequence[tuple[int, float]]]]


@pytest.fixture
def trial(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This process is the kernel of a trial; returns the folder of its attempt."""
    folder = tmp_path / "attempt-1"
    folder.mkdir()
    for name, value in {
        "MLPLAT_JOB_ID": "7",
        "MLPLAT_ATTEMPT": "1",
        "MLPLAT_METRIC": "loss",
        "MLPLAT_RESULTS": str(folder / "results.json"),
        "MLPLAT_STUDY": json.dumps({"socket": str(platform.home.reports)}),
    }.items():
        monkeypatch.setenv(name, value)
    reporting._trials.clear()
    mlflow.set_tracking_uri(platform.runs.tracking_uri)
    yield folder
    reporting._trials.clear()


@pytest.fixture
def answers(platform: Platform) -> Iterator[Callable[[Callable[[int], bool]], Asked]]:
    """Starts an engine's side that finds a trial hopeless by its last step; returns what it is asked."""
    started: list[Reports] = []

    def start(hopeless: Callable[[int], bool]) -> Asked:
        asked: Asked = []

        def decide(key: str, reports: Sequence[tuple[int, float]]) -> bool:
            asked.append((key, list(reports)))
            return hopeless(reports[-1][0])

        started.append(Reports(platform.home.reports, decide))
        started[-1].start()
        return asked

    yield start
    for one in started:
        one.leave()


def points(platform: Platform, name: str) -> list[tuple[int, float]]:
    active = mlflow.active_run()
    assert active is not None
    found = mlflow.MlflowClient().get_metric_history(active.info.run_id, name)
    return sorted((one.step, one.value) for one in found)


def test_outside_of_a_sweep_it_logs_and_nothing_else(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow.set_tracking_uri(platform.runs.tracking_uri)
    platform.runs.prepare()
    for step in range(3):
        mlplat.report(numpy.float32(step) / 2, numpy.int64(step))
    mlplat.report(0.25, 0, metric="auc")
    monkeypatch.setenv("MLPLAT_METRIC", "f1")
    mlplat.report(1, 4)
    assert points(platform, "value") == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert points(platform, "auc") == [(0, 0.25)]
    assert points(platform, "f1") == [(4, 1.0)]
    for wrong in (-1, 1.5, "1", None):
        with pytest.raises(Invalid, match="is no step"):
            mlplat.report(1.0, wrong)  # type: ignore[arg-type]


def test_a_hopeless_trial_is_stopped_and_stays_stopped(
    platform: Platform, trial: Path, answers: Callable[[Callable[[int], bool]], Asked]
) -> None:
    asked = answers(lambda step: step >= 2)
    mlplat.report(0.5, 0)
    mlplat.report(0.25, 1)
    mlplat.report(9.0, 1, metric="memory")  # no business of the study's
    with pytest.raises(Pruned, match="pruned at step 2"):
        try:
            mlplat.report(0.75, 2)
        except Exception:  # noqa: BLE001 - what notebooks do
            pytest.fail("no Exception catches it")
    with pytest.raises(Pruned, match="pruned at step 2"):
        mlplat.report(0.75, 3)
    assert asked == [("7-1", [(0, 0.5)]), ("7-1", [(1, 0.25)]), ("7-1", [(2, 0.75)])]
    assert read_record(trial, PRUNED) == {"step": 2}
    assert points(platform, "loss") == [(0, 0.5), (1, 0.25), (2, 0.75), (3, 0.75)]


def test_a_trial_goes_on_without_an_engine_and_the_next_one_hears_everything(
    trial: Path, answers: Callable[[Callable[[int], bool]], Asked]
) -> None:
    mlplat.report(0.5, 0)
    mlplat.report(float("nan"), 1)
    asked = answers(lambda step: False)
    mlplat.report(0.25, 2)
    ((key, heard),) = asked
    assert key == "7-1"
    assert [step for step, _ in heard] == [0, 1, 2]
    assert heard[0][1] == 0.5
    assert heard[1][1] != heard[1][1]
    again = answers(lambda step: True)  # another engine takes its place
    with pytest.raises(Pruned):
        mlplat.report(0.25, 3)
    assert again == [("7-1", [(3, 0.25)])]


def test_an_engine_that_says_nothing_is_not_waited_for_again_and_again(
    platform: Platform, trial: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reporting, "ANSWER_S", 0.05)
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    monkeypatch.chdir(platform.home.run)
    silent.bind(platform.home.reports.name)
    silent.listen(8)
    silent.settimeout(0.5)
    with silent, caplog.at_level(logging.WARNING):
        for step in range(5):
            mlplat.report(0.5, step)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()
    assert caplog.text.count("so it does") == 1


def test_what_is_no_question_is_not_answered_and_the_next_one_is(
    platform: Platform, trial: Path, answers: Callable[[Callable[[int], bool]], Asked]
) -> None:
    asked = answers(lambda step: step > 0)
    for said in ({}, {"attempt": "7-1"}, {"attempt": "7-1", "reports": [["a", 1]]}):
        with pytest.raises(ValueError, match="Expecting value"):
            reporting._ask(str(platform.home.reports), said)
    mlplat.report(0.5, 0)
    with pytest.raises(Pruned):
        mlplat.report(0.5, 1)
    assert len(asked) == 2


# --- what the runner makes of it ------------------------------------------------------------------

STOP = """\
import os, pathlib, threading
from jupyter_mlplat.api.reporting import Pruned
def report():
    pathlib.Path(os.environ['MLPLAT_RESULTS']).with_name('pruned.json').write_text('{"step": 3}')
    raise Pruned('pruned at step 3')
"""
SWALLOWED = "try:\n    report()\nexcept:\n    print('caught')"


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("try:\n    report()\nexcept Exception:\n    print('caught')", "cancelled"),
        ("%%time\nreport()", "cancelled"),
        ("async def train():\n    report()\nawait train()", "cancelled"),
        (
            "try:\n    report()\nexcept BaseException as error:\n    raise RuntimeError('so what') from error",
            "cancelled",
        ),
        (SWALLOWED, "ok"),
        ("one = threading.Thread(target=report); one.start(); one.join()", "ok"),
    ],
    ids=["plain", "%%time", "await", "another", "swallowed", "thread"],
)
def test_a_notebook_ends_where_its_trial_is_hopeless_whatever_it_catches(
    tmp_path: Path, run: Run, cell: str, state: str
) -> None:
    attempted = run(notebook_at(tmp_path / "nb.ipynb", STOP, cell, "open('never', 'w')"))
    record = attempted.wait()
    assert (record["state"], record["reason"], record["pruned_at"]) == ("succeeded", "pruned", 3)
    assert record["message"] == "pruned at step 3"
    assert attempted.states == {0: "ok", 1: state}
    assert not (tmp_path / "never").exists()
    executed = nbformat.read(attempted.folder / OUTPUT, as_version=4)
    names = [out.ename for one in executed.cells for out in one.get("outputs", []) if out.output_type == "error"]
    assert "Pruned" not in names


def test_the_last_cell_may_be_the_one_that_ends(tmp_path: Path, run: Run) -> None:
    record = run(notebook_at(tmp_path / "nb.ipynb", STOP, SWALLOWED)).wait()
    assert (record["state"], record["reason"], record["pruned_at"]) == ("succeeded", "pruned", 3)


def test_a_kernel_that_dies_on_its_way_out_has_died(tmp_path: Path, run: Run) -> None:
    dying = "try:\n    report()\nfinally:\n    os.kill(os.getpid(), 9)"
    record = run(notebook_at(tmp_path / "nb.ipynb", STOP, dying)).wait()
    assert (record["state"], record["reason"], record["pruned_at"]) == ("failed", "kernel_died", None)
