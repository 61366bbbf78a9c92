"""Retention: old jobs are deleted, with their folders, some at a time.

Which ones is decided by reading alone. Their folders go first and their rows after them, in batches with a short
transaction each: a store with many jobs is never held up, and what a crash leaves half done is found again by the
next call. MLflow's runs stay.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from ...errors import Conflict
from ...models import JobState, Pruned, PruneRequest
from ...protocols import Clock
from ...store import Store, tables
from ..rows import number_of
from .notices.ledger import forget
from .rows import find, refuse_while_needed

ENDED = tuple(state.value for state in JobState if state.ended)
BATCH = 100
LONGEST_PAUSE_S = 1.0


class Found(NamedTuple):
    """A job that is to go."""

    id: int
    folder: str


class Retention:
    """Finds and deletes what is not to be kept."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def prune(
        self, request: PruneRequest, *, owner: str | None = None, stop: Callable[[], bool] = lambda: False
    ) -> Pruned:
        """Delete the ended jobs that `request` means, with `dry_run` only count them.

        Without `ids` only those of `owner` (None: everybody's), and never the newest success of a notebook. What
        belongs to a sweep or a pipeline that runs stays. Ends early where `stop` says so, between two batches.
        Raises `NotFound` for an id that no job has, `Conflict` for one of a job that has not ended; then nothing
        is deleted.
        """
        with self._store.read() as connection:
            if request.ids is not None:
                _refuse_needed(connection, request.ids)
            found = _chosen(connection, request, owner, self._clock.now())
        jobs = size = 0
        took = 0.0
        for batch in _batches(found):
            # SQLite lets nobody queue for its lock: who waits for it looks now and then, and must find it free.
            time.sleep(min(2 * took, LONGEST_PAUSE_S))
            if stop():
                break
            begun = time.monotonic()
            size += sum(size_of(row.folder) for row in batch)
            if request.dry_run:
                jobs += len(batch)
            else:
                jobs += self._delete(batch)
                took = time.monotonic() - begun
        return Pruned(jobs=jobs, bytes=size, dry_run=request.dry_run)

    def _delete(self, batch: Sequence[Found]) -> int:
        for row in batch:
            shutil.rmtree(row.folder, ignore_errors=True)
        numbers = [row.id for row in batch]
        table = tables.jobs
        with self._store.write() as transaction:
            gone = transaction.connection.execute(
                delete(table).where(
                    table.c.id.in_(numbers), table.c.state.in_(ENDED), ~func.coalesce(_part_of_running(), False)
                )
            )
            forget(transaction, "jobs", numbers)
            transaction.emit("jobs", *map(str, numbers))
        return int(gone.rowcount)


def size_of(folder: str) -> int:
    """Bytes of the files in a folder and below; 0 where it is gone. Links are not followed."""
    total = 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def _part_of_running() -> ColumnElement[bool]:
    table, sweeps, pipelines = tables.jobs, tables.sweeps, tables.pipelines
    return or_(
        table.c.sweep_id.in_(select(sweeps.c.id).where(sweeps.c.state == "running")),
        table.c.pipeline_id.in_(select(pipelines.c.id).where(pipelines.c.state == "running")),
    )


def _refuse_needed(connection: Connection, ids: Sequence[str]) -> None:
    for one in ids:
        row = find(connection, one)
        if row["state"] not in ENDED:
            raise Conflict(f"job {one} is {row['state']}", hint=f"cancel it first: jupyter mlplat jobs cancel {one}")
        refuse_while_needed(connection, row)


def _chosen(connection: Connection, request: PruneRequest, owner: str | None, now: datetime) -> list[Found]:
    """What goes, the oldest first."""
    table = tables.jobs
    place = func.row_number().over(partition_by=table.c.notebook, order_by=table.c.id.desc()).label("place")
    ended = (
        select(
            table.c.id,
            table.c.folder,
            table.c.state,
            table.c.owner,
            func.coalesce(table.c.ended_at, table.c.submitted_at).label("ended_at"),
            _part_of_running().label("wanted"),
            place,
        )
        .where(table.c.state.in_(ENDED))
        .subquery()
    )
    conditions = [~func.coalesce(ended.c.wanted, False)]
    if request.ids is not None:
        conditions.append(ended.c.id.in_([number_of(one) for one in request.ids]))
    else:
        newest = (
            select(func.max(table.c.id)).where(table.c.state == JobState.SUCCEEDED.value).group_by(table.c.notebook)
        )
        conditions.append(ended.c.id.not_in(newest))
        if owner is not None:
            conditions.append(ended.c.owner == owner)
    if request.older_than is not None:
        conditions.append(ended.c.ended_at < now - timedelta(seconds=request.older_than))
    if request.keep is not None:
        conditions.append(ended.c.place > request.keep)
    if request.state is not None:
        conditions.append(ended.c.state.in_([state.value for state in request.state]))
    query = select(ended.c.id, ended.c.folder).where(and_(*conditions)).order_by(ended.c.id)
    return [Found(row.id, row.folder) for row in connection.execute(query)]


def _batches(found: Sequence[Found]) -> Iterator[list[Found]]:
    rest = iter(found)
    while batch := list(islice(rest, BATCH)):
        yield batch
