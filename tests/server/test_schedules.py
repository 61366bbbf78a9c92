"""Schedules over HTTP. No engine is started here: nothing fires."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.platform import Platform

from .conftest import Ask


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is due for anybody."""
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)


def body(notebook: str, **fields: Any) -> dict[str, Any]:
    return {"notebook": notebook, "cron": "0 6 * * *", "timezone": "Europe/Berlin", **fields}


async def test_a_schedule_from_creation_to_deletion(ask: Ask, notebook: str) -> None:
    made = await ask("POST", "schedules", body=body(notebook, parameters={"x": 2}, retries=1, overlap="skip"))
    assert made.status == 201, made.body
    one = made.json
    assert made.headers["Location"].endswith(f"/mlplat/api/v1/schedules/{one['id']}")
    assert made.headers["ETag"] == '"1"'
    assert (one["state"], one["parameters"], one["edited"]) == ("active", {"x": 2}, False)
    assert (one["when"]["cron"], one["when"]["overlap"], one["options"]["retries"]) == ("0 6 * * *", "skip", 1)
    assert (await ask("GET", "schedules", one["id"])).json == one
    assert [each["id"] for each in (await ask("GET", "schedules")).json["items"]] == [one["id"]]
    assert (await ask("GET", "schedules", params={"state": "paused"})).json["items"] == []

    changed = await ask("PATCH", "schedules", one["id"], body={"name": "nightly"}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.json["name"], changed.json["revision"]) == (200, "nightly", 2)
    assert changed.headers["ETag"] == '"2"'
    late = await ask("PATCH", "schedules", one["id"], body={"name": "other"}, headers={"If-Match": '"1"'})
    assert late.error(412)["reason"] == "stale"
    odd = await ask("PATCH", "schedules", one["id"], body={"name": "other"}, headers={"If-Match": "two"})
    assert "If-Match" in odd.error(422)["fields"]

    assert (await ask("POST", "schedules", one["id"], "pause")).json["state"] == "paused"
    assert (await ask("POST", "schedules", one["id"], "resume")).json["state"] == "active"
    job = await ask("POST", "schedules", one["id"], "trigger")
    assert (job.status, job.json["schedule_id"], job.json["parameters"]) == (201, one["id"], {"x": 2})
    listed = await ask("GET", "jobs", params={"schedule": one["id"]})
    assert [each["id"] for each in listed.json["items"]] == [job.json["id"]]
    assert (await ask("GET", "schedules", one["id"], "occurrences")).json == {"items": [], "next": None}
    assert (await ask("GET", "schedules", one["id"], "difference")).json == {"text": ""}
    assert (await ask("POST", "schedules", one["id"], "promote")).json["edited"] is False

    assert (await ask("DELETE", "schedules", one["id"])).status == 200
    for method, more in (("GET", ()), ("DELETE", ()), ("POST", ("pause",)), ("GET", ("occurrences",))):
        (await ask(method, "schedules", one["id"], *more)).error(404)
    assert (await ask("GET", "jobs", job.json["id"])).status == 200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "Nowhere/Else"}, "timezone"),
        ({"overlap": "sometimes"}, "overlap"),
        ({"parameters": {"y": 1}}, "parameters.y"),
        ({"retries": "3"}, "retries"),
        ({"retry_on": ["bad_input"]}, "retry_on"),
        ({"cron": None, "at": "2026-01-01T00:00"}, "at"),
        ({"every": 0}, "every"),
    ],
)
async def test_what_cannot_be_scheduled_is_named(ask: Ask, notebook: str, fields: dict[str, Any], field: str) -> None:
    said = (await ask("POST", "schedules", body=body(notebook, **fields))).error(422)
    assert field in said["fields"], said
    assert (await ask("GET", "schedules")).json["items"] == []


async def test_the_next_instants_without_creating_anything(ask: Ask) -> None:
    params = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "after": "2026-10-24T12:00:00+00:00", "n": "2"}
    items = (await ask("GET", "schedules", "preview", params=params)).json["items"]
    assert items == [
        {"utc": "2026-10-25T00:30:00Z", "local": "2026-10-25T02:30:00+02:00"},
        {"utc": "2026-10-26T01:30:00Z", "local": "2026-10-26T02:30:00+01:00"},
    ]
    for wrong, field in (
        ({"cron": "x"}, "cron"),
        ({"cron": "0 6 * * *", "timezone": "x"}, "timezone"),
        ({"every": "soon"}, "every"),
        ({"every": "60", "n": "0"}, "n"),
        ({"every": "60", "after": "yesterday"}, "after"),
        ({"at": "2030-01-01"}, "at"),
    ):
        assert field in (await ask("GET", "schedules", "preview", params=wrong)).error(422)["fields"]


async def test_an_ended_job_is_run_again_and_deleted(ask: Ask, notebook: str, jp_root_dir: Path) -> None:
    job = (await ask("POST", "jobs", body={"notebook": notebook, "parameters": {"x": 5}})).json
    (await ask("POST", "jobs", job["id"], "retry")).error(409)
    (await ask("DELETE", "jobs", job["id"])).error(409)
    platform = Platform()
    await ask("POST", "jobs", job["id"], "cancel")
    from jupyter_mlplat.services.jobs import JobQueue

    queue = JobQueue(platform.store, platform.clock)
    queue.cancel_queued(queue.cancellations()[0])
    platform.close()
    again = await ask("POST", "jobs", job["id"], "retry")
    assert (again.status, again.json["retry_of"], again.json["parameters"]) == (201, job["id"], {"x": 5})
    assert again.json["position"] == 1
    assert (await ask("DELETE", "jobs", job["id"])).status == 200
    (await ask("GET", "jobs", job["id"])).error(404)
