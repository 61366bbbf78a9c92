"""What the platform says about itself: status, the OpenAPI document, metrics; and the answer to an unknown route."""

from __future__ import annotations

from tornado import web

from ..errors import NotFound
from .base import PREFIX, Handler, Operation, Route, authorized

RESOURCE = "mlplat:status"


class StatusHandler(Handler):
    """Versions, where data lives, what runs."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        status = await self.call(self.platform.status)
        self.reply(status.model_copy(update={"owner": self.owner}))


class OpenAPIHandler(Handler):
    """This interface, described for programs."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        from .openapi import document

        self.reply(await self.call(document, self.base_url))


class MetricsHandler(Handler):
    """Numbers for Prometheus."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        from .metrics import CONTENT_TYPE, exposition

        text = await self.call(exposition, self.platform, self.door.durations)
        self.finish(text, set_content_type=CONTENT_TYPE)


class UnknownHandler(Handler):
    """Everything below the prefix that is no route."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        raise NotFound(f"there is no {self.request.path}", hint=f"see {self.base_url.rstrip('/')}{PREFIX}/openapi.json")

    head = post = put = patch = delete = get


ROUTES = [
    Route("/status", StatusHandler, {"get": Operation("What the platform says about itself", response="Status")}),
    Route(
        "/openapi.json",
        OpenAPIHandler,
        {"get": Operation("This document", response="object")},
    ),
]
METRICS = Route(
    "/metrics",
    MetricsHandler,
    {"get": Operation("Metrics in Prometheus' text format", media_type="text/plain")},
    prefix="/mlplat",
)
