"""Metrics over their steps: in order, sampled without the loss of a peak, as fresh as MLflow's tables."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlplat.errors import Invalid, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import RunCurve
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.services.runs.sampled import Point, sample
from jupyter_mlplat.store import Store

from ..conftest import copy_mlflow

SERIES = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.integers(0, 5),
        st.one_of(
            st.floats(-1e9, 1e9, width=32), st.sampled_from([math.nan, math.inf, -math.inf, 0.0])
        ),
    ),
    max_size=120,
)  # fmt: skip


@pytest.fixture(scope="module", params=["tables", "client"])
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path
) -> Iterator[RunsService]:
    """Both ways: MLflow's tables, and its client where they are not known."""
    home = Home(tmp_path_factory.mktemp(request.param)).ensure()
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "client":
            patch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
        yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


def log(runs: RunsService, points: list[tuple[int, int, float]], key: str = "loss", run: str | None = None) -> str:
    """Log (step, time, value) by MLflow's client; returns the run."""
    from mlflow.entities import Metric

    client = runs.client()
    run = run or str(client.create_run("0").info.run_id)
    for start in range(0, len(points), 1000):
        some = [Metric(key, value, time, step) for step, time, value in points[start : start + 1000]]
        client.log_batch(run, metrics=some)
    return run


def points_of(curve: RunCurve) -> list[Point]:
    return list(zip(curve.step, curve.time, curve.value, strict=True))


def test_every_point_of_a_short_curve_is_there_by_step_and_time(runs: RunsService) -> None:
    run = log(runs, [(2, 10, 0.5), (1, 30, 0.25), (1, 20, math.nan), (3, 0, math.inf), (4, 0, -math.inf), (0, 5, -1.0)])
    curve = runs.curves.get(run, "loss")
    assert (curve.run_id, curve.key, curve.count) == (run, "loss", 6)
    assert points_of(curve) == [
        (0, 5, -1.0), (1, 20, None), (1, 30, 0.25), (2, 10, 0.5), (3, 0, None), (4, 0, None),
    ]  # fmt: skip


def test_no_peak_is_lost(runs: RunsService) -> None:
    dice = random.Random(5)
    values = [math.sin(step / 300) for step in range(5000)]
    peaks = dice.sample(range(5000), 40)
    for at, step in enumerate(peaks):
        values[step] = 10.0 + at if at % 2 else -10.0 - at
    values[2500] = math.nan
    order = list(range(5000))
    dice.shuffle(order)
    run = log(runs, [(step, 1000 + step, values[step]) for step in order])
    curve = runs.curves.get(run, "loss", points=1000)
    assert curve.count == 5000
    assert 500 <= len(curve.step) <= 1000
    assert curve.step == sorted(curve.step)
    assert (curve.step[0], curve.step[-1]) == (0, 4999)
    assert [time - step for step, time in zip(curve.step, curve.time, strict=True)] == [1000] * len(curve.step)
    kept = {value for value in curve.value if value is not None}
    # Two peaks of one kind in one bucket of twenty points: the higher one stays.
    for start in range(0, 5000, 20):
        bucket = [value for value in values[start : start + 20] if value == value]
        assert {min(bucket), max(bucket)} <= kept
    rough = runs.curves.get(run, "loss", points=10)
    assert len(rough.step) <= 10
    assert {min(values), max(values)} <= set(rough.value)


@pytest.mark.parametrize("steps", [1, 3])
def test_points_of_few_steps_are_sampled_by_their_time(runs: RunsService, steps: int) -> None:
    """Whoever logs without a step has all points at step 0."""
    values = [float(at % 7) for at in range(1200)]
    values[600] = 99.0
    run = log(runs, [(at * steps // 1200, at, value) for at, value in enumerate(values)])
    curve = runs.curves.get(run, "loss", points=100)
    assert 50 <= len(curve.step) <= 100
    assert 99.0 in curve.value
    assert curve.time == sorted(curve.time)
    assert (curve.time[0], curve.time[-1]) == (0, 1199)


def test_both_ways_say_the_same(runs: RunsService) -> None:
    """The tables are sampled by SQLite, what the client brings in Python."""
    dice = random.Random(3)
    points = [(step, 7 * step, dice.choice([dice.gauss(0, 1), math.nan, 1e9])) for step in range(0, 3000, 2)]
    run = log(runs, points)
    shown = [(step, time, None if math.isnan(value) else value) for step, time, value in points]
    for most in (10, 11, 100, 1499, 1500):
        assert points_of(runs.curves.get(run, "loss", points=most)) == sample(shown, len(shown), most)


def test_curves_of_several_runs_are_in_their_order(runs: RunsService) -> None:
    first, second = log(runs, [(0, 0, 1.0)], "train/loss"), log(runs, [(0, 0, 2.0)], "train/loss")
    none = log(runs, [])
    runs.client().delete_run(second)
    found = runs.curves.some([second, none, first, second], "train/loss")
    assert found.key == "train/loss"
    assert [(one.run_id, one.value) for one in found.curves] == [(second, [2.0]), (none, []), (first, [1.0])]
    assert found.curves[1].count == 0


def test_new_points_are_seen(runs: RunsService) -> None:
    run, other = log(runs, [(0, 0, 1.0)]), log(runs, [(0, 0, 5.0)])
    assert [one.value for one in runs.curves.some([run, other], "loss").curves] == [[1.0], [5.0]]
    log(runs, [(1, 0, 2.0), (-1, 0, 0.0)], run=run)
    log(runs, [(1, 0, 9.0)], "acc", run=other)
    assert [one.value for one in runs.curves.some([run, other], "loss").curves] == [[0.0, 1.0, 2.0], [5.0]]
    assert runs.curves.get(other, "acc").value == [9.0]


def test_a_point_that_takes_the_place_of_a_deleted_one_is_seen(runs: RunsService) -> None:
    """SQLite gives the rowids of rows that were last to new rows."""
    kept, gone = log(runs, [(0, 0, 1.0)]), log(runs, [(0, 0, 5.0), (1, 0, 6.0)])
    assert runs.curves.get(kept, "loss").value == [1.0]
    path = runs.tracking_uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM metrics WHERE run_uuid = ?", (gone,))
    log(runs, [(1, 0, 2.0), (2, 0, 3.0), (3, 0, 4.0)], run=kept)
    assert runs.curves.get(kept, "loss").value == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("id", ["no", "f" * 32, "../../etc", "a b", "", "x" * 5000, "\udc80", "a\x00b"])
def test_an_unknown_run_is_not_found(runs: RunsService, id: str) -> None:
    known = log(runs, [(0, 0, 1.0)])
    with pytest.raises(NotFound) as error:
        runs.curves.some([known, id], "loss")
    assert "runs list" in error.value.hint


def test_what_cannot_be_asked_is_named(runs: RunsService) -> None:
    run = log(runs, [(0, 0, 1.0)])
    for points in (0, 9, 20_001):
        with pytest.raises(Invalid) as error:
            runs.curves.get(run, "loss", points=points)
        assert set(error.value.fields) == {"points"}
    for key in ("", "a\x00b", "x" * 2000, "\udc80"):
        with pytest.raises(Invalid) as error:
            runs.curves.get(run, key)
        assert set(error.value.fields) == {"key"}
    for ids in ([], [f"{number:032x}" for number in range(201)]):
        with pytest.raises(Invalid) as error:
            runs.curves.some(ids, "loss")
        assert set(error.value.fields) == {"run"}
    assert runs.curves.get(run, "x' OR 1=1 --").count == 0
    assert runs.curves.get(run, "ärger \N{SNOWMAN}/\N{SNOWMAN}").count == 0


@given(SERIES, st.integers(10, 40))
def test_a_sample_keeps_the_ends_and_every_extreme_of_a_bucket(series: list[tuple[int, int, float]], most: int) -> None:
    points: list[Point] = sorted(
        ((step, time, value if math.isfinite(value) else None) for step, time, value in series),
        key=lambda one: one[:2],
    )
    kept = sample(points, len(points), most)
    assert len(kept) <= most
    assert [point for point in points if point in kept][:1] == kept[:1]
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])
    finite = [value for _, _, value in points if value is not None]
    if finite:
        values = [value for _, _, value in kept if value is not None]
        assert (min(values), max(values)) == (min(finite), max(finite))
