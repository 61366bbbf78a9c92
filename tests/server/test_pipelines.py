"""Pipelines over HTTP. No engine is started here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.platform import Platform

from .conftest import Ask


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue in which nothing moves."""
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)


def body(notebook: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "nightly",
        "nodes": {
            "second": {"notebook": notebook, "parameters": {"x": {"from": "first.results.x"}}},
            "first": {"notebook": notebook, "parameters": {"x": {"from": "parameters.x"}}},
        },
        "parameters": {"x": 3},
        **more,
    }


async def test_a_pipeline_is_made_shown_and_cancelled(ask: Ask, notebook: str) -> None:
    headers = {"Idempotency-Key": "one"}
    made = await ask("POST", "pipelines", body=body(notebook), headers=headers)
    assert made.status == 201, made.body
    pipeline = made.json
    assert made.headers["Location"].endswith(f"/mlplat/api/v1/pipelines/{pipeline['id']}")
    assert (pipeline["state"], pipeline["counts"], pipeline["parameters"]) == ("running", {"waiting": 2}, {"x": 3})
    assert [(one["name"], one["needs"], one["state"]) for one in pipeline["nodes"]] == [
        ("first", [], None), ("second", ["first"], None),
    ]  # fmt: skip
    assert (await ask("POST", "pipelines", body=body(notebook), headers=headers)).json == pipeline
    assert (await ask("GET", "pipelines", pipeline["id"])).json == pipeline
    listed = (await ask("GET", "pipelines", params={"limit": "1"})).json
    assert listed == {"items": [{**pipeline, "nodes": []}], "next": None}
    assert (await ask("GET", "pipelines", params={"owner": "nobody"})).json["items"] == []
    assert (await ask("GET", "jobs", params={"pipeline": pipeline["id"]})).json["items"] == []
    said = (await ask("POST", "pipelines", pipeline["id"], "retry")).error(409)
    assert said["message"] == f"pipeline {pipeline['id']} is running"
    assert (await ask("POST", "pipelines", pipeline["id"], "cancel")).status == 200


async def test_paths_stay_inside_the_root(ask: Ask, notebook: str, jp_root_dir: Path, tmp_path: Path) -> None:
    (jp_root_dir / "out.ipynb").symlink_to(tmp_path / "elsewhere.ipynb")
    for path in ("../small.ipynb", "/etc/passwd", "out.ipynb", "none.ipynb", "work", "~/small.ipynb"):
        asked = body(notebook)
        asked["nodes"]["second"]["notebook"] = path
        said = (await ask("POST", "pipelines", body=asked)).error(422)
        assert list(said["fields"]) == ["nodes.second.notebook"], said
        assert str(tmp_path) not in str(said)
    assert (await ask("GET", "pipelines")).json["items"] == []


async def test_what_cannot_run_is_named(ask: Ask, notebook: str) -> None:
    node = {"notebook": notebook}
    for nodes, field in (
        ({}, "nodes"),
        ({"a b": node}, "nodes.a b"),
        ({f"n{number}": node for number in range(201)}, "nodes"),
        ({"a": {**node, "needs": ["b"]}}, "nodes.a.needs"),
        ({"a": {**node, "needs": ["b"]}, "b": {**node, "needs": ["a"]}}, "nodes.a.needs"),
        ({"a": {**node, "parameters": {"x": {"from": "b"}}}}, "nodes.a.parameters.x"),
        ({"a": {**node, "parameters": {"x": "one"}}}, "nodes.a.parameters.x"),
        ({"a": {**node, "retries": "3"}}, "nodes.a.retries"),
        ({"a": {**node, "colour": "red"}}, "nodes.a.colour"),
    ):
        said = (await ask("POST", "pipelines", body={"name": "n", "nodes": nodes})).error(422)
        assert any(name.startswith(field) for name in said["fields"]), said
    assert (await ask("GET", "pipelines")).json["items"] == []
    for unknown in (("9",), ("9", "cancel"), ("9", "retry")):
        (await ask("POST" if len(unknown) > 1 else "GET", "pipelines", *unknown)).error(404)
