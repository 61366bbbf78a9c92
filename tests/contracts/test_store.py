"""The contract of the store, one body over SQLite and PostgreSQL."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, func, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from jupyter_mlplat.errors import Conflict, Invalid, Unavailable
from jupyter_mlplat.store import Store, tables
from jupyter_mlplat.store.schema import HEAD
from jupyter_mlplat.store.store import refuse_network_file_system

ASSETS = Path(__file__).resolve().parents[1] / "assets"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
spawn = multiprocessing.get_context("spawn")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database; a new PostgreSQL is started only for the tests that are about one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    made: str = request.getfixturevalue("postgresql_url")
    return made


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def add_job(store: Store, *, state: str = "queued", attempt: int = 0, **values: object) -> int:
    row = {
        "name": "train",
        "notebook": "/n/train.ipynb",
        "owner": "ana",
        "parameters": {},
        "folder": "/j/1",
        "submitted_at": NOW,
    }
    with store.write() as transaction:
        result = transaction.connection.execute(
            insert(tables.jobs).values({**row, "state": state, "attempt": attempt, **values})
        )
        key = result.inserted_primary_key
        assert key is not None
        transaction.emit("jobs", str(key[0]))
        return int(key[0])


def count(store: Store, table: str = "jobs") -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one())


def job_row(store: Store, id: int) -> dict[str, object]:
    with store.read() as connection:
        return dict(connection.execute(select(tables.jobs).where(tables.jobs.c.id == id)).mappings().one())


def move(store: Store, id: int, *, old: str, attempt: int, new: str) -> bool:
    """The compare-and-set that every state change is."""
    with store.write() as transaction:
        result = transaction.connection.execute(
            update(tables.jobs)
            .where(tables.jobs.c.id == id, tables.jobs.c.state == old, tables.jobs.c.attempt == attempt)
            .values(state=new)
        )
        return result.rowcount == 1


# --- transactions and the outbox ------------------------------------------------------------------


def test_a_change_and_its_notification_are_kept_together(store: Store) -> None:
    before = store.last_change()
    id = add_job(store)
    changes = store.changes_after(before)
    assert [(change.topic, change.key) for change in changes] == [("jobs", str(id))]
    assert changes[0].id == store.last_change()
    assert datetime.now(UTC) - changes[0].at < timedelta(minutes=1)


def test_an_exception_keeps_neither_the_change_nor_its_notification(store: Store) -> None:
    class Interrupted(Exception):
        pass

    with pytest.raises(Interrupted), store.write() as transaction:
        transaction.emit("jobs", "7")
        transaction.connection.execute(
            insert(tables.leases).values(state="queued", owner="ana", devices=[], created_at=NOW)
        )
        raise Interrupted
    assert count(store, "leases") == 0
    assert count(store, "outbox") == 0


def test_nothing_is_seen_before_the_commit(store: Store, url: str) -> None:
    other = Store(url)
    try:
        with store.write() as transaction:
            transaction.emit("jobs", "1")
            assert other.last_change() == 0
            assert other.changes_after(0) == []
        assert [change.key for change in other.changes_after(0)] == ["1"]
    finally:
        other.close()


def test_a_cursor_reads_newer_changes_and_the_last_seconds_again(store: Store) -> None:
    with store.write() as transaction:
        old = datetime.now(UTC) - timedelta(seconds=30)
        for number in range(3):
            transaction.connection.execute(insert(tables.outbox).values(topic="jobs", key=f"old{number}", at=old))
    cursor = store.last_change()
    with store.write() as transaction:
        transaction.emit("runs", "new")
    assert [change.key for change in store.changes_after(cursor)] == ["new"]
    assert [change.key for change in store.changes_after(store.last_change())] == ["new"]
    assert [change.key for change in store.changes_after(0)] == ["old0", "old1", "old2", "new"]


def test_outbox_rows_older_than_an_hour_go_and_ids_are_never_used_again(store: Store) -> None:
    with store.write() as transaction:
        for minutes in (61, 59):
            transaction.connection.execute(
                insert(tables.outbox).values(
                    topic="jobs", key=str(minutes), at=datetime.now(UTC) - timedelta(minutes=minutes)
                )
            )
    assert store.prune_outbox() == 1
    assert [change.key for change in store.changes_after(0)] == ["59"]
    last = store.last_change()
    with store.write() as transaction:
        transaction.connection.execute(tables.outbox.delete())
    with store.write() as transaction:
        transaction.emit("jobs", "next")
    assert store.last_change() > last


def test_a_write_in_a_read_is_rolled_back(store: Store) -> None:
    with store.read() as connection:
        connection.execute(insert(tables.outbox).values(topic="jobs", key="1", at=NOW))
    assert count(store, "outbox") == 0


def test_data_version_changes_when_another_process_writes(store: Store, url: str) -> None:
    before = store.data_version()
    if store.dialect != "sqlite":
        assert before is None
        return
    assert store.data_version() == before
    run_child(write_jobs, url, 1)
    assert store.data_version() != before


# --- compare and set ------------------------------------------------------------------------------


def test_the_late_writer_loses(store: Store) -> None:
    id = add_job(store, state="running", attempt=2)
    assert not move(store, id, old="running", attempt=1, new="succeeded"), "an earlier attempt"
    assert not move(store, id, old="starting", attempt=2, new="failed"), "another state"
    assert move(store, id, old="running", attempt=2, new="succeeded")
    assert not move(store, id, old="running", attempt=2, new="failed"), "already moved"
    assert job_row(store, id)["state"] == "succeeded"


def test_of_many_writers_of_one_move_exactly_one_wins(store: Store) -> None:
    writers = 8
    for _ in range(5):
        id = add_job(store)
        gate = threading.Barrier(writers)

        def claim(number: int, id: int = id, gate: threading.Barrier = gate) -> bool:
            gate.wait()
            return move(store, id, old="queued", attempt=0, new=f"by {number}")

        with ThreadPoolExecutor(writers) as pool:
            won = list(pool.map(claim, range(writers)))
        assert won.count(True) == 1
        assert job_row(store, id)["state"] == f"by {won.index(True)}"


def test_an_idempotency_key_is_taken_once(store: Store) -> None:
    add_job(store, idempotency_key="ana:1")
    with pytest.raises(IntegrityError):
        add_job(store, idempotency_key="ana:1")
    add_job(store, idempotency_key=None)
    add_job(store, idempotency_key=None)
    assert count(store) == 3
    assert count(store, "outbox") == 3


def test_cells_go_with_their_job_and_need_one(store: Store) -> None:
    id = add_job(store)
    cell = {"attempt": 1, "index": 0, "state": "ok"}
    with store.write() as transaction:
        transaction.connection.execute(insert(tables.cells).values(job_id=id, **cell))
    with pytest.raises(IntegrityError), store.write() as transaction:
        transaction.connection.execute(insert(tables.cells).values(job_id=id + 1, **cell))
    with store.write() as transaction:
        transaction.connection.execute(tables.jobs.delete())
    assert count(store, "cells") == 0


# --- many at once ---------------------------------------------------------------------------------


def write_jobs(url: str, number: int) -> None:
    store = Store(url)
    try:
        for _ in range(number):
            add_job(store)
    finally:
        store.close()


def increment(url: str, id: int, times: int) -> None:
    """Read, then write, in one transaction: loses updates where the write lock comes too late."""
    store = Store(url)
    try:
        for _ in range(times):
            with store.write() as transaction:
                query = select(tables.jobs.c.cells_done).where(tables.jobs.c.id == id).with_for_update()
                value = transaction.connection.execute(query).scalar_one()
                transaction.connection.execute(
                    update(tables.jobs).where(tables.jobs.c.id == id).values(cells_done=value + 1)
                )
    finally:
        store.close()


def run_child(target: Callable[..., None], *arguments: object, processes: int = 1) -> None:
    """Run `target` in that many new processes and expect all of them to succeed."""
    children = [spawn.Process(target=target, args=arguments) for _ in range(processes)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    codes = [child.exitcode for child in children]
    for child in children:
        child.kill()
        child.join()
    assert codes == [0] * processes


def test_processes_write_beside_each_other(store: Store, url: str) -> None:
    run_child(write_jobs, url, 40, processes=2)
    assert count(store) == 80
    assert len({change.key for change in store.changes_after(0)}) == 80


def test_processes_lose_no_update(store: Store, url: str) -> None:
    id = add_job(store)
    run_child(increment, url, id, 40, processes=2)
    assert job_row(store, id)["cells_done"] == 80


def test_threads_share_a_store(store: Store) -> None:
    def work(number: int) -> None:
        for _ in range(5):
            add_job(store, name=f"thread {number}")
            count(store)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert count(store) == count(store, "outbox") == 80


def test_a_reader_sees_one_moment_and_waits_for_nobody(store: Store) -> None:
    add_job(store)
    with store.read() as connection:
        query = select(func.count()).select_from(tables.jobs)
        assert connection.execute(query).scalar_one() == 1
        with ThreadPoolExecutor(1) as pool:
            pool.submit(add_job, store).result(timeout=10)
        assert connection.execute(query).scalar_one() == 1, "a commit of somebody else appeared in the middle"
    assert count(store) == 2


def test_a_reader_does_not_wait_for_an_open_write(store: Store) -> None:
    id = add_job(store)
    with store.write() as transaction:
        transaction.connection.execute(update(tables.jobs).values(state="running"))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(job_row, store, id).result(timeout=10)["state"] == "queued"


def in_a_fork(work: Callable[[], dict[str, str] | None]) -> dict[str, str]:
    """What `work` returned in a forked child; an exception there fails the test here."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said: dict[str, str] = {}
        try:
            said = work() or {}
        finally:  # the child must never return into pytest
            if sys.exc_info()[0] is not None:
                said = {"exception": traceback.format_exc()}
            os.write(writer, json.dumps(said).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told: dict[str, str] = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert "exception" not in told, told["exception"]
    return told


def test_a_forked_child_uses_connections_of_its_own(store: Store) -> None:
    def work() -> None:
        for _ in range(20):
            add_job(store)
        store.data_version()
        store.close()

    add_job(store)
    store.data_version()
    with store.read() as connection:
        connection.execute(select(tables.jobs)).all()
        in_a_fork(work)
        assert connection.execute(select(func.count()).select_from(tables.jobs)).scalar_one() == 1
    for _ in range(5):
        add_job(store)
    assert count(store) == 26
    assert len(store.changes_after(0)) == 26


# --- values ---------------------------------------------------------------------------------------


def test_times_come_back_as_the_same_instant_in_utc(store: Store) -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    told = datetime(2026, 3, 29, 6, 45, 0, 123456, tzinfo=kathmandu)
    id = add_job(store, submitted_at=told)
    kept = job_row(store, id)["submitted_at"]
    assert kept == told
    assert isinstance(kept, datetime)
    assert kept.utcoffset() == timedelta(0)
    assert kept.isoformat() == "2026-03-29T01:00:00.123456+00:00"


def test_times_are_ordered_as_instants_whatever_their_zone(store: Store) -> None:
    east, west = timezone(timedelta(hours=14)), timezone(-timedelta(hours=11))
    later = add_job(store, submitted_at=datetime(2026, 1, 1, 1, tzinfo=west))
    earlier = add_job(store, submitted_at=datetime(2026, 1, 1, 23, tzinfo=east))
    with store.read() as connection:
        rows = connection.execute(select(tables.jobs.c.id).order_by(tables.jobs.c.submitted_at)).scalars().all()
    assert rows == [earlier, later]


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StatementError, match="a time without a zone reached the store"):
        add_job(store, submitted_at=datetime(2026, 1, 1))
    assert count(store) == 0


def test_json_comes_back_as_it_was(store: Store) -> None:
    value = {"lr": 1e-300, "big": 2**60, "text": "☃ \"quoted\" 'single' \\ é\n", "list": [True, None, {"a": []}]}
    assert job_row(store, add_job(store, parameters=value))["parameters"] == value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_that_no_browser_reads_is_refused(store: Store, value: float) -> None:
    with pytest.raises((StatementError, ValueError), match="JSON compliant"):
        add_job(store, metric={"auc": value})
    assert count(store) == 0


# --- the schema -----------------------------------------------------------------------------------


def raw_engine(url: str) -> Engine:
    """A connection that is not the store's, as another program has one."""
    return create_engine(url)


def load(url: str, script: Path) -> None:
    statements = script.read_text(encoding="utf-8")
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript(statements)
        connection.close()
        return
    engine = raw_engine(url)
    with engine.begin() as connection:
        connection.connection.dbapi_connection.execute(statements.encode())
    engine.dispose()


def test_the_migrations_make_what_tables_py_says(store: Store) -> None:
    engine = raw_engine(store.url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": None}
            )
            differences = [
                difference
                for difference in compare_metadata(context, tables.metadata)
                if "alembic_version" not in str(difference)
            ]
    finally:
        engine.dispose()
    assert differences == [], "write a migration for the change of tables.py"


@pytest.mark.parametrize("schema", sorted({path.name.split(".")[0] for path in ASSETS.glob("store-*.sql")}))
def test_a_kept_database_opens_with_all_that_was_in_it(url: str, schema: str) -> None:
    load(url, ASSETS / f"{schema}.{url.partition(':')[0].partition('+')[0]}.sql")
    store = Store(url)
    try:
        with store.read() as connection:
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            jobs = connection.execute(select(tables.jobs).order_by(tables.jobs.c.id)).mappings().all()
            view = connection.execute(select(tables.feature_views)).mappings().one()
            deployment = connection.execute(select(tables.deployments)).mappings().one()
        assert version == HEAD
        assert [job["state"] for job in jobs] == ["succeeded", "failed", "cancelled", "running", "queued"]
        assert jobs[0]["name"] == "träin 1"
        assert jobs[0]["notebook"] == "/data/notebooks/träin's.ipynb"
        assert jobs[0]["parameters"] == {"lr": 0.01, "layers": [1, None, True], "text": "1,5 € ☃"}
        assert jobs[0]["metric"] == {"accuracy": 0.9736842105263158}
        assert jobs[0]["submitted_at"] == datetime(2026, 3, 29, 1, 0, 59, 123456, tzinfo=UTC)
        assert jobs[1]["message"] == "cell 3: ValueError: a 'quoted' \"text\"\nand a second line"
        assert jobs[4]["started_at"] is None
        assert count(store, "cells") == 3
        assert deployment["versions"][0]["uri"] == "models:/digits/1"
        assert view["ttl"] == 86400.0
        assert add_job(store) == 6
        with pytest.raises(IntegrityError):
            add_job(store, idempotency_key="ana:1")
    finally:
        store.close()
    again = Store(url)
    assert count(again) == 6
    again.close()


def test_a_kept_database_of_every_schema_is_there() -> None:
    for dialect in ("sqlite", "postgresql"):
        assert (ASSETS / f"store-{HEAD}.{dialect}.sql").exists(), "run scripts/keep_old_database.py"


def test_the_database_of_a_newer_program_is_refused_and_left_alone(store: Store, url: str) -> None:
    with store.write() as transaction:
        transaction.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="schema 9999, which this program does not know") as caught:
        Store(url)
    assert "upgrade jupyter_mlplat" in caught.value.hint
    with store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_a_database_with_tables_of_another_program_is_refused_and_left_alone(url: str) -> None:
    engine = raw_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE outbox (mine integer)"))
        with pytest.raises(Conflict, match="already has tables of another program: outbox") as caught:
            Store(url)
        assert "a database of its own" in caught.value.hint
        assert inspect(engine).get_table_names() == ["outbox"]
    finally:
        engine.dispose()


def open_at_the_gate(url: str, gate: threading.Barrier) -> None:
    gate.wait(120)
    store = Store(url)
    add_job(store)
    store.close()


def test_processes_that_open_a_fresh_database_together_all_find_it_ready(url: str) -> None:
    gate = spawn.Barrier(3)
    run_child(open_at_the_gate, url, gate, processes=3)
    store = Store(url)
    try:
        assert count(store) == 3
    finally:
        store.close()


def test_threads_that_open_a_fresh_database_together_all_find_it_ready(url: str) -> None:
    gate = threading.Barrier(8)

    def open_one(_: int) -> None:
        gate.wait()
        store = Store(url)
        add_job(store)
        store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_one, range(8)))
    store = Store(url)
    assert count(store) == 8
    store.close()


# --- what cannot be used --------------------------------------------------------------------------


def test_a_row_that_another_program_holds_is_unavailable_after_the_timeout(store: Store, url: str) -> None:
    id = add_job(store)
    impatient = Store(url, busy_timeout=0.2)
    try:
        with store.write() as transaction:
            transaction.connection.execute(update(tables.jobs).values(state="running"))
            with pytest.raises(Unavailable) as caught:
                move(impatient, id, old="queued", attempt=0, new="starting")
        assert "not locked by another program" in caught.value.hint
        assert caught.value.status == 503
        assert caught.value.exit_code == 5
        assert move(impatient, id, old="running", attempt=0, new="succeeded"), "it works again afterwards"
    finally:
        impatient.close()


def test_more_at_once_than_connections_is_unavailable(store: Store, url: str) -> None:
    impatient = Store(url, busy_timeout=0.1)
    opened = []
    try:
        with pytest.raises(Unavailable, match=r"every connection to the store .* is in use"):
            for _ in range(100):
                reader = impatient.read()
                reader.__enter__()
                opened.append(reader)
    finally:
        for reader in opened:
            reader.__exit__(None, None, None)
        impatient.close()


def test_a_read_only_postgresql_is_unavailable(postgresql_url: str) -> None:
    store = Store(postgresql_url)
    try:
        with store.write() as transaction:
            name = transaction.connection.execute(text("SELECT current_database()")).scalar_one()
            transaction.connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        store.close()
        with pytest.raises(Unavailable, match="read-only transaction") as caught:
            add_job(store)
        assert "is writable" in caught.value.hint
        assert count(store) == 0
    finally:
        store.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="mlplat-store-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("existing", [True, False], ids=["file", "folder"])
def test_a_read_only_sqlite_is_unavailable(open_folder: Path, existing: bool) -> None:
    database = open_folder / "store.db"
    if existing:
        Store(f"sqlite:///{database}").close()
        database.chmod(0o444)
    open_folder.chmod(0o555)

    def work() -> dict[str, str]:
        if os.geteuid() == 0:  # file permissions are not for root
            os.setgid(65534)
            os.setuid(65534)
        try:
            add_job(Store(f"sqlite:///{database}"))
        except Unavailable as error:
            return {"message": error.message, "hint": error.hint}
        return {"message": "no error"}

    said = in_a_fork(work)
    open_folder.chmod(0o755)
    assert ("readonly database" if existing else "unable to open database file") in said["message"]
    assert "is writable" in said["hint"]


def test_a_file_that_is_no_database_is_unavailable_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_text("my diary\n" * 200)
    with pytest.raises(Unavailable, match="file is not a database"):
        Store(f"sqlite:///{file}")
    assert file.read_text() == "my diary\n" * 200


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"file/store cannot be made: Not a directory") as caught:
        Store(f"sqlite:///{tmp_path}/file/store/mlplat.db")
    assert "MLPLAT_HOME" in caught.value.hint


def test_a_postgresql_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be used: connection") as caught:
        Store(f"postgresql://ana:hush@/mlplat?host={tmp_path}")
    assert "see that the database runs" in caught.value.hint
    assert "hush" not in caught.value.message


def test_a_database_that_is_not_there_is_unavailable(postgresql_url: str) -> None:
    with pytest.raises(Unavailable, match='database "nowhere" does not exist'):
        Store(postgresql_url.replace("/test_", "/nowhere?x=").partition("?x=")[0] + "?" + postgresql_url.split("?")[1])


def test_the_connection_comes_back_after_it_was_lost(postgresql_url: str) -> None:
    store = Store(postgresql_url)
    try:
        count(store)
        other = raw_engine(postgresql_url)
        with other.begin() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            )
        other.dispose()
        assert count(store) == 0
        with pytest.raises(Unavailable), store.write() as transaction:
            transaction.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert count(store) == 0
    finally:
        store.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "the store's URL cannot be read"),
        ("postgresql://ana:hush/w@host:port/db", "the store's URL cannot be read"),
        ("mysql://host/db", "a store on mysql is not supported"),
        ("postgresql+psycopg2://host/db", "a store on postgresql\\+psycopg2 is not supported"),
        ("sqlite://", "the store cannot live in memory"),
        ("sqlite:///:memory:", "the store cannot live in memory"),
    ],
)
def test_a_url_that_cannot_be_used_is_invalid(url: str, message: str) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        Store(url)
    assert caught.value.hint
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_the_password_is_never_shown(postgresql_url: str) -> None:
    with_password = postgresql_url.replace("mlplat@", "mlplat:hush@") + "&password=hush2"
    store = Store(with_password)
    try:
        assert "hush" not in store.display_url
        assert "mlplat:***@" in store.display_url
        assert "hush" not in repr(store)
        with pytest.raises(Unavailable) as caught, store.write() as transaction:
            transaction.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert "hush" not in f"{caught.value.message} {caught.value.hint}"
    finally:
        store.close()


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/home/ana/mlplat/mlplat.db", "nfs4"),
        ("/home/local disk/mlplat.db", None),
        ("/home/local disk/share/mlplat.db", "cifs"),
        ("/home2/mlplat.db", None),
        ("/mlplat.db", None),
    ],
)
def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path, path: str, refused: str | None) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/vdb /home/local\\040disk ext4 rw 0 0\n"
        "//server/share /home/local\\040disk/share cifs rw 0 0\n"
    )
    if refused is None:
        refuse_network_file_system(Path(path), mounts=mounts)
        return
    with pytest.raises(Invalid, match=rf"on a network file system \({refused}\)") as caught:
        refuse_network_file_system(Path(path), mounts=mounts)
    assert "PostgreSQL" in caught.value.hint
