"""Two servers on one store, each of which keeps a scheduler: the leader is killed again and again, and each instant
has one occurrence and one job."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import ScheduleSpec
from jupyter_mlplat.platform import Platform

from ..conftest import copy_mlflow, fail_on_leftovers, stop_engine
from . import oracle
from .scene import until, write


class Server:
    """Starts `jupyter mlplat scheduler` again whenever it has ended, as a service manager does."""

    def __init__(self, home: Home, store: str | None) -> None:
        self._environment = {**os.environ, "MLPLAT_HOME": str(home.root), **({"MLPLAT_DB_URL": store} if store else {})}
        self._log = open(home.log / "scheduler.log", "ab")  # noqa: SIM115 - as long as the server lives
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self.statuses: list[int] = []
        self._thread.start()

    def _keep(self) -> None:
        program = [sys.executable, "-m", "jupyter_mlplat.cli", "scheduler"]
        while not self._ended.wait(0.2):
            self._process = subprocess.Popen(program, env=self._environment, stderr=self._log, stdout=self._log)
            self.statuses.append(self._process.wait())

    def end(self) -> None:
        """Let it end by itself, and start it no more."""
        self._ended.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        self._thread.join(timeout=60)
        self._log.close()


@contextmanager
def servers(homes: list[Home], store: str | None) -> Iterator[list[Server]]:
    made = [Server(home, store) for home in homes]
    try:
        yield made
    finally:
        for one in made:
            one.end()


@pytest.mark.parametrize(
    ("kind", "rounds"),
    [
        ("sqlite", 2),
        pytest.param("sqlite", 20, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
        pytest.param("postgresql", 3, marks=pytest.mark.long),
        pytest.param("postgresql", 20, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_the_leader_is_killed_again_and_again(
    kind: str, rounds: int, tmp_path: Path, mlflow_database: Path, request: pytest.FixtureRequest
) -> None:
    seed = int(os.environ.get("MLPLAT_SEED", "20261121"))
    print(f"MLPLAT_SEED={seed}")  # noqa: T201 - a failure is repeated with it
    dice = random.Random(seed)
    store = request.getfixturevalue("postgresql_url") if kind == "postgresql" else None
    # On PostgreSQL each server has a data directory of its own; a store that is a file is shared with all of it.
    names = ["one", "two"] if store else ["one", "one"]
    homes = [Home(tmp_path / name).ensure() for name in names]
    for home in {home.root: home for home in homes}.values():
        copy_mlflow(mlflow_database, home)
    platform = Platform(home_dir=str(homes[0].root), **({"db_url": store} if store else {}))
    spec = ScheduleSpec(notebook=str(write(tmp_path, "1")), every=2.0, overlap="skip", retries=50, retry_delay=0.0)
    killed: list[int] = []
    with servers(homes, store) as both:
        until(lambda: living_engine(platform))
        schedule = platform.schedules.create(spec, owner="ada")
        for _ in range(rounds):
            until(lambda: (now := living_engine(platform)) is not None and now.pid not in killed, what="a new leader")
            time.sleep(dice.uniform(0.0, 3.0))
            leader = living_engine(platform)
            if leader is None:
                continue
            killed.append(leader.pid)
            os.kill(leader.pid, signal.SIGKILL)
        until(lambda: platform.schedules.occurrences(schedule.id).items, what="an occurrence")
        platform.schedules.pause(schedule.id)
        until(lambda: all(job.state.ended for job in platform.jobs.list(limit=1000).items), 120, "the end of all jobs")
        oracle.check(platform)
        statuses = {status for one in both for status in one.statuses}
        assert statuses <= {0, 4, -signal.SIGKILL}, "a second leader is a conflict, nothing else"
        assert {job.state for job in platform.jobs.list(limit=1000).items} == {"succeeded"}
    for home in homes:
        stop_engine(Platform(home_dir=str(home.root), **({"db_url": store} if store else {})))
    platform.close()
    for home in homes:
        fail_on_leftovers(home.root)
