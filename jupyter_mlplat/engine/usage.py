"""What running attempts use, written to their MLflow runs: runners measure processes, here devices are looked at."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..errors import MLPlatError
from ..models import GPU
from ..protocols import Report
from ..services.jobs.claim import parse_key
from ..services.jobs.queue import JobQueue
from ..spool import Outage, records
from ..spool.spool import Spool, spool_of
from ..usage import of_gpus

if TYPE_CHECKING:
    from ..platform import Platform

logger = logging.getLogger("jupyter_mlplat.engine")

ACTIVE = ("starting", "running")
WITHIN_S = 2.0


class UsageCurves:
    """Keeps samples in the spool, on a thread of its own: neither MLflow nor a driver holds up the engine."""

    def __init__(self, platform: Platform, queue: JobQueue) -> None:
        self._platform = platform
        self._queue = queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="usage")
        self._spool: Spool | None = None
        self._last: Future[None] | None = None

    def keep(self, report: Report) -> None:
        """Log a sample of an attempt that runs. Returns at once."""
        self._last = self._thread.submit(self._keep, report)

    def finish(self) -> None:
        """Deliver what was kept before: a run that is about to end has its points."""
        last = self._last
        if last is None or (self._spool is None and last.done()):
            return
        try:
            last.result(WITHIN_S)
            if self._spool is not None:
                self._spool.flush()
        except (Outage, OSError, TimeoutError) as error:
            logger.debug("what attempts use is delivered later: %s", error)

    def shutdown(self, *, wait: bool) -> None:
        """Called once, when the engine leaves."""
        self._thread.shutdown(wait=wait)

    def _keep(self, report: Report) -> None:
        try:
            row = self._queue.run_of(report.key)
            if row is None or row["state"] not in ACTIVE:
                return
            said: Any = report.data
            metrics = {**said["metrics"], **of_gpus(self._devices(report.key))}
            lines = [
                records.metric_line(records.metric_prefix(row["run_id"], name), float(value), said["at"], said["step"])
                for name, value in metrics.items()
            ]
            if self._spool is None:
                self._spool = spool_of(self._platform.home.spool, self._platform.mlflow_uri)
            self._spool.append(b"".join(lines))
        except MLPlatError as error:
            logger.warning("what %s uses is not kept: %s", report.key, error.message)
        except Exception:
            logger.exception("what %s uses is not kept", report.key)

    def _devices(self, key: str) -> list[GPU]:
        """Those that the attempt has a lease on, in the order in which it sees them."""
        if not self._platform.leases_gpus:
            return []
        uuids = self._platform.gpus.of_jobs.devices(parse_key(key)[0])
        if not uuids:
            return []
        found = {one.uuid: one for one in self._platform.gpus_source.devices()}
        return [found[one] for one in uuids if one in found]
