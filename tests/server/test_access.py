"""Nobody gets past the door: every route, every verb, every way of not being allowed."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError

from jupyter_mlplat.server import routes
from jupyter_mlplat.server.app import MLPlatExtension
from jupyter_mlplat.server.base import Handler

from .conftest import Ask

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
VERBS = ("GET", "HEAD", *UNSAFE)
BARE = {"Authorization": "", "Cookie": ""}


def registered(app: Any) -> Iterator[tuple[str, type[Handler]]]:
    """Every rule of the server's router that our handlers answer: the path and the handler."""
    for rule in app.web_app.wildcard_router.rules + app.web_app.default_router.rules:
        for one in getattr(rule.target, "rules", [rule]):
            target = getattr(one, "target", None)
            if isinstance(target, type) and issubclass(target, Handler):
                pattern = one.matcher.regex.pattern.removesuffix("$")
                path = re.sub(r"\(\?P<\w+>(\[\^/\]|\.)\+\)", "1", pattern).replace("(?:/.*)?", "/no/such")
                yield re.sub(r"\\(.)", r"\1", path), target


def test_every_route_of_the_table_is_registered(jp_serverapp: Any, jp_base_url: str) -> None:
    found = {path for path, _ in registered(jp_serverapp)}
    wanted = {re.sub(r"\{\w+\}", "1", route.prefix + route.path) for route in routes.ROUTES}
    prefix = jp_base_url.rstrip("/")
    assert found == {prefix + path for path in wanted} | {f"{prefix}/mlplat/api/v1/no/such"}


async def refused(fetch: Any, method: str, path: str, headers: dict[str, str], expected: set[int]) -> None:
    answer = await fetch(
        path,
        method=method,
        headers=headers,
        body=b"{}" if method in ("POST", "PUT", "PATCH") else None,
        raise_error=False,
        follow_redirects=False,
    )
    assert answer.code in expected, f"{method} {path}: {answer.code} {answer.body!r}"
    if method != "HEAD":
        assert set(json.loads(answer.body)) == {"message", "reason", "hint", "fields"}


async def test_without_a_token_every_verb_of_every_route_is_refused(
    jp_serverapp: Any, http_server_client: Any, extension: MLPlatExtension
) -> None:
    for path, _ in registered(jp_serverapp):
        for method in VERBS:
            await refused(http_server_client.fetch, method, path, {}, {401, 403})
    assert extension.door._loaded is None, "a stranger made the server load the platform"


async def test_with_a_wrong_token_every_route_is_refused(jp_serverapp: Any, http_server_client: Any) -> None:
    for path, _ in registered(jp_serverapp):
        await refused(http_server_client.fetch, "GET", path, {"Authorization": "token wrong"}, {401, 403})


async def cookie_of(http_server_client: Any, base_url: str, token: str) -> str:
    """Log in as a browser does; returns its cookies."""
    answer = await http_server_client.fetch(f"{base_url}?token={token}", follow_redirects=False, raise_error=False)
    pairs = [value.split(";")[0] for value in answer.headers.get_list("Set-Cookie")]
    assert any(pair.startswith("username-") for pair in pairs), pairs
    return "; ".join(pairs)


async def test_a_cookie_without_the_xsrf_header_changes_nothing(
    jp_serverapp: Any, http_server_client: Any, jp_base_url: str
) -> None:
    cookie = await cookie_of(http_server_client, jp_base_url, jp_serverapp.identity_provider.token)
    good = await http_server_client.fetch(f"{jp_base_url}mlplat/api/v1/gpus", headers={"Cookie": cookie})
    assert good.code == 200
    for path, _ in registered(jp_serverapp):
        for method in UNSAFE:
            await refused(http_server_client.fetch, method, path, {"Cookie": cookie}, {403})


async def test_a_cookie_with_the_xsrf_header_is_as_good_as_a_token(
    jp_serverapp: Any, http_server_client: Any, jp_base_url: str
) -> None:
    cookie = await cookie_of(http_server_client, jp_base_url, jp_serverapp.identity_provider.token)
    # Any page with a form hands out the cookie whose value the header repeats.
    page = await http_server_client.fetch(f"{jp_base_url}login", raise_error=False, follow_redirects=False)
    given = [value.split(";")[0] for value in page.headers.get_list("Set-Cookie")]
    (xsrf,) = (pair for pair in given if pair.startswith("_xsrf="))
    made = await http_server_client.fetch(
        f"{jp_base_url}mlplat/api/v1/features/online",
        method="POST",
        headers={"Cookie": f"{cookie}; {xsrf}", "X-XSRFToken": xsrf.removeprefix("_xsrf=")},
        body=b"not json",
        raise_error=False,
    )
    assert made.code == 400, made.body


class Refusing(Authorizer):
    """Nobody may do anything; remembers what was asked."""

    asked: list[tuple[str, str]] = []

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return False


class TestRefusingAuthorizer:
    @pytest.fixture
    def jp_server_config(self, home: Any) -> dict[str, Any]:
        return {
            "ServerApp": {"jpserver_extensions": {"jupyter_mlplat": True}, "authorizer_class": Refusing},
        }

    async def test_every_verb_of_every_route_asks_for_its_own_noun_and_action(
        self, jp_serverapp: Any, http_server_client: Any, jp_auth_header: dict[str, str], extension: MLPlatExtension
    ) -> None:
        for _ in range(2):  # the second round would show what a decorator remembers of the first
            for path, handler in registered(jp_serverapp):
                for method in VERBS:
                    Refusing.asked.clear()
                    implemented = method.lower() in vars(handler)
                    await refused(
                        http_server_client.fetch, method, path, dict(jp_auth_header), {403} if implemented else {405}
                    )
                    if implemented:
                        ((action, resource),) = Refusing.asked
                        assert resource == handler.auth_resource
                        assert resource.startswith("mlplat:")
                        assert action in ("read", "write", "execute")
                        if method in ("GET", "HEAD"):
                            assert action == "read"


def test_every_verb_carries_the_ritual_on_its_concrete_class(jp_serverapp: Any) -> None:
    for _, handler in registered(jp_serverapp):
        source = inspect.getsource(handler)
        verbs = re.findall(r"((?:    @.*\n)*)    async def (get|post|put|patch|delete)\(", source)
        assert verbs, handler
        for decorators, verb in verbs:
            assert re.match(r'    @web\.authenticated\n    @authorized\("\w+"\)\n$', decorators), f"{handler}.{verb}"


def test_the_table_says_which_verbs_a_handler_has(jp_serverapp: Any) -> None:
    for route in routes.ROUTES:
        verbs = {verb for verb in ("get", "post", "put", "patch", "delete", "head") if verb in vars(route.handler)}
        assert verbs == set(route.operations), route.path


async def test_a_verb_that_a_route_lacks_is_named_with_those_it_has(ask: Ask) -> None:
    answer = await ask("DELETE", "jobs")
    assert answer.error(405)["reason"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, POST"


async def test_an_unknown_route_is_json_too(ask: Ask) -> None:
    for parts in (("no", "such"), ("jobs", "1", "x", "y"), ("Jobs",), ("",)):
        for method in ("GET", "POST", "DELETE"):
            assert "openapi.json" in (await ask(method, *parts)).error(404)["hint"], parts


async def test_another_origin_gets_nothing_with_a_cookie(
    jp_serverapp: Any, http_server_client: Any, jp_base_url: str
) -> None:
    cookie = await cookie_of(http_server_client, jp_base_url, jp_serverapp.identity_provider.token)
    with pytest.raises(HTTPClientError) as error:
        await http_server_client.fetch(
            f"{jp_base_url}mlplat/api/v1/gpus",
            headers={"Cookie": cookie, "Origin": "http://evil.example", "Host": "127.0.0.1"},
        )
    assert error.value.code in (403, 404)
