"""The copy of points: whatever happens to MLflow's table and to the copy, curves are those of MLflow's table."""

from __future__ import annotations

import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlplat.errors import NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.mlflow_base.tables import LARGEST, MLflowTables, write_metrics
from jupyter_mlplat.models import RunCurve
from jupyter_mlplat.services.runs import RunsService, catching_up, following
from jupyter_mlplat.services.runs import points as copies
from jupyter_mlplat.services.runs.sampled import Point, curve_of_columns, sample
from jupyter_mlplat.store import Store

from ..conftest import copy_mlflow

VALUES = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1.0, -1.0, 1e300, 1e-300]
SERIES = st.lists(
    st.tuples(
        st.integers(-60, 60), st.integers(0, 5), st.one_of(st.floats(-1e9, 1e9, width=32), st.sampled_from(VALUES))
    ),
    max_size=150,
)


@pytest.fixture
def runs(home: Home, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunsService]:
    """Batches, chunks and bounds are small, so that a few hundred points come to all of them."""
    for module, name, value in (
        (catching_up, "BATCH", 60), (catching_up, "FULL", 8), (copies, "MOST_NEW", 120), (following, "ENOUGH_NEW", 20),
        (following, "CHECK_EVERY_S", math.inf), (following, "REST", 0.0),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    service = RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    yield service
    service.close()
    store.close()


def connect(runs: RunsService) -> sqlite3.Connection:
    connection = sqlite3.connect(runs.tracking_uri.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def new_run(runs: RunsService) -> str:
    run = uuid.uuid4().hex
    with closing(connect(runs)) as connection:
        connection.execute(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, 'a run', 'UNKNOWN', '', '', 'u', 'RUNNING', 1, '', 'active', ?, 0)",
            (run, (runs._tracking.home.artifacts / "0" / run / "artifacts").as_uri()),
        )
    return run


def write(runs: RunsService, rows: list[tuple[str, str, float, int, int]]) -> None:
    """(run, key, value, time, step)"""
    with MLflowTables(Path(runs.tracking_uri.removeprefix("sqlite:///"))).transaction() as connection:
        write_metrics(connection, rows)


def delete(runs: RunsService, run: str) -> None:
    """As `mlflow gc` does it."""
    with closing(connect(runs)) as connection:
        connection.execute("BEGIN")
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run,))
        connection.execute("COMMIT")


def truth(runs: RunsService, run: str, key: str) -> list[Point]:
    """All points of MLflow's table in their order."""
    with closing(connect(runs)) as connection:
        rows = connection.execute(
            "SELECT step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ?"
            " ORDER BY step, timestamp, value",
            (run, key),
        ).fetchall()
    return [(step, at, None if is_nan or abs(value) >= LARGEST else value) for step, at, value, is_nan in rows]


def points_of(curve: RunCurve) -> list[Point]:
    return list(zip(curve.step, curve.time, curve.value, strict=True))


def from_the_copy(runs: RunsService, ids: list[str], key: str) -> dict[str, RunCurve]:
    """What the copy alone can tell."""
    tables = MLflowTables(Path(runs.tracking_uri.removeprefix("sqlite:///")))
    with runs.curves._points.reading() as copy, tables.connection() as theirs:
        theirs.execute("BEGIN")
        return {} if copy is None else copy.curves(theirs, ids, key, 20_000)


def check(runs: RunsService, ids: list[str], key: str, most: int) -> None:
    for one in runs.curves.some(ids, key, points=most).curves:
        every = truth(runs, one.run_id, key)
        assert one.count == len(every)
        assert points_of(one) == sample(every, len(every), most)


@given(SERIES, st.integers(10, 60))
def test_columns_are_sampled_like_points(series: list[tuple[int, int, float]], most: int) -> None:
    kept = [0.0 if value != value else math.copysign(LARGEST, value) if math.isinf(value) else value
            for _, _, value in series]  # fmt: skip
    order = sorted(range(len(series)), key=lambda at: (*series[at][:2], kept[at]))
    every: list[Point] = [
        (*series[at][:2], series[at][2] if math.isfinite(series[at][2]) else None) for at in order
    ]  # fmt: skip
    values = [math.inf if math.isnan(series[at][2]) else kept[at] for at in range(len(series))]
    found = curve_of_columns(
        "r", "k", np.array([one[0] for one in series], np.int64), np.array([one[1] for one in series], np.int64),
        np.array(values), most,
    )  # fmt: skip
    assert found.count == len(series)
    assert points_of(found) == sample(every, len(every), most)


class World:
    """Random things that programs do to MLflow's table, and processes to the copy."""

    def __init__(self, runs: RunsService, seed: int) -> None:
        self.dice = random.Random(seed)
        self.runs = runs
        self.ids: list[str] = []
        self.gone: list[str] = []
        self.steps: dict[str, list[int]] = {}
        self.from_copy = 0

    def begin(self) -> None:
        run = new_run(self.runs)
        self.ids.append(run)
        # Of `loss` each point has a step of its own, so that every way to sample keeps the same points.
        self.steps[run] = self.dice.sample(range(-2000, 2000), 2000)
        if self.dice.random() < 0.5:
            self.steps[run].sort(reverse=True)

    def log(self) -> None:
        some = [self.dice.choice(self.ids[-6:]) for _ in range(self.dice.choice([1, 1, 3]))]
        rows = []
        for at in range(self.dice.choice([1, 5, 40, 150])):
            run = self.dice.choice(some)
            value = self.dice.choice([*VALUES, self.dice.gauss(0, 1)])
            if self.dice.random() < 0.3:
                rows.append((run, "acc", value, self.dice.randrange(4), self.dice.randrange(-2, 2)))
            elif self.steps[run]:
                rows.append((run, "loss", value, at, self.steps[run].pop()))
        write(self.runs, rows)

    def log_by_mlflow(self) -> None:
        run = self.dice.choice(self.ids)
        self.runs.client().log_metric(run, "loss", self.dice.random(), 5, self.steps[run].pop())

    def delete(self) -> None:
        """Mostly the run that logged last: SQLite gives its rowids to whoever logs next."""
        with closing(connect(self.runs)) as connection:
            last = connection.execute("SELECT run_uuid FROM metrics ORDER BY rowid DESC LIMIT 1").fetchone()
        run = last[0] if last and self.dice.random() < 0.7 else self.dice.choice(self.ids)
        self.ids.remove(run)
        self.gone.append(run)
        if self.dice.random() < 0.2:
            self.runs.edits.delete(run, permanent=True)
        else:
            delete(self.runs, run)
        if not self.ids:
            self.begin()
        for act in (self.log, self.look):
            if self.dice.random() < 0.5:
                act()

    def pack_the_file(self) -> None:
        with closing(connect(self.runs)) as connection:
            connection.execute("VACUUM")

    def catch_up(self) -> None:
        follower = self.runs._follower
        follower._checked = self.dice.choice([-math.inf, time.monotonic()])
        follower.catch_up()

    def one_batch(self) -> None:
        tables = MLflowTables(self.runs._tracking.home.mlflow_database)
        with self.runs.curves._points.writing() as copy, tables.connection() as theirs:
            assert copy is not None
            catching_up.CatchingUp(copy, theirs).batch(check=self.dice.random() < 0.3)

    def another_process(self) -> None:
        self.runs = RunsService(self.runs.tracking_uri, self.runs._tracking.home, self.runs._store)

    def look(self) -> None:
        ids = self.dice.sample(self.ids, self.dice.randint(1, min(8, len(self.ids))))
        check(self.runs, ids, "loss", self.dice.choice([10, 20, 101, 5000]))
        check(self.runs, ids, "acc", 5000)
        self.from_copy += len(from_the_copy(self.runs, ids, "loss"))
        if self.gone:
            with pytest.raises(NotFound):
                self.runs.curves.get(self.dice.choice(self.gone), "loss")

    def live(self, acts: int) -> None:
        self.begin()
        for _ in range(acts):
            (act,) = self.dice.choices(
                [self.log, self.look, self.catch_up, self.one_batch, self.begin, self.delete, self.another_process,
                 self.pack_the_file, self.log_by_mlflow],
                [25, 30, 20, 10, 8, 12, 2, 1, 1],
            )  # fmt: skip
            act()


@pytest.mark.parametrize("most", [10_000_000, 400])
@pytest.mark.parametrize("seed", range(8))
def test_curves_are_those_of_mlflows_table(
    runs: RunsService, seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "MOST_POINTS", most)
    world = World(runs, seed)
    world.live(100)
    assert world.from_copy > 0


def long_curve(runs: RunsService, count: int = 100) -> str:
    run = new_run(runs)
    write(runs, [(run, "loss", float(step), 1000 + step, step) for step in range(count)])
    return run


def test_points_that_are_not_in_the_copy_yet_are_in_the_answer(runs: RunsService) -> None:
    run = long_curve(runs)
    runs._follower.catch_up()
    for step in range(100, 140):
        runs.client().log_metric(run, "loss", -1.0, 5, step)
        assert from_the_copy(runs, [run], "loss")[run].count == step + 1
        assert runs.curves.get(run, "loss", points=1000).step[-1] == step


def test_a_copy_that_is_far_behind_is_not_asked(runs: RunsService) -> None:
    run = long_curve(runs)
    runs._follower.catch_up()
    other = long_curve(runs, 150)
    assert from_the_copy(runs, [run], "loss") == {}
    check(runs, [run, other], "loss", 1000)


def test_a_run_that_takes_the_rows_of_a_deleted_one_is_not_mistaken_for_it(runs: RunsService) -> None:
    kept, gone = long_curve(runs), long_curve(runs)
    runs._follower.catch_up()
    delete(runs, gone)
    after = long_curve(runs)
    assert from_the_copy(runs, [kept, after], "loss") == {}
    check(runs, [kept, after], "loss", 1000)
    runs._follower.catch_up()
    assert from_the_copy(runs, [kept, after], "loss").keys() == {kept, after}
    check(runs, [kept, after], "loss", 1000)


def test_what_was_taken_away_by_hand_is_noticed(runs: RunsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "CHECK_EVERY_S", 0.0)
    first, last = long_curve(runs), long_curve(runs)
    runs._follower.catch_up()
    with closing(connect(runs)) as connection:
        connection.execute("DELETE FROM metrics WHERE run_uuid = ? AND step BETWEEN 20 AND 30", (first,))
    runs._follower.catch_up()
    assert from_the_copy(runs, [first, last], "loss").keys() == {last}
    check(runs, [first, last], "loss", 1000)


def test_what_is_no_number_is_left_to_mlflows_table(runs: RunsService) -> None:
    run, other = long_curve(runs), long_curve(runs)
    runs._follower.catch_up()
    with closing(connect(runs)) as connection:
        connection.execute("UPDATE metrics SET step = 0.5 WHERE rowid = (SELECT max(rowid) FROM metrics)")
    assert from_the_copy(runs, [run, other], "loss") == {}
    long_curve(runs)
    runs._follower.catch_up()
    assert from_the_copy(runs, [run, other], "loss").keys() == {run}
    with closing(connect(runs)) as connection:
        connection.execute("UPDATE metrics SET step = 99 WHERE step = 0.5")
        connection.execute("DELETE FROM metrics WHERE run_uuid = ?", (run,))
        connection.execute(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step) VALUES ('x', 1, 1, ?, 'a')", (run,)
        )
    write(runs, [(run, "x", 1.0, 1, step) for step in range(100)])
    runs._follower.catch_up()
    assert from_the_copy(runs, [run, other], "x") == {}


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "torn", "another form", "another file", "no tables"])
def test_a_copy_that_cannot_be_used_is_made_anew(runs: RunsService, damage: str) -> None:
    ids = [long_curve(runs, 500) for _ in range(10)]
    runs._follower.catch_up()
    path = runs._tracking.home.points
    assert from_the_copy(runs, ids, "loss").keys() == {*ids}
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_bytes(b"not a database" * 1000)
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "torn":
        content[8192:] = bytes(len(content) - 8192)
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as connection, connection:
            if damage == "another form":
                connection.execute("UPDATE about SET value = 0 WHERE name = 'form'")
            elif damage == "another file":
                connection.execute("UPDATE about SET value = '/else 1 2' WHERE name = 'source'")
            else:
                connection.executescript("DROP TABLE about; DROP TABLE series; DROP TABLE chunks")
    check(runs, ids, "loss", 100)
    for _ in range(2):
        try:
            runs._follower.catch_up()
        except sqlite3.Error as error:
            runs.curves._points.note(error)
    assert from_the_copy(runs, ids, "loss").keys() == {*ids}
    check(runs, ids, "loss", 100)


def test_one_process_writes_and_the_others_read(runs: RunsService) -> None:
    run = long_curve(runs)
    other = RunsService(runs.tracking_uri, runs._tracking.home, runs._store)
    with runs.curves._points.writing() as mine:
        assert mine is not None
        with other.curves._points.writing() as theirs:
            assert theirs is None
        other._follower.catch_up()
        check(other, [run], "loss", 1000)
    other._follower.catch_up()
    assert from_the_copy(runs, [run], "loss").keys() == {run}


def test_nothing_is_copied_before_somebody_asks_nor_by_a_process_that_does_not_last(runs: RunsService) -> None:
    run = long_curve(runs)
    path = runs._tracking.home.points
    runs.list()
    runs.curves.get(run, "loss")
    assert not path.exists()
    lasting = RunsService(runs.tracking_uri, runs._tracking.home, runs._store)
    try:
        lasting.follow()
        lasting.follow()
        assert not path.exists()
        lasting.list()
        until = time.monotonic() + 60
        while run not in from_the_copy(runs, [run], "loss"):
            assert time.monotonic() < until
            time.sleep(0.01)
    finally:
        lasting.close()
    assert not lasting._follower._thread or not lasting._follower._thread.is_alive()


WRITER = """
import sys
from pathlib import Path
from jupyter_mlplat.home import Home
from jupyter_mlplat.mlflow_base.tables import MLflowTables
from jupyter_mlplat.services.runs import catching_up
from jupyter_mlplat.services.runs.points import Points

home = Home.default()
catching_up.BATCH = 50
tables = MLflowTables(home.mlflow_database)
with Points(home.points, home.mlflow_database, home.run / "points.lock").writing() as copy:
    with tables.connection() as theirs:
        while catching_up.CatchingUp(copy, theirs).batch():
            print(flush=True)
"""


def test_a_copy_whose_writer_is_killed_is_right_as_far_as_it_goes(runs: RunsService) -> None:
    dice = random.Random(11)
    ids = [new_run(runs) for _ in range(10)]
    write(runs, [(run, "loss", dice.random(), at, at) for at in range(2000) for run in ids])
    environment: dict[str, Any] = {**os.environ, "MLPLAT_HOME": str(runs._tracking.home.root)}
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", WRITER], env=environment, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        for _ in range(dice.randrange(1, 40)):
            writer.stdout.readline()
        time.sleep(dice.random() / 200)
        writer.send_signal(signal.SIGKILL)
        writer.wait(60)
        writer.stdout.close()
        check(runs, ids, "loss", 100)
        with closing(sqlite3.connect(runs._tracking.home.points)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            (last,) = connection.execute("SELECT value FROM about WHERE name = 'last'").fetchone()
            assert last % 50 == 0
            assert connection.execute("SELECT sum(count) FROM series").fetchone() == (last,)
    runs._follower.catch_up()
    assert from_the_copy(runs, ids, "loss").keys() == {*ids}
    check(runs, ids, "loss", 100)


CUT = """
import os, sqlite3, sys
from jupyter_mlplat.home import Home
from jupyter_mlplat.mlflow_base.tables import MLflowTables

tables = MLflowTables(Home.default().mlflow_database)
with tables.connection(far=True) as connection:
    rows = connection.execute("SELECT * FROM metrics NOT INDEXED")
    rows.fetchmany(5)
    os.truncate(tables.path, 2 * 4096)
    try:
        rows.fetchall()
    except sqlite3.DatabaseError as error:
        print(error)
"""


def test_a_database_that_is_cut_short_under_a_reader_ends_no_process(runs: RunsService) -> None:
    """As `cp backup.db mlflow.db` does while the server runs; with a map of the file that is SIGBUS."""
    write(runs, [(new_run(runs), "loss", 0.5, at, at) for at in range(3000)])
    with closing(connect(runs)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    environment = {**os.environ, "MLPLAT_HOME": str(runs._tracking.home.root)}
    done = subprocess.run([sys.executable, "-c", CUT], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "malformed" in done.stdout
