"""Deployments: models behind an address."""

from __future__ import annotations

from urllib.parse import quote

from tornado import web

from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:deployments"


class DeploymentsHandler(Handler):
    """The list of deployments, and the place where one is made."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.deployments.list, limit=limit, after=after))

    @web.authenticated
    @authorized("execute")
    async def post(self) -> None:
        from ..models import DeploymentSpec

        spec, key = self.parse(DeploymentSpec), self.idempotency_key()
        made = await self.call(self.platform.deployments.create, spec, owner=self.owner, idempotency_key=key)
        self.reply(made, status=201, location=f"/deployments/{quote(made.name, safe='')}")


class DeploymentHandler(Handler):
    """One deployment."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str) -> None:
        self.reply(await self.call(self.platform.deployments.get, name))

    @web.authenticated
    @authorized("write")
    async def delete(self, name: str) -> None:
        self.reply(await self.call(self.platform.deployments.delete, name))


class DeploymentLogHandler(Handler):
    """What an endpoint's process printed."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str) -> None:
        offset = self.number("offset", 0, low=0, high=2**53)
        self.reply(await self.call(self.platform.deployments.log, name, offset=offset))


class DeploymentPredictHandler(Handler):
    """Ask an endpoint, with the token that only the server knows."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("execute")
    async def post(self, name: str) -> None:
        self.reply(await self.call(self.platform.deployments.predict, name, self.json()))


ROUTES = [
    Route(
        "/deployments",
        DeploymentsHandler,
        {
            "get": Operation("Deployments", response="Page[Deployment]", query=("limit", "after")),
            "post": Operation(
                "Deploy a model",
                request="DeploymentSpec",
                response="Deployment",
                status=201,
                errors=(409, 502),
                idempotent=True,
            ),
        },
    ),
    Route(
        "/deployments/{name}",
        DeploymentHandler,
        {
            "get": Operation("One deployment", response="Deployment"),
            "delete": Operation("End a deployment and forget it", response="Deployment", errors=(409,)),
        },
    ),
    Route(
        "/deployments/{name}/log",
        DeploymentLogHandler,
        {"get": Operation("What an endpoint printed", response="JobLog", query=("offset",))},
    ),
    Route(
        "/deployments/{name}/predict",
        DeploymentPredictHandler,
        {
            "post": Operation(
                "Predict: takes an /invocations body", request="object", response="object", errors=(409, 502)
            )
        },
    ),
]
