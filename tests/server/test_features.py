"""Feature views over HTTP: define, load, read at a time and now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Ask

VIEW = {"name": "customers", "source": "data/customers.csv", "entities": ["id"], "timestamp": "at"}


@pytest.fixture
def table(jp_root_dir: Path) -> Path:
    (jp_root_dir / "data").mkdir()
    path = jp_root_dir / "data" / "customers.csv"
    path.write_text(
        "id,at,spent,city\n"
        "1,2026-01-01T00:00:00Z,10.5,Berlin\n"
        "1,2026-02-01T00:00:00Z,20.5,Paris\n"
        "2,2026-01-15T00:00:00Z,,Rome\n"
    )
    return path


async def test_a_view_is_defined_loaded_and_read(ask: Ask, table: Path) -> None:
    made = await ask("POST", "features", "views", body=VIEW)
    assert made.status == 201, made.body
    assert made.headers["Location"].endswith("/features/views/customers")
    assert made.json["source"] == str(table)
    assert (await ask("GET", "features", "views", "customers")).json["name"] == "customers"
    assert [one["name"] for one in (await ask("GET", "features", "views")).json["items"]] == ["customers"]
    (await ask("POST", "features", "online", body={"view": "customers", "entities": [{"id": 1}]})).error(409)
    loaded = await ask("POST", "features", "materialize", body={"view": "customers"})
    assert loaded.status == 200, loaded.body
    assert loaded.json["rows"] == 3
    asked = {"view": "customers", "entities": [{"id": 1}, {"id": 9}, {"id": 2}]}
    rows = (await ask("POST", "features", "online", body=asked)).json["rows"]
    assert [row["city"] for row in rows] == ["Paris", None, "Rome"]
    assert [row["spent"] for row in rows] == [20.5, None, None]


async def test_a_join_gives_what_was_known_then_row_for_row(ask: Ask, table: Path) -> None:
    await ask("POST", "features", "views", body=VIEW)
    entities: list[dict[str, Any]] = [
        {"id": 1, "event_time": "2026-01-20T00:00:00Z", "label": "a"},
        {"id": 2, "event_time": "2026-01-01T00:00:00Z", "label": None},
        {"id": 1, "event_time": "2026-03-01T01:00:00+01:00", "label": "c"},
    ]
    body = {"entities": entities, "features": ["customers:spent", "customers:city"]}
    answer = await ask("POST", "features", "historical", body=body)
    assert answer.status == 200, answer.body
    rows = answer.json["rows"]
    assert [row["spent"] for row in rows] == [10.5, None, 20.5]
    assert [row["city"] for row in rows] == ["Berlin", None, "Paris"]
    assert [row["label"] for row in rows] == ["a", None, "c"]
    assert rows[2]["event_time"] == "2026-03-01T00:00:00Z"


async def test_several_views_are_all_or_nothing(ask: Ask, table: Path) -> None:
    second = VIEW | {"name": "second"}
    said = await ask("POST", "features", "views", body={"views": [VIEW, second | {"timestamp": "never"}]})
    assert said.error(422)["fields"]
    assert (await ask("GET", "features", "views")).json["items"] == []
    made = await ask("POST", "features", "views", body={"views": [VIEW, second]})
    assert made.status == 201
    assert [one["name"] for one in made.json["items"]] == ["customers", "second"]


async def test_entities_without_a_time_are_named(ask: Ask, table: Path) -> None:
    await ask("POST", "features", "views", body=VIEW)
    wrong: list[list[dict[str, Any]]] = [
        [],
        [{"id": 1}],
        [{"id": 1, "event_time": "yesterday"}],
        [{"id": 1, "event_time": "2026-01-01"}, {"id": 2}],
    ]
    for entities in wrong:
        body = {"entities": entities, "features": ["customers:spent"]}
        said = (await ask("POST", "features", "historical", body=body)).error(422)
        assert "entities" in said["fields"], entities


async def test_bad_sources_and_unknown_views(ask: Ask, table: Path) -> None:
    for source in ("../customers.csv", "/etc/passwd", "data/none.csv"):
        said = await ask("POST", "features", "views", body=VIEW | {"source": source})
        assert "source" in said.error(422)["fields"]
        said = await ask("POST", "features", "views", body={"views": [VIEW, VIEW | {"source": source}]})
        assert "views.1.source" in said.error(422)["fields"]
    (await ask("GET", "features", "views", "none")).error(404)
    (await ask("POST", "features", "materialize", body={"view": "none"})).error(404)
    (await ask("POST", "features", "online", body={"view": "none", "entities": [{"id": 1}]})).error(404)
