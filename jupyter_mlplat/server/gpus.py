"""GPUs, and the claims on them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from jupyter_core.utils import ensure_async
from tornado import web

from ..errors import Invalid
from .base import Handler, Operation, Route, authorized
from .kernel_leases import KERNEL_LEASES

if TYPE_CHECKING:
    from ..models import GPUUsage

RESOURCE = "mlplat:gpus"
USAGE = ("since", "until", "by")
ADOPTED_WITHIN_S = 120.0
"""So long devices are held for a notebook whose kernel has not started."""


class GPUsHandler(Handler):
    """The devices of this machine."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        self.reply(await self.call(self.platform.gpus.list))


class UsageHandler(Handler):
    """GPU hours, idle hours and cost."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        self.reply(await self.usage())

    async def usage(self) -> GPUUsage:
        """What the query asks for. Raises `Invalid`."""
        from pydantic import ValidationError

        from ..models import GPUUsageRequest

        given = {name: value for name in USAGE if (value := self.query(name)) is not None}
        try:
            # As JSON in strict mode: a time is ISO 8601, not a number.
            asked = GPUUsageRequest.model_validate_json(json.dumps(given), strict=True)
        except ValidationError as error:
            fields = {str(one["loc"][0]): str(one["msg"]) for one in error.errors()}
            name, message = next(iter(fields.items()))
            raise Invalid(f"{name}: {message}", hint="a time is like 2026-03-29T00:00:00Z", fields=fields) from error
        return await self.call(self.platform.gpus.usage, since=asked.since, until=asked.until, by=asked.by)


class UsageCSVHandler(UsageHandler):
    """The same for a spreadsheet."""

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        from ..services.gpus.usage import to_csv

        text = to_csv(await self.usage())
        self.set_header("Content-Disposition", 'attachment; filename="gpu-usage.csv"')
        self.finish(text, set_content_type="text/csv; charset=utf-8")


class GPUMetricsHandler(Handler):
    """The same for Prometheus."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        from .gpu_metrics import exposition
        from .metrics import CONTENT_TYPE

        self.finish(await self.call(exposition, self.platform), set_content_type=CONTENT_TYPE)


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
        kernels = self.settings[KERNEL_LEASES]
        if kernels.holder(id) is not None:
            await self.require("write", "kernels")
            await kernels.shut_down(id)
        self.reply(await self.call(self.platform.gpus.release, id))

    async def require(self, action: str, resource: str) -> None:
        """Raise the 403 of `authorized` where the user may not do that, too."""
        allowed = self.authorizer.is_authorized(self, self.current_user, action, resource)
        if not await ensure_async(allowed):
            raise web.HTTPError(403, f"you may not {action} {resource}")


class KeepHandler(Handler):
    """The devices of a kernel are wanted for a while, also at rest."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("execute")
    async def post(self, id: str) -> None:
        from ..models import KeepRequest

        self.reply(await self.call(self.platform.gpus.keep, id, self.parse(KeepRequest).seconds))


ROUTES = [
    Route("/gpus", GPUsHandler, {"get": Operation("The devices, their leases and the queue", response="GPUs")}),
    Route(
        "/gpus/usage",
        UsageHandler,
        {"get": Operation("GPU hours, idle hours and cost", response="GPUUsage", query=USAGE)},
    ),
    Route(
        "/gpus/usage.csv",
        UsageCSVHandler,
        {"get": Operation("The same as CSV", query=USAGE, media_type="text/csv")},
    ),
    Route(
        "/gpus/metrics",
        GPUMetricsHandler,
        {"get": Operation("Devices, leases, GPU seconds and cost in Prometheus' text format", media_type="text/plain")},
    ),
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
            "delete": Operation(
                "Give devices back, or leave the queue; a kernel of this server is saved and shut down",
                response="Lease",
            ),
        },
    ),
    Route(
        "/leases/{id}/keep",
        KeepHandler,
        {
            "post": Operation(
                "Ask nobody for a while whether a kernel still wants its devices",
                request="KeepRequest",
                response="Lease",
                errors=(409,),
            )
        },
    ),
]
