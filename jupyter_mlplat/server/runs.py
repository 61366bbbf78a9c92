"""Runs, experiments and registered models."""

from __future__ import annotations

from tornado import web

from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:runs"


class RunsHandler(Handler):
    """The list of runs."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        page = await self.call(
            self.platform.runs.list,
            experiment=self.query("experiment"),
            filter=self.query("filter"),
            order_by=self.query("order_by"),
            limit=limit,
            after=after,
        )
        self.reply(page)


class RunHandler(Handler):
    """One run with what hangs on it."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.runs.get, id))


class ExperimentsHandler(Handler):
    """The list of experiments."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.runs.experiments, limit=limit, after=after))


class ModelsHandler(Handler):
    """The list of registered models."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.runs.models, limit=limit, after=after))


class ModelHandler(Handler):
    """One registered model with its versions."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str) -> None:
        self.reply(await self.call(self.platform.runs.model, name))


ROUTES = [
    Route(
        "/runs",
        RunsHandler,
        {
            "get": Operation(
                "Runs, newest first",
                response="Page[Run]",
                query=("limit", "after", "experiment", "filter", "order_by"),
                errors=(502,),
            )
        },
    ),
    Route("/runs/{id}", RunHandler, {"get": Operation("One run", response="RunDetail", errors=(502,))}),
    Route(
        "/experiments",
        ExperimentsHandler,
        {"get": Operation("Experiments", response="Page[Experiment]", query=("limit", "after"), errors=(502,))},
    ),
    Route(
        "/models",
        ModelsHandler,
        {
            "get": Operation(
                "Registered models", response="Page[RegisteredModel]", query=("limit", "after"), errors=(502,)
            )
        },
    ),
    Route(
        "/models/{name}",
        ModelHandler,
        {"get": Operation("One registered model", response="RegisteredModel", errors=(502,))},
    ),
]
