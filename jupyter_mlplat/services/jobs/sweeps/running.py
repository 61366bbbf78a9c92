"""The engine's side of sweeps: further points where a study chooses them, and the end of those that are through."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, RowMapping, select, update

from ....errors import MLPlatError, Unavailable
from ....home import Home
from ....models import JobState, SweepState
from ....protocols import Clock
from ....store import Store, tables
from ..notebookfile import read_notebook
from ..notices import sweep_ended
from ..parameters import schema
from ..rows import SUBMITTED, closed_jobs
from ..service import JobsService
from .points import insert_point
from .rows import children_of, find, space_of
from .storage import Studies, answered
from .study import Study

logger = logging.getLogger("jupyter_mlplat.sweeps")

METRICS_WITHIN = timedelta(minutes=5)
"""A point whose run MLflow does not give in that time has no value."""


class RunningSweeps:
    """Moves sweeps on; only the process that holds the engine's lease uses it."""

    def __init__(self, store: Store, home: Home, clock: Clock, jobs: JobsService) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._jobs = jobs
        self._storages = Studies(store)
        self._studies: dict[int, Study] = {}

    def advance(self) -> bool:
        """Ask for further points, and end the sweeps whose points have ended. True while one runs."""
        table = tables.sweeps
        with self._store.read() as connection:
            running = (
                connection.execute(select(table).where(table.c.state == SweepState.RUNNING.value)).mappings().all()
            )
        for row in running:
            try:
                self._move(row)
            except MLPlatError as error:
                logger.warning("sweep %s waits: %s", row["id"], error.message)  # the next pass tries again
        return bool(running)

    def _move(self, row: RowMapping) -> None:
        told = True
        if row["strategy"] == "optuna":
            try:
                with answered():
                    told = self._ask(row)
            except Unavailable:
                raise
            except Exception as error:
                if not row["cancel_requested"]:
                    logger.exception("sweep %s cannot go on", row["id"])
                    self._give_up(row, f"it could not go on: {_reason(error)}")
        if told:
            self._settle(row["id"])

    def _give_up(self, row: RowMapping, message: str) -> None:
        """No further point: what it has is all that it will have."""
        with self._store.write() as transaction:
            count = max(len(children_of(transaction.connection, row["id"])), 1)
            transaction.connection.execute(
                update(tables.sweeps)
                .where(tables.sweeps.c.id == row["id"])
                .values(trials=count, message=message[:4000], cancel_requested=True)
            )

    def _ask(self, row: RowMapping) -> bool:
        """Tell the study what is known and queue as many new points as may run; True where no trial is open."""
        study = self._studies.get(row["id"])
        if study is None:
            study = Study(self._storages, row)
            self._studies[row["id"]] = study
        with self._store.read() as connection:
            children = children_of(connection, row["id"])
            closed = closed_jobs(connection, tables.jobs.c.sweep_id == row["id"])
        study.forget({one["trial"] for one in children})
        waiting = study.open_trials()
        for one in children:
            if one["trial"] not in waiting or not JobState(one["state"]).ended:
                continue
            well = one["state"] == JobState.SUCCEEDED
            if not well or one["id"] in closed or self._clock.now() - one["ended_at"] > METRICS_WITHIN:
                study.tell(one["trial"], one["metric"] if well else None, pruned=one["pruned_at"] is not None)
                waiting.discard(one["trial"])
        if row["cancel_requested"]:
            return not waiting
        living = sum(1 for one in children if not JobState(one["state"]).ended)
        free = min(row["trials"] - len(children), (row["parallel"] or self._jobs.slots) - living)
        if free <= 0:
            return not waiting
        known = schema(read_notebook(Path(row["folder"]) / SUBMITTED))
        for _ in range(free):
            number, point = study.ask(space_of(row["space"]), known)
            with self._store.write() as transaction:
                insert_point(transaction, self._jobs, self._home, self._clock.now(), row, number, point)
                transaction.emit("sweeps", str(row["id"]))
        return False

    def _settle(self, number: int) -> None:
        with self._store.read() as connection:
            if _counts_at_the_end(connection, number) is None:
                return
        with self._store.write() as transaction:
            row = find(transaction.connection, str(number))
            counts = _counts_at_the_end(transaction.connection, number)
            if counts is None:
                return
            if counts["succeeded"] == row["trials"]:
                state = SweepState.SUCCEEDED
            elif row["cancel_requested"] and row["message"] is None:
                state = SweepState.CANCELLED
            else:
                state = SweepState.PARTIAL if counts["succeeded"] else SweepState.FAILED
            transaction.connection.execute(
                update(tables.sweeps)
                .where(tables.sweeps.c.id == number)
                .values(state=state.value, ended_at=self._clock.now())
            )
            sweep_ended(transaction, row, state.value, self._clock.now())
            transaction.emit("sweeps", str(number))
        self._studies.pop(number, None)


def _reason(error: Exception) -> str:
    if isinstance(error, MLPlatError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return f"{type(error).__name__}: {error}"


def _counts_at_the_end(connection: Connection, number: int) -> Counter[str] | None:
    """How many points a running sweep has in each state, once all of them have ended; None before."""
    row = find(connection, str(number))
    children = children_of(connection, number)
    complete = len(children) >= row["trials"] or row["cancel_requested"]
    if row["state"] != SweepState.RUNNING.value or not complete:
        return None
    counts = Counter(str(one["state"]) for one in children)
    return None if any(not JobState(state).ended for state in counts) else counts
