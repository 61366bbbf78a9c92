"""Tells the browsers what changed, whichever process changed it: the outbox becomes Jupyter events."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import MLPlatError

if TYPE_CHECKING:
    from ..models import Change
    from ..platform import Platform

EVENT = "https://schema.jupyter-mlplat.org/changed/v1"
EVERY_S = 0.25
EVERY_AFTER_ERROR_S = 2.0
PRUNE_EVERY_S = 600.0
LOOK_AFTER_ENGINE_EVERY_S = 5.0
WAKE_EVERY_S = 30.0
DELIVER_EVERY_S = 0.5

FLOOD = 5000
REMEMBER_S = 60.0

Emit = Callable[[str, str], None]


class Publisher:
    """A thread that looks at the store four times a second and calls `emit(topic, key)` for every change.

    Several changes of one thing between two looks are one call. It starts at the present: what changed
    before is not told. A store that fails is logged once and tried again. It also notices runs that other
    programs wrote into MLflow's database, and an engine that died with work to do.
    """

    def __init__(self, load: Callable[[], Platform], emit: Emit, log: logging.Logger) -> None:
        self._load = load
        self._emit = emit
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlplat-publisher", daemon=True)
        self.ready = threading.Event()
        """Set once it listens: a change from now on is told."""

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End; returns when the thread has left."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        watch: Watch | None = None
        failing = False
        while not self._stopping.is_set():
            try:
                if watch is None:
                    watch = Watch(self._load(), self._log)
                    self.ready.set()
                for look in (watch.outbox, watch.mlflow):
                    for topic, key in dict.fromkeys(look()):
                        self._emit(topic, key)
                watch.chores()
                if failing:
                    self._log.info("mlplat: the store answers again")
                    failing = False
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever a database or a disk can do
                if not failing:
                    shown = error.message if isinstance(error, MLPlatError) else repr(error)
                    self._log.warning("mlplat: panels are not told of changes for now: %s", shown)
                failing = True
            self._stopping.wait(EVERY_AFTER_ERROR_S if failing else EVERY_S)


class Watch:
    """What the publisher remembers between two looks."""

    def __init__(self, platform: Platform, log: logging.Logger) -> None:
        self._platform = platform
        self._store = platform.store
        self._log = log
        self._version = self._store.data_version()
        self._cursor = self._store.last_change()
        # The store gives the last seconds again and again, for the sake of late commits.
        self._seen: dict[int, float] = {}
        self._remember(self._store.changes_after(self._cursor))
        self._behind = False
        self._runs = platform.runs.version_token()
        platform.runs.follow()
        self._pruned = self._looked = time.monotonic()
        self._delivered = float("-inf")
        self._woke = float("-inf")

    def outbox(self) -> list[tuple[str, str]]:
        """Topic and key of what changed since the last look. Raises what the store raises."""
        version = self._store.data_version()
        if version is not None and version == self._version and not self._behind:
            return []
        rows = self._store.changes_after(self._cursor)
        fresh = [change for change in rows if change.id not in self._seen]
        self._version = version
        self._remember(rows)
        self._behind = len(rows) >= FLOOD
        return [(change.topic, change.key) for change in fresh]

    def _remember(self, rows: list[Change]) -> None:
        now = time.monotonic()
        self._seen = {id: at for id, at in self._seen.items() if now - at < REMEMBER_S}
        self._seen.update((change.id, now) for change in rows)
        self._cursor = max(self._cursor, *self._seen, 0)

    def mlflow(self) -> list[tuple[str, str]]:
        """The same for runs that some program wrote without us: that they changed, not which."""
        token = self._platform.runs.version_token()
        if token == self._runs:
            return []
        self._runs = token
        return [("runs", "*"), ("models", "*")]

    def chores(self) -> None:
        """What somebody has to do now and then."""
        now = time.monotonic()
        if now - self._pruned >= PRUNE_EVERY_S:
            self._pruned = now
            self._store.prune_outbox()
        if now - self._delivered >= DELIVER_EVERY_S:
            self._delivered = now
            if not self._platform.runs.deliver_left(light=True) and now - self._woke >= WAKE_EVERY_S:
                # What is left needs MLflow itself, which is not for a server to import.
                self._woke = now
                self._platform.wake_engine()
        if now - self._looked >= LOOK_AFTER_ENGINE_EVERY_S:
            self._looked = now
            self._look_after_engine(now)

    def _look_after_engine(self, now: float) -> None:
        from ..services.status import engine_died

        if now - self._woke < WAKE_EVERY_S or not engine_died(self._store, now=self._platform.clock.now()):
            return
        self._woke = now
        self._log.warning("mlplat: the engine died; starting another")
        self._platform.wake_engine()
