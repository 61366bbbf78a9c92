"""Schedules: every due instant has one row, over SQLite and PostgreSQL and with a clock that jumps."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from jupyter_mlplat.errors import Conflict, Invalid, NotFound, Stale
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Schedule, ScheduleChange, ScheduleSpec, When
from jupyter_mlplat.services.jobs import DueSchedules, JobQueue, JobsService, SchedulesService
from jupyter_mlplat.services.jobs.submission import Draft
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock


@pytest.fixture
def schedules(store: Store, home: Home, clock: ManualClock, jobs: JobsService) -> SchedulesService:
    return SchedulesService(store, home, clock, jobs, lambda: None)


@pytest.fixture
def due(store: Store, home: Home, clock: ManualClock, jobs: JobsService) -> DueSchedules:
    return DueSchedules(store, home, clock, jobs)


def create(schedules: SchedulesService, notebook: Path, **fields: object) -> Schedule:
    spec = {"notebook": str(notebook), "every": 60.0, **fields}
    if spec.get("cron") or spec.get("at"):
        del spec["every"]
    return schedules.create(ScheduleSpec.model_validate(spec), owner="ada")


def ledger(schedules: SchedulesService, schedule: Schedule) -> list[tuple[str, str | None]]:
    """State and job of every instant, the oldest first."""
    items = schedules.occurrences(schedule.id, limit=1000).items
    assert len({one.scheduled_for for one in items}) == len(items)
    return [(one.state.value, one.job_id) for one in reversed(items)]


def test_an_instant_fires_once_and_the_next_one_is_set(
    schedules: SchedulesService, due: DueSchedules, jobs: JobsService, clock: ManualClock, notebook: Path
) -> None:
    made = create(schedules, notebook, cron="5 * * * *", timezone="Asia/Kathmandu", parameters={"x": 7}, retries=2)
    assert (made.state, made.name, made.revision, made.edited) == ("active", "train", 1, False)
    assert made.next_at == datetime(2026, 11, 21, 4, 20, tzinfo=UTC)  # 10:05 there
    assert due.tick()
    assert ledger(schedules, made) == []
    clock.moment = made.next_at
    assert due.tick()
    assert due.tick()
    ((state, job_id),) = ledger(schedules, made)
    assert state == "ran"
    assert job_id is not None
    job = jobs.get(job_id)
    assert (job.state, job.owner, job.parameters, job.retries, job.schedule_id) == (
        "queued", "ada", {"x": 7}, 2, made.id,
    )  # fmt: skip
    assert job.scheduled_for == made.next_at
    after = schedules.get(made.id)
    assert after.next_at == made.next_at + timedelta(hours=1)
    assert after.last is not None
    assert after.last.job_id == job_id
    assert [one.id for one in jobs.list(schedule=made.id).items] == [job_id]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("skip", {"missed": 199, "ran": 1}),
        ("latest", {"missed": 199, "ran": 1}),
        ("all", {"caught_up": 49, "ran": 1, "missed": 150}),
    ],
)
def test_two_hundred_missed_instants(
    schedules: SchedulesService,
    due: DueSchedules,
    clock: ManualClock,
    notebook: Path,
    policy: str,
    expected: dict[str, int],
) -> None:
    made = create(schedules, notebook, catch_up=policy, catch_up_limit=50)
    clock.move(seconds=200 * 60 + 1)
    assert due.tick()
    found = ledger(schedules, made)
    assert Counter(state for state, _ in found) == expected
    assert found[-1][0] == "ran"
    assert [job for state, job in found if state == "missed"] == [None] * expected["missed"]
    wanted = [state for state, _ in found if state != "missed"]
    assert [state for state, _ in found[-len(wanted) :]] == wanted  # the newest ones run
    assert schedules.get(made.id).next_at == datetime(2026, 11, 21, 4, 0, tzinfo=UTC) + timedelta(minutes=201)


@pytest.mark.parametrize(("policy", "state"), [("skip", "missed"), ("latest", "caught_up"), ("all", "caught_up")])
def test_a_late_instant_by_itself(
    schedules: SchedulesService, due: DueSchedules, clock: ManualClock, notebook: Path, policy: str, state: str
) -> None:
    made = create(schedules, notebook, cron="0 6 * * *", catch_up=policy)
    clock.moment = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    due.tick()
    ((found, job),) = ledger(schedules, made)
    assert found == state
    assert (job is None) == (state == "missed")


def test_nothing_runs_later_than_it_may(
    schedules: SchedulesService, due: DueSchedules, clock: ManualClock, notebook: Path
) -> None:
    made = create(schedules, notebook, cron="0 6 * * *", catch_up="all", max_lateness=3600)
    clock.moment = datetime(2026, 11, 21, 7, 0, 1, tzinfo=UTC)
    due.tick()
    (missed,) = schedules.occurrences(made.id).items
    assert (missed.state, missed.reason) == ("missed", "nothing ran it within 3600 s")


def test_thousands_of_missed_instants_are_decided_step_by_step(
    schedules: SchedulesService, due: DueSchedules, clock: ManualClock, notebook: Path
) -> None:
    made = create(schedules, notebook)
    clock.move(minutes=2500, seconds=30)
    for _ in range(3):
        due.tick()
    found: list[str] = []
    cursor = None
    while True:
        page = schedules.occurrences(made.id, limit=1000, after=cursor)
        found += [one.state.value for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert Counter(found) == {"missed": 2499, "ran": 1}


@pytest.mark.parametrize(
    ("overlap", "states", "jobs_left"),
    [("skip", ["ran", "skipped"], 1), ("queue", ["ran", "ran"], 2), ("allow", ["ran", "ran"], 2),
     ("replace", ["ran", "ran"], 2)],
)  # fmt: skip
def test_what_happens_while_the_job_before_has_not_ended(
    schedules: SchedulesService,
    due: DueSchedules,
    jobs: JobsService,
    queue: JobQueue,
    clock: ManualClock,
    notebook: Path,
    overlap: str,
    states: list[str],
    jobs_left: int,
) -> None:
    made = create(schedules, notebook, overlap=overlap)
    clock.move(seconds=60)
    due.tick()
    (first,) = queue.claim(4)
    clock.move(seconds=60)
    due.tick()
    found = ledger(schedules, made)
    assert [state for state, _ in found] == states
    assert len(jobs.list().items) == jobs_left
    claims = queue.claim(4)
    assert len(claims) == (1 if overlap == "allow" else 0)
    cancelled = [str(one.row["id"]) for one in queue.cancellations()]
    assert cancelled == ([str(first.row["id"])] if overlap == "replace" else [])
    if overlap == "skip":
        assert schedules.occurrences(made.id).items[0].reason == f"job {first.row['id']} had not ended"
    if overlap == "replace":
        queue.end(first.key, {"state": "cancelled", "reason": "cancelled", "message": "cancelled by a user"})
        assert (jobs.get(str(first.row["id"])).state, jobs.get(str(first.row["id"])).reason) == (
            "cancelled",
            "replaced",
        )
        assert len(queue.claim(4)) == 1


def test_many_engines_on_one_store_fire_each_instant_once(
    store: Store, home: Home, jobs: JobsService, schedules: SchedulesService, clock: ManualClock, notebook: Path
) -> None:
    made = [create(schedules, notebook, overlap="allow") for _ in range(5)]
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def run() -> None:
        mine = DueSchedules(store, home, clock, jobs)
        try:
            for _ in range(10):
                start.wait(30)
                mine.tick()
        except BaseException as error:  # noqa: BLE001 - told by the test's thread
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        clock.move(seconds=20)
        start.wait(30)
    for thread in threads:
        thread.join()
    assert failures == []
    for one in made:
        assert [state for state, _ in ledger(schedules, one)] == ["ran"] * 3
    assert len(jobs.list(limit=100).items) == 15


def test_a_clock_that_goes_back_fires_nothing_again(
    schedules: SchedulesService, due: DueSchedules, clock: ManualClock, notebook: Path
) -> None:
    made = create(schedules, notebook)
    clock.move(seconds=61)
    due.tick()
    clock.move(seconds=-3000)
    due.tick()
    clock.move(seconds=3000)
    due.tick()
    assert len(ledger(schedules, made)) == 1


def test_a_pause_is_told_in_the_ledger(
    schedules: SchedulesService, due: DueSchedules, clock: ManualClock, notebook: Path
) -> None:
    made = create(schedules, notebook)
    assert schedules.pause(made.id).state == "paused"
    clock.move(minutes=3, seconds=10)
    assert not due.tick()
    resumed = schedules.resume(made.id)
    assert resumed.state == "active"
    assert resumed.next_at == datetime(2026, 11, 21, 4, 4, tzinfo=UTC)
    assert [(one.state, one.reason) for one in schedules.occurrences(made.id).items] == [
        ("skipped", "it was paused")
    ] * 3


def test_instants_before_a_change_of_the_timing_are_told(
    schedules: SchedulesService, clock: ManualClock, notebook: Path
) -> None:
    made = create(schedules, notebook)
    clock.move(minutes=2, seconds=10)
    after = schedules.update(made.id, ScheduleChange(every=3600))
    assert after.next_at == clock.now() + timedelta(hours=1)
    assert [(one.state, one.reason) for one in schedules.occurrences(made.id).items] == [
        ("skipped", "its timing was changed")
    ] * 2


def test_once(schedules: SchedulesService, due: DueSchedules, clock: ManualClock, notebook: Path) -> None:
    made = create(schedules, notebook, at="2026-11-21T05:00:00+00:00")
    clock.moment = datetime(2026, 11, 21, 5, 0, 0, 200_000, tzinfo=UTC)
    due.tick()
    after = schedules.get(made.id)
    assert (after.state, after.next_at) == ("ended", None)
    assert not due.tick()
    for call in (schedules.pause, schedules.resume):
        with pytest.raises(Conflict, match="has ended"):
            call(made.id)
    moved = schedules.update(made.id, ScheduleChange.model_validate({"at": "2026-11-22T05:00:00+00:00"}))
    assert (moved.state, moved.next_at) == ("active", datetime(2026, 11, 22, 5, 0, tzinfo=UTC))


def test_it_runs_the_notebook_as_it_was_until_it_is_promoted(
    schedules: SchedulesService, due: DueSchedules, jobs: JobsService, clock: ManualClock, notebook: Path
) -> None:
    made = create(schedules, notebook)
    edited = json.loads(notebook.read_text())
    edited["cells"][2]["source"] = "print('other', x)"
    notebook.write_text(json.dumps(edited))
    assert schedules.get(made.id).edited is True
    assert "-print(x)\n+print('other', x)\n" in schedules.difference(made.id)
    old = schedules.trigger(made.id, owner="grace")
    assert (old.owner, old.schedule_id, old.scheduled_for) == ("grace", made.id, None)
    assert "other" not in jobs.output(old.id).read_text()
    promoted = schedules.promote(made.id)
    assert (promoted.edited, promoted.revision) == (False, 2)
    assert schedules.difference(made.id) == ""
    assert "other" in jobs.output(schedules.trigger(made.id, owner="ada").id).read_text()
    notebook.unlink()
    assert schedules.get(made.id).edited is None
    clock.move(seconds=60)
    due.tick()
    assert [state for state, _ in ledger(schedules, made)] == ["ran"]


def test_promoting_a_notebook_that_lacks_a_parameter_changes_nothing(
    schedules: SchedulesService, notebook: Path
) -> None:
    made = create(schedules, notebook, parameters={"x": 3})
    edited = json.loads(notebook.read_text())
    edited["cells"][1]["source"] = "y: int = 1"
    notebook.write_text(json.dumps(edited))
    with pytest.raises(Invalid) as refused:
        schedules.promote(made.id)
    assert list(refused.value.fields) == ["parameters.x"]
    assert schedules.get(made.id).revision == 1
    assert "-x: int" in schedules.difference(made.id)


def test_changes(schedules: SchedulesService, clock: ManualClock, notebook: Path) -> None:
    made = create(schedules, notebook, overlap="skip", timeout=60)
    change = ScheduleChange.model_validate(
        {"name": "nightly", "cron": "0 2 * * *", "retries": 1, "parameters": {"x": 2}}
    )
    after = schedules.update(made.id, change, revision=1)
    assert (after.name, after.revision, after.parameters) == ("nightly", 2, {"x": 2})
    assert (after.when.cron, after.when.every, after.when.overlap) == ("0 2 * * *", None, "skip")
    assert (after.options.retries, after.options.timeout) == (1, 60)
    assert after.next_at == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    with pytest.raises(Stale):
        schedules.update(made.id, ScheduleChange(name="other"), revision=1)
    for wrong, field in (
        ({"cron": "61 * * * *"}, "cron"),
        ({"timezone": "Europe/Nowhere"}, "timezone"),
        ({"parameters": {"x": "two"}}, "parameters.x"),
        ({"at": "2020-01-01T00:00:00+00:00"}, None),
    ):
        with pytest.raises(Invalid) as refused:
            schedules.update(made.id, ScheduleChange.model_validate(wrong))
        if field:
            assert field in refused.value.fields
    assert schedules.get(made.id) == after
    # No change is no revision.
    assert schedules.update(made.id, ScheduleChange(), revision=2) == after
    # A change of something else leaves the instants alone.
    clock.move(hours=1)
    assert schedules.update(made.id, ScheduleChange(overlap="allow")).next_at == after.next_at


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"cron": "0 6 * * *", "timezone": "Mars/Olympus"}, "timezone"),
        ({"at": "2020-01-01T00:00:00+00:00"}, "at"),
        ({"parameters": {"z": 1}}, "parameters.z"),
        ({"every": None}, None),
        ({"cron": "0 6 * * *", "at": "2030-01-01T00:00:00+00:00"}, None),
    ],
)
def test_what_cannot_be_scheduled_is_refused_and_nothing_is_written(
    schedules: SchedulesService, home: Home, notebook: Path, fields: dict[str, object], field: str | None
) -> None:
    with pytest.raises(Invalid) as refused:
        create(schedules, notebook, **fields)
    if field:
        assert field in refused.value.fields
    assert schedules.list().items == []
    assert list(home.schedules.iterdir()) == []


def test_lists_and_unknown_ids(schedules: SchedulesService, notebook: Path) -> None:
    ids = [create(schedules, notebook).id for _ in range(3)]
    page = schedules.list(limit=2)
    assert [one.id for one in page.items] == [ids[2], ids[1]]
    assert [one.id for one in schedules.list(limit=2, after=page.next).items] == [ids[0]]
    schedules.pause(ids[0])
    assert [one.id for one in schedules.list(state="paused").items] == [ids[0]]
    with pytest.raises(Invalid):
        schedules.list(state="asleep")
    with pytest.raises(Invalid):
        schedules.list(after="x")
    schedules.delete(ids[0])
    for call in (schedules.get, schedules.pause, schedules.delete, schedules.occurrences, schedules.promote):
        for unknown in (ids[0], "0", "x", "9" * 30):
            with pytest.raises(NotFound):
                call(unknown)


def test_the_same_key_makes_one_schedule(schedules: SchedulesService, notebook: Path) -> None:
    spec = ScheduleSpec(notebook=str(notebook), every=60)
    first = schedules.create(spec, owner="ada", idempotency_key="k")
    assert schedules.create(spec, owner="ada", idempotency_key="k").id == first.id
    assert schedules.create(spec, owner="grace", idempotency_key="k").id != first.id
    with pytest.raises(Conflict):
        schedules.create(spec.model_copy(update={"parameters": {"x": 2}}), owner="ada", idempotency_key="k")


def test_the_next_instants_are_told_without_creating_anything(schedules: SchedulesService) -> None:
    page = schedules.preview(
        When(cron="30 2 * * *", timezone="Europe/Berlin"), after=datetime(2026, 10, 23, 12, tzinfo=UTC), count=3
    )
    assert [one.local for one in page.items] == [
        "2026-10-24T02:30:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]
    assert schedules.list().items == []
    with pytest.raises(Invalid) as refused:
        schedules.preview(When(every=60), after=datetime(9999, 1, 1, tzinfo=UTC))
    assert list(refused.value.fields) == ["after"]


def test_a_schedule_that_nothing_can_fire_holds_up_no_other_one(
    schedules: SchedulesService,
    due: DueSchedules,
    jobs: JobsService,
    clock: ManualClock,
    notebook: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good = create(schedules, notebook, name="bad"), create(schedules, notebook, name="good")
    draft = jobs.pinned_draft

    def broken(**fields: Any) -> Draft:
        if fields["name"] == "bad":
            raise OverflowError("no date is that far")
        return draft(**fields)

    monkeypatch.setattr(jobs, "pinned_draft", broken)
    for _ in range(2):
        clock.move(seconds=60)
        assert due.tick()
    assert [state for state, _ in ledger(schedules, good)] == ["ran", "ran"]
    skipped = schedules.occurrences(bad.id, limit=10).items
    assert [one.state.value for one in skipped] == ["skipped", "skipped"]
    assert skipped[0].reason == "it could not be fired: OverflowError: no date is that far"
    assert schedules.get(bad.id).state == "active"


def test_a_schedule_without_a_readable_timing_is_paused(
    schedules: SchedulesService, due: DueSchedules, store: Store, clock: ManualClock, notebook: Path
) -> None:
    bad, good = create(schedules, notebook, cron="* * * * *"), create(schedules, notebook)
    with store.write() as transaction:  # as a newer version might take it
        transaction.connection.execute(
            update(tables.schedules).where(tables.schedules.c.id == int(bad.id)).values(cron="@moon")
        )
    clock.move(seconds=60)
    assert due.tick()
    assert [state for state, _ in ledger(schedules, good)] == ["ran"]
    assert [state for state, _ in ledger(schedules, bad)] == ["skipped"]
    assert schedules.get(bad.id).state == "paused"


@pytest.mark.parametrize(
    "wrong",
    [{"max_lateness": 1e300}, {"deadline": 1e18}, {"timeout": 1e18}, {"cell_timeout": 1e300}, {"max_lateness": 4e14}],
)
def test_a_time_that_no_date_can_be_moved_by_is_refused(
    schedules: SchedulesService, notebook: Path, wrong: dict[str, float]
) -> None:
    with pytest.raises(ValidationError, match="less than or equal to"):
        create(schedules, notebook, **wrong)
    made = create(schedules, notebook)
    with pytest.raises(ValidationError, match="less than or equal to"):
        schedules.update(made.id, ScheduleChange.model_validate(wrong))


def test_a_key_with_another_timing_or_option_is_another_request(schedules: SchedulesService, notebook: Path) -> None:
    spec = ScheduleSpec.model_validate({"notebook": str(notebook), "cron": "0 0 1 1 *"})
    first = schedules.create(spec, owner="ada", idempotency_key="k")
    for change in ({"cron": "5 5 5 5 *"}, {"priority": 7}, {"name": "other"}, {"max_lateness": 60.0}):
        with pytest.raises(Conflict, match="another request"):
            schedules.create(spec.model_copy(update=change), owner="ada", idempotency_key="k")
    notebook.unlink()
    assert schedules.create(spec, owner="ada", idempotency_key="k").id == first.id
