"""Drift: has a table moved away from another?"""

from __future__ import annotations

from tornado import web

from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:drift"


class DriftCheckHandler(Handler):
    """One check, done now."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        from ..models import DriftCheckRequest

        request = self.parse(DriftCheckRequest)
        reference = await self.path_in_root(request.reference, field="reference", kind="any")
        current = await self.path_in_root(request.current, field="current", kind="any")
        report = await self.call(
            self.platform.drift.check, str(reference), str(current), columns=request.columns, report=request.report
        )
        self.reply(report)


ROUTES = [
    Route(
        "/drift/check",
        DriftCheckHandler,
        {
            "post": Operation(
                "Compare two tables", request="DriftCheckRequest", response="DriftReport", errors=(409, 502)
            )
        },
    ),
]
