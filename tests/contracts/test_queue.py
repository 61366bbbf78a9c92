"""The order of the queue, its limits, retries and deadlines, over SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from jupyter_mlplat.errors import Conflict, Invalid, NotFound
from jupyter_mlplat.models import Job, JobSpec, Reason
from jupyter_mlplat.protocols import Report
from jupyter_mlplat.services.jobs import JobQueue, JobsService
from jupyter_mlplat.services.jobs.claim import Claim
from jupyter_mlplat.services.jobs.line import expected_waits
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock


def submit(jobs: JobsService, notebook: Path, *, owner: str = "ada", **options: object) -> Job:
    return jobs.submit(JobSpec.model_validate({"notebook": str(notebook), **options}), owner=owner)


def names(claims: list[Claim]) -> list[str]:
    return [str(claim.row["id"]) for claim in claims]


def started(queue: JobQueue, claim: Claim, clock: ManualClock) -> None:
    queue.record([Report(claim.key, "started", {"started_at": clock.now().isoformat()})])


def test_the_highest_priority_first_then_the_oldest(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    low, first, second, high = (submit(jobs, notebook, priority=one).id for one in (-1, 0, 0, 7))
    assert [jobs.get(one).position for one in (low, first, second, high)] == [4, 2, 3, 1]
    assert [job.position for job in jobs.list().items] == [1, 3, 2, 4]
    assert names(queue.claim(3)) == [high, first, second]
    assert jobs.get(low).position == 1
    assert jobs.get(high).position is None


def test_one_user_cannot_take_all_places(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    mine = [submit(jobs, notebook).id for _ in range(3)]
    other = submit(jobs, notebook, owner="grace").id
    assert names(queue.claim(4, per_user=2)) == [mine[0], mine[1], other]
    assert queue.claim(4, per_user=2) == []
    queue.end(f"{mine[0]}-1", {"state": "succeeded"})
    assert names(queue.claim(4, per_user=2)) == [mine[2]]


def test_jobs_of_one_lane_run_as_many_at_a_time_as_it_allows(
    jobs: JobsService, queue: JobQueue, store: Store, notebook: Path
) -> None:
    ids = [submit(jobs, notebook).id for _ in range(4)]
    with store.write() as transaction:
        transaction.connection.execute(
            update(tables.jobs).where(tables.jobs.c.id != int(ids[3])).values(lane="schedule:1", lane_limit=1)
        )
    assert names(queue.claim(4)) == [ids[0], ids[3]]
    queue.end(f"{ids[0]}-1", {"state": "succeeded"})
    assert names(queue.claim(4)) == [ids[1]]


def test_a_failure_is_retried_after_a_delay_that_doubles(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    job = submit(jobs, notebook, retries=2, retry_delay=10)
    for number, delay in ((1, 10), (2, 20)):
        (claim,) = queue.claim(1)
        assert claim.number == number
        started(queue, claim, clock)
        queue.set_run(claim, f"run-{number}")
        assert queue.end(claim.key, {"state": "failed", "reason": "cell_error", "message": "cell 1: no"}) == "queued"
        waiting = jobs.get(job.id)
        assert (waiting.state, waiting.failures, waiting.reason) == ("queued", number, None)
        assert waiting.message == f"attempt {number} of at most 3: cell 1: no"
        assert waiting.not_before == clock.now() + timedelta(seconds=delay)
        assert waiting.started_at is None
        clock.move(seconds=delay - 1)
        assert queue.claim(1) == []
        clock.move(seconds=1)
    (claim,) = queue.claim(1)
    assert queue.end(claim.key, {"state": "failed", "reason": "cell_error", "message": "cell 1: no"}) == "failed"
    after = jobs.get(job.id)
    assert (after.state, after.reason, after.attempt) == ("failed", Reason.CELL_ERROR, 3)
    assert [(one.number, one.state, one.run_id) for one in after.attempts] == [
        (1, "failed", "run-1"),
        (2, "failed", "run-2"),
        (3, "failed", None),
    ]
    assert queue.unclosed() == [f"{job.id}-1", f"{job.id}-2"]


def test_a_retry_that_succeeds_succeeds(jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path) -> None:
    job = submit(jobs, notebook, retries=1, retry_delay=0)
    (first,) = queue.claim(1)
    queue.record([Report(first.key, "cell", {"index": 1, "state": "ok"})])
    queue.end(first.key, {"state": "lost", "reason": "worker_lost", "message": "gone"})
    assert jobs.get(job.id).cells_done == 1
    (second,) = queue.claim(1)
    assert [cell.state for cell in jobs.get(job.id).cells] == ["not_run", "not_run"]
    queue.end(second.key, {"state": "succeeded"})
    after = jobs.get(job.id)
    assert (after.state, after.reason, after.message) == ("succeeded", None, None)


@pytest.mark.parametrize(
    ("options", "record", "state"),
    [
        ({"retries": 1, "retry_on": ["timeout"]}, {"state": "failed", "reason": "cell_error"}, "failed"),
        ({"retries": 1, "retry_on": ["timeout"]}, {"state": "failed", "reason": "timeout"}, "queued"),
        ({"retries": 1, "retry_on": []}, {"state": "failed", "reason": "timeout"}, "failed"),
        ({"retries": 1}, {"state": "failed", "reason": "bad_input"}, "failed"),
        ({"retries": 1}, {"state": "cancelled", "reason": "cancelled"}, "cancelled"),
        ({"retries": 1}, {"state": "lost", "reason": "worker_lost"}, "queued"),
        ({}, {"state": "lost", "reason": "worker_lost"}, "lost"),
        ({"retries": 1, "retry_delay": 30, "deadline": 20}, {"state": "failed", "reason": "timeout"}, "failed"),
    ],
)
def test_what_is_retried(
    jobs: JobsService,
    queue: JobQueue,
    notebook: Path,
    options: dict[str, object],
    record: dict[str, object],
    state: str,
) -> None:
    submit(jobs, notebook, **options)
    (claim,) = queue.claim(1)
    assert queue.end(claim.key, record) == state


def test_nobody_retries_what_was_cancelled(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    job = submit(jobs, notebook, retries=5)
    (claim,) = queue.claim(1)
    jobs.cancel(job.id)
    assert queue.end(claim.key, {"state": "lost", "reason": "worker_lost"}) == "lost"

    other = submit(jobs, notebook, retries=5)
    (claim,) = queue.claim(1)
    queue.end(claim.key, {"state": "failed", "reason": "timeout"})
    jobs.cancel(other.id)
    (waiting,) = queue.cancellations()
    assert queue.cancel_queued(waiting)
    assert jobs.get(other.id).state == "cancelled"


def test_a_host_that_cannot_be_asked_is_given_time_to_end_what_it_ran(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    job = submit(jobs, notebook, retries=1, retry_delay=0)
    (claim,) = queue.claim(1)
    started(queue, claim, clock)
    heard = clock.now()
    clock.move(seconds=14)
    queue.end(claim.key, {"state": "lost", "reason": "worker_lost", "unreachable": True})
    assert jobs.get(job.id).not_before == heard + timedelta(seconds=45)


def test_a_deadline_ends_what_waits_and_what_runs(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    running = submit(jobs, notebook, deadline=60)
    waiting = submit(jobs, notebook, deadline=60, priority=-1)
    (claim,) = queue.claim(1)
    queue.expire()
    assert queue.cancellations() == []
    clock.move(seconds=61)
    queue.expire()
    for one in queue.cancellations():
        if one.row["state"] == "queued":
            queue.cancel_queued(one)
    queue.end(claim.key, {"state": "cancelled", "reason": "cancelled", "message": "cancelled by a user"})
    for job, message in ((running, "it had not ended by its deadline"), (waiting, "its deadline passed before")):
        after = jobs.get(job.id)
        assert (after.state, after.reason) == ("failed", Reason.DEADLINE)
        assert after.message is not None
        assert after.message.startswith(message)
    assert jobs.get(running.id).attempts[0].state == "cancelled"


def test_the_notebook_says_how_it_is_run_and_whoever_asks_wins(jobs: JobsService, notebook: Path) -> None:
    content = json.loads(notebook.read_text())
    content["metadata"]["mlplat"] = {"metric": "auc", "retries": 3, "timeout": 60, "files": ["a.csv"]}
    notebook.write_text(json.dumps(content))
    job = submit(jobs, notebook, timeout=5)
    assert (job.retries, job.timeout) == (3, 5)
    content["metadata"]["mlplat"] = {"retries": "many"}
    notebook.write_text(json.dumps(content))
    with pytest.raises(Invalid, match=r"metadata\.mlplat has a wrong retries") as refused:
        submit(jobs, notebook)
    assert list(refused.value.fields) == ["retries"]


def test_retry_runs_the_notebook_as_it_was(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    first = submit(jobs, notebook, parameters={"x": 5}, retries=1, deadline=90, name="mine")
    with pytest.raises(Conflict, match=f"job {first.id} is queued"):
        jobs.retry(first.id, owner="ada")
    (claim,) = queue.claim(1)
    queue.end(claim.key, {"state": "succeeded"})
    notebook.unlink()
    again = jobs.retry(first.id, owner="grace")
    assert (again.state, again.retry_of, again.owner, again.name) == ("queued", first.id, "grace", "mine")
    assert (again.parameters, again.retries) == ({"x": 5}, 1)
    assert again.deadline_at == clock.now() + timedelta(seconds=90)
    assert [cell.index for cell in again.cells] == [1, 2]
    assert jobs.output(again.id).read_text() == jobs.output(first.id).read_text()


def test_delete_takes_the_record_and_the_folder(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    job = submit(jobs, notebook)
    with pytest.raises(Conflict, match="is queued"):
        jobs.delete(job.id)
    (claim,) = queue.claim(1)
    queue.end(claim.key, {"state": "succeeded"})
    jobs.delete(job.id)
    assert not Path(job.folder).exists()
    with pytest.raises(NotFound):
        jobs.get(job.id)
    with pytest.raises(NotFound):
        jobs.delete(job.id)
    assert submit(jobs, notebook).id != job.id


def test_when_it_is_probably_ones_turn(jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path) -> None:
    first = submit(jobs, notebook)
    (claim,) = queue.claim(1)
    begun = clock.now().isoformat()
    clock.move(seconds=100)
    queue.end(claim.key, {"state": "succeeded", "started_at": begun, "ended_at": clock.now().isoformat()})
    assert jobs.get(first.id).expected_start is None
    for claim in (submit(jobs, notebook) and queue.claim(1)[0] for _ in range(2)):
        started(queue, claim, clock)
    clock.move(seconds=40)
    waiting = [submit(jobs, notebook) for _ in range(3)]
    now = clock.now()
    assert [jobs.get(job.id).expected_start for job in waiting] == [
        now + timedelta(seconds=seconds) for seconds in (60, 60, 160)
    ]


@pytest.mark.parametrize(
    ("running", "queued", "slots", "waits"),
    [
        ([], [(10, 0), (10, 0), (10, 0)], 2, [0, 0, 10]),
        ([5, 50], [(10, 0), (10, 0)], 2, [5, 15]),
        ([5], [(10, 0)], 1, [5]),
        ([], [(10, 30)], 1, [30]),
        ([], [(None, 0), (10, 0)], 1, [0, None]),
        ([], [], 1, []),
    ],
)
def test_expected_waits(
    running: list[float], queued: list[tuple[float | None, float]], slots: int, waits: list[float | None]
) -> None:
    assert expected_waits(running, queued, slots) == waits
