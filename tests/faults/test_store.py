"""The store's file is locked by somebody else, or damaged: nothing is lost, nothing is made worse, and it is said."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.errors import Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import ScheduleSpec
from jupyter_mlplat.platform import Platform

from ..shell import here
from . import oracle
from .scene import VICTIMS, WAIT, WithoutEngine, processes, runner_of, submit, until, write

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program is writing all the time."""
    program = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield


@pytest.mark.parametrize("seconds", [10.0, pytest.param(45.0, marks=pytest.mark.long)])
def test_a_store_that_is_locked_while_a_job_runs(warm: Platform, tmp_path: Path, seconds: float) -> None:
    job = submit(warm, tmp_path, WAIT, "print('end')")
    (tmp_path / "other").mkdir()
    spec = ScheduleSpec(notebook=str(write(tmp_path / "other", "1")), every=2.0, overlap="skip")
    until((tmp_path / "begun").exists)
    until(lambda: warm.jobs.get(job.id).state == "running")
    schedule = warm.schedules.create(spec, owner="ada")
    before = living_engine(warm)
    runner = runner_of(job)
    with locked(warm.home.database):
        held = time.monotonic()
        if seconds < 30:
            (tmp_path / "go").touch()
            runner.wait(timeout=30)
        time.sleep(max(0.0, held + seconds - time.monotonic()))  # as long as the fault lasts
        assert runner.is_running() == (seconds >= 30), "the runner was told all the time that it is wanted"
        assert warm.jobs.get(job.id).state == "running"
    (tmp_path / "go").touch()
    after = warm.jobs.wait(job.id, timeout=60)
    assert (after.state, after.attempt) == ("succeeded", 1), after
    until(lambda: warm.schedules.occurrences(schedule.id).items)
    warm.schedules.pause(schedule.id)
    assert living_engine(warm) == before or living_engine(warm).pid == before.pid  # type: ignore[union-attr]
    oracle.check(warm)


def damage(database: Path) -> None:
    """Overwrite everything between the first and the last page."""
    size = database.stat().st_size
    with open(database, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 2 * 4096))


def test_a_damaged_store_is_told_and_not_touched(home: Home, tmp_path: Path) -> None:
    platform = WithoutEngine()
    job = submit(platform, tmp_path, "1")
    platform.close()
    assert not platform.home.database.with_name("mlplat.db-wal").exists()
    whole = platform.home.database.read_bytes()
    damage(platform.home.database)
    before = hashlib.sha256(platform.home.database.read_bytes()).hexdigest()
    notebook = str(tmp_path / "nb.ipynb")
    for words in (["jobs", "list"], ["jobs", "show", job.id], ["jobs", "run", notebook], ["schedules", "list"],
                  ["schedules", "create", notebook, "--every", "1h"], ["stop"], ["scheduler"]):  # fmt: skip
        done = here(*words)
        assert done.returncode == 5, (words, done)
        *_, error, hint = done.stderr.splitlines()
        assert error.startswith("error: the store sqlite:"), (words, done.stderr)
        assert "is damaged: " in error
        assert "backup" in hint, (words, done.stderr)
        assert "Traceback" not in done.stderr
    shown = here("status")
    assert shown.returncode == 0
    assert "is damaged" in shown.stdout
    # An engine that somebody starts all the same leaves, and leaves the file as it is.
    detached = subprocess.run(
        [sys.executable, "-m", "jupyter_mlplat.engine", "--detached"],
        env={**os.environ}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert detached.returncode != 0
    assert "is damaged" in detached.stderr
    assert processes(platform, VICTIMS["engine"]) == []
    assert hashlib.sha256(platform.home.database.read_bytes()).hexdigest() == before
    platform.close()
    # What a backup is for: all is as it was.
    platform.home.database.write_bytes(whole)
    assert platform.jobs.get(job.id).state == "queued"
    oracle.intact(platform)
    platform.close()


@pytest.mark.long
def test_an_engine_leaves_a_store_that_is_damaged_under_it(platform: Platform, tmp_path: Path) -> None:
    job = submit(platform, tmp_path, "1")
    assert platform.jobs.wait(job.id, timeout=120).state == "succeeded"
    whole = platform.home.database.read_bytes()
    (engine,) = processes(platform, VICTIMS["engine"])
    with closing(sqlite3.connect(platform.home.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # from now on the pages are in the file itself
        damage(platform.home.database)
    engine.wait(timeout=60)
    with pytest.raises(Unavailable, match="is damaged"):
        platform.jobs.list()
    assert [one.cmdline() for one in processes(platform, lambda _: True)] == []
    *_, last = (platform.home.log / "engine.log").read_text().splitlines()
    assert last.startswith("the engine cannot run: the store sqlite:")
    platform.close()
    for name in ("mlplat.db-wal", "mlplat.db-shm"):
        platform.home.database.with_name(name).unlink(missing_ok=True)
    platform.home.database.write_bytes(whole)
