"""A real Jupyter server in this process, with the extension, on the test's own data directory."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tornado.httpclient import HTTPResponse

from jupyter_mlplat.home import Home
from jupyter_mlplat.server.app import MLPlatExtension

API = "mlplat/api/v1"


@pytest.fixture
def jp_server_config(home: Home) -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"jupyter_mlplat": True}}}


@pytest.fixture
def extension(jp_serverapp: Any) -> MLPlatExtension:
    """The extension as the server has loaded it."""
    found = jp_serverapp.extension_manager.extension_points["jupyter_mlplat"].app
    assert isinstance(found, MLPlatExtension)
    return found


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is no JSON")

        return json.loads(self.body, parse_constant=refuse)

    def error(self, status: int) -> dict[str, Any]:
        """The body of an error with that status, which has exactly the four keys."""
        assert self.status == status, self.body
        said: dict[str, Any] = self.json
        assert set(said) == {"message", "reason", "hint", "fields"}
        assert said["message"]
        assert "Traceback" not in self.body.decode()
        return said


Ask = Callable[..., Awaitable[Answer]]


@pytest.fixture
def ask(jp_fetch: Any, extension: MLPlatExtension) -> Ask:
    """Send a request below the prefix; an error status is an answer, too."""

    async def send(
        method: str, *parts: str, body: object = None, params: dict[str, str] | None = None, **kwargs: Any
    ) -> Answer:
        if method in ("POST", "PUT", "PATCH") or body is not None:
            kwargs["body"] = body if isinstance(body, bytes | str) else b"" if body is None else json.dumps(body)
            kwargs["allow_nonstandard_methods"] = True
        response: HTTPResponse = await jp_fetch(API, *parts, method=method, params=params, raise_error=False, **kwargs)
        return Answer(response.code, response.headers, response.body or b"")

    return send


@pytest.fixture
def notebook(jp_root_dir: Path) -> str:
    """A small notebook in the server's root; returns its path as the file browser shows it."""
    made = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell("x: int = 1  # how many\nname = 'a'")
    cell.metadata["tags"] = ["parameters"]
    made.cells = [cell, nbformat.v4.new_code_cell("print(x)")]
    (jp_root_dir / "work").mkdir()
    nbformat.write(made, jp_root_dir / "work" / "small.ipynb")
    return "work/small.ipynb"
