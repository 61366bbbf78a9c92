"""Named places where a test lets the process die as if by kill -9."""

from __future__ import annotations

import os
import signal

VARIABLE = "MLPLAT_CRASHPOINT"
POINTS = frozenset(
    {"claimed", "submitted", "ending", "ended", "firing", "fired", "runner-began", "runner-record", "runner-recorded"}
)
"""In the engine: a job was claimed, given to the backend, is about to be ended, was ended; an instant is about to be
committed, was committed. In the runner: it wrote who it is, is about to write its exit record, wrote it."""


def crashpoint(name: str) -> None:
    """Die here where `$MLPLAT_CRASHPOINT` is `name:FILE` and FILE is not there yet; it is made first, so once only."""
    wanted, _, flag = os.environ.get(VARIABLE, "").partition(":")
    if wanted != name:
        return
    assert name in POINTS
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
