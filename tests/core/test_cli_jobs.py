"""A job by the shell, from `jobs run` to what it left, with a real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from jupyter_mlplat.platform import Platform

from ..shell import here


def write_notebook(path: Path, *sources: str, parameters: str = "alpha: float = 0.5\nname = 'a'") -> Path:
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    made.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return path


@pytest.mark.usefixtures("platform")
def test_a_job_from_the_shell_from_submit_to_output(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "train.ipynb", "print('alpha is', alpha, name)")
    parameters = tmp_path / "p.yaml"
    parameters.write_text("alpha: 0.1\nname: from the file\n")

    done = here("jobs", "run", notebook, "-f", parameters, "-p", "alpha=0.25", "--name", "first", "--stream", "--json")
    assert done.returncode == 0, done.stderr
    assert "alpha is 0.25 from the file" in done.stderr
    job = json.loads(done.stdout)
    assert (job["state"], job["name"], job["reason"]) == ("succeeded", "first", None)
    assert job["parameters"] == {"alpha": 0.25, "name": "from the file"}
    assert [cell["state"] for cell in job["cells"]] == ["ok", "ok"]
    assert [cell["index"] for cell in job["cells"]] == [0, 1]
    assert job["run_id"]

    shown = json.loads(here("jobs", "show", job["id"], "--json").stdout)
    assert shown == job
    listed = json.loads(here("jobs", "list", "--json").stdout)
    assert [one["id"] for one in listed["items"]] == [job["id"]]
    assert listed["next"] is None
    cells = json.loads(here("jobs", "cells", job["id"], "--json").stdout)
    assert cells == {"items": job["cells"], "next": None}
    log = json.loads(here("jobs", "logs", job["id"], "--json").stdout)
    assert "alpha is 0.25" in log["text"]
    assert log["ended"] is True
    assert "alpha is 0.25" in here("jobs", "logs", job["id"], "--follow").stderr
    output = json.loads(here("jobs", "output", job["id"], "--json").stdout)
    executed = nbformat.read(output["path"], as_version=4)
    assert "alpha is 0.25" in str(executed.cells)
    page = tmp_path / "page.html"
    assert here("jobs", "output", job["id"], "--html", "--to", page).stdout.strip() == str(page)
    assert "alpha is 0.25" in page.read_text()

    table = here("jobs", "list").stdout.splitlines()
    assert table[0].split() == ["ID", "NAME", "STATE", "CELLS", "SUBMITTED", "TOOK", "METRIC", "OWNER"]
    assert table[1].split()[:4] == [job["id"], "first", "succeeded", "2/2"]
    assert here("jobs", "cancel", job["id"]).returncode == 4

    failed = write_notebook(tmp_path / "fails.ipynb", "raise ValueError('no such luck')", "1")
    done = here("jobs", "run", failed, "--wait", "--json")
    assert done.returncode == 1
    job = json.loads(done.stdout)
    assert (job["state"], job["reason"]) == ("failed", "cell_error")
    assert [cell["state"] for cell in job["cells"]] == ["ok", "error", "not_run"]
    assert "ValueError: no such luck" in job["cells"][1]["error"]
    assert here("jobs", "watch", job["id"]).returncode == 1


@pytest.mark.usefixtures("platform")
def test_ctrl_c_stops_the_waiting_and_not_the_job(tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "long.ipynb",
        f"import time, pathlib\npathlib.Path({str(tmp_path / 'there')!r}).touch()\ntime.sleep(600)",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlplat.cli", "jobs", "run", str(notebook), "--wait", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "there").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the job did not start"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    error = json.loads(out)
    assert error["reason"] == "interrupted"
    assert err.splitlines()[-1] == "hint: cancel it: jupyter mlplat jobs cancel 1"
    assert "Traceback" not in err
    assert json.loads(here("jobs", "show", "1", "--json").stdout)["state"] == "running"

    assert here("stop").returncode == 4

    done = here("jobs", "cancel", "1", "--wait", "--json")
    assert json.loads(done.stdout)["state"] == "cancelled"
    assert done.returncode == 0


def test_jobs_run_returns_at_once(platform: Platform, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "train.ipynb", "print(1)")
    done = here("jobs", "run", notebook)
    assert done.returncode == 0
    assert done.stdout == "job 1 is queued; watch it: jupyter mlplat jobs watch 1\n"
    assert platform.jobs.wait("1", timeout=60).state == "succeeded"


def test_schema_of_a_notebook(platform: Platform, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "train.ipynb", parameters="alpha: float = 0.5  # how much\nkind = 'a'")
    schema = json.loads(here("jobs", "schema", notebook, "--json").stdout)
    assert schema["properties"]["alpha"]["type"] == "number"
    assert schema["properties"]["alpha"]["default"] == 0.5
    assert schema["properties"]["alpha"]["description"] == "how much"
    text = here("jobs", "schema", notebook).stdout.splitlines()
    assert text[0].split() == ["PARAMETER", "TYPE", "DEFAULT", "VALUES", "DESCRIPTION"]
    assert "how much" in text[1]


def test_a_secret_is_used_and_kept_nowhere(platform: Platform, tmp_path: Path) -> None:
    value = "hunter2-correct-horse"
    (tmp_path / "key").write_text(f"{value}\n")
    source = "import os\nprint(len(api_key), api_key)\nassert api_key not in str(dict(os.environ))"
    notebook = write_notebook(tmp_path / "train.ipynb", source, parameters="api_key: str\nalpha = 1")
    refused = here("jobs", "run", notebook, "-p", f"api_key={value}", "--json")
    assert refused.returncode == 2
    assert value not in refused.stdout + refused.stderr
    bare = here("jobs", "run", notebook, "--secret", f"api_key={value}", "--json")
    assert bare.returncode == 2
    assert value not in bare.stdout + bare.stderr
    done = here("jobs", "run", notebook, "--secret", f"api_key=file:{tmp_path / 'key'}", "--wait", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    job = json.loads(done.stdout)
    assert job["secrets"] == {"api_key": f"file:{tmp_path / 'key'}"}
    assert here("jobs", "logs", job["id"]).stdout == "21 [secret api_key]\n"
    assert job["cells"][1]["peak_rss"] > 10_000_000
    assert job["attempts"][0]["peak_rss"] >= job["cells"][1]["peak_rss"]
    for path in platform.home.root.rglob("*"):
        if path.is_file():
            assert value.encode() not in path.read_bytes(), path
