"""What happens inside of an attempt when its kernel, its runner or its worker dies, is stopped or takes too much."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from jupyter_mlplat.backends import task
from jupyter_mlplat.kernel.pool import Pool
from jupyter_mlplat.models import Job
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.processes import start_time

from . import oracle
from .scene import VICTIMS, WAIT, gone, processes, runner_of, submit, until

ENDED_WITHIN_S = 10.0
"""No process of a job is left so many seconds after it was cancelled."""


def test_a_kernel_waits_for_the_next_job_and_belongs_to_its_tree(warm: Platform, tmp_path: Path) -> None:
    warm.jobs.wait(submit(warm, tmp_path, "1").id, timeout=60)
    until(lambda: any(one["waiting"] for one in Pool(warm.home).status()), what="a kernel that waits")
    before = Pool(warm.home).status()[0]["handed_over"]
    cell = (
        "import os, subprocess, sys\nprint(os.getcwd(), os.environ['MLFLOW_RUN_ID'])\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "held = bytearray(b'x') * (50 * 2**20)\n"
        "open('pids', 'w').write(f'{os.getpid()} {child.pid}')"
    )
    job = warm.jobs.wait(submit(warm, tmp_path, cell).id, timeout=60)
    assert job.state == "succeeded", job
    assert Pool(warm.home).status()[0]["handed_over"] == before + 1
    assert warm.jobs.log(job.id).text.split() == [str(tmp_path), job.run_id]
    assert job.cells[0].peak_rss is not None
    assert job.cells[0].peak_rss > 50 * 2**20
    assert gone(tmp_path / "pids")
    oracle.check(warm)


@pytest.mark.parametrize("victim", ["runner", "keeper"])
def test_a_waiting_kernel_that_was_taken_ends_with_whoever_holds_it(
    warm: Platform, tmp_path: Path, victim: str
) -> None:
    until(lambda: any(one["waiting"] for one in Pool(warm.home).status()), what="a kernel that waits")
    cell = (
        "import os, subprocess\nchild = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "open('pids', 'w').write(f'{os.getpid()} {child.pid}')\n"
    )
    job = submit(warm, tmp_path, cell + WAIT)
    until((tmp_path / "begun").exists)
    kernel = psutil.Process(int((tmp_path / "pids").read_text().split()[0]))
    assert kernel.ppid() != runner_of(job).pid
    (runner_of(job) if victim == "runner" else kernel.parent()).kill()
    after = warm.jobs.wait(job.id, timeout=60)
    expected = ("lost", "worker_lost") if victim == "runner" else ("failed", "kernel_died")
    assert (after.state, after.reason) == expected, after
    until(lambda: gone(tmp_path / "pids"), 10, "the end of its processes")
    oracle.check(warm)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("import os; os._exit(0)", "the kernel exited with status 0"),
        ("import ctypes; ctypes.string_at(0)", "the kernel was killed by signal SIGSEGV"),
    ],
)
def test_a_cell_that_ends_its_kernel(warm: Platform, tmp_path: Path, cell: str, message: str) -> None:
    job = warm.jobs.wait(submit(warm, tmp_path, "1", cell, "open('after', 'w')").id, timeout=60)
    assert (job.state, job.reason, job.message) == ("failed", "kernel_died", f"cell 1: {message}")
    assert [one.state for one in job.cells] == ["ok", "kernel_died", "not_run"]
    assert not (tmp_path / "after").exists()
    oracle.check(warm)


def test_a_tree_over_its_memory_limit(warm: Platform, tmp_path: Path) -> None:
    grow = (
        "import os, subprocess, sys\n"
        "hold = \"import time; held = bytearray(b'x') * (200 * 2**20); time.sleep(600)\"\n"
        "children = [subprocess.Popen([sys.executable, '-c', hold], start_new_session=True) for _ in range(2)]\n"
        "open('pids', 'w').write(' '.join(str(one.pid) for one in children) + f' {os.getpid()}')\n"
        "for one in children: one.wait()"
    )
    job = warm.jobs.wait(submit(warm, tmp_path, "1", grow, "2", memory=300 * 2**20).id, timeout=60)
    assert (job.state, job.reason) == ("failed", "out_of_memory"), job
    assert "more than the limit of 300 MiB" in job.message
    assert [one.state for one in job.cells] == ["ok", "kernel_died", "not_run"]
    assert job.attempts[0].peak_rss is not None
    assert job.attempts[0].peak_rss > 300 * 2**20
    assert gone(tmp_path / "pids")
    oracle.check(warm)


# --- stopped, not dead ----------------------------------------------------------------------------


def stopped_kernel(platform: Platform, folder: Path, **options: object) -> Job:
    """A job whose kernel is stopped while its cell runs."""
    cell = "import os\nopen('pids', 'w').write(str(os.getpid()))\n" + WAIT
    job = submit(platform, folder, cell, "2", **options)
    until((folder / "begun").exists)
    os.kill(int((folder / "pids").read_text()), signal.SIGSTOP)
    return job


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"cell_timeout": 3.0}, id="cell"),
        pytest.param({"timeout": 8.0}, id="attempt", marks=pytest.mark.long),
    ],
)
def test_a_stopped_kernel_ends_by_its_timeout(warm: Platform, tmp_path: Path, options: dict[str, float]) -> None:
    job = warm.jobs.wait(stopped_kernel(warm, tmp_path, **options).id, timeout=60)
    assert (job.state, job.reason) == ("failed", "timeout"), job
    assert [one.state for one in job.cells] == ["timeout", "not_run"]
    assert gone(tmp_path / "pids")
    oracle.check(warm)


def test_a_stopped_kernel_without_a_timeout_runs_until_it_is_cancelled(warm: Platform, tmp_path: Path) -> None:
    job = stopped_kernel(warm, tmp_path)
    try:
        # It is alive: nobody but its owner knows that it shall not be.
        until(lambda: warm.jobs.get(job.id).state == "running")
    finally:
        cancel(warm, job, tmp_path / "pids")


def test_a_stopped_runner_goes_on_when_its_job_is_cancelled(warm: Platform, tmp_path: Path) -> None:
    job = submit(warm, tmp_path, "import os\nopen('pids', 'w').write(str(os.getpid()))\n" + WAIT)
    until((tmp_path / "begun").exists)
    runner_of(job).suspend()
    cancel(warm, job, tmp_path / "pids")


@pytest.mark.long
def test_a_stopped_runner_is_continued_and_its_timeout_holds(warm: Platform, tmp_path: Path) -> None:
    job = submit(warm, tmp_path, "import os\nopen('pids', 'w').write(str(os.getpid()))\n" + WAIT, timeout=10.0)
    until((tmp_path / "begun").exists)
    runner_of(job).suspend()
    after = warm.jobs.wait(job.id, timeout=60)
    assert (after.state, after.reason) == ("failed", "timeout"), after
    assert gone(tmp_path / "pids")
    oracle.check(warm)


def test_a_runner_that_says_nothing_is_given_up_with_its_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "LISTEN_S", 0.1)
    monkeypatch.setattr(task, "GIVE_UP_S", 0.5)
    with subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as silent:
        assert silent.stdout is not None
        child = int(silent.stdout.readline())
        watch = task._Silence(silent)
        silent.wait(timeout=30)
        watch.end()
    until(lambda: start_time(child) is None)  # the tree is killed from its root on, by another thread
    assert watch.why is not None
    assert re.fullmatch(r"its runner said nothing for \d+ s", watch.why)


@pytest.mark.parametrize("victim", ["worker", pytest.param("cluster", marks=pytest.mark.long)])
def test_a_stopped_worker_is_continued_before_its_jobs_are_given_up(
    warm: Platform, tmp_path: Path, victim: str
) -> None:
    job = submit(warm, tmp_path, WAIT)
    until((tmp_path / "begun").exists)
    stopped = processes(warm, VICTIMS[victim])
    assert stopped
    for one in stopped:
        one.suspend()
    until(lambda: all(one.status() != psutil.STATUS_STOPPED for one in stopped), 25, f"the {victim} going on")
    (tmp_path / "go").touch()
    after = warm.jobs.wait(job.id, timeout=60)
    assert (after.state, after.attempt) == ("succeeded", 1), after
    oracle.check(warm)


# --- cancelled ------------------------------------------------------------------------------------

DAEMON = """
import os, time
def daemon():
    # Twice forked, in a session of its own, deaf to SIGTERM and SIGINT: nobody's child any more.
    import signal
    os.setsid()
    if os.fork(): os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
    with open("pids", "a") as file: file.write(f"{os.getpid()} ")
    time.sleep(600)
if os.fork() == 0: daemon()
while not os.path.exists("pids"): time.sleep(0.01)
with open("pids", "a") as file: file.write(f"{os.getpid()} ")
open("begun", "w").close()
time.sleep(600)
"""
HOLDS_THE_GIL = """
import ctypes, os
open("pids", "w").write(str(os.getpid()))
open("begun", "w").close()
ctypes.PyDLL(None).sleep(600)
"""
BACKTRACKS = """
import os, re
open("pids", "w").write(str(os.getpid()))
open("begun", "w").close()
re.match(r"(a|aa)+$", "a" * 200 + "b")
"""
LOADER = """
import os, time, torch
from torch.utils.data import DataLoader, Dataset
class Slow(Dataset):
    def __len__(self): return 1000
    def __getitem__(self, index):
        with open("pids", "a") as file: file.write(f"{os.getpid()} ")
        time.sleep(0.5)
        return torch.zeros(2)
with open("pids", "a") as file: file.write(f"{os.getpid()} ")
for number, batch in enumerate(DataLoader(Slow(), batch_size=1, num_workers=2)):
    if number == 2: open("begun", "w").close()
"""


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(DAEMON, id="a daemon"),
        pytest.param(HOLDS_THE_GIL, id="a call that holds the GIL"),
        pytest.param(BACKTRACKS, id="a regular expression without end", marks=pytest.mark.long),
        pytest.param(LOADER, id="the workers of a DataLoader", marks=pytest.mark.long),
    ],
)
def test_nothing_of_a_cancelled_job_is_left(warm: Platform, tmp_path: Path, cell: str) -> None:
    if "torch" in cell:
        pytest.importorskip("torch")
    job = submit(warm, tmp_path, cell)
    until((tmp_path / "begun").exists)
    cancel(warm, job, tmp_path / "pids")


def cancel(platform: Platform, job: Job, pids: Path) -> None:
    """Cancel it: cancelled is what it is only once nothing of it is left, and that is soon."""
    began = time.monotonic()
    platform.jobs.cancel(job.id)
    while not (shown := platform.jobs.get(job.id)).state.ended:
        assert time.monotonic() - began < ENDED_WITHIN_S + 5.0
        time.sleep(0.05)
    took = time.monotonic() - began
    assert gone(pids)
    assert (shown.state, shown.reason) == ("cancelled", "cancelled")
    assert [one.state for one in shown.cells[:1]] == ["cancelled"]
    assert took < ENDED_WITHIN_S, f"it took {took:.1f} s"
    print(f"cancelled after {took:.1f} s")  # noqa: T201 - how long it takes is a result
    oracle.check(platform)
