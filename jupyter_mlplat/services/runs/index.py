"""Finds runs: an indexed copy of what filters and orders ask for, in `index.db` of the data directory.

The truth stays MLflow's: a page is found here and read there, so nothing old is shown. MLflow's tables have no index
that a filter or an order could use, and its schema is not ours to change. Before a search the copy takes over what is
new: rows that have a higher rowid than the last one, and how runs that were running stand now. What else may have
changed (an ended run that was renamed or deleted, a tag that got another value) is found by going through everything,
which a large copy does at most every `DEEP_S`.
A copy of another file, or one that does not fit, is made anew.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cursors import no_cursor, read_cursor, write_cursor
from .filter import All, AnyOf, Comparison, Field, Not, Term

FORM = 1
"""Of the copy's tables: another one is made anew."""
BUSY_S = 30.0
DEEP_S = 10.0
FEW_ROWS = 20_000
"""So many are gone through every time."""
FEW = 2000
"""A comparison that holds for fewer is a list of runs; for more, runs are looked at one by one from the newest on."""

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
SYMBOLS = {"<": "<", "<=": "<=", "=": "=", "!=": "!=", ">=": ">=", ">": ">", "LIKE": "LIKE", "IN": "IN"}


@dataclass(frozen=True)
class Found:
    """Ids of runs in their order, and the cursor of what follows."""

    ids: list[str]
    next: str | None


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
        version: object = None,
    ) -> Found:
        """One page of active runs, the newest first where there is no `order`.

        `version` changes when MLflow's file does, and spares a look at it where it has not. Runs without what they are
        ordered by come last, NaN before them. Raises `Invalid` for a cursor of another search, and what SQLite raises.
        """
        with self._lock, self._connection() as connection:
            if version is None or version != self._caught_up:
                self._caught_up = version if self._catch_up(connection) else None
            return Search(connection, experiments, term, order).page(limit, after)

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


class Search:
    """One question to the copy."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        experiments: Sequence[int] | None,
        term: Term | None,
        order: Sequence[tuple[Field, bool]],
    ) -> None:
        self._connection = connection
        self._order = list(order)
        self._where = ["runs.stage = 'active'"]
        self._values: list[Any] = []
        if experiments is not None:
            self._where.append(f"runs.experiment IN ({', '.join('?' * len(experiments))})")
            self._values += experiments
        if term is not None:
            self._where.append(self._condition(term))
        asked = json.dumps([experiments, repr(term), repr(self._order)])
        self._mark = hashlib.sha256(asked.encode()).hexdigest()[:16]

    # --- the filter -----------------------------------------------------------------------------

    def _condition(self, term: Term) -> str:
        match term:
            case Not(term=inner):
                return f"NOT ({self._condition(inner)})"
            case All(terms=terms):
                return "(" + " AND ".join(self._condition(one) for one in terms) + ")"
            case AnyOf(terms=terms):
                return "(" + " OR ".join(self._condition(one) for one in terms) + ")"
            case Comparison():
                return self._comparison(term)

    def _comparison(self, term: Comparison) -> str:
        field = term.field
        if field.kind == "attributes":
            column = f"runs.{field.key}"
            if term.operator == "NULL":
                return f"{column} IS NULL"
            # Of a run that has none it does not hold, nor is it unknown.
            compared, values = _compared(column, term)
            self._values += values
            return f"coalesce({compared}, 0)"
        table = "numbers" if field.kind == "metrics" else "words"
        key = self._key(field)
        if key is None:
            return "1" if term.operator == "NULL" else "0"
        if term.operator == "NULL":
            self._values.append(key)
            return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.key = ? AND {table}.run = runs.id)"
        compared, values = _compared(f"{table}.value", term)
        few = self._connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE key = ? AND {compared} LIMIT {FEW})", (key, *values)
        ).fetchone()[0]
        self._values += [key, *values]
        if few < FEW:
            return f"runs.id IN (SELECT run FROM {table} WHERE {table}.key = ? AND {compared})"
        return (
            f"EXISTS (SELECT 1 FROM {table} NOT INDEXED WHERE {table}.key = ? AND {compared} AND {table}.run = runs.id)"
        )

    def _key(self, field: Field) -> int | None:
        found = self._connection.execute(
            "SELECT id FROM keys WHERE kind = ? AND key = ?", (field.kind, field.key)
        ).fetchone()
        return int(found[0]) if found else None

    # --- the order ------------------------------------------------------------------------------

    def page(self, limit: int, after: str | None) -> Found:
        """The page behind `after`."""
        if len(self._order) > 1:
            return self._counted(limit, after)
        field, falling = self._order[0] if self._order else (Field("attributes", "start_time"), True)
        phase, value, id = self._read(after, int, object, int) if after is not None else (0, None, None)
        if isinstance(value, list | dict) or phase not in (0, 1, 2):
            raise no_cursor("it is none of ours")
        rows: list[tuple[int, str, Any]] = []
        while phase < 3 and len(rows) <= limit:
            found = self._phase(field, falling, int(phase), value, id, limit + 1 - len(rows))
            rows += [(int(phase), run, (key, number)) for number, run, key in found]
            phase, value, id = phase + 1, None, None
        if len(rows) <= limit:
            return Found([run for _, run, _ in rows], None)
        rows = rows[:limit]
        last, _, (value, id) = rows[-1]
        return Found([run for _, run, _ in rows], self._write(last, value, id))

    def _phase(
        self, field: Field, falling: bool, phase: int, value: Any, id: int | None, limit: int
    ) -> list[tuple[int, str, Any]]:
        """Runs with a value (0), with NaN (1), without (2); id, run and value of each, behind `value` and `id`."""
        where, values = list(self._where), list(self._values)
        tables, column, before = "runs", f"runs.{field.key}", []
        if field.kind != "attributes":
            table = "numbers" if field.kind == "metrics" else "words"
            key = self._key(field)
            if key is None:
                if phase < 2:
                    return []
                column = "NULL"
            elif phase == 2:
                where.append(f"NOT EXISTS (SELECT 1 FROM {table} own WHERE own.key = ? AND own.run = runs.id)")
                values.append(key)
                column = "NULL"
            else:
                # From the index of values, in its order.
                tables = f"{table} own CROSS JOIN runs ON runs.id = own.run"
                column = "own.value"
                where.insert(0, f"own.key = ? AND own.value IS {'NOT ' if phase == 0 else ''}NULL")
                before = [key]
        elif phase == 1:
            return []
        else:
            where.append(f"{column} IS {'NOT ' if phase == 0 else ''}NULL")
        way, sign = ("DESC", "<") if falling else ("ASC", ">")
        if phase == 0:
            if id is not None:
                where.append(f"({column}, runs.id) {sign} (?, ?)")
                values += [value, id]
            # Those of one value in the same direction: the index walks that way.
            order = f"{column} {way}, {'own.run' if before else 'runs.id'} {way}"
        else:
            if id is not None:
                where.append("runs.id < ?")
                values.append(id)
            order = "runs.id DESC"
        query = (
            f"SELECT runs.id, runs.run_id, {column} FROM {tables} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?"
        )
        rows: list[tuple[int, str, Any]] = self._connection.execute(query, [*before, *values, limit]).fetchall()
        return rows

    def _counted(self, limit: int, after: str | None) -> Found:
        """By several fields: the cursor counts."""
        skip = self._read(after, int)[0] if after is not None else 0
        joins, values, order = [], [], []
        for number, (field, falling) in enumerate(self._order):
            column = f"runs.{field.key}"
            if field.kind != "attributes":
                table = "numbers" if field.kind == "metrics" else "words"
                joins.append(f"LEFT JOIN {table} own{number} ON own{number}.key = ? AND own{number}.run = runs.id")
                values.append(self._key(field))
                column = f"own{number}.value"
                order.append(f"own{number}.run IS NULL")
            order += [f"{column} IS NULL", f"{column} {'DESC' if falling else 'ASC'}"]
        query = (
            f"SELECT runs.run_id FROM runs {' '.join(joins)} WHERE {' AND '.join(self._where)}"
            f" ORDER BY {', '.join(order)}, runs.id DESC LIMIT ? OFFSET ?"
        )
        rows = self._connection.execute(query, [*values, *self._values, limit + 1, skip]).fetchall()
        ids = [id for (id,) in rows]
        return Found(ids[:limit], self._write(skip + limit) if len(ids) > limit else None)

    # --- the cursor -----------------------------------------------------------------------------

    def _write(self, *place: Any) -> str:
        return write_cursor(self._mark, *place)

    def _read(self, cursor: str, *kinds: type) -> list[Any]:
        mark, *place = read_cursor(cursor, str, *kinds)
        if mark != self._mark:
            raise no_cursor("it is of another search")
        return place


def _compared(column: str, term: Comparison) -> tuple[str, list[str | float]]:
    """SQL of one comparison with a column."""
    values = [
        one if not isinstance(one, float) or math.isfinite(one) else math.copysign(9e999, one) for one in term.values
    ]
    if term.operator == "IN":
        return f"{column} IN ({', '.join('?' * len(values))})", values
    if term.operator == "ILIKE":
        return f"lower({column}) LIKE lower(?)", values
    return f"{column} {SYMBOLS[term.operator]} ?", values
