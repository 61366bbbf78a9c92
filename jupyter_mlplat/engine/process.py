"""Being the engine, finding it, and ending it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import Any

from ..engine_lease import EngineLease, Holder
from ..errors import Conflict, Unavailable
from ..platform import Platform

logger = logging.getLogger("jupyter_mlplat.engine")


def run_engine(platform: Platform, *, detached: bool = False) -> int:
    """Be the engine of this platform; returns an exit status when it leaves.

    Detached, it leaves at once where another one lives. In the foreground that is a `Conflict`.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    from .loop import Engine

    lease = EngineLease(platform.store)
    deadline = time.monotonic() + 20.0
    while not lease.acquire():
        if detached and time.monotonic() > deadline - 18.0 and os.access(platform.home.wake, os.F_OK):
            return 0  # it lives, and not as one that is just being killed
        if detached and lease.is_ending():
            return 0  # nobody is to take over
        if not detached or time.monotonic() > deadline:
            holder = lease.holder()
            if detached:
                return 0
            raise Conflict(
                f"an engine runs already: pid {holder.pid if holder else '?'}",
                hint="end it with: jupyter mlplat stop",
            )
        time.sleep(0.25)
    engine = Engine(platform, lease)

    def leave(number: int, frame: object) -> None:
        engine.leave("wait")

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, leave)
        signal.signal(signal.SIGINT, leave)
    if not detached:
        platform.idle_seconds = float("inf")
    logger.info("the engine runs: pid %s, store %s", os.getpid(), platform.store.display_url)
    why = engine.run()
    logger.info("the engine leaves: %s", why)
    return 0


def living_engine(platform: Platform) -> Holder | None:
    """Who holds the engine's lease and is alive, or None."""
    return EngineLease(platform.store).holder()


def request_stop(platform: Platform, jobs: str | None = None, *, timeout: float = 120.0) -> dict[str, Any]:
    """End the engine with its cluster, its warm kernels and its endpoints, and return when it is gone.

    `jobs` says what becomes of running jobs: `wait` lets them end, `cancel` ends them; without it running
    jobs are a `Conflict`. Queued jobs stay queued. Raises `Unavailable` where the engine does not end.
    """
    from ..services.jobs import JobQueue

    lease = EngineLease(platform.store)
    counts = JobQueue(platform.store, platform.clock).counts()
    active = counts.get("starting", 0) + counts.get("running", 0)
    if active and jobs is None:
        raise Conflict(
            f"{active} {'job is' if active == 1 else 'jobs are'} running",
            hint="wait for them with --jobs wait, or end them with --jobs cancel",
        )
    holder = lease.holder()
    if holder is None:
        backend = platform.make_backend()
        if not active:
            platform.deployments.stop_all(platform.make_serving_target)
            backend.close(stop=True)
            return {"stopped": False, "pid": None}
        platform.wake_engine()
        holder = _await_engine(lease, 20.0)
    lease.request_stop(jobs or "wait")
    platform.ring()
    holder.nudge()
    deadline = None if jobs == "wait" else time.monotonic() + timeout
    while holder.lives():
        if deadline is not None and time.monotonic() > deadline:
            raise Unavailable(
                f"the engine, pid {holder.pid}, has not ended after {timeout:g} s",
                hint=f"see {platform.home.log / 'engine.log'}",
            )
        time.sleep(0.1)
    return {"stopped": True, "pid": holder.pid}


def _await_engine(lease: EngineLease, seconds: float) -> Holder:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        holder = lease.holder()
        if holder is not None:
            return holder
        time.sleep(0.1)
    raise Unavailable("no engine started", hint="start one: jupyter mlplat scheduler")
