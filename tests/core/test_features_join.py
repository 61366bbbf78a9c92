"""Point-in-time joins against a slow oracle in plain Python: same rows, same order, never the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from jupyter_mlplat.errors import Invalid, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.platform import SystemClock
from jupyter_mlplat.services.features import FeaturesService, FeatureView
from jupyter_mlplat.store import Store

SEED = 20261121
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


@pytest.fixture
def service(home: Home) -> FeaturesService:
    return FeaturesService(Store(f"sqlite:///{home.database}"), home, SystemClock())


def define(service: FeaturesService, source: Path, name: str = "view", **changed: Any) -> None:
    fields = {"name": name, "source": source, "entities": ["id"], "timestamp": "at", **changed}
    service.apply([FeatureView(**fields)], owner="ada")


def at(*days: float) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([EPOCH + timedelta(days=float(day)) for day in days])


# --- the oracle -------------------------------------------------------------------------------------

KEYS = {
    "int": st.one_of(st.none(), st.integers(0, 3)),
    "str": st.one_of(st.none(), st.sampled_from(["", "a", "A", "é", "a ", "1"])),
    "float": st.one_of(st.none(), st.sampled_from([0.0, -0.0, 0.5, 1e300, float("inf")])),
    "bool": st.one_of(st.none(), st.booleans()),
}
TYPES = {"int": pa.int64(), "str": pa.string(), "float": pa.float64(), "bool": pa.bool_()}
# Few different times, some of them less than a microsecond apart.
TIMES = st.one_of(
    st.none(), st.sampled_from([-1500, -1, 0, 1, 400, 999, 1000, 1001, 2500, 10**6, 10**9, 3 * 10**9, 86_400 * 10**9])
)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """A source, entities and the precision of both, all small so that ties and misses are common."""
    kinds = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2))
    row = st.tuples(*(KEYS[kind] for kind in kinds), TIMES)
    return {
        "kinds": kinds,
        "source": draw(st.lists(row, max_size=12)),
        "entities": draw(st.lists(row, max_size=12)),
        "source_unit": draw(st.sampled_from(sorted(UNITS))),
        "entity_unit": draw(st.sampled_from(sorted(UNITS))),
        "source_zone": draw(st.sampled_from([None, "UTC", "Asia/Kathmandu"])),
        "entity_zone": draw(st.sampled_from([None, "UTC", "America/Sao_Paulo"])),
        "ttl": draw(st.sampled_from([None, 1e-6, 0.5, 1.0, 3600.0])),
    }


def stamps(times: list[int | None], unit: str, zone: str | None) -> tuple[list[int | None], pa.Array]:
    """Times cut to `unit`: in nanoseconds for the oracle, and as an Arrow array."""
    whole = [None if time is None else time // UNITS[unit] for time in times]
    exact = [None if time is None else time * UNITS[unit] for time in whole]
    return exact, pa.array(whole, pa.timestamp(unit, tz=zone))


def oracle(case: dict[str, Any], source: list[int | None], entities: list[int | None]) -> list[int | None]:
    """For each entity row the number of the source row that it must get."""
    width = len(case["kinds"])
    answer: list[int | None] = []
    for row, time in zip(case["entities"], entities, strict=True):
        best: tuple[int, int] | None = None
        for number, (known, since) in enumerate(zip(case["source"], source, strict=True)):
            if time is None or since is None or since > time or None in row[:width] or known[:width] != row[:width]:
                continue
            if case["ttl"] is not None and time - since > Fraction(case["ttl"]) * 10**9:
                continue
            if best is None or (since, number) >= best:
                best = (since, number)
        answer.append(None if best is None else best[1])
    return answer


@seed(SEED)
@settings(
    max_examples=80,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases())
def test_a_join_agrees_with_plain_python(service: FeaturesService, tmp_path: Path, case: dict[str, Any]) -> None:
    names = [f"k{number}" for number in range(len(case["kinds"]))]
    exact, stored = stamps([row[-1] for row in case["source"]], case["source_unit"], case["source_zone"])
    columns = {
        name: pa.array([row[number] for row in case["source"]], TYPES[case["kinds"][number]])
        for number, name in enumerate(names)
    }
    path = tmp_path / "source.parquet"
    pq.write_table(pa.table({**columns, "at": stored, "row": pa.array(range(len(stored)), pa.int64())}), path)
    define(service, path, entities=names, ttl=case["ttl"])
    asked, event_times = stamps([row[-1] for row in case["entities"]], case["entity_unit"], case["entity_zone"])
    entities = pa.table(
        {
            name: pa.array([row[number] for row in case["entities"]], TYPES[case["kinds"][number]])
            for number, name in enumerate(names)
        }
        | {"event_time": event_times}
    ).to_pandas()
    entities.index = pd.Index([7] * len(entities))
    before = entities.copy()
    joined = service.historical(entities, ["view:row"])
    pd.testing.assert_frame_equal(entities, before)
    pd.testing.assert_frame_equal(joined[list(before.columns)], before)
    found = [None if pd.isna(value) else int(value) for value in joined["row"]]
    assert found == oracle(case, exact, asked)


# --- cases that deserve a name ------------------------------------------------------------------------


def test_rows_order_and_index_stay(service: FeaturesService, tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    source = pd.DataFrame(
        {"id": rng.integers(0, 50, 500), "at": at(*rng.integers(0, 100, 500)), "x": rng.normal(size=500)}
    )
    source.to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    entities = pd.DataFrame({"id": rng.integers(-5, 60, 3000), "event_time": at(*rng.integers(-5, 110, 3000)), "y": 1})
    entities = pd.concat([entities, entities.iloc[:100]])
    entities.index = pd.MultiIndex.from_arrays([rng.integers(0, 3, 3100), rng.permutation(3100)], names=["a", None])
    joined = service.historical(entities, ["view"])
    pd.testing.assert_index_equal(joined.index, entities.index)
    pd.testing.assert_frame_equal(joined[["id", "event_time", "y"]], entities)
    ordered = entities.reset_index(drop=True).reset_index().sort_values("event_time", kind="stable")
    expected = pd.merge_asof(
        ordered, source.sort_values("at", kind="stable"), left_on="event_time", right_on="at", by="id"
    ).sort_values("index")
    np.testing.assert_array_equal(joined["x"].to_numpy(), expected["x"].to_numpy())


def test_a_csv_is_read_like_a_parquet_file(service: FeaturesService, tmp_path: Path) -> None:
    rows = [(1, "2026-01-01T00:00:00Z", 1.5), (1, "2026-01-01T00:00:00Z", 2.5), (2, "2026-01-02T00:00:00Z", None)]
    table = pd.DataFrame(rows, columns=["id", "at", "x"])
    table.to_csv(tmp_path / "s.csv", index=False)
    table.to_csv(tmp_path / "s.csv.gz", index=False)
    entities = pd.DataFrame({"id": [1, 2, 3], "event_time": ["2026-01-01T01:00:00+01:00", "2026-01-03", "2026-01-03"]})
    for name in ("s.csv", "s.csv.gz"):
        define(service, tmp_path / name)
        assert service.historical(entities, ["view:x"])["x"].isna().tolist() == [False, True, True]
        assert service.historical(entities, ["view:x"])["x"].tolist()[0] == 2.5


def test_views_that_share_a_column_get_their_names_before_it(service: FeaturesService, tmp_path: Path) -> None:
    pd.DataFrame({"id": [1], "at": at(0), "x": [1], "y": [2]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet", "one")
    define(service, tmp_path / "s.parquet", "two")
    entities = pd.DataFrame({"id": [1], "event_time": at(1)})
    assert list(service.historical(entities, ["two:x", "one", "one:x"]).columns) == [
        "id", "event_time", "two__x", "one__x", "y",
    ]  # fmt: skip
    taken = entities.assign(x=0)
    assert list(service.historical(taken, ["one:x"]).columns) == ["id", "event_time", "x", "one__x"]
    with pytest.raises(Invalid, match="already have a column 'one__x'"):
        service.historical(taken.assign(one__x=0), ["one:x"])


def test_another_name_for_the_event_time(service: FeaturesService, tmp_path: Path) -> None:
    pd.DataFrame({"id": [1, 1], "at": at(0, 2), "x": [1, 2]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    entities = pd.DataFrame({"id": [1], "when": at(1)})
    assert service.historical(entities, ["view"], timestamp="when")["x"].tolist() == [1]
    with pytest.raises(Invalid, match="no event time 'event_time'"):
        service.historical(entities, ["view"])


@pytest.mark.parametrize(
    ("stored", "asked", "found"),
    [
        ([1, 2], pd.Series([1.0, None, 2.0]), [0, None, 1]),
        ([1, 2], pd.Series(["1", "2", None]), [0, 1, None]),
        ([1, 2], pd.Series([1, "2", 3], dtype=object), [0, 1, None]),
        ([1, 2], pd.Series([2, 1, 9], dtype="UInt8"), [1, 0, None]),
        ([1, 2], pd.Series([2, None, 1], dtype="category"), [1, None, 0]),
        ([1, 2], pd.Series([2**64 - 1, 2, 1], dtype="uint64"), [None, 1, 0]),
        (["1", "02"], pd.Series(["1", "2", "02"]), [0, None, 1]),
        (["a", "b"], pd.Series(["b", None, "a"], dtype="category"), [1, None, 0]),
        ([0.5, 2.0], pd.Series([2, 0, 1]), [1, None, None]),
        ([0.0, 2.0], pd.Series([-0.0, float("nan"), 2]), [0, None, 1]),
        ([True, False], pd.Series([False, True, None], dtype=object), [1, 0, None]),
        (np.array([2**64 - 1, 1], dtype="uint64"), pd.Series([2**64 - 1, 1, 2], dtype="uint64"), [0, 1, None]),
        ([2**53 + 1, 2**53], pd.Series([2**53, 2**53 + 1, 0]), [1, 0, None]),
        ([1, 2], pd.Series([None, None, None], dtype=object), [None, None, None]),
    ],
)
def test_keys_meet_where_they_mean_the_same(
    service: FeaturesService, tmp_path: Path, stored: Any, asked: pd.Series[Any], found: list[int | None]
) -> None:
    pd.DataFrame({"id": stored, "at": at(0, 0), "row": [0, 1]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    joined = service.historical(pd.DataFrame({"id": asked, "event_time": at(1, 1, 1)}), ["view:row"])
    assert [None if pd.isna(value) else value for value in joined["row"]] == found


@pytest.mark.parametrize(
    ("stored", "asked", "message"),
    [
        ([1, 2], pd.Series([1.5, 2.0]), "1.5 is not a whole number"),
        ([1, 2], pd.Series([1.0, float("inf")]), "inf is not a whole number"),
        ([1, 2], pd.Series(["1", "two"]), "'two' is not a whole number"),
        ([1, 2], pd.Series([True, False]), "True is not a whole number"),
        ([1, 2], pd.Series(at(0, 1)), "times are not a whole number"),
        (["1", "2"], pd.Series([1, 2]), "1 is not text"),
        (["1", "2"], pd.Series([b"1", b"2"]), "b'1' is not text"),
        ([1.5, 2.5], pd.Series(["1.5", "2.5"]), "'1.5' is not a number"),
        ([True, False], pd.Series([1, 0]), "1 is not true or false"),
        ([1, 2], pd.Series([[1], [2]]), "a list is not a whole number"),
    ],
)
def test_keys_of_another_type_are_refused(
    service: FeaturesService, tmp_path: Path, stored: Any, asked: pd.Series[Any], message: str
) -> None:
    pd.DataFrame({"id": stored, "at": at(0, 0), "row": [0, 1]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    with pytest.raises(Invalid) as caught:
        service.historical(pd.DataFrame({"id": asked, "event_time": at(1, 1)}), ["view:row"])
    assert message in caught.value.message
    assert list(caught.value.fields) == ["entities"]


def test_what_is_asked_wrongly_is_named(service: FeaturesService, tmp_path: Path) -> None:
    pd.DataFrame({"id": [1], "at": at(0), "x": [1]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    entities = pd.DataFrame({"id": [1], "event_time": at(1)})
    with pytest.raises(Invalid, match="has no feature 'nope'"):
        service.historical(entities, ["view:nope"])
    with pytest.raises(NotFound):
        service.historical(entities, ["nope:x"])
    with pytest.raises(Invalid, match="no feature is asked for"):
        service.historical(entities, [])
    with pytest.raises(Invalid, match="entity column 'id'"):
        service.historical(entities.drop(columns="id"), ["view"])
    with pytest.raises(Invalid, match="'id' twice"):
        service.historical(pd.concat([entities, entities[["id"]]], axis="columns"), ["view"])
    for wrong in ([1], [1.5], [True], ["yesterday"], [object()], [1, "2026-01-01"][:1]):
        with pytest.raises(Invalid, match="event time 'event_time'"):
            service.historical(pd.DataFrame({"id": [1], "event_time": wrong}), ["view"])
    with pytest.raises(Invalid, match="no table"):
        service.historical([{"id": 1}], ["view"])  # type: ignore[arg-type]


def test_empty_entities_and_an_empty_source(service: FeaturesService, tmp_path: Path) -> None:
    pd.DataFrame({"id": [1], "at": at(0), "x": [1.0]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    none = service.historical(pd.DataFrame({"id": [], "event_time": []}, dtype=object), ["view"])
    assert (len(none), list(none.columns)) == (0, ["id", "event_time", "x"])
    pd.DataFrame({"id": [1], "at": at(0), "x": [1.0]}).iloc[:0].to_parquet(tmp_path / "s.parquet")
    joined = service.historical(pd.DataFrame({"id": [1], "event_time": at(1)}), ["view"])
    assert joined["x"].isna().tolist() == [True]


def test_times_far_away_do_not_wrap(service: FeaturesService, tmp_path: Path) -> None:
    for unit in ("us", "ns"):
        table = pa.table({"id": [1], "at": pa.array([0], pa.timestamp(unit)), "x": [1]})
        pq.write_table(table, tmp_path / "s.parquet")
        define(service, tmp_path / "s.parquet", ttl=None)
        far = np.array(["0001-01-01", "9999-12-31"], dtype="datetime64[s]")
        joined = service.historical(pd.DataFrame({"id": [1, 1], "event_time": far}), ["view"])
        assert joined["x"].isna().tolist() == [True, False]
        define(service, tmp_path / "s.parquet", ttl=1e9)
        joined = service.historical(pd.DataFrame({"id": [1], "event_time": far[:1]}), ["view"])
        assert joined["x"].isna().tolist() == [True]


def test_large_whole_numbers_survive_a_missing_one(service: FeaturesService, tmp_path: Path) -> None:
    big = 2**62 + 1
    pd.DataFrame({"id": [1], "at": at(0), "x": [big]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    joined = service.historical(pd.DataFrame({"id": [1, 2], "event_time": at(1, 1)}), ["view"])
    assert joined["x"].iloc[0] == big
    assert joined["x"].isna().tolist() == [False, True]


def test_no_spill_folder_stays(service: FeaturesService, home: Home, tmp_path: Path) -> None:
    pd.DataFrame({"id": [1], "at": at(0), "x": [1]}).to_parquet(tmp_path / "s.parquet")
    define(service, tmp_path / "s.parquet")
    service.historical(pd.DataFrame({"id": [1], "event_time": at(1)}), ["view"])
    with pytest.raises(Invalid):
        service.historical(pd.DataFrame({"id": ["x"], "event_time": at(1)}), ["view"])
    assert list(home.features.iterdir()) == []
