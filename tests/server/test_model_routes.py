"""Registered models over HTTP: protected aliases, versions, comparison, lineage and cards, and hostile names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest
from jupyter_server.auth import IdentityProvider, User

from jupyter_mlplat.platform import Platform

from ..conftest import copy_mlflow
from ..registered import deploy, register
from .conftest import Ask

EVIL = "<h1><script>alert(1)<script> | 'a' \"b\" 100% ☃ ?x=1&y#z"


class Known(IdentityProvider):
    """Whoever the test says."""

    user = User("ada", "Ada Lovelace")

    def get_user(self, handler: Any) -> User:
        return self.user


@pytest.fixture
def jp_server_config(home: Any) -> dict[str, Any]:
    own = {"identity_provider_class": Known, "disable_check_xsrf": True}
    return {"ServerApp": {"jpserver_extensions": {"jupyter_mlplat": True}, **own}}


@pytest.fixture
def own(home: Any, mlflow_database: Any) -> Iterator[Platform]:
    """A platform on the server's data directory, beside the server."""
    copy_mlflow(mlflow_database, home)
    platform = Platform()
    yield platform
    platform.close()


@pytest.fixture
def client(own: Platform) -> Any:
    """MLflow's own client of a registry with two versions of `churn`, whose files are not there."""
    return filled(own, "churn")


def filled(own: Platform, name: str) -> Any:
    client = own.runs.client()
    client.create_registered_model(name)
    for _ in range(2):
        client.create_model_version(name, "/nowhere")
    return client


@pytest.fixture
def people(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send a request as somebody: the first word."""

    async def send(who: str, method: str, *parts: str, **options: Any) -> Any:
        monkeypatch.setattr(Known, "user", User(who, who))
        return await ask(method, *parts, **options)

    return send


async def test_a_protected_alias_waits_for_a_second_person(people: Ask, client: Any) -> None:
    model = ("models", "churn")
    assert (await people("ada", "PUT", *model, "aliases", "champion", body={"version": "1"})).status == 200
    said = (await people("ada", "PUT", *model, "protection", "champion")).json
    assert (said["protected"], said["requests"]) == (["champion"], [])
    answer = await people("ada", "PUT", *model, "aliases", "champion", body={"version": "2", "why": "newer"})
    request = answer.json
    assert answer.status == 202
    assert set(request) == {
        "id", "kind", "model", "alias", "version", "before", "by", "at", "why", "state", "decided_by", "decided_at",
        "decision_why",
    }  # fmt: skip
    assert (request["by"], request["version"], request["before"], request["state"]) == ("ada", "2", "1", "open")
    again = await people("ada", "PUT", *model, "aliases", "champion", body={"version": "2"})
    assert (again.status, again.json["id"]) == (202, request["id"])
    at = (*model, "requests", request["id"])
    denied = (await people("ada", "POST", *at, "approve", body={"why": "I say so"})).error(403)
    assert "second person" in denied["message"]
    (await people("bob", "POST", *at, "withdraw")).error(403)
    (await people("bob", "POST", *at, "approve", body={"why": 3})).error(422)
    (await people("bob", "POST", *at, "approve", body={"why": "x" * 501})).error(422)
    done = (await people("bob", "POST", *at, "approve", body={"why": "yes"})).json
    assert (done["aliases"], done["requests"][0]["decision_why"]) == ({"champion": "2"}, "yes")
    assert (done["history"][0]["by"], done["history"][0]["approved_by"]) == ("ada", "bob")
    for what in ("approve", "reject"):
        (await people("bob", "POST", *at, what)).error(409)
    for id in ("99", "x", "1;", "-1"):
        (await people("bob", "POST", *model, "requests", id, "approve")).error(404)


async def test_deletions_and_the_end_of_protection_wait_too(people: Ask, client: Any) -> None:
    model = ("models", "churn")
    client.set_registered_model_alias("churn", "champion", "1")
    await people("ada", "PUT", *model, "protection", "champion")
    gone = await people("ada", "DELETE", *model, "aliases", "champion", params={"why": "old"})
    assert (gone.status, gone.json["version"], gone.json["why"]) == (202, None, "old")
    off = await people("ada", "DELETE", *model, "protection", "champion", params={"why": "alone"})
    assert (off.status, off.json["protected"]) == (202, ["champion"])
    request = off.json["requests"][0]
    assert (request["kind"], request["why"]) == ("protection", "alone")
    done = (await people("bob", "POST", *model, "requests", request["id"], "approve")).json
    assert done["protected"] == []
    assert (await people("ada", "DELETE", *model, "protection", "champion")).status == 200
    (await people("ada", "PUT", *model, "protection", "v1")).error(422)
    (await people("ada", "PUT", "models", "none", "protection", "a")).error(404)
    client.set_registered_model_alias("churn", "champion", "2")
    (await people("bob", "POST", *model, "requests", gone.json["id"], "approve")).error(409)
    shown = (await people("ada", "GET", *model)).json
    assert {one["state"] for one in shown["requests"]} == {"stale", "approved"}


async def test_a_version_its_comparison_and_its_lineage(
    people: Ask, own: Platform, jp_root_dir: Path, tmp_path: Path
) -> None:
    (jp_root_dir / "work").mkdir()
    notebooks = [jp_root_dir / "work" / "train ü.ipynb", tmp_path / "outside.ipynb"]
    for path in notebooks:
        nbformat.write(nbformat.v4.new_notebook(), path)
    run = register(own, tags={"mlflow.source.name": str(notebooks[0])})
    register(own, parameters={"C": 2.0}, tags={"mlflow.source.name": str(notebooks[1])})
    deploy(own, "live", "1")
    said = (await people("ada", "GET", "models", "churn", "versions", "1")).json
    assert (said["run_id"], said["run"]["name"], said["metrics"]["auc"]) == (run, "train churn", 0.93)
    assert said["deployments"] == [{"name": "live", "state": "ready", "traffic": 100}]
    compare = ("models", "churn", "compare")
    said = (await people("ada", "GET", *compare, params=[("version", "1"), ("version", "2")])).json
    assert said["run"]["parameters"] == [{"name": "C", "before": "1.0", "after": "2.0"}]
    for params in ([], [("version", "1")], [("version", "1")] * 3):
        assert set((await people("ada", "GET", *compare, params=params)).error(422)["fields"]) == {"version"}
    (await people("ada", "GET", *compare, params=[("version", "1"), ("version", "9")])).error(404)
    for version, target in (("1", "work/train ü.ipynb"), ("2", None)):
        graph = (await people("ada", "GET", "models", "churn", "versions", version, "lineage")).json
        found = {one["kind"]: one["target"] for one in graph["nodes"]}
        assert found["notebook"] == target
        assert {"source", "target"} == set(graph["edges"][0])
    for version in ("3", "0", "x"):
        for what in ([], ["lineage"], ["card"]):
            (await people("ada", "GET", "models", "churn", "versions", version, *what)).error(404)


async def test_a_card_is_read_written_and_downloaded(people: Ask, client: Any) -> None:
    at = ("models", "churn", "versions", "1", "card")
    shown = await people("ada", "GET", *at)
    assert (shown.json["generated"], shown.json["edited_by"]) == (True, None)
    tag = shown.headers["ETag"]
    assert (await people("ada", "GET", *at, headers={"If-None-Match": tag})).status == 200
    written = await people("ada", "PUT", *at, body={"markdown": "# Mine"}, headers={"If-Match": tag})
    assert (written.json["markdown"], written.json["edited_by"]) == ("# Mine", "ada")
    assert written.headers["ETag"] != tag
    (await people("bob", "PUT", *at, body={"markdown": "x"}, headers={"If-Match": tag})).error(412)
    for header in ('"3"', "x", f"W/{tag}"):
        (await people("bob", "PUT", *at, body={"markdown": "x"}, headers={"If-Match": header})).error(422)
    for body in (
        {},
        {"markdown": None},
        {"markdown": "a\x00b"},
        {"markdown": "x" * 100_001},
        {"markdown": "x", "y": 1},
    ):
        (await people("bob", "PUT", *at, body=body)).error(422)
    assert (await people("bob", "PUT", *at, body='{"markdown": "\\ud800"}')).status in (400, 422)
    assert (await people("ada", "GET", *at)).json["markdown"] == "# Mine"
    saved = await people("ada", "GET", *at, params={"format": "markdown"})
    assert (saved.body, saved.headers["Content-Type"]) == (b"# Mine", "text/markdown; charset=utf-8")
    (await people("ada", "GET", *at, params={"format": "html"})).error(422)
    back = await people("bob", "PUT", *at, body={"markdown": ""}, headers={"If-Match": written.headers["ETag"]})
    assert (back.json["generated"], back.headers["ETag"]) == (True, tag)


async def test_names_with_anything_in_them_are_found(people: Ask, own: Platform) -> None:
    filled(own, EVIL)
    at = ("models", EVIL)
    assert (await people("ada", "PUT", *at, "protection", "champion")).json["name"] == EVIL
    request = (await people("ada", "PUT", *at, "aliases", "champion", body={"version": "1"})).json
    assert request["model"] == EVIL
    assert (await people("bob", "POST", *at, "requests", request["id"], "approve")).json["aliases"] == {"champion": "1"}
    assert (await people("ada", "GET", *at, "versions", "1")).json["name"] == EVIL
    graph = (await people("ada", "GET", *at, "versions", "1", "lineage")).json
    assert graph["nodes"][-1]["target"] == f"{EVIL}/1"
    saved = await people("ada", "GET", *at, "versions", "1", "card", params={"format": "markdown"})
    named = saved.headers["Content-Disposition"]
    assert unquote(named.partition("UTF-8''")[2]) == f"{EVIL}-1.md"
    assert named.isascii()
    assert "<script>" not in saved.body.decode()
    assert (await people("ada", "PUT", *at, "versions", "1", "card", body={"markdown": "mine"})).json["name"] == EVIL


async def test_whoever_may_only_read_changes_nothing(
    people: Ask, client: Any, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.set_registered_model_alias("churn", "champion", "1")
    asked: list[tuple[str, str]] = []

    def allowed(handler: Any, user: Any, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return action == "read"

    monkeypatch.setattr(jp_serverapp.authorizer, "is_authorized", allowed)
    for method, path, body in (
        ("PUT", ("protection", "champion"), None),
        ("DELETE", ("protection", "champion"), None),
        ("PUT", ("aliases", "champion"), {"version": "2"}),
        ("POST", ("requests", "1", "approve"), None),
        ("POST", ("requests", "1", "reject"), None),
        ("POST", ("requests", "1", "withdraw"), None),
        ("PUT", ("versions", "1", "card"), {"markdown": "x"}),
    ):
        assert (await people("eve", method, "models", "churn", *path, body=body)).status == 403, path
        assert asked[-1] == ("write", "mlplat:runs")
    assert (await people("eve", "GET", "models", "churn", "versions", "1")).status == 200
    shown = (await people("eve", "GET", "models", "churn")).json
    assert (shown["aliases"], shown["protected"]) == ({"champion": "1"}, [])
