"""Sweeps: one notebook at many points of its parameters, one job for each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from ...errors import Conflict, Invalid, MLPlatError
from ...home import Home
from ...models import JobOptions, JobSpec, JobState, Page, Span, Sweep, SweepPoint, SweepSpec, SweepState
from ...protocols import Clock
from ...store import Store, Transaction, tables
from .notebookfile import read_notebook
from .parameters import schema, validate
from .rows import SUBMITTED, cursor_of, number_of, unknown
from .service import JobsService
from .space import check_space, grid_points, random_points
from .study import Study
from .submission import OWN, insert_job, write_notebook

logger = logging.getLogger("jupyter_mlplat.sweeps")

FAILED = (JobState.FAILED, JobState.LOST, JobState.CANCELLED)


class SweepsService:
    """Sweeps in the store; their points are jobs."""

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService, wake: Callable[[], None]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._wake = wake
        self._studies: dict[int, Study] = {}

    # --- what users do --------------------------------------------------------------------------

    def create(self, spec: SweepSpec, *, owner: str, idempotency_key: str | None = None) -> Sweep:
        """Queue a job for every point; with `optuna` the engine asks for the points as it goes.

        Raises `Invalid` for a notebook, a parameter, a space or a number of points that cannot be used,
        `Conflict` where the idempotency key was used for something else.
        """
        fixed = JobSpec(
            notebook=spec.notebook,
            name=spec.name,
            **{name: getattr(spec, name) for name in spec.model_fields_set & OWN},
        )
        draft = self._jobs.draft(fixed, owner=owner)
        known = schema(draft.notebook)
        check_space(spec.space, known, grid=spec.strategy == "grid")
        points = self._points(spec, known)
        secrets = draft.options.secrets
        for point in points or [{}]:
            validate(known, {**spec.parameters, **point}, secrets=secrets)
        trials = len(points) or spec.trials or 0
        key = f"{owner}:{idempotency_key}" if idempotency_key else None
        table = tables.sweeps
        with self._store.write() as transaction:
            if key is not None:
                row = (
                    transaction.connection.execute(select(table).where(table.c.idempotency_key == key))
                    .mappings()
                    .first()
                )
                if row is not None:
                    if row["notebook"] != str(draft.path) or row["space"] != _space_column(spec):
                        raise Conflict(
                            f"the idempotency key was used for sweep {row['id']}, which is another request",
                            hint="use a new key for a new request",
                        )
                    return _shown(transaction.connection, row)
            inserted = transaction.connection.execute(
                insert(table).values(
                    name=draft.name,
                    owner=owner,
                    state=SweepState.RUNNING.value,
                    notebook=str(draft.path),
                    folder="",
                    job={"parameters": dict(spec.parameters), "options": draft.options.model_dump(mode="json")},
                    space=_space_column(spec),
                    strategy=spec.strategy,
                    trials=trials,
                    metric=spec.metric,
                    direction=spec.direction,
                    parallel=spec.parallel,
                    seed=spec.seed,
                    created_at=self._clock.now(),
                    idempotency_key=key,
                )
            ).inserted_primary_key
            assert inserted is not None
            number = int(inserted[0])
            folder = self._home.sweeps / str(number)
            write_notebook(folder / SUBMITTED, draft.notebook)
            transaction.connection.execute(update(table).where(table.c.id == number).values(folder=str(folder)))
            row = find(transaction.connection, str(number))
            for place, point in enumerate(points):
                self._insert_point(transaction, row, place, point)
            transaction.emit("sweeps", str(number))
        self._wake()
        return self.get(str(number))

    def _points(self, spec: SweepSpec, known: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The points that are known from the beginning. Raises `Invalid`."""
        if spec.strategy == "grid":
            if spec.trials is not None:
                raise Invalid(
                    "a grid has as many points as it has",
                    hint="leave trials away",
                    fields={"trials": "not with a grid"},
                )
            return grid_points(spec.space)
        if spec.trials is None:
            raise Invalid(
                f"{spec.strategy} needs a number of trials", hint="say how many", fields={"trials": "missing"}
            )
        if spec.strategy == "random":
            return random_points(spec.space, spec.trials, spec.seed, known)
        if spec.metric is None:
            raise Invalid("optuna needs a metric", hint="name one that the notebook logs", fields={"metric": "missing"})
        return []

    def list(self, *, limit: int = 50, after: str | None = None, owner: str | None = None) -> Page[Sweep]:
        """Sweeps, the newest first, without their points."""
        table = tables.sweeps
        query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
        if after is not None:
            query = query.where(table.c.id < cursor_of(after))
        if owner is not None:
            query = query.where(table.c.owner == owner)
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            items = [_shown(connection, row).model_copy(update={"points": []}) for row in rows[:limit]]
        return Page[Sweep](items=items, next=items[-1].id if len(rows) > limit else None)

    def get(self, sweep_id: str) -> Sweep:
        """A sweep with its points and the best one. Raises `NotFound`."""
        with self._store.read() as connection:
            return _shown(connection, find(connection, sweep_id))

    def cancel(self, sweep_id: str) -> Sweep:
        """Ask for the end of all its jobs. Raises `NotFound`, and `Conflict` where it has ended."""
        with self._store.write() as transaction:
            row = find(transaction.connection, sweep_id)
            if row["state"] != SweepState.RUNNING.value:
                raise Conflict(f"sweep {sweep_id} has ended: {row['state']}", hint="there is nothing left to cancel")
            transaction.connection.execute(
                update(tables.sweeps).where(tables.sweeps.c.id == row["id"]).values(cancel_requested=True)
            )
            living = [one for one in _children(transaction.connection, row["id"]) if not JobState(one["state"]).ended]
            for one in living:
                transaction.connection.execute(
                    update(tables.jobs).where(tables.jobs.c.id == one["id"]).values(cancel_requested=True)
                )
                transaction.emit("jobs", str(one["id"]))
            transaction.emit("sweeps", sweep_id)
        self._wake()
        return self.get(sweep_id)

    def retry(self, sweep_id: str) -> Sweep:
        """Run the points again that did not succeed, and those only.

        Raises `NotFound`, and `Conflict` where it runs or where every point succeeded.
        """
        with self._store.write() as transaction:
            row = find(transaction.connection, sweep_id)
            if row["state"] == SweepState.RUNNING.value:
                raise Conflict(f"sweep {sweep_id} is running", hint="wait for it, or cancel it")
            failed = [one for one in _children(transaction.connection, row["id"]) if one["state"] in FAILED]
            if not failed and row["state"] == SweepState.SUCCEEDED.value:
                raise Conflict(f"every point of sweep {sweep_id} succeeded", hint="there is nothing to run again")
            transaction.connection.execute(
                update(tables.sweeps)
                .where(tables.sweeps.c.id == row["id"])
                .values(state=SweepState.RUNNING.value, cancel_requested=False, ended_at=None, message=None)
            )
            for one in failed:
                self._insert_point(transaction, row, one["trial"], one["point"], retry_of=one["id"])
            transaction.emit("sweeps", sweep_id)
        self._wake()
        return self.get(sweep_id)

    def _insert_point(
        self,
        transaction: Transaction,
        row: RowMapping,
        trial: int,
        point: Mapping[str, Any],
        *,
        retry_of: int | None = None,
    ) -> None:
        draft = self._jobs.pinned_draft(
            name=row["name"],
            path=Path(row["notebook"]),
            pinned=Path(row["folder"]) / SUBMITTED,
            parameters={**row["job"]["parameters"], **point},
            options=JobOptions(**row["job"]["options"]),
            owner=row["owner"],
            columns={
                "sweep_id": row["id"],
                "point": dict(point),
                "trial": trial,
                "retry_of": retry_of,
                "lane": f"sweep:{row['id']}" if row["parallel"] else None,
                "lane_limit": row["parallel"],
            },
        )
        number = insert_job(transaction, self._home, self._clock.now(), draft)
        if row["metric"] is not None:
            transaction.connection.execute(
                update(tables.jobs).where(tables.jobs.c.id == number).values(metric_name=row["metric"])
            )

    # --- what the engine does -------------------------------------------------------------------

    def advance(self) -> bool:
        """Ask for further points, and end the sweeps whose points have ended. True while one runs."""
        table = tables.sweeps
        with self._store.read() as connection:
            running = (
                connection.execute(select(table).where(table.c.state == SweepState.RUNNING.value)).mappings().all()
            )
        for row in running:
            try:
                if row["strategy"] == "optuna" and not row["cancel_requested"]:
                    self._ask(row)
            except MLPlatError:
                raise
            except Exception as error:
                logger.exception("sweep %s cannot go on", row["id"])
                self._give_up(row, f"it could not go on: {type(error).__name__}: {error}")
            self._settle(row["id"])
        return bool(running)

    def _give_up(self, row: RowMapping, message: str) -> None:
        """No further point: what it has is all that it will have."""
        with self._store.write() as transaction:
            count = max(len(_children(transaction.connection, row["id"])), 1)
            transaction.connection.execute(
                update(tables.sweeps)
                .where(tables.sweeps.c.id == row["id"])
                .values(trials=count, message=message[:4000], cancel_requested=True)
            )

    def _ask(self, row: RowMapping) -> None:
        """Tell the study what is known and queue as many new points as may run."""
        study = self._studies.get(row["id"])
        if study is None:
            study = Study(Path(row["folder"]), direction=row["direction"], seed=row["seed"])
            self._studies[row["id"]] = study
        with self._store.read() as connection:
            children = _children(connection, row["id"])
            closed = _closed(connection, row["id"])
        study.forget({one["trial"] for one in children})
        waiting = study.open_trials()
        for one in children:
            if one["trial"] in waiting and JobState(one["state"]).ended and one["id"] in closed:
                study.tell(one["trial"], _value(one, row["metric"]) if one["state"] == "succeeded" else None)
        living = sum(1 for one in children if not JobState(one["state"]).ended)
        free = min(row["trials"] - len(children), (row["parallel"] or self._jobs.slots) - living)
        if free <= 0:
            return
        known = schema(read_notebook(Path(row["folder"]) / SUBMITTED))
        for _ in range(free):
            number, point = study.ask(_space(row["space"]), known)
            with self._store.write() as transaction:
                self._insert_point(transaction, row, number, point)
                transaction.emit("sweeps", str(row["id"]))

    def _settle(self, number: int) -> None:
        with self._store.write() as transaction:
            row = find(transaction.connection, str(number))
            children = _children(transaction.connection, number)
            counts = Counter(one["state"] for one in children)
            complete = len(children) >= row["trials"] or row["cancel_requested"]
            if not complete or any(not JobState(state).ended for state in counts):
                return
            if counts["succeeded"] == row["trials"]:
                state = SweepState.SUCCEEDED
            elif row["cancel_requested"] and row["message"] is None:
                state = SweepState.CANCELLED
            else:
                state = SweepState.PARTIAL if counts["succeeded"] else SweepState.FAILED
            transaction.connection.execute(
                update(tables.sweeps)
                .where(tables.sweeps.c.id == number, tables.sweeps.c.state == SweepState.RUNNING.value)
                .values(state=state.value, ended_at=self._clock.now())
            )
            transaction.emit("sweeps", str(number))
        self._studies.pop(number, None)


# --- rows -----------------------------------------------------------------------------------------


def find(connection: Connection, sweep_id: str) -> RowMapping:
    """The row of a sweep. Raises `NotFound`."""
    number = number_of(sweep_id, "sweep")
    row = connection.execute(select(tables.sweeps).where(tables.sweeps.c.id == number)).mappings().first()
    if row is None:
        raise unknown(sweep_id, "sweep")
    return row


def _children(connection: Connection, sweep: int) -> list[RowMapping]:
    """The newest job of every point, in the order of the points."""
    table = tables.jobs
    rows = connection.execute(select(table).where(table.c.sweep_id == sweep).order_by(table.c.id)).mappings()
    newest: dict[int, RowMapping] = {row["trial"]: row for row in rows}
    return [newest[trial] for trial in sorted(newest)]


def _closed(connection: Connection, sweep: int) -> set[int]:
    """Numbers of jobs whose last attempt has its metrics, or will never have any."""
    job, attempt = tables.jobs, tables.attempts
    rows = connection.execute(
        select(job.c.id, attempt.c.run_closed, attempt.c.run_id)
        .outerjoin(attempt, (attempt.c.job_id == job.c.id) & (attempt.c.number == job.c.attempt))
        .where(job.c.sweep_id == sweep)
    )
    return {row.id for row in rows if row.run_closed or row.run_id is None}


def _shown(connection: Connection, row: RowMapping) -> Sweep:
    points = [
        SweepPoint(job_id=str(one["id"]), state=one["state"], point=one["point"], value=_value(one, row["metric"]))
        for one in _children(connection, row["id"])
    ]
    return Sweep(
        id=str(row["id"]),
        parameters=row["job"]["parameters"],
        options=JobOptions(**row["job"]["options"]),
        space=_space(row["space"]),
        counts=dict(Counter(one.state.value for one in points)),
        best=_best(points, row["direction"]),
        points=points,
        **{
            name: row[name]
            for name in (
                "name", "owner", "state", "notebook", "strategy", "trials", "metric", "direction", "parallel",
                "message", "created_at", "ended_at",
            )
        },
    )  # fmt: skip


def _best(points: Iterable[SweepPoint], direction: str) -> SweepPoint | None:
    """The first point with the best value."""
    valued = [one for one in points if one.value is not None and one.state is JobState.SUCCEEDED]
    sign = 1 if direction == "minimize" else -1
    return min(valued, key=lambda one: sign * (one.value or 0.0), default=None)


def _value(job: RowMapping, metric: str | None) -> float | None:
    """The sweep's metric of a job; without one, the metric that the notebook marks as its own."""
    name = metric or job["metric_name"]
    value = job["metric"].get(name) if name else None
    return float(value) if value is not None else None


def _space_column(spec: SweepSpec) -> dict[str, Any]:
    return {name: one.model_dump() if isinstance(one, Span) else list(one) for name, one in spec.space.items()}


def _space(column: Mapping[str, Any]) -> dict[str, Span | list[Any]]:
    return {name: Span(**one) if isinstance(one, dict) else one for name, one in column.items()}
