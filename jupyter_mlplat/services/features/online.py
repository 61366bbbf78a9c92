"""The online store: the newest row of each entity, one packed row each, in one SQLite file.

A cache: it can be made again from the sources. One table per view, replaced in one transaction, so that a
reader sees the old rows or the new ones. WAL, so that it reads on while a view is being replaced.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import Conflict, Invalid, Unavailable
from ...store.store import refuse_network_file_system
from ..tablefile import Kind
from .keys import Mismatch, key_value

_BUSY_TIMEOUT_S = 15.0


class OnlineStore:
    """Rows by entity. Safe to share among threads; processes share the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._reader_of: tuple[int, int] = (0, 0)

    def replace(
        self, view: str, definition: str, kinds: Sequence[Kind], batches: Iterable[Sequence[tuple[Any, ...]]]
    ) -> int:
        """Make `batches` the rows of `view`, all at once; returns how many.

        A row is its key values (of these `kinds`), the event time in microseconds since 1970 and the features
        as a JSON list. `definition` names what the rows were made for. Views are replaced one after another.
        """
        width = len(kinds)
        keys = ", ".join(f"k{number}" for number in range(width))
        table = _quote(f"view {view}")
        marks = ", ".join("?" * (width + 2))
        count = 0
        with self._writer() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS views"
                " (name TEXT PRIMARY KEY, definition TEXT NOT NULL, kinds TEXT NOT NULL) WITHOUT ROWID"
            )
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(f"CREATE TABLE {table} ({keys}, at, features, PRIMARY KEY ({keys})) WITHOUT ROWID")
            for batch in batches:
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", batch)
                count += len(batch)
            connection.execute(
                "INSERT OR REPLACE INTO views VALUES (?, ?, ?)", (view, definition, json.dumps(list(kinds)))
            )
            connection.execute("COMMIT")
        return count

    def read(self, view: str, definition: str, entities: Sequence[Sequence[Any]]) -> list[tuple[int, list[Any]] | None]:
        """(event time, features) for each entity, None where it is not known; all from one moment.

        An entity is its key values. Raises `Conflict` where no rows were made for that definition, and
        `Invalid` where a value cannot be a key.
        """
        never = Conflict(
            f"feature view {view} has not been materialized as it is defined now",
            hint=f"jupyter mlplat features materialize {view}",
        )
        with self._lock, _translate(self._path):
            connection = self._connected()
            if connection is None:
                raise never
            connection.execute("BEGIN")
            try:
                if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'views'").fetchone():
                    raise never
                made = connection.execute("SELECT definition, kinds FROM views WHERE name = ?", (view,)).fetchone()
                if made is None or made[0] != definition:
                    raise never
                kinds = json.loads(made[1])
                where = " AND ".join(f"k{number} = ?" for number in range(len(kinds)))
                query = f"SELECT at, features FROM {_quote(f'view {view}')} WHERE {where}"
                rows = [
                    connection.execute(query, _key(entity, kinds, number)).fetchone()
                    for number, entity in enumerate(entities)
                ]
            finally:
                connection.execute("ROLLBACK")
        return [None if row is None else (row[0], _decode(row[1])[0]) for row in rows]

    def close(self) -> None:
        """Close this process's connection."""
        with self._lock:
            if self._reader is not None and self._reader_of[0] == os.getpid():
                self._reader.close()
            self._reader = None

    def _connected(self) -> sqlite3.Connection | None:
        try:
            identity = (os.getpid(), os.stat(self._path).st_ino)
        except FileNotFoundError:
            return None
        if self._reader is None or self._reader_of != identity:
            # One that was opened before a fork belongs to the parent: it is left alone, not closed.
            if self._reader is not None and self._reader_of[0] == identity[0]:
                self._reader.close()
            self._reader = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._reader_of = identity
        return self._reader

    @contextmanager
    def _writer(self) -> Iterator[sqlite3.Connection]:
        refuse_network_file_system(self._path)
        # Writers queue here for as long as it takes; the lock ends with its process.
        with open(self._path.with_suffix(".lock"), "ab") as turn, _translate(self._path):
            fcntl.flock(turn, fcntl.LOCK_EX)
            connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                yield connection
            finally:
                connection.close()


def _key(entity: Sequence[Any], kinds: Sequence[Kind], number: int) -> list[Any]:
    try:
        # A shell cannot tell the text 17 from the number.
        return [
            key_value(str(value) if kind == "text" and type(value) is int else value, kind)
            for value, kind in zip(entity, kinds, strict=True)
        ]
    except Mismatch as error:
        message = f"entity {number}: {error}"
        hint = "give it in the type of the view's source"
        raise Invalid(message, hint=hint, fields={f"entities.{number}": message}) from error


@contextmanager
def _translate(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise Unavailable(
            f"the online store {path} cannot be used: {error}",
            hint="it is a cache: delete the file and materialize the views again",
        ) from error


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# DuckDB writes NaN and Infinity inside nested values; they have no place in JSON.
_decode = json.JSONDecoder(parse_constant=lambda _: None).raw_decode
