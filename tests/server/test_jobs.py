"""Jobs over HTTP. No engine is needed to submit, look and cancel: none is started here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mlplat.platform import Platform

from .conftest import Ask


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue in which nothing moves."""
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)


async def test_a_submitted_job_has_an_address_and_waits_in_the_list(ask: Ask, notebook: str) -> None:
    made = await ask("POST", "jobs", body={"notebook": notebook, "parameters": {"x": 2}})
    assert made.status == 201, made.body
    job = made.json
    assert job["state"] == "queued"
    assert job["parameters"] == {"x": 2}
    assert made.headers["Location"].endswith(f"/mlplat/api/v1/jobs/{job['id']}")
    assert made.headers["Content-Type"].startswith("application/json")
    assert (await ask("GET", "jobs", job["id"])).json == job
    listed = (await ask("GET", "jobs")).json
    assert [one["id"] for one in listed["items"]] == [job["id"]]
    assert listed["next"] is None
    cells = (await ask("GET", "jobs", job["id"], "cells")).json
    assert [cell["index"] for cell in cells["items"]] == [0, 1]


async def test_a_job_belongs_to_the_platform_user_when_the_token_is_all_that_is_known(
    ask: Ask, notebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    made = await ask("POST", "jobs", body={"notebook": notebook})
    assert made.json["owner"] == "ada"


async def test_the_same_idempotency_key_makes_one_job(ask: Ask, notebook: str) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await ask("POST", "jobs", body={"notebook": notebook}, headers=dict(headers))
    second = await ask("POST", "jobs", body={"notebook": notebook}, headers=dict(headers))
    assert first.json["id"] == second.json["id"]
    other = await ask("POST", "jobs", body={"notebook": notebook, "parameters": {"x": 3}}, headers=dict(headers))
    other.error(409)
    assert len((await ask("GET", "jobs")).json["items"]) == 1


async def test_an_idempotency_key_that_cannot_be_used_is_named(ask: Ask, notebook: str) -> None:
    for key in ("", "x" * 201):
        said = await ask("POST", "jobs", body={"notebook": notebook}, headers={"Idempotency-Key": key})
        assert "Idempotency-Key" in said.error(422)["fields"]


async def test_pages_give_every_job_once(ask: Ask, notebook: str) -> None:
    for _ in range(5):
        await ask("POST", "jobs", body={"notebook": notebook})
    seen: list[str] = []
    after = None
    while True:
        params = {"limit": "2"} | ({"after": after} if after else {})
        page = (await ask("GET", "jobs", params=params)).json
        assert len(page["items"]) <= 2
        seen += [one["id"] for one in page["items"]]
        if (after := page["next"]) is None:
            break
    assert len(seen) == len(set(seen)) == 5


async def test_a_limit_or_cursor_that_is_none_is_named(ask: Ask) -> None:
    for noun in ("jobs", "leases"):
        for limit in ("0", "-1", "501", "1.5", "ten", "", "١"):
            assert "limit" in (await ask("GET", noun, params={"limit": limit})).error(422)["fields"], limit
        assert "after" in (await ask("GET", noun, params={"after": "not a cursor"})).error(422)["fields"]


async def test_a_query_parameter_given_twice_is_named(ask: Ask) -> None:
    # Which of the two was meant?
    said = (await ask("GET", "jobs", params=[("limit", "1"), ("limit", "2")])).error(422)  # type: ignore[arg-type]
    assert "limit" in said["fields"]


async def test_an_unknown_state_is_named(ask: Ask) -> None:
    assert "state" in (await ask("GET", "jobs", params={"state": "asleep"})).error(422)["fields"]


async def test_an_unknown_job_is_not_found(ask: Ask) -> None:
    for id in ("999", "no-number", "99999999999999999999999"):
        for rest in ((), ("cells",), ("log",), ("notebook",), ("html",)):
            assert id in (await ask("GET", "jobs", id, *rest)).error(404)["message"]


async def test_cancelling_records_the_wish(ask: Ask, notebook: str) -> None:
    job = (await ask("POST", "jobs", body={"notebook": notebook})).json
    assert (await ask("POST", "jobs", job["id"], "cancel")).json["cancel_requested"] is True
    (await ask("POST", "jobs", "999", "cancel")).error(404)


async def test_the_log_of_a_job_that_printed_nothing_is_empty(ask: Ask, notebook: str) -> None:
    job = (await ask("POST", "jobs", body={"notebook": notebook})).json
    assert (await ask("GET", "jobs", job["id"], "log")).json == {"text": "", "offset": 0, "ended": False}
    assert "offset" in (await ask("GET", "jobs", job["id"], "log", params={"offset": "-1"})).error(422)["fields"]


async def test_the_notebook_is_json_and_its_page_runs_nothing(ask: Ask, notebook: str) -> None:
    job = (await ask("POST", "jobs", body={"notebook": notebook})).json
    assert (await ask("GET", "jobs", job["id"], "notebook")).json["nbformat"] == 4
    page = await ask("GET", "jobs", job["id"], "html")
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox;")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert b"<html" in page.body


async def test_what_changed_and_what_a_retry_may_ask_for(ask: Ask, notebook: str) -> None:
    job = (await ask("POST", "jobs", body={"notebook": notebook})).json
    changes = (await ask("GET", "jobs", job["id"], "changes")).json
    assert (changes["against"], changes["notes"]) == (None, ["it has never succeeded before"])
    (await ask("GET", "jobs", "999", "changes")).error(404)
    (await ask("GET", "jobs", "999", "pdf")).error(404)
    (await ask("POST", "jobs", job["id"], "retry", body={"edited": True})).error(409)
    assert (
        "from_begin" in (await ask("POST", "jobs", job["id"], "retry", body={"from_begin": True})).error(422)["fields"]
    )


async def test_outputs_that_are_not_finite_become_null(ask: Ask, notebook: str) -> None:
    job = (await ask("POST", "jobs", body={"notebook": notebook})).json
    output = next(Path(job["folder"]).glob("*.ipynb"))
    output.write_text('{"nbformat": 4, "metadata": {"loss": NaN, "most": -Infinity}}')
    assert (await ask("GET", "jobs", job["id"], "notebook")).json["metadata"] == {"loss": None, "most": None}


async def test_the_schema_of_a_notebook_names_its_parameters(ask: Ask, notebook: str) -> None:
    schema = (await ask("GET", "notebooks", "schema", params={"path": notebook})).json
    assert schema["properties"]["x"]["type"] == "integer"
    assert "path" in (await ask("GET", "notebooks", "schema")).error(422)["fields"]


async def test_who_is_told_is_kept_and_the_address_is_not_shown(ask: Ask, notebook: str) -> None:
    wanted = [{"to": "https://hooks.example.org/verysecret", "on": ["too_long"], "after": 60}, {"to": "env:HOOK"}]
    job = (await ask("POST", "jobs", body={"notebook": notebook, "notify": wanted})).json
    assert job["notify"] == [
        {"to": "https://hooks.example.org/…", "on": ["too_long"], "after": 60},
        {"to": "env:HOOK", "on": ["failure", "recovery"], "after": None},
    ]
    assert job["notices"] == []
    for path in (["jobs"], ["jobs", job["id"]]):
        assert b"verysecret" not in (await ask("GET", *path)).body


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:1/", "@nobody", "mailto:ada@example.org", "hunter2", "https://a b", 7]
)
async def test_a_target_that_cannot_work_is_named_and_not_repeated(ask: Ask, notebook: str, to: object) -> None:
    said = (await ask("POST", "jobs", body={"notebook": notebook, "notify": [{"to": to}]})).error(422)
    assert list(said["fields"]) == ["notify.0.to"]
    assert said["hint"]
    assert "hunter2" not in str(said)
    assert (await ask("GET", "jobs")).json["items"] == []


async def test_pruning_counts_and_says_what_is_wrong(ask: Ask, notebook: str) -> None:
    job = (await ask("POST", "jobs", body={"notebook": notebook})).json
    body = {"older_than": 0, "keep": 0, "dry_run": True}
    assert (await ask("POST", "jobs", "prune", body=body)).json == {"jobs": 0, "bytes": 0, "dry_run": True}
    (await ask("POST", "jobs", "prune", body={"ids": [job["id"]]})).error(409)
    (await ask("POST", "jobs", "prune", body={"ids": ["99"]})).error(404)
    for wrong in ({}, {"state": ["failed"]}, {"keep": -1}, {"keep": 1, "state": ["asleep"]}, {"keep": 1, "all": True}):
        assert (await ask("POST", "jobs", "prune", body=wrong)).error(422)["fields"], wrong


BAD_SPECS: list[tuple[dict[str, object], str]] = [
    ({}, "notebook"),
    ({"notebook": "work/small.ipynb", "colour": "red"}, "colour"),
    ({"notebook": "work/small.ipynb", "timeout": "10"}, "timeout"),
    ({"notebook": "work/small.ipynb", "timeout": 0}, "timeout"),
    ({"notebook": "work/small.ipynb", "name": "two\nlines"}, "name"),
    ({"notebook": 7}, "notebook"),
    ({"notebook": "work/small.ipynb", "parameters": []}, "parameters"),
    ({"notebook": "work/small.ipynb", "parameters": {"y": 1}}, "parameters.y"),
    ({"notebook": "work/small.ipynb", "parameters": {"x": "one"}}, "parameters.x"),
    ({"notebook": "work/small.ipynb", "parameters": {"import os": 1}}, "parameters.import os"),
    ({"notebook": "work/none.ipynb"}, "notebook"),
    ({"notebook": "work"}, "notebook"),
    ({"notebook": "work/text.ipynb"}, "notebook"),
    ({"notebook": "../outside.ipynb"}, "notebook"),
    ({"notebook": "work/../work/small.ipynb"}, "notebook"),
    ({"notebook": "/etc/passwd"}, "notebook"),
    ({"notebook": "~/x.ipynb"}, "notebook"),
    ({"notebook": "work/a\x00.ipynb"}, "notebook"),
    ({"notebook": "work/.hidden.ipynb"}, "notebook"),
    ({"notebook": "work/link.ipynb"}, "notebook"),
    ({"notebook": "linked/outside.ipynb"}, "notebook"),
    ({"notebook": "work/pipe.ipynb"}, "notebook"),
    ({"notebook": " "}, "notebook"),
    ({"notebook": ""}, "notebook"),
    ({"notebook": "x" * 5000}, "notebook"),
    ({"notebook": "work/" + "x" * 300}, "notebook"),
]


async def test_bad_input_is_named_and_nothing_is_written(
    ask: Ask, notebook: str, jp_root_dir: Path, tmp_path: Path
) -> None:
    (jp_root_dir / "work" / "text.ipynb").write_text("no notebook")
    (jp_root_dir / "work" / ".hidden.ipynb").write_text("{}")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "outside.ipynb").write_bytes((jp_root_dir / notebook).read_bytes())
    (jp_root_dir / "work" / "link.ipynb").symlink_to(outside / "outside.ipynb")
    (jp_root_dir / "linked").symlink_to(outside)
    os.mkfifo(jp_root_dir / "work" / "pipe.ipynb")
    for spec, field in BAD_SPECS:
        said = (await ask("POST", "jobs", body=spec)).error(422)
        assert field in said["fields"], (spec, said)
        assert said["hint"], spec
        assert str(outside) not in str(said), "a message must not show where a link leads"
    assert (await ask("GET", "jobs")).json["items"] == []


async def test_the_list_by_name_sweep_and_alone(ask: Ask, notebook: str) -> None:
    sweep = (await ask("POST", "sweeps", body={"notebook": notebook, "space": {"x": [1, 2]}, "name": "Seek 50%"})).json
    job = (await ask("POST", "jobs", body={"notebook": notebook, "name": "plain_one"})).json
    ids = {one["job_id"] for one in sweep["points"]}

    async def found(**params: str) -> set[str]:
        return {one["id"] for one in (await ask("GET", "jobs", params=params)).json["items"]}

    assert await found(sweep=sweep["id"]) == ids
    assert await found(alone="1") == {job["id"]}
    assert await found(name="PLAIN_o") == {job["id"]}
    assert await found(name="50%") == ids
    assert await found(name="plain%one") == set()
    assert await found(state="queued,running") == ids | {job["id"]}
    (await ask("GET", "jobs", params={"alone": "yes"})).error(422)
    (await ask("GET", "jobs", params={"state": "queued,lazy"})).error(422)
    (await ask("GET", "jobs", params={"sweep": "x"})).error(404)
