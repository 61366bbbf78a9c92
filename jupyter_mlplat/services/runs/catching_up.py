"""Takes over into the copy of points what MLflow's table has more: see `points`, which reads it.

A batch is one transaction, so that whatever ends the process leaves a copy that is right as far as it goes. Rows are
gone through by their rowid. A series is begun only where MLflow has no row of it among those that were gone through, so
that the copy has all of a series or nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from .points import CHUNKS, POINT_BYTES, VALUE, joined, mark_of, pack

BATCH = 20_000
"""Rows of one transaction: some 50 ms."""
FULL = 256
"""Points of a chunk to which no more are added: a batch rewrites at most so many of a series."""
MOST_POINTS = 10_000_000
"""Points of the copy, of 24 bytes; series to which nothing was added for longest go first."""
SERIES_WEIGHT = 8
"""What a series takes beside its points, in points."""

ROWS = f"""
SELECT id, run_uuid, key, step, timestamp, {VALUE} FROM (
    SELECT rowid AS id, * FROM metrics NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT ?
) ORDER BY run_uuid, key, id
"""
_MINE = "FROM metrics INDEXED BY index_metrics_run_uuid_key_step WHERE run_uuid = ? AND key = ? AND rowid <= ?"

Row = tuple[int, str, str, int, int, float]
"""Rowid, run, key, step, milliseconds since the epoch, value."""


class CatchingUp:
    """Writes the copy by `copy`, a connection of `Points.writing`, from MLflow's file by `theirs`."""

    def __init__(self, copy: sqlite3.Connection, theirs: sqlite3.Connection) -> None:
        self._copy = copy
        self._theirs = theirs
        self._about: dict[str, Any] = {}

    def batch(self, *, least: int = 1, check: bool = False) -> int:
        """Take over a batch; returns how many rows are left, 0 also where there were fewer than `least`.

        Points that are gone are found where the row at which the copy ended is gone, and with `check` by their number.
        Raises what SQLite raises.
        """
        self._copy.execute("BEGIN IMMEDIATE")
        try:
            self._theirs.execute("BEGIN")
            left = self._batch(least, check)
            self._copy.execute("COMMIT")
        except BaseException:
            if self._copy.in_transaction:
                self._copy.execute("ROLLBACK")
            raise
        finally:
            if self._theirs.in_transaction:
                self._theirs.execute("ROLLBACK")
        return left

    def _batch(self, least: int, check: bool) -> int:
        was = dict(self._copy.execute("SELECT name, value FROM about"))
        self._about = dict(was)
        if mark_of(self._theirs, was["last"]) != was["mark"]:
            self._drop_gone(changed=was["last"])
            (last,) = self._copy.execute("SELECT max(last) FROM series").fetchone()
            self._begin_at(self._first() if last is None else last)
        elif not was["last"] and (first := self._first()):
            self._begin_at(first)
        elif check and self._rows(was["last"]) != was["rows"]:
            self._drop_gone()
            self._about["rows"] = self._rows(was["last"])
        (end,) = self._theirs.execute("SELECT ifnull(max(rowid), 0) FROM metrics").fetchone()
        if end - self._about["last"] >= least:
            self._take_over()
        changed = [(value, name) for name, value in self._about.items() if value != was[name]]
        self._copy.executemany("UPDATE about SET value = ? WHERE name = ?", changed)
        left: int = end - self._about["last"]
        return left if left >= least else 0

    def _take_over(self) -> None:
        had = last = self._about["last"]
        for (run, key), group in groupby(self._theirs.execute(ROWS, (had, BATCH)), itemgetter(1, 2)):
            rows: list[Row] = list(group)
            last = max(last, rows[-1][0])
            self._about["rows"] += len(rows)
            self._add(run, key, rows, had)
        if last > had:
            self._about |= {"last": last, "mark": mark_of(self._theirs, last)}
        if self._about["weight"] > MOST_POINTS:
            self._drop_oldest()

    def _add(self, run: str, key: str, rows: Sequence[Row], had: int) -> None:
        found = self._copy.execute("SELECT id, count FROM series WHERE run = ? AND key = ?", (run, key)).fetchone()
        if found is None and had and self._theirs.execute(f"SELECT 1 {_MINE} LIMIT 1", (run, key, had)).fetchone():
            return
        at, _, _, steps, times, values = zip(*rows, strict=True)
        try:
            points = pack(steps, times, values)
        except (TypeError, OverflowError):  # SQLite keeps what it is given, numbers or not
            if found is not None:
                self._drop(*found)
            return
        self._about["weight"] += len(rows)
        if found is None:
            new = "INSERT INTO series (run, key, count, last) VALUES (?, ?, ?, ?)"
            id = self._copy.execute(new, (run, key, len(rows), at[-1])).lastrowid
            assert id is not None
            self._about["weight"] += SERIES_WEIGHT
            self._write(id * CHUNKS, points)
        else:
            id = found[0]
            self._copy.execute("UPDATE series SET count = count + ?, last = ? WHERE id = ?", (len(rows), at[-1], id))
            self._append(id, points)

    def _append(self, series: int, points: bytes) -> None:
        last = "SELECT place, length(points) FROM chunks WHERE place BETWEEN ? AND ? ORDER BY place DESC LIMIT 1"
        place, size = self._copy.execute(last, (series * CHUNKS, (series + 1) * CHUNKS - 1)).fetchone()
        if size < FULL * POINT_BYTES:
            (before,) = self._copy.execute("SELECT points FROM chunks WHERE place = ?", (place,)).fetchone()
            self._write(place, joined(before, points))
        else:
            self._write(place + 1, points)

    def _write(self, place: int, points: bytes) -> None:
        self._copy.execute("INSERT OR REPLACE INTO chunks VALUES (?, ?)", (place, points))

    # --- what goes ------------------------------------------------------------------------------

    def _drop_gone(self, *, changed: int = 0) -> None:
        """Drop the series that MLflow's table does not have any more, or not as the copy has them.

        `changed` is the rowid of one that is known to be another row.
        """
        for id, run, key, count, last in self._copy.execute("SELECT id, run, key, count, last FROM series").fetchall():
            same = "SELECT 1 FROM metrics WHERE rowid = ? AND run_uuid = ? AND key = ?"
            if (
                last == changed
                or self._theirs.execute(same, (last, run, key)).fetchone() is None
                or self._theirs.execute(f"SELECT count(*) {_MINE}", (run, key, last)).fetchone()[0] != count
            ):
                self._drop(id, count)

    def _drop_oldest(self) -> None:
        for id, count in self._copy.execute("SELECT id, count FROM series ORDER BY last").fetchall():
            if self._about["weight"] <= MOST_POINTS * 9 // 10:
                return
            self._drop(id, count)

    def _drop(self, id: int, count: int) -> None:
        self._copy.execute("DELETE FROM chunks WHERE place BETWEEN ? AND ?", (id * CHUNKS, (id + 1) * CHUNKS - 1))
        self._copy.execute("DELETE FROM series WHERE id = ?", (id,))
        self._about["weight"] -= count + SERIES_WEIGHT

    # --- where it begins ------------------------------------------------------------------------

    def _first(self) -> int:
        """The rowid behind which a new copy begins: no older points than it can hold."""
        (end,) = self._theirs.execute("SELECT ifnull(max(rowid), 0) FROM metrics").fetchone()
        return max(0, int(end) - MOST_POINTS)

    def _begin_at(self, last: int) -> None:
        self._about |= {"last": last, "mark": mark_of(self._theirs, last), "rows": self._rows(last)}

    def _rows(self, last: int) -> int:
        """How many rows MLflow has up to `last`."""
        # SQLite counts a whole table by its pages, and a part of it row by row.
        (every,) = self._theirs.execute("SELECT count(*) FROM metrics").fetchone()
        (behind,) = self._theirs.execute("SELECT count(*) FROM metrics NOT INDEXED WHERE rowid > ?", (last,)).fetchone()
        return int(every - behind)
