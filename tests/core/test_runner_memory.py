"""How much memory an attempt takes, and what happens to one that takes too much."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.models import Reason
from jupyter_mlplat.protocols import Attempt
from jupyter_mlplat.runner import memory
from jupyter_mlplat.runner.cgroup import Cgroup, delegated, locate
from jupyter_mlplat.runner.execution import Execution
from jupyter_mlplat.runner.memory import MemoryWatch, gpu_memory, proportional
from jupyter_mlplat.usage import resident, tree

from .test_runner import Run, notebook_at, runs  # noqa: F401 - the fixture `run`

MIB = 2**20

CHILD = """
import subprocess, sys
code = "import time; held = bytearray(b'x') * (200 * 2**20); print('held', flush=True); time.sleep(1.0)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline(); child.wait()
"""


def test_each_cell_and_the_attempt_have_their_peak_with_all_children(tmp_path: Path, run: Run) -> None:
    cells = ["pass", CHILD, "held = bytearray(b'x') * (100 * 2**20)", "del held", "raise MemoryError('numpy said so')"]
    attempted = run(notebook_at(tmp_path / "nb.ipynb", *cells))
    record = attempted.wait()
    empty, child, here, _, last = (cell["peak_rss"] for cell in record["cells"])
    assert 20 * MIB < empty < 190 * MIB
    assert empty + 190 * MIB < child < empty + 300 * MIB
    assert empty + 90 * MIB < here < empty + 190 * MIB, "the end of a cell is sampled, however short it was"
    assert last < here - 50 * MIB
    assert child <= record["peak_rss"] < child + 50 * MIB
    assert (record["peak_gpu_memory"] is None) == (gpu_memory([]) is None)
    ended = [report["data"] for report in attempted.reports if report["kind"] == "cell" and report["data"]["ended_at"]]
    assert ended == record["cells"]
    # Memory that Python itself could not get is an error like any other: the code may catch it.
    assert (record["reason"], record["message"]) == ("cell_error", "cell 4: MemoryError: numpy said so")


def test_a_tree_over_its_limit_is_ended_with_the_numbers(tmp_path: Path, run: Run) -> None:
    grow = "import subprocess, sys, time\nheld = bytearray(b'x') * (150 * 2**20)\n" + CHILD + "time.sleep(60)"
    attempted = run(notebook_at(tmp_path / "nb.ipynb", "1", grow, "2"), memory_limit=350 * MIB)
    record = attempted.wait()
    assert (record["state"], record["reason"]) == ("failed", "out_of_memory")
    assert record["message"].startswith("cell 1: the notebook and its processes used ")
    assert record["message"].endswith(
        "MiB of memory, more than the limit of 350 MiB: load less at once or raise the limit"
    )
    assert record["exit_signal"] == "SIGKILL"
    assert attempted.states == {0: "ok", 1: "kernel_died"}
    assert record["cells"][1]["error"] == record["message"].removeprefix("cell 1: ")
    assert record["peak_rss"] > 350 * MIB


# --- the parts ------------------------------------------------------------------------------------


def test_pages_that_forked_processes_share_count_once() -> None:
    code = (
        "import os, sys\nheld = bytearray(b'x') * (100 * 2**20)\nfor _ in range(4):\n    if os.fork() == 0: break\n"
        "print('here', flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    try:
        for _ in range(5):
            parent.stdout.readline()
        processes = [parent.pid, *tree(parent.pid)]
        assert len(processes) == 5
        assert resident(processes) > 450 * MIB
        assert 100 * MIB < proportional(processes) < 250 * MIB
    finally:
        parent.stdin.close()
        parent.wait()
        parent.stdout.close()


def test_nothing_is_more_than_the_limit_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    child = subprocess.Popen(["sleep", "60"])
    try:
        monkeypatch.setattr(memory, "SAMPLE_S", 0.01)
        MemoryWatch(1, said.append).run(threading.Event())
    finally:
        child.kill()
        child.wait()
    assert len(said) == 1
    assert said[0].endswith("more than the limit of 1 bytes: load less at once or raise the limit")


V1 = "4:memory:/jobs/a\n3:cpu:/jobs/a\n0::/\n"
V2 = "0::/user.slice/session.scope\n"


def group_files(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_the_group_of_a_process_is_found_in_both_versions(tmp_path: Path) -> None:
    one = group_files(tmp_path / "one/a", memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    mounts = (
        f"30 1 0:26 / {tmp_path}/cpu rw - cgroup cgroup rw,cpu\n"
        f"31 1 0:27 /jobs {tmp_path}/one rw,nosuid shared:9 - cgroup cgroup rw,memory\n"
        f"32 1 0:28 / {tmp_path}/two rw - cgroup2 cgroup2 rw\n"
    )
    found = locate(V1, mounts)
    assert found == Cgroup(one, 1)
    assert found.oom_kills() == 3
    two = group_files(tmp_path / "two/user.slice/session.scope", memory__events="low 0\noom 1\noom_kill 2\n")
    found = locate(V2, mounts)
    assert found == Cgroup(two, 2)
    assert found.oom_kills() == 2
    assert locate(V2, "") is None


def test_a_group_is_divided_only_where_it_was_given_to_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    above = group_files(tmp_path / "above", cgroup__subtree_control="cpu memory", cgroup__procs="")
    group = Cgroup(group_files(above / "session"), 2)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not delegated(above), "root may write everywhere; that is no permission"
    assert group.divided("ours", 1000) is None
    monkeypatch.setattr(os, "geteuid", lambda: above.stat().st_uid + 1)
    assert group.divided("ours", 1000) is None, "it is another user's"
    monkeypatch.setattr(os, "getxattr", lambda path, name: b"1")
    ours = group.divided("ours", 1000)
    assert ours == Cgroup(above / "ours", 2)
    assert (ours.folder / "memory.max").read_text() == "1000"
    assert ours.add(42)
    assert (ours.folder / "cgroup.procs").read_text() == "42"
    (above / "cgroup.subtree_control").write_text("cpu")
    assert group.divided("more", 1000) is None, "its children would have no memory controller"
    first = Cgroup(group_files(tmp_path / "first"), 1).divided("ours", 1000)
    assert first == Cgroup(tmp_path / "first/ours", 1)
    assert (first.folder / "memory.limit_in_bytes").read_text() == "1000"
    for file in first.folder.iterdir():
        file.unlink()  # a real group's files go with it
    assert first.remove()
    assert first.remove(), "once more does no harm"


@pytest.mark.parametrize(
    ("kills", "number", "reason", "said"),
    [
        (1, signal.SIGKILL, Reason.OUT_OF_MEMORY, "the system's out-of-memory killer ended the kernel"),
        (0, signal.SIGKILL, Reason.KERNEL_DIED, "the kernel was killed by signal SIGKILL"),
        (1, signal.SIGSEGV, Reason.KERNEL_DIED, "the kernel was killed by signal SIGSEGV"),
    ],
)
def test_the_systems_out_of_memory_killer_is_told_from_others(
    tmp_path: Path, kills: int, number: int, reason: Reason, said: str
) -> None:
    fields: dict[str, Any] = {"notebook": "nb.ipynb", "parameters": {}, "folder": str(tmp_path), "cwd": str(tmp_path)}
    with open(os.devnull, "wb") as nobody:
        execution = Execution(Attempt(job_id="7", number=1, **fields), nobody)
        execution.group = Cgroup(group_files(tmp_path / "group", memory__events=f"oom {kills}\noom_kill {kills}\n"), 2)
        assert execution.death(-number)[0] is reason
        assert execution.death(-number)[1].startswith(said)
    assert execution.outcome.exit_signal == signal.Signals(number).name
