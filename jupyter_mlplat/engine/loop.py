"""The engine's loop: one pass moves everything that can move."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..engine_lease import EngineLease
from ..errors import MLPlatError
from ..platform import Platform
from ..services.jobs import DueSchedules, JobQueue, Pruning, RunningPipelines, RunningSweeps
from ..store import Damaged
from .attempts import Attempts
from .beside import Telling, Tidying, Watching
from .recording import Recording
from .reports import Reports

if TYPE_CHECKING:
    from ..protocols import ServingTarget

logger = logging.getLogger("jupyter_mlplat.engine")

TICK_S = 0.25
LOOK_S = 1.0
RENEW_S = 3.0
ACKNOWLEDGE_S = 5.0
SUPERVISE_S = 0.5
SAY_AGAIN_S = 30.0


class Engine:
    """Fires schedules, starts queued jobs, writes down what runners say, supervises endpoints, leaves when idle."""

    def __init__(self, platform: Platform, lease: EngineLease) -> None:
        self.platform = platform
        self.lease = lease
        store, home, clock, jobs = platform.store, platform.home, platform.clock, platform.jobs
        self.queue = JobQueue(store, clock, leases=platform.leases_gpus)
        self._schedules = DueSchedules(store, home, clock, jobs)
        self._sweeps = RunningSweeps(store, home, clock, jobs)
        self._pipelines = RunningPipelines(store, home, clock, jobs, platform.runs.job_metrics)
        self._recording = Recording(platform, self.queue)
        self._attempts = Attempts(platform, self.queue, self._recording)
        self._telling = Telling(platform)
        self._tidying = Tidying(platform)
        self._watching = Watching(platform)
        self._reports = Reports(home.reports, Pruning(store).hopeless)
        self._targets: dict[str, ServingTarget] = {}
        self._wanted_endpoints = 0
        self._sweeping = False
        self._supervisor = threading.Thread(target=self._supervise, name="supervise", daemon=True)
        self._supervised = threading.Event()
        self._left = threading.Event()
        self._released = threading.Event()
        self._leaving: str | None = None
        self._said, self._said_at = "", 0.0

    def leave(self, jobs: str) -> None:
        """Stop soon; `jobs` is what becomes of running ones, `wait` or `cancel`. Safe in a signal handler."""
        self._leaving = self._leaving or jobs

    def run(self) -> str:
        """Work until there is nothing left to do, somebody asks for the end, or the lease is lost; says which.

        Raises `Damaged` where the store is.
        """
        for target in (self._renew, self._acknowledge, self._listen):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()
        self._supervisor.start()
        self._telling.start()
        self._tidying.start()
        self._watching.start()
        self._reports.start()
        idle_since = time.monotonic()
        looked = 0.0
        try:
            while not self.lease.lost.is_set():
                moment = time.monotonic()
                try:
                    self._attempts.hear(timeout=TICK_S)
                    busy = self._work(look=moment - looked > LOOK_S)
                    if moment - looked > LOOK_S:
                        looked = moment
                except Damaged:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it was, the next pass may do better
                    self._complain(error)
                    busy = True
                    time.sleep(0.5)
                beside = self._sweeping or self._telling.busy or self._wanted_endpoints
                if busy or beside or not self._supervised.is_set():
                    idle_since = moment
                if self._leaving is not None and not busy:
                    return "asked to stop"
                if moment - idle_since > self.platform.idle_seconds:
                    # Whoever writes to the pipe before it goes is seen by one more look at the store.
                    self.platform.home.wake.unlink(missing_ok=True)
                    if not self._work(look=True):
                        return "nothing to do"
                    idle_since = moment
                    threading.Thread(target=self._listen, name="listen", daemon=True).start()
            return "the lease is lost"
        finally:
            self._leave()

    def _complain(self, error: Exception) -> None:
        """Log what broke off a pass; the same again only after a while."""
        said = error.message if isinstance(error, MLPlatError) else f"{type(error).__name__}: {error}"
        if said == self._said and time.monotonic() - self._said_at < SAY_AGAIN_S:
            return
        self._said, self._said_at = said, time.monotonic()
        if isinstance(error, MLPlatError):
            logger.warning("%s (%s)", said, error.hint)
        else:
            logger.error("a pass broke off", exc_info=error)

    def _work(self, *, look: bool) -> bool:
        """One pass; True while there is something that has not ended or will be due. `look` is for what is rare."""
        self._attempts.settle()
        if look:
            stop = self.lease.stop_requested()
            if stop is not None and self._leaving is None:
                logger.info("asked to stop (%s)", stop)
                self.leave(stop)
            self._attempts.adopt()
            self._recording.close_left()
            self._recording.deliver_left()
            self.queue.expire()
            if self.platform.leases_gpus and self.platform.gpus.of_jobs.take_back():
                self.queue.preempt()
        self._attempts.cancel(everything=self._leaving == "cancel")
        scheduled = False
        if self._leaving is None:
            scheduled = self._schedules.tick()
        if self._leaving is None and self.platform.leases_gpus:
            per_user = self.platform.max_parallel_jobs_per_user
            if self.platform.gpus.of_jobs.ask(per_user=per_user) and look:
                self.platform.gpus.settle()
        counts = self.queue.counts()
        active = counts.get("starting", 0) + counts.get("running", 0)
        waiting = counts.get("queued", 0) if self._leaving is None else 0
        if waiting and active < self.platform.slots:
            self._attempts.start(self.platform.slots - active)
        return bool(active or waiting or scheduled or self._attempts.busy)

    # --- threads beside the loop ----------------------------------------------------------------

    def _renew(self) -> None:
        # Until the last moment: whoever took over while we end endpoints would start them again.
        while not self._released.wait(RENEW_S):
            self.lease.renew()

    def _acknowledge(self) -> None:
        # Not in the loop: it waits for the store, and an attempt can do without that for as long as it takes.
        while not self._left.wait(ACKNOWLEDGE_S):
            self._attempts.acknowledge()

    def _listen(self) -> None:
        """Turn every byte in the pipe into a look at the store."""
        pipe = self.platform.home.wake
        try:
            if not pipe.is_fifo():
                pipe.unlink(missing_ok=True)
                os.mkfifo(pipe, 0o600)
            # Open for writing, too: the end of the last writer is then no end of the file.
            descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            logger.warning("the engine cannot be woken by a pipe, it looks by itself: %s", error)
            return
        said = select.poll()
        said.register(descriptor, select.POLLIN)
        try:
            while not self._left.is_set() and pipe.exists():
                if said.poll(1000):
                    os.read(descriptor, 4096)
                    self._attempts.inbox.put(None)
        finally:
            os.close(descriptor)

    def _supervise(self) -> None:
        while not self._left.is_set():
            try:
                graphs = self._pipelines.advance()
                self._sweeping = self._sweeps.advance() or graphs
                self._wanted_endpoints = self.platform.deployments.supervise(self._target)
            except MLPlatError as error:
                logger.warning("%s", error.message)
            except Exception:
                logger.exception("endpoints, sweeps and pipelines could not be supervised")
            self._supervised.set()
            self._left.wait(SUPERVISE_S)

    def _target(self, name: str) -> ServingTarget:
        if name not in self._targets:
            self._targets[name] = self.platform.make_serving_target(name)
        return self._targets[name]

    def _last(self, step: Callable[[], object]) -> None:
        """One of the last things to do; where it fails, the others are done all the same."""
        try:
            step()
        except MLPlatError as error:
            logger.warning("%s", error.message)
        except Exception:
            logger.exception("the engine could not tidy up")

    def _leave(self) -> None:
        self._left.set()
        stopping = not self.lease.lost.is_set()
        self._tidying.leave()
        self._watching.leave()
        self._reports.leave()
        self.platform.home.wake.unlink(missing_ok=True)
        self._attempts.finish(wait=stopping)
        self._recording.shutdown(wait=stopping)
        self._supervisor.join(timeout=30.0)
        self._telling.leave(finish=stopping)
        if stopping:
            self._last(self.platform.gpus.of_jobs.let_go)
        if stopping and self._leaving is not None:
            self._last(lambda: self.platform.deployments.stop_all(self._target))
        if stopping:
            self._last(self._attempts.close_backend)
        self._released.set()
        self.lease.release()
