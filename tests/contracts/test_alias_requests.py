"""Requests for protected aliases over SQLite and PostgreSQL: asked for once, decided once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from jupyter_mlplat.errors import Conflict
from jupyter_mlplat.models import AliasRequest
from jupyter_mlplat.services.runs.alias_requests import MAX_ID, AliasRequests
from jupyter_mlplat.store import Store
from jupyter_mlplat.store.tables import alias_requests as table

MOST = 8
MODEL = 'träin\'s | <b>"☃"</b>'


@pytest.fixture
def requests(store: Store) -> AliasRequests:
    return AliasRequests(store)


def ask(
    requests: AliasRequests, version: str | None = "2", *, before: str | None = "1", by: str = "ada"
) -> AliasRequest:
    return requests.ask("alias", MODEL, "champion", version, before, by=by, why="it's better")


def together(act: Callable[[int], str]) -> list[str]:
    """What comes of an act that eight do at one moment."""
    everybody = threading.Barrier(MOST)

    def one(number: int) -> str:
        everybody.wait(timeout=30)
        return act(number)

    with ThreadPoolExecutor(MOST) as pool:
        return list(pool.map(one, range(MOST)))


def test_a_request_comes_back_as_it_was_asked_for(requests: AliasRequests) -> None:
    made = ask(requests, None, before=None)
    assert requests.get(MODEL, made.id) == made
    assert (made.model, made.version, made.before, made.why, made.state) == (MODEL, None, None, "it's better", "open")
    assert requests.of(MODEL) == requests.open() == [made]
    assert requests.of("other") == []


def test_the_same_is_asked_for_once(store: Store, requests: AliasRequests) -> None:
    ids = together(lambda number: ask(requests).id)
    assert len({*ids}) == 1
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar() == 1
    assert ask(requests, "3").id not in ids
    requests.end(requests.get(MODEL, ids[0]), "rejected", by="bob", why="")
    assert ask(requests).id not in ids


def test_one_of_many_decides(store: Store, requests: AliasRequests) -> None:
    made = ask(requests)

    def approve(number: int) -> str:
        try:
            with requests.claimed(made) as claim, store.write() as transaction:
                claim.end(transaction, "approved", by=f"user {number}", why="")
            return f"user {number}"
        except Conflict:
            return ""

    def reject(number: int) -> str:
        try:
            requests.end(made, "rejected", by=f"user {number}", why="")
            return f"user {number}"
        except Conflict:
            return ""

    winners = [one for one in together(lambda number: (approve if number % 2 else reject)(number)) if one]
    assert len(winners) == 1
    assert requests.get(MODEL, made.id).decided_by == winners[0]


def test_a_claim_that_came_to_nothing_is_given_back(requests: AliasRequests) -> None:
    made = ask(requests)
    with pytest.raises(ValueError, match="MLflow"), requests.claimed(made):
        with pytest.raises(Conflict):
            requests.end(made, "withdrawn", by="ada", why="")
        raise ValueError("MLflow")
    requests.end(made, "withdrawn", by="ada", why="")
    assert requests.get(MODEL, made.id).state == "withdrawn"


def test_what_was_overtaken_is_stale(store: Store, requests: AliasRequests) -> None:
    old = [ask(requests), ask(requests, None), ask(requests, by="bob")]
    other = requests.ask("alias", MODEL, "challenger", "2", None, by="ada", why="")
    off = requests.ask("protection", MODEL, "champion", None, "1", by="ada", why="")
    new = ask(requests, "3", before="2")
    states = {one.id: one.state for one in requests.of(MODEL)}
    assert states == {
        **dict.fromkeys((one.id for one in old), "stale"),
        other.id: "open",
        off.id: "open",
        new.id: "open",
    }
    with store.write() as transaction:
        requests.settle(transaction, MODEL, "champion", None)
    assert requests.get(MODEL, new.id).state == "stale"


def test_numbers_that_no_column_holds_belong_to_none(requests: AliasRequests) -> None:
    from jupyter_mlplat.errors import NotFound

    for id in (str(MAX_ID + 1), "9" * 20, "0"):
        with pytest.raises(NotFound):
            requests.get(MODEL, id)
