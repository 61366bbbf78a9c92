"""Sweeps: one notebook at many points of its parameters."""

from __future__ import annotations

from tornado import web

from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:sweeps"


class SweepsHandler(Handler):
    """The list of sweeps, and the place where one is made."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        owner = self.query("owner")
        self.reply(await self.call(self.platform.sweeps.list, limit=limit, after=after, owner=owner))

    @web.authenticated
    @authorized("execute")
    async def post(self) -> None:
        from ..models import SweepSpec

        spec, key = self.parse(SweepSpec), self.idempotency_key()
        notebook = await self.path_in_root(spec.notebook, field="notebook", kind="notebook")
        spec = spec.model_copy(update={"notebook": str(notebook)})
        made = await self.call(self.platform.sweeps.create, spec, owner=self.owner, idempotency_key=key)
        self.reply(made, status=201, location=f"/sweeps/{made.id}")


class SweepHandler(Handler):
    """One sweep with its points."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.sweeps.get, id))


class SweepStudyHandler(Handler):
    """What the study of a sweep by Optuna knows."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.sweeps.study, id))


class SweepCancelHandler(Handler):
    """The wish that all of its jobs end."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.sweeps.cancel, id))


class SweepRetryHandler(Handler):
    """The points that did not succeed, once more."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("execute")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.sweeps.retry, id))


ROUTES = [
    Route(
        "/sweeps",
        SweepsHandler,
        {
            "get": Operation("Sweeps, newest first", response="Page[Sweep]", query=("limit", "after", "owner")),
            "post": Operation(
                "Run a notebook at many points of its parameters",
                request="SweepSpec",
                response="Sweep",
                status=201,
                errors=(409,),
                idempotent=True,
            ),
        },
    ),
    Route("/sweeps/{id}", SweepHandler, {"get": Operation("One sweep with its points", response="Sweep")}),
    Route(
        "/sweeps/{id}/study",
        SweepStudyHandler,
        {"get": Operation("Its trials, which parameters matter, and the best ones", response="SweepStudy")},
    ),
    Route(
        "/sweeps/{id}/cancel",
        SweepCancelHandler,
        {"post": Operation("Ask all of its jobs to end", response="Sweep", errors=(409,))},
    ),
    Route(
        "/sweeps/{id}/retry",
        SweepRetryHandler,
        {"post": Operation("Run the points again that did not succeed", response="Sweep", errors=(409,))},
    ),
]
