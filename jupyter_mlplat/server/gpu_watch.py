"""Looks which GPUs rest, also where no engine lives: kernels need none; and takes those back that nobody keeps.

What such kernels have left is removed when it is old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import MLPlatError

if TYPE_CHECKING:
    from datetime import datetime

    from ..platform import Platform

EVERY_S = 10.0
PRUNES_EVERY_S = 3600.0


class GPUWatch:
    """A thread that looks every ten seconds. What fails is logged once and tried again.

    `shut_down` begins to end the kernel of this server that has a lease, by the lease's id and the reason, unless it
    has begun.
    """

    def __init__(
        self, load: Callable[[], Platform], log: logging.Logger, shut_down: Callable[[str, str], None]
    ) -> None:
        self._load = load
        self._log = log
        self._shut_down = shut_down
        self._asked: dict[tuple[str, datetime | None], float] = {}
        self._pruned = float("-inf")
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
                platform = self._load()
                platform.gpus.watch_idle()
                self._take_back(platform)
                self._prune(platform)
                said = ""
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever a database or a driver can do
                shown = error.message if isinstance(error, MLPlatError) else repr(error)
                if shown != said:
                    self._log.warning("mlplat: nobody could look which GPUs rest: %s", shown)
                said = shown

    def _take_back(self, platform: Platform) -> None:
        """Shut down the kernels whose users have not answered, and those whose devices are others' by now."""
        for one in platform.gpus.overdue():
            self._shut_down(one.id, "time_up")
        now, asked = time.monotonic(), platform.gpus.asked()
        self._asked = {(one.id, one.asked_at): self._asked.get((one.id, one.asked_at), now) for one in asked}
        for one in asked:
            if one.asked_at is None or one.reclaim_at is None or platform.clock.now() < one.reclaim_at:
                continue
            # A share may be asked about long after its limit, when it takes memory: the question stands as long.
            stood = now - self._asked[one.id, one.asked_at]
            if stood >= (one.reclaim_at - one.asked_at).total_seconds():
                self._shut_down(one.id, "idle")

    def _prune(self, platform: Platform) -> None:
        from ..kernel.kept import KeptKernels

        if time.monotonic() - self._pruned >= PRUNES_EVERY_S:
            self._pruned = time.monotonic()
            KeptKernels(platform.home.kernels).prune(platform.clock.now())
