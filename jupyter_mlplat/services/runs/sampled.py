"""Curves that were read from MLflow's tables are kept: reading a million points takes SQLite a second."""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...models import RunCurve

MOST_KEPT = 1_000_000
"""Points of 24 bytes."""

Point = tuple[int, int, float | None]
"""Step, milliseconds since the epoch, value; None for one that is not finite."""
Key = tuple[str, str, int]
"""Run, metric, how many points were asked for."""


@dataclass(frozen=True)
class Sampled:
    """A curve in little memory."""

    count: int
    steps: array[int]
    times: array[int]
    values: array[float]

    @classmethod
    def of(cls, count: int, points: Sequence[Point]) -> Sampled:
        """`points`, which stand for `count` of them."""
        steps, times, values = zip(*points, strict=True) if points else ((), (), ())
        numbers = (float("nan") if value is None else value for value in values)
        return cls(count, array("q", steps), array("q", times), array("d", numbers))

    def curve(self, run: str, key: str) -> RunCurve:
        """The same as it crosses a door."""
        values = [value if value == value else None for value in self.values]
        return RunCurve(
            run_id=run, key=key, count=self.count, step=self.steps.tolist(), time=self.times.tolist(), value=values
        )


class Kept:
    """Curves as they were at the last look at MLflow's table of points, which only ever grows by rows at its end.

    SQLite gives the rowids of rows that were deleted at the end to new ones: then the row that was last is another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._curves: OrderedDict[Key, Sampled] = OrderedDict()
        self._last: tuple[Any, ...] = (0,)

    def catch_up(self, connection: sqlite3.Connection) -> object:
        """Forget the curves that have new points; returns what `add` is to be told."""
        with self._lock:
            row = "SELECT rowid, run_uuid, key, step, timestamp, value FROM metrics"
            was = connection.execute(f"{row} WHERE rowid = ?", self._last[:1]).fetchone() or (0,)
            if was != self._last:
                self._curves.clear()
            elif self._curves:
                new = "SELECT DISTINCT run_uuid, key FROM metrics NOT INDEXED WHERE rowid > ?"
                fresh = set(connection.execute(new, self._last[:1]))
                for key in [key for key in self._curves if key[:2] in fresh]:
                    del self._curves[key]
            self._last = connection.execute(f"{row} ORDER BY rowid DESC LIMIT 1").fetchone() or (0,)
            return self._last

    def get(self, key: Key) -> Sampled | None:
        """A curve as it was when `catch_up` was called last."""
        with self._lock:
            found = self._curves.get(key)
            if found is not None:
                self._curves.move_to_end(key)
            return found

    def add(self, curves: Mapping[Key, Sampled | None], moment: object) -> None:
        """Keep curves that were read since `catch_up` returned `moment`, unless somebody else called it meanwhile."""
        with self._lock:
            if moment != self._last:
                return
            for key, curve in curves.items():
                if curve is not None:
                    self._curves[key] = curve
            total = sum(len(one.steps) for one in self._curves.values())
            while total > MOST_KEPT:
                total -= len(self._curves.popitem(last=False)[1].steps)
