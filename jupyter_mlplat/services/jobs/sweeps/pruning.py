"""Which running trials of a study are hopeless, by what they reported and what other trials had reached by then."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, select

from ....models import JobState, SweepState
from ....store import Store, tables
from ..claim import parse_key
from .plan import Plan
from .storage import Studies, answered
from .study import Study

ACTIVE = (JobState.STARTING.value, JobState.RUNNING.value)


class Pruning:
    """Reads and writes running studies; only the process that holds the engine's lease uses it.

    It opens them by itself: what chooses points, on another thread, may take seconds for one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._storages = Studies(store)
        self._studies: dict[int, Study] = {}
        self._trials: dict[str, tuple[int, int]] = {}
        """Sweep and number of the trial of an attempt that has asked before; a study knows when a trial is over."""

    def hopeless(self, key: str, reports: Sequence[tuple[int, float]]) -> bool:
        """Keep what an attempt reported in the study; True where its pruner finds that it may end.

        False, too, for an attempt that is over, and for one of no sweep. Raises `Unavailable` where the study is in a
        database that does not answer.
        """
        with answered():
            return self._told(key, reports)

    def _told(self, key: str, reports: Sequence[tuple[int, float]]) -> bool:
        if key not in self._trials:
            row = self._find(key)
            if row is None:
                return False
            if not Plan.of(row).prunes:
                return False
            if row["id"] not in self._studies:
                self._forget()
                self._studies[row["id"]] = Study(self._storages, row)
            self._trials[key] = row["id"], row["trial"]
        sweep, trial = self._trials[key]
        return self._studies[sweep].report(trial, reports)

    def _find(self, key: str) -> RowMapping | None:
        """The sweep of a running attempt, and its trial."""
        number, attempt = parse_key(key)
        job, sweep = tables.jobs, tables.sweeps
        query = (
            select(job.c.trial, sweep)
            .join(sweep, sweep.c.id == job.c.sweep_id)
            .where(
                job.c.id == number,
                job.c.attempt == attempt,
                job.c.state.in_(ACTIVE),
                sweep.c.state == SweepState.RUNNING.value,
            )
        )
        with self._store.read() as connection:
            return connection.execute(query).mappings().first()

    def _forget(self) -> None:
        """The studies of sweeps that have ended."""
        table = tables.sweeps
        query = select(table.c.id).where(table.c.state == SweepState.RUNNING.value)
        with self._store.read() as connection:
            running = set(connection.execute(query).scalars())
        self._studies = {sweep: study for sweep, study in self._studies.items() if sweep in running}
        self._trials = {key: place for key, place in self._trials.items() if place[0] in self._studies}
