"""Looks which GPUs rest, also where no engine lives: kernels need none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import MLPlatError

if TYPE_CHECKING:
    from ..platform import Platform

EVERY_S = 10.0


class GPUWatch:
    """A thread that looks every ten seconds. What fails is logged once and tried again."""

    def __init__(self, load: Callable[[], Platform], log: logging.Logger) -> None:
        self._load = load
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlplat-gpu-watch", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End; returns when the thread has left, or after `timeout` seconds where a driver does not answer."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        said = ""
        while not self._stopping.wait(EVERY_S):
            try:
                self._load().gpus.watch_idle()
                said = ""
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever a database or a driver can do
                shown = error.message if isinstance(error, MLPlatError) else repr(error)
                if shown != said:
                    self._log.warning("mlplat: nobody could look which GPUs rest: %s", shown)
                said = shown
