"""Aliases of registered models: set, moved and deleted with their history, as MLflow's own client sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.errors import Conflict, Invalid, NotFound
from jupyter_mlplat.models import RegisteredModel
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.runs import aliases as module
from jupyter_mlplat.services.runs.alias_tags import HISTORY, MOST, history_of

from ..mlflowserver import MLflowServer
from ..shell import here


@pytest.fixture
def client(platform: Platform) -> Any:
    """MLflow's own client of a registry with three versions of `churn`."""
    return filled(platform)


def filled(platform: Platform) -> Any:
    client = platform.runs.client()
    client.create_registered_model("churn")
    run = client.create_run("0")
    for _ in range(3):
        client.create_model_version("churn", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    return client


def told(model: RegisteredModel) -> list[tuple[str, str | None, str | None, str, str]]:
    return [(one.alias, one.before, one.version, one.by, one.why) for one in model.history]


def test_an_alias_is_set_moved_and_deleted_with_its_history(platform: Platform, client: Any) -> None:
    aliases = platform.runs.aliases
    assert aliases.set("churn", "champion", "1", by="ada").aliases == {"champion": "1"}
    aliases.set("churn", "champion", "3", by="bob", why="better on new customers")
    assert str(client.get_model_version_by_alias("churn", "champion").version) == "3"
    model = aliases.set("churn", "champion", "3", by="eve")  # as it is
    assert told(model) == [
        ("champion", "1", "3", "bob", "better on new customers"),
        ("champion", None, "1", "ada", ""),
    ]
    assert platform.runs.resolve_model("models:/churn@champion").version == "3"
    model = aliases.delete("churn", "champion", by="ada")
    assert (model.aliases, told(model)[0]) == ({}, ("champion", "3", None, "ada", ""))
    assert client.get_registered_model("churn").aliases == {}


def test_what_others_set_is_the_truth(platform: Platform, client: Any) -> None:
    client.set_registered_model_alias("churn", "champion", "2")
    assert platform.runs.model("churn").aliases == {"champion": "2"}
    assert told(platform.runs.aliases.set("churn", "champion", "1", by="ada")) == [("champion", "2", "1", "ada", "")]
    client.set_registered_model_tag("churn", HISTORY, "somebody else's")
    assert platform.runs.model("churn").history == []
    assert len(platform.runs.aliases.set("churn", "champion", "3", by="ada").history) == 1


@pytest.mark.parametrize("alias", ["", "latest", "LATEST", "v1", "V22", "a b", "a/b", "ä", "a\n", "x" * 256, "'; DROP"])
def test_what_cannot_be_an_alias_is_refused(platform: Platform, client: Any, alias: str) -> None:
    with pytest.raises(Invalid) as error:
        platform.runs.aliases.set("churn", alias, "1", by="ada")
    assert error.value.fields == {"alias": "not an alias"}
    assert platform.runs.model("churn").aliases == {}


def test_unknown_models_versions_and_aliases_are_not_found(platform: Platform, client: Any) -> None:
    aliases = platform.runs.aliases
    with pytest.raises(NotFound, match="no registered model"):
        aliases.set("other", "champion", "1", by="ada")
    with pytest.raises(NotFound) as error:
        aliases.set("churn", "champion", "4", by="ada")
    assert error.value.hint == "its versions: 3, 2, 1"
    with pytest.raises(NotFound, match="has no alias champion"):
        aliases.delete("churn", "champion", by="ada")
    with pytest.raises(Invalid):
        aliases.set("churn", "champion", "1", by="ada", why="x" * 501)


def test_a_change_in_between_is_a_conflict(platform: Platform, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = module.write_change

    def late(*arguments: Any) -> None:
        client.set_registered_model_alias("churn", "champion", "2")
        own(*arguments)

    monkeypatch.setattr(module, "write_change", late)
    with pytest.raises(Conflict):
        platform.runs.aliases.set("churn", "champion", "1", by="ada")
    assert platform.runs.model("churn").aliases == {"champion": "2"}


def test_a_long_history_keeps_its_newest(platform: Platform, client: Any) -> None:
    for number in range(MOST + 20):
        platform.runs.aliases.set("churn", "champion", str(number % 3 + 1), by="ada", why=f"number {number} ü")
    text = client.get_registered_model("churn").tags[HISTORY]
    assert len(text) <= 5000
    history = platform.runs.model("churn").history
    assert 20 < len(history) <= MOST
    assert history[0].why == f"number {MOST + 19} ü"
    assert history_of("[{}]") == history_of("{") == history_of(None) == []


def test_the_shell_sets_promotes_and_deletes(platform: Platform, client: Any) -> None:
    done = here("models", "alias", "churn", "challenger", "2", "--json")
    assert json.loads(done.stdout)["aliases"] == {"challenger": "2"}
    done = here("models", "promote", "churn", "3", "--why", "the test")
    assert "@champion" in done.stdout
    assert "the test" in done.stdout
    done = here("models", "alias", "churn", "challenger", "--delete", "--json")
    assert json.loads(done.stdout)["aliases"] == {"champion": "3"}
    for words in (["alias", "churn", "a"], ["alias", "churn", "a", "1", "--delete"], ["promote", "churn", "9"]):
        done = here("models", *words)
        assert done.returncode != 0
        assert len(done.stderr.strip().splitlines()) <= 2


@pytest.fixture
def remote(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """A platform whose MLflow is a server."""
    with MLflowServer(tmp_path / "server") as server:
        made = Platform(tracking_uri=server.url)
        yield made
        made.close()


def test_over_a_server_it_is_the_same(remote: Platform) -> None:
    filled(remote)
    remote.runs.aliases.set("churn", "champion", "1", by="ada")
    model = remote.runs.aliases.set("churn", "champion", "2", by="ada", why="newer")
    assert (model.aliases, told(model)[0]) == ({"champion": "2"}, ("champion", "1", "2", "ada", "newer"))
    assert remote.runs.aliases.delete("churn", "champion", by="bob").aliases == {}
