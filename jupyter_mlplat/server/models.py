"""Registered models: aliases and who may move them, versions, their lineage and cards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tornado import web

from ..errors import Invalid
from .base import Handler, Operation, Route, authorized
from .etags import revision_in
from .paths import seen_from

if TYPE_CHECKING:
    from ..models import AliasRequest, Lineage, ModelCard, RegisteredModel

RESOURCE = "mlplat:runs"
MARKDOWN = "text/markdown; charset=utf-8"


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


# --- aliases ----------------------------------------------------------------------------------------


class ModelAliasHandler(Handler):
    """An alias of a registered model."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def put(self, name: str, alias: str) -> None:
        from ..models import AliasTarget

        target = self.parse(AliasTarget)
        set_alias = self.platform.runs.aliases.set
        self._answer(await self.call(set_alias, name, alias, target.version, by=self.owner, why=target.why))

    @web.authenticated
    @authorized("write")
    async def delete(self, name: str, alias: str) -> None:
        why = self.query("why") or ""
        self._answer(await self.call(self.platform.runs.aliases.delete, name, alias, by=self.owner, why=why))

    def _answer(self, done: RegisteredModel | AliasRequest) -> None:
        from ..models import AliasRequest

        self.reply(done, status=202 if isinstance(done, AliasRequest) else 200)


class ModelProtectionHandler(Handler):
    """That an alias changes when a second person approves it."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def put(self, name: str, alias: str) -> None:
        self.reply(await self.call(self.platform.runs.aliases.protect, name, alias))

    @web.authenticated
    @authorized("write")
    async def delete(self, name: str, alias: str) -> None:
        why = self.query("why") or ""
        model = await self.call(self.platform.runs.aliases.unprotect, name, alias, by=self.owner, why=why)
        self.reply(model, status=202 if alias in model.protected else 200)


class _DecisionHandler(Handler):
    """What somebody says to a request."""

    auth_resource = RESOURCE

    def why(self) -> str:
        from ..models import RequestDecision

        return self.parse(RequestDecision).why if self._body else ""


class RequestApproveHandler(_DecisionHandler):
    """A second person's yes."""

    @web.authenticated
    @authorized("write")
    async def post(self, name: str, id: str) -> None:
        why = self.why()
        self.reply(await self.call(self.platform.runs.aliases.approve, name, id, by=self.owner, why=why))


class RequestRejectHandler(_DecisionHandler):
    """Somebody's no."""

    @web.authenticated
    @authorized("write")
    async def post(self, name: str, id: str) -> None:
        why = self.why()
        self.reply(await self.call(self.platform.runs.aliases.reject, name, id, by=self.owner, why=why))


class RequestWithdrawHandler(_DecisionHandler):
    """Second thoughts of who has asked."""

    @web.authenticated
    @authorized("write")
    async def post(self, name: str, id: str) -> None:
        why = self.why()
        self.reply(await self.call(self.platform.runs.aliases.withdraw, name, id, by=self.owner, why=why))


# --- versions ---------------------------------------------------------------------------------------


class ModelVersionHandler(Handler):
    """One version."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str, version: str) -> None:
        self.reply(await self.call(self.platform.runs.versions.get, name, version))


class ModelCompareHandler(Handler):
    """What a version differs in from another."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str) -> None:
        versions = self.queries("version")
        if len(versions) != 2:
            raise Invalid(
                "two versions are compared", hint="?version=BEFORE&version=AFTER", fields={"version": "must be two"}
            )
        self.reply(await self.call(self.platform.runs.versions.compare, name, *versions))


class ModelLineageHandler(Handler):
    """Where a version comes from and where it is served."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str, version: str) -> None:
        lineage = await self.call(self.platform.runs.versions.lineage, name, version)
        self.reply(await self.call(self._from_root, lineage))

    def _from_root(self, lineage: Lineage) -> Lineage:
        """Paths start at the server's root; what is outside of it cannot be opened."""
        root = Path(str(self.serverapp.root_dir)) if self.serverapp is not None else Path()
        nodes = [
            node.model_copy(update={"target": seen_from(root, node.target)})
            if node.kind == "notebook" and node.target is not None
            else node
            for node in lineage.nodes
        ]
        return lineage.model_copy(update={"nodes": nodes})


class ModelCardHandler(Handler):
    """The card of a version."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str, version: str) -> None:
        kind = self.query("format")
        if kind not in (None, "json", "markdown"):
            raise Invalid("format is json or markdown", hint="leave it away for json", fields={"format": "unknown"})
        card = await self.call(self.platform.runs.versions.cards.get, name, version)
        if kind != "markdown":
            self._show(card)
            return
        file = quote(f"{name}-{version}.md", safe="")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{file}")
        self.finish(card.markdown, set_content_type=MARKDOWN)

    @web.authenticated
    @authorized("write")
    async def put(self, name: str, version: str) -> None:
        from ..models import CardChange

        change, revision = self.parse(CardChange), revision_in(self.request.headers, of="the card")
        write = self.platform.runs.versions.cards.write
        self._show(await self.call(write, name, version, change.markdown, by=self.owner, revision=revision))

    def _show(self, card: ModelCard) -> None:
        from ..services.runs.versions import card_revision

        self.set_header("ETag", f'"{card_revision(card)}"')
        self.reply(card)

    def check_etag_header(self) -> bool:
        """False: the ETag is of what PUT can change; the facts beside it may be others."""
        return False


def _decision(what: str, handler: type[Handler], summary: str) -> Route:
    return Route(
        f"/models/{{name}}/requests/{{id}}/{what}",
        handler,
        {
            "post": Operation(
                f"{summary}; a body may be left away",
                request="RequestDecision",
                response="RegisteredModel",
                errors=(409, 502),
            )
        },
    )


ROUTES = [
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
    Route(
        "/models/{name}/aliases/{alias}",
        ModelAliasHandler,
        {
            "put": Operation(
                "Have an alias stand for a version; 202 with the request that this becomes where it is protected",
                request="AliasTarget",
                response="RegisteredModel",
                accepted="AliasRequest",
                errors=(409, 502),
            ),
            "delete": Operation(
                "Delete an alias; 202 with the request that this becomes where it is protected",
                response="RegisteredModel",
                accepted="AliasRequest",
                query=("why",),
                errors=(409, 502),
            ),
        },
    ),
    Route(
        "/models/{name}/protection/{alias}",
        ModelProtectionHandler,
        {
            "put": Operation(
                "Have changes of an alias wait for a second person's approval",
                response="RegisteredModel",
                errors=(409, 502),
            ),
            "delete": Operation(
                "End that; 202 while somebody else has to approve it",
                response="RegisteredModel",
                accepted="RegisteredModel",
                query=("why",),
                errors=(409, 502),
            ),
        },
    ),
    _decision("approve", RequestApproveHandler, "Approve somebody else's request"),
    _decision("reject", RequestRejectHandler, "Reject a request"),
    _decision("withdraw", RequestWithdrawHandler, "Take an own request back"),
    Route(
        "/models/{name}/compare",
        ModelCompareHandler,
        {
            "get": Operation(
                "What a version differs in from another: signature, requirements, size, run",
                response="VersionComparison",
                query=("version",),
                errors=(502,),
            )
        },
    ),
    Route(
        "/models/{name}/versions/{version}",
        ModelVersionHandler,
        {"get": Operation("One version with its run and signature", response="ModelVersionDetail", errors=(502,))},
    ),
    Route(
        "/models/{name}/versions/{version}/lineage",
        ModelLineageHandler,
        {"get": Operation("Where a version comes from and where it is served", response="Lineage", errors=(502,))},
    ),
    Route(
        "/models/{name}/versions/{version}/card",
        ModelCardHandler,
        {
            "get": Operation("The card of a version", response="ModelCard", query=("format",), errors=(502,)),
            "put": Operation(
                "Write the card of a version; an empty one brings the generated one back",
                request="CardChange",
                response="ModelCard",
                errors=(412, 502),
            ),
        },
    ),
]
