"""Protected aliases: what somebody asks for, what a second person says to it, and what becomes of it meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jupyter_mlplat.errors import Conflict, Denied, Invalid, MLPlatError, NotFound, Unavailable
from jupyter_mlplat.models import AliasRequest, RegisteredModel
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.jobs.notices import Channels, NoticeLedger, NoticeSender
from jupyter_mlplat.services.runs import alias_requests
from jupyter_mlplat.services.runs import aliases as module
from jupyter_mlplat.services.runs.alias_tags import HISTORY, MOST_CHARACTERS, PROTECTED
from jupyter_mlplat.services.runs.aliases import Aliases
from jupyter_mlplat.store.tables import notices

from ..mlflowserver import MLflowServer
from ..shell import here
from ..webhookserver import WebhookServer


@pytest.fixture
def client(platform: Platform) -> Any:
    """MLflow's own client of a registry with three versions of `churn`, of which the first is a protected champion."""
    return filled(platform)


def filled(platform: Platform) -> Any:
    client = platform.runs.client()
    client.create_registered_model("churn")
    run = client.create_run("0")
    for _ in range(3):
        client.create_model_version("churn", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    platform.runs.aliases.set("churn", "champion", "1", by="ada")
    platform.runs.aliases.protect("churn", "champion")
    return client


def asked(found: RegisteredModel | AliasRequest) -> AliasRequest:
    assert isinstance(found, AliasRequest)
    return found


def done(found: RegisteredModel | AliasRequest) -> RegisteredModel:
    assert isinstance(found, RegisteredModel)
    return found


def states(model: RegisteredModel) -> list[tuple[str, str]]:
    return [(one.id, one.state) for one in model.requests]


def topics(platform: Platform, before: int) -> set[str]:
    return {one.topic for one in platform.store.changes_after(before) if one.id > before}


def test_a_protected_alias_moves_when_a_second_person_approves_it(platform: Platform, client: Any) -> None:
    aliases = platform.runs.aliases
    before = platform.store.last_change()
    request = asked(aliases.set("churn", "champion", "2", by="ada", why="better on new customers"))
    assert (request.model, request.alias, request.version, request.before) == ("churn", "champion", "2", "1")
    assert (request.by, request.why, request.state, request.decided_by) == (
        "ada",
        "better on new customers",
        "open",
        None,
    )
    assert topics(platform, before) == {"runs"}
    model = platform.runs.model("churn")
    assert (model.aliases, model.protected, states(model)) == ({"champion": "1"}, ["champion"], [(request.id, "open")])
    before = platform.store.last_change()
    model = aliases.approve("churn", request.id, by="bob", why="I saw the numbers")
    assert topics(platform, before) == {"runs"}
    assert str(client.get_model_version_by_alias("churn", "champion").version) == "2"
    change = model.history[0]
    assert (change.by, change.approved_by, change.before, change.version) == ("ada", "bob", "1", "2")
    assert change.why == "better on new customers"
    (ended,) = model.requests
    assert (ended.state, ended.decided_by, ended.decision_why) == ("approved", "bob", "I saw the numbers")
    assert ended.decided_at is not None
    assert ended.decided_at >= ended.at


def test_who_asks_does_not_approve(platform: Platform, client: Any) -> None:
    request = asked(platform.runs.aliases.set("churn", "champion", "2", by="ada"))
    with pytest.raises(Denied, match="ada's own") as error:
        platform.runs.aliases.approve("churn", request.id, by="ada")
    assert f"models approve churn {request.id}" in error.value.hint
    assert platform.runs.model("churn").aliases == {"champion": "1"}
    with pytest.raises(Denied, match="only who has asked"):
        platform.runs.aliases.withdraw("churn", request.id, by="bob")
    model = platform.runs.aliases.withdraw("churn", request.id, by="ada", why="too early")
    assert states(model) == [(request.id, "withdrawn")]
    for act in (platform.runs.aliases.approve, platform.runs.aliases.reject):
        with pytest.raises(Conflict, match="is withdrawn by ada"):
            act("churn", request.id, by="bob")


def test_a_rejected_request_changes_nothing(platform: Platform, client: Any) -> None:
    request = asked(platform.runs.aliases.delete("churn", "champion", by="ada", why="not used"))
    assert request.version is None
    model = platform.runs.aliases.reject("churn", request.id, by="bob", why="it is")
    assert (model.aliases, model.requests[0].decision_why) == ({"champion": "1"}, "it is")
    with pytest.raises(Conflict):
        platform.runs.aliases.approve("churn", request.id, by="bob")
    again = asked(platform.runs.aliases.delete("churn", "champion", by="ada"))
    assert again.id != request.id
    assert platform.runs.aliases.approve("churn", again.id, by="bob").aliases == {}


def test_the_same_wish_is_one_request_and_others_are_others(platform: Platform, client: Any) -> None:
    aliases = platform.runs.aliases
    first = asked(aliases.set("churn", "champion", "2", by="ada", why="one"))
    assert asked(aliases.set("churn", "champion", "2", by="ada", why="two")) == first
    others = [
        asked(aliases.set("churn", "champion", "2", by="bob")),
        asked(aliases.set("churn", "champion", "3", by="ada")),
    ]
    assert len({first.id, *(one.id for one in others)}) == 3
    assert done(aliases.set("churn", "champion", "1", by="ada")).aliases == {"champion": "1"}  # as it is
    model = aliases.approve("churn", first.id, by="bob")
    assert {one.id: one.state for one in model.requests} == {
        first.id: "approved", others[0].id: "stale", others[1].id: "stale",
    }  # fmt: skip


def test_what_was_changed_in_between_is_stale(platform: Platform, client: Any) -> None:
    """With MLflow's own client too, which knows nothing of protection."""
    aliases = platform.runs.aliases
    request = asked(aliases.set("churn", "champion", "2", by="ada"))
    client.set_registered_model_alias("churn", "champion", "3")
    assert states(platform.runs.model("churn")) == [(request.id, "stale")]
    assert aliases.requests() == []
    with pytest.raises(Conflict, match="stale"):
        aliases.approve("churn", request.id, by="bob")
    assert platform.runs.model("churn").aliases == {"champion": "3"}
    client.set_registered_model_alias("churn", "champion", "1")
    assert states(platform.runs.model("churn")) == [(request.id, "stale")]  # for good
    with pytest.raises(Conflict, match="is stale"):
        aliases.approve("churn", request.id, by="bob")
    again = asked(aliases.set("churn", "champion", "2", by="ada"))
    client.delete_model_version("churn", "2")
    with pytest.raises(Conflict, match="stale"):
        aliases.approve("churn", again.id, by="bob")


def test_a_change_at_the_same_moment_makes_it_stale(
    platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(platform.runs.aliases.set("churn", "champion", "2", by="ada"))
    own = module.write_change

    def late(*arguments: Any) -> None:
        client.set_registered_model_alias("churn", "champion", "3")
        own(*arguments)

    monkeypatch.setattr(module, "write_change", late)
    with pytest.raises(Conflict, match="stale"):
        platform.runs.aliases.approve("churn", request.id, by="bob")
    model = platform.runs.model("churn")
    assert (model.aliases, states(model)) == ({"champion": "3"}, [(request.id, "stale")])


def test_an_alias_that_is_protected_at_the_same_moment_stays(
    platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = module.write_change

    def late(*arguments: Any) -> None:
        platform.runs.aliases.protect("churn", "challenger")
        own(*arguments)

    monkeypatch.setattr(module, "write_change", late)
    with pytest.raises(Conflict):
        platform.runs.aliases.set("churn", "challenger", "2", by="ada")
    assert platform.runs.model("churn").aliases == {"champion": "1"}


def test_of_two_who_approve_at_the_same_moment_one_does(
    platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(platform.runs.aliases.set("churn", "champion", "2", by="ada"))
    everybody, own, writes = threading.Barrier(8), Aliases._open, []

    def together(*arguments: Any) -> AliasRequest:
        found = own(*arguments)
        everybody.wait(timeout=30)
        return found

    def counted(*arguments: Any) -> None:
        writes.append(arguments)
        write(*arguments)

    write = module.write_change
    monkeypatch.setattr(Aliases, "_open", together)
    monkeypatch.setattr(module, "write_change", counted)
    outcomes: list[str] = []

    def approve(who: str) -> None:
        try:
            platform.runs.aliases.approve("churn", request.id, by=who)
            outcomes.append(who)
        except Conflict:
            outcomes.append("")

    threads = [threading.Thread(target=approve, args=(f"user {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    winners = [one for one in outcomes if one]
    assert (len(outcomes), len(winners), len(writes)) == (8, 1, 1)
    model = platform.runs.model("churn")
    assert (model.history[0].approved_by, model.requests[0].decided_by) == (winners[0], winners[0])
    assert len(model.history) == 2


def test_mlflow_that_fails_leaves_the_request_open(
    platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(platform.runs.aliases.set("churn", "champion", "2", by="ada"))

    def fails(*arguments: Any) -> None:
        raise Unavailable("MLflow is away")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_change", fails)
        with pytest.raises(Unavailable):
            platform.runs.aliases.approve("churn", request.id, by="bob")
    assert states(platform.runs.model("churn")) == [(request.id, "open")]
    assert platform.runs.aliases.approve("churn", request.id, by="bob").aliases == {"champion": "2"}


def test_a_claim_of_somebody_who_died_is_over_some_time(
    platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    aliases = platform.runs.aliases
    request = asked(aliases.set("churn", "champion", "2", by="ada"))
    held = aliases._requests.claimed(request)
    held.__enter__()  # and never left
    for act in (aliases.approve, aliases.reject):
        with pytest.raises(Conflict, match="somebody is doing so now"):
            act("churn", request.id, by="bob")
    monkeypatch.setattr(alias_requests, "CLAIM", -alias_requests.CLAIM)
    assert aliases.approve("churn", request.id, by="bob").aliases == {"champion": "2"}


# --- protection -------------------------------------------------------------------------------------


def test_protection_ends_when_a_second_person_approves_that(platform: Platform, client: Any) -> None:
    aliases = platform.runs.aliases
    assert aliases.protect("churn", "champion").protected == ["champion"]
    model = aliases.protect("churn", "next")  # which is not there yet
    assert model.protected == ["champion", "next"]
    assert asked(aliases.set("churn", "next", "3", by="ada")).before is None
    model = aliases.unprotect("churn", "champion", by="ada", why="alone in the holidays")
    request = model.requests[0]
    assert (request.kind, request.alias, request.version, request.state) == ("protection", "champion", None, "open")
    assert model.protected == ["champion", "next"]
    assert len(aliases.unprotect("churn", "champion", by="ada").requests) == 2  # not doubled
    with pytest.raises(Denied):
        aliases.approve("churn", request.id, by="ada")
    model = aliases.approve("churn", request.id, by="bob")
    assert (model.protected, model.aliases) == (["next"], {"champion": "1"})
    assert done(aliases.set("churn", "champion", "3", by="ada")).aliases == {"champion": "3"}
    assert aliases.unprotect("churn", "other", by="ada").protected == ["next"]


def test_what_others_wrote_into_the_tag_protects_nothing(platform: Platform, client: Any) -> None:
    for text in ("{", "3", "null", '{"champion": true}', "[3, null]"):
        client.set_registered_model_tag("churn", PROTECTED, text)
        assert platform.runs.model("churn").protected == [], text
    client.set_registered_model_tag("churn", PROTECTED, '["b", "a", 3, "a"]')
    assert platform.runs.model("churn").protected == ["a", "b"]
    assert [one.protected for one in platform.runs.models().items] == [["a", "b"]]


def test_what_cannot_be_protected_is_refused(platform: Platform, client: Any) -> None:
    with pytest.raises(Invalid) as error:
        platform.runs.aliases.protect("churn", "a/b")
    assert error.value.fields == {"alias": "not an alias"}
    with pytest.raises(NotFound, match="no registered model"):
        platform.runs.aliases.protect("other", "champion")
    for number in range(18):
        platform.runs.aliases.protect("churn", f"{number:0>250}")
    with pytest.raises(Invalid, match="too many"):
        for number in range(18, 22):
            platform.runs.aliases.protect("churn", f"{number:0>250}")
    assert len(client.get_registered_model("churn").tags[PROTECTED]) <= MOST_CHARACTERS


def test_an_older_history_is_read_and_kept(platform: Platform, client: Any) -> None:
    old = {"alias": "x", "version": "1", "before": None, "by": "eve", "at": "2026-01-01T00:00:00Z", "why": ""}
    client.set_registered_model_tag("churn", HISTORY, json.dumps([old]))
    model = done(platform.runs.aliases.set("churn", "y", "1", by="ada"))
    assert [(one.alias, one.by, one.approved_by) for one in model.history] == [("y", "ada", None), ("x", "eve", None)]


@pytest.mark.parametrize("id", ["", "0", "99999", "-1", "1.5", "x", "²", "9" * 30, "1; DROP TABLE alias_requests"])
def test_an_unknown_request_is_not_found(platform: Platform, client: Any, id: str) -> None:
    asked(platform.runs.aliases.set("churn", "champion", "2", by="ada"))
    for act in (platform.runs.aliases.approve, platform.runs.aliases.reject, platform.runs.aliases.withdraw):
        with pytest.raises(NotFound):
            act("churn", id, by="bob")


def test_a_request_belongs_to_its_model_and_ended_ones_are_the_last_twenty(platform: Platform, client: Any) -> None:
    aliases = platform.runs.aliases
    client.create_registered_model("other")
    for number in range(25):
        request = asked(aliases.set("churn", "champion", "2", by="ada", why=f"number {number}"))
        with pytest.raises(NotFound):
            aliases.approve("other", request.id, by="bob")
        aliases.reject("churn", request.id, by="bob")
    newest = [asked(aliases.set("churn", "champion", version, by="ada")).id for version in ("2", "3")]
    model = platform.runs.model("churn")
    assert [one.id for one in model.requests[:2]] == newest[::-1]
    assert [one.why for one in model.requests[2:]] == [f"number {number}" for number in range(24, 4, -1)]
    assert [one.id for one in aliases.requests()] == newest[::-1]
    assert platform.runs.model("other").requests == []
    listed = {one.name: [each.id for each in one.requests] for one in platform.runs.models().items}
    assert (listed["churn"], listed["other"]) == (newest[::-1], [])
    with pytest.raises(Invalid):
        aliases.reject("churn", newest[0], by="bob", why="x" * 501)


# --- the shell, and a server ------------------------------------------------------------------------


def test_the_shell_asks_approves_and_tells_how(
    platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    told = here("models", "promote", "churn", "2", "--why", "the test")
    assert told.returncode == 0
    request = platform.runs.aliases.requests()[0]
    assert f"jupyter mlplat models approve churn {request.id}" in told.stdout
    assert "@champion is protected: anybody but ada" in told.stdout
    again = json.loads(here("models", "alias", "churn", "champion", "2", "--json").stdout)
    assert (again["id"], again["state"]) == (request.id, "open")
    refused = here("models", "approve", "churn", request.id)
    assert (refused.returncode, len(refused.stderr.strip().splitlines())) == (4, 2)
    assert "wants" in here("models", "requests").stdout.lower()
    assert [one["id"] for one in json.loads(here("models", "requests", "--json").stdout)["items"]] == [request.id]
    monkeypatch.setenv("JUPYTERHUB_USER", "bob")
    assert "bob" in here("models", "approve", "churn", request.id, "--why", "yes").stdout
    assert platform.runs.model("churn").aliases == {"champion": "2"}
    assert here("models", "approve", "churn", request.id).returncode == 4
    off = json.loads(here("models", "protect", "churn", "champion", "--off", "--json").stdout)
    assert (off["protected"], off["requests"][0]["kind"]) == (["champion"], "protection")
    assert here("models", "withdraw", "churn", off["requests"][0]["id"]).returncode == 0
    assert "@next" in here("models", "protect", "churn", "next").stdout
    asked(platform.runs.aliases.set("churn", "champion", "3", by="ada"))
    third = json.loads(here("models", "requests", "churn", "--json").stdout)["items"][0]
    assert "rejected" in here("models", "reject", "churn", third["id"], "--why", "no").stdout


def test_python_has_the_same_words(platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import jupyter_mlplat as mlplat

    monkeypatch.setenv("JUPYTERHUB_USER", "bob")
    request = asked(platform.runs.aliases.set("churn", "champion", "2", by="ada"))
    assert [one.id for one in mlplat.runs.requests("churn")] == [request.id]
    assert mlplat.runs.approve("churn", request.id).aliases == {"champion": "2"}
    own = asked(mlplat.runs.alias("churn", "champion", 3))
    assert mlplat.runs.withdraw("churn", own.id).requests[0].state == "withdrawn"
    gone = asked(mlplat.runs.delete_alias("churn", "champion"))
    assert mlplat.runs.reject("churn", gone.id).requests[0].state == "rejected"
    assert mlplat.runs.protect("churn", "next").protected == ["champion", "next"]
    assert mlplat.runs.unprotect("churn", "next").requests[0].kind == "protection"


@pytest.fixture
def remote(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """A platform whose MLflow is a server."""
    with MLflowServer(tmp_path / "server") as server:
        made = Platform(tracking_uri=server.url)
        yield made
        made.close()


def test_over_a_server_it_is_the_same(remote: Platform) -> None:
    client, aliases = filled(remote), remote.runs.aliases
    request = asked(aliases.set("churn", "champion", "2", by="ada", why="newer"))
    stale = asked(aliases.delete("churn", "champion", by="ada"))
    model = aliases.approve("churn", request.id, by="bob")
    assert (model.aliases, model.history[0].approved_by) == ({"champion": "2"}, "bob")
    assert {one.id: one.state for one in model.requests} == {request.id: "approved", stale.id: "stale"}
    off = aliases.unprotect("churn", "champion", by="ada").requests[0]
    assert aliases.approve("churn", off.id, by="bob").protected == []
    assert client.get_registered_model("churn").tags[PROTECTED] == "[]"
    assert [one.protected for one in remote.runs.models().items] == [[]]
    late = asked(aliases.set("churn", "champion", "3", by="ada")) if aliases.protect("churn", "champion") else None
    assert late is not None
    client.set_registered_model_alias("churn", "champion", "1")
    with pytest.raises(MLPlatError, match="stale"):
        aliases.approve("churn", late.id, by="bob")


# --- who is told ------------------------------------------------------------------------------------


def test_those_whom_the_configuration_names_are_told_once(
    platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[bool] = []
    own = Platform(notify_requests=["@team", "mailto:ada@example.org", "@team"])
    monkeypatch.setattr(own, "wake_engine", lambda: woken.append(True))
    try:
        request = asked(own.runs.aliases.set("churn", "champion", "2", by="ada\nBcc: x", why="two\nlines"))
        asked(own.runs.aliases.set("churn", "champion", "2", by="ada\nBcc: x"))
        with platform.store.read() as connection:
            rows = connection.execute(select(notices).order_by(notices.c.id)).mappings().all()
    finally:
        own.close()
    assert [(row["noun"], row["key"], row["target"], row["state"]) for row in rows] == [
        ("models", int(request.id), "@team", "pending"),
        ("models", int(request.id), "mailto:ada@example.org", "pending"),
    ]
    assert rows[0]["text"].splitlines() == [
        "ada Bcc: x wants @champion of model churn to stand for version 2",
        "",
        "Why: two lines",
        "It stands for: version 1",
        f"Approve it: jupyter mlplat models approve churn {request.id}",
    ]
    assert woken == [True]


def test_a_webhook_hears_of_a_request(platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with WebhookServer() as server:
        own = Platform(notify_requests=[f"{server.url}/hook"])
        monkeypatch.setattr(own, "wake_engine", lambda: None)
        try:
            asked(own.runs.aliases.delete("churn", "champion", by="ada"))
            sender = NoticeSender(NoticeLedger(own.store, own.clock), Channels(hosts=[server.host]).send)
            deadline = time.monotonic() + 30
            while not server.posted and time.monotonic() < deadline:
                sender.advance()
                sender.news.wait(0.1)
            sender.finish(5)
        finally:
            own.close()
        assert server.posted[0].text.startswith("ada wants @champion of model churn to be deleted\n")
