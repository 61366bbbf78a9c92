"""What the engine does beside its loop, each on a thread of its own.

It tells people, looks which GPUs rest, and deletes old jobs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import MLPlatError
from ..models import PruneRequest
from ..services.jobs import Retention
from ..services.jobs.notices import LongRunning, NoticeLedger, NoticeSender

if TYPE_CHECKING:
    from ..platform import Platform

logger = logging.getLogger("jupyter_mlplat.engine")

TELL_S = 1.0
LOOK_S = 5.0
LAST_S = 15.0
"""A webhook has ten seconds to answer: whatever was being sent when the engine leaves is settled by then."""

LOOK_AT_GPUS_EVERY_S = 10.0

TIDY_AFTER_S = 60.0
TIDY_EVERY_S = 3600.0
DAY_S = 86400.0


class Telling:
    """Sends notices while the engine lives, and for a moment when it leaves."""

    def __init__(self, platform: Platform) -> None:
        store, clock = platform.store, platform.clock
        self._sender = NoticeSender(NoticeLedger(store, clock), platform.channels.send)
        self._long = LongRunning(store, clock)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    @property
    def busy(self) -> bool:
        """True while a notice is pending: eight tries take less than half an hour, so that has an end."""
        return self._sender.waiting

    def start(self) -> None:
        """Called once, when the engine begins."""
        self._thread.start()

    def leave(self, *, finish: bool) -> None:
        """Called once; with `finish` what is due is still sent, unless that takes too long."""
        self._left.set()
        self._sender.news.set()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout=LAST_S)
        if finish and not self._thread.is_alive():
            _carefully("the last notices could not be sent", lambda: self._sender.finish(LAST_S))

    def _run(self) -> None:
        looked = 0.0
        while not self._left.is_set():
            _carefully("notices could not be sent", self._sender.advance)
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                _carefully("nobody could be told of what takes too long", self._long.look)
            self._sender.news.wait(TELL_S)


class Watching:
    """Looks every ten seconds which GPUs rest that somebody has a claim on."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._left = threading.Event()

    def start(self) -> None:
        """Called once, when the engine begins."""
        threading.Thread(target=self._run, name="idle-gpus", daemon=True).start()

    def leave(self) -> None:
        """Stop after the look that is being taken."""
        self._left.set()

    def _run(self) -> None:
        while not self._left.wait(LOOK_AT_GPUS_EVERY_S):
            _carefully("nobody could look which GPUs rest", lambda: self._platform.gpus.watch_idle())


class Tidying:
    """Deletes what the configuration does not keep, a minute after the engine began and then about hourly."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._left = threading.Event()
        days, keep = platform.keep_jobs_days, platform.keep_jobs
        self._request = (
            PruneRequest(older_than=days * DAY_S if days else None, keep=keep or None) if days or keep else None
        )

    def start(self) -> None:
        """Called once, when the engine begins."""
        threading.Thread(target=self._run, name="tidy", daemon=True).start()

    def leave(self) -> None:
        """Stop after the batch that is being deleted."""
        self._left.set()

    def _run(self) -> None:
        pause = TIDY_AFTER_S
        while not self._left.wait(pause):
            _carefully("old jobs could not be deleted", self._tidy)
            pause = TIDY_EVERY_S

    def _tidy(self) -> None:
        store, clock = self._platform.store, self._platform.clock
        if self._request is not None:
            gone = Retention(store, clock).prune(self._request, stop=self._left.is_set)
            if gone.jobs:
                logger.info("deleted %s old jobs, %s bytes", gone.jobs, gone.bytes)
        NoticeLedger(store, clock).forget_orphans()


def _carefully(what: str, act: Callable[[], object]) -> None:
    """Whatever goes wrong is logged: the next time may be better."""
    try:
        act()
    except MLPlatError as error:
        logger.warning("%s: %s", what, error.message)
    except Exception:
        logger.exception("%s", what)
