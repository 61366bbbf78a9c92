"""Features: views over tables, and their values at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tornado import web

from ..errors import Invalid
from .base import Handler, Operation, Route, authorized

if TYPE_CHECKING:
    from ..models import FeatureViewSpec
    from ..services.features import FeaturesService

RESOURCE = "mlplat:features"


class FeatureViewsHandler(Handler):
    """The list of feature views, and the place where they are defined."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.features.list, limit=limit, after=after))

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        from ..models import FeatureViewSpec, FeatureViewsRequest

        if "views" in self.json():
            request = self.parse(FeatureViewsRequest).views
            specs = [await self._local(spec, f"views.{index}.source") for index, spec in enumerate(request)]
            views = await self.call(self.platform.features.apply, specs, owner=self.owner)
            self.reply({"items": views, "next": None}, status=201, location="/features/views")
        else:
            spec = await self._local(self.parse(FeatureViewSpec), "source")
            (view,) = await self.call(self.platform.features.apply, [spec], owner=self.owner)
            self.reply(view, status=201, location=f"/features/views/{quote(view.name, safe='')}")

    async def _local(self, spec: FeatureViewSpec, field: str) -> FeatureViewSpec:
        source = await self.path_in_root(spec.source, field=field, kind="any")
        return spec.model_copy(update={"source": str(source)})


class FeatureViewHandler(Handler):
    """One feature view."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, name: str) -> None:
        self.reply(await self.call(self.platform.features.get, name))


class MaterializeHandler(Handler):
    """Load a view's latest values into the online store."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        from ..models import MaterializeRequest

        request = self.parse(MaterializeRequest)
        self.reply(await self.call(self.platform.features.materialize, request.view))


class OnlineHandler(Handler):
    """The latest values of some entities; a question, asked by POST for its size."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def post(self) -> None:
        from ..models import OnlineRequest

        request = self.parse(OnlineRequest)
        rows = await self.call(self.platform.features.online, request.view, request.entities)
        self.reply({"rows": rows})


class HistoricalHandler(Handler):
    """Values as they were known at each row's time; a question, asked by POST for its size."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def post(self) -> None:
        from ..models import HistoricalRequest

        request = self.parse(HistoricalRequest)
        rows = await self.call(join, self.platform.features, request.entities, request.features)
        self.reply({"rows": rows})


def join(service: FeaturesService, entities: list[dict[str, Any]], features: list[str]) -> list[dict[str, Any]]:
    """The point-in-time join of rows that came as JSON, as rows that go as JSON."""
    import pandas as pd

    frame = pd.DataFrame.from_records(entities)
    if "event_time" not in frame:
        raise Invalid(
            "the entities have no event_time",
            hint='give each one "event_time", an ISO 8601 time',
            fields={"entities": "event_time is missing"},
        )
    try:
        frame["event_time"] = pd.to_datetime(frame["event_time"], utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise Invalid(
            "an event_time is no ISO 8601 time",
            hint="like 2026-11-21T06:00:00Z",
            fields={"entities": "event_time is no ISO 8601 time"},
        ) from error
    if bool(frame["event_time"].isna().any()):
        raise Invalid(
            "an entity has no event_time", hint="give every row one", fields={"entities": "event_time is missing"}
        )
    joined = service.historical(frame, features)
    rows = joined.astype(object).where(joined.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


ROUTES = [
    Route(
        "/features/views",
        FeatureViewsHandler,
        {
            "get": Operation("Feature views", response="Page[FeatureView]", query=("limit", "after")),
            "post": Operation(
                "Define feature views, or define them anew: one, or {views: […]}",
                request="FeatureViewSpec | FeatureViewsRequest",
                response="FeatureView | Page[FeatureView]",
                status=201,
                errors=(409,),
            ),
        },
    ),
    Route(
        "/features/views/{name}",
        FeatureViewHandler,
        {"get": Operation("One feature view", response="FeatureView")},
    ),
    Route(
        "/features/materialize",
        MaterializeHandler,
        {"post": Operation("Load a view into the online store", request="MaterializeRequest", response="FeatureView")},
    ),
    Route(
        "/features/online",
        OnlineHandler,
        {"post": Operation("The latest values of entities", request="OnlineRequest", response="FeatureRows")},
    ),
    Route(
        "/features/historical",
        HistoricalHandler,
        {"post": Operation("Values as known at a time", request="HistoricalRequest", response="FeatureRows")},
    ),
]
