"""A server may die at any time: nothing that it was asked for dies with it."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat

from jupyter_mlplat.platform import Platform

from .running import RunningServer


def test_a_job_outlives_the_server_that_was_killed(platform: Platform, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    begin, go = tmp_path / "begun", tmp_path / "go"
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "import pathlib, time\n"
            f"pathlib.Path({str(begin)!r}).touch()\n"
            f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.05)\n"
            "print('went on')"
        )
    ]
    root = tmp_path / "root"
    root.mkdir()
    nbformat.write(notebook, root / "long.ipynb")
    with RunningServer(root) as first:
        first.wait_until_it_answers()
        status, job = first.ask("POST", "jobs", {"notebook": "long.ipynb"})
        assert status == 201, job
        deadline = time.monotonic() + 90
        while not begin.exists():
            assert time.monotonic() < deadline, first.ask("GET", f"jobs/{job['id']}")
            time.sleep(0.05)
        first.kill()
    go.touch()
    ended = platform.jobs.wait(job["id"], timeout=60)
    assert ended.state == "succeeded", ended
    with RunningServer(root) as second:
        second.wait_until_it_answers()
        status, shown = second.ask("GET", f"jobs/{job['id']}")
        assert (status, shown["state"]) == (200, "succeeded")
        assert "went on" in second.ask("GET", f"jobs/{job['id']}/log")[1]["text"]
        assert "went on" in str(second.ask("GET", f"jobs/{job['id']}/notebook")[1])
