"""Keeps the copy of points up to date in a thread of a process that lasts, like the Jupyter server."""

from __future__ import annotations

import logging
import threading
import time

from .catching_up import CatchingUp
from .points import Points
from .tracking import Tracking

EVERY_S = 5.0
CHECK_EVERY_S = 600.0
"""Going through the number of all points takes MLflow's file a fifth of a second for ten million."""
ENOUGH_NEW = 5_000
"""Rows that are taken over together: fewer are read from MLflow's table by whoever asks."""
REST = 0.5
"""Of what a batch took: others want a turn."""

logger = logging.getLogger("jupyter_mlplat.runs")


class Follower:
    """Follows MLflow's file from the first question on."""

    def __init__(self, tracking: Tracking, points: Points) -> None:
        self._tracking = tracking
        self._points = points
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._seen: str | None = None
        self._checked = float("-inf")

    def start(self) -> None:
        """Begin, where that was not done; returns at once."""
        with self._lock:
            if self._thread is None and self._tracking.path is not None:
                self._thread = threading.Thread(target=self._run, name="mlplat-points", daemon=True)
                self._thread.start()

    def ask(self) -> None:
        """Say that curves are wanted, or will be soon. Costs nothing."""
        self._asked.set()

    def stop(self) -> None:
        """End; returns when the thread has left, or is not likely to soon."""
        self._stopping.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        self._asked.wait()
        import numpy  # noqa: F401 - so that no question waits for it

        failing = False
        while not self._stopping.is_set():
            self._asked.clear()
            try:
                self.catch_up()
                failing = False
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever a database or a disk can do
                self._points.note(error)
                if not failing:
                    logger.warning("the copy of MLflow's points cannot be written for now: %r", error)
                failing = True
                self._stopping.wait(EVERY_S)
            self._asked.wait(EVERY_S)

    def catch_up(self) -> None:
        """Take over what is new, where it is enough; nothing where another process is at it."""
        check = time.monotonic() - self._checked >= CHECK_EVERY_S
        version = self._tracking.version_token()
        tables = self._tracking.tables()
        if tables is None or (version == self._seen and not check and not self._points.missed):
            return
        with self._points.writing() as copy, tables.connection(far=True) as theirs:
            if copy is None:
                return
            catching_up = CatchingUp(copy, theirs)
            while not self._stopping.is_set():
                began = time.monotonic()
                left = catching_up.batch(least=ENOUGH_NEW, check=check)
                if check:
                    check, self._checked = False, time.monotonic()
                if not left:
                    self._seen = version
                    return
                self._stopping.wait(REST * (time.monotonic() - began))
