"""Transactions on SQLite and PostgreSQL; a state change and its notification are one act."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import sqlalchemy.orm  # noqa: F401 - half imported, by MLflow in another thread, it makes statements of ours fail
from sqlalchemy import URL, Connection, create_engine, delete, event, func, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from ..errors import Invalid, Unavailable
from ..models import Change, Topic
from . import tables
from .schema import upgrade

if TYPE_CHECKING:
    import psycopg

BUSY_TIMEOUT_S = 15
OUTBOX_AGE = timedelta(hours=1)
OUTBOX_OVERLAP = timedelta(seconds=5)
TOPICS = frozenset(get_args(Topic))
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "lustre", "gpfs", "afs"})

DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_SECRET_OPTIONS = frozenset({"password", "sslpassword"})
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REFUSALS = frozenset({"25006", "42501"})  # PostgreSQL: read_only_sql_transaction, insufficient_privilege

_open_stores: weakref.WeakSet[Store] = weakref.WeakSet()
_parents_connections: list[Pool | Connection] = []


def _forget_connections_after_fork() -> None:
    for store in list(_open_stores):
        store.forget_connections()


os.register_at_fork(after_in_child=_forget_connections_after_fork)


class Damaged(Unavailable):
    """The database's file is not what a database has in it: no waiting helps."""


class Transaction:
    """One open write: SQL on `connection`, and `emit` for whoever wants to know."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def emit(self, topic: Topic, *keys: str) -> None:
        """Say that the things `keys` of `topic` changed; published when the transaction commits, else never."""
        now = datetime.now(UTC)
        self.connection.execute(insert(tables.outbox), [{"topic": topic, "key": key, "at": now} for key in keys])


class Store:
    """The platform's own database.

    `url` is an SQLAlchemy URL of SQLite or PostgreSQL. Opening it brings the schema up to date. Safe to
    share among threads; connections never cross a fork. A write waits up to `busy_timeout` seconds for
    other writers. Raises `Unavailable` where the database cannot be reached, `Damaged` where its file is, and
    `Invalid` where the URL cannot be used.
    """

    def __init__(self, url: str, *, busy_timeout: float = BUSY_TIMEOUT_S) -> None:
        self.url = url
        try:
            parsed = make_url(url)
        except (SQLAlchemyError, ValueError):
            # Not `from error`: what could not be read may be a part of the password.
            raise Invalid(
                "the store's URL cannot be read", hint="like sqlite:////data/mlplat.db or postgresql://user@host/db"
            ) from None
        if parsed.drivername not in DRIVERS:
            raise Invalid(f"a store on {parsed.drivername} is not supported", hint="use sqlite or postgresql")
        parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
        self.dialect = parsed.get_backend_name()
        waits_ms = int(busy_timeout * 1000)
        if self.dialect == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise Invalid("the store cannot live in memory", hint="give it a file: sqlite:////data/mlplat.db")
            path = Path(str(parsed.database)).absolute()
            refuse_network_file_system(path)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable(
                    f"the store's folder {path.parent} cannot be made: {error.strerror}",
                    hint="set MLPLAT_HOME to a folder that you may write to",
                ) from error
            self._engine = create_engine(
                parsed.set(database=str(path)),
                json_serializer=_strict_json,
                pool_timeout=busy_timeout,
                connect_args={"timeout": busy_timeout, "check_same_thread": False},
            )
            event.listen(self._engine, "connect", partial(_prepare_sqlite, waits_ms))
            event.listen(self._engine, "begin", _begin_sqlite)
        else:
            try:
                self._engine = create_engine(
                    parsed,
                    json_serializer=_strict_json,
                    pool_pre_ping=True,
                    pool_timeout=busy_timeout,
                    connect_args={"connect_timeout": 10},
                )
            except ImportError as error:
                raise Unavailable(
                    "the PostgreSQL driver is not installed", hint="pip install 'jupyter_mlplat[postgresql]'"
                ) from error
            event.listen(self._engine, "connect", partial(_prepare_postgresql, waits_ms))
        self.address = parsed
        _open_stores.add(self)
        self._version_lock = threading.Lock()
        self._version_connection: Connection | None = None
        with _translate_errors(self.display_url):
            upgrade(self._engine)

    @cached_property
    def display_url(self) -> str:
        """The URL without its password."""
        return without_password(make_url(self.url))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; anything written in it is rolled back."""
        engine = self._engine
        if self.dialect == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with _translate_errors(self.display_url), engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction: all of it is kept, or, after an exception, none of it."""
        with _translate_errors(self.display_url):
            engine = self._engine.execution_options(mlplat_write=True)
            with engine.begin() as connection:
                yield Transaction(connection)

    def close(self) -> None:
        """Close every connection of this process."""
        with self._version_lock:
            if self._version_connection is not None:
                self._version_connection.close()
                self._version_connection = None
        self._engine.dispose()

    def forget_connections(self) -> None:
        """Called in a child after a fork: its connections are the parent's, and closing them would be too."""
        _parents_connections.append(self._engine.pool)
        if self._version_connection is not None:
            _parents_connections.append(self._version_connection)
        self._version_lock = threading.Lock()
        self._version_connection = None
        self._engine.dispose(close=False)

    # --- the outbox -------------------------------------------------------------------------

    def last_change(self) -> int:
        """The id of the newest outbox row, 0 when there is none."""
        with self.read() as connection:
            return int(connection.execute(select(func.max(tables.outbox.c.id))).scalar() or 0)

    def changes_after(self, cursor: int) -> list[Change]:
        """Outbox rows above `cursor`, and those of the last 5 seconds again.

        Ids are given out before they are committed, so a lower one can appear after a higher one: the
        caller drops those that it has already seen.
        """
        recent = datetime.now(UTC) - OUTBOX_OVERLAP
        table = tables.outbox
        with self.read() as connection:
            # At most 5000, and the ones above the cursor first: a flood of changes is read on, not read again.
            rows = connection.execute(
                select(table)
                .where((table.c.id > cursor) | (table.c.at >= recent))
                .order_by((table.c.id > cursor).desc(), table.c.id)
                .limit(5000)
            )
            # A newer program on the same store may know more of them.
            known = [dict(row) for row in rows.mappings() if row["topic"] in TOPICS]
        return sorted(map(Change.model_validate, known), key=lambda change: change.id)

    def prune_outbox(self) -> int:
        """Delete rows older than an hour; returns how many."""
        with self.write() as transaction:
            result = transaction.connection.execute(
                delete(tables.outbox).where(tables.outbox.c.at < datetime.now(UTC) - OUTBOX_AGE)
            )
            return int(result.rowcount)

    def data_version(self) -> int | None:
        """A number that changes when another connection wrote (SQLite only, None elsewhere): cheap enough for 4 Hz."""
        if self.dialect != "sqlite":
            return None
        with self._version_lock, _translate_errors(self.display_url):
            if self._version_connection is None or self._version_connection.closed:
                self._version_connection = self._engine.execution_options(isolation_level="AUTOCOMMIT").connect()
            return int(self._version_connection.exec_driver_sql("PRAGMA data_version").scalar() or 0)


def without_password(url: URL) -> str:
    """A database's URL as it may be shown."""
    hidden = {name: "***" for name in url.query if name in _SECRET_OPTIONS}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


@contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(
            f"every connection to the store {url} is in use", hint="try again; too much happens at once"
        ) from error
    except IntegrityError:
        raise
    except DataError as error:
        raise Invalid("a value does not fit into the store", hint=_first_line(error)) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable(f"the connection to the store {url} was lost", hint="try again") from error
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            raise Damaged(
                f"the store {url} is damaged: {_first_line(error)}",
                hint="keep the file, end the engine and put a copy from a backup in its place, or move it away to "
                "begin with an empty one",
            ) from error
        # SQLite says "file is not a database" by DatabaseError itself, of which all others are subclasses.
        if (
            isinstance(error, OperationalError)
            or type(error) is DatabaseError
            or getattr(error.orig, "sqlstate", None) in _REFUSALS
        ):
            raise Unavailable(
                f"the store {url} cannot be used: {_first_line(error)}",
                hint="see that the database runs, is writable and is not locked by another program",
            ) from error
        raise


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__


def _strict_json(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _prepare_sqlite(waits_ms: int, connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {waits_ms}")
    _use_wal(cursor, waits_ms)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor, waits_ms: int) -> None:
    # The busy timeout does not cover the first switch to WAL (SQLite answers at once: it could be a deadlock).
    deadline = time.monotonic() + waits_ms / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _prepare_postgresql(waits_ms: int, connection: psycopg.Connection[object], record: ConnectionPoolEntry) -> None:
    connection.execute(f"SET lock_timeout = {waits_ms}".encode())
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that upgrades from read to write fails at once when another writer is there.
    options = connection.get_execution_options()
    if options.get("mlplat_write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN")


def refuse_network_file_system(path: Path, *, mounts: Path = Path("/proc/mounts")) -> None:
    """Raise `Invalid` where `path` is on a network file system: WAL and its locks do not work there."""
    if not mounts.exists():
        return
    target = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.read_text().splitlines():
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ")
        if (target == point or target.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, fields[2]
    if kind in NETWORK_FILE_SYSTEMS:
        raise Invalid(
            f"the SQLite store {path} is on a network file system ({kind})",
            hint="set MLPLAT_HOME to a local disk, or MLPLAT_DB_URL to a PostgreSQL database",
        )
