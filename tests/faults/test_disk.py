"""The data directory is full: jobs end with a true reason, the engine stays, and freed space is all that it takes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.errors import MLPlatError
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import ScheduleSpec
from jupyter_mlplat.platform import Platform

from ..conftest import copy_mlflow, fail_on_leftovers, stop_engine
from . import oracle
from .scene import WAIT, runner_of, submit, until, write


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Platform]:
    """A platform whose data directory is a file system of 48 MB."""
    disk = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this user cannot mount a small file system: {mounted.stderr.strip()}")
    try:
        home = Home(disk / "mlplat").ensure()
        copy_mlflow(mlflow_database, home)
        made = Platform(home_dir=str(home.root))
        yield made
        (home.root / "filler").unlink(missing_ok=True)
        stop_engine(made)
        made.close()
        fail_on_leftovers(home.root)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(home: Home) -> Path:
    """Take every byte that is left."""
    path = home.root / "filler"
    with open(path, "ab", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return path


def engine_of(platform: Platform) -> int:
    holder = living_engine(platform)
    assert holder is not None
    return holder.pid


def test_a_job_that_fills_the_disk(small: Platform, tmp_path: Path) -> None:
    filler = small.home.root / "filler"
    cell = (
        "import os\nopen('pid', 'w').write(str(os.getpid()))\n"
        f"with open({str(filler)!r}, 'ab', buffering=0) as file:\n    while True: file.write(b'x' * 2**16)"
    )
    job = submit(small, tmp_path, "1", cell, "2")
    until((tmp_path / "pid").exists)
    engine, runner = engine_of(small), runner_of(job)
    runner.wait(timeout=60)
    assert not small.jobs.get(job.id).state.ended or filler.exists()
    filler.unlink()
    after = small.jobs.wait(job.id, timeout=60)
    assert (after.state, after.reason) == ("failed", "cell_error"), after
    assert "No space left on device" in after.message
    assert [one.state for one in after.cells] == ["ok", "error", "not_run"]
    assert engine_of(small) == engine
    assert small.jobs.wait(submit(small, tmp_path, "print('again')").id, timeout=60).state == "succeeded"
    oracle.check(small)


def test_a_full_disk_ends_no_engine_and_loses_no_instant(small: Platform, tmp_path: Path) -> None:
    job = submit(small, tmp_path, WAIT, "print('x' * 100_000)")
    (tmp_path / "other").mkdir()
    spec = ScheduleSpec(notebook=str(write(tmp_path / "other", "1")), every=1.0, overlap="skip")
    until((tmp_path / "begun").exists)
    engine, runner = engine_of(small), runner_of(job)
    schedule = small.schedules.create(spec, owner="ada")
    filler = fill(small.home)
    (tmp_path / "go").touch()
    runner.wait(timeout=60)
    with pytest.raises(MLPlatError) as refused:
        submit(small, tmp_path, "1")
    assert refused.value.exit_code == 5
    assert refused.value.hint
    assert engine_of(small) == engine
    filler.unlink()
    after = small.jobs.wait(job.id, timeout=60)
    assert (after.state, after.reason) == ("failed", "backend_unavailable"), after
    assert "No space left on device" in after.message
    until(lambda: small.schedules.occurrences(schedule.id).items)
    small.schedules.pause(schedule.id)
    assert engine_of(small) == engine
    assert small.jobs.wait(submit(small, tmp_path, "print('again')").id, timeout=60).state == "succeeded"
    oracle.check(small)


@pytest.mark.long
def test_an_engine_that_finds_the_disk_full_is_no_loop(small: Platform, tmp_path: Path) -> None:
    job = submit(small, tmp_path, "print('at last')")
    assert small.jobs.wait(job.id, timeout=60).state == "succeeded"
    stop_engine(small)
    filler = fill(small.home)
    program = [sys.executable, "-m", "jupyter_mlplat.cli", "scheduler"]
    environment = {**os.environ, "MLPLAT_HOME": str(small.home.root)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5, done
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    filler.unlink()
    assert small.jobs.wait(submit(small, tmp_path, "print('again')").id, timeout=60).state == "succeeded"
    oracle.check(small)
