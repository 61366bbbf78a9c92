"""What must be true after anything that happened."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil
from sqlalchemy import select

from jupyter_mlplat.attempts import EXIT_RECORD, RUNNER_RECORD, TOKEN_VARIABLE, read_record
from jupyter_mlplat.models import JobState, Reason
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.jobs.schedules.rows import timing_of_row
from jupyter_mlplat.store import tables


def check(platform: Platform, *, within: float = 120.0) -> None:
    """Wait until every job has ended, then look at everything."""
    deadline = time.monotonic() + within
    while living := [job for job in platform.jobs.list(limit=1000).items if not job.state.ended]:
        assert time.monotonic() < deadline, f"never ended: {[(job.id, job.state, job.message) for job in living]}"
        platform.wake_engine()
        time.sleep(0.3)
    intact(platform)
    for job in platform.jobs.list(limit=1000).items:
        the_record_is_true(platform, job.id)
    no_process_of_an_attempt_is_left(platform)
    each_instant_has_one_row(platform)


def intact(platform: Platform) -> None:
    """The database says so itself."""
    if platform.store.dialect == "sqlite":
        with closing(sqlite3.connect(platform.home.database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def the_record_is_true(platform: Platform, job_id: str) -> None:
    """State, cells, attempts and the files of an ended job agree."""
    job = platform.jobs.get(job_id)
    assert job.ended_at is not None, job
    assert not [cell for cell in job.cells if cell.state == "running"], job
    assert [one.number for one in job.attempts] == sorted({one.number for one in job.attempts})
    assert all(one.state.ended for one in job.attempts), job.attempts
    if job.state is JobState.SUCCEEDED:
        assert all(cell.state in ("ok", "skipped") for cell in job.cells), job
        assert job.attempts[-1].state is JobState.SUCCEEDED
        record = read_record(Path(job.folder) / f"attempt-{job.attempt}", EXIT_RECORD)
        assert record is not None
        assert record["state"] == "succeeded"
        output = json.loads(platform.jobs.output(job_id).read_text())
        assert output["cells"]
    else:
        assert job.reason is not None, job
    for one in job.attempts[:-1]:
        assert one.state in (JobState.FAILED, JobState.LOST) or one.reason is Reason.PREEMPTED, job.attempts


def no_process_of_an_attempt_is_left(platform: Platform) -> None:
    """No process carries the token of an attempt."""
    tokens = set()
    # By the rows' folders: a job may have been made by a server with another data directory.
    for job in platform.jobs.list(limit=1000).items:
        for record in Path(job.folder).glob(f"attempt-*/{RUNNER_RECORD}"):
            tokens.add(json.loads(record.read_text())["token"])
    left = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(TOKEN_VARIABLE) in tokens:
                left.append(process.cmdline())
        except psutil.Error:
            continue
    assert left == []


def each_instant_has_one_row(platform: Platform) -> None:
    """A schedule has exactly one row for each instant that was due, and exactly one job for each that ran."""
    with platform.store.read() as connection:
        schedules = connection.execute(select(tables.schedules)).mappings().all()
        rows = connection.execute(select(tables.occurrences)).mappings().all()
        jobs = connection.execute(
            select(tables.jobs.c.id, tables.jobs.c.schedule_id, tables.jobs.c.scheduled_for)
        ).all()
    for schedule in schedules:
        mine = [row for row in rows if row["schedule_id"] == schedule["id"]]
        if mine:
            newest = max(row["scheduled_for"] for row in mine)
            due = timing_of_row(schedule).between(schedule["starts_at"], newest, 100_000)
            assert sorted(row["scheduled_for"] for row in mine) == due
        ran = {row["scheduled_for"]: row["job_id"] for row in mine if row["state"] in ("ran", "caught_up")}
        made = [(job.scheduled_for, job.id) for job in jobs if job.schedule_id == schedule["id"] and job.scheduled_for]
        assert max(Counter(moment for moment, _ in made).values(), default=1) == 1
        assert dict(made) == ran
