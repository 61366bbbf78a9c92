"""Two hundred missed instants under each policy: every one has a row, and as many jobs come of them as were wanted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_mlplat.home import Home
from jupyter_mlplat.models import JobState, ScheduleSpec
from jupyter_mlplat.services.jobs import DueSchedules, JobQueue

from . import oracle
from .scene import WithoutEngine, write

MISSED = 200
CAP = 20


class Stopped:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


def work_off(queue: JobQueue) -> int:
    """End every job, as an engine would; returns how many were at work at the same time at most."""
    most = 0
    while sum(queue.counts().values()):
        for one in queue.cancellations():
            queue.cancel_queued(one)
        claims = queue.claim(100)
        most = max(most, len(claims))
        for claim in claims:
            queue.end(claim.key, {"state": "succeeded", "reason": None, "message": None})
    return most


@pytest.mark.parametrize(
    ("policy", "overlap", "states", "ended", "at_once"),
    [
        ("skip", "skip", {"missed": 200}, {}, 0),
        ("skip", "queue", {"missed": 200}, {}, 0),
        ("skip", "allow", {"missed": 200}, {}, 0),
        ("skip", "replace", {"missed": 200}, {}, 0),
        ("latest", "skip", {"missed": 199, "caught_up": 1}, {"succeeded": 1}, 1),
        ("latest", "queue", {"missed": 199, "caught_up": 1}, {"succeeded": 1}, 1),
        ("latest", "allow", {"missed": 199, "caught_up": 1}, {"succeeded": 1}, 1),
        ("latest", "replace", {"missed": 199, "caught_up": 1}, {"succeeded": 1}, 1),
        ("all", "skip", {"missed": 180, "caught_up": 1, "skipped": 19}, {"succeeded": 1}, 1),
        ("all", "queue", {"missed": 180, "caught_up": 20}, {"succeeded": 20}, 1),
        ("all", "allow", {"missed": 180, "caught_up": 20}, {"succeeded": 20}, 20),
        ("all", "replace", {"missed": 180, "caught_up": 20}, {"succeeded": 1, "cancelled": 19}, 1),
    ],
)
def test_two_hundred_missed_instants(
    home: Home,
    tmp_path: Path,
    policy: str,
    overlap: str,
    states: dict[str, int],
    ended: dict[str, int],
    at_once: int,
) -> None:
    platform, clock = WithoutEngine(), Stopped()
    platform.__dict__["clock"] = clock
    due = DueSchedules(platform.store, home, clock, platform.jobs)
    spec = {"notebook": str(write(tmp_path, "1")), "every": 600.0, "catch_up": policy, "overlap": overlap}
    schedule = platform.schedules.create(ScheduleSpec.model_validate({**spec, "catch_up_limit": CAP}), owner="ada")
    clock.moment += timedelta(seconds=MISSED * 600 + 300)  # the newest is late, too
    for _ in range(3):
        due.tick()
    rows = platform.schedules.occurrences(schedule.id, limit=1000).items
    assert Counter(one.state.value for one in rows) == states
    assert len({one.scheduled_for for one in rows}) == MISSED
    for one in rows:
        assert (one.job_id is not None) == (one.state == "caught_up")
        assert one.reason, "it says why, or how late it is"
    if policy == "all":
        newest = sorted(rows, key=lambda one: one.scheduled_for)[-CAP:]
        assert {one.state.value for one in newest} <= {"caught_up", "skipped"}, "the newest ones run"
    assert work_off(JobQueue(platform.store, clock)) == at_once
    jobs = platform.jobs.list(limit=1000).items
    assert Counter(job.state.value for job in jobs) == ended
    assert {job.reason for job in jobs if job.state is JobState.CANCELLED} <= {"replaced"}
    oracle.intact(platform)
    oracle.each_instant_has_one_row(platform)
    platform.close()
