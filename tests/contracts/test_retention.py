"""Which jobs are deleted, and that nobody waits for it, over SQLite and PostgreSQL."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import func, insert, select, update

from jupyter_mlplat.errors import Conflict, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import JobSpec, Pruned, PruneRequest, SweepSpec
from jupyter_mlplat.services.jobs import JobQueue, JobsService, Retention, RunningSweeps, SweepsService
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock


@pytest.fixture
def other(notebook: Path) -> Path:
    path = notebook.with_name("other.ipynb")
    path.write_bytes(notebook.read_bytes())
    return path


class History:
    """Jobs that ended one hour after another; `ran` names them by notebook and state."""

    def __init__(self, jobs: JobsService, queue: JobQueue, clock: ManualClock) -> None:
        self.jobs, self.queue, self.clock = jobs, queue, clock

    def ran(self, notebook: Path, *states: str, owner: str = "ada") -> list[str]:
        made = []
        for state in states:
            job = self.jobs.submit(JobSpec(notebook=str(notebook)), owner=owner)
            (claim,) = self.queue.claim(1)
            self.queue.end(claim.key, {"state": state, "reason": None if state == "succeeded" else "cell_error"})
            self.clock.move(hours=1)
            made.append(job.id)
        return made

    def left(self) -> list[str]:
        return [job.id for job in reversed(self.jobs.list(limit=500).items)]


@pytest.fixture
def history(jobs: JobsService, queue: JobQueue, clock: ManualClock) -> History:
    return History(jobs, queue, clock)


def request(**fields: object) -> PruneRequest:
    return PruneRequest.model_validate(fields)


def test_the_old_ones_go_and_the_newest_success_of_each_notebook_stays(
    jobs: JobsService, history: History, notebook: Path, other: Path
) -> None:
    a = history.ran(notebook, "succeeded", "succeeded", "failed")
    b = history.ran(other, "succeeded", "failed", "failed")
    folders = [Path(jobs.get(one).folder) for one in a + b]
    (folders[0] / "attempt-1").mkdir()
    (folders[0] / "attempt-1" / "log.txt").write_bytes(b"x" * 5000)
    (folders[0] / "link").symlink_to(folders[5] / "submitted.ipynb")
    would = jobs.prune(request(older_than=2 * 3600, dry_run=True))
    assert (would.jobs, would.dry_run) == (2, True)
    assert would.bytes > 5000
    assert history.left() == a + b
    assert all(folder.exists() for folder in folders)
    assert jobs.prune(request(older_than=2 * 3600)) == Pruned(jobs=2, bytes=would.bytes, dry_run=False)
    assert history.left() == [a[1], *b]
    assert [folder.exists() for folder in folders] == [job in history.left() for job in a + b]
    assert (folders[5] / "submitted.ipynb").exists()


def test_so_many_of_each_notebook_stay(jobs: JobsService, history: History, notebook: Path, other: Path) -> None:
    a = history.ran(notebook, "succeeded", "failed", "failed", "failed")
    b = history.ran(other, "failed", "failed")
    assert jobs.prune(request(keep=2)).jobs == 1
    assert history.left() == [a[0], a[2], a[3], *b]
    assert jobs.prune(request(keep=0)).jobs == 4
    assert history.left() == [a[0]], "the newest success"


def test_all_conditions_count_together(jobs: JobsService, history: History, notebook: Path) -> None:
    a = history.ran(notebook, "failed", "cancelled", "lost", "failed", "failed")
    assert jobs.prune(request(older_than=4.5 * 3600, keep=1)).jobs == 1
    assert jobs.prune(request(older_than=0, keep=1, state=["failed"])).jobs == 1
    assert history.left() == [a[1], a[2], a[4]]
    assert jobs.prune(request(older_than=0, keep=5)).jobs == 0
    assert jobs.prune(request(older_than=24 * 3600, keep=0)).jobs == 0
    assert jobs.prune(request(ids=[a[1], a[4]], state=["cancelled"])).jobs == 1


def test_only_ones_own(jobs: JobsService, history: History, notebook: Path) -> None:
    (mine,), (hers,) = history.ran(notebook, "failed"), history.ran(notebook, "failed", owner="grace")
    assert jobs.prune(request(older_than=0), owner="ada").jobs == 1
    assert history.left() == [hers]
    assert jobs.prune(request(ids=[hers]), owner="ada").jobs == 1, "as it is with one that is named"
    assert mine not in history.left()


def test_named_ones_go_too_where_they_are_the_newest_success(
    jobs: JobsService, queue: JobQueue, history: History, notebook: Path
) -> None:
    first, second = history.ran(notebook, "succeeded", "succeeded")
    living = jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    for ids, error in (([first, living.id], Conflict), ([first, "99"], NotFound), ([first, "x"], NotFound)):
        with pytest.raises(error):
            jobs.prune(request(ids=ids))
        assert history.left() == [first, second, living.id]
    assert jobs.prune(request(ids=[first, second, second])).jobs == 2
    queue.claim(1)
    assert jobs.prune(request(older_than=0, keep=0)).jobs == 0
    assert history.left() == [living.id], "never one that lives"


def test_points_of_a_running_sweep_stay(
    jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, history: History, notebook: Path
) -> None:
    sweeps, running = SweepsService(store, home, clock, jobs, lambda: None), RunningSweeps(store, home, clock, jobs)
    spec = SweepSpec.model_validate({"notebook": str(notebook), "space": {"x": [1, 2]}})
    sweep = sweeps.create(spec, owner="ada")
    for number in (1, 2):
        (claim,) = queue.claim(1)
        queue.end(claim.key, {"state": "failed", "reason": "cell_error"})
        clock.move(hours=1)
        running.advance()
        assert jobs.prune(request(older_than=0)).jobs == (0 if number == 1 else 2)
        if number == 1:
            with pytest.raises(Conflict, match=f"belongs to sweep {sweep.id}, which is running"):
                jobs.prune(request(ids=[str(claim.row["id"])]))
    assert sweeps.get(sweep.id).state == "failed"


def test_it_must_be_said_which() -> None:
    for fields in ({}, {"state": ["failed"]}, {"older_than": -1}, {"keep": -1}, {"ids": []}, {"keep": 1, "state": []}):
        with pytest.raises(ValidationError):
            request(**fields)


def test_what_a_crash_left_half_done_is_found_again(jobs: JobsService, history: History, notebook: Path) -> None:
    import shutil

    (first,) = history.ran(notebook, "failed")
    shutil.rmtree(jobs.get(first).folder)
    assert jobs.prune(request(older_than=0)) == Pruned(jobs=1, bytes=0, dry_run=False)
    assert history.left() == []


def test_it_stops_when_it_is_asked_to(
    jobs: JobsService, store: Store, clock: ManualClock, history: History, notebook: Path
) -> None:
    many(store, clock, notebook, 250)
    looks = iter([False, True])
    assert Retention(store, clock).prune(request(older_than=0), stop=lambda: next(looks)).jobs == 100
    assert Retention(store, clock).prune(request(older_than=0)).jobs == 150


def many(store: Store, clock: ManualClock, notebook: Path, count: int) -> None:
    """Ended jobs without folders, with an attempt and a cell each."""
    ended = clock.now() - timedelta(days=1)
    row = {
        "name": "many", "notebook": str(notebook), "owner": "ada", "state": "failed", "attempt": 1, "parameters": {},
        "folder": "/nowhere", "metric": {}, "cancel_requested": False, "cells_total": 1, "cells_done": 0,
        "submitted_at": ended, "ended_at": ended,
    }  # fmt: skip
    with store.write() as transaction:
        transaction.connection.execute(insert(tables.jobs), [row] * count)
        numbers = list(transaction.connection.execute(select(tables.jobs.c.id)).scalars())
        transaction.connection.execute(
            insert(tables.attempts),
            [
                {"job_id": number, "number": 1, "state": "failed", "claimed_at": ended, "run_closed": True}
                for number in numbers
            ],
        )
        transaction.connection.execute(
            insert(tables.cells), [{"job_id": number, "attempt": 1, "index": 0, "state": "error"} for number in numbers]
        )


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_nobody_waits_for_it(jobs: JobsService, store: Store, clock: ManualClock, notebook: Path, count: int) -> None:
    many(store, clock, notebook, count)
    done = threading.Event()
    waits: list[float] = []

    def write() -> None:
        while not done.is_set():
            begun = time.perf_counter()
            with store.write() as transaction:
                transaction.connection.execute(update(tables.jobs).where(tables.jobs.c.id == 1).values(name="other"))
            waits.append(time.perf_counter() - begun)
            time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    begun = time.perf_counter()
    try:
        pruned = jobs.prune(request(older_than=0, keep=10))
    finally:
        done.set()
        writer.join()
    print(f"{count} jobs in {time.perf_counter() - begun:.1f} s; longest wait {max(waits):.3f} s")  # noqa: T201
    assert pruned.jobs == count - 10
    with store.read() as connection:
        for table in (tables.jobs, tables.attempts, tables.cells):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 10
    assert max(waits) < 2.0
