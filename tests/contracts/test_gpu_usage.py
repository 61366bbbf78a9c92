"""GPU hours, cost, budgets and rest over SQLite and PostgreSQL."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import GPUUsage, HolderKind, Lease, LeaseRequest, UsageKey
from jupyter_mlplat.services.gpus import GPUsService, PriceFile, Quotas
from jupyter_mlplat.services.gpus.idle import IdleWatch
from jupyter_mlplat.services.gpus.usage import to_csv
from jupyter_mlplat.store import Store, tables

from .conftest import ManualClock

GIB = 2**30
PRICES = """
currency: EUR
prices: {A100: 4, A100-40G: 2.5, "*": 1}
"""


@pytest.fixture
def prices(home: Home) -> Path:
    path = home.root / "prices.yaml"
    path.write_text(PRICES)
    return path


@pytest.fixture
def make(store: Store, home: Home, clock: ManualClock, prices: Path) -> Callable[..., GPUsService]:
    def made(spec: str = "4xA100-80G", *, limits: dict[str, int] | None = None, **groups: list[str]) -> GPUsService:
        source, quotas = FakeSource(spec, home.root / "used.json"), Quotas(limits or {}, groups)
        return GPUsService(store, source, clock, quotas, prices=PriceFile(prices))

    return made


@pytest.fixture
def gpus(make: Callable[..., GPUsService]) -> GPUsService:
    return make()


def ask(gpus: GPUsService, count: int = 1, *, owner: str = "ada", **fields: Any) -> Lease:
    kind = fields.pop("kind", HolderKind.PROCESS)
    return gpus.acquire(LeaseRequest(count=count, **{"pid": os.getpid(), **fields}), owner=owner, kind=kind)


def told(usage: GPUUsage) -> dict[str | None, tuple[float, float | None, int]]:
    """Hours, cost and number of leases by key, rounded."""
    return {
        one.key: (round(one.gpu_hours, 3), None if one.cost is None else round(one.cost, 3), one.leases)
        for one in usage.rows
    }


# --- hours and cost --------------------------------------------------------------------------------


def test_hours_and_cost_are_added_up_by_whatever_one_asks_for(
    make: Callable[..., GPUsService], clock: ManualClock, store: Store
) -> None:
    gpus = make("1xT4-16G,2xA100-40G,1xA100-80G")
    assert told(gpus.usage()) == {}
    assert gpus.usage().total.cost is None
    first = ask(gpus, 2, gpu_type="A100-40G", notebook="/work/a.ipynb")
    second = ask(gpus, gpu_type="T4", owner="grace")
    ask(gpus, gpu_type="A100-80G", owner="grace", label="fraud", kind=HolderKind.DEPLOYMENT)
    with store.write() as transaction:
        transaction.connection.execute(
            update(tables.leases).where(tables.leases.c.id == int(second.id)).values(kind="job", job_id=7)
        )
    clock.move(hours=2)
    gpus.release(first.id)
    clock.move(hours=1)

    assert told(gpus.usage()) == {"grace": (6, 15, 2), "ada": (4, 10, 1)}
    assert told(gpus.usage(by=UsageKey.NOTEBOOK)) == {"/work/a.ipynb": (4, 10, 1), None: (6, 15, 2)}
    assert told(gpus.usage(by=UsageKey.JOB)) == {"7": (3, 3, 1), None: (7, 22, 2)}
    assert told(gpus.usage(by=UsageKey.DEPLOYMENT)) == {"fraud": (3, 12, 1), None: (7, 13, 2)}
    assert told(gpus.usage(by=UsageKey.KIND)) == {"kernel": (4, 10, 1), "job": (3, 3, 1), "deployment": (3, 12, 1)}
    assert told(gpus.usage(by=UsageKey.TYPE)) == {
        "A100-40G": (4, 10, 1),
        "T4-16G": (3, 3, 1),
        "A100-80G": (3, 12, 1),
    }
    for by in UsageKey:
        total = gpus.usage(by=by).total
        assert (round(total.gpu_hours, 3), round(total.cost or 0, 3), total.leases) == (10, 25, 3)
    assert gpus.usage().currency == "EUR"


def test_a_lease_counts_only_inside_of_the_window(gpus: GPUsService, clock: ManualClock) -> None:
    begin = clock.now()
    lease = ask(gpus, 2)
    clock.move(hours=10)
    gpus.release(lease.id)
    clock.move(hours=10)

    def hours(since: float, until: float) -> float:
        window = (begin + timedelta(hours=since), begin + timedelta(hours=until))
        return round(gpus.usage(since=window[0], until=window[1]).total.gpu_hours, 3)

    assert [hours(-5, 0), hours(-5, 3), hours(2, 5), hours(8, 15), hours(10, 12), hours(-9, 500)] == [0, 6, 6, 4, 0, 20]
    for since, until in ((1, 1), (2, 1), (21, 30)):
        with pytest.raises(Invalid) as refused:
            hours(since, until)
        assert list(refused.value.fields) == ["since"]
    ages = datetime.min.replace(tzinfo=UTC)
    assert gpus.usage(since=ages).total.gpu_hours == pytest.approx(20)
    with pytest.raises(Invalid):
        gpus.usage(until=ages)


def test_a_share_costs_its_part_of_the_device(gpus: GPUsService, clock: ManualClock) -> None:
    ask(gpus, memory=20 * GIB, shared=True)
    ask(gpus, 2, memory=60 * GIB, shared=True, owner="grace")
    clock.move(hours=4)
    assert told(gpus.usage()) == {"ada": (1, 4, 1), "grace": (6, 24, 1)}
    assert told(gpus.usage(by=UsageKey.TYPE)) == {"A100-80G": (7, 28, 2)}


def test_a_lease_on_two_models_is_divided_among_them(make: Callable[..., GPUsService], clock: ManualClock) -> None:
    gpus = make("1xA100-40G,2xA100-80G")
    ask(gpus, 3)
    clock.move(hours=2)
    assert told(gpus.usage(by=UsageKey.TYPE)) == {"A100-40G": (2, 7, 1), "A100-80G": (4, 14, 1)}
    assert gpus.usage(by=UsageKey.TYPE).total.leases == 1


def test_who_waits_uses_nothing(gpus: GPUsService, clock: ManualClock) -> None:
    ask(gpus, 4)
    ask(gpus, owner="grace")
    clock.move(hours=1)
    assert told(gpus.usage()) == {"ada": (4, 16, 1)}


# --- the price file --------------------------------------------------------------------------------


def test_a_new_price_changes_no_history(gpus: GPUsService, clock: ManualClock, prices: Path) -> None:
    first = ask(gpus)
    clock.move(hours=1)
    prices.write_text("currency: EUR\nprices: {A100-80G: 10}\n")
    second = ask(gpus, owner="grace")
    clock.move(hours=1)
    gpus.release(first.id)
    assert told(gpus.usage()) == {"ada": (2, 8, 1), "grace": (1, 10, 1)}
    prices.unlink()
    gpus.release(second.id)
    ask(gpus, owner="ida")
    clock.move(hours=1)
    usage = gpus.usage()
    assert told(usage) == {"ada": (2, 8, 1), "grace": (1, 10, 1), "ida": (1, None, 1)}
    assert usage.currency is None
    assert usage.warnings == [f"the price file {prices} cannot be read: No such file or directory"]


def test_without_a_price_file_there_are_hours_and_no_cost(store: Store, home: Home, clock: ManualClock) -> None:
    gpus = GPUsService(store, FakeSource("1xA100-80G", home.root / "used.json"), clock, Quotas())
    ask(gpus)
    clock.move(hours=1)
    usage = gpus.usage()
    assert told(usage) == {"ada": (1, None, 1)}
    assert (usage.currency, usage.budgets, usage.warnings, gpus.list().warnings) == (None, [], [], [])


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "is no mapping"),
        ("- 1", "is no mapping"),
        ("prices: {A100: 1}", "currency: "),
        ("currency: EUR", "prices: "),
        ("currency: EUR\nprices: {A100: -1}", "prices.A100: "),
        ("currency: EUR\nprices: {A100: cheap}", "prices.A100: "),
        ('currency: EUR\nprices: {A100: "1"}', "prices.A100: "),
        ("currency: EUR\nprices: {A100: true}", "prices.A100: "),
        ("currency: EUR\nprices: {A100: .nan}", "prices.A100: "),
        ("currency: EUR\nprices: {A100: .inf}", "prices.A100: "),
        ("currency: EUR\nprices: {A100: 1, A100: 2}", "line 2: "),
        ("currency: EUR\nprices: 3", "prices: "),
        ('currency: "=1+1"\nprices: {}', "currency: "),
        ("currency: 5\nprices: {}", "currency: "),
        ("currency: EUR\nprices: {}\nbudgets: {ada: lots}", "budgets.ada: "),
        ("currency: EUR\nprices: {}\nwarn_at: 80", "warn_at: "),
        ("currency: EUR\nprices: {}\nbudget: {}", "budget: "),
        ("currency: [", "line 1: "),
        ("currency: \x00", ""),
        (b"\xff\xfe", "cannot be read: "),
        ("[" * 5000, ""),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_price_file_is_one_clear_error_and_leases_go_on(
    gpus: GPUsService, clock: ManualClock, prices: Path, content: str | bytes, named: str
) -> None:
    prices.write_bytes(content if isinstance(content, bytes) else content.encode())
    lease = ask(gpus)
    assert lease.devices
    clock.move(hours=1)
    usage = gpus.usage()
    assert told(usage) == {"ada": (1, None, 1)}
    [said] = usage.warnings
    assert said.startswith(f"the price file {prices}")
    assert named in said
    assert "\n" not in said
    assert gpus.list().warnings == gpus.warnings("ada") == [said]
    prices.write_text(PRICES)
    assert gpus.usage().warnings == []


def test_a_price_file_can_be_json_and_a_folder_is_none(home: Home) -> None:
    path = home.root / "prices.json"
    path.write_text(json.dumps({"currency": "€", "prices": {"A100": 1, "A100-80": 2.5}}))
    file = PriceFile(path)
    assert file.now is not None
    assert [file.now.of(name) for name in ("NVIDIA A100-40G", "nvidia a100-80g", "T4")] == [1, 2.5, None]
    path.write_text('{"currency": "EUR"')
    assert str(path) in str(file.error)
    assert file.now is None
    assert "is no file" in str(PriceFile(home.root).error)
    assert "cannot be read" in str(PriceFile(Path("/tmp/a\0b")).error)
    assert PriceFile().now is PriceFile().error is None


# --- budgets ---------------------------------------------------------------------------------------


def with_budgets(prices: Path, **budgets: float) -> None:
    names = {name.replace("group_", "@").replace("everybody", "*"): limit for name, limit in budgets.items()}
    prices.write_text(f"{PRICES}budgets: {json.dumps(names)}\n")


def test_a_budget_warns_then_new_requests_wait_until_the_next_month(
    gpus: GPUsService, clock: ManualClock, prices: Path
) -> None:
    with_budgets(prices, ada=100)
    first = ask(gpus, 2)
    clock.move(hours=9)
    assert gpus.warnings("ada") == []
    assert [(one.whose, round(one.spent), one.limit) for one in gpus.usage().budgets] == [("ada", 72, 100)]
    clock.move(hours=1, minutes=30)
    warning = "ada has spent 84 of the 100 EUR of this month"
    assert gpus.warnings("ada") == gpus.list().warnings == gpus.usage().warnings == [warning]
    assert gpus.warnings("grace") == []
    second = ask(gpus)
    assert second.devices
    clock.move(hours=1, minutes=30)
    third = ask(gpus)
    assert (third.state, third.held_up) == ("queued", "ada has spent 102 of the 100 EUR of this month")
    assert gpus.list().warnings == ["ada has spent 102 of the 100 EUR of this month: new requests wait"]
    assert gpus.get(first.id).state == "granted", "nothing that runs is ended"
    assert ask(gpus, owner="grace").devices, "it keeps no device from others"
    clock.move(days=8)
    gpus.release(first.id)
    assert gpus.get(third.id).state == "queued"
    clock.moment = datetime(2026, 12, 1, tzinfo=UTC)
    assert gpus.look(third.id).state == "granted"
    assert gpus.warnings("ada") == []


def test_a_higher_budget_ends_the_wait(gpus: GPUsService, clock: ManualClock, prices: Path) -> None:
    with_budgets(prices, everybody=1)
    gpus.release(ask(gpus).id)
    lease = ask(gpus)
    clock.move(hours=1)
    waiting = ask(gpus)
    assert waiting.held_up == "ada has spent 4 of the 1 EUR of this month"
    with_budgets(prices, everybody=1, ada=4.5)
    gpus.settle()
    assert gpus.get(waiting.id).devices
    gpus.release(lease.id)
    with_budgets(prices, ada=0)
    assert ask(gpus).held_up == "ada has spent 4 of the 0 EUR of this month"


def test_a_group_spends_together(make: Callable[..., GPUsService], clock: ManualClock, prices: Path) -> None:
    gpus = make(vision=["ada", "grace"])
    with_budgets(prices, group_vision=10, everybody=1000)
    ask(gpus)
    ask(gpus, owner="grace")
    clock.move(hours=1, minutes=15)
    for owner in ("ada", "grace"):
        assert ask(gpus, owner=owner).held_up == "group vision has spent 10 of the 10 EUR of this month"
    assert ask(gpus, owner="ida").devices
    assert {one.whose: round(one.spent, 2) for one in gpus.usage().budgets} == {
        "group vision": 10.0,
        "ada": 5.0,
        "grace": 5.0,
    }


def test_a_quota_still_holds_for_who_has_money(
    make: Callable[..., GPUsService], clock: ManualClock, prices: Path
) -> None:
    gpus = make(limits={"*": 1})
    with_budgets(prices, everybody=1000)
    ask(gpus)
    assert "quota" in str(ask(gpus).held_up)


# --- rest ------------------------------------------------------------------------------------------


def loads(home: Home, gpus: GPUsService, *loads: float | None) -> None:
    """What the driver says of the devices' load."""
    uuids = [one.uuid for one in gpus.list().devices]
    content = {uuid: {"memory": GIB // 2, "utilization": load} for uuid, load in zip(uuids, loads, strict=False)}
    (home.root / "used.json").write_text(json.dumps(content))


def looks(gpus: GPUsService, clock: ManualClock, times: int) -> None:
    for _ in range(times):
        clock.move(seconds=10)
        gpus.watch_idle()


def events(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.outbox)).scalar_one()


def test_a_lease_rests_while_none_of_its_devices_has_load(
    gpus: GPUsService, clock: ManualClock, home: Home, store: Store
) -> None:
    lease, other = ask(gpus, 2), ask(gpus)
    loads(home, gpus, 0.0, 0.009, 0.5)
    begin, before = clock.now(), events(store)
    looks(gpus, clock, 1)
    assert gpus.get(lease.id).idle_since is None, "it was not looked at before"
    looks(gpus, clock, 1)
    assert gpus.get(lease.id).idle_since == begin + timedelta(seconds=20)
    looks(gpus, clock, 30)
    seen = gpus.get(lease.id)
    assert (seen.idle_since, seen.idle_seconds) == (begin + timedelta(seconds=20), 300)
    assert events(store) == before + 1, "a look that changes nothing is no event"
    shown = gpus.list().devices[0].lease
    assert shown is not None
    assert shown.idle_since == seen.idle_since
    loads(home, gpus, 0.0, 0.3, 0.5)
    looks(gpus, clock, 2)
    assert (gpus.get(lease.id).idle_since, gpus.get(lease.id).idle_seconds) == (None, 300)
    assert events(store) == before + 2
    assert (gpus.get(other.id).idle_since, gpus.get(other.id).idle_seconds) == (None, 0)
    loads(home, gpus, 0.0, 0.0, 0.5)
    looks(gpus, clock, 2)
    ended = gpus.release(lease.id)
    assert (ended.idle_since, ended.idle_seconds) == (None, 310)
    [row] = gpus.usage().rows
    assert row.idle_hours == pytest.approx(2 * 310 / 3600)


def test_a_load_that_nobody_knows_is_no_rest(gpus: GPUsService, clock: ManualClock, home: Home) -> None:
    lease = ask(gpus, 2)
    loads(home, gpus, 0.0, None)
    looks(gpus, clock, 5)
    assert (gpus.get(lease.id).idle_since, gpus.get(lease.id).idle_seconds) == (None, 0)


def test_what_nobody_saw_is_no_rest(gpus: GPUsService, clock: ManualClock, home: Home) -> None:
    lease = ask(gpus)
    loads(home, gpus, 0.0)
    looks(gpus, clock, 3)
    assert gpus.get(lease.id).idle_seconds == 10
    clock.move(seconds=61)
    gpus.watch_idle()
    assert (gpus.get(lease.id).idle_since, gpus.get(lease.id).idle_seconds) == (None, 10)
    looks(gpus, clock, 2)
    assert gpus.get(lease.id).idle_seconds == 20


def test_several_observers_count_no_second_twice(
    store: Store, make: Callable[..., GPUsService], clock: ManualClock, home: Home
) -> None:
    gpus = make()
    lease = ask(gpus)
    loads(home, gpus, 0.0)
    looks(gpus, clock, 2)
    source = FakeSource("4xA100-80G", home.root / "used.json")
    watches = [IdleWatch(store, source, clock, gpus.host) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            clock.move(seconds=10)
            for look in [threads.submit(one.look) for one in watches]:
                look.result()
    assert gpus.get(lease.id).idle_seconds == 100
    for _ in range(20):
        clock.move(seconds=3)
        for one in watches:
            one.look()
    assert 90 <= gpus.get(lease.id).idle_seconds - 60 <= 100, "looks that follow soon add up to the real time"


def test_without_leases_or_devices_nobody_looks(
    gpus: GPUsService, store: Store, clock: ManualClock, home: Home
) -> None:
    class Counting(FakeSource):
        asked = 0

        def devices(self) -> Any:
            self.asked += 1
            return super().devices()

    source = Counting("4xA100-80G", home.root / "used.json")
    watch = IdleWatch(store, source, clock, gpus.host)
    watch.look()
    assert source.asked == 0
    ask(gpus)
    watch.look()
    assert source.asked == 1
    IdleWatch(store, source, clock, "another-host").look()
    assert source.asked == 1


# --- export ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\n=1", "＝1", "a,b", 'a"b', "a\nb", "ä"]
)
def test_no_name_is_a_formula_or_breaks_the_csv(gpus: GPUsService, clock: ManualClock, name: str) -> None:
    ask(gpus, owner=name)
    clock.move(hours=1)
    text = to_csv(gpus.usage())
    head, row = csv.reader(io.StringIO(text))
    assert head == ["user", "gpu_hours", "idle_hours", "cost", "currency", "leases"]
    assert row[1:] == ["1.000000", "0.000000", "4.000000", "EUR", "1"]
    assert row[0].lstrip()[0] not in "=+-@＝"
    assert row[0].lstrip("' ").rstrip() == name.strip().replace("\n", " ")
    assert len(text.splitlines()) == 2


def test_a_long_past_is_added_up(gpus: GPUsService, store: Store, clock: ManualClock) -> None:
    """The sums of the database are those of a loop over the leases."""
    now, rows = clock.now(), []
    for number in range(2000):
        granted = now - timedelta(minutes=7 * number + 1)
        ended = granted + timedelta(minutes=number % 50)
        rows.append(
            {
                "state": "released", "owner": f"user{number % 7}", "devices": ["GPU-gone"], "created_at": granted,
                "granted_at": granted, "ended_at": min(ended, now), "count": 1, "price": number % 3,
                "idle_seconds": 0.0, "priority": 0,
            }
        )  # fmt: skip
    with store.write() as transaction:
        transaction.connection.execute(insert(tables.leases), rows)
    since = now - timedelta(days=7)
    expected: dict[str, float] = {}
    for row in rows:
        inside = (row["ended_at"] - max(row["granted_at"], since)).total_seconds()
        if inside > 0:
            expected[row["owner"]] = expected.get(row["owner"], 0.0) + row["price"] * inside / 3600
    usage = gpus.usage(since=since)
    assert {one.key: one.cost for one in usage.rows} == pytest.approx(expected, abs=1e-3)
    assert told(gpus.usage(by=UsageKey.TYPE))[None][0] == pytest.approx(usage.total.gpu_hours, abs=1e-2)
