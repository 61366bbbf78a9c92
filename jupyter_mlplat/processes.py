"""Processes by pid AND start time, so that a reused pid is never taken for the one we knew."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

import psutil


def start_time(pid: int) -> float | None:
    """When process `pid` started, or None where there is no such process (a zombie is none).

    Clock ticks since boot on Linux (proc(5), field 22), where a change of the wall clock moves nothing;
    seconds since the epoch elsewhere. Only good for comparing with another such value of the same boot.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else float(fields[19])
    except FileNotFoundError:
        if os.path.exists("/proc/self/stat"):
            return None
    except (OSError, IndexError):
        return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def alive(pid: int, started: float) -> bool:
    """True while the process that had `pid` at `started` is still there and is not a zombie."""
    return start_time(pid) == started


def descendants(pid: int) -> list[psutil.Process]:
    """Every child of `pid`, and theirs, now."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def kill_tree(pid: int, started: float, *, grace: float = 0.0) -> None:
    """End process `pid` and all of its descendants, and return when none is left.

    With `grace` they get SIGTERM and that many seconds first. Raises `TimeoutError` where one is
    still there 10 s after SIGKILL.
    """
    if not alive(pid, started):
        return
    known: dict[int, psutil.Process] = {}

    def look() -> list[psutil.Process]:
        try:
            root = psutil.Process(pid)
            for process in [root, *root.children(recursive=True)]:
                known.setdefault(process.pid, process)
        except psutil.Error:
            pass
        return [process for process in known.values() if living(process)]

    look()
    if grace > 0:
        send(known.values(), signal.SIGTERM)
        psutil.wait_procs(list(known.values()), timeout=grace)
    deadline = time.monotonic() + 10.0
    while left := look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[process.pid for process in left]} could not be killed")
        send(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=0.2)


def sweep(variable: str, token: str) -> None:
    """End every process that has `variable` = `token` in its environment, and return when none is left.

    Finds what is left of a tree whose root is gone. Raises `TimeoutError` where one cannot be killed.
    """
    deadline = time.monotonic() + 10.0
    while found := _carrying(variable, token):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[process.pid for process in found]} could not be killed")
        send(found, signal.SIGKILL)
        psutil.wait_procs(found, timeout=0.2)


def _carrying(variable: str, token: str) -> list[psutil.Process]:
    entry = f"{variable}={token}".encode()
    found = []
    for pid in psutil.pids():
        if pid == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if entry in file.read().split(b"\0"):
                    process = psutil.Process(pid)
                    if living(process):
                        found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def living(process: psutil.Process) -> bool:
    """True while `process` is there and is not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def host_id() -> str:
    """Names this boot of this machine: two processes that see the same value can check each other's pid."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
    except OSError:
        boot = f"{psutil.boot_time():.0f}"
    return f"{os.uname().nodename}:{boot}"
