"""The MLflow runs of attempts: opened before the kernel starts, closed after it is gone."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..attempts import (
    AUTOLOG_VARIABLE,
    ENVIRONMENT,
    METRIC_VARIABLE,
    OUTPUT,
    RUN_VARIABLE,
    STUDY_VARIABLE,
    read_record,
)
from ..models import JobState
from ..protocols import Report
from ..provenance import DIFF, LOCK, commit_of, devices_in, diff_of, lock_of
from ..services.jobs.claim import Claim, parse_key
from ..services.jobs.queue import JobQueue
from ..services.jobs.rows import SUBMITTED
from .usage import UsageCurves

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

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
        self._git = ThreadPoolExecutor(1, thread_name_prefix="git")
        self._measured = UsageCurves(platform, queue)
        self._pending: set[str] = set()
        # Where that imports MLflow it takes seconds: meanwhile the cluster starts.
        self._delivering: Future[Any] = self._thread.submit(platform.runs.prepare)

    def open(self, claim: Claim, devices: Mapping[str, str]) -> dict[str, str]:
        """Make an attempt's run; returns the environment in which its kernel finds it. On the caller's thread.

        `devices` are the variables that show it its GPUs.
        """
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
            tags=_tags(row, devices),
        )
        self._queue.set_run(claim, run_id)
        self._git.submit(_keep_diff, Path(row["notebook"]).parent, claim.folder / DIFF)
        environment = {
            **self._platform.environment(),
            **devices,
            "MLPLAT_JOB_ID": str(row["id"]),
            "MLPLAT_ATTEMPT": str(claim.number),
            RUN_VARIABLE: run_id,
        }
        if row["autolog"]:
            environment[AUTOLOG_VARIABLE] = "1"
        if experiment != UNKNOWN_EXPERIMENT:
            environment["MLFLOW_RUN_ID"] = run_id
        return {**environment, **self._for_reports(row, run_id)}

    def _for_reports(self, row: RowMapping, run_id: str) -> dict[str, str]:
        """What `mlplat.report` goes by."""
        found = {METRIC_VARIABLE: row["metric_name"]} if row["metric_name"] else {}
        if row["sweep_id"] is not None and self._platform.sweeps.prunes(row["sweep_id"]):
            found[STUDY_VARIABLE] = json.dumps({"socket": str(self._platform.home.reports), "run": run_id})
        return found

    def keep_usage(self, report: Report) -> None:
        """Log what an attempt and its devices use to its run."""
        self._measured.keep(report)

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
        self._measured.finish()
        folder = Path(row["folder"]) / f"attempt-{parse_key(key)[1]}"
        return self._platform.runs.finish_job_run(
            row["run_id"],
            status=RUN_STATUS.get(state, "FAILED"),
            notebook=folder / OUTPUT if (folder / OUTPUT).exists() else None,
            parameters=dict(row["parameters"]),
            provenance=[file for file in (_lock(folder), folder / DIFF) if file is not None and file.exists()],
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
        self._git.shutdown(wait=wait)
        self._measured.shutdown(wait=wait)
        self._thread.shutdown(wait=wait)


def _tags(row: RowMapping, devices: Mapping[str, str]) -> dict[str, str]:
    """What an attempt is of, the commit of its folder and the devices that it has."""
    tags = commit_of(Path(row["notebook"]).parent)
    for noun in ("schedule", "sweep", "pipeline"):
        if row[f"{noun}_id"] is not None:
            tags[f"mlplat.{noun}_id"] = str(row[f"{noun}_id"])
    return tags | devices_in(devices)


def _keep_diff(folder: Path, file: Path) -> None:
    """What is not committed as an attempt starts, for its run at the end."""
    diff = diff_of(folder)
    if diff is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(diff, encoding="utf-8")
    except OSError as error:
        logger.warning("%s is not kept: %s", file, error)


def _lock(folder: Path) -> Path | None:
    """The packages that an attempt ran with, as a requirements file beside its record."""
    record = read_record(folder, ENVIRONMENT)
    if record is None or not isinstance(record.get("packages"), dict):
        return None
    file = folder / LOCK
    try:
        file.write_text(lock_of(str(record.get("python", "")), record["packages"]), encoding="utf-8")  # type: ignore[arg-type]
    except OSError as error:
        logger.warning("%s is not kept: %s", file, error)
        return None
    return file
