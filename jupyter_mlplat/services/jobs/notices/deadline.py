"""A bound for a whole conversation: a socket's own timeout bounds each step only, and a peer may take many."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def cut_after(seconds: float, current: Callable[[], socket.socket | None]) -> Iterator[threading.Event]:
    """End the connection that `current` gives after `seconds`; the event says that it was."""
    cut = threading.Event()

    def end() -> None:
        cut.set()
        connection = current()
        if connection is not None:
            try:
                # Not the method of an SSLSocket, which would take its state away under the thread that reads.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                pass

    timer = threading.Timer(max(seconds, 0.0), end)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
