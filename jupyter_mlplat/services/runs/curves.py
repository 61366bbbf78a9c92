"""Metrics over their steps: of many runs at once, sampled as `sampled` says."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from operator import itemgetter

from ...errors import Invalid
from ...mlflow_base.tables import LARGEST, MLflowTables, stages
from ...models import RunCurve, RunCurves
from . import convert
from .ids import no_run, run_id, run_ids
from .points import Points
from .reading import usable
from .sampled import Point, curve, sample, width_of
from .tracking import Tracking, translated

LEAST_POINTS = 10
MOST_POINTS = 20_000
MOST_RUNS = 200
MOST_TOGETHER = 1_000_000
"""Points of one answer."""
MOST_KEY = 1000
IN_PARALLEL = min(8, os.cpu_count() or 1)
FEW_RUNS = 4
"""SQLite samples so many curves before numpy is imported."""

_MINE = "metrics INDEXED BY index_metrics_run_uuid_key_step WHERE run_uuid = :run AND key = :key"
_FINITE = "NOT is_nan AND value < :largest AND value > -:largest"
_VALUE = f"CASE WHEN {_FINITE} THEN value END"
_BUCKET = f"{_MINE} AND step BETWEEN low AND ifnull(high - 1, 9223372036854775807)"

ALL_POINTS = f"SELECT step, timestamp, {_VALUE} FROM {_MINE} ORDER BY step, timestamp, value"

# A bucket has :width points, and more where several of one step would be torn apart. It is gone through twice inside of
# SQLite, where other threads need not wait: rows that become Python's objects cost several times as much.
SAMPLED = f"""
WITH RECURSIVE buckets(low, high) AS (
    SELECT low, (SELECT step FROM {_MINE} AND step > low ORDER BY step LIMIT 1 OFFSET :width - 1)
    FROM (SELECT min(step) AS low FROM {_MINE})
    UNION ALL
    SELECT high, (SELECT step FROM {_MINE} AND step > buckets.high ORDER BY step LIMIT 1 OFFSET :width - 1)
    FROM buckets WHERE high IS NOT NULL
),
ends(a, b, c, d) AS MATERIALIZED (
    SELECT
        (SELECT rowid FROM {_MINE} AND step = low ORDER BY timestamp, value LIMIT 1),
        (SELECT rowid FROM (SELECT rowid, min(value) FROM {_BUCKET} AND {_FINITE})),
        (SELECT rowid FROM (SELECT rowid, max(value) FROM {_BUCKET} AND {_FINITE})),
        (SELECT rowid FROM {_MINE} AND step = (SELECT max(step) FROM {_BUCKET})
            ORDER BY timestamp DESC, value DESC LIMIT 1)
    FROM buckets
),
kept(id) AS (SELECT a FROM ends UNION SELECT b FROM ends UNION SELECT c FROM ends UNION SELECT d FROM ends)
SELECT step, timestamp, {_VALUE} FROM kept CROSS JOIN metrics ON metrics.rowid = kept.id
ORDER BY step, timestamp, value
"""


class Curves:
    """Reads the history of metrics: from MLflow's tables where they are known, else through its client.

    Of many runs from the copy of their points, as far as it has them. `asked` is called at every question.
    """

    def __init__(self, tracking: Tracking, points: Points, asked: Callable[[], None]) -> None:
        self._tracking = tracking
        self._points = points
        self._asked = asked

    def get(self, run: str, key: str, *, points: int = 1000) -> RunCurve:
        """One metric of a run by (step, time), at most `points` points of it; none where it has no such metric.

        Raises `NotFound` for an unknown run, `Invalid` where `points` is not from 10 to 20,000.
        """
        return self.some([run], key, points=points).curves[0]

    def some(self, runs: Sequence[str], key: str, *, points: int = 1000) -> RunCurves:
        """The same for up to 200 runs at once, archived ones too; a million points of all together.

        Raises `NotFound` and `Invalid`.
        """
        ids = run_ids(runs, low=1, high=MOST_RUNS)
        if not LEAST_POINTS <= points <= MOST_POINTS:
            wrong = f"from {LEAST_POINTS} to {MOST_POINTS}"
            raise Invalid(f"points are {wrong}, not {points}", hint="take 1000", fields={"points": wrong})
        if not key or len(key) > MOST_KEY or not key.isprintable():
            raise Invalid("no metric has such a name", hint="see what a run has: runs show", fields={"key": "no name"})
        points = min(points, MOST_TOGETHER // len(ids))
        tables = self._tracking.tables()
        if tables is not None:
            self._tracking.deliver_left()
            curves = self._of_tables(tables, ids, key, points)
        else:
            self._tracking.client()
            with ThreadPoolExecutor(IN_PARALLEL) as threads:
                curves = list(threads.map(self._of_client, ids, repeat(key), repeat(points)))
        return RunCurves(key=key, curves=curves)

    def _of_tables(self, tables: MLflowTables, ids: Sequence[str], key: str, points: int) -> list[RunCurve]:
        self._asked()
        found: dict[str, RunCurve] = {}
        with usable(), self._points.reading() as copy, tables.connection() as connection:
            connection.execute("BEGIN")  # all of it as of one moment, which is not before that of the copy
            known = stages(connection, ids)
            for run in ids:
                if run not in known:
                    raise no_run(run)
            if copy is not None and (len(ids) > FEW_RUNS or "numpy" in sys.modules):
                found = copy.curves(connection, ids, key, points)
        missing = [run for run in ids if run not in found]

        def read(mine: Sequence[str]) -> list[RunCurve]:
            # Points of one curve may be on as many pages.
            with usable(), tables.connection(far=True) as connection:
                connection.execute("BEGIN")
                return [_of_table(connection, run, key, points) for run in mine]

        if missing:
            share = -(-len(missing) // IN_PARALLEL)
            with ThreadPoolExecutor(IN_PARALLEL) as threads:
                parts = [missing[start : start + share] for start in range(0, len(missing), share)]
                found |= {one.run_id: one for curves in threads.map(read, parts) for one in curves}
        return [found[run] for run in ids]

    def _of_client(self, run: str, key: str, points: int) -> RunCurve:
        client = self._tracking.client()
        with translated(f"metric {key} of run {run}", no_run(run)):
            found = client.get_metric_history(run_id(run), key)
            if not found:
                client.get_run(run)  # MLflow's server knows no metric of a run that is not there
        every: list[Point] = [(one.step, one.timestamp, convert.finite(one.value)) for one in found]
        every.sort(key=itemgetter(0, 1))
        return curve(run, key, len(every), sample(every, len(every), points))


def _of_table(connection: sqlite3.Connection, run: str, key: str, points: int) -> RunCurve:
    values = {"run": run, "key": key, "largest": LARGEST}
    (count,) = connection.execute(f"SELECT count(*) FROM {_MINE}", values).fetchone()
    if count > points:
        width = width_of(count, points)
        found = connection.execute(SAMPLED, {**values, "width": width}).fetchall()
        # Else most points are of few steps, like those that were logged without one.
        if len(found) >= -(-count // width):
            return curve(run, key, count, found)
    return curve(run, key, count, sample(connection.execute(ALL_POINTS, values), count, points))
