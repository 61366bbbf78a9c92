"""Pickles variables into one file, within bounds, and finds those that cannot be."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .pickles import Dump, dumping, states_of_chance

FIRST = 0.6
"""Of the time is for all together; the rest for finding out what takes long, and for what does not."""


class _TooLong(BaseException):
    """Not for the handlers of whatever is being pickled."""


class _TooMuch(Exception):
    """Says so."""


class _Sink:
    """What a pickler writes into: the file at `path`, or nothing; counts, and raises over `most` bytes."""

    def __init__(self, path: str, most: int | None) -> None:
        self._file = open(path, "wb")  # noqa: SIM115 - `close` ends it
        self._digest = hashlib.sha256() if path != os.devnull else None
        self._most = most
        self.size = 0
        self.error: OSError | None = None
        """Of the disk; others are of what is being pickled."""

    def write(self, data: Any) -> int:
        plain = pickle.PickleBuffer(data).raw()
        self.size += plain.nbytes
        if self._most is not None and self.size > self._most:
            raise _TooMuch(f"it is more than the {_words(self._most)} that are kept")
        if self._digest is not None:
            self._digest.update(plain)
            try:
                self._file.write(plain)
            except OSError as error:
                self.error = error
                raise
        return plain.nbytes

    def finish(self) -> tuple[int, str]:
        """Size and digest of what is on the disk from now on."""
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            self.error = error
            raise
        return self.size, "" if self._digest is None else self._digest.hexdigest()

    def abandon(self) -> None:
        """Let go of a file that nobody wants."""
        with suppress(OSError):
            self._file.close()


def write(
    path: str, namespace: dict[str, Any], values: dict[str, Any], most: int | None = None, seconds: float | None = None
) -> tuple[dict[str, str], tuple[int, str]]:
    """Pickle what can be pickled; returns the others with the reason, and size and digest of the file."""
    dump = dumping(namespace)
    left: dict[str, str] = {}
    states = states_of_chance()
    until = None if seconds is None else time.monotonic() + seconds
    share = FIRST
    while True:
        kept = {name: value for name, value in values.items() if name not in left}
        sink = _Sink(path, most)
        try:
            with _within(None if until is None else (until - time.monotonic()) * share):
                dump((states, kept), sink)
            return left, sink.finish()
        except (Exception, _TooLong) as error:
            sink.abandon()
            if sink.error is not None:
                raise sink.error from None
            found = _why_not(dump, kept, most, None if until is None else (until - time.monotonic()) / 2)
            if not found:
                why = "it takes too long" if isinstance(error, _TooLong) else _why(error)
                raise RuntimeError(why) from error
            left.update(found)
            share = 1.0


def _why_not(dump: Dump, values: dict[str, Any], most: int | None, seconds: float | None) -> dict[str, str]:
    """Those that cannot be pickled, and where there are bounds those that are too much together, the largest first."""
    found: dict[str, str] = {}
    sizes: dict[str, int] = {}
    took: dict[str, float] = {}
    began = time.monotonic()
    for name, value in values.items():
        sink, start = _Sink(os.devnull, most), time.monotonic()
        if seconds is not None and start - began > seconds:
            found[name] = "there was no time left to save it"
            continue
        try:
            with _within(None if seconds is None else seconds / 5):
                dump(value, sink)
        except _TooLong:
            found[name] = "it takes too long to save"
        except Exception as error:  # noqa: BLE001 - whatever a value raises, it is left out
            found[name] = _why(error)
        else:
            sizes[name], took[name] = sink.size, time.monotonic() - start
        finally:
            sink.abandon()
    size = spent = 0.0
    for name in sorted(sizes, key=lambda one: sizes[one]):
        size, spent = size + sizes[name], spent + took[name]
        # What variables share is counted for each, and a disk is slower than none.
        if (most is not None and size > most) or (seconds is not None and 2 * spent > seconds):
            found[name] = f"with its {_words(sizes[name])} it is too much beside the others"
    return found


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, _TooMuch) else f"{type(error).__name__}: {error}"[:200]


def _words(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


@contextmanager
def _within(seconds: float | None) -> Iterator[None]:
    """Raise `_TooLong` inside of the block after so many seconds, where signals can do that."""

    def ring(number: int, frame: object) -> None:
        raise _TooLong

    try:
        before = None if seconds is None else signal.signal(signal.SIGALRM, ring)
    except (AttributeError, ValueError):  # another system, or another thread
        seconds = None
    if seconds is None:
        yield
        return
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)
