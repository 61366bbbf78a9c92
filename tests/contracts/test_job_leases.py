"""Jobs that need GPUs, over SQLite and PostgreSQL: asked for, held with the attempt, taken back for others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.errors import Conflict, Invalid, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import JobOptions, JobSpec, Lease, LeaseRequest
from jupyter_mlplat.services.gpus import GPUsService, Quotas, visible
from jupyter_mlplat.services.gpus.queue import Device, Held, Request, give_way
from jupyter_mlplat.services.jobs import JobQueue, JobsService
from jupyter_mlplat.services.jobs.claim import Claim
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock
from .test_leases import check

GIB = 2**30


@pytest.fixture
def make(store: Store, home: Home, clock: ManualClock) -> Callable[..., GPUsService]:
    def made(spec: str = "2xA100-80G", **limits: int) -> GPUsService:
        return GPUsService(store, FakeSource(spec, home.root / "used.json"), clock, Quotas(limits))

    return made


@pytest.fixture
def gpus(make: Callable[..., GPUsService]) -> GPUsService:
    return make()


@pytest.fixture
def submit(jobs: JobsService, notebook: Path) -> Callable[..., str]:
    def submitted(gpus: int | None = 1, *, owner: str = "ada", **options: Any) -> str:
        return jobs.submit(JobSpec.model_validate({"notebook": str(notebook), "gpus": gpus, **options}), owner=owner).id

    return submitted


def claimed(queue: JobQueue) -> list[str]:
    return [str(claim.row["id"]) for claim in queue.claim(9)]


def lease_of(jobs: JobsService, job: str) -> Lease:
    lease = jobs.get(job).lease
    assert lease is not None
    return lease


def by_hand(gpus: GPUsService, count: int = 1, **fields: Any) -> Lease:
    return gpus.acquire(LeaseRequest(count=count, **{"pid": os.getpid(), **fields}), owner="grace")


# --- one job ---------------------------------------------------------------------------------------


def test_a_job_starts_once_it_has_its_devices_and_gives_them_back_with_its_end(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, store: Store, submit: Callable[..., str]
) -> None:
    job, plain = submit(2), submit(0)
    assert claimed(queue) == [plain], "nobody has asked for its devices yet"
    assert gpus.of_jobs.ask()
    lease = lease_of(jobs, job)
    assert (lease.state, lease.kind, lease.job_id, len(lease.devices), lease.owner) == ("granted", "job", job, 2, "ada")
    assert lease.notebook == jobs.get(job).notebook
    environment = gpus.of_jobs.environment(int(job))
    assert environment == {"CUDA_VISIBLE_DEVICES": ",".join(lease.devices), "MLPLAT_LEASE": lease.id}
    assert claimed(queue) == [job]
    assert not gpus.of_jobs.ask()
    check(store)
    queue.end(f"{job}-1", {"state": "succeeded"})
    after = lease_of(jobs, job)
    assert (after.state, after.reason, after.devices) == ("released", "released", lease.devices)
    assert [one.lease for one in gpus.list().devices] == [None, None]
    check(store)


def test_the_place_in_the_queue_is_shown_and_the_first_that_gets_devices_starts(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, submit: Callable[..., str]
) -> None:
    held = by_hand(gpus, 2)
    first, second = submit(), submit(owner="ben")
    gpus.of_jobs.ask()
    assert [lease_of(jobs, one).position for one in (first, second)] == [1, 2]
    assert [job.lease.position for job in jobs.list().items if job.lease] == [2, 1]
    assert claimed(queue) == []
    gpus.release(held.id)
    assert claimed(queue) == [first, second]


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"state": "succeeded"}, "succeeded"),
        ({"state": "failed", "reason": "cell_error"}, "failed"),
        ({"state": "cancelled", "reason": "cancelled"}, "cancelled"),
        ({"state": "lost", "reason": "worker_lost"}, "lost"),
    ],
)
def test_however_it_ends_its_devices_are_free(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, store: Store, submit: Callable[..., str],
    record: dict[str, str], state: str,
) -> None:  # fmt: skip
    job = submit()
    gpus.of_jobs.ask()
    assert claimed(queue) == [job]
    assert queue.end(f"{job}-1", record) == state
    assert lease_of(jobs, job).state == "released"
    check(store)


def test_a_retry_asks_again_when_it_is_due(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, clock: ManualClock, submit: Callable[..., str]
) -> None:
    job = submit(retries=1, retry_delay=60)
    gpus.of_jobs.ask()
    (claim,) = queue.claim(1)
    queue.end(claim.key, {"state": "failed", "reason": "cell_error"})
    first = lease_of(jobs, job)
    assert first.state == "released"
    gpus.of_jobs.ask()
    assert lease_of(jobs, job).id == first.id, "nothing is kept from others before it is due"
    clock.move(seconds=61)
    gpus.of_jobs.ask()
    second = lease_of(jobs, job)
    assert (second.id != first.id, second.state) == (True, "granted")
    assert claimed(queue) == [job]


def test_what_is_given_back_or_cancelled_leaves_the_queue_for_devices(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, store: Store, submit: Callable[..., str]
) -> None:
    first, second = submit(), submit()
    gpus.of_jobs.ask()
    (claim, _) = queue.claim(2)
    queue.requeue(claim, "waits: the cluster is away")
    assert lease_of(jobs, first).state == "released"
    gpus.of_jobs.ask()
    assert lease_of(jobs, first).state == "granted"
    jobs.cancel(first)
    for one in queue.cancellations():
        assert queue.cancel_queued(one)
    assert (jobs.get(first).state, lease_of(jobs, first).state) == ("cancelled", "released")
    assert lease_of(jobs, second).state == "granted"
    gpus.of_jobs.let_go()
    assert lease_of(jobs, second).state == "granted", "it is at work"
    third = submit()
    gpus.of_jobs.ask()
    gpus.of_jobs.let_go()
    assert (lease_of(jobs, third).state, lease_of(jobs, third).reason) == ("released", "cancelled")
    check(store)


def test_a_jobs_lease_is_its_own(gpus: GPUsService, jobs: JobsService, submit: Callable[..., str]) -> None:
    job = submit()
    gpus.of_jobs.ask()
    with pytest.raises(Conflict) as caught:
        gpus.release(lease_of(jobs, job).id)
    assert f"jobs cancel {job}" in caught.value.hint


def test_a_lease_whose_job_is_gone_is_ended(
    gpus: GPUsService, jobs: JobsService, store: Store, submit: Callable[..., str]
) -> None:
    job = submit()
    gpus.of_jobs.ask()
    lease = lease_of(jobs, job)
    with store.write() as transaction:
        transaction.connection.execute(
            update(tables.jobs).where(tables.jobs.c.id == int(job)).values(state="succeeded")
        )
    assert gpus.leases().items == []
    assert gpus.get(lease.id).reason == "owner_gone"


def test_one_job_cannot_hold_twice(
    store: Store, gpus: GPUsService, jobs: JobsService, submit: Callable[..., str]
) -> None:
    job = submit()
    gpus.of_jobs.ask()
    with store.read() as connection:
        row = dict(connection.execute(select(tables.leases)).mappings().one())
    del row["id"]
    with pytest.raises(IntegrityError), store.write() as transaction:
        transaction.connection.execute(insert(tables.leases).values(**row))
    assert lease_of(jobs, job).state == "granted"


# --- what cannot be had ----------------------------------------------------------------------------


def test_what_the_machine_cannot_give_is_refused_at_once(
    store: Store, home: Home, clock: ManualClock, notebook: Path, make: Callable[..., GPUsService]
) -> None:
    def jobs_on(gpus: GPUsService) -> JobsService:
        return JobsService(store, home, clock, lambda: None, backend="local", slots=1, refuse_gpus=gpus.refuse)

    def refused(ledger: GPUsService, error: type[Exception], **options: Any) -> None:
        with pytest.raises(error):
            jobs_on(ledger).submit(JobSpec.model_validate({"notebook": str(notebook), **options}), owner="ada")

    refused(make(), Invalid, gpus=3)
    refused(make(), Invalid, gpu_type="H100")
    refused(make(), Invalid, gpu_memory="90G")
    refused(make(ada=1), Conflict, gpus=2)
    nothing = make("1xA100-80G")
    nothing._source.devices = list  # type: ignore[attr-defined, method-assign]
    refused(nothing, Unavailable, gpus=1)
    assert jobs_on(nothing).submit(JobSpec(notebook=str(notebook)), owner="ada").state == "queued"


def test_a_job_whose_devices_are_no_longer_there_says_so_and_waits(
    jobs: JobsService, queue: JobQueue, make: Callable[..., GPUsService], submit: Callable[..., str]
) -> None:
    job = submit(gpu_type="H100", gpus=None)
    make().of_jobs.ask()
    assert jobs.get(job).message == "waits for a GPU: this host cannot give 1 × H100"
    assert (jobs.get(job).state, jobs.get(job).lease) == ("queued", None)
    make("1xH100-80G").of_jobs.ask()
    assert (jobs.get(job).message, lease_of(jobs, job).state) == (None, "granted")
    assert claimed(queue) == [job]


@pytest.mark.parametrize(
    ("fields", "devices"),
    [
        ({}, 0),
        ({"gpus": 2}, 2),
        ({"gpu_type": "A100"}, 1),
        ({"gpu_memory": "16G"}, 1),
        ({"gpus": 0, "gpu_type": "A100"}, 0),
        ({"gpu_shared": True, "gpu_memory": GIB}, 1),
    ],
)
def test_who_says_which_device_needs_one(fields: dict[str, Any], devices: int) -> None:
    assert JobOptions.model_validate(fields).devices == devices


@pytest.mark.parametrize(
    "fields",
    [{"gpus": -1}, {"gpus": 65}, {"gpu_memory": "much"}, {"gpu_memory": 5}, {"gpu_shared": True}],
)
def test_what_is_no_wish_for_devices(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="gpu"):
        JobOptions.model_validate(fields)


# --- many jobs -------------------------------------------------------------------------------------


def test_no_devices_are_kept_for_jobs_that_could_not_start(
    jobs: JobsService, queue: JobQueue, store: Store, gpus: GPUsService, submit: Callable[..., str]
) -> None:
    lane = [submit() for _ in range(3)]
    with store.write() as transaction:
        transaction.connection.execute(update(tables.jobs).values(lane="sweep:1", lane_limit=1))
    other = submit(owner="ben")
    gpus.of_jobs.ask()
    gpus.of_jobs.ask()
    assert [jobs.get(one).lease is None for one in lane] == [False, True, True]
    assert claimed(queue) == [lane[0], other]
    queue.end(f"{lane[0]}-1", {"state": "succeeded"})
    gpus.of_jobs.ask()
    assert claimed(queue) == [lane[1]]


def test_no_more_devices_are_asked_for_than_a_user_may_have_jobs(
    jobs: JobsService, gpus: GPUsService, submit: Callable[..., str]
) -> None:
    mine = [submit() for _ in range(3)]
    theirs = submit(owner="ben")
    gpus.of_jobs.ask(per_user=1)
    gpus.of_jobs.ask(per_user=1)
    assert [jobs.get(one).lease is None for one in [*mine, theirs]] == [False, True, True, False]


def test_of_two_jobs_first_the_one_that_keeps_a_device_waiting(
    queue: JobQueue, gpus: GPUsService, submit: Callable[..., str]
) -> None:
    plain, with_device = submit(0), submit(1)
    gpus.of_jobs.ask()
    assert [str(claim.row["id"]) for claim in queue.claim(1)] == [with_device]
    assert claimed(queue) == [plain]


# --- taken back ------------------------------------------------------------------------------------


def running(queue: JobQueue, clock: ManualClock, jobs: JobsService, job: str) -> Claim:
    from .test_queue import started

    (claim,) = [one for one in queue.claim(9) if str(one.row["id"]) == job]
    started(queue, claim, clock)
    assert jobs.get(job).state == "running"
    return claim


def test_an_interruptible_job_goes_for_one_that_waits_and_goes_on_later(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, clock: ManualClock, store: Store, submit: Callable[..., str]
) -> None:
    job = submit(2, interruptible=True)
    gpus.of_jobs.ask()
    claim = running(queue, clock, jobs, job)
    assert not gpus.of_jobs.take_back()
    urgent = by_hand(gpus)
    assert gpus.of_jobs.take_back()
    assert lease_of(jobs, job).wanted_by == urgent.id
    queue.preempt()
    assert jobs.get(job).cancel_requested
    assert [one.key for one in queue.cancellations()] == [claim.key]
    record = {"state": "cancelled", "reason": "cancelled"}
    assert queue.end(claim.key, record) == "queued"
    after = jobs.get(job)
    assert (after.failures, after.cancel_requested) == (0, False)
    assert after.message == "its GPUs were taken back; it goes on when it has some again"
    assert lease_of(jobs, job).reason == "preempted"
    gpus.settle()
    assert gpus.get(urgent.id).state == "granted"
    gpus.of_jobs.ask()
    assert lease_of(jobs, job).position == 1
    assert not gpus.of_jobs.take_back()
    gpus.release(urgent.id)
    (again,) = queue.claim(9)
    assert (str(again.row["id"]), again.number) == (job, 2)
    check(store)


@pytest.mark.parametrize("priority", [0, 5])
def test_who_ranks_lower_or_is_interruptible_too_takes_nothing(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, clock: ManualClock, submit: Callable[..., str], priority: int
) -> None:
    job = submit(2, interruptible=True, priority=priority)
    gpus.of_jobs.ask()
    running(queue, clock, jobs, job)
    if priority:
        by_hand(gpus, priority=priority - 1)
    submit(2, interruptible=True, priority=priority, owner="ben")
    gpus.of_jobs.ask()
    gpus.of_jobs.take_back()
    assert lease_of(jobs, job).wanted_by is None


def test_who_is_over_a_quota_takes_nothing(
    jobs: JobsService, queue: JobQueue, make: Callable[..., GPUsService], clock: ManualClock, submit: Callable[..., str]
) -> None:
    gpus = make("3xA100-80G", grace=1)
    by_hand(gpus)
    job = submit(2, interruptible=True)
    gpus.of_jobs.ask()
    running(queue, clock, jobs, job)
    by_hand(gpus, priority=5)
    gpus.of_jobs.take_back()
    assert lease_of(jobs, job).wanted_by is None


def test_a_user_can_cancel_what_is_being_taken_back(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, clock: ManualClock, submit: Callable[..., str]
) -> None:
    job = submit(2, interruptible=True)
    gpus.of_jobs.ask()
    claim = running(queue, clock, jobs, job)
    by_hand(gpus)
    gpus.of_jobs.take_back()
    queue.preempt()
    jobs.cancel(job)
    assert queue.end(claim.key, {"state": "cancelled", "reason": "cancelled"}) == "cancelled"


def test_one_that_is_lost_while_it_goes_goes_on_and_one_that_failed_has_failed(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, clock: ManualClock, submit: Callable[..., str]
) -> None:
    job = submit(2, interruptible=True)
    for record, state in (({"state": "lost", "reason": "worker_lost"}, "queued"),
                          ({"state": "failed", "reason": "cell_error"}, "failed")):  # fmt: skip
        gpus.of_jobs.ask()
        claim = running(queue, clock, jobs, job)
        urgent = by_hand(gpus)
        gpus.of_jobs.take_back()
        queue.preempt()
        assert queue.end(claim.key, record) == state
        gpus.settle()
        gpus.release(urgent.id)


def test_devices_that_nobody_uses_yet_go_at_once_and_a_wish_that_is_gone_takes_nothing(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, clock: ManualClock, submit: Callable[..., str]
) -> None:
    job = submit(2, interruptible=True)
    gpus.of_jobs.ask()
    urgent = by_hand(gpus)
    gpus.of_jobs.take_back()
    assert gpus.get(urgent.id).state == "granted"
    assert lease_of(jobs, job).reason == "preempted"
    gpus.release(urgent.id)
    gpus.of_jobs.ask()
    running(queue, clock, jobs, job)
    urgent = by_hand(gpus)
    gpus.of_jobs.take_back()
    assert lease_of(jobs, job).wanted_by == urgent.id
    gpus.release(urgent.id)
    gpus.of_jobs.take_back()
    assert lease_of(jobs, job).wanted_by is None
    queue.preempt()
    assert not jobs.get(job).cancel_requested


def devices(*leases: int | None) -> list[Device]:
    return [Device(f"GPU-{n}", "A100", 80 * GIB, used=0, lease=lease) for n, lease in enumerate(leases)]


def test_no_more_go_than_are_needed_and_none_where_that_would_not_do() -> None:
    held = [Held(1, ["GPU-0"], 0), Held(2, ["GPU-1"], 0), Held(3, ["GPU-2", "GPU-3"], 0)]
    all_of = devices(1, 2, 3, 3)
    assert give_way([(Request(9, "ben"), 0, False)], all_of, held) == {1: 9}
    assert give_way([(Request(9, "ben", count=2), 0, False)], all_of, held) == {1: 9, 2: 9}
    assert give_way([(Request(9, "ben", count=3), 0, False)], all_of, held) == {1: 9, 2: 9, 3: 9}
    assert give_way([(Request(9, "ben", count=2), 0, False)], devices(1, None, 3, 3), held[:1]) == {1: 9}
    assert give_way([(Request(9, "ben", count=4), 0, False)], all_of, held[:2]) == {}
    assert give_way([(Request(9, "ben", gpu_type="H100"), 0, False)], all_of, held) == {}
    both = [(Request(8, "ada"), 0, False), (Request(9, "ben"), 0, False)]
    assert give_way(both, all_of, held) == {1: 8, 2: 9}
    going = [Held(1, ["GPU-0"], 0, asked=8), held[1]]
    assert give_way(both[:1], all_of, going) == {}, "what goes already is enough"
    assert give_way(both, all_of, going) == {2: 9}


def test_shares_go_until_there_is_room() -> None:
    device = Device("GPU-0", "A100", 80 * GIB, used=0, shared=70 * GIB)
    held = [Held(1, ["GPU-0"], 0, share=10 * GIB), Held(2, ["GPU-0"], 0, share=60 * GIB)]
    share = Request(9, "ben", memory=20 * GIB, shared=True)
    assert give_way([(share, 0, False)], [device], held) == {1: 9}
    share = Request(9, "ben", memory=40 * GIB, shared=True)
    assert give_way([(share, 0, False)], [device], held) == {1: 9, 2: 9}


def test_what_was_taken_back_does_not_come_before_the_one_that_took_it(
    jobs: JobsService, queue: JobQueue, gpus: GPUsService, clock: ManualClock, submit: Callable[..., str]
) -> None:
    job = submit(2, interruptible=True)
    gpus.of_jobs.ask()
    claim = running(queue, clock, jobs, job)
    other = by_hand(gpus, 2)
    more = by_hand(gpus, 1)
    gpus.of_jobs.take_back()
    queue.preempt()
    queue.end(claim.key, {"state": "cancelled", "reason": "cancelled"})
    gpus.of_jobs.ask()
    assert [one.id for one in gpus.list().queue] == [more.id, lease_of(jobs, job).id]
    assert gpus.get(other.id).state == "granted"
    gpus.release(more.id)
    late = by_hand(gpus, 1)
    waiting = lease_of(jobs, job)
    assert (waiting.position, waiting.cause) == (
        2,
        f"request {late.id} of grace came before it: it is not interruptible",
    )


def test_nobody_overtakes_their_own_requests_by_having_fewer_devices(gpus: GPUsService) -> None:
    holds = by_hand(gpus, 2)
    earlier = by_hand(gpus, 2)
    with_more = gpus.acquire(LeaseRequest(count=1, pid=os.getpid()), owner="ada")
    assert [one.id for one in gpus.list().queue] == [with_more.id, earlier.id]
    gpus.release(with_more.id)
    gpus.release(holds.id)
    assert gpus.get(earlier.id).state == "granted"
    first, second = by_hand(gpus), by_hand(gpus)
    gpus.release(earlier.id)
    gpus.acquire(LeaseRequest(count=2, pid=os.getpid()), owner="ada")
    third = by_hand(gpus)
    waiting = [one.id for one in gpus.list().queue if one.owner == "grace"]
    assert waiting == [one for one in (first.id, second.id, third.id) if one in waiting]


def test_torch_in_a_job_is_held_to_its_share(
    jobs: JobsService, gpus: GPUsService, monkeypatch: pytest.MonkeyPatch, submit: Callable[..., str]
) -> None:
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "backend:native")
    job = submit(1, gpu_memory="20G", gpu_shared=True)
    gpus.of_jobs.ask()
    lease = lease_of(jobs, job)
    assert (lease.shared, lease.memory) == (True, 20 * GIB)
    assert gpus.of_jobs.environment(int(job)) == {
        "CUDA_VISIBLE_DEVICES": lease.devices[0],
        "MLPLAT_LEASE": lease.id,
        "PYTORCH_CUDA_ALLOC_CONF": "backend:native,per_process_memory_fraction:0.250000",
    }
    monkeypatch.setattr(visible, "_torch_reads_it", lambda: False)
    assert "PYTORCH_CUDA_ALLOC_CONF" not in gpus.of_jobs.environment(int(job))
