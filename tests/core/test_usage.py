"""What jobs and kernels use is a curve of their runs, which ends with them and is nobody's result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

from jupyter_mlplat.api.current import platform as current
from jupyter_mlplat.models import GPU, Job, JobSpec
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.usage import CPU, MEMORY, Usage, of_gpus, tree, without_system

from ..gpus import fake_gpus

EVERY = "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"
SWITCH = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
BURN = "import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
HOLD = "held = bytearray(300_000_000)\nfor at in range(0, len(held), 4096): held[at] = 1"

Point = tuple[int, float, int]


def points(platform: Platform, run: str, key: str) -> list[Point]:
    """Step, value and time of every point."""
    found = platform.runs.client().get_metric_history(run, key)
    return sorted((one.step, one.value, one.timestamp) for one in found)


def ends(platform: Platform, run: str) -> tuple[int, int]:
    info = platform.runs.client().get_run(run).info
    assert info.end_time is not None
    return info.start_time, info.end_time


def submit(platform: Platform, folder: Path, *cells: str, **options: object) -> str:
    path = folder / "use.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return platform.jobs.submit(JobSpec.model_validate({"notebook": str(path), **options}), owner="ana").id


def run_job(platform: Platform, folder: Path, *cells: str, **options: object) -> Job:
    return platform.jobs.wait(submit(platform, folder, *cells, **options), timeout=120)


# --- measuring ------------------------------------------------------------------------------------------


def test_the_cpu_of_a_tree_is_that_of_all_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVERY, "0.1")
    burning = [subprocess.Popen([sys.executable, "-c", BURN.format(seconds=30)]) for _ in range(2)]
    try:
        mine = {one.pid for one in burning}  # other tests have left processes of theirs
        usage = Usage(lambda: [pid for pid in tree(os.getpid()) if pid in mine])
        assert usage.sample() is None, "it is not due yet"
        found = None
        while found is None:
            time.sleep(0.5)
            found = usage.sample()
    finally:
        for one in burning:
            one.kill()
            one.wait()
    # Two cores at most, less where others want them, too.
    assert 10 < found[CPU] < 230
    assert 10 < found[MEMORY] < 200
    time.sleep(0.2)
    assert usage.sample() is None, "nobody is left"


def test_devices_are_numbered_as_their_process_sees_them() -> None:
    first = GPU(index=5, uuid="b", name="A", memory_total_bytes=80 * 10**9, memory_used_bytes=20 * 10**9)
    second = first.model_copy(update={"index": 2, "uuid": "a", "utilization": 0.5, "power_watts": 312.34})
    assert of_gpus([first, second]) == {
        "system/gpu_0_memory_usage_megabytes": 20_000.0,
        "system/gpu_0_memory_usage_percentage": 25.0,
        "system/gpu_1_memory_usage_megabytes": 20_000.0,
        "system/gpu_1_memory_usage_percentage": 25.0,
        "system/gpu_1_utilization_percentage": 50.0,
        "system/gpu_1_power_usage_watts": 312.3,
    }
    assert of_gpus([first.model_copy(update={"memory_total_bytes": 0})]) == {}
    assert without_system({"system/x": 1, "system": 2}) == {"system": 2}


# --- jobs -----------------------------------------------------------------------------------------------


def test_a_job_shows_what_its_processes_use(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVERY, "0.5")
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN.format(seconds=2)!r}])"
    job = run_job(platform, tmp_path, HOLD, child, BURN.format(seconds=2))
    assert job.state == "succeeded", job.message
    assert job.run_id is not None
    began, ended = ends(platform, job.run_id)
    cpu, memory = points(platform, job.run_id, CPU), points(platform, job.run_id, MEMORY)
    assert [step for step, _, _ in cpu] == list(range(len(cpu)))
    assert len(cpu) >= 4
    assert all(began <= when <= ended for _, _, when in (*cpu, *memory))
    assert 20 < max(value for _, value, _ in cpu) < 250
    assert 330 < max(value for _, value, _ in memory) < 900
    assert job.metric == {}
    assert platform.runs.job_metrics(job.run_id) == {}
    other = run_job(platform, tmp_path, "1")
    assert other.run_id is not None
    shown = platform.runs.comparing.rows([job.run_id, other.run_id])
    assert shown.metrics == []
    assert platform.runs.comparing.difference(job.run_id, other.run_id).metrics == []
    every = platform.runs.comparing.rows([job.run_id, other.run_id], every=True)
    assert [row.key for row in every.metrics] == [CPU, MEMORY]


def test_a_killed_kernel_keeps_its_curves_and_gets_no_more(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVERY, "0.3")
    job = run_job(
        platform, tmp_path, f"{BURN.format(seconds=2)}\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert (job.state, job.reason) == ("failed", "kernel_died")
    assert job.run_id is not None
    _, ended = ends(platform, job.run_id)
    time.sleep(1.0)
    cpu = points(platform, job.run_id, CPU)
    assert cpu
    assert max(when for _, _, when in cpu) <= ended
    assert platform.runs.get(job.run_id).status == "FAILED"


def test_the_devices_of_a_job_are_curves_too(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVERY, "0.3")
    fake_gpus("2xA100-80G", warm_kernels=0)
    request.getfixturevalue("platform")
    platform = current()
    uuids = [one.uuid for one in platform.gpus_source.devices()]
    number = submit(platform, tmp_path, BURN.format(seconds=4), gpus=1)
    until = time.monotonic() + 60
    while platform.jobs.get(number).state != "running":
        assert time.monotonic() < until
        time.sleep(0.1)
    used = {"memory": 8 * 2**30, "utilization": 0.75, "power": 300.0}
    (platform.home.run / "fake-gpus.json").write_text(json.dumps(dict.fromkeys(uuids, used)))
    job = platform.jobs.wait(number, timeout=60)
    assert job.state == "succeeded", job.message
    assert job.run_id is not None
    metrics = platform.runs.get(job.run_id).metrics
    assert metrics["system/gpu_0_utilization_percentage"] == 75.0
    assert metrics["system/gpu_0_memory_usage_megabytes"] == pytest.approx(8589.9)
    assert metrics["system/gpu_0_memory_usage_percentage"] == 10.0
    assert metrics["system/gpu_0_power_usage_watts"] == 300.0
    assert not any("gpu_1" in name for name in metrics)


def test_mlflows_own_variable_switches_it_off(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVERY, "0.3")
    monkeypatch.setenv(SWITCH, "false")
    job = run_job(platform, tmp_path, BURN.format(seconds=1.5))
    assert job.run_id is not None
    assert platform.runs.get(job.run_id).metrics == {}


# --- kernels ----------------------------------------------------------------------------------------------


def kernel(platform: Platform, code: str, **variables: str) -> None:
    """Run a program as an interactive kernel of the platform would."""
    environment = {**os.environ, **platform.environment(), EVERY: "0.3", **variables}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment, capture_output=True, text=True, timeout=120, cwd=platform.home.root, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


BUSY = """
import time, mlflow
from jupyter_mlplat.mlflow_plugin import usage
usage.LOOK_S = 0.3
def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
"""


def test_a_run_of_a_kernel_is_measured_while_it_is_active(platform: Platform) -> None:
    kernel(platform, BUSY + textwrap.dedent("""
    with mlflow.start_run(run_name="first") as first:
        burn(2)
        with mlflow.start_run(run_name="inner", nested=True):
            burn(1.5)
    burn(1.5)
    with mlflow.start_run(run_id=first.info.run_id):
        burn(1.5)
    with mlflow.start_run(run_name="elsewhere") as elsewhere:
        burn(1.2)
        mlflow.MlflowClient().set_terminated(elsewhere.info.run_id)
        burn(1.2)
    with mlflow.start_run(run_name="short"):
        pass
    """))  # fmt: skip
    found = {run.name: run for run in platform.runs.list().items}
    first = points(platform, found["first"].id, CPU)
    assert [step for step, _, _ in first] == list(range(len(first)))
    assert len(first) >= 4
    assert max(value for _, value, _ in first) > 20
    times = [when for _, _, when in first]
    assert max(later - before for before, later in pairwise(times)) > 1200, "between its two halves"
    assert points(platform, found["inner"].id, MEMORY)
    for name in ("first", "inner", "elsewhere"):
        _, ended = ends(platform, found[name].id)
        assert all(when <= ended for _, _, when in points(platform, found[name].id, CPU))
    assert found["elsewhere"].status == "FINISHED"
    assert found["short"].metrics == {}


@pytest.mark.parametrize("variables", [{SWITCH: "false"}, {"MLPLAT_JOB_ID": "7"}])
def test_nothing_is_measured_where_somebody_says_no_or_a_runner_does_it(
    platform: Platform, variables: dict[str, str]
) -> None:
    kernel(platform, BUSY + "with mlflow.start_run(): burn(1.2)", **variables)
    (run,) = platform.runs.list().items
    assert run.metrics == {}
