"""kill -9 at named places, and at random ones: afterwards the record is true and nothing is left."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from jupyter_mlplat.crashpoint import POINTS, VARIABLE
from jupyter_mlplat.models import JobSpec, ScheduleSpec
from jupyter_mlplat.platform import Platform

from . import oracle
from .scene import VICTIMS, processes, write

IN_CI = {"submitted", "runner-record"}


@pytest.mark.parametrize(
    "point", [pytest.param(one, marks=() if one in IN_CI else pytest.mark.long) for one in sorted(POINTS)]
)
def test_a_crash_at(point: str, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = tmp_path / "crashed"
    monkeypatch.setenv(VARIABLE, f"{point}:{flag}")
    path = write(tmp_path, "print('one')", "print('two')")
    spec = ScheduleSpec(notebook=str(path), every=4.0, overlap="skip", retries=2, retry_delay=0.0)
    schedule = platform.schedules.create(spec, owner="ada")
    job = platform.jobs.submit(JobSpec(notebook=str(path), retries=2, retry_delay=0.0), owner="ada")
    after = platform.jobs.wait(job.id, timeout=120)
    assert (after.state, platform.jobs.log(job.id).text) == ("succeeded", "one\ntwo\n")
    deadline = time.monotonic() + 60
    while not (flag.exists() and platform.schedules.occurrences(schedule.id).items):
        assert time.monotonic() < deadline, "it never came there"
        platform.wake_engine()
        time.sleep(0.2)
    platform.schedules.pause(schedule.id)
    oracle.check(platform)
    states = {job.state.value for job in platform.jobs.list().items}
    assert states == {"succeeded"}


# --- anywhere, at any time ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rounds", "seed"),
    [(4, 20261121), pytest.param(100, None, marks=[pytest.mark.long, pytest.mark.timeout(3600)])],
)
def test_random_kills(platform: Platform, tmp_path: Path, rounds: int, seed: int | None) -> None:
    seed = seed if seed is not None else int(os.environ.get("MLPLAT_SEED", time.time_ns()))
    print(f"MLPLAT_SEED={seed}")  # noqa: T201 - a failure is repeated with it
    dice = random.Random(seed)
    path = write(tmp_path, "import time", "time.sleep(0.5)", "print('end')")
    options = {"retries": 100, "retry_delay": 0.0}
    spec = ScheduleSpec.model_validate({"notebook": str(path), "every": 6.0, "overlap": "skip", **options})
    schedule = platform.schedules.create(spec, owner="ada")
    for _ in range(rounds):
        if dice.random() < 0.5:
            platform.jobs.submit(JobSpec.model_validate({"notebook": str(path), **options}), owner="ada")
        time.sleep(dice.uniform(0.2, 5.0))
        name = dice.choice(sorted(VICTIMS))
        found = processes(platform, VICTIMS[name])
        if found:
            victim = dice.choice(found)
            try:
                os.kill(victim.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        platform.wake_engine()
    platform.schedules.pause(schedule.id)
    oracle.check(platform, within=300.0)
    assert {job.state.value for job in platform.jobs.list(limit=1000).items} == {"succeeded"}
