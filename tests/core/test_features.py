"""Feature views: defined, changed, listed, served; bad definitions; hostile names."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jupyter_mlplat.errors import Conflict, Invalid, MLPlatError, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import FeatureViewSpec
from jupyter_mlplat.services.features import FeaturesService, FeatureView
from jupyter_mlplat.store import Store

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.time = datetime(2026, 6, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(home: Home) -> Store:
    return Store(f"sqlite:///{home.database}")


@pytest.fixture
def service(store: Store, home: Home, clock: HandClock) -> FeaturesService:
    return FeaturesService(store, home, clock)


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    table = pd.DataFrame(
        {
            "id": [1, 2, 1, 3],
            "at": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]),
            "age": [30, 41, 31, 55],
            "balance": [1.5, float("nan"), float("inf"), -2.0],
            "city": ["Bonn", None, "Köln", "a'b\"c"],
        }
    )
    path = tmp_path / "customers.parquet"
    table.to_parquet(path)
    return path


def view(source: Path, /, **changed: object) -> FeatureViewSpec:
    return FeatureView(**{"name": "customers", "source": source, "entities": ["id"], "timestamp": "at", **changed})


# --- definitions ----------------------------------------------------------------------------------


def test_apply_stores_the_types_of_the_source(service: FeaturesService, customers: Path) -> None:
    (made,) = service.apply([view(customers, ttl=60, description="who they are")], owner="ada")
    assert [(one.name, one.type) for one in made.features] == [
        ("age", "BIGINT"),
        ("balance", "DOUBLE"),
        ("city", "VARCHAR"),
    ]
    assert made.owner == "ada"
    assert made.materialized_at is None
    assert service.get("customers") == made


def test_apply_twice_changes_nothing_and_says_nothing(
    service: FeaturesService, store: Store, clock: HandClock, customers: Path
) -> None:
    first = service.apply([view(customers)], owner="ada")
    change = store.last_change()
    clock.time += DAY
    assert service.apply([view(customers)], owner="bob") == first
    assert store.last_change() == change
    (changed,) = service.apply([view(customers, description="new")], owner="bob")
    assert (changed.description, changed.owner, changed.updated_at) == ("new", "ada", clock.time)
    assert store.last_change() == change + 1


def test_apply_is_all_or_nothing(service: FeaturesService, customers: Path) -> None:
    with pytest.raises(Invalid, match="no column 'nope'"):
        service.apply([view(customers), view(customers, name="other", timestamp="nope")], owner="ada")
    assert service.list().items == []


def test_list_pages_in_the_order_of_names(service: FeaturesService, customers: Path) -> None:
    service.apply([view(customers, name=name) for name in ("c", "a", "b")], owner="ada")
    first = service.list(limit=2)
    assert [one.name for one in first.items] == ["a", "b"]
    assert first.next == "b"
    second = service.list(limit=2, after=first.next)
    assert [one.name for one in second.items] == ["c"]
    assert second.next is None
    with pytest.raises(NotFound):
        service.get("nope")


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"entities": ["nope"]}, "entities", "no column 'nope'"),
        ({"entities": ["ID"]}, "entities", "no column 'ID'"),
        ({"timestamp": "age"}, "timestamp", "not a time"),
        ({"timestamp": "city"}, "timestamp", "not a time"),
        ({"features": ["age", "x"]}, "features", "no column 'x'"),
        ({"features": ["age", "age"]}, "features", "twice"),
        ({"entities": ["id", "id"]}, "entities", "twice"),
        ({"features": ["id"]}, "entities", "something else too"),
        ({"entities": ["at"]}, "entities", "can be no entity"),
        ({"source": "/nope.parquet"}, "source", "no file"),
        ({"source": "https://example.org/x.parquet"}, "source", "no file"),
        ({"source": "/"}, "source", "directory"),
        ({"source": "/dev/null"}, "source", "regular file"),
    ],
)
def test_a_wrong_view_names_its_field(
    service: FeaturesService, customers: Path, changed: dict[str, object], field: str, message: str
) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        service.apply([view(customers, **changed)], owner="ada")
    assert list(caught.value.fields) == [field]
    assert caught.value.hint
    assert service.list().items == []


def test_two_views_of_one_name_are_refused(service: FeaturesService, customers: Path) -> None:
    with pytest.raises(Invalid, match="customers is defined twice"):
        service.apply([view(customers), view(customers)], owner="ada")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "empty"),
        ("broken.parquet", b"PAR1 and no more", "broken parquet"),
        ("binary.csv", bytes(range(256)) * 4, "CSV"),
        ("note.txt", b"hello", "not a table"),
        ("twice.csv", b"id,at,x,x\n1,2026-01-01,1,2\n", "'x' twice"),
        ("case.csv", b"id,at,X,x\n1,2026-01-01,1,2\n", "columns 'X' and 'x'"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    service: FeaturesService, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Invalid, match=message) as caught:
        service.apply([view(path)], owner="ada")
    assert list(caught.value.fields) == ["source"]


def test_a_python_file_defines_views_relative_to_itself(service: FeaturesService, customers: Path) -> None:
    file = customers.parent / "views.py"
    (customers.parent / "names.py").write_text("COLUMN = 'id'\n")
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from jupyter_mlplat.services.features import FeatureView\nfrom names import COLUMN\n"
        "@dataclass\nclass Own:\n    x: int = 1\n"
        "a = FeatureView(name='a', source='customers.parquet', entities=COLUMN, timestamp='at')\n"
        "b = FeatureView(name='b', source='customers.parquet', entities=[COLUMN], timestamp='at', features=['age'])\n"
        "same = a\n"
    )
    specs = service.load_definitions(file)
    assert [(spec.name, spec.source) for spec in specs] == [("a", str(customers)), ("b", str(customers))]
    assert [one.name for one in service.apply(specs, owner="ada")] == ["a", "b"]


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_list_in_yaml_or_json_defines_views(service: FeaturesService, customers: Path, suffix: str) -> None:
    file = customers.parent / f"views.{suffix}"
    item = {"name": "a", "source": "customers.parquet", "entities": ["id"], "timestamp": "at", "ttl": 3600}
    file.write_text(json.dumps([item]))  # JSON is YAML too
    (spec,) = service.load_definitions(file)
    assert (spec.name, spec.source, spec.ttl) == ("a", str(customers), 3600.0)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.py", "x = 1\nif x\n", "line 2: expected ':'"),
        ("a.py", "x = 1\n\n1 / 0\n", "line 3: ZeroDivisionError"),
        ("a.py", "def f():\n    raise SystemExit(3)\nf()\n", "line 2: SystemExit: 3"),
        (
            "a.py",
            "from jupyter_mlplat.services.features import FeatureView\nFeatureView(name='A B')\n",
            "line 2: name: ",
        ),
        ("a.yaml", "- name: a\n  source: [\n", "line "),
        (
            "a.yaml",
            "- name: a\n  source: x\n  entities: [id]\n  timestamp: t\n- name: b\n",
            "line 5: source: Field req",
        ),
        ("a.yaml", "name: a\n", "not a list"),
        ("a.json", '[\n {"name": "a",}\n]', "line 2"),
        ("a.json", "[\n 1\n]", "line 2: not a mapping"),
        (
            "a.json",
            '[\n {"name": "a", "source": "x", "entities": ["i"], "timestamp": "t", "n": 1}]',
            "line 2: n: Extra",
        ),
        ("a.txt", "", "no definition"),
    ],
)
def test_a_bad_definition_names_its_line(
    service: FeaturesService, tmp_path: Path, name: str, text: str, message: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(Invalid, match=message) as caught:
        service.load_definitions(file)
    assert list(caught.value.fields) == ["file"]


# --- online ---------------------------------------------------------------------------------------


def test_online_gives_the_newest_row_of_each_entity_in_the_order_asked(
    service: FeaturesService, customers: Path
) -> None:
    service.apply([view(customers)], owner="ada")
    made = service.materialize("customers")
    assert (made.rows, service.get("customers")) == (4, made)
    assert service.online("customers", [{"id": 3}, {"id": 1}, {"id": 9}, {"id": 2}, {"id": 1}]) == [
        {"id": 3, "age": 55, "balance": -2.0, "city": "a'b\"c"},
        {"id": 1, "age": 31, "balance": None, "city": "Köln"},
        {"id": 9, "age": None, "balance": None, "city": None},
        {"id": 2, "age": 41, "balance": None, "city": None},
        {"id": 1, "age": 31, "balance": None, "city": "Köln"},
    ]
    assert service.online("customers", []) == []


def test_online_casts_only_what_is_safe(service: FeaturesService, customers: Path) -> None:
    service.apply([view(customers, features=["age"])], owner="ada")
    service.materialize("customers")
    asked = [{"id": "1"}, {"id": 1.0}, {"id": None}, {"id": float("nan")}, {"id": 10**30}]
    assert [row["age"] for row in service.online("customers", asked)] == [31, 31, None, None, None]
    for wrong in ("01", "x", 1.5, True, [1], {"a": 1}, b"1"):
        with pytest.raises(Invalid, match=r"entity 1: .* is not a whole number") as caught:
            service.online("customers", [{"id": 1}, {"id": wrong}])
        assert list(caught.value.fields) == ["entities.1"]
    for entity in ({}, {"ID": 1}, {"id": 1, "more": 2}, [1], "id", None):
        with pytest.raises(Invalid, match="entity 0 must have id and nothing else"):
            service.online("customers", [entity])  # type: ignore[list-item]


def test_online_before_materialize_says_what_to_do(service: FeaturesService, customers: Path) -> None:
    service.apply([view(customers), view(customers, name="other")], owner="ada")
    with pytest.raises(Conflict) as caught:
        service.online("customers", [{"id": 1}])
    assert caught.value.hint == "jupyter mlplat features materialize customers"
    service.materialize("other")
    with pytest.raises(Conflict):
        service.online("customers", [{"id": 1}])
    with pytest.raises(NotFound):
        service.online("nope", [{"id": 1}])
    with pytest.raises(NotFound):
        service.materialize("nope")


def test_a_changed_definition_must_be_materialized_again(service: FeaturesService, customers: Path) -> None:
    service.apply([view(customers)], owner="ada")
    service.materialize("customers")
    service.apply([view(customers, ttl=10**9, description="only words")], owner="ada")
    assert service.online("customers", [{"id": 3}])[0]["age"] == 55
    assert service.apply([view(customers, features=["city", "age"])], owner="ada")[0].materialized_at is None
    with pytest.raises(Conflict):
        service.online("customers", [{"id": 3}])
    service.materialize("customers")
    assert service.online("customers", [{"id": 3}]) == [{"id": 3, "city": "a'b\"c", "age": 55}]


def test_online_honours_the_ttl_and_knows_no_future(
    service: FeaturesService, clock: HandClock, customers: Path
) -> None:
    clock.time = START + 2 * DAY + timedelta(hours=12)  # after row 3 of 4
    service.apply([view(customers, ttl=DAY.total_seconds())], owner="ada")
    service.materialize("customers")
    ages = [row["age"] for row in service.online("customers", [{"id": 1}, {"id": 2}, {"id": 3}])]
    assert ages == [31, None, None]
    clock.time += DAY
    assert [row["age"] for row in service.online("customers", [{"id": 1}])] == [None]


def test_the_last_row_of_a_file_wins_a_tie_even_before_1970(service: FeaturesService, tmp_path: Path) -> None:
    stamp = pd.Timestamp("1912-06-23", tz="UTC")
    table = pd.DataFrame({"id": [1, 1, 2, 1], "at": [stamp, stamp, stamp, stamp - DAY], "x": [1, 2, 3, 4]})
    for unit in ("us", "ns"):
        table.assign(at=table["at"].dt.as_unit(unit)).to_parquet(tmp_path / "a.parquet")
        table.assign(at=table["at"].astype(str)).to_csv(tmp_path / "a.csv", index=False)
        for name in ("a.parquet", "a.csv"):
            service.apply([view(tmp_path / name)], owner="ada")
            service.materialize("customers")
            assert [row["x"] for row in service.online("customers", [{"id": 1}, {"id": 2}])] == [2, 3]


def test_a_source_that_changed_or_went_is_a_conflict(service: FeaturesService, customers: Path) -> None:
    service.apply([view(customers)], owner="ada")
    service.materialize("customers")
    pd.DataFrame({"id": [1], "at": [START]}).to_parquet(customers)
    with pytest.raises(Conflict, match="lost 'age', 'balance', 'city'"):
        service.materialize("customers")
    customers.unlink()
    with pytest.raises(Conflict, match="not there any more"):
        service.materialize("customers")
    assert service.online("customers", [{"id": 3}])[0]["age"] == 55


def test_readers_see_the_old_rows_or_the_new_ones(service: FeaturesService, tmp_path: Path) -> None:
    source = tmp_path / "table.parquet"
    asked = [{"id": number} for number in range(0, 2000, 100)]

    def write(value: int) -> None:
        pd.DataFrame({"id": range(2000), "at": START, "value": value}).to_parquet(source)

    write(0)
    service.apply([view(source, name="table")], owner="ada")
    service.materialize("table")
    done = threading.Event()
    seen: list[set[int]] = []

    def read() -> None:
        while not done.is_set():
            seen.append({row["value"] for row in service.online("table", asked)})

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for value in (1, 2, 3):
            write(value)
            service.materialize("table")
    finally:
        done.set()
        reader.join()
    assert all(len(values) == 1 for values in seen), "a reader saw rows of two versions"
    assert service.online("table", asked[:1])[0]["value"] == 3


def test_a_lost_cache_is_made_again(service: FeaturesService, home: Home, customers: Path) -> None:
    service.apply([view(customers)], owner="ada")
    service.materialize("customers")
    service.online("customers", [{"id": 3}])
    for path in home.features.glob("online.db*"):
        path.unlink()
    with pytest.raises(Conflict):
        service.online("customers", [{"id": 3}])
    service.materialize("customers")
    assert service.online("customers", [{"id": 3}])[0]["age"] == 55


def test_every_type_comes_back_as_json(service: FeaturesService, tmp_path: Path) -> None:
    stamp = datetime(2026, 1, 1, 12, 30, 0, 250000)
    columns = {
        "id": pa.array(["a"]),
        "at": pa.array([START], pa.timestamp("us", tz="UTC")),
        "decimal": pa.array(["1.25"]).cast(pa.decimal128(10, 2)),
        "when": pa.array([stamp], pa.timestamp("us")),
        "zoned": pa.array([stamp], pa.timestamp("ns", tz="Europe/Berlin")),
        "day": pa.array([stamp.date()]),
        "flag": pa.array([True]),
        "vector": pa.array([[1.0, float("nan"), None]]),
        "nested": pa.array([{"x": float("inf"), "y": "z"}]),
        "kind": pa.array(["k"]).dictionary_encode(),
        "unsigned": pa.array([2**64 - 1], pa.uint64()),
        "bytes": pa.array([b"\x00a"]),
    }
    path = tmp_path / "types.parquet"
    pq.write_table(pa.table(columns), path)
    service.apply([view(path, name="types")], owner="ada")
    service.materialize("types")
    (row,) = service.online("types", [{"id": "a"}])
    assert row == {
        "id": "a",
        "decimal": 1.25,
        "when": "2026-01-01T12:30:00.250000Z",
        "zoned": "2026-01-01T12:30:00.250000Z",
        "day": "2026-01-01",
        "flag": True,
        "vector": [1.0, None, None],
        "nested": {"x": None, "y": "z"},
        "kind": "k",
        "unsigned": 2**64 - 1,
        "bytes": "AGE=",
    }
    json.dumps(row, allow_nan=False)
    entities = pd.DataFrame({"id": ["a"], "event_time": [START]})
    joined = service.historical(entities, ["types"])
    assert joined.loc[0, "decimal"] == 1.25
    assert joined.loc[0, "unsigned"] == 2**64 - 1
    assert joined.loc[0, "zoned"] == pd.Timestamp(stamp, tz="UTC")


# --- hostile names ----------------------------------------------------------------------------------

HOSTILE = [
    'x"; DROP TABLE feature_views; --',
    "a'b",
    'q"u""o',
    "per%cent",
    "select",
    "mlplat row",
    "place",
    "k0",
    "t",
    "file_row_number",
    "ünï 名",
    " ",
    "?",
    "$1",
    "new\nline",
]


def test_names_are_never_code(service: FeaturesService, tmp_path: Path) -> None:
    folder = tmp_path / "it's a [dir]*; DROP TABLE x"
    folder.mkdir()
    (folder / "z=1").mkdir()
    (folder / "da.parquet").write_bytes(b"decoy of the glob")
    path = folder / "z=1" / "d[ab]*?'\".parquet"
    table = pa.table(
        {
            "id\"'; --": ["x'; DROP TABLE views; --", "y"],
            "at; DROP": pa.array([START, START]),
            **{name: [number, -number] for number, name in enumerate(HOSTILE)},
        }
    )
    pq.write_table(table, path)
    hostile = {"entities": ["id\"'; --"], "timestamp": "at; DROP"}
    (made,) = service.apply([view(path, name="a-b.c_d", **hostile)], owner="'; DROP TABLE feature_views; --")
    assert [one.name for one in made.features] == HOSTILE
    service.materialize("a-b.c_d")
    key = {"id\"'; --": "x'; DROP TABLE views; --"}
    wanted = {name: number for number, name in enumerate(HOSTILE)}
    assert service.online("a-b.c_d", [key]) == [{**key, **wanted}]
    joined = service.historical(pd.DataFrame({**{k: [v] for k, v in key.items()}, "event_time": [START]}), ["a-b.c_d"])
    assert joined[HOSTILE].to_dict("records") == [wanted]
    assert service.list().items == [service.get("a-b.c_d")]
    with pytest.raises(MLPlatError):
        service.get("x'; DROP TABLE feature_views; --")
    with pytest.raises(Invalid):
        service.apply([view(tmp_path / "nul\0.parquet")], owner="ada")
