"""Ctrl-C that is noticed whatever it hits."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noticing_interrupts() -> Iterator[Callable[[float], None]]:
    """Gives a `sleep` that raises `KeyboardInterrupt` where an earlier one was swallowed.

    Python raises it wherever the program happens to be, and code that calls back into Python from C
    (a validator, a destructor) may drop it there. Only the main thread gets signals, elsewhere this is
    `time.sleep`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield time.sleep
        return
    came = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def notice(number: int, frame: FrameType | None) -> None:
        came.set()
        if callable(before):
            before(number, frame)

    def pause(seconds: float) -> None:
        if came.is_set():
            raise KeyboardInterrupt
        time.sleep(seconds)

    signal.signal(signal.SIGINT, notice)
    try:
        yield pause
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_later() -> Iterator[None]:
    """A Ctrl-C that comes inside the block is heard at its end: for what must not be left half done."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(signal.SIGINT, came[0])
