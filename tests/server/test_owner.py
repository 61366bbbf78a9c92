"""Whom a row belongs to: the identity that Jupyter knows, else whoever runs the server."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_server.auth import IdentityProvider, User

from .conftest import Ask


class Known(IdentityProvider):
    """Everybody is Ada, or what the test says."""

    user = User("ada@example.org", "Ada Lovelace")

    def get_user(self, handler: Any) -> User:
        return self.user


class TestIdentity:
    @pytest.fixture
    def jp_server_config(self, home: Any) -> dict[str, Any]:
        return {
            "ServerApp": {"jpserver_extensions": {"jupyter_mlplat": True}, "identity_provider_class": Known},
        }

    @pytest.mark.parametrize(
        ("user", "owner"),
        [
            (User("ada@example.org", "Ada Lovelace"), "ada@example.org"),
            (User("5" * 32, "Ada Lovelace"), "5" * 32),
            (User("b1946ac92492d2347c6235b4d2611184", "Anonymous Io"), "hub-user"),
            (User("anonymous", "Anonymous Io"), "anonymous"),
        ],
    )
    async def test_the_owner_is_the_identity_unless_it_was_made_up(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch, user: User, owner: str
    ) -> None:
        monkeypatch.setenv("JUPYTERHUB_USER", "hub-user")
        monkeypatch.setattr(Known, "user", user)
        assert (await ask("GET", "status", headers={"X-XSRFToken": "none"})).json["owner"] == owner


async def test_the_token_alone_is_the_user_of_the_server(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "login")
    assert (await ask("GET", "status")).json["owner"] == "login"
