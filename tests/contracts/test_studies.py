"""Studies beside a store on PostgreSQL: Optuna's own tables, in a schema of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from jupyter_mlplat.errors import BackendFailed, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Sweep
from jupyter_mlplat.services.jobs import JobQueue, JobsService, Pruning, RunningSweeps, SweepsService
from jupyter_mlplat.services.jobs.sweeps.storage import Studies
from jupyter_mlplat.store import Store, tables

from ..conftest import PostgreSQL
from .conftest import ManualClock
from .test_sweeps import create, end, trials_of


class Scene:
    """The services on a store at some URL; its notebook is `train`."""

    def __init__(self, url: str, home: Home, clock: ManualClock, train: str) -> None:
        self.store = Store(url)
        self._made = home, clock
        self.train = train
        self.jobs = JobsService(self.store, home, clock, lambda: None, backend="local", slots=2)
        self.queue = JobQueue(self.store, clock)
        self.sweeps = SweepsService(self.store, home, clock, self.jobs, lambda: None)
        self.running = self.engine()

    def engine(self) -> RunningSweeps:
        home, clock = self._made
        return RunningSweeps(self.store, home, clock, self.jobs)

    def study(self, **fields: Any) -> Sweep:
        space = {"lr": {"low": 0.0, "high": 1.0}}
        given = {"strategy": "optuna", "trials": 4, "metric": "loss", "direction": "minimize", "space": space, **fields}
        return create(self.sweeps, self.train, **given)

    def run(self, made: Sweep) -> Sweep:
        while self.running.advance():
            for claim in self.queue.claim(2):
                end(self.store, self.queue, claim.key, "succeeded", loss=claim.row["point"]["lr"])
        return self.sweeps.get(made.id)


@pytest.fixture
def train(tmp_path: Path) -> str:
    from .test_sweeps import train

    made: str = train.__wrapped__(tmp_path)  # type: ignore[attr-defined]
    return made


@pytest.fixture
def scene(postgresql_store_url: str, home: Home, clock: ManualClock, train: str) -> Iterator[Scene]:
    made = Scene(postgresql_store_url, home, clock, train)
    yield made
    made.store.close()


def rows(store: Store, statement: str) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(text(statement)))


def test_they_have_a_schema_of_their_own(scene: Scene) -> None:
    ours = rows(scene.store, "SELECT version_num FROM public.alembic_version")
    first, second = scene.run(scene.study()), scene.run(scene.study())
    for one in (first, second):
        assert (one.state, len(one.points)) == ("succeeded", 4)
        assert [trial.values for trial in trials_of(one)] == [[point.value] for point in one.points]
        assert one.study_dashboard is not None
        assert "search_path%3Doptuna" in one.study_dashboard
    assert {name for (name,) in rows(scene.store, "SELECT study_name FROM optuna.studies")} == {
        f"sweep-{one.id}-20261121T040000Z" for one in (first, second)
    }
    assert rows(scene.store, "SELECT version_num FROM public.alembic_version") == ours
    names = rows(scene.store, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = 'studies'")
    assert names == []


def test_a_store_begun_anew_does_not_go_on_with_an_old_study(scene: Scene, clock: ManualClock) -> None:
    """Ids of sweeps begin at 1 again."""
    made = scene.run(scene.study())
    with scene.store.write() as transaction:
        for table in (tables.attempts, tables.jobs, tables.sweeps):
            transaction.connection.execute(table.delete())
        transaction.connection.execute(text("ALTER SEQUENCE sweeps_id_seq RESTART"))
        transaction.connection.execute(text("ALTER SEQUENCE jobs_id_seq RESTART"))
    clock.move(seconds=1)
    scene.running = scene.engine()
    again = scene.run(scene.study())
    assert again.id == made.id
    assert [trial.number for trial in trials_of(again)] == [0, 1, 2, 3]


def test_a_journal_that_was_begun_is_gone_on_with(scene: Scene, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene.study()
    journal = home.sweeps / made.id / "study.jsonl"
    journal.touch()
    assert scene.sweeps.study(made.id).trials == []
    scene.running.advance()
    assert scene.sweeps.get(made.id).study == str(journal)
    after = scene.run(made)
    assert (after.state, len(trials_of(after))) == ("succeeded", 4)
    assert rows(scene.store, "SELECT 1 FROM pg_namespace WHERE nspname = 'optuna'") == []


def test_connections_that_are_lost_are_made_again(scene: Scene, postgresql_server: PostgreSQL) -> None:
    made = scene.study(trials=6, parallel=1)
    pruning = Pruning(scene.store)
    for step in range(6):
        scene.running.advance()
        (claim,) = scene.queue.claim(1)
        assert pruning.hopeless(claim.key, [(0, 1.0)]) is False
        if step == 2:
            postgresql_server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{scene.store.address.database}'"
            )
        end(scene.store, scene.queue, claim.key, "succeeded", loss=1.0 / (step + 1))
        assert scene.sweeps.study(made.id).trials[step].intermediate == [[0, 1.0]]
    after = scene.run(made)
    assert after.state == "succeeded"
    assert [one.state.name for one in trials_of(after)] == ["COMPLETE"] * 6


def test_a_sweep_waits_for_a_database_that_does_not_answer(
    scene: Scene, postgresql_server: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    name = scene.store.address.database
    made = scene.study()
    assert scene.sweeps.get(made.id).state == "running"  # one connection of the store's own stays open
    postgresql_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    with caplog.at_level(logging.WARNING):
        assert scene.running.advance()
    assert any("Optuna's studies cannot be reached" in one.getMessage() for one in caplog.records)
    with pytest.raises(Unavailable, match="Optuna's studies cannot be reached"):
        scene.sweeps.study(made.id)
    after = scene.sweeps.get(made.id)
    assert (after.state, after.message) == ("running", None)
    postgresql_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert scene.run(made).state == "succeeded"


def test_whoever_may_not_make_the_schema_is_told_who_can(
    scene: Scene, home: Home, clock: ManualClock, postgresql_server: PostgreSQL, postgresql_store_url: str
) -> None:
    postgresql_server.execute("DROP ROLE IF EXISTS poor")
    postgresql_server.execute("CREATE ROLE poor LOGIN")
    with scene.store.write() as transaction:
        for kind in ("TABLES", "SEQUENCES"):
            transaction.connection.execute(text(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO poor"))
    poor = Scene(postgresql_store_url.replace("mlplat@", "poor@"), home, clock, scene.train)
    try:
        made = poor.run(poor.study())
        assert made.state == "failed"
        assert made.message is not None
        assert "permission denied for database" in made.message
        assert "CREATE SCHEMA optuna AUTHORIZATION poor" in made.message
        with scene.store.write() as transaction:
            transaction.connection.execute(text("CREATE SCHEMA optuna AUTHORIZATION poor"))
        assert poor.run(poor.study()).state == "succeeded"
    finally:
        poor.store.close()
        with scene.store.write() as transaction:
            transaction.connection.execute(text("DROP OWNED BY poor CASCADE"))
        postgresql_server.execute("DROP ROLE poor")


def test_tables_of_another_optuna_are_left_alone(scene: Scene) -> None:
    scene.run(scene.study())
    with scene.store.write() as transaction:
        transaction.connection.execute(text("UPDATE optuna.alembic_version SET version_num = 'v99.0.0'"))
    scene.running = scene.engine()
    made = scene.run(scene.study())
    assert made.state == "failed"
    assert made.message is not None
    assert "Optuna's tables beside the store do not fit" in made.message
    row = find(scene, made)
    with pytest.raises(BackendFailed, match="do not fit"):
        Studies(scene.store).open(row)


def find(scene: Scene, sweep: Sweep) -> Any:
    with scene.store.read() as connection:
        query = select(tables.sweeps).where(tables.sweeps.c.id == int(sweep.id))
        return connection.execute(query).mappings().one()


def test_the_password_is_never_shown(postgresql_store_url: str, home: Home, clock: ManualClock, train: str) -> None:
    url = postgresql_store_url.replace("mlplat@", "mlplat:hush@") + "&password=hush&options=-cwork_mem%3D8MB"
    scene = Scene(url, home, clock, train)
    try:
        made = scene.run(scene.study())
        assert made.state == "succeeded"
        assert "hush" not in made.model_dump_json()
        assert made.study is not None
        assert "mlplat:***@" in made.study
        assert "work_mem" in made.study
        assert len(scene.sweeps.study(made.id).trials) == 4
    finally:
        scene.store.close()


def test_all_who_come_at_once_make_the_tables_once(scene: Scene) -> None:
    row = find(scene, scene.study())
    wrong: list[Exception] = []
    begin = threading.Barrier(6)

    def open_it() -> None:
        begin.wait()
        try:
            Studies(scene.store).open(row)
        except Exception as error:  # noqa: BLE001 - told below
            wrong.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert wrong == []
    assert rows(scene.store, "SELECT count(*) FROM optuna.version_info") == [(1,)]
