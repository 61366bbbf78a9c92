"""Finding runs: MLflow's filters and orders, what ours adds to them, and a copy that follows MLflow's file."""

from __future__ import annotations

import math
import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Run
from jupyter_mlplat.services.runs import RunsService, finding
from jupyter_mlplat.services.runs import index as copies
from jupyter_mlplat.services.runs.filter import All, AnyOf, Comparison, Field, Not, Term, parse_filter, parse_order
from jupyter_mlplat.store import Store

from ..conftest import copy_mlflow

KEYS = ["a", "b c", "f1/score", "mlflow.x", "ärger", "AND", "`"[:0] + "it's"]
TEXTS = ["forest", "Forest", "a%b", "50", "", "\N{SNOWMAN}", "x' OR 1=1 --", "mañana"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[RunsService]:
    home = Home(tmp_path_factory.mktemp("search")).ensure()
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


@pytest.fixture(params=["copy", "client"])
def module_runs(request: pytest.FixtureRequest, searched: RunsService, monkeypatch: pytest.MonkeyPatch) -> RunsService:
    """Both ways of finding: in our copy, and with MLflow's search where its tables are not known."""
    if request.param == "client":
        monkeypatch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
    return searched


@pytest.fixture(scope="module")
def sixty(searched: RunsService) -> list[Run]:
    """Sixty runs in three experiments with metrics, parameters and tags of all kinds, some deleted."""
    from mlflow.entities import Metric, Param, RunTag

    dice = random.Random(7)
    client = searched.client()
    experiments = ["0", client.create_experiment("two"), client.create_experiment("three")]
    for number in range(60):
        name = dice.choice(["night", "Night", "day 1"])
        run = client.create_run(dice.choice(experiments), start_time=1000 + number // 3, run_name=name).info.run_id
        values = [0.0, 0.5, 1.0, 2.0, -1.0, math.nan, math.inf, 1e-9]
        client.log_batch(
            run,
            metrics=[Metric(key, dice.choice(values), 1, 0) for key in KEYS[:3] if dice.random() < 0.7],
            params=[Param(key, dice.choice(TEXTS) or "-") for key in KEYS[:2] if dice.random() < 0.7],
            tags=[RunTag(key, dice.choice(TEXTS)) for key in ("a", "b c", "mlflow.x") if dice.random() < 0.7],
        )
        if dice.random() < 0.8:
            client.set_terminated(run, dice.choice(["FINISHED", "FAILED", "KILLED"]), end_time=2000 + number // 2)
        if dice.random() < 0.1:
            client.delete_run(run)
    return every(searched)


def every(runs: RunsService, **search: Any) -> list[Run]:
    """All pages of a search, seven at a time."""
    found: list[Run] = []
    after = None
    while True:
        page = runs.list(limit=7, after=after, **search)
        found += page.items
        after = page.next
        if after is None:
            return found
        assert len(page.items) == 7


def theirs(runs: RunsService, filter: str = "", order: list[str] | None = None) -> list[Any]:
    client = runs.client()
    experiments = [one.experiment_id for one in client.search_experiments()]
    return list(client.search_runs(experiments, filter, order_by=order, max_results=1000))


# --- as MLflow does ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filter",
    [
        "",
        "metrics.a > 0.4",
        "metric.a >= 0.5 and metrics.`b c` != 1",
        "metrics.a = 1e-9",
        'params.a = "forest"',
        "params.a != 'forest'",
        "params.a LIKE '%ore%'",
        "params.a ILIKE 'FOREST'",
        "params.`b c` LIKE 'a\\%'",
        "tags.a = '50' AND metrics.a <= 1 AND attributes.status = 'FINISHED'",
        "tags.mlflow.x ILIKE 'F%'",
        "tags.\"b c\" = '\N{SNOWMAN}'",
        "status != 'RUNNING'",
        "attributes.status = 'RUNNING'",
        "run_name LIKE 'N%'",
        "attributes.`run name` = 'night'",
        "attributes.start_time > 1010",
        "attributes.end_time <= 2015",
        "metrics.missing > 0",
        "params.missing = 'x'",
        "metrics.`f1/score` < 0 and params.a = 'forest' and tags.a != 'forest'",
    ],
)
def test_a_filter_finds_what_mlflow_finds(module_runs: RunsService, sixty: list[Run], filter: str) -> None:
    ours = {run.id for run in every(module_runs, filter=filter)}
    # MLflow takes NaN as 0.
    known = {name for name in ("a", "b c", "f1/score") if f"metrics.{name} " in filter.replace("`", "")}
    assert ours == {
        run.info.run_id
        for run in theirs(module_runs, filter)
        if not any(math.isnan(run.data.metrics.get(name, 0.0)) for name in known)
    }


@pytest.mark.parametrize(
    "field",
    ["metrics.a", "metrics.`f1/score`", "params.a", "tags.`b c`", "metrics.no"]
    + [f"attributes.{name}" for name in ("start_time", "end_time", "status", "run_name")],
)
@pytest.mark.parametrize("way", ["ASC", "DESC"])
def test_an_order_is_as_mlflow_has_it(module_runs: RunsService, sixty: list[Run], field: str, way: str) -> None:
    """But for runs of one value, which MLflow puts in the order of their start."""
    reference = theirs(module_runs, "", [f"{field} {way}"])
    ours = every(module_runs, order_by=[f"{field} {way}"])
    key = _value(field)
    assert [key(run) for run in ours] == [key(_ours(run, sixty)) for run in reference]
    assert sorted(run.id for run in ours) == sorted(run.info.run_id for run in reference)


def _ours(run: Any, known: list[Run]) -> Run:
    return next(one for one in known if one.id == run.info.run_id)


def _value(field: str) -> Callable[[Run], Any]:
    kind, _, key = field.partition(".")
    key = key.strip("`")
    if kind == "attributes":
        name = {"start_time": "started_at", "end_time": "ended_at", "status": "status", "run_name": "name"}[key]
        return lambda run: getattr(run, name)
    if kind == "metrics":
        # NaN is shown as none; an infinite one as none, too, but stands with the largest.
        return lambda run: (key in run.metrics, run.metrics.get(key))
    return lambda run: (run.parameters if kind == "params" else run.tags).get(key)


def test_several_orders_at_once(module_runs: RunsService, sixty: list[Run]) -> None:
    order = ["params.a", "metrics.a DESC", "attributes.status ASC"]
    reference = theirs(module_runs, "metrics.a > 0", order)
    ours = every(module_runs, filter="metrics.a > 0", order_by=order)
    keys = [_value("params.a"), _value("metrics.a"), _value("attributes.status")]
    assert [[key(run) for key in keys] for run in ours] == [
        [key(_ours(run, sixty)) for key in keys] for run in reference
    ]


# --- what ours adds ---------------------------------------------------------------------------------


def fields() -> st.SearchStrategy[Field]:
    return st.one_of(
        st.builds(Field, st.just("metrics"), st.sampled_from([*KEYS[:3], "missing"])),
        st.builds(Field, st.sampled_from(["params", "tags"]), st.sampled_from(["a", "b c", "mlflow.x", "missing"])),
        st.builds(Field, st.just("attributes"), st.sampled_from(["status", "run_name", "start_time", "end_time"])),
    )


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(fields())
    if field.is_number:
        low = field.kind == "metrics"
        numbers = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0] if low else [1000.0, 1010.0, 2010.0, 2020.0])
        operator = draw(st.sampled_from(["<", "<=", "=", "!=", ">=", ">", "IN", "NULL"]))
        values: Any = numbers
    else:
        operator = draw(st.sampled_from(["=", "!=", "LIKE", "ILIKE", "IN", "NULL"]))
        values = st.sampled_from(
            [*(text for text in TEXTS if "'" not in text), "%o%", "_0", "FINISHED", "night", "NIGHT"]
        )
    count = 0 if operator == "NULL" else draw(st.integers(1, 3)) if operator == "IN" else 1
    return Comparison(field, operator, tuple(draw(values) for _ in range(count)))


TERMS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: All(tuple(terms))),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: AnyOf(tuple(terms))),
    ),
    max_leaves=6,
)


def written(term: Term) -> str:
    """A term as a user would write it."""
    match term:
        case Not(term=inner):
            return f"NOT ({written(inner)})"
        case All(terms=terms):
            return "(" + " AND ".join(map(written, terms)) + ")"
        case AnyOf(terms=terms):
            return "(" + " or ".join(map(written, terms)) + ")"
        case Comparison(field=field, operator=operator, values=values):
            name = f"{field.kind}.`{field.key}`"
            shown = [repr(one) if isinstance(one, float) else f"'{one}'" for one in values]
            if operator == "NULL":
                return f"{name} IS NULL"
            return f"{name} in ({', '.join(shown)})" if operator == "IN" else f"{name} {operator} {shown[0]}"


def holds(term: Term, run: Any) -> bool:
    """The meaning of a term, said once more and plainly; `run` is MLflow's."""
    match term:
        case Not(term=inner):
            return not holds(inner, run)
        case All(terms=terms):
            return all(holds(one, run) for one in terms)
        case AnyOf(terms=terms):
            return any(holds(one, run) for one in terms)
        case Comparison(field=field, operator=operator, values=values):
            if field.kind == "attributes":
                value = getattr(run.info, field.key)
            else:
                value = getattr(run.data, field.kind).get(field.key)
            if operator == "NULL":
                return value is None
            if value is None or (isinstance(value, float) and math.isnan(value)):
                return False
            if operator in ("LIKE", "ILIKE"):
                pattern = re.escape(str(values[0])).replace("%", ".*").replace("_", ".")
                flags = re.DOTALL | (re.IGNORECASE if operator == "ILIKE" else 0)
                return re.fullmatch(pattern, value, flags) is not None
            if operator == "IN":
                return value in values
            return bool(
                {
                    "<": lambda one: value < one, "<=": lambda one: value <= one, "=": lambda one: value == one,
                    "!=": lambda one: value != one, ">=": lambda one: value >= one, ">": lambda one: value > one,
                }[operator](values[0])
            )  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(term=TERMS)
def test_a_filter_means_what_it_says(module_runs: RunsService, sixty: list[Run], term: Term) -> None:
    assert parse_filter(written(term)) == _flat(term)
    known = _everything(module_runs)
    found = module_runs.list(filter=written(term), limit=1000)
    assert {run.id for run in found.items} == {run.info.run_id for run in known if holds(term, run)}


_known: list[Any] = []


def _everything(runs: RunsService) -> list[Any]:
    if not _known:
        _known.extend(theirs(runs))
    return _known


def _flat(term: Term) -> Term:
    """What the parser makes of the parentheses that `written` makes."""
    match term:
        case Not(term=inner):
            return Not(_flat(inner))
        case All(terms=terms):
            return All(tuple(map(_flat, terms)))
        case AnyOf(terms=terms):
            return AnyOf(tuple(map(_flat, terms)))
        case Comparison():
            return term


@pytest.mark.parametrize("few", [0, 1_000_000])
def test_both_ways_to_look_find_the_same(
    module_runs: RunsService, sixty: list[Run], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters = ["metrics.a > 0.4", "NOT params.a = 'forest' AND metrics.`b c` < 1", "tags.a = '50' OR tags.a IS NULL"]
    before = [[run.id for run in every(module_runs, filter=one)] for one in filters]
    monkeypatch.setattr(finding, "FEW", few)
    assert [[run.id for run in every(module_runs, filter=one)] for one in filters] == before


@pytest.mark.parametrize(
    "filter",
    [
        "metrics.auc",
        "metrics.auc >",
        "> 1",
        "metrics.auc > 'a'",
        "metrics.auc LIKE 'a'",
        "params.a > 'b'",
        "params.a = b",
        "params.a = 1",
        "params.a IN ()",
        "params.a IN ('a'",
        "params.a IN 'a'",
        "(metrics.a > 1",
        "metrics.a > 1)",
        "metrics.a > 1 metrics.b > 2",
        "metrics.a > 1 AND",
        "OR metrics.a > 1",
        "NOT",
        "metrics.a NOT 1",
        "x.a = 'b'",
        "params.a = 'b",
        "metrics.a > 1; DROP TABLE runs",
        "metrics.a > 1 --",
        "attributes.nothing = 'a'",
        "params. = 'a'",
        "metrics.a > 1e",
        "metrics.a IS 1",
        "metrics.a > nan",
        "\u2603",
        "metrics.`a = 1",
        "params.`` = 'a'",
        "(" * 60 + "metrics.a > 1" + ")" * 60,
        "NOT " * 60 + "metrics.a > 1",
        " OR ".join(["metrics.a > 1"] * 101),
    ],
)
def test_a_filter_that_cannot_be_read_says_where(module_runs: RunsService, filter: str) -> None:
    with pytest.raises(Invalid) as error:
        module_runs.list(filter=filter)
    assert error.value.message.startswith("the filter cannot be read: ")
    assert set(error.value.fields) == {"filter"}
    assert error.value.hint.startswith("for example: ")


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="metricspa.`'\"()<>=!0129 ANDORILKEU,_-%\n\u202e", max_size=40))
def test_whatever_somebody_types_is_read_or_refused(text: str) -> None:
    for read in (parse_filter, lambda one: parse_order([one])):
        try:
            read(text)
        except Invalid:
            continue


# --- the cursor -------------------------------------------------------------------------------------


def test_a_cursor_is_of_one_search(module_runs: RunsService, sixty: list[Run]) -> None:
    import base64
    import json

    cursor = module_runs.list(limit=5).next
    assert cursor is not None
    mark = json.loads(base64.urlsafe_b64decode(cursor))[0]
    made = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in (
        [mark], [mark, 0, 1], [mark, 9, 1, 1], [mark, 0, [1], 1], [mark, 0, 1, "x"], {"a": 1}, 5, [mark, True, {}, 1],
    )]  # fmt: skip
    for wrong in ("", "!!", "\N{SNOWMAN}", cursor[:-4], *made):
        if wrong == "":
            continue
        with pytest.raises(Invalid, match="the cursor cannot be read"):
            module_runs.list(limit=5, after=wrong)
    with pytest.raises(Invalid, match="another search"):
        module_runs.list(limit=5, after=cursor, filter="metrics.a > 0")
    counted = module_runs.list(limit=5, order_by=["metrics.a", "params.a"]).next
    with pytest.raises(Invalid, match="cursor"):
        module_runs.list(limit=5, after=counted)


def test_a_page_follows_the_one_before_though_runs_came_meanwhile(module_runs: RunsService, sixty: list[Run]) -> None:
    first = module_runs.list(limit=10)
    new = module_runs.client().create_run("0").info.run_id
    second = module_runs.list(limit=10, after=first.next)
    if module_runs._tracking.tables() is not None:
        assert [run.id for run in (*first.items, *second.items)] == [run.id for run in sixty[:20]]
    else:  # MLflow counts from the first run on: one comes twice, none is lost
        assert second.items[0].id == first.items[-1].id
        assert len({run.id for run in (*first.items, *second.items)}) == 19
    assert module_runs.list(limit=1).items[0].id == new
    module_runs.client().delete_run(new)


# --- the copy ---------------------------------------------------------------------------------------


@pytest.fixture
def runs(home: Home, mlflow_database: Path) -> Iterator[RunsService]:
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


def test_what_changes_in_mlflow_is_found_at_once(runs: RunsService) -> None:
    client = runs.client()

    def found(filter: str) -> int:
        return len(runs.list(filter=filter).items)

    run = client.create_run("0", run_name="one").info.run_id
    assert found("status = 'RUNNING'") == 1
    client.log_metric(run, "a", 1.0, step=0)
    assert (found("metrics.a = 1"), found("metrics.a = 2")) == (1, 0)
    client.log_metric(run, "a", 2.0, step=1)
    assert (found("metrics.a = 1"), found("metrics.a = 2")) == (0, 1)
    client.log_metric(run, "a", 1.0, step=0, timestamp=5)  # an older step is not the last value
    assert found("metrics.a = 2") == 1
    client.log_metric(run, "a", math.nan, step=2)
    assert (found("metrics.a > -1"), found("metrics.a IS NULL")) == (0, 0)
    client.log_param(run, "p", "x")
    client.set_tag(run, "t", "old")
    assert found("params.p = 'x' AND tags.t = 'old'") == 1
    client.set_tag(run, "t", "new")
    assert (found("tags.t = 'old'"), found("tags.t = 'new'")) == (0, 1)
    client.delete_tag(run, "t")
    assert (found("tags.t = 'new'"), found("tags.t IS NULL")) == (0, 1)
    client.set_terminated(run, "FAILED")
    assert (found("status = 'RUNNING'"), found("status = 'FAILED'")) == (0, 1)
    client.update_run(run, name="two")
    assert found("run_name = 'two'") == 1
    client.update_run(run, status="RUNNING")
    assert found("status = 'RUNNING'") == 1
    client.delete_run(run)
    assert found("") == 0
    client.restore_run(run)
    assert found("") == 1


def test_runs_that_are_gone_for_good_are_forgotten(runs: RunsService) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    client = runs.client()
    ids = [client.create_run("0").info.run_id for _ in range(5)]
    for number, id in enumerate(ids):
        client.log_metric(id, "a", number)
        client.set_tag(id, "t", str(number))
    assert len(runs.list(filter="metrics.a >= 0").items) == 5
    store = SqlAlchemyStore(runs.tracking_uri, "unused")
    for id in (ids[1], ids[4]):
        client.delete_run(id)
        store._hard_delete_run(id)
    left = [ids[3], ids[2], ids[0]]
    assert [run.id for run in runs.list(order_by="metrics.a DESC").items] == left
    # Packing gives rows other numbers, and a new run the number of one that is gone.
    import sqlite3

    connection = sqlite3.connect(runs._tracking.path or "")
    connection.execute("VACUUM")
    connection.close()
    new = client.create_run("0").info.run_id
    client.log_metric(new, "a", 2.5)
    client.set_tag(new, "t", "new")
    assert [run.id for run in runs.list(order_by="metrics.a DESC").items] == [ids[3], new, ids[2], ids[0]]
    assert [run.id for run in runs.list(filter="tags.t IN ('2', 'new')", order_by="tags.t").items] == [ids[2], new]


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 1000, None])
def test_a_copy_that_is_damaged_or_of_another_file_is_made_anew(runs: RunsService, damage: bytes | None) -> None:
    client = runs.client()
    run = client.create_run("0").info.run_id
    assert [one.id for one in runs.list().items] == [run]
    index = runs._tracking.home.index
    for ending in ("-wal", "-shm"):
        index.with_name(index.name + ending).unlink(missing_ok=True)
    if damage is None:
        # MLflow's file was put back from a backup: another file of that name.
        source = runs._tracking.path
        assert source is not None
        client.log_metric(run, "a", 1.0)
        source.with_name("copy.db").write_bytes(b"")
        import sqlite3

        backup = sqlite3.connect(source.with_name("copy.db"))
        sqlite3.connect(source).backup(backup)
        backup.close()
        for ending in ("-wal", "-shm"):
            source.with_name(source.name + ending).unlink(missing_ok=True)
        source.with_name("copy.db").replace(source)
        assert [one.id for one in runs.list(filter="metrics.a = 1").items] == [run]
        return
    index.write_bytes(damage)
    assert [one.id for one in runs.list().items] == [run]


def test_a_large_copy_looks_at_everything_now_and_then(runs: RunsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "FEW_ROWS", 0)
    client = runs.client()
    run = client.create_run("0").info.run_id
    client.set_tag(run, "t", "old")
    assert len(runs.list(filter="tags.t = 'old'").items) == 1
    client.set_tag(run, "t", "new")
    # Not noticed yet; what is shown is MLflow's all the same.
    (shown,) = runs.list(filter="tags.t = 'old'").items
    assert shown.tags["t"] == "new"
    # New things and the end of a running one are.
    client.log_metric(run, "a", 1.0)
    client.set_terminated(run, "FINISHED")
    assert len(runs.list(filter="metrics.a = 1 AND status = 'FINISHED'").items) == 1
    client.delete_run(run)
    assert runs.list().items == []
    monkeypatch.setattr(copies, "DEEP_S", 0.0)
    client.restore_run(run)
    client.set_tag(run, "t", "newest")
    assert len(runs.list(filter="tags.t = 'newest'").items) == 1


def test_many_readers_and_a_writer(runs: RunsService) -> None:
    client = runs.client()
    wrong: list[Exception] = []
    done = threading.Event()

    def read(service: RunsService) -> None:
        while not done.is_set():
            try:
                page = service.list(filter="metrics.a >= 0", order_by="metrics.a DESC", limit=1000)
                assert [run.metrics["a"] for run in page.items] == sorted(
                    (run.metrics["a"] for run in page.items if run.metrics["a"] is not None), reverse=True
                )
            except Exception as error:  # noqa: BLE001 - it is told below
                wrong.append(error)
                return

    home, store = runs._tracking.home, runs._store
    services = [runs, *(RunsService(runs.tracking_uri, home, store) for _ in range(3))]
    threads = [threading.Thread(target=read, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for number in range(40):
        run = client.create_run("0").info.run_id
        client.log_metric(run, "a", number % 7)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(runs.list(limit=1000).items) == 40
