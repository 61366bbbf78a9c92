"""Who is told of what, and when again: the ledger of notices over SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from jupyter_mlplat.errors import Conflict, Invalid, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Job, JobSpec, Notice, PipelineSpec, ScheduleChange, ScheduleSpec, Sweep, SweepSpec
from jupyter_mlplat.services.jobs import (
    JobQueue,
    JobsService,
    PipelinesService,
    RunningPipelines,
    RunningSweeps,
    SchedulesService,
    SweepsService,
)
from jupyter_mlplat.services.jobs.notices import Channels, LongRunning, NoticeLedger, NoticeSender, job_ended
from jupyter_mlplat.services.jobs.notices.errors import Undeliverable, Undelivered
from jupyter_mlplat.services.jobs.notices.ledger import failed_since
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock

HOOK = "https://hooks.example.org/services/T0/B0/verysecret"
ALL = ["failure", "recovery", "too_long", "success"]


@pytest.fixture
def jobs(store: Store, home: Home, clock: ManualClock) -> JobsService:
    channels = Channels(smtp_url="smtp://mail.example.org", mail_from="jobs@example.org", named={"team": HOOK})
    return JobsService(store, home, clock, lambda: None, backend="local", slots=2, channels=channels)


@pytest.fixture
def ledger(store: Store, clock: ManualClock) -> NoticeLedger:
    return NoticeLedger(store, clock)


@pytest.fixture
def long_running(store: Store, clock: ManualClock) -> LongRunning:
    return LongRunning(store, clock)


def submit(jobs: JobsService, notebook: Path, *, to: str = HOOK, on: list[str] | None = None, **options: object) -> Job:
    wanted = {"to": to, **({"on": on} if on else {})}
    fields = {"notebook": str(notebook), "notify": [wanted], **options}
    return jobs.submit(JobSpec.model_validate(fields), owner="ada")


def end(queue: JobQueue, job: Job | None = None, state: str = "failed", **record: object) -> None:
    """Let the next queued job end."""
    (claim,) = queue.claim(1)
    assert job is None or str(claim.row["id"]) == job.id
    reason = (
        {} if state in ("succeeded", "cancelled") else {"reason": "cell_error", "message": "cell 2: ValueError: no"}
    )
    queue.end(claim.key, {"state": state, **reason, **record})


def told(jobs: JobsService, job: Job) -> list[str]:
    return [one.event.value for one in jobs.get(job.id).notices]


def texts(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(tables.notices.c.text).order_by(tables.notices.c.id)).scalars())


# --- what is told ---------------------------------------------------------------------------------


def test_a_failure_is_written_with_the_end_and_says_what_happened(
    jobs: JobsService, queue: JobQueue, store: Store, notebook: Path
) -> None:
    job = submit(jobs, notebook, parameters={"x": 31337})
    cells = [{"index": 1, "state": "ok"}, {"index": 2, "state": "error", "error": "no"}]
    end(queue, job, cells=cells)
    (notice,) = jobs.get(job.id).notices
    assert (notice.event, notice.state, notice.tries, notice.to) == (
        "failure", "pending", 0, "https://hooks.example.org/…",
    )  # fmt: skip
    (text,) = texts(store)
    lines = text.splitlines()
    assert lines[0] == f"Job {job.id} (train) failed: a cell raised an error"
    assert lines[1] == ""
    assert "cell 2: ValueError: no" in lines
    assert "Cell: 2" in lines
    assert "Owner: ada" in lines
    assert lines[-1] == f"See it: jupyter mlplat jobs show {job.id}"
    assert "31337" not in text


def test_nothing_is_told_where_the_end_was_not_written(
    jobs: JobsService, queue: JobQueue, store: Store, clock: ManualClock, notebook: Path
) -> None:
    job = submit(jobs, notebook)
    (claim,) = queue.claim(1)
    with pytest.raises(ZeroDivisionError), store.write() as transaction:
        transaction.connection.execute(update(tables.jobs).values(state="failed"))
        job_ended(transaction, int(job.id), clock.now())
        1 / 0  # noqa: B018 - the end is not kept, and so is nothing that it says
    assert (jobs.get(job.id).state, texts(store)) == ("starting", [])
    queue.end(claim.key, {"state": "failed", "reason": "timeout"})
    queue.end(claim.key, {"state": "failed", "reason": "timeout"})  # a late writer
    assert len(texts(store)) == 1


def test_only_the_end_of_the_last_attempt_counts(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    job = submit(jobs, notebook, on=ALL, retries=1, retry_delay=0)
    end(queue, job)
    assert (jobs.get(job.id).state, told(jobs, job)) == ("queued", [])
    end(queue, job)
    assert told(jobs, job) == ["failure"]


@pytest.mark.parametrize(
    ("state", "events"), [("failed", ["failure"]), ("lost", ["failure"]), ("succeeded", ["success"]), ("cancelled", [])]
)
def test_which_end_is_what(jobs: JobsService, queue: JobQueue, notebook: Path, state: str, events: list[str]) -> None:
    job = submit(jobs, notebook, on=ALL)
    end(queue, job, state)
    assert told(jobs, job) == events


def test_a_cancel_tells_nothing_and_a_deadline_does(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    cancelled = submit(jobs, notebook, on=ALL)
    (claim,) = queue.claim(1)
    jobs.cancel(cancelled.id)
    queue.end(claim.key, {"state": "lost", "reason": "worker_lost"})
    assert told(jobs, cancelled) == []
    late = [submit(jobs, notebook, on=ALL, deadline=60) for _ in range(2)]
    (running,) = queue.claim(1)
    clock.move(seconds=61)
    queue.expire()
    queue.end(running.key, {"state": "cancelled", "reason": "cancelled"})
    for claim in queue.cancellations():
        queue.cancel_queued(claim)
    assert [told(jobs, job) for job in late] == [["failure"], ["failure"]]


def test_a_recovery_is_the_first_success_after_a_failure(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    seen = []
    for state in ("succeeded", "failed", "cancelled", "succeeded", "succeeded", "lost", "failed", "succeeded"):
        job = submit(jobs, notebook, on=["recovery", "failure"])
        clock.move(seconds=1)
        end(queue, job, state)
        seen.append("".join(told(jobs, job)))
    assert seen == ["", "failure", "", "recovery", "", "failure", "failure", "recovery"]


def test_what_came_before_is_of_the_same_schedule_or_notebook_and_owner(
    jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, notebook: Path, tmp_path: Path
) -> None:
    schedules = SchedulesService(store, home, clock, jobs, lambda: None)
    fields = {"notebook": str(notebook), "every": 3600, "notify": [{"to": HOOK, "on": ALL}]}
    first, second = (schedules.create(ScheduleSpec.model_validate(fields), owner="ada") for _ in range(2))
    seen = []
    for schedule, state in ((first, "failed"), (second, "succeeded"), (first, "succeeded"), (first, "succeeded")):
        job = schedules.trigger(schedule.id, owner="ada")
        assert job.notices == []
        with store.write() as transaction:
            transaction.connection.execute(
                update(tables.jobs).where(tables.jobs.c.id == int(job.id)).values(schedule_id=int(schedule.id))
            )
        clock.move(seconds=1)
        end(queue, job, state)
        seen += told(jobs, job)
    assert seen == ["failure", "success", "recovery", "success"]
    other = jobs.submit(
        JobSpec.model_validate({"notebook": str(notebook), "notify": [{"to": HOOK, "on": ALL}]}), owner="grace"
    )
    end(queue, other, "succeeded")
    assert told(jobs, other) == ["success"]


def test_a_target_is_told_once_of_the_most_telling_event(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    end(queue, submit(jobs, notebook, on=["success"]))
    wanted = [
        {"to": HOOK, "on": ["success"]},
        {"to": HOOK, "on": ["recovery"]},
        {"to": "@team", "on": ["success"]},
        {"to": "mailto:ada@example.org", "on": ["failure"]},
    ]
    job = jobs.submit(JobSpec.model_validate({"notebook": str(notebook), "notify": wanted}), owner="ada")
    end(queue, job, "succeeded")
    assert [(one.event, one.to) for one in jobs.get(job.id).notices] == [
        ("recovery", "https://hooks.example.org/…"),
        ("success", "@team"),
    ]


def test_a_sweep_tells_once_and_its_points_nothing(
    jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, notebook: Path
) -> None:
    sweeps = SweepsService(store, home, clock, jobs, lambda: None)
    running = RunningSweeps(store, home, clock, jobs)
    spec = {"notebook": str(notebook), "space": {"x": [1, 2]}, "notify": [{"to": HOOK, "on": ALL}]}

    def about() -> list[tuple[str, str, str]]:
        with store.read() as connection:
            rows = connection.execute(select(tables.notices).order_by(tables.notices.c.id)).mappings()
            return [(row["noun"], row["event"], row["text"].splitlines()[0]) for row in rows]

    def through(*states: str) -> None:
        for state in states:
            clock.move(seconds=1)
            end(queue, None, state)
            running.advance()

    made: Sweep = sweeps.create(SweepSpec.model_validate(spec), owner="ada")
    assert made.options.notify[0].to == "https://hooks.example.org/…"
    through("succeeded", "failed")
    assert about() == [("sweeps", "failure", f"Sweep {made.id} (train) succeeded only in part")]
    sweeps.retry(made.id)
    through("succeeded")
    assert about()[1:] == [("sweeps", "recovery", f"Sweep {made.id} (train) succeeded again after a failure")]
    again = sweeps.create(SweepSpec.model_validate(spec), owner="ada")
    through("succeeded", "succeeded")
    assert about()[2:] == [("sweeps", "success", f"Sweep {again.id} (train) succeeded")]
    cancelled = sweeps.create(SweepSpec.model_validate(spec), owner="ada")
    sweeps.cancel(cancelled.id)
    for claim in queue.cancellations():
        queue.cancel_queued(claim)
    running.advance()
    assert len(about()) == 3


def test_a_pipeline_tells_once_and_its_nodes_nothing(
    jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, notebook: Path
) -> None:
    pipelines = PipelinesService(store, home, clock, jobs, lambda: None)
    running = RunningPipelines(store, home, clock, jobs, lambda run: {})
    node = {"notebook": str(notebook)}
    nodes = {"first": node, "second": {**node, "needs": ["first"]}}
    spec = PipelineSpec.model_validate({"name": "nightly", "nodes": nodes, "notify": [{"to": "@team", "on": ALL}]})

    def through(*states: str) -> list[str]:
        for state in states:
            running.advance()
            clock.move(seconds=1)
            end(queue, None, state)
        running.advance()
        with store.read() as connection:
            rows = connection.execute(select(tables.notices).order_by(tables.notices.c.id)).mappings()
            return [f"{row['noun']} {row['target']} {row['text'].splitlines()[0]}" for row in rows]

    made = pipelines.create(spec, owner="ada")
    name = f"pipelines @team Pipeline {made.id} (nightly)"
    assert through("failed") == [f"{name} failed"]
    assert "first: cell 2: ValueError: no" in texts(store)[0]
    pipelines.retry(made.id)
    assert through("succeeded", "succeeded")[1:] == [f"{name} succeeded again after a failure"]
    again = pipelines.create(spec, owner="ada")
    assert through("succeeded", "succeeded")[2:] == [f"pipelines @team Pipeline {again.id} (nightly) succeeded"]
    wrong = spec.model_copy(update={"notify": [spec.notify[0].model_copy(update={"to": "@nobody"})]})
    with pytest.raises(Invalid, match="no target is called @nobody"):
        pipelines.create(wrong, owner="ada")


# --- too long -------------------------------------------------------------------------------------


def start(queue: JobQueue, clock: ManualClock) -> str:
    from jupyter_mlplat.protocols import Report

    (claim,) = queue.claim(1)
    queue.record([Report(claim.key, "started", {"started_at": clock.now().isoformat()})])
    return claim.key


def test_a_job_that_takes_too_long_is_told_once(
    jobs: JobsService, queue: JobQueue, store: Store, clock: ManualClock, notebook: Path, long_running: LongRunning
) -> None:
    wanted = [
        {"to": HOOK, "on": ["too_long"], "after": 60},
        {"to": "@team", "on": ["too_long"], "after": 120},
        {"to": "mailto:ada@example.org", "on": ["failure"], "after": 60},
    ]
    spec = JobSpec.model_validate({"notebook": str(notebook), "notify": wanted, "retries": 1, "retry_delay": 0})
    job = jobs.submit(spec, owner="ada")
    key = start(queue, clock)
    clock.move(seconds=60)
    assert long_running.look() == 0
    clock.move(seconds=1)
    assert long_running.look() == 1
    assert long_running.look() == 0
    clock.move(seconds=60)
    long_running.look()
    assert [(one.event, one.to) for one in jobs.get(job.id).notices] == [
        ("too_long", "https://hooks.example.org/…"),
        ("too_long", "@team"),
    ]
    assert texts(store)[0].startswith(
        f"Job {job.id} (train) has been running for 1 m 1 s\n\nIt was to take 1 m at most"
    )
    queue.end(key, {"state": "failed", "reason": "timeout"})
    start(queue, clock)
    clock.move(seconds=1000)
    assert long_running.look() == 0, "once per job, not per attempt"


def test_without_a_bound_it_is_twice_what_the_notebook_usually_takes(
    jobs: JobsService, queue: JobQueue, store: Store, clock: ManualClock, notebook: Path, long_running: LongRunning
) -> None:
    for count, seconds in enumerate((100, 1000, 110)):
        job = submit(jobs, notebook, on=["too_long"])
        key = start(queue, clock)
        clock.move(seconds=seconds)
        assert long_running.look() == 0, f"{count} successes tell nothing"
        queue.end(key, {"state": "succeeded"})
    job = submit(jobs, notebook, on=["too_long"])
    start(queue, clock)
    clock.move(seconds=220)
    assert long_running.look() == 0
    clock.move(seconds=1)
    assert long_running.look() == 1
    assert told(jobs, job) == ["too_long"]
    assert "It usually takes 1 m 50 s." in texts(store)[0]


def test_a_sweep_takes_too_long_only_by_a_bound_of_its_own(
    jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, notebook: Path,
    long_running: LongRunning,
) -> None:  # fmt: skip
    sweeps = SweepsService(store, home, clock, jobs, lambda: None)
    for bound in ({}, {"after": 60}):
        notify = [{"to": HOOK, "on": ["too_long"], **bound}]
        spec = {"notebook": str(notebook), "space": {"x": [1, 2]}, "notify": notify}
        sweeps.create(SweepSpec.model_validate(spec), owner="ada")
    start(queue, clock)
    clock.move(seconds=1000)
    assert long_running.look() == 1
    assert [text.splitlines()[0] for text in texts(store)] == ["Sweep 2 (train) has been running for 16 m 40 s"]


# --- sending --------------------------------------------------------------------------------------


def one_notice(jobs: JobsService, job: Job) -> Notice:
    (notice,) = jobs.get(job.id).notices
    return notice


def test_temporary_failures_are_tried_again_after_a_delay_that_doubles(
    jobs: JobsService, queue: JobQueue, store: Store, clock: ManualClock, notebook: Path, ledger: NoticeLedger
) -> None:
    job = submit(jobs, notebook)
    end(queue, job)
    for number in range(1, 8):
        (row,) = ledger.due(10)
        assert ledger.settle(row, "it answered 503", again=True) == "pending"
        notice = one_notice(jobs, job)
        assert (notice.state, notice.tries, notice.message) == ("pending", number, "it answered 503")
        delay = 10 * 2 ** (number - 1)
        clock.move(seconds=delay - 1)
        assert (ledger.due(10), ledger.pending()) == ([], 1)
        clock.move(seconds=1)
    (row,) = ledger.due(10)
    assert ledger.settle(row, "it answered 503", again=True) == "failed"
    assert (one_notice(jobs, job).state, one_notice(jobs, job).tries) == ("failed", 8)
    assert (ledger.due(10), ledger.pending()) == ([], 0)
    with store.read() as connection:
        assert failed_since(connection, clock.now() - timedelta(days=1)) == 1
        assert failed_since(connection, clock.now()) == 0


def test_what_cannot_arrive_fails_at_once_and_what_arrives_is_sent(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path, ledger: NoticeLedger
) -> None:
    first, second = submit(jobs, notebook), submit(jobs, notebook)
    for job in (first, second):
        end(queue, job)
    one, two = ledger.due(10)
    ledger.settle(one, "it answered 404")
    clock.move(seconds=3)
    ledger.settle(two, None)
    ledger.settle(two, "too late", again=True)
    assert (one_notice(jobs, first).state, one_notice(jobs, first).message) == ("failed", "it answered 404")
    sent = one_notice(jobs, second)
    assert (sent.state, sent.tries, sent.message, sent.sent_at) == ("sent", 1, None, clock.now())


def test_the_sender_sends_several_at_a_time_and_keeps_what_came_of_them(
    jobs: JobsService, queue: JobQueue, notebook: Path, ledger: NoticeLedger
) -> None:
    answers = {"@team": None, "env:HOOK": Undelivered("it answered 503"), HOOK: Undeliverable("it answered 404")}
    said: list[tuple[str, str]] = []

    def send(target: str, text: str) -> None:
        said.append((target, text.splitlines()[0]))
        if (problem := answers[target]) is not None:
            raise problem

    wanted = [{"to": target} for target in answers]
    job = jobs.submit(JobSpec.model_validate({"notebook": str(notebook), "notify": wanted}), owner="ada")
    end(queue, job)
    sender = NoticeSender(ledger, send)
    sender.finish(10.0)
    assert sorted(said) == sorted(
        (target, f"Job {job.id} (train) failed: a cell raised an error") for target in answers
    )
    assert {one.to: (one.state, one.tries, one.message) for one in jobs.get(job.id).notices} == {
        "@team": ("sent", 1, None),
        "env:HOOK": ("pending", 1, "it answered 503"),
        "https://hooks.example.org/…": ("failed", 1, "it answered 404"),
    }
    assert sender.waiting
    sender.finish(0.0)
    assert len(said) == 3, "not before it is due"


def test_the_store_does_not_answer_after_sending_and_nothing_is_sent_twice(
    jobs: JobsService, queue: JobQueue, store: Store, clock: ManualClock, notebook: Path
) -> None:
    job = submit(jobs, notebook)
    end(queue, job)
    said: list[str] = []
    impatient = Store(store.url, busy_timeout=0.2)
    sender = NoticeSender(NoticeLedger(impatient, clock), lambda target, text: said.append(target))
    sender.advance()
    assert sender.news.wait(10)
    with store.write() as transaction:
        transaction.connection.execute(update(tables.notices).values(owner="somebody who holds the row"))
        for _ in range(3):
            with pytest.raises(Unavailable):
                sender.advance()
    sender.advance()
    assert said == [HOOK]
    assert one_notice(jobs, job).state == "sent"
    impatient.close()


# --- what doors show, and what they refuse ---------------------------------------------------------


def test_the_address_of_a_webhook_is_never_shown(
    jobs: JobsService, queue: JobQueue, store: Store, home: Home, clock: ManualClock, notebook: Path
) -> None:
    job = submit(jobs, notebook)
    end(queue, job)
    schedules = SchedulesService(store, home, clock, jobs, lambda: None)
    fields = {"notebook": str(notebook), "every": 60, "notify": [{"to": HOOK}, {"to": "@team"}]}
    schedule = schedules.create(ScheduleSpec.model_validate(fields), owner="ada")
    page = jobs.list().model_dump_json() + schedules.list().model_dump_json()
    for shown in (page, jobs.get(job.id).model_dump_json(), schedule.model_dump_json()):
        assert "verysecret" not in shown
        assert "https://hooks.example.org/…" in shown
    # What was shown may be sent back: it is still the same target.
    back = [one.model_dump(mode="json") for one in schedule.options.notify] + [{"to": "mailto:ada@example.org"}]
    schedules.update(schedule.id, ScheduleChange.model_validate({"notify": back, "retries": 2}))
    with store.read() as connection:
        kept = connection.execute(select(tables.schedules.c.job)).scalar()
    assert [one["to"] for one in kept["options"]["notify"]] == [HOOK, "@team", "mailto:ada@example.org"]
    again = jobs.retry(job.id, owner="ada")
    end(queue, again)
    with store.read() as connection:
        assert set(connection.execute(select(tables.notices.c.target)).scalars()) == {HOOK}


@pytest.mark.parametrize(
    ("to", "why", "hint"),
    [
        ("@nobody", "no target is called @nobody", "@team"),
        ("mailto:ada@example.org?bcc", "that is no mail address", "one address"),
        ("https://hooks.slack.com/…", "that is how an address is shown", "give the whole of it"),
        ("http://127.0.0.1:8888/api", "its host is not on the public Internet", "c.Platform.notify_hosts"),
        ("file:webhook.txt", "the path is relative", "file:/"),
    ],
)
def test_a_target_that_cannot_work_is_refused_and_nothing_is_written(
    jobs: JobsService, notebook: Path, to: str, why: str, hint: str
) -> None:
    with pytest.raises(Invalid) as refused:
        submit(jobs, notebook, to=to)
    assert list(refused.value.fields) == ["notify.0.to"]
    assert refused.value.fields["notify.0.to"].startswith(why)
    assert hint in refused.value.hint
    assert jobs.list().items == []


def test_mail_needs_a_server(store: Store, home: Home, clock: ManualClock, notebook: Path) -> None:
    jobs = JobsService(store, home, clock, lambda: None, backend="local", slots=2)
    with pytest.raises(Invalid, match="no mail server is configured") as refused:
        submit(jobs, notebook, to="mailto:ada@example.org")
    assert "c.Platform.smtp_url" in refused.value.hint


def test_notices_go_with_their_job_but_for_those_to_be_sent(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path, ledger: NoticeLedger
) -> None:
    first, second = submit(jobs, notebook), submit(jobs, notebook)
    with pytest.raises(Conflict):
        jobs.delete(first.id)
    for job in (first, second):
        end(queue, job)
    ledger.settle(ledger.due(1)[0], None)
    for job in (first, second):
        jobs.delete(job.id)
    (left,) = ledger.due(10)
    assert left["key"] == int(second.id)
    ledger.settle(left, None)
    clock.move(days=2)
    assert ledger.forget_orphans() == 1
