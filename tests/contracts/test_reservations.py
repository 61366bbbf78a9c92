"""Reservations of devices over SQLite and PostgreSQL: free when their window opens, and only for whom they are."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.errors import Conflict, Invalid, NotFound, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import (
    HolderKind,
    JobSpec,
    Lease,
    LeaseRequest,
    Reservation,
    ReservationRequest,
    UsageKey,
)
from jupyter_mlplat.services.gpus import GPUsService, Quotas
from jupyter_mlplat.services.gpus.queue import Device, Request, Window, decide
from jupyter_mlplat.services.jobs import JobQueue, JobsService
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock
from .test_leases import check

HOUR = 3600.0


@pytest.fixture
def make(store: Store, home: Home, clock: ManualClock) -> Callable[..., GPUsService]:
    def made(spec: str = "2xA100-80G", *, limits: dict[str, int] | None = None, **groups: list[str]) -> GPUsService:
        return GPUsService(store, FakeSource(spec, home.root / "used.json"), clock, Quotas(limits or {}, groups))

    return made


@pytest.fixture
def gpus(make: Callable[..., GPUsService]) -> GPUsService:
    return make()


@pytest.fixture
def reserve(gpus: GPUsService, clock: ManualClock) -> Callable[..., Reservation]:
    def made(
        count: int = 1,
        *,
        after: float = HOUR,
        hours: float = 2,
        owner: str = "ada",
        by: GPUsService = gpus,
        **more: Any,
    ) -> Reservation:
        starts = clock.now() + timedelta(seconds=after)
        request = ReservationRequest(count=count, starts_at=starts, ends_at=starts + timedelta(hours=hours), **more)
        return by.reservations.make(request, owner=owner)

    return made


def ask(gpus: GPUsService, owner: str, count: int = 1, **fields: Any) -> Lease:
    kind = fields.pop("kind", HolderKind.PROCESS)
    return gpus.acquire(LeaseRequest(count=count, **{"pid": os.getpid(), **fields}), owner=owner, kind=kind)


def index_of(gpus: GPUsService, lease: Lease) -> list[int]:
    return [one.index for one in gpus.list().devices if one.uuid in lease.devices]


# --- who gets the devices --------------------------------------------------------------------------


def test_an_open_window_is_for_its_users_alone(
    gpus: GPUsService, reserve: Callable[..., Reservation], clock: ManualClock, store: Store
) -> None:
    kept = reserve(1, after=0)
    assert (kept.state, kept.owner, kept.whose, kept.users, kept.in_the_way) == ("open", "ada", "ada", ["ada"], [])
    assert len(kept.devices) == 1
    other = ask(gpus, "bob")
    assert other.state == "granted"
    assert other.devices != kept.devices, "the one that is not reserved"
    second = ask(gpus, "bob")
    assert second.state == "queued"
    assert second.held_up == "reserved for ada from 2026-11-21 04:00 to 2026-11-21 06:00 UTC"
    own = ask(gpus, "ada")
    assert (own.state, own.devices, own.ends_at) == ("granted", kept.devices, None), "past the one that waits"
    gpus.release(own.id)
    assert gpus.get(second.id).state == "queued"
    clock.move(hours=2)
    gpus.settle()
    assert gpus.get(second.id).devices == kept.devices, "the window is over"
    check(store)


def test_its_users_get_the_reserved_ones_first_and_keep_them_beyond_the_end(
    gpus: GPUsService, reserve: Callable[..., Reservation], clock: ManualClock
) -> None:
    uuids = [one.uuid for one in gpus.list().devices]
    kept = reserve(1, after=0, devices=[uuids[1]])
    assert kept.devices == [uuids[1]]
    own = ask(gpus, "ada")
    assert own.devices == [uuids[1]], "not the free one that somebody else could have"
    clock.move(hours=3)
    gpus.settle()
    assert gpus.get(own.id).state == "granted", "nobody else has reserved it"
    assert gpus.list().reservations == []
    assert gpus.reservations.get(kept.id).state == "ended"


def test_before_it_opens_others_have_the_device_up_to_then(
    gpus: GPUsService, reserve: Callable[..., Reservation], clock: ManualClock, store: Store
) -> None:
    kept = reserve(2)
    first = ask(gpus, "bob")
    assert first.ends_at == kept.starts_at, "it is told from the begin"
    short = ask(gpus, "bob", seconds=600)
    assert short.ends_at == clock.now() + timedelta(seconds=600)
    clock.move(minutes=11)
    gpus.settle()
    mine = ask(gpus, "ada")
    assert mine.state == "granted"
    assert mine.ends_at is None
    clock.move(minutes=50)
    gpus.settle()
    ended = gpus.get(first.id)
    assert (ended.state, ended.reason) == ("expired", "time_up")
    assert ask(gpus, "bob").state == "queued"
    assert ask(gpus, "ada").state == "granted"
    check(store)


def test_nobody_is_given_a_device_for_a_few_minutes(gpus: GPUsService, reserve: Callable[..., Reservation]) -> None:
    reserve(2, after=240)
    waits = ask(gpus, "bob")
    assert (waits.state, waits.held_up is not None) == ("queued", True)
    assert ask(gpus, "bob", seconds=200).state == "granted", "it is gone by then"
    assert ask(gpus, "ada").state == "granted"


def test_who_was_there_before_keeps_the_device_and_is_named(
    gpus: GPUsService, reserve: Callable[..., Reservation], clock: ManualClock
) -> None:
    bob = ask(gpus, "bob")
    one = reserve(1)
    assert (one.in_the_way, set(one.devices) & set(bob.devices)) == ([], set()), "the one that nobody has"
    both = reserve(1, whose="grace")
    assert both.devices == bob.devices
    assert both.in_the_way == [bob.id]
    clock.move(hours=1)
    gpus.settle()
    assert gpus.get(bob.id).state == "granted"
    grace = ask(gpus, "grace")
    assert grace.state == "queued", "it is hers as soon as it is free"
    also = ask(gpus, "eve", priority=1000)
    gpus.release(bob.id)
    assert gpus.get(grace.id).devices == bob.devices
    assert gpus.get(also.id).state == "queued", "whatever its priority"


def test_a_kernel_has_two_more_minutes_to_be_shut_down(
    gpus: GPUsService, reserve: Callable[..., Reservation], clock: ManualClock
) -> None:
    kept = reserve(2)
    ahead = ask(gpus, "bob", notebook="/n.ipynb", seconds=120)
    lease = gpus.adopt("/n.ipynb", pid=os.getpid())
    assert lease is not None
    assert lease.id == ahead.id
    assert lease.ends_at == kept.starts_at, "not free of any end, and not after 120 s"
    assert gpus.adopt("/n.ipynb", pid=os.getpid()) is None, "once"
    assert gpus.overdue() == []
    clock.move(minutes=61)
    gpus.settle()
    assert [one.id for one in gpus.overdue()] == [lease.id]
    assert gpus.get(lease.id).state == "granted"
    clock.move(minutes=2)
    gpus.settle()
    assert (gpus.get(lease.id).state, gpus.overdue()) == ("expired", [])


def test_a_group_shares_what_is_reserved_for_it(
    make: Callable[..., GPUsService], reserve: Callable[..., Reservation]
) -> None:
    gpus = make(course=["ada", "bob"])
    kept = reserve(2, after=0, by=gpus, whose="@course", owner="teacher")
    assert (kept.owner, kept.whose, kept.users) == ("teacher", "@course", ["ada", "bob"])
    assert ask(gpus, "teacher").state == "queued"
    assert [ask(gpus, who).state for who in ("ada", "bob")] == ["granted", "granted"]
    with pytest.raises(Invalid, match="no group @nobody") as caught:
        reserve(1, by=gpus, whose="@nobody")
    assert caught.value.hint == "groups: @course"


def test_a_cancelled_one_keeps_nobody_out(gpus: GPUsService, reserve: Callable[..., Reservation]) -> None:
    kept = reserve(2, after=0)
    waits = ask(gpus, "bob")
    assert waits.state == "queued"
    assert gpus.reservations.cancel(kept.id).state == "cancelled"
    assert gpus.reservations.cancel(kept.id).state == "cancelled", "once more is no mistake"
    gpus.settle()
    assert gpus.get(waits.id).state == "granted"
    assert gpus.reservations.list().items == []
    with pytest.raises(NotFound):
        gpus.reservations.cancel("77")


def test_the_expected_start_knows_the_windows(
    gpus: GPUsService, reserve: Callable[..., Reservation], clock: ManualClock
) -> None:
    for _ in range(3):
        once = ask(gpus, "bob")
        clock.move(minutes=30)
        gpus.release(once.id)
    kept = reserve(2, after=0)
    waits = ask(gpus, "bob")
    assert gpus.get(waits.id).expected_start == kept.ends_at


# --- jobs ------------------------------------------------------------------------------------------


def test_a_job_that_cannot_be_cut_short_does_not_begin_on_a_device_that_is_reserved_soon(
    gpus: GPUsService,
    jobs: JobsService,
    queue: JobQueue,
    reserve: Callable[..., Reservation],
    notebook: Path,
    clock: ManualClock,
) -> None:
    def submit(**options: Any) -> str:
        spec = JobSpec.model_validate({"notebook": str(notebook), "gpus": 1, **options})
        return jobs.submit(spec, owner="bob").id

    def states() -> list[str | None]:
        gpus.of_jobs.ask()
        leases = [jobs.get(job).lease for job in (long, short, goes)]
        return [lease.state if lease else None for lease in leases]

    kept = reserve(2)
    long, short, goes = submit(), submit(timeout=600), submit(interruptible=True)
    assert states() == ["queued", "granted", "granted"]
    lease = jobs.get(long).lease
    assert lease is not None
    assert lease.held_up is not None
    assert "reserved for ada" in lease.held_up
    shown = jobs.get(short).lease
    assert shown is not None
    assert shown.ends_at is None, "a job's lease ends with it"
    assert {str(claim.row["id"]) for claim in queue.claim(9)} == {short, goes}
    clock.move(minutes=61)
    ada = ask(gpus, "ada")
    assert ada.state == "queued"
    gpus.of_jobs.take_back()
    taken = jobs.get(goes).lease
    assert taken is not None
    assert taken.wanted_by == ada.id, "what is interruptible goes for whom it is reserved"
    assert gpus.reservations.get(kept.id).in_the_way == [], "the short one ends before, the other one goes"


def test_far_ahead_a_job_may_begin(gpus: GPUsService, jobs: JobsService, notebook: Path, reserve: Any) -> None:
    reserve(2, after=25 * HOUR)
    job = jobs.submit(JobSpec.model_validate({"notebook": str(notebook), "gpus": 1}), owner="bob").id
    gpus.of_jobs.ask()
    lease = jobs.get(job).lease
    assert lease is not None
    assert lease.state == "granted"


# --- making them -----------------------------------------------------------------------------------


def test_no_device_is_reserved_twice_at_a_time(
    gpus: GPUsService, reserve: Callable[..., Reservation], clock: ManualClock
) -> None:
    first = reserve(1, after=HOUR, hours=2)
    second = reserve(1, after=2 * HOUR, hours=2, owner="bob")
    assert not set(first.devices) & set(second.devices)
    with pytest.raises(Conflict) as caught:
        reserve(1, after=2.5 * HOUR, hours=1, owner="eve")
    assert caught.value.message == (
        "0 of 2 such devices can be reserved then: reservation 1 of ada until 2026-11-21 07:00 UTC, "
        "reservation 2 of bob until 2026-11-21 08:00 UTC"
    )
    assert caught.value.hint == "1 are free for as long from 2026-11-21 07:00 UTC"
    assert reserve(1, after=3 * HOUR, hours=1, owner="eve").devices == first.devices, "one ends as the next begins"
    assert [one.id for one in gpus.reservations.list(limit=2).items] == ["1", "2"]
    page = gpus.reservations.list(limit=2)
    assert page.next is not None
    assert [one.id for one in gpus.reservations.list(limit=2, after=page.next).items] == ["3"]


def test_many_at_once_never_have_one_device(gpus: GPUsService, reserve: Callable[..., Reservation]) -> None:
    def one(number: int) -> Reservation | None:
        try:
            return reserve(1, owner=f"user{number}", after=HOUR, hours=1)
        except Conflict:
            return None

    gpus.list()
    with ThreadPoolExecutor(6) as pool:
        made = [one for one in pool.map(one, range(6)) if one is not None]
    assert len(made) == 2
    assert len({uuid for each in made for uuid in each.devices}) == 2


def test_the_quota_holds_for_reservations(
    make: Callable[..., GPUsService], reserve: Callable[..., Reservation]
) -> None:
    gpus = make("4xA100-80G", limits={"ada": 2, "@lab": 3}, lab=["ada", "bob"])
    reserve(1, by=gpus)
    with pytest.raises(Conflict, match="2 devices are more than the quota of ada: 2, of which 1 are reserved then"):
        reserve(2, by=gpus)
    reserve(2, by=gpus, after=4 * HOUR)
    with pytest.raises(Conflict, match="4 devices are more than the quota of @lab: 3"):
        reserve(4, by=gpus, whose="@lab", owner="bob")
    reserve(3, by=gpus, owner="eve")


@pytest.mark.parametrize(
    ("times", "field", "why"),
    [
        ((-120, 3600), "starts_at", "in the past"),
        ((400 * 86400, 400 * 86400 + 60), "starts_at", "more than a year away"),
        ((3600, 3600), "ends_at", "no length"),
        ((3600, 60), "ends_at", "no length"),
        ((60, 60 + 32 * 86400), "ends_at", "longer than 31 days"),
    ],
)
def test_what_is_no_window(
    gpus: GPUsService, clock: ManualClock, times: tuple[float, float], field: str, why: str
) -> None:
    starts, ends = (clock.now() + timedelta(seconds=one) for one in times)
    with pytest.raises(Invalid, match=why) as caught:
        gpus.reservations.make(ReservationRequest(starts_at=starts, ends_at=ends), owner="ada")
    assert list(caught.value.fields) == [field]
    assert gpus.reservations.list().items == []


def test_what_the_host_does_not_have_cannot_be_reserved(
    gpus: GPUsService, reserve: Callable[..., Reservation], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Invalid, match="cannot give 1 × H100"):
        reserve(1, gpu_type="H100")
    with pytest.raises(Invalid, match="cannot give 3"):
        reserve(3)
    monkeypatch.setattr(FakeSource, "devices", lambda self: [])
    with pytest.raises(Unavailable, match="no GPU"):
        reserve(1)
    assert gpus.reservations.list().items == []


def test_one_request_that_comes_twice_reserves_once(gpus: GPUsService, clock: ManualClock) -> None:
    request = ReservationRequest(ends_at=clock.now() + timedelta(hours=1))
    made = [gpus.reservations.make(request, owner="ada", idempotency_key="k") for _ in range(2)]
    assert made[0] == made[1]
    with pytest.raises(Conflict, match="idempotency key was used for reservation 1"):
        gpus.reservations.make(request.model_copy(update={"count": 2}), owner="ada", idempotency_key="k")


def test_reservations_cost_nothing_in_the_usage(gpus: GPUsService, reserve: Callable[..., Reservation]) -> None:
    reserve(2, after=0)
    assert gpus.usage(by=UsageKey.USER).rows == []


# --- the rules alone -------------------------------------------------------------------------------


def test_large_and_small_requests_around_windows_never_meet_a_closed_one() -> None:
    """Whatever is granted, nobody has a device inside the window of others, or up to it for less than is worth it."""
    seed = 20261122
    numbers = random.Random(seed)
    users = ["ada", "bob", "eve"]
    for _ in range(300):
        windows = [
            Window(frozenset(numbers.sample(users, numbers.randint(1, 2))), at, at + numbers.choice([600, 7200]))
            for at in (numbers.choice([-1, 100, 400, 4000, 90000]) for _ in range(numbers.randint(0, 2)))
        ]
        devices = [
            Device(f"g{at}", "A100", 80, used=0, windows=[one for one in windows if numbers.random() < 0.6])
            for at in range(3)
        ]
        queue = [
            Request(
                at, numbers.choice(users), count=numbers.randint(1, 2), lasting=numbers.random() < 0.4,
                seconds=numbers.choice([None, None, 50.0, 3000.0]),
            )
            for at in range(1, 6)
        ]  # fmt: skip
        made = decide(queue, devices, lambda request, more: None)
        known = {device.uuid: device for device in devices}
        for one in queue:
            for uuid in made.granted.get(one.id, []):
                for window in known[uuid].windows:
                    if one.owner in window.users:
                        continue
                    least = 86400.0 if one.lasting else 300.0
                    assert window.starts >= min(least, one.seconds or least), (seed, one, window)


def test_a_head_that_is_kept_out_keeps_nobody_else_out() -> None:
    window = Window(frozenset({"ada"}), -1, 100, "reserved for ada")
    devices = [Device("a", "A100", 80, used=0, windows=[window]), Device("b", "A100", 80, used=0)]
    queue = [Request(1, "bob", count=2), Request(2, "ada"), Request(3, "eve")]
    made = decide(queue, devices, lambda request, more: None)
    assert made.granted == {2: ["a"]}, "the other one is kept for the head, which waits for both"
    assert made.held_up[1] == "reserved for ada"


def test_a_damaged_window_in_the_store_is_no_end_of_the_ledger(
    gpus: GPUsService, reserve: Callable[..., Reservation], store: Store
) -> None:
    """A row that somebody has changed by hand: devices that are not there, users that are nobody."""
    kept = reserve(1, after=0)
    with store.write() as transaction:
        transaction.connection.execute(
            update(tables.reservations)
            .where(tables.reservations.c.id == int(kept.id))
            .values(devices=["gone"], users=[])
        )
        assert transaction.connection.execute(select(tables.reservations.c.users)).scalar() == []
    assert ask(gpus, "bob", 2).state == "granted"
