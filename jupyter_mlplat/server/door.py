"""What all handlers of one server share: the platform, made when first needed, and the threads that call it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from ..platform import Platform

P = ParamSpec("P")
T = TypeVar("T")

SERVICES = ("jobs", "schedules", "sweeps", "runs", "deployments", "features", "drift", "gpus")
BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Door:
    """Between the event loop and the platform.

    Nothing of the platform is imported before somebody asks for it: a server start pays for none of it.
    `max_body_bytes` bounds what a request may carry.
    """

    def __init__(self, *, max_body_bytes: int, log: logging.Logger) -> None:
        self.max_body_bytes = max_body_bytes
        self._log = log
        self.durations = Durations()
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="mlplat")
        self._lock = threading.Lock()
        self._loaded: Platform | None = None
        self._loading: asyncio.Future[Platform] | None = None

    async def platform(self) -> Platform:
        """The platform; callers that come while it loads wait for the same one.

        Raises what `Platform.load` raises; the next caller tries again.
        """
        if self._loaded is not None:
            return self._loaded
        if self._loading is None or self._loading.done():
            self._loading = asyncio.get_running_loop().run_in_executor(self._threads, self.load)
        return await asyncio.shield(self._loading)

    def load(self) -> Platform:
        """The same from a thread: the configuration is read, the store opened; services are made beside it."""
        with self._lock:
            if self._loaded is None:
                from ..platform import Platform

                platform = Platform.load()
                platform.store  # noqa: B018
                self._threads.submit(self._make_services, platform)
                self._loaded = platform
            return self._loaded

    def _make_services(self, platform: Platform) -> None:
        """Import what the nouns need before somebody asks for them: an import on the event loop holds it up."""
        for name in SERVICES:
            try:
                getattr(platform, name)
            except Exception as error:  # noqa: BLE001 - whoever asks for that noun gets it; the others work
                self._log.warning("mlplat: %s cannot be used: %s", name, error)

    async def call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking method in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: method(*args, **kwargs))

    async def close(self) -> None:
        """Wait for calls that run, then give back the store's connections."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            if self._loaded is not None:
                self._loaded.close()
                self._loaded = None


class Durations:
    """Seconds that requests took, by method, route and status: the numbers behind a Prometheus histogram.

    Only the event loop writes.
    """

    def __init__(self) -> None:
        self.buckets: dict[tuple[str, str, str], Counter[float]] = {}
        self.sums: Counter[tuple[str, str, str]] = Counter()

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        key = (method, route, str(status))
        bucket = next((bound for bound in BUCKETS if seconds <= bound), float("inf"))
        self.buckets.setdefault(key, Counter())[bucket] += 1
        self.sums[key] += seconds  # type: ignore[assignment]


def now() -> float:
    """Seconds for measuring a duration."""
    return time.monotonic()
