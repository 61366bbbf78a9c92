"""Sweeps: one notebook at many points of its parameters, one job for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import insert, select, update

from ....errors import Conflict, Invalid, NotFound
from ....home import Home
from ....models import JobSpec, JobState, Page, Sweep, SweepSpec, SweepState, SweepStudy
from ....protocols import Clock
from ....store import Store, tables
from ...rows import Asked, made_before, newest_first
from ..parameters import schema, validate
from ..rows import SUBMITTED, ask_to_end
from ..service import JobsService
from ..submission import OWN, write_notebook
from ..waiting import wait_for
from .plan import Plan
from .points import insert_point
from .rows import children_of, find, space_column, to_sweep
from .space import Space, check_space, default_space, grid_points, random_points
from .storage import Studies
from .view import StudyViews

FAILED = (JobState.FAILED, JobState.LOST, JobState.CANCELLED)


class SweepsService:
    """Sweeps in the store; their points are jobs."""

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService, wake: Callable[[], None]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._wake = wake
        self._views = StudyViews(Studies(store))

    def create(self, spec: SweepSpec, *, owner: str, idempotency_key: str | None = None) -> Sweep:
        """Queue a job for every point; with `optuna` the engine asks for the points as it goes.

        Raises `Invalid` for a notebook, a parameter, a space or a number of points that cannot be used,
        `Conflict` where the idempotency key was used for something else.
        """
        asked = Asked.of(spec, owner, idempotency_key)
        table = tables.sweeps
        with self._store.read() as connection:
            before = made_before(connection, table, asked)
            if before is not None:
                return to_sweep(connection, before)
        fixed = JobSpec(
            notebook=spec.notebook,
            name=spec.name,
            **{name: getattr(spec, name) for name in spec.model_fields_set & OWN},
        )
        draft = self._jobs.draft(fixed, owner=owner)
        known = schema(draft.notebook)
        plan = Plan.made(spec)
        spec = spec.model_copy(update={"space": spec.space or self._own_space(spec, known)})
        check_space(spec.space, known, grid=spec.strategy == "grid", fixed=spec.parameters)
        points = self._points(spec, known)
        secrets = draft.options.secrets
        for point in points or [{}]:
            validate(known, {**spec.parameters, **point}, secrets=secrets)
        trials = len(points) or spec.trials or 0
        with self._store.write() as transaction:
            before = made_before(transaction.connection, table, asked)
            if before is not None:
                return to_sweep(transaction.connection, before)
            inserted = transaction.connection.execute(
                insert(table).values(
                    name=draft.name,
                    owner=owner,
                    state=SweepState.RUNNING.value,
                    notebook=str(draft.path),
                    folder="",
                    job={"parameters": dict(spec.parameters), "options": draft.options.model_dump(mode="json")},
                    space=space_column(spec.space),
                    strategy=spec.strategy,
                    trials=trials,
                    metric=plan.objectives[0].metric if plan.objectives else None,
                    direction=plan.objectives[0].direction if plan.objectives else spec.direction,
                    study=plan.column,
                    parallel=spec.parallel,
                    seed=spec.seed,
                    created_at=self._clock.now(),
                    **asked.columns,
                )
            ).inserted_primary_key
            assert inserted is not None
            number = int(inserted[0])
            folder = self._home.sweeps / str(number)
            write_notebook(folder / SUBMITTED, draft.notebook)
            transaction.connection.execute(update(table).where(table.c.id == number).values(folder=str(folder)))
            row = find(transaction.connection, str(number))
            for place, point in enumerate(points):
                insert_point(transaction, self._jobs, self._home, self._clock.now(), row, place, point)
            transaction.emit("sweeps", str(number))
        self._wake()
        return self.get(str(number))

    def _own_space(self, spec: SweepSpec, known: Mapping[str, Any]) -> Space:
        """What Optuna chooses from where nobody says it. Raises `Invalid`."""
        space = default_space(known, fixed=spec.parameters) if spec.strategy == "optuna" else {}
        if not space:
            raise Invalid(
                "there is nothing to sweep over",
                hint="give a parameter a list of values or a range; optuna takes those with limits in the notebook",
                fields={"space": "empty"},
            )
        return space

    def prunes(self, number: int) -> bool:
        """True where trials of a sweep may be found hopeless before their end."""
        table = tables.sweeps
        with self._store.read() as connection:
            row = connection.execute(select(table).where(table.c.id == number)).mappings().first()
        return row is not None and Plan.of(row).prunes

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
        if spec.metric is None and not spec.objectives:
            raise Invalid("optuna needs a metric", hint="name one that the notebook logs", fields={"metric": "missing"})
        return []

    def list(self, *, limit: int = 50, after: str | None = None, owner: str | None = None) -> Page[Sweep]:
        """Sweeps, the newest first, without their points."""
        query = newest_first(tables.sweeps, limit=limit, after=after, owner=owner)
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
            items = [to_sweep(connection, row).model_copy(update={"points": []}) for row in rows[:limit]]
        return Page[Sweep](items=items, next=items[-1].id if len(rows) > limit else None)

    def get(self, sweep_id: str) -> Sweep:
        """A sweep with its points and the best one. Raises `NotFound`."""
        with self._store.read() as connection:
            return to_sweep(connection, find(connection, sweep_id))

    def study(self, sweep_id: str) -> SweepStudy:
        """The trials of a sweep by Optuna, and which parameters matter. Raises `NotFound`, for other sweeps, too.

        The first call in a process imports Optuna.
        """
        with self._store.read() as connection:
            row = find(connection, sweep_id)
            children = children_of(connection, row["id"])
            sweep = to_sweep(connection, row)
        if row["strategy"] != "optuna":
            raise NotFound(f"sweep {sweep_id} has no study", hint="sweeps with --optuna have one")
        jobs = {one["trial"]: str(one["id"]) for one in children}
        best = {one.job_id for one in sweep.points if one.front} | ({sweep.best.job_id} if sweep.best else set())
        return self._views.get(row, jobs, [trial for trial, job in jobs.items() if job in best])

    def wait(
        self,
        sweep_id: str,
        *,
        timeout: float | None = None,
        on_change: Callable[[Sweep], None] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> Sweep:
        """Return the sweep once it has ended, or as it stands after `timeout` seconds; see `wait_for`."""
        return wait_for(
            lambda: self.get(sweep_id),
            lambda sweep: sweep.ended_at is not None,
            self._wake,
            timeout=timeout,
            on_change=on_change,
            pause=pause,
        )

    def cancel(self, sweep_id: str) -> Sweep:
        """Ask for the end of all its jobs. Raises `NotFound`, and `Conflict` where it has ended."""
        with self._store.write() as transaction:
            row = find(transaction.connection, sweep_id)
            if row["state"] != SweepState.RUNNING.value:
                raise Conflict(f"sweep {sweep_id} has ended: {row['state']}", hint="there is nothing left to cancel")
            transaction.connection.execute(
                update(tables.sweeps).where(tables.sweeps.c.id == row["id"]).values(cancel_requested=True)
            )
            ask_to_end(transaction, [one["id"] for one in children_of(transaction.connection, row["id"])])
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
            failed = [one for one in children_of(transaction.connection, row["id"]) if one["state"] in FAILED]
            if not failed and row["state"] == SweepState.SUCCEEDED.value:
                raise Conflict(f"every point of sweep {sweep_id} succeeded", hint="there is nothing to run again")
            transaction.connection.execute(
                update(tables.sweeps)
                .where(tables.sweeps.c.id == row["id"])
                .values(state=SweepState.RUNNING.value, cancel_requested=False, ended_at=None, message=None)
            )
            for one in failed:
                insert_point(
                    transaction,
                    self._jobs,
                    self._home,
                    self._clock.now(),
                    row,
                    one["trial"],
                    one["point"],
                    retry_of=one["id"],
                )
            transaction.emit("sweeps", sweep_id)
        self._wake()
        return self.get(sweep_id)
