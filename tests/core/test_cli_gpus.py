"""GPUs by the shell: acquire, show, leases, list, release; whom a lease belongs to, and what a Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat.api.current import platform
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.home import Home
from jupyter_mlplat.processes import start_time

from ..gpus import fake_gpus
from ..shell import here

COMMAND = f"{sys.executable} -m jupyter_mlplat.cli"


@pytest.fixture
def four(home: Home) -> list[str]:
    """Four A100, by UUID, on which nobody has a claim."""
    fake_gpus("4xA100-80G")
    return [one.uuid for one in mlplat.gpus.list().devices]


def done(*words: str, status: int = 0) -> Any:
    """What a command that ends with `status` prints with `--json`."""
    ended = here(*words, "--json")
    assert ended.returncode == status, ended.stderr
    assert "Traceback" not in ended.stderr
    said = json.loads(ended.stdout)
    if status:
        assert set(said) == {"message", "reason", "hint", "fields"}
        *_, error, hint = ended.stderr.splitlines()
        assert (error, hint) == (f"error: {said['message']}", f"hint: {said['hint']}")
        assert said["hint"]
    return said


def test_a_lease_from_the_request_to_its_end(four: list[str]) -> None:
    lease = done("gpus", "acquire", "--gpus", "3", "--gpu-type", "a100", "--gpu-memory", "32G", "--label", "by hand")
    assert (lease["state"], lease["devices"], lease["position"]) == ("granted", four[:3], None)
    assert (lease["owner"], lease["label"], lease["memory"]) == (platform().user, "by hand", 32 * 2**30)
    assert (lease["pid"], lease["kind"], lease["ends_at"]) == (os.getppid(), "process", None)
    assert isinstance(lease["id"], str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", lease["granted_at"])

    queued = done("gpus", "acquire", "--gpus", "2", "--no-wait")
    assert (queued["state"], queued["devices"], queued["position"]) == ("queued", [], 1)
    assert done("gpus", "leases") == {"items": [lease, queued], "next": None}
    first = done("gpus", "leases", "--limit", "1")
    assert (first["items"], first["next"]) == ([lease], lease["id"])
    assert done("gpus", "leases", "--after", first["next"])["items"] == [queued]
    listed = done("gpus", "list")
    assert [one["lease"]["id"] if one["lease"] else None for one in listed["devices"]] == [lease["id"]] * 3 + [None]
    assert {"index", "uuid", "name", "memory_total_bytes", "memory_used_bytes", "lease"} <= set(listed["devices"][0])
    assert listed["queue"] == [queued]
    assert done("gpus", "show", queued["id"]) == queued

    ended = done("gpus", "release", lease["id"])
    assert (ended["state"], ended["reason"], ended["devices"]) == ("released", "released", four[:3])
    assert done("gpus", "release", lease["id"]) == ended, "twice is once"
    assert done("gpus", "show", queued["id"])["state"] == "granted"
    done("gpus", "release", queued["id"])
    assert done("gpus", "leases")["items"] == []


def test_it_looks_like_what_it_is(four: list[str]) -> None:
    lease = mlplat.gpus.acquire(count=2, label="training")
    mlplat.gpus.acquire(memory=20 * 2**30, shared=True)
    queued = mlplat.gpus.acquire(count=3, priority=2)
    me = platform().user
    shown = here("gpus", "list").stdout
    assert shown.count(f"{me} (training)") == 2
    assert f"{me} 20.0 GiB" in shown
    assert "free" in shown
    assert f"{me}: waiting for 3 × GPU: number 1 in the queue" in shown
    shown = here("gpus", "leases").stdout
    assert f"{four[0]}, {four[1]}" in shown
    assert "1 × GPU, 20.0 GiB of each" in shown
    shown = here("gpus", "show", queued.id).stdout
    assert re.search(r"^state +.*queued$", shown, re.MULTILINE)
    assert re.search(r"^position +1$", shown, re.MULTILINE)
    shown = here("gpus", "release", lease.id).stdout
    assert re.search(r"^reason +released$", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "status", "field"),
    [
        (["--gpus", "0"], 2, "gpus"),
        (["--gpus", "65"], 2, "count"),
        (["--gpus", "many"], 2, "gpus"),
        (["--gpus", "5"], 2, "count"),
        (["--gpu-memory", "lots"], 2, "gpu-memory"),
        (["--gpu-memory", "1"], 2, "memory"),
        (["--gpu-memory", "81G"], 2, "memory"),
        (["--gpu-type", "H100"], 2, "gpu_type"),
        (["--gpu-type", ""], 2, "gpu_type"),
        (["--device", "GPU-none"], 2, "devices"),
        (["--device", "GPU-none", "--gpus", "2"], 2, "devices"),
        (["--shared"], 2, "shared"),
        (["--priority", "1001"], 2, "priority"),
        (["--for", "soon"], 2, "for"),
        (["--for", "999999d"], 2, "seconds"),
        (["--pid", "0"], 2, "pid"),
        (["--pid", "-1"], 2, "pid"),
        (["--pid", str(2**30)], 2, "pid"),
        (["--label", "a/b"], 2, "label"),
        (["--timeout", "0"], 2, "timeout"),
        (["--gpus", "4"], 4, None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_refused(words: list[str], status: int, field: str | None, four: list[str]) -> None:
    fake_gpus("4xA100-80G", gpu_quota={"*": 3})
    said = done("gpus", "acquire", *words, status=status)
    assert list(said["fields"]) == ([field] if field else [])
    assert done("gpus", "leases")["items"] == []


def test_what_is_not_there(four: list[str]) -> None:
    for verb in ("show", "keep", "release"):
        for name in ("1", "0", "x", "../1", "9" * 40, "1 OR 1=1", "", "١"):
            assert done("gpus", verb, name, status=3)["reason"] == "not_found"
    assert done("gpus", "leases", "--after", "x", status=2)["fields"] == {"after": "not a cursor"}


def test_a_kernel_keeps_its_devices_for_a_while(four: list[str], tmp_path: Path) -> None:
    lease = mlplat.gpus.acquire(notebook=str(tmp_path / "train.ipynb"))
    for words, length in (((), 1800), (("--for", "2h"), 7200)):
        kept = datetime.fromisoformat(done("gpus", "keep", lease.id, *words)["kept_until"])
        assert abs(kept - datetime.now(UTC) - timedelta(seconds=length)) < timedelta(minutes=1)
    assert re.search(r"^kept until +\S", here("gpus", "keep", lease.id).stdout, re.MULTILINE)
    assert mlplat.gpus.keep(lease.id, 60).kept_until is not None
    for length in ("25h", "0", "soon"):
        assert done("gpus", "keep", lease.id, "--for", length, status=2)["fields"]
    with pytest.raises(Invalid):
        mlplat.gpus.keep(lease.id, 0)
    process = mlplat.gpus.acquire()
    assert "of the kind process" in done("gpus", "keep", process.id, status=4)["message"]


def test_a_reservation_from_its_making_to_its_end(four: list[str]) -> None:
    made = done("gpus", "reserve", "--gpus", "2", "--for", "90m", "--user", "grace", "--label", "demo")
    assert (made["state"], made["owner"], made["whose"], made["label"]) == ("open", platform().user, "grace", "demo")
    assert set(made["devices"]) < set(four)
    length = datetime.fromisoformat(made["ends_at"]) - datetime.fromisoformat(made["starts_at"])
    assert timedelta(minutes=89) < length <= timedelta(minutes=90)
    assert done("gpus", "reservations") == {"items": [made], "next": None}
    assert done("gpus", "list")["reservations"] == [made]
    assert done("gpus", "acquire", "--gpus", "3", "--no-wait")["state"] == "queued"
    shown = here("gpus", "list").stdout
    assert "reserved for grace (demo) from " in shown
    assert done("gpus", "cancel", made["id"])["state"] == "cancelled"
    assert done("gpus", "leases")["items"][0]["state"] == "granted", "whoever looks gives out what is free"
    assert "No GPU is reserved." in here("gpus", "reservations").stdout
    assert mlplat.gpus.reservations().items == []


def test_when_a_reservation_begins(four: list[str]) -> None:
    local = datetime.now().astimezone()
    later = local + timedelta(hours=30)
    made = done("gpus", "reserve", "--from", f"{later:%Y-%m-%dT%H:%M}", "--for", "1h")
    assert datetime.fromisoformat(made["starts_at"]) == later.replace(second=0, microsecond=0)
    assert made["state"] == "upcoming"
    before = local - timedelta(minutes=5)
    tomorrow = done("gpus", "reserve", "--from", f"{before:%H:%M}", "--for", "60")
    begins = datetime.fromisoformat(tomorrow["starts_at"]).astimezone()
    assert f"{begins:%H:%M}" == f"{before:%H:%M}"
    assert timedelta(hours=22) < begins - local < timedelta(hours=25)


@pytest.mark.parametrize(
    ("words", "status", "field"),
    [
        (("--for", "1h", "--from", "noon"), 2, "from"),
        (("--for", "1h", "--from", "25:00"), 2, "from"),
        (("--for", "1h", "--from", "2020-01-01T00:00"), 2, "starts_at"),
        (("--for", "40d"), 2, "ends_at"),
        (("--for", "1h", "--gpus", "5"), 2, "count"),
        (("--for", "1h", "--gpu-type", "H100"), 2, "gpu_type"),
        (("--for", "1h", "--user", "@nobody"), 2, "whose"),
        (("--for", "99999999999999d"), 2, "for"),
    ],
)
def test_what_is_no_reservation(words: tuple[str, ...], status: int, field: str, four: list[str]) -> None:
    assert field in done("gpus", "reserve", *words, status=status)["fields"]
    assert done("gpus", "reservations")["items"] == []


def test_a_kernelspec_with_devices_says_how_long_they_may_rest(home: Home) -> None:
    for words, limit in (((), None), (("--idle-limit", "2h"), 7200), (("--idle-limit", "0"), 0)):
        made = done("kernels", "install", "--user", *words)
        spec = json.loads(Path(made["folder"], "kernel.json").read_text())
        assert spec["metadata"]["kernel_provisioner"]["config"].get("idle_limit") == limit


def test_without_a_gpu(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py" in done("gpus", "acquire", status=5)["message"]
    listed = done("gpus", "list")
    assert (listed["devices"], listed["queue"]) == ([], [])
    assert listed["message"].startswith("No GPU: ")
    fake_gpus("a lot of them")
    assert done("gpus", "list", status=2)["hint"] == "write COUNTxMODEL-SIZEG, like fake:4xA100-80G,1xT4-16G"


# --- waiting ----------------------------------------------------------------------------------------


def test_a_wait_is_told_on_stderr_only(four: list[str]) -> None:
    first = mlplat.gpus.acquire(count=4)
    second = mlplat.gpus.acquire(count=1)

    process = acquiring("--gpus", "4", "--json", "--timeout", "60")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting for 4 × GPU: number 2 in the queue\n"
    mlplat.gpus.release(second.id)
    assert process.stderr.readline() == "waiting for 4 × GPU: number 1 in the queue\n"
    mlplat.gpus.release(first.id)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["state"] == "granted"


def acquiring(*words: str) -> subprocess.Popen[str]:
    """`gpus acquire` in a process of its own."""
    program = [*COMMAND.split(), "gpus", "acquire", *words]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_wait_that_is_too_long(four: list[str]) -> None:
    held = mlplat.gpus.acquire(count=4)
    said = done("gpus", "acquire", "--timeout", "0.2", status=5)
    assert said["message"] == "no GPU became free within 0.2 s; it was number 1 in the queue"
    assert [one["id"] for one in done("gpus", "leases")["items"]] == [held.id]


def until_queued(length: int) -> None:
    deadline = time.monotonic() + 30
    while len(mlplat.gpus.list().queue) != length:
        assert time.monotonic() < deadline, mlplat.gpus.list().queue
        time.sleep(0.01)


def test_a_request_that_somebody_cancels(four: list[str]) -> None:
    mlplat.gpus.acquire(count=4)

    def cancel() -> None:
        until_queued(1)
        mlplat.gpus.release(mlplat.gpus.list().queue[0].id)

    thread = threading.Thread(target=cancel)
    thread.start()
    said = done("gpus", "acquire", status=4)
    thread.join()
    assert said["message"].endswith("ended before it was granted: cancelled")


def test_an_interrupt_while_waiting_leaves_the_queue(four: list[str]) -> None:
    held = mlplat.gpus.acquire(count=4)
    process = acquiring()
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting for 1 × GPU: number 1 in the queue\n"
    assert len(mlplat.gpus.list().queue) == 1
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("error: interrupted\n")
    assert [one.id for one in mlplat.gpus.leases().items] == [held.id]


# --- whom it belongs to -----------------------------------------------------------------------------


def test_a_lease_ends_with_the_shell_that_asked(four: list[str], tmp_path: Path) -> None:
    script = tmp_path / "train.sh"
    script.write_text(
        f"""
        set -e
        {COMMAND} gpus acquire --gpus 2 --json > lease.json
        {COMMAND} gpus leases --json > live.json
        {COMMAND} gpus acquire --pid {os.getpid()} --json > ours.json
        export CUDA_VISIBLE_DEVICES=$({COMMAND} gpus acquire --pid $$ --json | {sys.executable} -c '
import json, sys; print(",".join(json.load(sys.stdin)["devices"]))')
        {COMMAND} gpus list --json > list.json
        echo $CUDA_VISIBLE_DEVICES > visible
        echo $$ > pid
        """
    )
    subprocess.run(["sh", script], cwd=tmp_path, check=True, timeout=120)
    lease, live, ours, gpus = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("lease", "live", "ours", "list")
    )
    pids = [one["lease"]["pid"] if one["lease"] else None for one in gpus["devices"]]
    assert pids == [lease["pid"], lease["pid"], os.getpid(), lease["pid"]]
    assert (tmp_path / "visible").read_text() == f"{four[3]}\n"
    assert lease["pid"] == int((tmp_path / "pid").read_text())
    assert start_time(lease["pid"]) is None
    assert live["items"] == [lease], "it outlives the command, as long as the script runs"
    assert [one.id for one in mlplat.gpus.leases().items] == [ours["id"]]
    assert mlplat.gpus.get(lease["id"]).reason == "owner_gone"


def test_a_lease_for_nobody_that_can_be_seen_has_an_end(four: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getppid", lambda: 0)  # what a command sees that was sent into a container
    lease = done("gpus", "acquire")
    assert lease["pid"] is None
    assert lease["ends_at"] is not None
