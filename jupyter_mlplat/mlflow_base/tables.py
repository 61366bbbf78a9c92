"""MLflow's own tables in an SQLite file, where their revision is one that we know.

Through MLflow's objects a metric costs 200 microseconds and the import of MLflow seconds; by plain statements tens of
microseconds and nothing. What is written is what MLflow 3.17 writes (mlflow/store/tracking/sqlalchemy_store.py:
`_log_metrics_once`, `_update_latest_metrics_if_necessary`, `_log_params`, `_set_tags`); of another revision nothing is
read or written here. MLflow's schema is never changed.
"""

from __future__ import annotations

import fcntl
import math
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

REVISIONS = frozenset({"dc11669786a5"})
"""Alembic revisions of the tables, as tested: that of MLflow 3.17."""

BUSY_S = 15.0
FAR_KIB = 64 << 10
LARGEST = 1.7976931348623157e308
"""What MLflow keeps in the place of an infinite metric."""
MOST_VARIABLES = 500
MOST_ROWS = 1000
"""SQLite takes 32,766 values in one statement."""

MetricRow = tuple[str, str, float, int, int]
"""Run, key, value, milliseconds since the epoch, step."""
TextRow = tuple[str, str, str]
"""Run, key, value."""


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite tracking URI, None for any other."""
    prefix, _, rest = uri.partition(":///")
    if prefix.partition("+")[0] != "sqlite":
        return None
    return Path(unquote(rest.partition("?")[0])).absolute()


_making = threading.RLock()
_deep = 0


@contextmanager
def making(folder: Path, database: Path | None) -> Iterator[None]:
    """Hold a lock among processes while MLflow opens its database: it makes the tables without one.

    The lock is in `folder`, the data directory's `run`. `database` is MLflow's SQLite file, which begins with a
    write-ahead log. Within this process it may be held again.
    """
    global _deep
    with _making:
        if _deep:
            yield
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(folder / "mlflow.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _deep = 1
            try:
                if database is not None:
                    database.parent.mkdir(parents=True, exist_ok=True)
                    with closing(sqlite3.connect(database, timeout=BUSY_S)) as connection:
                        connection.execute("PRAGMA journal_mode = WAL")
                yield
            finally:
                _deep = 0


def _forked() -> None:
    global _making, _deep
    _making, _deep = threading.RLock(), 0


os.register_at_fork(after_in_child=_forked)


class MLflowTables:
    """The tables of one file. Each use has a connection of its own, so none crosses a thread or a fork."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def known(self) -> bool:
        """True where the file is there and its tables are of a revision that we know."""
        if not self.path.is_file():
            return False
        try:
            with self.connection() as connection:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        except sqlite3.Error:
            return False
        return len(found) == 1 and found[0][0] in REVISIONS

    @contextmanager
    def connection(self, *, far: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for one question or one transaction; with `far` for one that goes through much of a table.

        That has pages in memory, not a map of the file: where somebody puts a backup in its place, a map would end
        this process (SIGBUS).
        """
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            if far:
                connection.execute(f"PRAGMA cache_size = -{FAR_KIB}")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes; undone where anything is raised."""
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def stages(connection: sqlite3.Connection, runs: Iterable[str]) -> dict[str, str]:
    """`active` or `deleted` for each of these runs that exists."""
    wanted = list(dict.fromkeys(runs))
    return dict(rows_of(connection, "SELECT run_uuid, lifecycle_stage FROM runs WHERE run_uuid IN ids", wanted))


def write_metrics(connection: sqlite3.Connection, metrics: Sequence[MetricRow]) -> None:
    """Add points, each once however often it comes; the last by step, time and value is the run's."""
    rows: list[Any] = []
    latest: dict[tuple[str, str], tuple[int, int, float, bool]] = {}
    for run, key, value, timestamp, step in metrics:
        is_nan = value != value
        kept = 0.0 if is_nan else math.copysign(LARGEST, value) if math.isinf(value) else float(value)
        rows += (key, kept, timestamp, run, step, is_nan)
        place = (step, timestamp, kept, is_nan)
        known = latest.get((run, key))
        if known is None or place[:3] > known[:3]:
            latest[run, key] = place
    _insert(connection, "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES", rows)
    ends: list[Any] = []
    for (run, key), (step, timestamp, kept, is_nan) in latest.items():
        ends += (key, kept, timestamp, run, step, is_nan)
    _insert(
        connection,
        "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES",
        ends,
        " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp,"
        " step = excluded.step, is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value)"
        " > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
    )


def _insert(connection: sqlite3.Connection, begin: str, values: list[Any], end: str = "") -> None:
    """Insert rows of six values, many with one statement.

    Python waits for its lock after each statement, while a loop that logs holds it for 5 ms at a time: one statement
    for each row would come to 200 rows a second.
    """
    row, most = "(?, ?, ?, ?, ?, ?)", 6 * MOST_ROWS
    for start in range(0, len(values), most):
        part = values[start : start + most]
        connection.execute(f"{begin} {', '.join([row] * (len(part) // 6))}{end}", part)


def write_params(connection: sqlite3.Connection, params: Sequence[TextRow]) -> list[tuple[TextRow, str]]:
    """Add parameters; returns those that have another value already, with that value: the first one stays."""
    refused = []
    for run, key, value in params:
        connection.execute("INSERT OR IGNORE INTO params (key, value, run_uuid) VALUES (?, ?, ?)", (key, value, run))
        (kept,) = connection.execute("SELECT value FROM params WHERE key = ? AND run_uuid = ?", (key, run)).fetchone()
        if kept != value:
            refused.append(((run, key, value), str(kept)))
    return refused


def write_tags(connection: sqlite3.Connection, tags: Sequence[TextRow]) -> None:
    """Set tags; the last value of one stays."""
    connection.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)"
        " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value",
        [(key, value, run) for run, key, value in tags],
    )


def rows_of(connection: sqlite3.Connection, query: str, ids: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of `query` for many ids, which stand where it says `IN ids`."""
    for start in range(0, len(ids), MOST_VARIABLES):
        part = ids[start : start + MOST_VARIABLES]
        yield from connection.execute(query.replace("IN ids", f"IN ({','.join('?' * len(part))})"), part)


def run_data(
    connection: sqlite3.Connection, run: str
) -> tuple[tuple[str, str], dict[str, str], dict[str, str], dict[str, float]] | None:
    """A run's status and artifact URI, its tags, its parameters and the last value of each metric."""
    found = connection.execute("SELECT status, artifact_uri FROM runs WHERE run_uuid = ?", (run,)).fetchone()
    if found is None:
        return None
    tags, params = (
        dict(connection.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run,)))
        for table in ("tags", "params")
    )
    metrics = connection.execute(
        "SELECT key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics WHERE run_uuid = ?", (run,)
    )
    return found, tags, params, {key: math.nan if value is None else value for key, value in metrics}
