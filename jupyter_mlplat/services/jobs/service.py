"""What users do with jobs: submit, look, wait, cancel. Never moves a job's state after submission."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select

from ...attempts import LOG, OUTPUT
from ...errors import Conflict, Invalid
from ...home import Home
from ...models import Job, JobLog, JobOptions, JobSpec, JobState, LeaseRequest, Page, Pruned, PruneRequest
from ...protocols import Clock
from ...store import Store, Transaction, tables
from ..gpus.shown import of_jobs
from ..gpus.wishes import named_as_asked, request_of
from ..rows import Asked, made_before, newest_first, number_of
from .line import Place, places
from .notebookfile import read_notebook
from .notices import Channels, forget, notices_of
from .pages import to_html, to_pdf
from .parameters import schema as schema_of
from .parameters import validate
from .retention import Retention
from .rows import (
    LIVING,
    SUBMITTED,
    ask_to_end,
    attempt_folder,
    attempts_of,
    cells_of,
    find,
    refuse_while_needed,
    to_job,
)
from .submission import OWN, Draft, check_language, gpu_columns, insert_job, options_of
from .waiting import wait_for

LOG_CHUNK = 1 << 20


class JobsService:
    """Jobs in the store, and the notebooks, logs and records in their folders.

    `backend` is where new jobs run, `slots` how many of them at the same time, `channels` how anybody can be told;
    `refuse_gpus` raises where that backend could never give a user the devices.
    """

    def __init__(
        self,
        store: Store,
        home: Home,
        clock: Clock,
        wake: Callable[[], None],
        *,
        backend: str,
        slots: int,
        channels: Channels | None = None,
        refuse_gpus: Callable[[LeaseRequest, str], None] | None = None,
    ) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._wake = wake
        self._backend = backend
        self.slots = slots
        self.channels = channels or Channels()
        self._refuse_gpus = refuse_gpus

    def schema(self, notebook: Path) -> dict[str, Any]:
        """The JSON Schema of a notebook's parameters. Raises `Invalid` where it is no notebook."""
        return schema_of(read_notebook(notebook))

    def draft(self, spec: JobSpec, *, owner: str) -> Draft:
        """A job that could be queued: the notebook as it is now, its own options, checked parameters.

        Raises `Invalid` for a notebook, an option or a parameter that cannot be used, and for whom to tell.
        """
        path = Path(spec.notebook).absolute()
        notebook = read_notebook(path)
        check_language(notebook)
        options = options_of(notebook, spec)
        self.channels.check(options.notify)
        if options.devices and self._refuse_gpus is not None:
            with named_as_asked():
                self._refuse_gpus(request_of(gpu_columns(options)), owner)
        values = validate(schema_of(notebook), dict(spec.parameters), secrets=options.secrets)
        return Draft(
            name=spec.name or path.stem[:200],
            path=path,
            notebook=notebook,
            parameters=values,
            options=options,
            owner=owner,
            backend=self._backend,
        )

    def submit(self, spec: JobSpec, *, owner: str, idempotency_key: str | None = None) -> Job:
        """Take a copy of the notebook and queue it; the engine starts it.

        With an `idempotency_key` a second call gives the first one's job, and raises `Conflict` where it
        asks for something else. Raises `Invalid` for a notebook or a parameter that cannot be used.
        """
        asked = Asked.of(spec, owner, idempotency_key)
        with self._store.read() as connection:
            before = made_before(connection, tables.jobs, asked)
            if before is not None:
                return self._whole(connection, before)
        return self._insert(self.draft(spec, owner=owner), asked)

    def submit_draft(self, draft: Draft) -> Job:
        """Queue a job that was drafted."""
        return self._insert(draft, Asked(None, None))

    def _insert(self, draft: Draft, asked: Asked) -> Job:
        with self._store.write() as transaction:
            before = made_before(transaction.connection, tables.jobs, asked)
            if before is not None:
                return self._whole(transaction.connection, before)
            draft = replace(draft, columns={**draft.columns, **asked.columns})
            number = insert_job(transaction, self._home, self._clock.now(), draft)
        self._wake()
        return self.get(str(number))

    def pinned_draft(
        self,
        *,
        name: str,
        path: Path,
        pinned: Path,
        parameters: Mapping[str, Any],
        options: JobOptions,
        owner: str,
        columns: Mapping[str, Any],
    ) -> Draft:
        """A job of a notebook as it was kept in `pinned`; `path` is where it came from. Raises `Invalid`."""
        return Draft(name, path, read_notebook(pinned), parameters, options, owner, self._backend, columns)

    def retry(self, job_id: str, *, owner: str, edited: bool = False, from_start: bool = False) -> Job:
        """Queue an ended job once more, as a new job: its notebook as it was then, its parameters, its options.

        With `edited` it is the notebook as it is now. One that did not succeed goes on behind its last checkpoint
        that is still valid, unless `from_start`. Raises `NotFound`, `Conflict` where it has not ended or its
        notebook is no longer there, and `Invalid` where the edited notebook does not take its parameters.
        """
        with self._store.read() as connection:
            row = find(connection, job_id)
        if not JobState(row["state"]).ended:
            raise Conflict(f"job {job_id} is {row['state']}", hint=f"wait for it, or cancel it: jobs cancel {job_id}")
        path = Path(row["notebook"])
        notebook = path if edited else Path(row["folder"]) / SUBMITTED
        if not notebook.exists():
            raise Conflict(f"the notebook of job {job_id} is no longer there", hint="run the notebook itself")
        if edited:
            now = read_notebook(path)
            check_language(now)
            validate(schema_of(now), dict(row["parameters"]), secrets=row["secrets"] or {})
        options = {name: row[name] for name in OWN if name in row and row[name] is not None}
        options["resume"] = not from_start and row["state"] != JobState.SUCCEEDED.value
        if row["deadline_at"] is not None:
            options["deadline"] = (row["deadline_at"] - row["submitted_at"]).total_seconds()
        draft = self.pinned_draft(
            name=row["name"],
            path=path,
            pinned=notebook,
            parameters=row["parameters"],
            options=JobOptions(**options),
            owner=owner,
            columns={"retry_of": row["id"]},
        )
        return self.submit_draft(draft)

    def living_of_schedule(self, transaction: Transaction, schedule: int) -> list[int]:
        """Numbers of the jobs of a schedule that have not ended, the oldest first."""
        table = tables.jobs
        return list(
            transaction.connection.execute(
                select(table.c.id)
                .where(table.c.schedule_id == schedule, table.c.state.in_(LIVING))
                .order_by(table.c.id)
            ).scalars()
        )

    def delete(self, job_id: str) -> Job:
        """Delete an ended job with its record and its folder; its MLflow run stays. Returns it as it was.

        Raises `NotFound`, and `Conflict` where it, or the sweep or pipeline that it belongs to, has not ended.
        """
        with self._store.write() as transaction:
            row = find(transaction.connection, job_id)
            if not JobState(row["state"]).ended:
                raise Conflict(
                    f"job {job_id} is {row['state']}", hint=f"cancel it first: jupyter mlplat jobs cancel {job_id}"
                )
            refuse_while_needed(transaction.connection, row)
            deleted = self._whole(transaction.connection, row)
            transaction.connection.execute(delete(tables.jobs).where(tables.jobs.c.id == row["id"]))
            forget(transaction, "jobs", [row["id"]])
            transaction.emit("jobs", job_id)
        shutil.rmtree(row["folder"], ignore_errors=True)
        return deleted

    def prune(self, request: PruneRequest, *, owner: str | None = None) -> Pruned:
        """Delete ended jobs with their records and folders, or count them; see `Retention.prune`."""
        return Retention(self._store, self._clock).prune(request, owner=owner)

    def list(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        state: str | None = None,
        owner: str | None = None,
        schedule: str | None = None,
        sweep: str | None = None,
        pipeline: str | None = None,
        name: str | None = None,
        alone: bool = False,
    ) -> Page[Job]:
        """Jobs, the newest first, without their cells; `after` is the `next` of the page before.

        `state` is one state or several with commas between, `name` a part of the name in any case;
        with `alone` those that belong to no sweep and no pipeline.
        Raises `Invalid` for a state or a cursor that is none, `NotFound` for an id that never was one.
        """
        table = tables.jobs
        query = newest_first(table, limit=limit, after=after, owner=owner)
        if state is not None:
            query = query.where(table.c.state.in_([_state(one) for one in state.split(",")]))
        if schedule is not None:
            query = query.where(table.c.schedule_id == number_of(schedule, "schedule"))
        if sweep is not None:
            query = query.where(table.c.sweep_id == number_of(sweep, "sweep"))
        if pipeline is not None:
            query = query.where(table.c.pipeline_id == number_of(pipeline, "pipeline"))
        if name is not None:
            query = query.where(table.c.name.icontains(name, autoescape=True))
        if alone:
            query = query.where(table.c.sweep_id.is_(None), table.c.pipeline_id.is_(None))
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            line = self._line(connection, rows)
            leases = of_jobs(connection, [row["id"] for row in rows if row["gpus"]])
        jobs = [to_job(row, line.get(row["id"]), lease=leases.get(row["id"])) for row in rows[:limit]]
        return Page[Job](items=jobs, next=jobs[-1].id if len(rows) > limit else None)

    def get(self, job_id: str) -> Job:
        """A job with its cells and attempts. Raises `NotFound`."""
        with self._store.read() as connection:
            return self._whole(connection, find(connection, job_id))

    def _whole(self, connection: Connection, row: RowMapping) -> Job:
        place = self._line(connection, [row]).get(row["id"])
        return to_job(
            row,
            place,
            cells=cells_of(connection, row),
            attempts=attempts_of(connection, row),
            notices=notices_of(connection, "jobs", row["id"]),
            lease=of_jobs(connection, [row["id"]] if row["gpus"] else [], self._clock.now()).get(row["id"]),
        )

    def _line(self, connection: Connection, rows: Sequence[RowMapping]) -> dict[int, Place]:
        if not any(row["state"] == JobState.QUEUED.value for row in rows):
            return {}
        return places(connection, self._clock.now(), self.slots)

    def cancel(self, job_id: str) -> Job:
        """Ask for a job's end; the engine carries it out. Raises `NotFound`, and `Conflict` where it has ended."""
        with self._store.write() as transaction:
            row = find(transaction.connection, job_id)
            if JobState(row["state"]).ended:
                raise Conflict(f"job {job_id} has ended: {row['state']}", hint="there is nothing left to cancel")
            ask_to_end(transaction, [row["id"]])
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
        """Return the job once it has ended, or as it stands after `timeout` seconds; see `wait_for`."""
        return wait_for(
            lambda: self.get(job_id),
            lambda job: job.state.ended,
            self._wake,
            timeout=timeout,
            on_change=on_change,
            pause=pause,
        )

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
        """The executed notebook as one HTML page. Raises `NotFound`, `BackendFailed`."""
        return to_html(self.output(job_id))

    def pdf(self, job_id: str) -> bytes:
        """The executed notebook as PDF. Raises `NotFound`, `Unavailable`, `BackendFailed`; see `to_pdf`."""
        return to_pdf(self.output(job_id))


def _state(text: str) -> str:
    if text.strip() not in set(JobState):
        raise Invalid(
            f"no job state is called {text.strip()!r}",
            hint=f"one of {', '.join(JobState)}",
            fields={"state": "unknown"},
        )
    return text.strip()


def _whole_characters(data: bytes) -> bytes:
    """Without a character at the end whose last bytes are still to come."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return data[:-back] if needed > back else data
    return data
