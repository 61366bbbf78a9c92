"""Status, the OpenAPI document and the metrics."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from jupyter_mlplat.models import GPU
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.processes import host_id, start_time
from jupyter_mlplat.server import routes
from jupyter_mlplat.server.app import MLPlatExtension
from jupyter_mlplat.services.status import engine_died, living_engine
from jupyter_mlplat.store import tables

from .conftest import Ask

# --- status ---------------------------------------------------------------------------------------


async def test_status_says_what_is_there_and_what_is_not(ask: Ask) -> None:
    status = (await ask("GET", "status")).json
    assert status["api"] == 1
    assert status["engine"] is None
    assert status["running"] == {"jobs": 0, "queued": 0, "deployments": 0, "leases": 0}
    parts = {part["name"]: part for part in status["parts"]}
    assert parts["store"]["available"]
    assert parts["backend"]["available"]
    for part in parts.values():
        assert part["available"] or part["hint"], f"{part['name']} is missing, and there is no hint"


def test_status_is_quick_and_imports_nothing_heavy(platform: Platform) -> None:
    platform.status()
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        platform.status()
        taken.append(time.perf_counter() - begin)
    assert min(taken) < 0.1, taken


def test_status_shows_no_password(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.tracking_uri = "https://ada:hunter2@mlflow.example.org"
    assert "hunter2" not in platform.status().model_dump_json()


def test_a_store_that_does_not_answer_is_a_part_that_says_so(platform: Platform) -> None:
    platform.db_url = "postgresql://ada:hunter2@127.0.0.1:1/none"
    status = platform.status()
    (store,) = (part for part in status.parts if part.name == "store")
    assert not store.available
    assert store.hint
    assert "hunter2" not in status.model_dump_json()


def _lease(
    platform: Platform, pid: int, started: float, *, expires_in: float, host: str, stop: str | None = None
) -> None:
    from datetime import timedelta

    now = platform.clock.now()
    with platform.store.write() as transaction:
        transaction.connection.execute(
            insert(tables.engine).values(
                id=1,
                holder="test",
                host=host,
                pid=pid,
                pid_started=started,
                since=now,
                expires=now + timedelta(seconds=expires_in),
                stop_requested=stop,
            )
        )


def test_an_engine_here_lives_while_its_process_does(platform: Platform) -> None:
    import os

    assert not engine_died(platform.store, now=platform.clock.now())
    started = start_time(os.getpid())
    assert started is not None
    _lease(platform, os.getpid(), started, expires_in=-60, host=host_id())
    engine = living_engine(platform.store, now=platform.clock.now())
    assert engine is not None
    assert engine.pid == os.getpid()
    assert not engine_died(platform.store, now=platform.clock.now())


@pytest.mark.parametrize(("expires_in", "lives"), [(5.0, True), (-1.0, False)])
def test_an_engine_elsewhere_lives_while_its_lease_does(platform: Platform, expires_in: float, lives: bool) -> None:
    _lease(platform, 1, 0.0, expires_in=expires_in, host="elsewhere:boot")
    assert (living_engine(platform.store, now=platform.clock.now()) is not None) == lives
    assert engine_died(platform.store, now=platform.clock.now()) != lives


def test_an_engine_that_was_asked_to_leave_has_not_died(platform: Platform) -> None:
    _lease(platform, 2**22 + 1, 0.0, expires_in=-1, host=host_id(), stop="wait")
    assert not engine_died(platform.store, now=platform.clock.now())


# --- OpenAPI --------------------------------------------------------------------------------------

HTTP_VERBS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values())) if node else own
    if isinstance(node, list):
        return set().union(*(references(value) for value in node)) if node else set()
    return set()


async def test_the_openapi_document_is_valid(ask: Ask) -> None:
    """The rules of OpenAPI 3.1.0 (https://spec.openapis.org/oas/v3.1.0) that our document can break."""
    document = (await ask("GET", "openapi.json")).json
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(document["info"])
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
        Draft202012Validator.check_schema(schema)
    for reference in references(document):
        assert reference.startswith("#/components/schemas/")
        assert reference.rpartition("/")[2] in schemas, reference
    used = {reference.rpartition("/")[2] for reference in references(document)}
    assert used == set(schemas), "a schema that nothing refers to"
    operations = []
    for path, item in document["paths"].items():
        assert path.startswith("/")
        assert set(item) <= HTTP_VERBS | {"parameters", "servers", "summary", "description"}
        shared = item.get("parameters", [])
        assert {one["name"] for one in shared} == set(re.findall(r"\{(\w+)\}", path))
        for verb in HTTP_VERBS & set(item):
            operation = item[verb]
            operations.append(operation["operationId"])
            assert operation["summary"]
            parameters = shared + operation.get("parameters", [])
            assert len({(one["name"], one["in"]) for one in parameters}) == len(parameters)
            for parameter in parameters:
                assert parameter["in"] in ("path", "query", "header")
                assert parameter["required"] or parameter["in"] != "path"
                assert {"name", "in", "schema"} <= set(parameter)
                Draft202012Validator.check_schema(parameter["schema"])
            assert operation["responses"]
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d", status)
                assert response["description"]
                for media in response["content"].values():
                    Draft202012Validator.check_schema(media["schema"])
            assert any(status.startswith("2") for status in operation["responses"])
    assert len(set(operations)) == len(operations)
    for requirement in document["security"]:
        assert set(requirement) <= set(document["components"]["securitySchemes"])


async def test_the_openapi_document_has_every_route_and_nothing_else(ask: Ask) -> None:
    document = (await ask("GET", "openapi.json")).json
    described = {(path, verb) for path, item in document["paths"].items() for verb in HTTP_VERBS & set(item)}
    assert described == {(route.path, verb) for route in routes.ROUTES for verb in route.operations}
    assert document["paths"]["/metrics"]["servers"][0]["url"].endswith("/mlplat")
    assert document["servers"][0]["url"].endswith("/mlplat/api/v1")


async def test_answers_are_as_the_openapi_document_says(ask: Ask) -> None:
    document = (await ask("GET", "openapi.json")).json
    for path in ("/status", "/gpus", "/leases", "/jobs", "/features/views", "/deployments", "/openapi.json"):
        answer = await ask("GET", *path.strip("/").split("/"))
        assert answer.status == 200, answer.body
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)
    error = await ask("GET", "jobs", params={"limit": "0"})
    Draft202012Validator(document["components"]["schemas"]["Error"]).validate(error.error(422))


# --- metrics --------------------------------------------------------------------------------------


async def metrics(jp_fetch: Any) -> dict[str, float]:
    answer = await jp_fetch("mlplat", "metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        assert family.name.startswith("mlplat_")
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def test_metrics_count_what_stands_in_the_store(jp_fetch: Any, ask: Ask) -> None:
    for _ in range(2):
        await ask("GET", "jobs")
    await ask("GET", "jobs", "999")
    found = await metrics(jp_fetch)
    assert found["mlplat_store_up"] == 1
    assert found["mlplat_engine_alive"] == 0
    assert found["mlplat_jobs{state=queued}"] == 0
    assert found["mlplat_deployments{state=ready}"] == 0
    assert "mlplat_gpus" in found
    route = "route=/mlplat/api/v1/jobs,status=200"
    assert found[f"mlplat_http_request_duration_seconds_count{{method=GET,{route}}}"] == 2
    assert found[f"mlplat_http_request_duration_seconds_sum{{method=GET,{route}}}"] > 0
    missing = "method=GET,route=/mlplat/api/v1/jobs/{id},status=404"
    assert found[f"mlplat_http_request_duration_seconds_count{{{missing}}}"] == 1


async def test_metrics_of_a_store_that_fails_say_so(jp_fetch: Any, ask: Ask, extension: MLPlatExtension) -> None:
    await ask("GET", "jobs")
    platform = await extension.door.platform()
    with platform.store.write() as transaction:
        transaction.connection.exec_driver_sql("ALTER TABLE jobs RENAME TO gone")
    found = await metrics(jp_fetch)
    assert found["mlplat_store_up"] == 0


# --- GPUs -----------------------------------------------------------------------------------------


class TwoGPUs:
    """A machine with two devices."""

    name = "fake"

    def devices(self) -> list[GPU]:
        return [
            GPU(index=index, uuid=f"GPU-{index}", name="Fake", memory_total_bytes=2**34, memory_used_bytes=2**30)
            for index in range(2)
        ]


async def test_gpus_are_shown_with_who_holds_and_who_waits(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, jp_fetch: Any
) -> None:
    monkeypatch.setattr(Platform, "gpus_source", TwoGPUs())
    for asked in ({"devices": ["GPU-0"]}, {"devices": ["GPU-1"]}, {"count": 2}, {"devices": ["GPU-1"]}):
        assert (await ask("POST", "leases", body=asked)).status == 201
        if asked == {"devices": ["GPU-0"]}:
            await ask("DELETE", "leases", "1")
    gpus = (await ask("GET", "gpus")).json
    assert [device["lease"] and device["lease"]["id"] for device in gpus["devices"]] == [None, "2"]
    assert [(lease["id"], lease["position"]) for lease in gpus["queue"]] == [("3", 1), ("4", 2)]
    assert gpus["message"] is None
    first = (await ask("GET", "leases", params={"limit": "2"})).json
    assert [lease["id"] for lease in first["items"]] == ["2", "3"]
    rest = (await ask("GET", "leases", params={"after": first["next"]})).json
    assert [lease["id"] for lease in rest["items"]] == ["4"]
    assert rest["items"][0]["position"] == 2
    assert rest["next"] is None
    assert (await metrics(jp_fetch))["mlplat_gpu_memory_used_bytes{name=Fake,uuid=GPU-0}"] == 2**30


async def test_a_machine_without_gpus_says_why(ask: Ask) -> None:
    gpus = (await ask("GET", "gpus")).json
    assert gpus["source"] == "nvml"
    assert gpus["devices"] or gpus["message"]
    assert json.dumps(gpus)
