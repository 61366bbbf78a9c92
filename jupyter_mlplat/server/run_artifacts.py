"""The files of runs."""

from __future__ import annotations

import mimetypes
from contextlib import ExitStack, suppress
from urllib.parse import quote

from tornado import web
from tornado.iostream import StreamClosedError

from .base import Handler, Operation, Route, authorized
from .jobs import HTML_POLICY

RESOURCE = "mlplat:runs"
CHUNK = 1 << 18
"""Bytes of a file that are in memory at a time."""
TEXTS = {".yaml", ".yml", ".toml", ".log", ".cfg", ".ini", ".lock", ".diff", ".py", ".md", ".sql"}


class RunArtifactsHandler(Handler):
    """What is in a folder of a run's artifacts."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.runs.artifacts.entries, id, self.query("path") or ""))


class RunArtifactHandler(Handler):
    """One file of a run, whoever may have written it: it is shown without the rights of this server's origin."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str, path: str) -> None:
        show = "attachment" if self.flag("download") else "inline"
        with ExitStack() as stack:
            found = await self.call(stack.enter_context, self.platform.runs.artifacts.reading(id, path))
            kind = media_type(found.name)
            self.set_header("Content-Type", kind)
            self.set_header("Content-Length", str(found.size))
            self.set_header("Content-Disposition", f"{show}; filename*=UTF-8''{quote(found.name, safe='')}")
            self.set_header("Content-Security-Policy", HTML_POLICY)
            with suppress(StreamClosedError):  # whoever asked has gone
                left = found.size
                while left and (chunk := await self.call(found.file.read, min(CHUNK, left))):
                    left -= len(chunk)
                    self.write(chunk)
                    await self.flush()
                await self.finish(set_content_type=kind)


class RunTableHandler(Handler):
    """The first rows of a table among a run's files."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str, path: str) -> None:
        self.reply(await self.call(self.platform.runs.table, id, path))


def media_type(name: str) -> str:
    """What a file is, by its name."""
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending in TEXTS or name == "MLmodel":
        return "text/plain; charset=utf-8"
    if ending == ".ipynb":
        return "application/json"
    kind, encoding = mimetypes.guess_type(f"file{ending}")
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


ROUTES = [
    Route(
        "/runs/{id}/tables/{path}",
        RunTableHandler,
        {
            "get": Operation(
                "The first rows of a parquet file among a run's artifacts", response="ArtifactTable", errors=(502,)
            )
        },
        deep=("path",),
    ),
    Route(
        "/runs/{id}/artifacts",
        RunArtifactsHandler,
        {
            "get": Operation(
                "What is in a folder of a run's artifacts", response="ArtifactPage", query=("path",), errors=(502,)
            )
        },
    ),
    Route(
        "/runs/{id}/artifacts/{path}",
        RunArtifactHandler,
        {
            "get": Operation(
                "One file of a run",
                query=("download",),
                media_type="application/octet-stream",
                errors=(502,),
            )
        },
        deep=("path",),
    ),
]
