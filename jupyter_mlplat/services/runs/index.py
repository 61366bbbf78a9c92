"""Finds runs: an indexed copy of what filters and orders ask for, in `index.db` of the data directory.

The truth stays MLflow's: a page is found here and read there, so nothing old is shown. MLflow's tables have no index
that a filter or an order could use, and its schema is not ours to change. Before a search the copy takes over what is
new: rows that have a higher rowid than the last one, and how runs that were running stand now. What else may have
changed (an ended run that was renamed or deleted, a tag that got another value) is found by going through everything,
which a large copy does at most every `DEEP_S`.
A copy of another file, or one that does not fit, is made anew.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .filter import Field, Term
from .finding import Found, Search

FORM = 1
"""Of the copy's tables: another one is made anew."""
BUSY_S = 30.0
DEEP_S = 10.0
FEW_ROWS = 20_000
"""So many are gone through every time."""

TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, experiment INTEGER, run_name TEXT, user_id TEXT, status TEXT,
    start_time INTEGER, end_time INTEGER, stage TEXT, artifact_uri TEXT
);
CREATE INDEX runs_newest ON runs (stage, start_time DESC, id DESC);
CREATE INDEX runs_of_experiment ON runs (experiment, stage, start_time DESC, id DESC);
CREATE TABLE keys (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, UNIQUE (kind, key));
CREATE TABLE numbers (
    key INTEGER NOT NULL, run INTEGER NOT NULL, value REAL, PRIMARY KEY (key, run)
) WITHOUT ROWID;
CREATE TABLE words (
    key INTEGER NOT NULL, run INTEGER NOT NULL, value TEXT, PRIMARY KEY (key, run)
) WITHOUT ROWID;
"""
INDEXES = """
CREATE INDEX IF NOT EXISTS numbers_by_value ON numbers (key, value, run);
CREATE INDEX IF NOT EXISTS words_by_value ON words (key, value, run)
"""
"""Made when the tables are filled: so that takes half of the time."""

COLUMNS = ("run_id", "experiment", "run_name", "user_id", "status", "start_time", "end_time", "stage", "artifact_uri")
THEIRS = ("run_uuid", "experiment_id", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage",
          "artifact_uri")  # fmt: skip


class RunIndex:
    """The copy of one SQLite file of MLflow's, whose tables are of a revision that we know."""

    def __init__(self, path: Path, source: Path) -> None:
        self._path = path
        self._source = source
        self._lock = threading.Lock()
        self._caught_up: object = None

    def search(
        self,
        *,
        experiments: Sequence[int] | None,
        term: Term | None,
        order: Sequence[tuple[Field, bool]],
        limit: int,
        after: str | None,
        archived: bool = False,
        count: bool = False,
        version: object = None,
    ) -> Found:
        """One page of active runs, or of those that are `archived`, the newest first where there is no `order`.

        `version` changes when MLflow's file does, and spares a look at it where it has not. Runs without what they are
        ordered by come last, NaN before them. Raises `Invalid` for a cursor of another search, and what SQLite raises.
        """
        with self._lock, self._connection() as connection:
            if version is None or version != self._caught_up:
                self._caught_up = version if self._catch_up(connection) else None
            search = Search(connection, experiments, term, order, archived=archived)
            found = search.page(limit, after)
            return replace(found, total=search.total()) if count else found

    def take_over(self, runs: Sequence[str], ends: Mapping[str, int] | None = None) -> None:
        """Learn at once how these runs and their tags stand now: a search would find that seconds later.

        `ends` are the last rowids of MLflow's tables as they were in the transaction that deleted runs: SQLite gives
        rowids that became free to new rows, which are then looked for from there on.
        """
        if not self._path.exists():
            return
        with self._lock, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for run in runs:
                    self._take_over(connection, run)
                for table, last in (ends or {}).items():
                    if last < self._cursor(connection, table)[0]:
                        self._know(connection, table, last)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _take_over(self, connection: sqlite3.Connection, run: str) -> None:
        mine = connection.execute("SELECT id FROM runs WHERE run_id = ?", (run,)).fetchone()
        if mine is None:
            return
        kept = connection.execute("SELECT 1 FROM theirs.runs WHERE rowid = ? AND run_uuid = ?", (*mine, run)).fetchone()
        if kept is None:
            for table in ("numbers", "words"):
                connection.execute(f"DELETE FROM {table} WHERE run = ? AND key IN (SELECT id FROM keys)", mine)
            connection.execute("DELETE FROM runs WHERE id = ?", mine)
            return
        connection.execute(
            f"INSERT OR REPLACE INTO runs (id, {', '.join(COLUMNS)}) SELECT rowid, {', '.join(THEIRS)}"
            " FROM theirs.runs WHERE rowid = ?",
            mine,
        )
        connection.execute("DELETE FROM words WHERE run = ? AND key IN (SELECT id FROM keys WHERE kind = 'tags')", mine)
        tags = "FROM theirs.tags source WHERE source.run_uuid = ?"
        connection.execute(f"INSERT OR IGNORE INTO keys (kind, key) SELECT 'tags', source.key {tags}", (run,))
        connection.execute(
            "INSERT INTO words SELECT keys.id, ?, source.value FROM theirs.tags source JOIN keys ON keys.kind = 'tags'"
            " AND keys.key = source.key WHERE source.run_uuid = ?",
            (*mine, run),
        )

    # --- the copy -------------------------------------------------------------------------------

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        for again in (True, False):
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                # A copy: what a crash takes of it is made anew.
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute("PRAGMA case_sensitive_like = ON")
                connection.execute("PRAGMA cache_size = -32000")
                connection.execute("ATTACH ? AS theirs", (f"{self._source}",))
                if self._fits(connection):
                    return connection
            except sqlite3.DatabaseError:
                if not again:
                    connection.close()
                    raise
            connection.close()
            self._remove()
        raise AssertionError

    def _fits(self, connection: sqlite3.Connection) -> bool:
        """Make the tables where there are none; False where those that are there are of another file or form."""
        stat = self._source.stat()
        about = {"form": FORM, "source": f"{self._source} {stat.st_dev} {stat.st_ino}"}
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
                for statement in TABLES.split(";"):
                    connection.execute(statement)
                connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
                self._caught_up = None
                return True
            known = dict(connection.execute("SELECT name, value FROM about"))
            return all(known.get(name) == value for name, value in about.items())
        finally:
            connection.execute("COMMIT")

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)

    def _catch_up(self, connection: sqlite3.Connection) -> bool:
        """Take over what is new; True where everything was gone through."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = sum(self._cursor(connection, table)[1] for table in ("runs", "tags"))
            known = connection.execute("SELECT value FROM about WHERE name = 'deep'").fetchone()
            # The clock may have been set back.
            deep = rows <= FEW_ROWS or known is None or not 0.0 <= time.time() - known[0] < self._rest(connection)
            began = time.monotonic()
            self._runs(connection, deep)
            self._texts(connection, "params")
            self._texts(connection, "tags")
            if deep:
                self._all_tags(connection)
                self._know(connection, "deep", time.time())
                self._know(connection, "deep took", time.monotonic() - began)
            self._metrics(connection)
            for statement in INDEXES.split(";"):
                connection.execute(statement)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return deep

    def _rest(self, connection: sqlite3.Connection) -> float:
        """Seconds between two looks at everything: at least `DEEP_S`, and twenty times what the last one took."""
        took = connection.execute("SELECT value FROM about WHERE name = 'deep took'").fetchone()
        return max(DEEP_S, 20.0 * (took[0] if took else 0.0))

    def _cursor(self, connection: sqlite3.Connection, table: str) -> tuple[int, int]:
        """The last rowid that the copy has of one of their tables, and the last that there is."""
        had = connection.execute("SELECT value FROM about WHERE name = ?", (table,)).fetchone()
        (last,) = connection.execute(f"SELECT max(rowid) FROM theirs.{table}").fetchone()
        return (had[0] if had else 0), last or 0

    def _know(self, connection: sqlite3.Connection, name: str, value: float) -> None:
        connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def _runs(self, connection: sqlite3.Connection, deep: bool) -> None:
        had, last = self._cursor(connection, "runs")
        if deep:
            self._forget_gone(connection)
        source = ", ".join(f"theirs.{column}" for column in THEIRS)
        insert = f"INSERT OR REPLACE INTO runs (id, {', '.join(COLUMNS)}) SELECT theirs.rowid, {source}"
        connection.execute(f"{insert} FROM theirs.runs theirs WHERE theirs.rowid > ?", (had,))
        changed = " OR ".join(
            f"mine.{ours} IS NOT theirs.{column}" for ours, column in zip(COLUMNS, THEIRS, strict=True)
        )
        open_ones = "" if deep else " AND mine.status IN ('RUNNING', 'SCHEDULED')"
        connection.execute(
            f"{insert} FROM runs mine JOIN theirs.runs theirs ON theirs.rowid = mine.id WHERE ({changed}){open_ones}"
        )
        if last != had:
            self._know(connection, "runs", last)

    def _forget_gone(self, connection: sqlite3.Connection) -> None:
        """Runs that were deleted for good, or have another rowid since the file was packed."""
        gone = connection.execute(
            "SELECT mine.id FROM runs mine LEFT JOIN theirs.runs theirs ON theirs.rowid = mine.id"
            " WHERE theirs.run_uuid IS NOT mine.run_id"
        ).fetchall()
        for table, column in (("runs", "id"), ("numbers", "run"), ("words", "run")):
            connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", gone)
        if gone:
            # Rows that were behind the cursors may be of runs that come back with another rowid.
            for table in ("runs", "params", "tags", "metrics"):
                self._know(connection, table, 0)

    def _texts(self, connection: sqlite3.Connection, table: str) -> None:
        had, last = self._cursor(connection, table)
        if last > had:
            connection.execute(
                f"INSERT OR IGNORE INTO keys (kind, key) SELECT DISTINCT '{table}', key FROM theirs.{table}"
                " WHERE rowid > ?",
                (had,),
            )
            connection.execute(
                "INSERT OR REPLACE INTO words SELECT keys.id, runs.id, source.value"
                f" FROM theirs.{table} source JOIN keys ON keys.kind = '{table}' AND keys.key = source.key"
                f" JOIN runs ON runs.run_id = source.run_uuid WHERE source.rowid > ? {'' if had else 'ORDER BY 1, 2'}",
                (had,),
            )
        if last != had:
            self._know(connection, table, last)

    def _all_tags(self, connection: sqlite3.Connection) -> None:
        """Values that were changed, and tags that were deleted."""
        connection.execute(
            "INSERT OR REPLACE INTO words SELECT keys.id, runs.id, source.value FROM theirs.tags source"
            " JOIN keys ON keys.kind = 'tags' AND keys.key = source.key JOIN runs ON runs.run_id = source.run_uuid"
            " LEFT JOIN words ON words.key = keys.id AND words.run = runs.id WHERE words.value IS NOT source.value"
        )
        mine = "SELECT count(*) FROM words JOIN keys ON keys.id = words.key WHERE keys.kind = 'tags'"
        if connection.execute(mine).fetchone() != connection.execute("SELECT count(*) FROM theirs.tags").fetchone():
            connection.execute(
                "DELETE FROM words WHERE key IN (SELECT id FROM keys WHERE kind = 'tags') AND NOT EXISTS"
                " (SELECT 1 FROM theirs.tags source JOIN keys ON keys.key = source.key JOIN runs ON"
                " runs.run_id = source.run_uuid WHERE keys.id = words.key AND runs.id = words.run)"
            )

    def _metrics(self, connection: sqlite3.Connection) -> None:
        had, last = self._cursor(connection, "metrics")
        if last <= had:
            if last < had:
                self._know(connection, "metrics", last)
            return
        # A metric's last value changed only if a point was added.
        source = "theirs.latest_metrics" if had == 0 else (
            "(SELECT latest.* FROM (SELECT DISTINCT key, run_uuid FROM theirs.metrics WHERE rowid > ?) point"
            " JOIN theirs.latest_metrics latest ON latest.key = point.key AND latest.run_uuid = point.run_uuid)"
        )  # fmt: skip
        values = (had,) if had else ()
        connection.execute(
            f"INSERT OR IGNORE INTO keys (kind, key) SELECT DISTINCT 'metrics', source.key FROM {source} source", values
        )
        connection.execute(
            "INSERT OR REPLACE INTO numbers SELECT keys.id, runs.id, CASE WHEN source.is_nan THEN NULL"
            f" ELSE source.value END FROM {source} source JOIN keys ON keys.kind = 'metrics' AND keys.key = source.key"
            f" JOIN runs ON runs.run_id = source.run_uuid {'' if had else 'ORDER BY 1, 2'}",
            values,
        )
        self._know(connection, "metrics", last)
