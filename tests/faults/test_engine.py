"""What happens to jobs when processes die: the record stays true and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.attempts import RUNNER_RECORD, read_record
from jupyter_mlplat.engine import living_engine, request_stop
from jupyter_mlplat.errors import Conflict
from jupyter_mlplat.models import Job, JobSpec
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.processes import start_time


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform for the module: its engine and its cluster are warm from the second test on."""
    made = Platform(home_dir=str(tmp_path_factory.mktemp("engine") / "mlplat"))
    yield made
    request_stop(made, jobs="cancel")
    assert living_engine(made) is None
    made.close()


def submit(platform: Platform, folder: Path, *cells: str) -> Job:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
    path = folder / "nb.ipynb"
    nbformat.write(notebook, path)
    return platform.jobs.submit(JobSpec(notebook=str(path)), owner="ada")


def until(condition: Callable[[], object], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def state_of(platform: Platform, job: Job) -> str:
    return platform.jobs.get(job.id).state.value


BUSY = "import time\nopen('begun', 'w').write('x')\nwhile not __import__('os').path.exists('go'): time.sleep(0.05)"


def test_a_job_runs_and_its_run_has_the_executed_notebook(shared: Platform, tmp_path: Path) -> None:
    log = "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('auc', 0.75)\nprint('logged')"
    job = shared.jobs.wait(submit(shared, tmp_path, log).id, timeout=120)
    assert (job.state, job.reason, job.attempt) == ("succeeded", None, 1)
    assert job.submitted_at <= job.started_at <= job.ended_at
    assert shared.jobs.log(job.id).text == "logged\n"
    until(lambda: shared.runs.get(job.run_id).status == "FINISHED", 10)
    run = shared.runs.get(job.run_id)
    own = {name: value for name, value in run.metrics.items() if not name.startswith("system/")}
    assert own == {"auc": 0.75}
    assert run.job_id == job.id
    assert "notebook" in run.artifacts or any(path.startswith("notebook") for path in run.artifacts)
    # Nothing is written outside the data directory and the notebook's folder.
    assert {path.name for path in tmp_path.iterdir()} <= {"nb.ipynb", "user", "mlplat"}


def test_a_running_and_a_queued_job_are_cancelled(shared: Platform, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    running = [submit(shared, tmp_path / "a", BUSY) for _ in range(os.cpu_count() or 1)]
    until(lambda: all(state_of(shared, job) == "running" for job in running))
    queued = submit(shared, tmp_path / "a", "open('never', 'w')")
    shared.jobs.cancel(queued.id)
    after = shared.jobs.wait(queued.id, timeout=30)
    assert (after.state, after.attempt, after.started_at) == ("cancelled", 0, None)
    for job in running:
        shared.jobs.cancel(job.id)
    for job in running:
        assert shared.jobs.wait(job.id, timeout=60).state == "cancelled"
    assert not (tmp_path / "a" / "never").exists()


def test_the_engine_is_killed_and_the_job_ends_anyway(shared: Platform, tmp_path: Path) -> None:
    job = submit(shared, tmp_path, BUSY, "print('after')")
    until((tmp_path / "begun").exists)
    first = living_engine(shared)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: living_engine(shared) is None)
    shared.wake_engine()
    until(lambda: living_engine(shared) is not None)
    second = living_engine(shared)
    assert second is not None
    assert second.pid != first.pid
    (tmp_path / "go").touch()
    after = shared.jobs.wait(job.id, timeout=90)
    assert (after.state, after.attempt) == ("succeeded", 1)
    assert shared.jobs.log(job.id).text == "after\n"


def test_the_runner_is_killed_and_the_job_is_lost_with_nothing_left(shared: Platform, tmp_path: Path) -> None:
    cell = "import os\nopen('pid', 'w').write(str(os.getpid()))\n" + BUSY
    job = submit(shared, tmp_path, cell)
    until((tmp_path / "begun").exists)
    record = read_record(Path(job.folder) / "attempt-1", RUNNER_RECORD)
    assert record is not None
    os.kill(int(str(record["pid"])), signal.SIGKILL)
    after = shared.jobs.wait(job.id, timeout=60)
    assert (after.state, after.reason) == ("lost", "worker_lost")
    assert start_time(int((tmp_path / "pid").read_text())) is None
    assert all(cell.state != "running" for cell in after.cells)


def test_the_submitting_process_is_killed_and_the_job_ends_anyway(shared: Platform, tmp_path: Path) -> None:
    program = (
        "import sys; from jupyter_mlplat.platform import Platform; from jupyter_mlplat.models import JobSpec\n"
        f"p = Platform(home_dir={str(shared.home.root)!r}); print(p.jobs.submit(JobSpec(notebook=sys.argv[1]), "
        "owner='ada').id, flush=True)\nimport time; time.sleep(600)"
    )
    notebook = new_notebook(cells=[new_code_cell("print('alone')")])
    nbformat.write(notebook, tmp_path / "nb.ipynb")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "nb.ipynb")], stdout=subprocess.PIPE, text=True
    ) as submitter:
        assert submitter.stdout is not None
        job_id = submitter.stdout.readline().strip()
        submitter.kill()
    assert shared.jobs.wait(job_id, timeout=90).state == "succeeded"


def test_many_who_wake_make_one_engine(shared: Platform) -> None:
    shared.wake_engine()
    until(lambda: living_engine(shared) is not None)
    for _ in range(3):
        shared._start_engine()  # as if each had found no pipe
    until(lambda: len(engines_of(shared)) == 1)
    holder = living_engine(shared)
    assert holder is not None
    assert [process.pid for process in engines_of(shared)] == [holder.pid]


def test_who_waits_to_be_the_engine_does_not_take_over_from_one_that_is_stopped(shared: Platform) -> None:
    shared.wake_engine()
    until(lambda: living_engine(shared) is not None)
    shared._start_engine()  # as if it had found no pipe
    request_stop(shared, jobs="cancel")
    until(lambda: engines_of(shared) == [])
    assert living_engine(shared) is None


def engines_of(platform: Platform) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            mine = process.environ().get("MLPLAT_HOME") == str(platform.home.root)
            if mine and "jupyter_mlplat.engine" in command and command[0] == sys.executable:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_stop_refuses_while_jobs_run_and_then_ends_all_of_it(shared: Platform, tmp_path: Path) -> None:
    job = submit(shared, tmp_path, BUSY)
    until((tmp_path / "begun").exists)
    with pytest.raises(Conflict, match="1 job is running") as refused:
        request_stop(shared)
    assert "--jobs wait" in refused.value.hint
    stopped = request_stop(shared, jobs="cancel")
    assert stopped["stopped"] is True
    assert state_of(shared, job) == "cancelled"
    assert living_engine(shared) is None
    left = [
        process.cmdline()
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _home_of(process) == str(shared.home.root)
    ]
    assert left == []
    assert request_stop(shared) == {"stopped": False, "pid": None}


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("MLPLAT_HOME") if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def test_an_idle_engine_leaves_by_itself(home: object, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_mlplat_config.py").write_text("c.Platform.idle_seconds = 0.5\n")
    platform = Platform.load()
    program = [sys.executable, "-m", "jupyter_mlplat.engine", "--detached"]
    done = subprocess.run(
        program, env={**os.environ, "JUPYTER_CONFIG_PATH": str(config)}, timeout=60, check=False, capture_output=True
    )
    assert done.returncode == 0
    assert b"nothing to do" in done.stderr
    assert living_engine(platform) is None
    assert not platform.home.wake.exists()
    platform.close()
