"""What users do with pipelines: check, start, look, wait, cancel, run the rest again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from ....errors import Conflict
from ....home import Home
from ....models import JobState, Page, Pipeline, PipelineNodeRun, PipelineSpec, PipelineState
from ....protocols import Clock
from ....store import Store, tables
from ...rows import Asked, made_before, newest_first
from ..rows import ask_to_end
from ..service import JobsService
from ..submission import write_notebook
from ..waiting import wait_for
from .plan import PlannedNode, own_schema, plan
from .rows import find, jobs_of, lock, to_pipeline


class PipelinesService:
    """Pipelines in the store; their nodes become jobs, which the engine makes when their turn comes."""

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService, wake: Callable[[], None]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._wake = wake

    def check(self, spec: PipelineSpec) -> list[PipelineNodeRun]:
        """The nodes in an order in which they may run, with all that they need; nothing is made.

        Raises `Invalid`, its fields naming the node, for anything that keeps the pipeline from being started.
        """
        return [
            PipelineNodeRun(name=one.name, notebook=str(one.path), needs=one.needs, run_if=one.run_if)
            for one in self._plan(spec)
        ]

    def _plan(self, spec: PipelineSpec) -> list[PlannedNode]:
        self._jobs.channels.check(spec.notify)
        return plan(spec)

    def schema(self, spec: PipelineSpec) -> dict[str, Any]:
        """The JSON Schema of the pipeline's own parameters, as the notebooks take them. Raises `Invalid`."""
        return own_schema(spec)

    def create(self, spec: PipelineSpec, *, owner: str, idempotency_key: str | None = None) -> Pipeline:
        """Keep the notebooks as they are now and start the pipeline.

        Raises `Invalid` as `check` does, and `Conflict` where the idempotency key was used for something else.
        """
        asked = Asked.of(spec, owner, idempotency_key)
        table = tables.pipelines
        with self._store.read() as connection:
            before = made_before(connection, table, asked)
            if before is not None:
                return to_pipeline(before, jobs_of(connection, [before])[before["id"]])
        planned = self._plan(spec)
        nodes = [one.column() for one in planned]
        with self._store.write() as transaction:
            before = made_before(transaction.connection, table, asked)
            if before is not None:
                return to_pipeline(before, jobs_of(transaction.connection, [before])[before["id"]])
            inserted = transaction.connection.execute(
                insert(table).values(
                    name=spec.name,
                    owner=owner,
                    state=PipelineState.RUNNING.value,
                    folder="",
                    parameters=dict(spec.parameters),
                    nodes=nodes,
                    notify=[one.model_dump(mode="json") for one in spec.notify],
                    created_at=self._clock.now(),
                    **asked.columns,
                )
            ).inserted_primary_key
            assert inserted is not None
            number = int(inserted[0])
            folder = self._keep(number, planned)
            transaction.connection.execute(update(table).where(table.c.id == number).values(folder=str(folder)))
            transaction.emit("pipelines", str(number))
        self._wake()
        return self.get(str(number))

    def _keep(self, number: int, planned: list[PlannedNode]) -> Path:
        folder = self._home.pipelines / str(number)
        for one in planned:
            write_notebook(folder / f"{one.name}.ipynb", one.notebook)
        return folder

    def list(self, *, limit: int = 50, after: str | None = None, owner: str | None = None) -> Page[Pipeline]:
        """Pipelines, the newest first, without their nodes."""
        query = newest_first(tables.pipelines, limit=limit, after=after, owner=owner)
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            jobs = jobs_of(connection, rows[:limit])
        items = [to_pipeline(row, jobs[row["id"]]).model_copy(update={"nodes": []}) for row in rows[:limit]]
        return Page[Pipeline](items=items, next=items[-1].id if len(rows) > limit else None)

    def get(self, pipeline_id: str) -> Pipeline:
        """A pipeline with its nodes and their newest jobs. Raises `NotFound`."""
        with self._store.read() as connection:
            row = find(connection, pipeline_id)
            return to_pipeline(row, jobs_of(connection, [row])[row["id"]])

    def wait(
        self,
        pipeline_id: str,
        *,
        timeout: float | None = None,
        on_change: Callable[[Pipeline], None] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> Pipeline:
        """Return the pipeline once it has ended, or as it stands after `timeout` seconds; see `wait_for`."""
        return wait_for(
            lambda: self.get(pipeline_id),
            lambda pipeline: pipeline.ended_at is not None,
            self._wake,
            timeout=timeout,
            on_change=on_change,
            pause=pause,
        )

    def cancel(self, pipeline_id: str) -> Pipeline:
        """Ask for the end of its living jobs, and start no more; the engine carries it out.

        Raises `NotFound`, and `Conflict` where it has ended.
        """
        with self._store.write() as transaction:
            row = lock(transaction, pipeline_id)
            if row["state"] != PipelineState.RUNNING:
                raise Conflict(f"pipeline {pipeline_id} has ended: {row['state']}", hint="there is nothing to cancel")
            transaction.connection.execute(
                update(tables.pipelines).where(tables.pipelines.c.id == row["id"]).values(cancel_requested=True)
            )
            jobs = jobs_of(transaction.connection, [row])[row["id"]].values()
            ask_to_end(transaction, [job["id"] for job in jobs])
            transaction.emit("pipelines", pipeline_id)
        self._wake()
        return self.get(pipeline_id)

    def retry(self, pipeline_id: str) -> Pipeline:
        """Run the nodes again that did not succeed, with the notebooks as they were kept; the others stay.

        Raises `NotFound`, and `Conflict` where it runs or has succeeded.
        """
        with self._store.write() as transaction:
            row = lock(transaction, pipeline_id)
            if row["state"] == PipelineState.RUNNING:
                raise Conflict(f"pipeline {pipeline_id} is running", hint="wait for it, or cancel it")
            jobs = jobs_of(transaction.connection, [row])[row["id"]]
            left = {name: job["id"] for name, job in jobs.items() if job["state"] != JobState.SUCCEEDED}
            if row["state"] == PipelineState.SUCCEEDED or (not left and len(jobs) == len(row["nodes"])):
                raise Conflict(f"pipeline {pipeline_id} succeeded", hint="there is nothing to run again")
            nodes = [{**node, "after": left[node["name"]]} if node["name"] in left else node for node in row["nodes"]]
            transaction.connection.execute(
                update(tables.pipelines)
                .where(tables.pipelines.c.id == row["id"])
                .values(
                    state=PipelineState.RUNNING.value, nodes=nodes, cancel_requested=False, ended_at=None, message=None
                )
            )
            transaction.emit("pipelines", pipeline_id)
        self._wake()
        return self.get(pipeline_id)
