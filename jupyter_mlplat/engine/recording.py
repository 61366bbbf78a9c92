"""The MLflow runs of attempts: opened before the kernel starts, closed after it is gone."""

from __future__ import annotations

import json
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..attempts import OUTPUT
from ..models import JobState
from ..services.jobs.claim import Claim, parse_key
from ..services.jobs.queue import JobQueue
from ..services.jobs.rows import SUBMITTED

if TYPE_CHECKING:
    from ..platform import Platform

logger = logging.getLogger("jupyter_mlplat.engine")

RUN_STATUS: dict[JobState, Literal["FINISHED", "FAILED", "KILLED"]] = {
    JobState.SUCCEEDED: "FINISHED",
    JobState.CANCELLED: "KILLED",
}


class Recording:
    """Writes to MLflow on one thread of its own, so that a slow server holds up neither cells nor heartbeats."""

    def __init__(self, platform: Platform, queue: JobQueue) -> None:
        self._platform = platform
        self._queue = queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        self._pending: set[str] = set()
        # Where that imports MLflow it takes seconds: meanwhile the cluster starts.
        self._delivering: Future[Any] = self._thread.submit(platform.runs.prepare)

    def open(self, claim: Claim) -> dict[str, str]:
        """Make an attempt's run; returns the environment in which its kernel finds it. On the caller's thread."""
        from ..services.runs import UNKNOWN_EXPERIMENT, experiment_of

        row = claim.row
        notebook = json.loads((Path(row["folder"]) / SUBMITTED).read_text(encoding="utf-8"))
        experiment = experiment_of(notebook)
        run_id = self._platform.runs.start_job_run(
            job_id=str(row["id"]),
            attempt=claim.number,
            name=row["name"],
            notebook=row["notebook"],
            experiment=Path(row["notebook"]).stem if experiment in (None, UNKNOWN_EXPERIMENT) else str(experiment),
            owner=row["owner"],
            parameters=row["parameters"],
        )
        self._queue.set_run(claim, run_id)
        environment = {
            **self._platform.environment(),
            "MLPLAT_JOB_ID": str(row["id"]),
            "MLPLAT_ATTEMPT": str(claim.number),
        }
        if experiment != UNKNOWN_EXPERIMENT:
            environment["MLFLOW_RUN_ID"] = run_id
        return environment

    def close(self, key: str, state: JobState) -> Future[dict[str, float]]:
        """End an attempt's run with its notebook; the result is its last metrics."""
        self._pending.add(key)
        closing = self._thread.submit(self._close, key, state)
        closing.add_done_callback(lambda _: self._pending.discard(key))
        return closing

    def _close(self, key: str, state: JobState) -> dict[str, float]:
        row = self._queue.run_of(key)
        if row is None:
            return {}
        output = Path(row["folder"]) / f"attempt-{parse_key(key)[1]}" / OUTPUT
        return self._platform.runs.finish_job_run(
            row["run_id"],
            status=RUN_STATUS.get(state, "FAILED"),
            notebook=output if output.exists() else None,
            parameters=dict(row["parameters"]),
        )

    def abandon(self, claim: Claim) -> None:
        """Close the run of an attempt that never was."""
        row = self._queue.run_of(claim.key)
        if row is not None:
            self._thread.submit(
                self._platform.runs.finish_job_run, row["run_id"], status="KILLED", notebook=None, parameters={}
            )

    def deliver_left(self) -> None:
        """Have MLflow told what kernels logged that are gone."""
        if self._delivering.done():
            self._delivering = self._thread.submit(self._platform.runs.deliver_left)

    def close_left(self) -> None:
        """Close the runs of attempts that ended while MLflow did not answer, or while no engine lived."""
        if self._pending:
            return
        for key in self._queue.unclosed():
            row = self._queue.run_of(key)
            if row is not None:
                self.close(key, JobState(row["state"])).add_done_callback(partial(self._closed, key))

    def _closed(self, key: str, closing: Future[dict[str, float]]) -> None:
        if closing.exception() is None:
            self._queue.close_run(key, closing.result())

    def shutdown(self, *, wait: bool) -> None:
        """Called once, when the engine leaves."""
        self._thread.shutdown(wait=wait)
