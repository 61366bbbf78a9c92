"""Reservations of GPUs."""

from __future__ import annotations

from tornado import web

from .base import Handler, Operation, Route, authorized
from .gpus import RESOURCE


class ReservationsHandler(Handler):
    """Those that are open or upcoming."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.gpus.reservations.list, limit=limit, after=after))

    @web.authenticated
    @authorized("write")
    async def post(self) -> None:
        from ..models import ReservationRequest

        request, key = self.parse(ReservationRequest), self.idempotency_key()
        made = await self.call(self.platform.gpus.reservations.make, request, owner=self.owner, idempotency_key=key)
        self.reply(made, status=201, location=f"/reservations/{made.id}")


class ReservationHandler(Handler):
    """One of them."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(await self.call(self.platform.gpus.reservations.get, id))

    @web.authenticated
    @authorized("write")
    async def delete(self, id: str) -> None:
        self.reply(await self.call(self.platform.gpus.reservations.cancel, id))


ROUTES = [
    Route(
        "/reservations",
        ReservationsHandler,
        {
            "get": Operation(
                "The open and upcoming reservations of GPUs", response="Page[Reservation]", query=("limit", "after")
            ),
            "post": Operation(
                "Keep devices for a user or a group for a while",
                request="ReservationRequest",
                response="Reservation",
                status=201,
                errors=(409,),
                idempotent=True,
            ),
        },
    ),
    Route(
        "/reservations/{id}",
        ReservationHandler,
        {
            "get": Operation("One reservation, also one that has ended", response="Reservation"),
            "delete": Operation("Take a reservation back", response="Reservation"),
        },
    ),
]
