"""The loop of the one process that moves jobs: `python -m jupyter_mlplat.engine`.

One per store, detached, its lease in the store. Whatever submits, deploys or waits makes sure that one
is alive; it leaves when there has been nothing to do for a while.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .attempts import OUTPUT
from .engine_lease import EngineLease, Holder
from .errors import Conflict, MLPlatError, Unavailable
from .models import JobState, Reason
from .platform import Platform
from .protocols import Report

if TYPE_CHECKING:
    from .protocols import Backend, ServingTarget
    from .services.jobs import JobQueue
    from .services.jobs.queue import Claim

logger = logging.getLogger("jupyter_mlplat.engine")

RENEW_S = 3.0
ACKNOWLEDGE_S = 5.0
SUPERVISE_S = 0.5
SILENT_S = 30.0
RECORD_WITHIN_S = 2.0
RUN_STATUS: dict[JobState, Literal["FINISHED", "FAILED", "KILLED"]] = {
    JobState.SUCCEEDED: "FINISHED",
    JobState.CANCELLED: "KILLED",
}


class Engine:
    """Starts queued jobs, writes down what their runners say, supervises endpoints, leaves when idle."""

    def __init__(self, platform: Platform, lease: EngineLease) -> None:
        from .services.jobs import JobQueue

        self.platform = platform
        self.lease = lease
        self.queue: JobQueue = JobQueue(platform.store, platform.clock)
        self.limit = platform.max_parallel_jobs or os.cpu_count() or 1
        self._inbox: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._backend: Backend | None = None
        self._backend_ready = False
        self._retry_backend_at = 0.0
        self._ours: dict[str, Claim] = {}
        self._starting: dict[str, Future[None]] = {}
        self._ending: dict[str, tuple[float, dict[str, Any], Future[dict[str, float]]]] = {}
        self._targets: dict[str, ServingTarget] = {}
        self._wanted_endpoints = 0
        self._supervisor = threading.Thread(target=self._supervise, name="supervise", daemon=True)
        self._supervised = threading.Event()
        self._left = threading.Event()
        self._released = threading.Event()
        self._leaving: str | None = None
        # One thread each, so that a slow MLflow or cluster holds up neither cells nor heartbeats.
        self._recorder = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start")
        self._messenger = ThreadPoolExecutor(1, thread_name_prefix="command")
        self._acknowledged: Future[None] | None = None

    # --- the loop -----------------------------------------------------------------------------

    def run(self) -> str:
        """Work until there is nothing left to do, somebody asks for the end, or the lease is lost; says which."""
        for target in (self._renew, self._listen):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()
        self._supervisor.start()
        # MLflow takes seconds to import: meanwhile the cluster starts.
        self._recorder.submit(self.platform.runs.client)
        idle_since = time.monotonic()
        acknowledged = looked = 0.0
        try:
            while not self.lease.lost.is_set():
                self._take(timeout=0.25)
                moment = time.monotonic()
                try:
                    busy = self._work(reconcile=moment - looked > 1.0)
                    if moment - looked > 1.0:
                        looked = moment
                except Unavailable as error:
                    logger.warning("%s", error.message)
                    busy = True
                    time.sleep(0.5)
                if moment - acknowledged > ACKNOWLEDGE_S:
                    acknowledged = moment
                    self._acknowledge()
                if busy or self._wanted_endpoints or not self._supervised.is_set():
                    idle_since = moment
                if self._leaving is not None and not busy:
                    return "asked to stop"
                if moment - idle_since > self.platform.idle_seconds:
                    # Whoever writes to the pipe before it goes is seen by one more look at the store.
                    self.platform.home.wake.unlink(missing_ok=True)
                    if not self._work(reconcile=True):
                        return "nothing to do"
                    idle_since = moment
                    threading.Thread(target=self._listen, name="listen", daemon=True).start()
            return "the lease is lost"
        finally:
            self._leave()

    def _work(self, *, reconcile: bool) -> bool:
        """One pass; True while there is a job that has not ended."""
        self._finish_ended()
        if reconcile:
            stop = self.lease.stop_requested()
            if stop is not None and self._leaving is None:
                logger.info("asked to stop (%s)", stop)
                self._leaving = stop
            self._adopt()
            self._close_runs()
        counts = self.queue.counts()
        active = counts.get("starting", 0) + counts.get("running", 0)
        self._cancel(everything=self._leaving == "cancel")
        if self._leaving is None and counts.get("queued", 0) and active < self.limit:
            self._start(self.limit - active)
        waiting = counts.get("queued", 0) if self._leaving is None else 0
        return bool(active or waiting or self._ending or self._starting)

    def _take(self, *, timeout: float) -> None:
        """Handle what runners and users said since the last call; wait for the first word."""
        reports: list[Report] = []
        try:
            item = self._inbox.get(timeout=timeout)
            while True:
                if item is not None:
                    reports.append(item)
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        living = [report for report in reports if report.kind not in ("ended", "lost")]
        if living:
            self.queue.record(living)
        for report in reports:
            if report.kind in ("ended", "lost") and report.key not in self._ending:
                record = {"state": "lost", "reason": "worker_lost", **report.data}
                self._ending[report.key] = (time.monotonic(), record, self._close_run_of(report.key, record))

    # --- jobs ---------------------------------------------------------------------------------

    def _start(self, free: int) -> None:
        if not self._connect():
            return
        for claim in self.queue.claim(free):
            self._ours[claim.key] = claim
            self._starting[claim.key] = self._starter.submit(self._start_one, claim)

    def _start_one(self, claim: Claim) -> None:
        backend = self._backend
        assert backend is not None
        try:
            environment = self._open_run(claim)
            backend.submit(claim.attempt(environment))
        except Unavailable as error:
            logger.warning("job %s waits: %s", claim.row["id"], error.message)
            self._backend_ready = False
            self._recorder.submit(self._abandon_run, claim)
            self.queue.requeue(claim, f"waits: {error.message}")
            self._forget(claim.key)
        except MLPlatError as error:
            self.queue.fail(claim, Reason.BAD_INPUT, f"{error.message}: {error.hint}" if error.hint else error.message)
            self._forget(claim.key)
        except Exception as error:
            logger.exception("job %s could not be started", claim.row["id"])
            self.queue.fail(
                claim, Reason.BACKEND_UNAVAILABLE, f"it could not be started: {type(error).__name__}: {error}"
            )
            self._forget(claim.key)
        finally:
            self._starting.pop(claim.key, None)
            self._inbox.put(None)

    def _abandon_run(self, claim: Claim) -> None:
        """Close the run of an attempt that never was."""
        run_id = self.platform.jobs.get(str(claim.row["id"])).run_id
        if run_id is not None:
            self.platform.runs.finish_job_run(run_id, status="KILLED", notebook=None, parameters={})

    def _forget(self, key: str) -> None:
        self._ours.pop(key, None)

    def _open_run(self, claim: Claim) -> dict[str, str]:
        """Make the attempt's MLflow run and the environment in which its kernel finds it."""
        import json

        from .services.jobs.rows import SUBMITTED
        from .services.runs import UNKNOWN_EXPERIMENT, experiment_of

        row = claim.row
        notebook = json.loads((Path(row["folder"]) / SUBMITTED).read_text(encoding="utf-8"))
        experiment = experiment_of(notebook)
        run_id = self.platform.runs.start_job_run(
            job_id=str(row["id"]),
            attempt=claim.number,
            name=row["name"],
            notebook=row["notebook"],
            experiment=Path(row["notebook"]).stem if experiment in (None, UNKNOWN_EXPERIMENT) else str(experiment),
            owner=row["owner"],
            parameters=row["parameters"],
        )
        self.queue.set_run(claim, run_id)
        environment = {
            **self.platform.environment(),
            "MLPLAT_JOB_ID": str(row["id"]),
            "MLPLAT_ATTEMPT": str(claim.number),
        }
        if experiment != UNKNOWN_EXPERIMENT:
            environment["MLFLOW_RUN_ID"] = run_id
        return environment

    def _close_run_of(self, key: str, record: dict[str, Any]) -> Future[dict[str, float]]:
        job_id = key.split("-")[0]

        def close() -> dict[str, float]:
            job = self.platform.jobs.get(job_id)
            if job.run_id is None or f"{job.id}-{job.attempt}" != key:
                return {}
            output = Path(job.folder) / f"attempt-{job.attempt}" / OUTPUT
            return self.platform.runs.finish_job_run(
                job.run_id,
                status=RUN_STATUS.get(JobState(str(record["state"])), "FAILED"),
                notebook=output if output.exists() else None,
                parameters=dict(job.parameters),
            )

        return self._recorder.submit(close)

    def _finish_ended(self) -> None:
        """Move ended attempts, with their metric where MLflow has answered, without it where it has not."""
        for key, (since, record, closing) in list(self._ending.items()):
            if not closing.done() and time.monotonic() - since < RECORD_WITHIN_S:
                continue
            if closing.done() and closing.exception() is None:
                self.queue.close_run(int(key.split("-")[0]), closing.result())
            elif closing.done():
                logger.warning("the run of job %s is not closed yet: %s", key, closing.exception())
            self.queue.end(key, record)
            del self._ending[key]
            self._forget(key)

    def _close_runs(self) -> None:
        """Close the MLflow runs of jobs that ended while MLflow did not answer, or while no engine lived."""
        if self._ending or self._recorder._work_queue.qsize():
            return
        for row in self.queue.unclosed():
            record = {"state": row["state"]}
            closing = self._close_run_of(f"{row['id']}-{row['attempt']}", record)
            closing.add_done_callback(partial(self._closed, int(row["id"])))

    def _closed(self, number: int, closing: Future[dict[str, float]]) -> None:
        if closing.exception() is None:
            self.queue.close_run(number, closing.result())

    def _adopt(self) -> None:
        """Take over the attempts of an engine that is gone."""
        for claim in self.queue.active():
            if claim.key in self._ours or claim.key in self._ending or claim.key in self._starting:
                continue
            if not self._connect():
                return
            assert self._backend is not None
            self._ours[claim.key] = claim
            logger.info("taking over job %s, attempt %s", claim.row["id"], claim.number)
            try:
                self._backend.adopt(claim.attempt({}))
            except Unavailable:
                self._forget(claim.key)
                self._backend_ready = False
                return

    def _cancel(self, *, everything: bool) -> None:
        claims = self.queue.active() if everything else self.queue.cancellations()
        for claim in claims:
            if claim.row["state"] == JobState.QUEUED.value:
                self.queue.cancel_queued(claim)
            elif self._backend is not None and claim.key not in self._ending and claim.key not in self._starting:
                self._messenger.submit(self._tell, "cancel", claim.key)

    def _tell(self, order: str, key: str) -> None:
        backend = self._backend
        if backend is None:
            return
        try:
            if order == "cancel":
                backend.cancel(key)
            else:
                backend.acknowledge([key for key in list(self._ours) if key not in self._starting])
        except Unavailable as error:
            logger.warning("%s", error.message)
            self._backend_ready = False

    def _acknowledge(self) -> None:
        if self._ours and (self._acknowledged is None or self._acknowledged.done()):
            self._acknowledged = self._messenger.submit(self._tell, "ack", "")

    def _connect(self) -> bool:
        if self._backend_ready:
            return True
        if time.monotonic() < self._retry_backend_at:
            return False
        self._retry_backend_at = time.monotonic() + 5.0
        if self._backend is None:
            self._backend = self.platform.make_backend()
        try:
            address = self._backend.start(self._inbox.put)
        except Unavailable as error:
            logger.warning("%s (%s)", error.message, error.hint)
            return False
        logger.info("backend %s at %s", self._backend.name, address)
        self._ours.clear()  # after a lost connection every attempt is taken over again
        self._backend_ready = True
        return True

    # --- threads beside the loop --------------------------------------------------------------

    def _renew(self) -> None:
        # Until the last moment: whoever took over while we end endpoints would start them again.
        while not self._released.wait(RENEW_S):
            self.lease.renew()

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
        try:
            while not self._left.is_set() and pipe.exists():
                if select.select([descriptor], [], [], 1.0)[0]:
                    os.read(descriptor, 4096)
                    self._inbox.put(None)
        finally:
            os.close(descriptor)

    def _supervise(self) -> None:
        while not self._left.is_set():
            try:
                self._wanted_endpoints = self.platform.deployments.supervise(self._target)
            except MLPlatError as error:
                logger.warning("%s", error.message)
            except Exception:
                logger.exception("the endpoints could not be supervised")
            self._supervised.set()
            self._left.wait(SUPERVISE_S)

    def _target(self, name: str) -> ServingTarget:
        if name not in self._targets:
            self._targets[name] = self.platform.make_serving_target(name)
        return self._targets[name]

    def _leave(self) -> None:
        self._left.set()
        stopping = not self.lease.lost.is_set()
        self.platform.home.wake.unlink(missing_ok=True)
        self._recorder.shutdown(wait=stopping)
        self._starter.shutdown(wait=stopping, cancel_futures=True)
        self._messenger.shutdown(wait=False, cancel_futures=True)
        self._supervisor.join(timeout=30.0)
        if stopping and self._leaving is not None:
            self.platform.deployments.stop_all(self._target)
        if stopping:
            backend = self._backend or self.platform.make_backend()
            backend.close(stop=True)
        self._released.set()
        self.lease.release()


def run_engine(platform: Platform, *, detached: bool = False) -> int:
    """Be the engine of this platform; returns an exit status when it leaves.

    Detached, it leaves at once where another one lives. In the foreground that is a `Conflict`.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    lease = EngineLease(platform.store)
    deadline = time.monotonic() + 20.0
    while not lease.acquire():
        if detached and time.monotonic() > deadline - 18.0 and os.access(platform.home.wake, os.F_OK):
            return 0  # it lives, and not as one that is just being killed
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
        engine._leaving = engine._leaving or "wait"

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
    from .services.jobs import JobQueue

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
    platform.wake_engine()
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


if __name__ == "__main__":
    sys.exit(run_engine(Platform.load(), detached="--detached" in sys.argv[1:]))
