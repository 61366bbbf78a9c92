"""The wall clock jumps: no instant fires twice or is lost, and nothing that lives is taken for dead."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.engine.loop import Engine
from jupyter_mlplat.engine_lease import EngineLease
from jupyter_mlplat.models import ScheduleSpec
from jupyter_mlplat.platform import Platform, SystemClock
from jupyter_mlplat.store import tables

from . import oracle
from .scene import WAIT, runner_of, submit, until, write


class Jumping(SystemClock):
    """The machine's clock, which somebody sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@contextmanager
def engine_here(platform: Platform) -> Iterator[EngineLease]:
    """The engine in a thread of this process, so that its clock is ours; it ends with all that it keeps."""
    lease = EngineLease(platform.store)
    assert lease.acquire()
    platform.warm_kernels = 0  # what waits outlives an engine, until `stop`
    engine = Engine(platform, lease)
    thread = threading.Thread(target=engine.run, name="engine")
    thread.start()
    try:
        yield lease
    finally:
        engine.leave("cancel")
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_a_wall_clock_that_jumps(platform: Platform, tmp_path: Path) -> None:
    clock = Jumping()
    platform.__dict__["clock"] = clock
    with engine_here(platform) as lease:
        job = submit(platform, tmp_path, WAIT, "print('end')", timeout=600.0, cell_timeout=600.0)
        (tmp_path / "other").mkdir()
        spec = ScheduleSpec(notebook=str(write(tmp_path / "other", "1")), every=60.0)
        until((tmp_path / "begun").exists, 90)
        until(lambda: platform.jobs.get(job.id).state == "running")
        runner = runner_of(job)
        schedule = platform.schedules.create(spec, owner="ada")

        def decided() -> list[str]:
            page = platform.schedules.occurrences(schedule.id, limit=1000)
            assert page.next is None
            return [one.state.value for one in reversed(page.items)]

        assert decided() == []
        clock.ahead = timedelta(hours=1, seconds=1)
        until(lambda: len(decided()) == 60, what="the sixty instants of the hour")
        assert decided() == ["missed"] * 59 + ["ran"]
        clock.ahead = timedelta(hours=-2)
        looks = threading.Event()
        until(lambda: looks.wait(2.0) or True)  # the engine looks eight times
        assert len(decided()) == 60, "what has been decided is decided"
        clock.ahead = timedelta(hours=1, minutes=1, seconds=1)
        until(lambda: len(decided()) == 61, what="the next instant")
        assert decided()[60:] == ["ran"]
        holder = living_engine(platform)
        assert holder is not None
        assert (holder.pid, lease.lost.is_set(), runner.is_running()) == (os.getpid(), False, True)
        (tmp_path / "go").touch()
        after = platform.jobs.wait(job.id, timeout=60)
        assert (after.state, after.attempt) == ("succeeded", 1), after
        platform.schedules.pause(schedule.id)
        oracle.check(platform)
    assert living_engine(platform) is None


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_lease_whose_time_is_over_is_its_owners_while_that_lives(platform: Platform, hours: int) -> None:
    ours, other = EngineLease(platform.store), EngineLease(platform.store)
    assert ours.acquire()
    with platform.store.write() as transaction:
        moment = datetime.now(UTC) + timedelta(hours=hours)
        transaction.connection.execute(update(tables.engine).values(expires=moment))
    assert not other.acquire()
    ours.renew()
    assert not ours.lost.is_set()
    ours.release()
    assert other.acquire()
    other.release()


def test_a_lease_of_another_host_is_free_when_its_time_is_over(platform: Platform) -> None:
    theirs, ours = EngineLease(platform.store), EngineLease(platform.store)
    assert theirs.acquire()
    with platform.store.write() as transaction:
        transaction.connection.execute(
            update(tables.engine).values(host="other:boot", expires=datetime.now(UTC) + timedelta(seconds=1.0))
        )
    assert not ours.acquire()
    began = time.monotonic()
    until(ours.acquire, 5)
    assert time.monotonic() - began > 0.5
    theirs.renew()
    assert theirs.lost.is_set()
    ours.release()
