"""Kernels whose devices rest, over SQLite and PostgreSQL: whose users are asked, when, and what an answer does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.errors import Conflict, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import HolderKind, Lease, LeaseRequest
from jupyter_mlplat.services.gpus import GPUsService, IdleRule, Quotas
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock

GIB = 2**30


@pytest.fixture
def make(store: Store, home: Home, clock: ManualClock) -> Callable[..., GPUsService]:
    def made(limit: float = 1800, grace: float = 600) -> GPUsService:
        source = FakeSource("2xA100-80G", home.root / "used.json")
        return GPUsService(store, source, clock, Quotas(), idle=IdleRule(limit, grace))

    return made


@pytest.fixture
def gpus(make: Callable[..., GPUsService]) -> GPUsService:
    return make()


@pytest.fixture
def use(home: Home) -> Callable[[Lease, float, float], None]:
    """Says what the driver says of a lease's devices: load, and bytes in use."""

    def used(lease: Lease, load: float, memory: float) -> None:
        content = {uuid: {"memory": memory, "utilization": load} for uuid in lease.devices}
        (home.root / "used.json").write_text(json.dumps(content))

    return used


def ask(gpus: GPUsService, *, kind: HolderKind = HolderKind.KERNEL, **fields: Any) -> Lease:
    return gpus.acquire(LeaseRequest(**{"pid": os.getpid(), **fields}), owner="ada", kind=kind)


def rest(gpus: GPUsService, clock: ManualClock, seconds: float) -> None:
    """Looks every ten seconds for so long."""
    for _ in range(int(seconds / 10)):
        clock.move(seconds=10)
        gpus.watch_idle()


def asked(gpus: GPUsService, lease: Lease) -> tuple[datetime | None, datetime | None]:
    """What every way to look says of a lease: since when its user is asked, and when it is taken back."""
    [listed] = [one for one in gpus.leases().items if one.id == lease.id]
    seen = gpus.get(lease.id)
    on_devices = [one.lease or one.shares[0] for one in gpus.list().devices if one.uuid in lease.devices]
    assert listed == seen == gpus.look(lease.id)
    assert all(one == seen for one in on_devices)
    assert [one.id for one in gpus.asked()] == ([lease.id] if seen.asked_at else [])
    return seen.asked_at, seen.reclaim_at


def events(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.outbox)).scalar_one()


def test_the_user_of_a_kernel_that_rests_is_asked(
    gpus: GPUsService, clock: ManualClock, use: Callable[..., None], store: Store
) -> None:
    lease = ask(gpus)
    assert lease.idle_limit == 1800
    use(lease, 0.0, 0)
    rest(gpus, clock, 20)
    since = gpus.get(lease.id).idle_since
    assert since is not None
    before = events(store)
    rest(gpus, clock, 1790)
    assert asked(gpus, lease) == (None, None)
    assert events(store) == before
    rest(gpus, clock, 10)
    at = since + timedelta(seconds=1800)
    assert asked(gpus, lease) == (at, at + timedelta(seconds=600))
    assert events(store) == before + 1, "who looks at it learns of the question"
    rest(gpus, clock, 1000)
    assert asked(gpus, lease) == (at, at + timedelta(seconds=600)), "the ledger itself takes nothing back"
    assert events(store) == before + 1
    ended = gpus.release(lease.id, reason="idle")
    assert (ended.reason, ended.asked_at, ended.reclaim_at) == ("idle", None, None)


def test_whoever_computes_is_not_asked_any_more(
    gpus: GPUsService, clock: ManualClock, use: Callable[..., None]
) -> None:
    lease = ask(gpus)
    use(lease, 0.0, 8 * GIB)
    rest(gpus, clock, 1820)
    assert asked(gpus, lease)[0]
    use(lease, 0.5, 8 * GIB)
    assert gpus.asked() == [], "also before somebody has looked"
    rest(gpus, clock, 10)
    assert asked(gpus, lease) == (None, None)
    use(lease, 0.0, 8 * GIB)
    rest(gpus, clock, 1800)
    assert asked(gpus, lease) == (None, None)
    rest(gpus, clock, 10)
    assert asked(gpus, lease)[0] == clock.now()


def test_an_answer_keeps_it_for_a_while(gpus: GPUsService, clock: ManualClock, use: Callable[..., None]) -> None:
    lease = ask(gpus)
    use(lease, 0.0, 0)
    rest(gpus, clock, 1820)
    assert asked(gpus, lease)[0]
    until = clock.now() + timedelta(hours=1)
    assert gpus.keep(lease.id, 3600).kept_until == until
    rest(gpus, clock, 3590)
    assert asked(gpus, lease) == (None, None)
    rest(gpus, clock, 10)
    assert asked(gpus, lease) == (until, until + timedelta(seconds=600))
    gpus.keep(lease.id, 3600)
    assert gpus.keep(lease.id, 5).kept_until == clock.now() + timedelta(seconds=5), "the last word counts"


@pytest.mark.parametrize("kind", [HolderKind.PROCESS, HolderKind.JOB, HolderKind.DEPLOYMENT])
def test_nobody_but_kernels_is_asked(
    gpus: GPUsService, clock: ManualClock, use: Callable[..., None], kind: HolderKind
) -> None:
    lease = ask(gpus, kind=kind, idle_limit=60)
    use(lease, 0.0, 8 * GIB)
    rest(gpus, clock, 3600)
    assert lease.idle_limit is None
    assert asked(gpus, lease) == (None, None)
    with pytest.raises(Conflict, match=f"of the kind {kind}"):
        gpus.keep(lease.id, 60)


def test_a_lease_has_a_limit_of_its_own(
    make: Callable[..., GPUsService], clock: ManualClock, use: Callable[..., None]
) -> None:
    gpus = make()
    never = ask(gpus, idle_limit=0)
    soon = ask(gpus, notebook="/work/a.ipynb", idle_limit=60)
    assert (never.idle_limit, soon.idle_limit) == (None, 60)
    use(soon, 0.0, 0)
    rest(gpus, clock, 80)
    assert asked(gpus, soon)[0] == clock.now()
    # What others are configured with changes nothing for it.
    assert make(limit=0).get(soon.id).asked_at == clock.now()
    gpus.release(soon.id)
    use(never, 0.0, 0)
    rest(gpus, clock, 7200)
    assert asked(gpus, never) == (None, None)
    assert ask(make(limit=0)).idle_limit is None


def test_a_question_may_stand_for_ever(
    make: Callable[..., GPUsService], clock: ManualClock, use: Callable[..., None]
) -> None:
    gpus = make(grace=0)
    lease = ask(gpus)
    use(lease, 0.0, 0)
    rest(gpus, clock, 7200)
    at, ends = asked(gpus, lease)
    assert at is not None
    assert ends is None


def test_a_share_is_asked_about_where_its_device_holds_memory(
    gpus: GPUsService, clock: ManualClock, use: Callable[..., None]
) -> None:
    lease = ask(gpus, shared=True, memory=20 * GIB)
    use(lease, 0.0, GIB)
    rest(gpus, clock, 3600)
    assert asked(gpus, lease) == (None, None)
    use(lease, 0.0, 10 * GIB)
    assert asked(gpus, lease)[0]


def test_what_cannot_be_kept(gpus: GPUsService) -> None:
    with pytest.raises(NotFound):
        gpus.keep("7", 60)
    first, waiting = ask(gpus, count=2), ask(gpus)
    with pytest.raises(Conflict, match="it is queued"):
        gpus.keep(waiting.id, 60)
    gpus.release(first.id)
    with pytest.raises(Conflict, match="it is released"):
        gpus.keep(first.id, 60)
