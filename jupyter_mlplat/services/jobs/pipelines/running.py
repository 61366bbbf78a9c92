"""The engine's side of pipelines: a job for each node whose turn has come, and the end of those that are through."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from ....errors import Invalid, MLPlatError
from ....home import Home
from ....models import JobOptions, JobState, PipelineState, Reason
from ....protocols import Clock
from ....store import Store, tables
from ...rows import first
from ..notices import pipeline_ended
from ..rows import closed_jobs
from ..service import JobsService
from ..submission import Draft, insert_job
from .graph import BAD, why_skipped
from .rows import Node, jobs_of, lock
from .values import MetricsOf, Missing, known_values, needs_metrics_of, resolved

logger = logging.getLogger("jupyter_mlplat.pipelines")

SAY_AGAIN_S = 30.0
PATIENCE = timedelta(minutes=15)
"""So long a node waits for the metrics of an earlier one where MLflow does not answer."""

NEEDED = (
    "id", "pipeline_id", "node", "state", "attempt", "folder", "parameters", "results", "run_id", "message",
    "started_at", "ended_at",
)  # fmt: skip

Jobs = Mapping[str, RowMapping]


class RunningPipelines:
    """Moves pipelines on; only the process that holds the engine's lease uses it.

    `metrics_of` gives the last metrics of a job by its MLflow run; it is asked only where a parameter refers to one.
    """

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService, metrics_of: MetricsOf) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._metrics_of = metrics_of
        self._seen: dict[int, list[object]] = {}
        self._said: dict[int, float] = {}

    def advance(self) -> bool:
        """Make the jobs whose turn has come, and end the pipelines whose nodes have ended. True while one runs."""
        table = tables.pipelines
        with self._store.read() as connection:
            query = select(table).where(table.c.state == PipelineState.RUNNING.value).order_by(table.c.id)
            rows = connection.execute(query).mappings().all()
            jobs = jobs_of(connection, rows, columns=NEEDED)
        for row in rows:
            try:
                self._move(row, dict(jobs[row["id"]]))
                self._said.pop(row["id"], None)
            except MLPlatError as error:
                self._complain(row, error)
            except Exception as error:
                logger.exception("pipeline %s cannot go on", row["id"])
                self._give_up(row, f"it could not go on: {type(error).__name__}: {error}")
        return bool(rows)

    def _complain(self, row: RowMapping, error: MLPlatError) -> None:
        """Log what keeps a pipeline from going on, now and then; the next pass tries again."""
        now = self._clock.monotonic()
        if now - self._said.get(row["id"], -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self._said[row["id"]] = now
            logger.warning("pipeline %s waits: %s (%s)", row["id"], error.message, error.hint)

    def _move(self, row: RowMapping, jobs: dict[str, RowMapping]) -> None:
        self._tell(row, jobs)
        nodes = {node["name"]: node for node in row["nodes"]}
        if not _given_up(row):
            for name, node in nodes.items():
                if name in jobs or not all(_ended(jobs.get(one)) for one in node["needs"]):
                    continue
                states = {one: job["state"] for one, job in jobs.items()}
                why = "the pipeline was cancelled" if row["cancel_requested"] else why_skipped(node, nodes, states)
                made = self._make(row, node, why, jobs)
                if made is not None:
                    jobs[name] = made
        if all(_ended(job) for job in jobs.values()) and (_given_up(row) or len(jobs) == len(nodes)):
            self._end(row)

    def _tell(self, row: RowMapping, jobs: Jobs) -> None:
        """A pipeline has changed when a job of its own has."""
        seen: list[object] = [(name, job["id"], job["state"]) for name, job in jobs.items()]
        if self._seen.get(row["id"], seen) != seen:
            with self._store.write() as transaction:
                transaction.emit("pipelines", str(row["id"]))
        self._seen[row["id"]] = seen

    # --- a node becomes a job -------------------------------------------------------------------

    def _make(self, row: RowMapping, node: Node, why_not: str | None, jobs: Jobs) -> RowMapping | None:
        """Queue the job of a node; one that does not run, or cannot, gets a job that has ended. None: not now."""
        values = known_values(node, row["parameters"])
        ended: dict[str, Any] = {}
        pinned = Path(row["folder"]) / f"{node['name']}.ipynb"
        if why_not is not None:
            ended = {"state": JobState.SKIPPED.value, "message": why_not}
        measured = [jobs[name] for name in needs_metrics_of(node, row["parameters"])] if why_not is None else []
        late = any(self._clock.now() - job["ended_at"] > PATIENCE for job in measured)
        if not late and not self._closed({job["id"] for job in measured}):
            return None
        try:
            if why_not is None:
                values = resolved(node, row["parameters"], jobs, pinned, self._metrics_of)
        except Missing as error:
            message = str(error)[:4000]
            ended = {"state": JobState.FAILED.value, "reason": Reason.BAD_INPUT.value, "message": message}
        except MLPlatError as error:
            if not late:
                raise
            message = f"the metrics that it refers to could not be read: {error.message}"[:4000]
            ended = {"state": JobState.FAILED.value, "reason": Reason.BACKEND_UNAVAILABLE.value, "message": message}
        try:
            draft = self._draft(row, node, pinned, values)
        except Invalid as error:
            self._give_up(row, f"the notebook of {node['name']} was lost: {error.message}")
            return None
        now = self._clock.now()
        with self._store.write() as transaction:
            if not _is_still(transaction.connection, lock(transaction, str(row["id"])), row, node):
                return None
            number = insert_job(transaction, self._home, now, draft)
            table = tables.jobs
            if ended:
                transaction.connection.execute(update(table).where(table.c.id == number).values(**ended, ended_at=now))
            transaction.emit("pipelines", str(row["id"]))
            return first(transaction.connection, select(table).where(table.c.id == number))

    def _draft(self, row: RowMapping, node: Node, pinned: Path, values: Mapping[str, Any]) -> Draft:
        name = node["name"]
        return self._jobs.pinned_draft(
            name=f"{row['name'][: 198 - len(name)]}: {name}",
            path=Path(node["notebook"]),
            pinned=pinned,
            parameters=values,
            options=JobOptions(**node["options"]),
            owner=row["owner"],
            columns={"pipeline_id": row["id"], "node": name, "retry_of": node.get("after")},
        )

    def _closed(self, numbers: Set[int]) -> bool:
        """True where the last attempts of these jobs have their metrics, or will never have any."""
        if not numbers:
            return True
        with self._store.read() as connection:
            return closed_jobs(connection, tables.jobs.c.id.in_(numbers)) == numbers

    # --- the end --------------------------------------------------------------------------------

    def _give_up(self, row: RowMapping, message: str) -> None:
        """No further job: what runs ends, and then the pipeline has failed."""
        table = tables.pipelines
        with self._store.write() as transaction:
            transaction.connection.execute(
                update(table)
                .where(table.c.id == row["id"], table.c.state == PipelineState.RUNNING.value)
                .values(message=message[:4000], cancel_requested=True)
            )
            transaction.emit("pipelines", str(row["id"]))

    def _end(self, before: RowMapping) -> None:
        table = tables.pipelines
        with self._store.write() as transaction:
            row = lock(transaction, str(before["id"]))
            if (row["state"], row["nodes"]) != (PipelineState.RUNNING.value, before["nodes"]):
                return
            jobs = jobs_of(transaction.connection, [row])[row["id"]]
            state, message = _outcome(row, jobs)
            now = self._clock.now()
            transaction.connection.execute(
                update(table).where(table.c.id == row["id"]).values(state=state.value, message=message, ended_at=now)
            )
            pipeline_ended(transaction, row, state.value, message, now)
            transaction.emit("pipelines", str(row["id"]))
        self._seen.pop(row["id"], None)


def _given_up(row: RowMapping) -> bool:
    """A pipeline that runs has a message only where it could not go on."""
    return bool(row["cancel_requested"] and row["message"])


def _ended(job: RowMapping | None) -> bool:
    return job is not None and JobState(job["state"]).ended


def _is_still(connection: Connection, now: RowMapping, before: RowMapping, node: Node) -> bool:
    """True where nobody has changed the pipeline since it was read, nor made this job."""
    if now["state"] != PipelineState.RUNNING:
        return False
    if (now["nodes"], now["cancel_requested"]) != (before["nodes"], before["cancel_requested"]):
        return False
    return node["name"] not in jobs_of(connection, [now])[now["id"]]


def _outcome(row: RowMapping, jobs: Jobs) -> tuple[PipelineState, str | None]:
    if _given_up(row):
        return PipelineState.FAILED, row["message"]
    states = {job["state"] for job in jobs.values()}
    unfinished = {JobState.CANCELLED.value, JobState.SKIPPED.value} if row["cancel_requested"] else set()
    if states & unfinished:
        return PipelineState.CANCELLED, None
    bad = next((node["name"] for node in row["nodes"] if jobs[node["name"]]["state"] in BAD), None)
    if bad is not None:
        job = jobs[bad]
        return PipelineState.FAILED, f"{bad}: {job['message'] or job['state']}"[:4000]
    return (PipelineState.CANCELLED if JobState.CANCELLED.value in states else PipelineState.SUCCEEDED), None
