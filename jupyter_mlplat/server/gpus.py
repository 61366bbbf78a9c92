"""GPUs, and the claims on them."""

from __future__ import annotations

import os

from tornado import web

from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:gpus"
ADOPTED_WITHIN_S = 120.0
"""So long devices are held for a notebook whose kernel has not started."""


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

    @web.authenticated
    @authorized("execute")
    async def post(self) -> None:
        from ..models import LeaseRequest

        request, key = self.parse(LeaseRequest), self.idempotency_key()
        if request.notebook is not None:
            # The kernel is started by this server, and it or nobody takes the lease over.
            notebook = await self.path_in_root(request.notebook, field="notebook", kind="notebook")
            ahead = {"notebook": str(notebook), "pid": os.getpid(), "seconds": ADOPTED_WITHIN_S}
            request = request.model_copy(update=ahead)
        lease = await self.call(self.platform.gpus.acquire, request, owner=self.owner, idempotency_key=key)
        self.reply(lease, status=201, location=f"/leases/{lease.id}")


class LeaseHandler(Handler):
    """One lease."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.gpus.look, id))

    @web.authenticated
    @authorized("execute")
    async def delete(self, id: str) -> None:
        self.reply(await self.call(self.platform.gpus.release, id))


ROUTES = [
    Route("/gpus", GPUsHandler, {"get": Operation("The devices, their leases and the queue", response="GPUs")}),
    Route(
        "/leases",
        LeasesHandler,
        {
            "get": Operation("The live leases", response="Page[Lease]", query=("limit", "after")),
            "post": Operation(
                "Ask for devices: granted at once, or queued",
                request="LeaseRequest",
                response="Lease",
                status=201,
                errors=(409,),
                idempotent=True,
            ),
        },
    ),
    Route(
        "/leases/{id}",
        LeaseHandler,
        {
            "get": Operation("One lease, also one that has ended", response="Lease"),
            "delete": Operation("Give devices back, or leave the queue", response="Lease"),
        },
    ),
]
