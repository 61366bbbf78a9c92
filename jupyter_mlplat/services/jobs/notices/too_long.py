"""What takes too long: told once, while it still runs."""

from __future__ import annotations

from datetime import datetime
from statistics import median

from sqlalchemy import Connection, RowMapping, func, select

from ....models import JobState, NoticeEvent, Notify
from ....protocols import Clock
from ....store import Store, tables
from . import wording
from .ends import read_notify
from .ledger import About, Noun, enqueue, told

FEWEST = 3
"""So many successes tell how long a notebook usually takes; fewer tell nothing."""

HISTORY = 10
TIMES = 2.0


class LongRunning:
    """Finds what runs for too long; only the process that holds the engine's lease uses it.

    A job counts from the start of its attempt, a sweep or a pipeline from when it was made or run again. Without a
    bound of its own a job takes too long after twice the median of its notebook's last successes; a sweep or a
    pipeline never does.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def look(self) -> int:
        """Queue notices about what takes too long by now; returns how many."""
        now = self._clock.now()
        found: list[tuple[Noun, RowMapping, datetime, float, float | None, list[Notify]]] = []
        with self._store.read() as connection:
            for noun, row, notify, since in _running(connection):
                passed = (now - since).total_seconds()
                usual = _usual(connection, row) if noun == "jobs" else None
                usually = TIMES * usual if usual else None
                known = told(connection, About(noun, row["id"], row["owner"]), NoticeEvent.TOO_LONG)
                late = [
                    (bound, one)
                    for one in notify
                    if one.to not in known and (bound := one.after or usually) is not None and passed > bound
                ]
                if late:
                    named = any(one.after is not None for _, one in late)
                    bound = min(each for each, _ in late)
                    found.append((noun, row, since, bound, None if named else usual, [one for _, one in late]))
        for noun, row, since, bound, usual, late_ones in found:
            self._tell(noun, row, since, bound, usual, late_ones, now)
        return len(found)

    def _tell(
        self,
        noun: Noun,
        row: RowMapping,
        since: datetime,
        bound: float,
        usual: float | None,
        notify: list[Notify],
        now: datetime,
    ) -> None:
        table = {"jobs": tables.jobs, "sweeps": tables.sweeps, "pipelines": tables.pipelines}[noun]
        about = About(noun, row["id"], row["owner"])
        with self._store.write() as transaction:
            # It may have ended in between, and who hears of its end needs no warning.
            query = select(table.c.state).where(table.c.id == row["id"]).with_for_update()
            if transaction.connection.execute(query).scalar() != "running":
                return
            enqueue(
                transaction,
                about,
                notify,
                [NoticeEvent.TOO_LONG],
                lambda event: wording.too_long(noun, row, since, bound, usual, now),
                now,
            )
            transaction.emit(noun, str(row["id"]))


def _running(connection: Connection) -> list[tuple[Noun, RowMapping, list[Notify], datetime]]:
    """What runs and has somebody to tell, and since when."""
    found: list[tuple[Noun, RowMapping, list[Notify], datetime]] = []
    job = tables.jobs
    for row in connection.execute(select(job).where(job.c.state == JobState.RUNNING.value)).mappings():
        alone = row["sweep_id"] is None and row["pipeline_id"] is None
        if alone and row["started_at"] is not None and (notify := _wanting(row["notify"])):
            found.append(("jobs", row, notify, row["started_at"]))
    groups: tuple[Noun, ...] = ("sweeps", "pipelines")
    for noun in groups:
        table = tables.sweeps if noun == "sweeps" else tables.pipelines
        own = job.c.sweep_id if noun == "sweeps" else job.c.pipeline_id
        for row in connection.execute(select(table).where(table.c.state == "running")).mappings():
            column = row["job"]["options"].get("notify") if noun == "sweeps" else row["notify"]
            if notify := _wanting(column):
                again = connection.execute(
                    select(func.max(job.c.submitted_at)).where(own == row["id"], job.c.retry_of.is_not(None))
                ).scalar()
                found.append((noun, row, notify, again or row["created_at"]))
    return found


def _wanting(column: list[object] | None) -> list[Notify]:
    return [one for one in read_notify(column) if NoticeEvent.TOO_LONG in one.on]


def _usual(connection: Connection, row: RowMapping) -> float | None:
    """Seconds that the notebook took, by the median of its last successes; None where there are too few."""
    table = tables.jobs
    rows = connection.execute(
        select(table.c.started_at, table.c.ended_at)
        .where(
            table.c.notebook == row["notebook"],
            table.c.state == JobState.SUCCEEDED.value,
            table.c.sweep_id.is_(None),
            table.c.started_at.is_not(None),
        )
        .order_by(table.c.id.desc())
        .limit(HISTORY)
    ).all()
    taken = [(one.ended_at - one.started_at).total_seconds() for one in rows if one.ended_at is not None]
    return median(taken) if len(taken) >= FEWEST else None
