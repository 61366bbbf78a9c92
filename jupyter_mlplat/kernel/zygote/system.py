"""The few calls of Linux that the zygote, its keepers and its kernels need."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Callable

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


class Forked(Exception):
    """Raised in a child, so that it leaves its parent's frames; `role` is what it does instead."""

    def __init__(self, role: Callable[[], None]) -> None:
        super().__init__()
        self.role = role


def die_with(parent: int) -> None:
    """Be killed when `parent`, which forked this process, ends; at once where it has ended."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wake_on(*signals: signal.Signals) -> socket.socket:
    """A socket that can be read once one of `signals` has come."""
    read, write = socket.socketpair()
    for one in (read, write):
        one.setblocking(False)
    signal.set_wakeup_fd(write.detach(), warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, lambda *_: None)
    return read


def forget_signals() -> None:
    """Handle signals as a process does that was started just now."""
    descriptor = signal.set_wakeup_fd(-1)
    if descriptor >= 0:
        os.close(descriptor)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def started(pid: int) -> float:
    """When `pid` started, in clock ticks since boot (proc(5), field 22 of `stat`); 0 where there is no such process."""
    fields = _stat(pid)
    return float(fields[19]) if fields else 0.0


def descendants(root: int) -> list[int]:
    """Every process below `root` that has not ended, now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    ahead = [root]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return [pid for pid in found if (_stat(pid) or [b"Z"])[0] not in (b"Z", b"X")]


def _stat(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []
