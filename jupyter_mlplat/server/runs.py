"""Runs and experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado import web

from ..errors import Invalid
from . import run_artifacts
from .base import Handler, Operation, Route, authorized
from .etags import revision_in

if TYPE_CHECKING:
    from ..models import RunDetail

RESOURCE = "mlplat:runs"
LONGEST_FILTER = 20_000
"""Characters: a filter may name some hundred runs."""
LEAST_POINTS, MOST_POINTS = 10, 20_000


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
            filter=self.query("filter", longest=LONGEST_FILTER),
            order_by=self.queries("order_by"),
            limit=limit,
            after=after,
            archived=self.flag("archived"),
            count=self.flag("count"),
        )
        self.reply(page)


class RunHandler(Handler):
    """One run with what hangs on it."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self._show(await self.call(self.platform.runs.get, id))

    @web.authenticated
    @authorized("write")
    async def patch(self, id: str) -> None:
        from ..models import RunChange

        change, revision = self.parse(RunChange), revision_in(self.request.headers, of="the run")
        self._show(await self.call(self.platform.runs.edits.change, id, change, revision=revision))

    @web.authenticated
    @authorized("write")
    async def delete(self, id: str) -> None:
        permanent = self.flag("permanent")
        self.reply(await self.call(self.platform.runs.edits.delete, id, permanent=permanent))

    def _show(self, run: RunDetail) -> None:
        from ..services.runs import revision

        self.set_header("ETag", f'"{revision(run)}"')
        self.reply(run)

    def check_etag_header(self) -> bool:
        """False: the ETag is of what PATCH can change; a metric that is added leaves it as it is."""
        return False


class RunsEditHandler(Handler):
    """One change of many runs."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        from ..models import RunsChange

        self.reply(await self.call(self.platform.runs.edits.change_many, self.parse(RunsChange)))


class RunsDeleteHandler(Handler):
    """The end of many runs."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        from ..models import RunsDeletion

        self.reply(await self.call(self.platform.runs.edits.delete_many, self.parse(RunsDeletion)))


class RunCurvesHandler(Handler):
    """One metric of several runs."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        key = self.query("key")
        if key is None:
            raise Invalid("key is missing", hint="?run=ID&run=ID&key=loss", fields={"key": "is missing"})
        points = self.number("points", 1000, low=LEAST_POINTS, high=MOST_POINTS)
        self.reply(await self.call(self.platform.runs.curves.some, self.queries("run"), key, points=points))


class RunMetricHandler(Handler):
    """One metric of a run."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str, key: str) -> None:
        points = self.number("points", 1000, low=LEAST_POINTS, high=MOST_POINTS)
        self.reply(await self.call(self.platform.runs.curves.get, id, key, points=points))


class RunsCompareHandler(Handler):
    """Several runs side by side."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        every = self.flag("all")
        self.reply(await self.call(self.platform.runs.comparing.rows, self.queries("run"), every=every))


class RunsDiffHandler(Handler):
    """What two runs differ in."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        runs = self.queries("run")
        if len(runs) != 2:
            raise Invalid("two runs are compared", hint="?run=BEFORE&run=AFTER", fields={"run": "must be two"})
        self.reply(await self.call(self.platform.runs.comparing.difference, *runs))


class ExperimentsHandler(Handler):
    """The list of experiments."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.runs.experiments, limit=limit, after=after))


ROUTES = [
    Route(
        "/runs",
        RunsHandler,
        {
            "get": Operation(
                "Runs, newest first",
                response="RunPage",
                query=("limit", "after", "experiment", "filter", "order_by", "archived", "count"),
                errors=(502,),
            )
        },
    ),
    Route(
        "/runs/curves",
        RunCurvesHandler,
        {
            "get": Operation(
                "One metric of up to 200 runs over its steps",
                response="RunCurves",
                query=("run", "key", "points"),
                errors=(502,),
            )
        },
    ),
    Route(
        "/runs/compare",
        RunsCompareHandler,
        {
            "get": Operation(
                "2 to 100 runs side by side: what differs",
                response="RunComparison",
                query=("run", "all"),
                errors=(502,),
            )
        },
    ),
    Route(
        "/runs/diff",
        RunsDiffHandler,
        {
            "get": Operation(
                "What a run differs in from another: parameters, metrics, packages, code",
                response="RunDifference",
                query=("run",),
                errors=(502,),
            )
        },
    ),
    Route(
        "/runs/edit",
        RunsEditHandler,
        {
            "post": Operation(
                "Change up to 1000 runs; says of each what became of it",
                request="RunsChange",
                response="RunsDone",
                errors=(502,),
            )
        },
    ),
    Route(
        "/runs/delete",
        RunsDeleteHandler,
        {
            "post": Operation(
                "Archive up to 1000 runs, or delete them for good; says of each what became of it",
                request="RunsDeletion",
                response="RunsDone",
                errors=(502,),
            )
        },
    ),
    Route(
        "/runs/{id}",
        RunHandler,
        {
            "get": Operation("One run", response="RunDetail", errors=(502,)),
            "patch": Operation(
                "Change the name, the note or tags of a run, archive or restore it",
                request="RunChange",
                response="RunDetail",
                errors=(409, 412, 502),
            ),
            "delete": Operation(
                "Archive a run, or delete it for good",
                response="RunDeleted",
                query=("permanent",),
                errors=(409, 502),
            ),
        },
    ),
    Route(
        "/runs/{id}/metrics/{key}",
        RunMetricHandler,
        {"get": Operation("One metric of a run over its steps", response="RunCurve", query=("points",), errors=(502,))},
        deep=("key",),
    ),
    Route(
        "/experiments",
        ExperimentsHandler,
        {"get": Operation("Experiments", response="Page[Experiment]", query=("limit", "after"), errors=(502,))},
    ),
    *run_artifacts.ROUTES,
]
