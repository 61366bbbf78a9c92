"""Attempts on their way: started, adopted, acknowledged, cancelled, ended."""

from __future__ import annotations

import logging
import queue
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..crashpoint import crashpoint
from ..errors import MLPlatError, Unavailable
from ..models import JobState, Reason
from ..protocols import Report
from .recording import Recording

if TYPE_CHECKING:
    from ..platform import Platform
    from ..protocols import Backend
    from ..services.jobs.claim import Claim
    from ..services.jobs.queue import JobQueue

logger = logging.getLogger("jupyter_mlplat.engine")

RECORD_WITHIN_S = 2.0
"""An attempt's end waits so long for MLflow, so that the job shows its metric at once; then it goes without."""

RECONNECT_S = 5.0


class Attempts:
    """Stands between the queue and the backend. Called by the engine's loop, which never waits for either."""

    def __init__(self, platform: Platform, jobs: JobQueue, recording: Recording) -> None:
        self._platform = platform
        self._jobs = jobs
        self._recording = recording
        self.inbox: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._unwritten: list[Report] = []
        self._backend: Backend | None = None
        self._connected = False
        self._retry_at = 0.0
        self._ours: dict[str, Claim] = {}
        self._starting: set[str] = set()
        self._telling: set[str] = set()
        self._given_back: dict[str, tuple[Claim, str]] = {}
        self._ending: dict[str, tuple[float, dict[str, Any], Future[dict[str, float]]]] = {}
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start")
        self._messenger = ThreadPoolExecutor(1, thread_name_prefix="command")
        self._acknowledged: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """True while an attempt is being started or ended."""
        return bool(self._starting or self._given_back or self._ending)

    # --- starting -------------------------------------------------------------------------------

    def start(self, free: int) -> None:
        """Take queued jobs and start them."""
        if not self._connect():
            return
        for _ in range(free):
            # One by one: where the store is gone after some of them, those are on their way.
            for claim in self._jobs.claim(1, per_user=self._platform.max_parallel_jobs_per_user):
                crashpoint("claimed")
                self._ours[claim.key] = claim
                self._starting.add(claim.key)
                self._starter.submit(self._start_one, claim)

    def _start_one(self, claim: Claim) -> None:
        # What comes of it is written by the loop, which tries again where the store does not answer.
        backend = self._backend
        assert backend is not None
        try:
            devices = self._platform.gpus.of_jobs.environment(claim.row["id"]) if self._needs_lease(claim) else {}
            environment = self._recording.open(claim, devices)
            backend.submit(claim.attempt(environment, self._platform.warm_attempts))
            crashpoint("submitted")
        except Unavailable as error:
            logger.warning("job %s waits: %s", claim.row["id"], error.message)
            self._connected = False
            self._given_back[claim.key] = (claim, f"waits: {error.message}")
        except MLPlatError as error:
            why = f"{error.message}: {error.hint}" if error.hint else error.message
            self._could_not_start(claim, Reason.BAD_INPUT, why)
        except Exception as error:
            logger.exception("job %s could not be started", claim.row["id"])
            why = f"it could not be started: {type(error).__name__}: {error}"
            self._could_not_start(claim, Reason.BACKEND_UNAVAILABLE, why)
        finally:
            self._starting.discard(claim.key)
            self.inbox.put(None)

    def _needs_lease(self, claim: Claim) -> bool:
        return bool(claim.row["gpus"]) and self._platform.leases_gpus

    def _could_not_start(self, claim: Claim, reason: Reason, why: str) -> None:
        record: dict[str, object] = {"state": JobState.FAILED.value, "reason": reason.value, "message": why}
        self.inbox.put(Report(claim.key, "ended", record))

    def _give_back(self) -> None:
        """Queue again what could not be submitted."""
        for key, (claim, why) in list(self._given_back.items()):
            self._recording.abandon(claim)
            self._jobs.requeue(claim, why)
            self._ours.pop(key, None)
            del self._given_back[key]

    def adopt(self) -> None:
        """Take over the attempts of an engine that is gone."""
        for claim in self._jobs.active():
            if any(claim.key in known for known in (self._ours, self._starting, self._given_back, self._ending)):
                continue
            if not self._connect():
                return
            assert self._backend is not None
            self._ours[claim.key] = claim
            logger.info("taking over job %s, attempt %s", claim.row["id"], claim.number)
            try:
                self._backend.adopt(claim.attempt({}))
            except Unavailable:
                self._ours.pop(claim.key, None)
                self._connected = False
                return

    # --- what runners say -----------------------------------------------------------------------

    def hear(self, *, timeout: float) -> None:
        """Write down what runners said since the last call; wait for the first word."""
        try:
            item = self.inbox.get(timeout=timeout)
            while True:
                if item is not None:
                    self._unwritten.append(item)
                item = self.inbox.get_nowait()
        except queue.Empty:
            pass
        living = [report for report in self._unwritten if report.kind not in ("ended", "lost")]
        if living:
            self._record(living)  # where the store does not answer now, they are written with the next ones
        for report in living:
            if report.kind == "usage" and report.key not in self._ending:
                self._recording.keep_usage(report)
        for report in self._unwritten:
            if report.kind in ("ended", "lost") and report.key not in self._ending:
                record = {"state": "lost", "reason": "worker_lost", **report.data}
                closing = self._recording.close(report.key, JobState(str(record["state"])))
                self._ending[report.key] = (time.monotonic(), record, closing)
        self._unwritten.clear()

    def settle(self) -> None:
        """Move ended attempts, with their metric where MLflow has answered, without it where it has not."""
        self._give_back()
        for key, (since, record, closing) in list(self._ending.items()):
            if not closing.done() and time.monotonic() - since < RECORD_WITHIN_S:
                continue
            if closing.done() and closing.exception() is None:
                self._jobs.close_run(key, closing.result())
            elif closing.done():
                logger.warning("the run of job %s is not closed yet: %s", key, closing.exception())
            crashpoint("ending")
            self._end(key, record)
            crashpoint("ended")
            del self._ending[key]
            self._ours.pop(key, None)

    def _record(self, reports: list[Report]) -> None:
        try:
            self._jobs.record(reports)
        except Unavailable:
            raise
        except Exception:
            # Not to be said again at every pass; what matters of it comes with the record of the end.
            logger.exception("what runners said could not be written down")

    def _end(self, key: str, record: dict[str, Any]) -> None:
        try:
            self._jobs.end(key, record)
        except Unavailable:
            raise
        except Exception as error:
            logger.exception("the record of attempt %s could not be written down", key)
            why = f"its record could not be written down: {type(error).__name__}"
            self._jobs.end(key, {"state": record["state"], "reason": record.get("reason"), "message": why})

    # --- what is said to runners ----------------------------------------------------------------

    def cancel(self, *, everything: bool) -> None:
        """Carry out what users asked for; with `everything` end all that runs."""
        claims = self._jobs.active() if everything else self._jobs.cancellations()
        for claim in claims:
            if claim.row["state"] == JobState.QUEUED.value:
                self._jobs.cancel_queued(claim)
            elif self._backend is not None and not any(
                claim.key in known for known in (self._ending, self._starting, self._telling)
            ):
                self._telling.add(claim.key)
                self._messenger.submit(self._tell, "cancel", claim.key)

    def acknowledge(self) -> None:
        """Say that our attempts are still wanted."""
        if self._ours and (self._acknowledged is None or self._acknowledged.done()):
            self._acknowledged = self._messenger.submit(self._tell, "ack", "")

    def _tell(self, order: str, key: str) -> None:
        backend = self._backend
        try:
            if backend is None:
                return
            if order == "cancel":
                backend.cancel(key)
            else:
                backend.acknowledge([key for key in list(self._ours) if key not in self._starting])
        except Unavailable as error:
            logger.warning("%s", error.message)
            self._connected = False
        finally:
            self._telling.discard(key)

    # --- the backend ----------------------------------------------------------------------------

    def _connect(self) -> bool:
        if self._connected:
            return True
        if time.monotonic() < self._retry_at:
            return False
        self._retry_at = time.monotonic() + RECONNECT_S
        if self._backend is None:
            self._backend = self._platform.make_backend()
        try:
            address = self._backend.start(self.inbox.put)
        except Unavailable as error:
            logger.warning("%s (%s)", error.message, error.hint)
            return False
        logger.info("backend %s at %s", self._backend.name, address)
        self._ours.clear()  # after a lost connection every attempt is taken over again
        self._connected = True
        return True

    def finish(self, *, wait: bool) -> None:
        """Say and start nothing more."""
        self._starter.shutdown(wait=wait, cancel_futures=True)
        self._messenger.shutdown(wait=False, cancel_futures=True)

    def close_backend(self) -> None:
        """End the cluster where the platform started it."""
        (self._backend or self._platform.make_backend()).close(stop=True)
