"""Deployments on GPUs, over SQLite and PostgreSQL: asked for, held over crashes, given back when nothing runs."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.errors import Conflict, Invalid, NotFound, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import GPU, Deployment, DeploymentSpec, Lease, LeaseRequest, UsageKey
from jupyter_mlplat.protocols import Endpoint, EndpointStatus, ServingTarget
from jupyter_mlplat.services.deployments import DeploymentsService, supervisor
from jupyter_mlplat.services.gpus import GPUsService, Quotas
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store, tables

from ..endpoints import registered
from .conftest import ManualClock
from .test_leases import check

GIB = 2**30


class Killed(BaseException):
    """The engine ends here, as if by kill -9."""


class Driver:
    """Devices that tests can change, and a driver that can be away."""

    name = "driver"

    def __init__(self, home: Home) -> None:
        self.spec: str | None = "2xA100-80G"
        self._used = home.root / "used.json"

    def devices(self) -> Sequence[GPU]:
        if self.spec is None:
            raise Unavailable("the driver does not answer")
        return FakeSource(self.spec, self._used).devices() if self.spec else []


class Processes:
    """A serving target whose processes are numbers; two that see one device are noticed at once."""

    name = "local"

    def __init__(self) -> None:
        self.living: dict[int, Endpoint] = {}
        self.ready: set[int] = set()
        self.die_at: str | None = None
        self.final = False
        self._pids = itertools.count(1)
        self._lock = threading.Lock()

    def start(self, endpoint: Endpoint) -> EndpointStatus:
        self._end(endpoint.name)
        self._killed("before the start")
        with self._lock:
            pid = next(self._pids)
            self.living[pid] = endpoint
            seen = [uuid for one in self.living.values() for uuid in devices_of(one)]
            assert len(seen) == len(set(seen)), "two processes on one device"
        self._killed("after the start")
        return EndpointStatus("starting", f"http://127.0.0.1:{4000 + pid}", {"pid": pid, "port": 4000 + pid})

    def probe(self, endpoint: Endpoint, handle: dict[str, object]) -> EndpointStatus:
        pid = int(str(handle["pid"]))
        url = f"http://127.0.0.1:{4000 + pid}"
        if pid not in self.living:
            return EndpointStatus("dead", url, {**handle, "final": self.final}, "it was killed")
        return EndpointStatus("ready" if pid in self.ready else "starting", url, handle)

    def stop(self, endpoint: Endpoint, handle: dict[str, object]) -> None:
        self._killed("before the end")
        self._end(endpoint.name)
        self._killed("after the end")

    def _end(self, name: str) -> None:
        with self._lock:
            self.living = {pid: one for pid, one in self.living.items() if one.name != name}

    def _killed(self, where: str) -> None:
        if self.die_at == where:
            raise Killed(where)

    def all_ready(self) -> None:
        self.ready.update(self.living)


def devices_of(endpoint: Endpoint) -> list[str]:
    seen = endpoint.environment.get("CUDA_VISIBLE_DEVICES", "")
    return seen.split(",") if seen else []


class World:
    """An engine that can be replaced at any time, the processes that it leaves behind, and the ledger."""

    def __init__(self, store: Store, home: Home, clock: ManualClock, tracking_uri: str) -> None:
        self.store, self.home, self.clock, self._tracking_uri = store, home, clock, tracking_uri
        self.driver, self.target, self.limits = Driver(home), Processes(), dict[str, int]()
        self.new_engine()

    def new_engine(self) -> None:
        self.gpus = GPUsService(self.store, self.driver, self.clock, Quotas(self.limits))
        runs = RunsService(self._tracking_uri, self.home, self.store)
        self.service = DeploymentsService(self.store, self.home, self.clock, runs, lambda: None, self.gpus)

    def make_target(self, name: str) -> ServingTarget:
        return self.target

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.service.supervise(self.make_target)

    def create(self, name: str = "d", gpus: int | None = 1, *, owner: str = "ada", **fields: Any) -> Deployment:
        key = fields.pop("key", None)
        spec = DeploymentSpec.model_validate({"name": name, "model": "models:/m/1", "gpus": gpus, **fields})
        return self.service.create(spec, owner=owner, idempotency_key=key)

    def up(self, name: str = "d", gpus: int | None = 1, **fields: Any) -> Deployment:
        self.create(name, gpus, **fields)
        self.look()
        self.target.all_ready()
        self.look()
        made = self.get(name)
        assert made.state == "ready", made
        return made

    def get(self, name: str = "d") -> Deployment:
        return self.service.get(name)

    def lease(self, name: str = "d") -> Lease:
        lease = self.get(name).lease
        assert lease is not None
        return lease

    def delete(self, name: str = "d") -> None:
        """As a user does, while the engine looks."""
        self.ask_to_delete(name)
        self.look()
        with pytest.raises(NotFound):
            self.get(name)

    def ask_to_delete(self, name: str) -> None:
        table = tables.deployments
        with self.store.write() as transaction:
            transaction.connection.execute(
                update(table).where(table.c.name == name).values(stop_requested=True, revision=table.c.revision + 1)
            )

    def by_hand(self, count: int = 1, **fields: Any) -> Lease:
        return self.gpus.acquire(LeaseRequest(count=count, **{"pid": os.getpid(), **fields}), owner="grace")

    def process(self, name: str = "d") -> Endpoint:
        (found,) = [one for one in self.target.living.values() if one.name == name]
        return found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    return registered(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def world(
    store: Store, home: Home, clock: ManualClock, registry: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 60.0)  # a look does all its work, however busy the machine is
    made = World(store, home, clock, registry)
    yield made
    check(store)


# --- one deployment --------------------------------------------------------------------------------


def test_it_starts_with_its_devices_and_gives_them_back_with_its_end(world: World) -> None:
    world.create(gpus=2, gpu_type="A100", gpu_memory="40G")
    assert (world.get().gpus, world.get().gpu_type, world.get().gpu_memory) == (2, "A100", 40 * GIB)
    assert world.get().lease is None
    world.look()
    lease = world.lease()
    assert (lease.state, lease.kind, lease.deployment, lease.label) == ("granted", "deployment", "d", "d")
    assert (lease.owner, lease.priority, lease.count, lease.memory) == ("ada", 0, 2, 40 * GIB)
    expected = {"CUDA_VISIBLE_DEVICES": ",".join(lease.devices), "MLPLAT_LEASE": lease.id}
    assert world.process().environment == expected
    assert world.service.list().items[0].lease == lease
    world.delete()
    assert world.target.living == {}
    after = world.gpus.get(lease.id)
    assert (after.state, after.reason, after.devices) == ("released", "released", lease.devices)
    assert [one.lease for one in world.gpus.list().devices] == [None, None]


def test_one_without_gpus_asks_for_none(world: World) -> None:
    world.up(gpus=None)
    assert (world.get().gpus, world.get().lease, dict(world.process().environment)) == (0, None, {})
    assert world.gpus.leases().items == []


def test_it_waits_for_its_turn_says_so_and_starts_when_it_comes(world: World) -> None:
    world.up("first", 2)
    world.create("second", owner="ben")
    world.create("third", owner="ben")
    world.look()
    assert [world.lease(one).position for one in ("second", "third")] == [1, 2]
    assert [one.lease.position for one in world.service.list().items if one.lease] == [None, 1, 2]
    second, third = world.get("second"), world.get("third")
    assert (second.state, second.message) == ("starting", "waits for a GPU: number 1 in the queue")
    assert third.message == "waits for a GPU: number 2 in the queue"
    with pytest.raises(Unavailable, match=r"third is starting: waits for a GPU: number 2 in the queue"):
        world.service.predict("third", {})
    told = world.store.last_change()
    world.look()
    assert world.store.last_change() == told, "a look that changes nothing tells nothing"
    world.delete("second")
    world.look()
    assert world.get("third").message == "waits for a GPU: number 1 in the queue"
    world.clock.move(seconds=600)
    world.delete("first")
    world.look()
    assert (world.lease("third").state, world.get("third").message) == ("granted", None)
    assert devices_of(world.process("third")) == world.lease("third").devices
    world.create("fourth", 2)
    world.look()
    at = (world.clock.now() + timedelta(seconds=600)).astimezone()
    assert world.get("fourth").message == f"waits for a GPU: number 1 in the queue, about {at:%H:%M}"


def test_the_message_names_what_came_before_and_what_holds_it_up(world: World) -> None:
    world.limits = {"ada": 1}
    world.new_engine()
    world.by_hand(1)
    held = world.by_hand(1)
    world.create()
    world.look()
    urgent = world.by_hand(1, priority=5)
    world.look()
    why = f"request {urgent.id} of grace came before it: priority 5"
    assert world.get().message == f"waits for a GPU: number 2 in the queue ({why})"
    world.gpus.release(urgent.id)
    world.create("more")
    world.look()
    world.gpus.release(held.id)
    world.look(2)
    assert world.lease().state == "granted"
    assert "ada has 1 of the 1 devices of its quota" in str(world.get("more").message)


def test_a_crash_keeps_the_devices(world: World) -> None:
    lease = world.up().lease
    world.by_hand(2)
    world.clock.move(seconds=60)
    world.target.living = {}
    world.look()
    assert world.get().state == "degraded"
    assert world.get().lease == lease
    world.look()
    world.target.all_ready()
    world.look()
    assert (world.get().state, world.get().restarts, world.get().lease) == ("ready", 1, lease)


def test_one_that_has_failed_gives_them_back(world: World) -> None:
    world.create()
    world.target.final = True
    for _ in range(4):
        world.look()
        world.target.living = {}
        world.look()
        world.clock.move(seconds=30)
    assert (world.get().state, world.get().lease) == ("failed", None)
    assert [one.reason for one in leases(world)] == ["released"]
    assert world.gpus.list().devices[0].lease is None
    world.delete()


def test_an_engine_that_ends_them_gives_back_and_the_next_one_asks_again(world: World) -> None:
    world.up("a", 2)
    world.create("b")
    world.look()
    first = world.lease("a").id
    world.service.stop_all(world.make_target)
    assert world.target.living == {}
    assert [(one.state, one.lease) for one in world.service.list().items] == [("stopped", None)] * 2
    assert [one.reason for one in leases(world)] == ["released", "cancelled"]
    mine = world.by_hand(2)
    world.new_engine()
    world.look()
    assert [one.state for one in world.service.list().items] == ["starting", "starting"]
    assert world.lease("a").position == 1
    world.gpus.release(mine.id)
    world.look(2)
    world.target.all_ready()
    world.look()
    assert (world.get("a").state, world.get("a").restarts) == ("ready", 0)
    assert world.lease("a").id != first


def test_the_next_engine_adopts_process_and_devices(world: World) -> None:
    lease = world.up(gpus=2).lease
    waiting = world.by_hand(1)
    world.new_engine()
    world.gpus.settle()
    world.look(2)
    assert (world.get().state, world.get().lease, len(world.target.living)) == ("ready", lease, 1)
    assert world.gpus.get(waiting.id).state == "queued", "nobody gets them while the process lives"
    world.delete()
    world.gpus.settle()
    assert world.gpus.get(waiting.id).state == "granted"


def test_its_lease_cannot_be_released_by_hand(world: World) -> None:
    world.up()
    with pytest.raises(Conflict) as caught:
        world.gpus.release(world.lease().id)
    assert "deployments delete d" in caught.value.hint
    assert world.lease().state == "granted"


def test_one_deployment_cannot_hold_twice(world: World) -> None:
    world.up()
    with world.store.read() as connection:
        row = dict(connection.execute(select(tables.leases)).mappings().one())
    del row["id"]
    with pytest.raises(IntegrityError), world.store.write() as transaction:
        transaction.connection.execute(insert(tables.leases).values(**row))


def test_a_new_one_of_the_same_name_has_nothing_of_the_old_one(world: World) -> None:
    old = world.up().lease
    assert old is not None
    world.delete()
    world.create(owner="ben")
    assert world.get().lease is None
    world.look()
    assert (world.lease().owner, world.lease().id != old.id) == ("ben", True)


def test_hours_are_counted_by_deployment(world: World) -> None:
    world.up("a", 2)
    world.clock.move(hours=3)
    world.delete("a")
    world.up("b")
    world.clock.move(hours=1)
    usage = world.gpus.usage(by=UsageKey.DEPLOYMENT)
    assert [(one.key, one.gpu_hours) for one in usage.rows] == [("a", pytest.approx(6)), ("b", pytest.approx(1))]
    assert [one.key for one in world.gpus.usage(by=UsageKey.KIND).rows] == ["deployment"]


def test_the_same_request_twice_is_one_and_other_gpus_are_another_request(world: World) -> None:
    first = world.create(key="k", gpu_memory="40G")
    assert world.create(key="k", gpu_memory=40 * GIB) == first
    for other in ({"gpus": 2, "gpu_memory": "40G"}, {}, {"gpu_memory": "40G", "gpu_shared": True}):
        with pytest.raises(Conflict, match="another request"):
            world.create(key="k", **other)


def leases(world: World) -> list[Any]:
    with world.store.read() as connection:
        return list(connection.execute(select(tables.leases).order_by(tables.leases.c.id)).all())


# --- what cannot be had ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error", "field"),
    [
        ({"gpus": 3}, Invalid, "gpus"),
        ({"gpu_type": "H100"}, Invalid, "gpu_type"),
        ({"gpu_memory": "90G"}, Invalid, "gpu_memory"),
        ({"gpus": 2, "owner": "ben"}, Conflict, None),
    ],
)
def test_what_could_never_be_had_is_refused_and_leaves_nothing(
    world: World, asked: dict[str, Any], error: type[Exception], field: str | None
) -> None:
    world.limits = {"ben": 1}
    world.new_engine()
    with pytest.raises(error) as caught:
        world.create(**asked)
    assert list(getattr(caught.value, "fields", {})) == ([field] if field else [])
    assert world.service.list().items == []
    assert list(world.home.endpoints.iterdir()) == []


@pytest.mark.parametrize("spec", [None, ""])
def test_a_machine_without_a_gpu_says_so_and_serves_without(world: World, spec: str | None) -> None:
    world.driver.spec = spec
    with pytest.raises(Unavailable, match="no GPU"):
        world.create()
    world.up(gpus=0)


@pytest.mark.parametrize("spec", [None, ""])
def test_a_driver_that_goes_is_waited_for(world: World, spec: str | None) -> None:
    world.create()
    world.driver.spec = spec
    world.look(2)
    words = "the driver does not answer" if spec is None else "this machine has no GPU: the driver reports no device"
    assert (world.get().state, world.get().message) == ("starting", f"waits for a GPU: {words}")
    assert (world.get().lease, world.target.living) == (None, {})
    world.driver.spec = "2xA100-80G"
    world.look()
    lease = world.lease()
    assert (lease.state, world.get().message, len(world.target.living)) == ("granted", None, 1)
    world.driver.spec = spec
    world.target.living = {}
    world.look()
    world.clock.move(seconds=30)
    world.look(2)
    assert (world.get().message, world.target.living) == (f"waits for a GPU: {words}", {})
    assert world.lease() == lease, "it has them still"
    world.driver.spec = "2xA100-80G"
    world.look()
    assert (world.lease().id, len(world.target.living)) == (lease.id, 1)


def test_one_that_cannot_be_served_any_more_leaves_the_queue_and_goes_on_looking(world: World) -> None:
    world.by_hand(2)
    world.create(gpus=2)
    world.look()
    assert world.lease().position == 1
    world.driver.spec = "1xA100-80G"
    world.look()
    assert world.get().message == "waits for a GPU: this host cannot give 2 × GPU"
    assert world.get().lease is None, "it keeps no device from others"
    told = world.store.last_change()
    world.look()
    assert world.store.last_change() == told
    world.driver.spec = "4xA100-80G"
    world.look()
    assert (world.lease().state, world.get().message) == ("granted", None)


def test_devices_that_are_no_longer_there_are_given_back_and_others_asked_for(world: World) -> None:
    mine = world.by_hand(1)
    world.up()
    lost = world.lease()
    world.driver.spec = "1xA100-80G"
    world.look()
    assert world.get().state == "ready", "what runs is left alone"
    world.target.living = {}
    world.look()
    world.clock.move(seconds=30)
    world.look()
    assert world.get().message == "waits for a GPU: those that it had are no longer there"
    assert world.gpus.get(lost.id).reason == "released"
    world.look()
    assert (world.target.living, world.lease().position) == ({}, 1)
    world.gpus.release(mine.id)
    world.look()
    assert devices_of(world.process()) == mine.devices


def test_a_lease_of_another_host_is_given_back(world: World) -> None:
    first = world.up().lease
    assert first is not None
    with world.store.write() as transaction:
        transaction.connection.execute(update(tables.leases).values(host="elsewhere"))
    world.target.living = {}
    world.look()
    world.clock.move(seconds=30)
    world.look()
    assert world.gpus.get(first.id).state == "released"
    world.look()
    assert (world.lease().host, len(world.target.living)) == (world.gpus.host, 1)


# --- whatever is killed ----------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["before the start", "after the start", "before the end", "after the end"])
@pytest.mark.parametrize("what", ["start", "crash", "delete", "stop"])
def test_a_kill_leaves_no_device_without_its_process_and_none_behind(world: World, point: str, what: str) -> None:
    world.by_hand(1)
    if what == "start":
        world.target.die_at = "before the start"
        world.create()
        world.look()
        world.new_engine()
    else:
        world.up()
    waiting = world.by_hand(1)
    world.target.die_at = point
    if what == "crash":
        world.target.living = {}
        world.clock.move(seconds=60)
    if what == "delete":
        world.ask_to_delete("d")
    if what == "stop":
        world.service.stop_all(world.make_target)
    else:
        world.look(2)
    world.new_engine()
    agrees(world)
    world.gpus.settle()
    agrees(world)
    world.target.die_at = None
    for _ in range(3):
        world.clock.move(seconds=30)
        world.look()
        world.target.all_ready()
    agrees(world)
    if what == "delete":
        assert world.target.living == {}
        world.gpus.settle()
        assert world.gpus.get(waiting.id).state == "granted"
    elif what == "stop" and world.gpus.get(waiting.id).state == "granted":
        assert world.lease().position == 1
    else:
        assert (world.get().state, world.gpus.get(waiting.id).state) == ("ready", "queued")


def agrees(world: World) -> None:
    """Each process has a lease on just what it sees, and no device is given to two."""
    check(world.store)
    held = {one.deployment: one.devices for one in world.gpus.leases(limit=500).items if one.state == "granted"}
    for endpoint in world.target.living.values():
        if endpoint.environment:
            assert held.get(endpoint.name) == devices_of(endpoint), endpoint.name


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_events_and_kills_ends_well(world: World, seed: int) -> None:
    dice = random.Random(seed)
    points = ["before the start", "after the start", "before the end", "after the end"]
    names = ["a", "b", "c", "d"]
    by_hand: list[str] = []
    for _ in range(50):
        act = dice.choice(["look", "look", "look", "ready", "crash", "kill", "create", "delete", "hand", "driver"])
        if act == "ready":
            world.target.all_ready()
        elif act == "crash" and world.target.living:
            world.target.living.pop(dice.choice(list(world.target.living)))
        elif act == "kill":
            world.target.die_at = dice.choice(points)
            if dice.random() < 0.3:
                world.service.stop_all(world.make_target)
            else:
                world.look()
            world.target.die_at = None
            world.new_engine()
        elif act == "create":
            try:
                world.create(dice.choice(names), dice.choice([0, 1, 1, 2]), owner=dice.choice(["ada", "ben"]))
            except (Conflict, Unavailable):
                pass
        elif act == "delete":
            world.ask_to_delete(dice.choice(names))
        elif act == "hand":
            if by_hand:
                world.gpus.release(by_hand.pop())
            elif world.driver.spec:
                by_hand.append(world.by_hand().id)
        elif act == "driver":
            world.driver.spec = dice.choice(["2xA100-80G", "2xA100-80G", None])
        world.clock.move(seconds=dice.choice([0, 1, 20]))
        if act != "kill":
            world.look()
        agrees(world)
    world.driver.spec = "2xA100-80G"
    for one in by_hand:
        world.gpus.release(one)
    for one in world.service.list().items:
        world.ask_to_delete(one.name)
    world.look(2)
    assert (world.service.list().items, world.target.living) == ([], {})
    assert world.gpus.leases().items == []
    assert [one.lease for one in world.gpus.list().devices] == [None, None]
