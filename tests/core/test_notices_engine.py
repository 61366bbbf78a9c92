"""From a notebook that fails to the message that says so, through a real engine."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.models import Job, JobSpec, Notice
from jupyter_mlplat.platform import Platform

from ..shell import here
from ..webhookserver import WebhookServer


def write(folder: Path, *cells: str) -> Path:
    made = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
    nbformat.write(made, folder / "train.ipynb")
    return folder / "train.ipynb"


def configure(**settings: object) -> None:
    """Write the configuration file that every process of this test reads."""
    lines = [f"c.Platform.{name} = {value!r}" for name, value in settings.items()]
    Path(os.environ["JUPYTER_CONFIG_DIR"], "jupyter_mlplat_config.py").write_text("\n".join(lines) + "\n")


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def the_notice(platform: Platform, job: Job) -> Notice:
    (notice,) = platform.jobs.get(job.id).notices
    return notice


def test_a_failing_notebook_makes_one_post_and_its_recovery_another(platform: Platform, tmp_path: Path) -> None:
    secret = "services/T0/B0/verysecret"
    with WebhookServer() as server:
        configure(notify_hosts=[server.host], notify_targets={"team": f"{server.url}/{secret}"})
        notebook = write(tmp_path, "1", "raise ValueError('no such luck')")
        done = here("jobs", "run", notebook, "--notify", f"{server.url}/{secret}", "--wait", "--json")
        assert done.returncode == 1, done.stderr
        job = json.loads(done.stdout)
        until(lambda: platform.jobs.get(job["id"]).notices[0].state == "sent")
        (posted,) = server.posted
        assert posted.path == f"/{secret}"
        assert posted.text.startswith(f"Job {job['id']} (train) failed: a cell raised an error\n")
        assert "ValueError: no such luck" in posted.text
        shown = here("jobs", "show", job["id"]).stdout
        assert f"failure  {server.url}/…  sent" in shown.replace("http://", "http://")
        write(tmp_path, "1")
        done = here("jobs", "run", notebook, "--notify", "recovery=@team", "--wait", "--json")
        again = json.loads(done.stdout)["id"]
        until(lambda: platform.jobs.get(again).notices[0].state == "sent")
        assert [one.text.splitlines()[0] for one in server.posted[1:]] == [
            f"Job {again} (train) succeeded again after a failure"
        ]
        here("jobs", "show", again, "--json")
    # The address of a webhook is in the store, and nowhere where anybody looks.
    assert "verysecret" not in shown + done.stdout
    for log in platform.home.log.iterdir():
        assert b"verysecret" not in log.read_bytes()


def test_what_an_engine_did_not_send_the_next_one_sends(platform: Platform, tmp_path: Path) -> None:
    with WebhookServer() as taken:
        server = WebhookServer(port=taken.port)
    configure(notify_hosts=[f"127.0.0.1:{server.port}"])
    wanted = [{"to": f"http://127.0.0.1:{server.port}/x"}]
    spec = JobSpec.model_validate({"notebook": str(write(tmp_path, "1 / 0")), "notify": wanted})
    here_too = Platform.load()
    job = here_too.jobs.submit(spec, owner="ada")
    here_too.close()
    assert platform.jobs.wait(job.id, timeout=120).state == "failed"
    until(lambda: the_notice(platform, job).tries == 1)
    notice = the_notice(platform, job)
    assert (notice.state, notice.message) == ("pending", "it cannot be reached: connection refused")
    engine = living_engine(platform)
    assert engine is not None
    os.kill(engine.pid, signal.SIGKILL)
    until(lambda: living_engine(platform) is None)
    with server:
        platform.wake_engine()
        until(lambda: the_notice(platform, job).state == "sent")
        assert (the_notice(platform, job).tries, len(server.posted)) == (2, 1)


def test_an_engine_that_is_asked_to_stop_still_says_what_is_due(platform: Platform, tmp_path: Path) -> None:
    with WebhookServer() as server:
        configure(notify_hosts=[server.host], idle_seconds=0.5)
        wanted = [{"to": f"{server.url}/x", "on": ["success"]}]
        made = Platform.load()
        spec = JobSpec.model_validate({"notebook": str(write(tmp_path, "1")), "notify": wanted})
        job = made.jobs.submit(spec, owner="ada")
        made.close()
        assert platform.jobs.wait(job.id, timeout=120).state == "succeeded"
        assert here("stop", "--jobs", "wait").returncode == 0
        assert (the_notice(platform, job).state, len(server.posted)) == ("sent", 1)


def test_old_jobs_are_deleted_by_the_shell(platform: Platform, tmp_path: Path) -> None:
    notebook = write(tmp_path, "1 / 0")
    jobs = [json.loads(here("jobs", "run", notebook, "--wait", "--json").stdout)["id"] for _ in range(3)]
    would = json.loads(here("jobs", "delete", "--keep", "1", "--dry-run", "--json").stdout)
    assert (would["jobs"], would["dry_run"]) == (2, True)
    assert would["bytes"] > 500
    assert here("jobs", "delete", "--older-than", "1h", "--state", "failed").stdout == "deleted 0 jobs (0 B)\n"
    done = here("jobs", "delete", "--keep", "1", "--state", "failed,lost", "--json")
    assert json.loads(done.stdout) == {**would, "dry_run": False}
    assert json.loads(here("jobs", "delete", jobs[2], "--json").stdout)["id"] == jobs[2]
    assert here("jobs", "delete", *jobs).returncode == 3
    for words in (
        [],
        ["--state", "failed"],
        ["--older-than", "soon"],
        ["--keep", "-1"],
        ["--keep", "1", "--state", "x"],
    ):
        done = here("jobs", "delete", *words, "--json")
        assert done.returncode == 2, words
        assert json.loads(done.stdout)["fields"], words


def test_the_status_says_how_anybody_is_told(platform: Platform) -> None:
    def part() -> dict[str, object]:
        found: list[dict[str, object]] = json.loads(here("status", "--json").stdout)["parts"]
        return next(one for one in found if one["name"] == "notifications")

    assert part()["detail"] == "webhooks; no mail server"
    configure(smtp_url="smtp://ada@mail.example:587", notify_targets={"team": "https://hooks.example/secret"})
    assert part() == {
        "name": "notifications", "available": True, "detail": "webhooks; mail by mail.example; named: @team",
        "hint": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wanted",
    [
        "nonsense",
        "failur=@team",
        "failure:2h=@team",
        "too_long:soon=@team",
        "=@team",
        "hunter2=",
        "@nobody",
        "https://",
    ],
)
def test_what_cannot_be_told_is_refused_and_not_repeated(platform: Platform, tmp_path: Path, wanted: str) -> None:
    notebook = write(tmp_path, "1")
    for words in (["jobs", "run", notebook], ["schedules", "create", notebook, "--every", "1h"]):
        done = here(*words, "--notify", wanted, "--json")
        assert done.returncode == 2, done.stdout
        assert [name.split(".")[0] for name in json.loads(done.stdout)["fields"]] == ["notify"]
        assert "hunter2" not in done.stdout + done.stderr
    assert platform.jobs.list().items == []
    assert platform.schedules.list().items == []
