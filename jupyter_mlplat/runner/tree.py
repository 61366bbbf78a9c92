"""The tree of an attempt: every descendant of its runner, wherever it hides, killed and reaped until none is left.

A warm kernel is no descendant: it belongs to its keeper, whose descendants count as well.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

import psutil

from ..processes import alive, descendants, living, send

_PR_SET_CHILD_SUBREAPER = 36
_keepers: list[tuple[int, float]] = []


def become_subreaper() -> bool:
    """Let orphans of this process' descendants come back to it (prctl(2), Linux 3.4); False on other systems."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def adopt(keeper: int, started: float) -> None:
    """Count the descendants of a process that started then as this one's."""
    _keepers.append((keeper, started))


def roots() -> list[int]:
    """The processes whose descendants are the tree."""
    return [os.getpid(), *(pid for pid, started in _keepers if alive(pid, started))]


def end_descendants(*, grace: float, deadline: float = 15.0) -> bool:
    """End every descendant of this process: TERM and `grace` seconds, then KILL until none is left.

    Returns True when none is left, False after `deadline` seconds.
    """
    give_up = time.monotonic() + grace + deadline

    def left() -> list[psutil.Process]:
        _reap()
        return _living()

    if grace > 0:
        asked = left()
        send(asked, signal.SIGTERM)
        send(asked, signal.SIGCONT)  # one that is stopped hears nothing
        _wait(lambda: not left(), grace)
    while processes := left():
        if time.monotonic() > give_up:
            return False
        send(processes, signal.SIGKILL)
        _wait(lambda: not left(), 0.2)
    return True


def kill_descendants(*, deadline: float = 15.0) -> None:
    """KILL every descendant of this process, and leave the reaping to whoever wants to know how they ended."""
    give_up = time.monotonic() + deadline
    while processes := _living():
        if time.monotonic() > give_up:
            return
        send(processes, signal.SIGKILL)
        time.sleep(0.02)


def _living() -> list[psutil.Process]:
    return [process for root in roots() for process in descendants(root) if living(process)]


def _reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
