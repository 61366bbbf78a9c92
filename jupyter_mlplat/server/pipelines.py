"""Pipelines: a graph of notebooks, each of which runs as a job."""

from __future__ import annotations

from tornado import web

from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:pipelines"


class PipelinesHandler(Handler):
    """The list of pipelines, and the place where one is made."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        owner = self.query("owner")
        self.reply(await self.call(self.platform.pipelines.list, limit=limit, after=after, owner=owner))

    @web.authenticated
    @authorized("execute")
    async def post(self) -> None:
        from ..models import PipelineSpec

        spec, key = self.parse(PipelineSpec), self.idempotency_key()
        nodes = {}
        for name, node in spec.nodes.items():
            path = await self.path_in_root(node.notebook, field=f"nodes.{name}.notebook", kind="notebook")
            nodes[name] = node.model_copy(update={"notebook": str(path)})
        spec = spec.model_copy(update={"nodes": nodes})
        made = await self.call(self.platform.pipelines.create, spec, owner=self.owner, idempotency_key=key)
        self.reply(made, status=201, location=f"/pipelines/{made.id}")


class PipelineHandler(Handler):
    """One pipeline with its nodes."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.pipelines.get, id))


class PipelineCancelHandler(Handler):
    """The wish that its jobs end and that no further one starts."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.pipelines.cancel, id))


class PipelineRetryHandler(Handler):
    """The nodes that did not succeed, once more."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("execute")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.pipelines.retry, id))


ROUTES = [
    Route(
        "/pipelines",
        PipelinesHandler,
        {
            "get": Operation("Pipelines, newest first", response="Page[Pipeline]", query=("limit", "after", "owner")),
            "post": Operation(
                "Run a graph of notebooks",
                request="PipelineSpec",
                response="Pipeline",
                status=201,
                errors=(409,),
                idempotent=True,
            ),
        },
    ),
    Route("/pipelines/{id}", PipelineHandler, {"get": Operation("One pipeline with its nodes", response="Pipeline")}),
    Route(
        "/pipelines/{id}/cancel",
        PipelineCancelHandler,
        {"post": Operation("Ask its jobs to end, and start no more", response="Pipeline", errors=(409,))},
    ),
    Route(
        "/pipelines/{id}/retry",
        PipelineRetryHandler,
        {"post": Operation("Run the nodes again that did not succeed", response="Pipeline", errors=(409,))},
    ),
]
