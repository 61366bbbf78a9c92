"""PostgreSQL is away for a while: jobs that run meanwhile end as they would have, and each instant fires once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.errors import Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import ScheduleSpec
from jupyter_mlplat.platform import Platform

from ..conftest import PostgreSQL, copy_mlflow, fail_on_leftovers, stop_engine
from . import oracle
from .scene import WAIT, runner_of, submit, until, write


class Interrupted(PostgreSQL):
    """A cluster that tests stop; what it has committed survives a crash."""

    def __init__(self, programs: Path) -> None:
        super().__init__(programs)
        self.halt()
        self.resume()

    def halt(self) -> None:
        """End it as a crash would."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def resume(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def freeze(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes: connections stay open and nobody answers."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        for process in [psutil.Process(pid), *psutil.Process(pid).children()]:
            os.kill(process.pid, number)


@pytest.fixture(scope="module")
def server(postgresql_server: PostgreSQL) -> Iterator[Interrupted]:
    made = Interrupted(postgresql_server._programs)
    made.execute("CREATE DATABASE store")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def platform(
    server: Interrupted, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path
) -> Iterator[Platform]:
    home = Home(tmp_path_factory.mktemp("postgresql") / "mlplat").ensure()
    copy_mlflow(mlflow_database, home)
    made = Platform(home_dir=str(home.root), db_url=server.url("store"))
    yield made
    stop_engine(made)
    made.close()
    fail_on_leftovers(home.root)


@pytest.mark.parametrize("seconds", [8.0, pytest.param(30.0, marks=pytest.mark.long)])
def test_a_store_that_is_away_while_jobs_run(
    platform: Platform, server: Interrupted, tmp_path: Path, seconds: float
) -> None:
    job = submit(platform, tmp_path, WAIT, "print('end')")
    until((tmp_path / "begun").exists)
    until(lambda: platform.jobs.get(job.id).state == "running")
    for name in ("scheduled", "queued"):
        (tmp_path / name).mkdir()
    spec = ScheduleSpec(notebook=str(write(tmp_path / "scheduled", "1")), every=3.0, overlap="skip")
    schedule = platform.schedules.create(spec, owner="ada")
    runner, engine = runner_of(job), living_engine(platform)
    assert engine is not None
    queued = submit(platform, tmp_path / "queued", "print('queued')")  # it is being started when the store goes away
    until(lambda: platform.jobs.get(queued.id).state != "queued")
    server.halt()
    gone = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        submit(platform, tmp_path / "queued", "1")
    assert refused.value.hint
    (tmp_path / "go").touch()
    runner.wait(timeout=30)
    time.sleep(max(0.0, gone + seconds - time.monotonic()))  # as long as the fault lasts
    server.resume()
    after = platform.jobs.wait(job.id, timeout=60)
    assert (after.state, after.attempt) == ("succeeded", 1), after
    assert platform.jobs.log(job.id).text == "end\n"
    assert platform.jobs.wait(queued.id, timeout=60).state == "succeeded"
    until(lambda: platform.schedules.get(schedule.id).last is not None)
    platform.schedules.pause(schedule.id)
    still = living_engine(platform)
    assert still is not None
    assert still.pid == engine.pid
    oracle.check(platform)
    decided = platform.schedules.occurrences(schedule.id, limit=100).items
    assert min(one.scheduled_for for one in decided) == schedule.created_at + timedelta(seconds=3)


def test_a_message_that_postgresql_does_not_take(platform: Platform, tmp_path: Path) -> None:
    job = submit(platform, tmp_path, "raise ValueError('a\\x00b\\udc80c')")
    after = platform.jobs.wait(job.id, timeout=60)
    assert (after.state, after.reason) == ("failed", "cell_error"), after
    assert after.message.startswith("cell 0: ValueError: a\\0b")
    oracle.check(platform)


@pytest.mark.long
def test_a_store_that_answers_nothing_for_forty_seconds(
    platform: Platform, server: Interrupted, tmp_path: Path
) -> None:
    job = submit(platform, tmp_path, WAIT)
    until((tmp_path / "begun").exists)
    until(lambda: platform.jobs.get(job.id).state == "running")
    runner = runner_of(job)
    server.freeze(signal.SIGSTOP)
    try:
        time.sleep(40.0)  # longer than a runner waits for an acknowledgement
        assert runner.is_running()
    finally:
        server.freeze(signal.SIGCONT)
    (tmp_path / "go").touch()
    after = platform.jobs.wait(job.id, timeout=60)
    assert (after.state, after.attempt) == ("succeeded", 1), after
    oracle.check(platform)
