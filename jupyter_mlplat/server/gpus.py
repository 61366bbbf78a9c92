"""GPUs, and the claims on them."""

from __future__ import annotations

from tornado import web

from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:gpus"


class GPUsHandler(Handler):
    """The devices of this machine."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        self.reply(await self.call(self.platform.gpus.list))


class LeasesHandler(Handler):
    """The live leases."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.gpus.leases, limit=limit, after=after))


ROUTES = [
    Route("/gpus", GPUsHandler, {"get": Operation("The devices, their leases and the queue", response="GPUs")}),
    Route(
        "/leases",
        LeasesHandler,
        {"get": Operation("The live leases", response="Page[Lease]", query=("limit", "after"))},
    ),
]
