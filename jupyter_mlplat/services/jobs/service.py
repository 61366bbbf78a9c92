"""What users do with jobs: submit, look, wait, cancel. Never moves a job's state after submission."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from ...attempts import LOG, OUTPUT
from ...errors import Conflict, Invalid
from ...home import Home
from ...models import Job, JobLog, JobSpec, JobState, Page
from ...protocols import Clock
from ...store import Store, tables
from . import parameters
from .rows import SUBMITTED, attempt_folder, cells_of, find, number_of, to_job

LOG_CHUNK = 1 << 20
WAKE_EVERY_S = 5.0


class JobsService:
    """Jobs in the store, and the notebooks, logs and records in their folders."""

    def __init__(self, store: Store, home: Home, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._wake = wake

    def schema(self, notebook: Path) -> dict[str, Any]:
        """The JSON Schema of a notebook's parameters. Raises `Invalid` where it is no notebook."""
        return parameters.schema(parameters.read_notebook(notebook))

    def submit(self, spec: JobSpec, *, owner: str, idempotency_key: str | None = None) -> Job:
        """Take a copy of the notebook and queue it; the engine starts it.

        With an `idempotency_key` a second call gives the first one's job, and raises `Conflict` where it
        asks for something else. Raises `Invalid` for a notebook or a parameter that cannot be used.
        """
        path = Path(spec.notebook).absolute()
        notebook = parameters.read_notebook(path)
        values = parameters.validate(parameters.schema(notebook), dict(spec.parameters))
        key = f"{owner}:{idempotency_key}" if idempotency_key else None
        own = notebook.get("metadata", {}).get("mlplat")
        metric = own.get("metric") if isinstance(own, dict) else None
        table = tables.jobs
        with self._store.write() as transaction:
            if key is not None:
                row = (
                    transaction.connection.execute(select(table).where(table.c.idempotency_key == key))
                    .mappings()
                    .first()
                )
                if row is not None:
                    if (row["notebook"], row["parameters"]) != (str(path), values):
                        raise Conflict(
                            f"the idempotency key was used for job {row['id']}, which is another request",
                            hint="use a new key for a new request",
                        )
                    return to_job(row, cells_of(transaction.connection, row))
            codes = [
                index
                for index, cell in enumerate(notebook["cells"])
                if cell.get("cell_type") == "code" and "injected-parameters" not in _tags(cell)
            ]
            inserted = transaction.connection.execute(
                insert(table).values(
                    name=spec.name or path.stem[:200],
                    notebook=str(path),
                    owner=owner,
                    state=JobState.QUEUED.value,
                    attempt=0,
                    parameters=values,
                    folder="",
                    timeout=spec.timeout,
                    cell_timeout=spec.cell_timeout,
                    submitted_at=self._clock.now(),
                    metric={},
                    metric_name=metric if isinstance(metric, str) else None,
                    cells_total=len(codes),
                    idempotency_key=key,
                )
            ).inserted_primary_key
            assert inserted is not None
            number = inserted[0]
            folder = self._home.jobs / str(number)
            try:
                folder.mkdir(mode=0o700)
                (folder / SUBMITTED).write_text(json.dumps(_without_outputs(notebook)), encoding="utf-8")
            except OSError as error:
                raise Invalid(
                    f"the job's folder {folder} cannot be written: {error.strerror}",
                    hint="free some space, or set MLPLAT_HOME to another disk",
                ) from error
            transaction.connection.execute(update(table).where(table.c.id == number).values(folder=str(folder)))
            if codes:
                transaction.connection.execute(
                    insert(tables.cells),
                    [{"job_id": number, "attempt": 1, "index": index, "state": "not_run"} for index in codes],
                )
            transaction.emit("jobs", str(number))
        self._wake()
        return self.get(str(number))

    def list(
        self, *, limit: int = 50, after: str | None = None, state: str | None = None, owner: str | None = None
    ) -> Page[Job]:
        """Jobs, the newest first, without their cells; `after` is the `next` of the page before."""
        table = tables.jobs
        query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
        if after is not None:
            if not (after.isascii() and after.isdigit()):
                raise Invalid(
                    "after is no cursor of this list",
                    hint="pass the `next` of the page before",
                    fields={"after": "not a cursor"},
                )
            query = query.where(table.c.id < number_of(after))
        if state is not None:
            if state not in set(JobState):
                raise Invalid(
                    f"no job state is called {state!r}",
                    hint=f"one of {', '.join(JobState)}",
                    fields={"state": "unknown"},
                )
            query = query.where(table.c.state == state)
        if owner is not None:
            query = query.where(table.c.owner == owner)
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
        jobs = [to_job(row) for row in rows[:limit]]
        return Page[Job](items=jobs, next=jobs[-1].id if len(rows) > limit else None)

    def get(self, job_id: str) -> Job:
        """A job with its cells. Raises `NotFound`."""
        with self._store.read() as connection:
            row = find(connection, job_id)
            return to_job(row, cells_of(connection, row))

    def cancel(self, job_id: str) -> Job:
        """Ask for a job's end; the engine carries it out. Raises `NotFound`, and `Conflict` where it has ended."""
        with self._store.write() as transaction:
            row = find(transaction.connection, job_id)
            if JobState(row["state"]).ended:
                raise Conflict(f"job {job_id} has ended: {row['state']}", hint="there is nothing left to cancel")
            if not row["cancel_requested"]:
                transaction.connection.execute(
                    update(tables.jobs).where(tables.jobs.c.id == row["id"]).values(cancel_requested=True)
                )
                transaction.emit("jobs", job_id)
        self._wake()
        return self.get(job_id)

    def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_change: Callable[[Job], None] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> Job:
        """Return the job once it has ended, or as it stands after `timeout` seconds.

        `on_change` gets the job whenever something about it changed; `pause` is called with the seconds
        between two looks. Keeps an engine alive meanwhile.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        seen, woken = None, time.monotonic()
        while True:
            job = self.get(job_id)
            if job != seen and on_change is not None:
                on_change(job)
            seen = job
            if job.state.ended or (deadline is not None and time.monotonic() >= deadline):
                return job
            if time.monotonic() - woken > WAKE_EVERY_S:
                self._wake()
                woken = time.monotonic()
            pause(0.1)

    def log(self, job_id: str, *, offset: int = 0) -> JobLog:
        """What the notebook printed, from byte `offset` on: at most 1 MiB a call, whole characters only."""
        with self._store.read() as connection:
            row = find(connection, job_id)
        ended = JobState(row["state"]).ended
        try:
            with open(attempt_folder(row) / LOG, "rb") as file:
                file.seek(max(offset, 0))
                data = file.read(LOG_CHUNK)
        except FileNotFoundError:
            return JobLog(text="", offset=0, ended=ended)
        if len(data) == LOG_CHUNK or not ended:
            data = _whole_characters(data)
        return JobLog(
            text=data.decode("utf-8", "replace"),
            offset=max(offset, 0) + len(data),
            ended=ended and len(data) < LOG_CHUNK - 3,
        )

    def output(self, job_id: str) -> Path:
        """The executed notebook, as far as it got; the submitted one, without outputs, before the first cell."""
        with self._store.read() as connection:
            row = find(connection, job_id)
        executed = attempt_folder(row) / OUTPUT
        return executed if executed.exists() else Path(row["folder"]) / SUBMITTED

    def html(self, job_id: str) -> str:
        """The executed notebook as one HTML page."""
        import nbformat
        from nbconvert import HTMLExporter

        body, _ = HTMLExporter().from_notebook_node(nbformat.read(self.output(job_id), as_version=4))
        return str(body)


def _tags(cell: dict[str, Any]) -> list[str]:
    tags = cell.get("metadata", {}).get("tags", [])
    return tags if isinstance(tags, list) else []


def _without_outputs(notebook: dict[str, Any]) -> dict[str, Any]:
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else cell
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def _whole_characters(data: bytes) -> bytes:
    """Without a character at the end whose last bytes are still to come."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return data[:-back] if needed > back else data
    return data
