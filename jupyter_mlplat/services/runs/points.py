"""Reads curves from a copy of MLflow's points, in `points.db` of the data directory.

In MLflow's table a point is a row, and stands where it was logged: of a hundred runs that logged at one time each point
of a curve is on another page. In the copy a curve is a few blobs, which numpy samples. `catching_up` writes it.

A curve is answered from here only where that is what MLflow's table says at the moment of the answer:

- The copy is looked at first and MLflow's file after that, each as of one moment, so the copy is never ahead.
- A series that the copy has, it has from its first point on up to the row at which the copy ends (`last`). Points of
  later rows are read from MLflow's table and added; where these are many, nothing is answered.
- MLflow changes no point, and deletes those of a run only together with the run, which is then refused before. SQLite
  gives rowids that became free at the end of the table to new rows. Then the row at `last` was deleted too, and what
  stands there now is of a run with another id: `mark`, what that row said, tells. As long as it is the same no rowid up
  to `last` was given anew.
- Of a series that the copy does not have nothing is said, not even that it has no points.
"""

from __future__ import annotations

import fcntl
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...models import RunCurve
from .sampled import curve_of_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORM = 1
"""Of the copy's tables: another one is made anew."""
MOST_NEW = 20_000
"""Rows behind the end of the copy that a request goes through."""
CHUNKS = 1 << 24
"""A series has fewer; the place of a chunk is that of its series times this, and its number."""
POINT_BYTES = 24
MMAP_BYTES = 1 << 40
BUSY_S = 5.0

TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE series (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL, last INTEGER NOT NULL,
    UNIQUE (run, key)
);
CREATE TABLE chunks (place INTEGER PRIMARY KEY, points BLOB NOT NULL)
"""

VALUE = "CASE WHEN is_nan THEN 9e999 ELSE value END"
"""SQLite has no NaN; MLflow keeps a large number for what is infinite."""


class Points:
    """The copy of one SQLite file of MLflow's, whose tables are of a revision that we know."""

    def __init__(self, path: Path, source: Path, lock: Path) -> None:
        self._path = path
        self._source = source
        self._lock = lock
        self._damaged = False
        self.missed = False
        """Set where somebody found no copy that can be read."""

    @contextmanager
    def reading(self) -> Iterator[Snapshot | None]:
        """The copy as of now; None where there is none that can be read."""
        try:
            connection = self._connect("rw")
        except sqlite3.Error:
            self.missed, connection = True, None
        if connection is None:
            yield None
            return
        with closing(connection):
            yield self._snapshot(connection)

    def _snapshot(self, connection: sqlite3.Connection) -> Snapshot | None:
        try:
            connection.execute("BEGIN")
            about = dict(connection.execute("SELECT name, value FROM about"))
            fits = self._fits(about)
        except (sqlite3.Error, OSError) as error:
            self.note(error)
            fits = False
        if not fits:
            self.missed = True
            return None
        return Snapshot(self, connection, about["last"], about["mark"])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection | None]:
        """A connection for whoever writes; None where another process does.

        A copy that is damaged, of another file or of another form is made anew. Raises what SQLite raises.
        """
        with open(self._lock, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            with closing(self._open()) as connection:
                self.missed = False
                yield connection

    def note(self, error: Exception) -> None:
        """Have the copy made anew by who writes next, where `error` says that it is damaged."""
        # What is busy or full has a class of its own.
        if type(error) is sqlite3.DatabaseError:
            self._damaged = self.missed = True

    def _open(self) -> sqlite3.Connection:
        for again in (True, False):
            if self._damaged:
                self._remove()
            connection = self._connect("rwc")
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
                    self._make(connection)
                if self._fits(dict(connection.execute("SELECT name, value FROM about"))):
                    return connection
            except sqlite3.DatabaseError as error:
                if not again or isinstance(error, sqlite3.OperationalError):
                    connection.close()
                    raise
            connection.close()
            self._damaged = True
        raise AssertionError

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
        with suppress(sqlite3.DatabaseError):  # whoever reads sees what it is
            connection.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.executemany("INSERT INTO about VALUES (?, ?)", self._about().items())
        connection.execute("COMMIT")

    def _about(self) -> dict[str, Any]:
        stat = self._source.stat()
        source = f"{self._source} {stat.st_dev} {stat.st_ino}"
        return {"form": FORM, "source": source, "last": 0, "mark": "None", "rows": 0, "weight": 0}

    def _fits(self, about: dict[str, Any]) -> bool:
        mine = self._about()
        return mine.keys() <= about.keys() and all(about[name] == mine[name] for name in ("form", "source"))

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)
        self._damaged = False


class Snapshot:
    """The copy as of one moment."""

    def __init__(self, points: Points, connection: sqlite3.Connection, last: int, mark: str) -> None:
        self._points = points
        self._connection = connection
        self._last = last
        self._mark = mark

    def curves(self, theirs: sqlite3.Connection, runs: Sequence[str], key: str, most: int) -> dict[str, RunCurve]:
        """Those of a metric that it can tell, at most `most` points of each.

        `theirs` is MLflow's file in a transaction that is no older than this snapshot; the runs are known to be there.
        """
        (end,) = theirs.execute("SELECT ifnull(max(rowid), 0) FROM metrics").fetchone()
        if end - self._last > MOST_NEW or mark_of(theirs, self._last) != self._mark:
            return {}
        fresh: dict[str, list[tuple[int, int, float]]] = {}
        if end > self._last:
            rows = theirs.execute(
                f"SELECT run_uuid, step, timestamp, {VALUE} FROM metrics NOT INDEXED WHERE rowid > ? AND key = ?"
                f" AND run_uuid IN ({', '.join('?' * len(runs))}) ORDER BY rowid",
                (self._last, key, *runs),
            )
            for run, *point in rows:
                fresh.setdefault(run, []).append(tuple(point))
        try:
            found = ((run, self._curve(run, key, fresh.get(run, []), most)) for run in runs)
            return {run: curve for run, curve in found if curve is not None}
        except sqlite3.Error as error:
            self._points.note(error)
            return {}

    def _curve(self, run: str, key: str, fresh: Sequence[tuple[int, int, float]], most: int) -> RunCurve | None:
        series = self._connection.execute(
            "SELECT id, count FROM series WHERE run = ? AND key = ?", (run, key)
        ).fetchone()
        if series is None:
            return None
        id, count = series
        chunks = self._connection.execute(
            "SELECT points FROM chunks WHERE place BETWEEN ? AND ? ORDER BY place", (id * CHUNKS, (id + 1) * CHUNKS - 1)
        )
        parts = [points for (points,) in chunks]
        if sum(map(len, parts)) != count * POINT_BYTES or any(len(points) % POINT_BYTES for points in parts):
            raise sqlite3.DatabaseError(f"series {id} has not {count} points")
        try:
            parts += [pack(*zip(*fresh, strict=True))] if fresh else []
        except (TypeError, OverflowError):
            return None
        steps, times, values = columns(parts)
        return curve_of_columns(run, key, steps, times, values, most)


def mark_of(theirs: sqlite3.Connection, rowid: int) -> str:
    """What tells a row of MLflow's points from another one."""
    row = "SELECT run_uuid, key, step, timestamp, value, is_nan FROM metrics WHERE rowid = ?"
    return repr(theirs.execute(row, (rowid,)).fetchone())


def pack(steps: Sequence[int], times: Sequence[int], values: Sequence[float]) -> bytes:
    """A chunk. Raises `TypeError` and `OverflowError` for what is no number of such a column."""
    return array("q", steps).tobytes() + array("q", times).tobytes() + array("d", values).tobytes()


def joined(first: bytes, second: bytes) -> bytes:
    """Two chunks as one."""
    a, b = len(first) // 3, len(second) // 3
    return b"".join(first[a * at : a * (at + 1)] + second[b * at : b * (at + 1)] for at in range(3))


def columns(chunks: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Steps, times and values of a series."""
    import numpy as np

    parts = [np.frombuffer(chunk, np.int64).reshape(3, -1) for chunk in chunks]
    steps, times, values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return steps, times, values.view(np.float64)
