"""Schedules by the shell's grammar, in this process and without an engine."""

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
def notebook(home: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)
    made = new_notebook(
        cells=[new_code_cell("x: int = 1", metadata={"tags": ["parameters"]}), new_code_cell("print(x)")]
    )
    nbformat.write(made, tmp_path / "etl.ipynb")
    return str(tmp_path / "etl.ipynb")


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status = main([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_schedule_by_the_shell(notebook: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--cron", "0 6 * * 1-5", "--timezone", "Europe/Berlin", "-p", "x=3", "--retries", "2", "--overlap", "skip"]
    status, made = cli(capsys, "schedules", "create", notebook, *words, "--max-lateness", "1h")
    assert (status, made["name"], made["parameters"]) == (0, "etl", {"x": 3})
    assert (made["when"]["max_lateness"], made["when"]["overlap"], made["options"]["retries"]) == (3600, "skip", 2)
    id = made["id"]
    assert cli(capsys, "schedules", "list")[1]["items"][0]["id"] == id
    _, changed = cli(capsys, "schedules", "update", id, "--every", "15m", "-p", "x=4", "--name", "quarter")
    assert (changed["when"]["cron"], changed["when"]["every"], changed["name"]) == (None, 900, "quarter")
    assert (changed["parameters"], changed["options"]["retries"]) == ({"x": 4}, 2)
    assert cli(capsys, "schedules", "pause", id)[1]["state"] == "paused"
    assert cli(capsys, "schedules", "resume", id)[1]["state"] == "active"
    assert cli(capsys, "schedules", "trigger", id)[1]["schedule_id"] == id
    assert cli(capsys, "schedules", "occurrences", id)[1] == {"items": [], "next": None}
    assert cli(capsys, "schedules", "diff", id)[1] == {"text": ""}
    for words in (["list"], ["show", id], ["occurrences", id], ["diff", id]):
        assert main(["schedules", *words]) == 0
    shown = capsys.readouterr().out
    assert "every 15 m" in shown
    assert "nothing was edited since" in shown
    assert cli(capsys, "schedules", "delete", id, "--yes")[0] == 0
    assert cli(capsys, "schedules", "show", id)[0] == 3


def test_a_time_without_an_offset_is_in_the_zone(notebook: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, made = cli(capsys, "schedules", "create", notebook, "--at", "2099-07-01T12:00", "--timezone", "Asia/Kathmandu")
    assert made["next_at"] == "2099-07-01T06:15:00Z"


def test_preview(home: object, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--after", "2026-10-24T12:00:00Z", "-n", "3"]
    status, page = cli(capsys, "schedules", "preview", *words)
    assert status == 0
    assert page["items"][0] == {"utc": "2026-10-25T00:30:00Z", "local": "2026-10-25T02:30:00+02:00"}
    assert len(page["items"]) == 3


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--cron", "* * * * * *"], "cron"),
        (["--cron", "0 0 31 2 *"], "cron"),
        (["--cron", "0 6 * * *", "--timezone", "Mars/Base"], "timezone"),
        (["--at", "tomorrow"], "at"),
        (["--at", "2020-01-01T00:00"], "at"),
        (["--at", "2099-01-01T00:00", "--timezone", "../x"], "timezone"),
        (["--every", "0.5s"], "every"),
        (["--every", "15m", "-p", "y=1"], "parameters.y"),
        (["--every", "15m", "--retry-on", "bad_input"], "retry_on"),
        (["--every", "15m", "--priority", "high"], "priority"),
    ],
)
def test_what_cannot_be_scheduled(
    notebook: str, capsys: pytest.CaptureFixture[str], words: list[str], field: str
) -> None:
    status, said = cli(capsys, "schedules", "create", notebook, *words)
    assert status == 2
    assert field in said["fields"], said
    assert cli(capsys, "schedules", "list")[1]["items"] == []


def test_exactly_one_timing(notebook: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(capsys, "schedules", "create", notebook)[0] == 2
    assert cli(capsys, "schedules", "create", notebook, "--every", "15m", "--cron", "0 6 * * *")[0] == 2
