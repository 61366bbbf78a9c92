"""The deployments' state machine on a serving target whose processes are made up: every move is legal, none is lost."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.errors import BackendFailed, Conflict, Invalid, NotFound, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import DEPLOYMENT_MOVES, DeploymentSpec, DeploymentState
from jupyter_mlplat.protocols import Endpoint, EndpointStatus, ServingTarget
from jupyter_mlplat.services.deployments import DeploymentsService, supervisor
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store

from ..endpoints import gpus_of, registered


class MovedClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


class FakeTarget:
    """Processes that are numbers in a dictionary: name -> state of each living one."""

    name = "local"

    def __init__(self) -> None:
        self.living: dict[int, str] = {}
        self.started: list[Endpoint] = []
        self.refuse: str | None = None
        self.on_start: Callable[[], None] = lambda: None
        self.final = False
        self.lock = threading.Lock()

    def start(self, endpoint: Endpoint) -> EndpointStatus:
        if self.refuse:
            raise Unavailable(self.refuse)
        with self.lock:
            pid = len(self.started) + 1
            self.started.append(endpoint)
            self.living[pid] = "starting"
        self.on_start()
        port = endpoint.port or 4000 + pid
        return EndpointStatus("starting", f"http://127.0.0.1:{port}", {"pid": pid, "port": port})

    def probe(self, endpoint: Endpoint, handle: dict[str, object]) -> EndpointStatus:
        state = self.living.get(int(str(handle["pid"])), "dead")
        url = f"http://127.0.0.1:{handle['port']}"
        if state == "dead":
            return EndpointStatus("dead", url, {**handle, "final": self.final}, "it was killed")
        return EndpointStatus("ready" if state == "ready" else "starting", url, handle)

    def stop(self, endpoint: Endpoint, handle: dict[str, object]) -> None:
        self.living.pop(int(str(handle.get("pid", 0))), None)

    def all_ready(self) -> None:
        self.living = dict.fromkeys(self.living, "ready")

    def kill_all(self) -> None:
        self.living = {}


class World:
    """A service, its store and its made-up target."""

    def __init__(self, home: Home, tracking_uri: str) -> None:
        self.home, self.clock, self.target = home, MovedClock(), FakeTarget()
        self.tracking_uri = tracking_uri
        self.store = Store(f"sqlite:///{home.database}")
        self.service = self.another_service()
        self.woken = 0

    def another_service(self) -> DeploymentsService:
        """As another process would have it."""
        runs = RunsService(self.tracking_uri, self.home, self.store)
        gpus = gpus_of(self.store, self.home, self.clock)
        return DeploymentsService(self.store, self.home, self.clock, runs, self.wake, gpus)

    def wake(self) -> None:
        self.woken += 1

    def make_target(self, name: str) -> ServingTarget:
        assert name == "local"
        return self.target

    def look(self, seconds: float = 0.0) -> int:
        self.clock.time += timedelta(seconds=seconds)
        return self.service.supervise(self.make_target)

    def create(self, name: str = "d", **options: Any) -> Any:
        return self.service.create(DeploymentSpec(name=name, model="models:/m@best"), owner="ann", **options)

    def state(self, name: str = "d") -> str:
        return self.service.get(name).state.value

    def ready(self, name: str = "d") -> None:
        self.create(name)
        self.look()
        self.target.all_ready()
        self.look()
        assert self.state(name) == "ready"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tracking URI of an MLflow that knows model m (alias best at version 2) and model gone, without files."""
    return registered(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def world(home: Home, registry: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 60.0)  # a look does all its work, however busy the machine is
    made = World(home, registry)
    yield made
    made.store.close()


def changes(world: World) -> list[str]:
    return [change.key for change in world.store.changes_after(0) if change.topic == "deployments"]


def test_create_writes_a_private_token_and_a_row_and_wakes_the_engine(world: World) -> None:
    made = world.create()
    assert (made.state, made.owner, made.url, made.restarts) == ("starting", "ann", None, 0)
    assert [(one.model, one.version, one.traffic) for one in made.versions] == [("m", "2", 100)]
    file = Path(made.token_file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert len(file.read_text()) >= 43
    assert file.read_text() == file.read_text().strip()
    assert changes(world) == ["d"]
    assert world.woken == 1


def test_every_change_is_told(world: World) -> None:
    world.ready()
    told = len(changes(world))
    world.look()
    assert len(changes(world)) == told, "a look that changes nothing tells nothing"
    world.target.kill_all()
    world.look()
    assert len(changes(world)) > told


def test_a_taken_name_is_a_conflict_and_leaves_the_first_as_it_was(world: World) -> None:
    token = Path(world.create().token_file).read_text()
    with pytest.raises(Conflict, match="is called d already"):
        world.create()
    assert Path(world.service.get("d").token_file).read_text() == token


def test_two_at_once_with_one_name_make_one(world: World) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        try:
            world.another_service().create(DeploymentSpec(name="d", model="models:/m/2"), owner="ann")
            outcomes.append("made")
        except Conflict:
            outcomes.append("taken")

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["taken"] * 7


def test_the_same_idempotency_key_gives_the_same_deployment(world: World) -> None:
    first = world.create(idempotency_key="k")
    assert world.create(idempotency_key="k") == first
    with pytest.raises(Conflict, match="another request"):
        world.create("other", idempotency_key="k")
    assert [each.name for each in world.service.list().items] == ["d"]


@pytest.mark.parametrize(
    ("model", "error"), [("models:/missing/1", NotFound), ("models:/m/9", NotFound), ("models:/m", Invalid)]
)
def test_a_model_that_cannot_be_served_leaves_nothing(world: World, model: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.service.create(DeploymentSpec(name="d", model=model), owner="ann")
    assert world.service.list().items == []
    assert list(world.home.endpoints.iterdir()) == []


def test_a_model_whose_files_are_gone_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="the files of version 2 of model gone are not there"):
        world.service.create(DeploymentSpec(name="d", model="models:/gone/2"), owner="ann")
    assert world.service.list().items == []


def test_lists_page_by_name(world: World) -> None:
    for name in ("c", "a", "b"):
        world.create(name)
    page = world.service.list(limit=2)
    assert ([each.name for each in page.items], page.next) == (["a", "b"], "b")
    rest = world.service.list(limit=2, after=page.next)
    assert ([each.name for each in rest.items], rest.next) == (["c"], None)
    with pytest.raises(Invalid):
        world.service.list(limit=0)


def test_an_unknown_name_is_not_found_everywhere(world: World) -> None:
    for call in (world.service.get, world.service.delete, world.service.log, world.service.wait_ready):
        with pytest.raises(NotFound, match="no deployment is called x"):
            call("x")
    with pytest.raises(NotFound):
        world.service.predict("x", {})


def test_a_dead_endpoint_comes_back_on_its_port_and_is_counted(world: World) -> None:
    world.ready()
    url = world.service.get("d").url
    world.clock.time += timedelta(seconds=60)
    world.target.kill_all()
    world.look()
    found = world.service.get("d")
    assert (found.state, found.message) == ("degraded", "it was killed; it is started again")
    world.look()
    world.target.all_ready()
    world.look()
    found = world.service.get("d")
    assert (found.state, found.restarts, found.url, found.message) == ("ready", 1, url, None)
    assert world.target.started[1].port == world.target.started[0].port or world.target.started[1].port == 4001


def test_five_quick_failures_are_the_end_with_growing_waits_between(world: World) -> None:
    world.create()
    waits = []
    for _ in range(5):
        waited = 0
        before = len(world.target.started)
        while len(world.target.started) == before:
            world.look(0.5)
            waited += 1
            assert waited < 100
        waits.append(waited)
        world.target.kill_all()
        world.look()
    found = world.service.get("d")
    assert (found.state, found.restarts) == ("failed", 4)
    assert "given up after 5 tries: it was killed" in str(found.message)
    assert waits == sorted(waits)
    assert world.look(3600) == 0, "a failed deployment does not keep the engine alive"
    assert len(world.target.started) == 5


def test_a_model_that_cannot_be_loaded_is_given_up_after_two_tries(world: World) -> None:
    world.create()
    world.target.final = True
    for _ in range(10):
        world.look(10)
        world.target.kill_all()
    assert (world.state(), len(world.target.started)) == ("failed", 2)


def test_a_failure_after_a_long_life_starts_the_count_anew(world: World) -> None:
    world.ready()
    for _ in range(12):
        world.clock.time += timedelta(seconds=60)
        world.target.kill_all()
        world.look()
        world.look()
        world.target.all_ready()
        world.look()
    found = world.service.get("d")
    assert (found.state, found.restarts) == ("ready", 12)


def test_a_target_that_cannot_start_is_tried_again_and_harms_no_other(world: World) -> None:
    world.ready("good")
    world.create("bad")
    world.target.refuse = "no more processes"
    assert world.look() == 2
    assert world.state("good") == "ready"
    assert "no more processes" in str(world.service.get("bad").message)
    world.target.refuse = None
    world.look(5)
    world.target.all_ready()
    world.look()
    assert world.state("bad") == "ready"


def test_an_endpoint_that_lives_but_does_not_answer_is_degraded_and_not_killed(world: World) -> None:
    import jupyter_mlplat.services.deployments.supervisor as module

    world.ready()
    world.target.living = dict.fromkeys(world.target.living, "silent")
    world.look()
    assert world.state() == "ready", "one missed answer is none"
    world.service._supervisor._silent_since["d"] -= module.UNANSWERED_SECONDS + 1
    world.look()
    assert world.state() == "degraded"
    assert len(world.target.living) == 1
    world.target.all_ready()
    world.look()
    assert world.state() == "ready"


def test_delete_ends_the_process_then_removes_the_folder_and_the_row(world: World) -> None:
    world.ready()
    done = threading.Event()

    def engine() -> None:
        while not done.wait(0.02):
            world.service.supervise(world.make_target)

    thread = threading.Thread(target=engine)
    thread.start()
    try:
        assert world.service.delete("d").state == "stopped"
    finally:
        done.set()
        thread.join()
    assert world.target.living == {}
    assert list(world.home.endpoints.iterdir()) == []
    with pytest.raises(NotFound):
        world.service.get("d")
    assert world.create().state == "starting", "the name is free again"


def test_a_delete_between_start_and_record_ends_what_was_started(world: World) -> None:
    world.create()
    other = world.another_service()
    asked = threading.Thread(target=lambda: other.delete("d"))

    def delete_now() -> None:
        asked.start()
        while not _stop_requested(world):
            pass

    world.target.on_start = delete_now
    world.look()
    world.target.on_start = lambda: None
    assert world.target.living == {}, "who lost the claim ended its process"
    while asked.is_alive():
        world.look()
        asked.join(0.05)
    assert world.service.list().items == []


def _stop_requested(world: World) -> bool:
    from sqlalchemy import select

    from jupyter_mlplat.store import tables

    with world.store.read() as connection:
        return bool(connection.execute(select(tables.deployments.c.stop_requested)).scalar())


def test_two_engines_at_once_start_one_process(world: World) -> None:
    world.create()
    services = [world.another_service() for _ in range(4)]
    barrier = threading.Barrier(4)

    def look(service: DeploymentsService) -> None:
        barrier.wait()
        service.supervise(world.make_target)

    threads = [threading.Thread(target=look, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.target.living) == 1


def test_another_engine_adopts_what_lives(world: World) -> None:
    world.ready()
    world.service = world.another_service()
    world.look()
    assert (world.state(), len(world.target.started)) == ("ready", 1)


def test_stop_all_ends_every_process_and_the_next_engine_brings_them_back(world: World) -> None:
    world.ready("a")
    world.ready("b")
    world.service.stop_all(world.make_target)
    assert world.target.living == {}
    assert [each.state for each in world.service.list().items] == ["stopped", "stopped"]
    assert world.look() == 0, "an engine that leaves starts nothing"
    world.service = world.another_service()
    assert world.look() == 2
    world.target.all_ready()
    world.look()
    assert [(each.state, each.restarts) for each in world.service.list().items] == [("ready", 0), ("ready", 0)]


def test_wait_ready_says_how_it_failed(world: World) -> None:
    world.create()
    with pytest.raises(Unavailable, match=r"is starting after 0 s"):
        world.service.wait_ready("d", timeout=0)
    world.look()
    (world.home.endpoints / "d" / "log.txt").write_text("one\nImportError: no module named x\n")
    world.target.final = True
    for _ in range(4):
        world.target.kill_all()
        world.look(10)
    with pytest.raises(BackendFailed, match="ImportError: no module named x"):
        world.service.wait_ready("d", timeout=0)


def test_a_prediction_needs_an_endpoint_that_answers(world: World) -> None:
    world.create()
    with pytest.raises(Unavailable, match="is starting"):
        world.service.predict("d", {})
    world.look()
    world.target.all_ready()
    world.look()
    with pytest.raises(Unavailable, match="does not answer"):
        world.service.predict("d", {})
    with pytest.raises(Invalid, match="strict JSON"):
        world.service.predict("d", {"inputs": [float("nan")]})


def test_the_log_is_read_in_pieces_and_from_the_start_when_it_was_cut(world: World) -> None:
    world.create()
    file = world.home.endpoints / "d" / "log.txt"
    assert world.service.log("d").text == ""
    file.write_text("größe\n", encoding="utf-8")
    first = world.service.log("d")
    assert (first.text, first.ended) == ("größe\n", False)
    with file.open("ab") as log:
        log.write("ö".encode()[:1])
    half = world.service.log("d", offset=first.offset)
    assert half.text == "", "half a character waits for its other half"
    with file.open("ab") as log:
        log.write("ö".encode()[1:] + b"\n")
    assert world.service.log("d", offset=half.offset).text == "ö\n"
    file.write_text("new\n")
    assert world.service.log("d", offset=first.offset).text == "new\n"


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_events_makes_only_legal_moves_and_ends_well(world: World, seed: int) -> None:
    dice = random.Random(seed)
    seen: dict[str, str] = {}

    def check() -> None:
        for found in world.service.list().items:
            before = seen.get(found.name)
            if before is not None and before != found.state:
                reachable = DEPLOYMENT_MOVES[DeploymentState(before)]
                twice = {far for near in reachable for far in DEPLOYMENT_MOVES[near]}
                assert found.state in reachable | twice, f"{before} -> {found.state}"
            seen[found.name] = found.state

    for name in ("a", "b"):
        world.create(name)
    for _ in range(60):
        act = dice.choice(["look", "look", "ready", "kill", "engine", "refuse", "time"])
        if act == "look":
            world.look(dice.random())
        elif act == "ready":
            world.target.all_ready()
        elif act == "kill" and world.target.living:
            world.target.living.pop(dice.choice(list(world.target.living)))
        elif act == "engine":
            world.service = world.another_service()
        elif act == "refuse":
            world.target.refuse = dice.choice([None, "full"])
        elif act == "time":
            world.clock.time += timedelta(seconds=dice.choice([1, 30]))
        check()
    world.target.refuse = None
    for _ in range(20):
        world.look(30)
        world.target.all_ready()
    check()
    wanted = [found for found in world.service.list().items if found.state != "failed"]
    assert all(found.state == "ready" for found in wanted)
    assert len(world.target.living) == len(wanted), "one process for each, and none for a failed one"
