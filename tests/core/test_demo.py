"""The main job, as a user runs it, and every command on what it leaves."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pandas
import pytest

from jupyter_mlplat.platform import Platform

from ..shell import here

STEPS = [
    "job",
    "run",
    "model",
    "data",
    "features",
    "gpus",
    "endpoint",
    "predict",
    "drift, served rows",
    "drift, shifted rows",
]


def cli(*words: str | Path, status: int = 0) -> str:
    if words[0] == "demo":
        command = [sys.executable, "-m", "jupyter_mlplat.cli", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    else:
        done = here(*words)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def as_json(*words: str | Path, status: int = 0) -> Any:
    return json.loads(cli(*words, "--json", status=status))


def refused_on_a_terminal(*words: str) -> int:
    """The exit status of a command whose question is answered with no."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"n\n")
        command = [sys.executable, "-m", "jupyter_mlplat.cli", *words]
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60)
        assert "stops answering; the model stays. [y/N]" in done.stderr
        return done.returncode
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.timeout(900)
def test_the_demo_and_every_command_on_what_it_made(platform: Platform, tmp_path: Path) -> None:
    result = as_json("demo")
    assert [step["step"] for step in result["steps"]] == STEPS
    assert result["ok"]
    assert result["error"] is None
    data = {step["step"]: step["data"] for step in result["steps"]}
    job_id, run_id = data["job"]["job_id"], data["job"]["run_id"]
    assert data["predict"]["accuracy"] == pytest.approx(data["run"]["metrics"]["accuracy"], abs=1e-9)
    assert data["predict"]["accuracy"] > 0.9
    assert set(data["drift, shifted rows"]["drifted_columns"]) >= {"mean_radius", "worst_texture", "worst_area"}
    assert data["drift, served rows"] == {"drift": False, "drifted_columns": []}

    # What it says to look at works.
    for one in result["look"]:
        words = one["command"].split()
        if words[:2] == ["jupyter", "mlplat"] and "delete" not in words and "--to" not in words:
            assert cli(*words[2:]), one

    assert as_json("jobs", "show", job_id)["run_id"] == run_id
    run = as_json("runs", "show", run_id)
    assert run["status"] == "FINISHED"
    assert run["job_id"] == job_id
    report = as_json("runs", "show", data["drift, shifted rows"]["run_id"])
    assert report["artifacts"]
    (listed,) = as_json("models", "list")["items"]
    assert listed["name"] == "breast_cancer-classifier"
    shown = as_json("models", "show", listed["name"])
    assert shown["aliases"] == {"challenger": "1"}
    assert shown["versions"][0]["run_id"] == run_id

    (deployment,) = as_json("deployments", "list")["items"]
    assert deployment == as_json("deployments", "show", "demo-classifier")
    token = Path(deployment["token_file"]).read_text()
    request = urllib.request.Request(
        f"{deployment['url']}/invocations",
        json.dumps(deployment["example"]).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
        answered = json.load(response)
    assert as_json("deployments", "predict", "demo-classifier", "--example") == answered
    body = tmp_path / "body.json"
    body.write_text(json.dumps(deployment["example"]))
    assert as_json("deployments", "predict", "demo-classifier", "--file", body) == answered
    assert as_json("deployments", "logs", "demo-classifier")["text"]
    assert as_json("deployments", "create", "demo-classifier", "--model", data["model"]["uri"], status=4)["hint"]

    (view,) = as_json("features", "views")["items"]
    assert view["rows"] == 569
    folder = Path(data["data"]["folder"])
    measured = pandas.read_parquet(folder / "measurements.parquet").set_index("sample_id")
    radius = pytest.approx(measured.loc[17, "mean_radius"], abs=0)
    (row,) = as_json("features", "online", view["name"], "--entity", "sample_id=17")["items"]
    assert row["mean_radius"] == radius
    times = tmp_path / "times.csv"
    times.write_text("sample_id,event_time\n17,2027-01-01T00:00:00Z\n17,2019-01-01T00:00:00Z\n")
    joined = as_json("features", "historical", times, "--features", f"{view['name']}:mean_radius")["items"]
    assert [one["mean_radius"] for one in joined] == [radius, None]

    tables = ("--reference", folder / "train.parquet", "--current", folder / "shifted.parquet")
    assert as_json("drift", "check", *tables)["drift"] is True
    assert as_json("drift", "check", *tables, "--fail-on-drift", status=1)["drift"] is True
    assert as_json("drift", "check", *tables, "--fail-on-drift", "--columns", "mean_texture")["drift"] is False

    # A second one works beside the first.
    second = as_json("demo")
    assert second["ok"]
    again = {step["step"]: step["data"] for step in second["steps"]}
    assert again["endpoint"]["name"] == "demo-classifier-2"
    assert again["model"]["version"] == "2"
    assert [one["state"] for one in as_json("deployments", "list")["items"]] == ["ready", "ready"]
    assert refused_on_a_terminal("deployments", "delete", "demo-classifier") == 4
    for name in ("demo-classifier", "demo-classifier-2"):
        as_json("deployments", "delete", name, "--yes")
    assert as_json("deployments", "list")["items"] == []


@pytest.mark.timeout(300)
def test_a_step_that_fails_is_named_and_the_status_is_1(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # MLflow's tracking URI leads to a server that is not there, so the job cannot open its run.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = as_json("demo", status=1)
    assert result["ok"] is False
    assert result["error"]["step"] in ("job", "run")
    assert result["error"]["message"]
