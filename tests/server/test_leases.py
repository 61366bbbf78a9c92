"""Leases over HTTP: asked for, shown, given back; and what is refused, with the field that is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from jupyter_mlplat.home import Home
from jupyter_mlplat.server.app import MLPlatExtension
from jupyter_mlplat.server.gpu_watch import GPUWatch
from jupyter_mlplat.store import tables

from ..gpus import fake_gpus
from .conftest import Ask


@pytest.fixture(autouse=True)
def gpus(extension: MLPlatExtension, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four A100, of which a user may have three; none where the test wants `no_gpu`."""
    # The server's configuration directory is another one than the test's, and is read at the first request.
    if "no_gpu" in request.fixturenames:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    else:
        fake_gpus("4xA100-80G", gpu_quota={"*": 3}, gpu_prices="prices.json")


@pytest.fixture
def no_gpu() -> None:
    """A machine without a GPU."""


def uuids(gpus: dict[str, Any]) -> list[str]:
    return [one["uuid"] for one in gpus["devices"]]


async def test_a_lease_is_asked_for_shown_and_given_back(ask: Ask) -> None:
    asked = {"count": 2, "gpu_type": "A100", "memory": 32 * 2**30, "label": "training", "pid": os.getpid()}
    made = await ask("POST", "leases", body=asked)
    assert made.status == 201, made.body
    lease = made.json
    assert made.headers["Location"].endswith(f"/mlplat/api/v1/leases/{lease['id']}")
    gpus = (await ask("GET", "gpus")).json
    assert {"id", "state", "devices", "owner", "position"} <= set(lease)
    assert (lease["state"], lease["devices"], lease["position"]) == ("granted", uuids(gpus)[:2], None)
    assert isinstance(lease["id"], str)
    assert (await ask("GET", "leases", lease["id"])).json == lease
    assert (await ask("GET", "leases")).json == {"items": [lease], "next": None}
    assert [one["lease"] for one in gpus["devices"]] == [lease, lease, None, None]
    queued = (await ask("POST", "leases", body={"count": 3})).json
    assert (queued["state"], queued["devices"], queued["position"]) == ("queued", [], 1)
    assert "quota" in queued["held_up"]
    assert (await ask("GET", "gpus")).json["queue"] == [queued]
    page = (await ask("GET", "leases", params={"limit": "1"})).json
    assert (page["items"], page["next"]) == ([lease], lease["id"])
    page = (await ask("GET", "leases", params={"limit": "1", "after": page["next"]})).json
    assert page == {"items": [queued], "next": None}

    ended = await ask("DELETE", "leases", lease["id"])
    assert (ended.status, ended.json["state"], ended.json["reason"]) == (200, "released", "released")
    assert (await ask("DELETE", "leases", lease["id"])).json == ended.json
    granted = (await ask("GET", "leases", queued["id"])).json
    assert (granted["state"], granted["held_up"]) == ("granted", None)
    assert granted["ends_at"] is not None, "it belongs to no process, so it has an end"
    waiting = (await ask("POST", "leases", body={"count": 2})).json
    assert (await ask("DELETE", "leases", waiting["id"])).json["reason"] == "cancelled"


async def test_an_idempotency_key_asks_once(ask: Ask) -> None:
    body = {"count": 1, "devices": uuids((await ask("GET", "gpus")).json)}
    first, second = [
        await ask("POST", "leases", body=body, headers={"Idempotency-Key": "of my client"}) for _ in range(2)
    ]
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert len((await ask("GET", "leases")).json["items"]) == 1
    said = await ask("POST", "leases", body={"count": 2}, headers={"Idempotency-Key": "of my client"})
    assert said.error(409)["hint"] == "use a new key for a new request"
    assert (await ask("POST", "leases", body=body, headers={"Idempotency-Key": "of another"})).json != first.json


async def test_many_at_once_share_what_there_is(ask: Ask) -> None:
    made = [one.json for one in await asyncio.gather(*(ask("POST", "leases", body={}) for _ in range(6)))]
    held = [uuid for one in made for uuid in one["devices"]]
    assert len(held) == len(set(held)) == 3
    assert sorted(one["position"] or 0 for one in made) == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": "1"}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": True}, "count"),
        ({"count": 5}, "count"),
        ({"memory": 10**30}, "memory"),
        ({"memory": -1}, "memory"),
        ({"memory": "much"}, "memory"),
        ({"memory": 81 * 2**30}, "memory"),
        ({"gpu_type": "H100"}, "gpu_type"),
        ({"gpu_type": "A\u0000"}, "gpu_type"),
        ({"gpu_type": ""}, "gpu_type"),
        ({"devices": []}, "devices"),
        ({"devices": ["GPU-none"]}, "devices"),
        ({"devices": ["GPU-1"], "count": 2}, "devices"),
        ({"devices": [None]}, "devices.0"),
        ({"shared": True}, "shared"),
        ({"priority": 10**6}, "priority"),
        ({"seconds": 0}, "seconds"),
        ({"pid": 2**22 + 5}, "pid"),
        ({"pid": 0}, "pid"),
        ({"pid": 10**20}, "pid"),
        ({"label": "a\nb"}, "label"),
        ({"owner": "root"}, "owner"),
        ({"kind": "job"}, "kind"),
        ({"idle_limit": -1}, "idle_limit"),
        ({"idle_limit": 1e12}, "idle_limit"),
        ({"idle_limit": "2h"}, "idle_limit"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_for_is_named(ask: Ask, asked: dict[str, Any], field: str) -> None:
    said = (await ask("POST", "leases", body=asked)).error(422)
    assert list(said["fields"]) == [field]
    assert said["hint"]
    assert (await ask("GET", "leases")).json["items"] == []


@pytest.mark.parametrize("seconds", [0, -1, 86401, "30m", True, None], ids=str)
async def test_how_long_it_can_be_kept_is_bounded(ask: Ask, seconds: object) -> None:
    said = (await ask("POST", "leases", "1", "keep", body={"seconds": seconds})).error(422)
    assert list(said["fields"]) == ["seconds"]


async def test_only_the_devices_of_a_kernel_are_kept(ask: Ask) -> None:
    lease = (await ask("POST", "leases", body={"pid": os.getpid()})).json
    said = (await ask("POST", "leases", lease["id"], "keep", body={"seconds": 60})).error(409)
    assert "of the kind process" in said["message"]


async def test_more_than_the_quota_is_refused(ask: Ask) -> None:
    assert "quota" in (await ask("POST", "leases", body={"count": 4})).error(409)["message"]


async def test_a_reservation_is_made_shown_and_taken_back(ask: Ask) -> None:
    starts, ends = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + timedelta(hours=2)
    body = {"count": 2, "starts_at": starts.isoformat(), "ends_at": ends.isoformat(), "label": "course"}
    made = await ask("POST", "reservations", body=body, headers={"Idempotency-Key": "r"})
    assert made.status == 201, made.body
    one = made.json
    assert made.headers["Location"].endswith(f"/mlplat/api/v1/reservations/{one['id']}")
    assert (one["state"], len(one["devices"]), one["in_the_way"]) == ("upcoming", 2, [])
    assert (await ask("POST", "reservations", body=body, headers={"Idempotency-Key": "r"})).json == one
    assert (await ask("GET", "reservations", one["id"])).json == one
    assert (await ask("GET", "reservations")).json == {"items": [one], "next": None}
    assert (await ask("GET", "gpus")).json["reservations"] == [one]
    again = await ask("POST", "reservations", body={**body, "count": 3, "whose": "eve"})
    assert (again.status, "2 of 4 such devices can be reserved then" in again.json["message"]) == (409, True)
    assert (await ask("DELETE", "reservations", one["id"])).json["state"] == "cancelled"
    assert (await ask("GET", "gpus")).json["reservations"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ends_at": None}, "ends_at"),
        ({"ends_at": "2026-11-22T10:00:00"}, "ends_at"),
        ({"starts_at": 5}, "starts_at"),
        ({"count": 0}, "count"),
        ({"whose": ""}, "whose"),
        ({"whose": "a\nb"}, "whose"),
        ({"whose": "@nobody"}, "whose"),
        ({"devices": ["a"], "count": 2}, "devices"),
        ({"shared": True}, "shared"),
        ({"label": "a/b"}, "label"),
    ],
)
async def test_what_is_no_reservation_is_named(ask: Ask, change: dict[str, Any], field: str) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = await ask("POST", "reservations", body={"ends_at": ends, **change})
    assert (answer.status, field in answer.json["fields"]) == (422, True), answer.body
    assert (await ask("GET", "reservations")).json["items"] == []


async def test_what_never_was_an_id_is_not_found(ask: Ask) -> None:
    for id in ("1", "0", "-1", "1.0", "x", "9" * 40, "%00", "1%27%20OR%201%3D1", "%2e%2e%2fstatus", "1%0a", "%d9%a1"):
        for method in ("GET", "DELETE"):
            assert (await ask(method, "leases", id)).error(404)["reason"], id
        assert (await ask("POST", "leases", id, "keep", body={})).error(404)["reason"], id
    assert (await ask("GET", "leases", params={"after": "x"})).error(422)["fields"] == {"after": "not a cursor"}


async def test_without_a_gpu_the_answer_says_so(no_gpu: None, ask: Ask) -> None:
    said = (await ask("POST", "leases", body={})).error(503)
    assert "nvidia-ml-py" in said["message"]
    gpus = (await ask("GET", "gpus")).json
    assert (gpus["devices"], gpus["queue"]) == ([], [])
    assert "nvidia-ml-py" in gpus["message"]


async def test_every_change_is_an_event(ask: Ask, extension: MLPlatExtension, jp_ws_fetch: Any, jp_fetch: Any) -> None:
    extension.start_publisher()
    assert extension.publisher is not None
    assert await asyncio.get_running_loop().run_in_executor(None, extension.publisher.ready.wait, 30)
    stream = await jp_ws_fetch("api", "events", "subscribe")

    async def told(key: str) -> None:
        event = json.loads(await asyncio.wait_for(stream.read_message(), 10))
        while (event["topic"], event["key"]) != ("gpus", key):
            event = json.loads(await asyncio.wait_for(stream.read_message(), 10))

    first = (await ask("POST", "leases", body={"count": 3})).json
    await told(first["id"])
    second = (await ask("POST", "leases", body={"count": 3})).json
    await told(second["id"])
    await ask("DELETE", "leases", first["id"])
    await told(first["id"])
    await told(second["id"])
    stream.close()


# --- hours and cost --------------------------------------------------------------------------------


async def used(ask: Ask, home: Home, extension: MLPlatExtension) -> str:
    """Two devices that a user with an evil name has had for three hours, for 2 EUR each; returns the name."""
    (home.root / "prices.json").write_text('{"currency": "EUR", "prices": {"A100": 2}}')
    name = '=1+1"\\\n{}'
    await ask("POST", "leases", body={"count": 2, "pid": os.getpid()})
    values = {"granted_at": datetime.now(UTC) - timedelta(hours=3), "owner": name, "idle_seconds": 1800.0}
    with extension.door.load().store.write() as transaction:
        transaction.connection.execute(update(tables.leases).values(**values))
    return name


async def test_usage_is_added_up(ask: Ask, home: Home, extension: MLPlatExtension) -> None:
    user = await used(ask, home, extension)
    said = (await ask("GET", "gpus", "usage")).json
    [row] = said["rows"]
    assert (row["key"], round(row["gpu_hours"], 2), round(row["idle_hours"], 2)) == (user, 6, 1)
    assert (round(row["cost"], 2), said["currency"], said["by"], row["leases"]) == (12, "EUR", "user", 1)
    hour = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    said = (await ask("GET", "gpus", "usage", params={"since": hour, "by": "type"})).json
    assert [(one["key"], round(one["gpu_hours"], 2)) for one in said["rows"]] == [("A100-80G", 2)]
    assert said["warnings"] == []


@pytest.mark.parametrize("path", ["usage", "usage.csv"])
@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"by": "colour"}, "by"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": "2999-01-01T00:00:00Z"}, "since"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "since"),
        ({"until": "1e400"}, "until"),
    ],
    ids=str,
)
async def test_a_wrong_window_is_named(ask: Ask, path: str, params: dict[str, str], field: str) -> None:
    assert list((await ask("GET", "gpus", path, params=params)).error(422)["fields"]) == [field]


async def test_usage_for_a_spreadsheet(ask: Ask, home: Home, extension: MLPlatExtension) -> None:
    await used(ask, home, extension)
    answer = await ask("GET", "gpus", "usage.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    head, line = answer.body.decode().splitlines()
    assert head == "user,gpu_hours,idle_hours,cost,currency,leases"
    assert line.startswith('"\'=1+1""')


async def test_usage_for_prometheus(ask: Ask, home: Home, extension: MLPlatExtension) -> None:
    user = await used(ask, home, extension)
    await ask("POST", "leases", body={"count": 3})
    answer = await ask("GET", "gpus", "metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(answer.body.decode())
        for one in family.samples
    }
    assert samples["mlplat_gpus",] == 4
    assert (samples["mlplat_gpu_leases", "granted"], samples["mlplat_gpu_leases", "queued"]) == (1, 1)
    assert samples["mlplat_gpu_seconds_total", user] == pytest.approx(6 * 3600, abs=60)
    assert samples["mlplat_gpu_idle_seconds_total", user] == pytest.approx(3600, abs=1)
    assert samples["mlplat_gpu_cost_total", "EUR", user] == pytest.approx(12, abs=0.1)


async def test_the_server_looks_which_devices_rest(
    ask: Ask, home: Home, extension: MLPlatExtension, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = (await ask("POST", "leases", body={"pid": os.getpid()})).json
    load = {uuid: {"memory": 0, "utilization": 0} for uuid in lease["devices"]}
    (home.run / "fake-gpus.json").write_text(json.dumps(load))
    monkeypatch.setattr("jupyter_mlplat.server.gpu_watch.EVERY_S", 0.05)
    monkeypatch.setattr("jupyter_mlplat.services.gpus.idle.FRESH", timedelta(0))
    watch = GPUWatch(extension.door.load, extension.log, lambda _, __: None)
    watch.start()
    try:
        while not (seen := (await ask("GET", "leases", lease["id"])).json)["idle_seconds"]:
            await asyncio.sleep(0.05)
    finally:
        await asyncio.get_running_loop().run_in_executor(None, watch.stop)
    assert seen["idle_since"] is not None
