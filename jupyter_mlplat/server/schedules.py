"""Schedules of notebooks, and what became of their instants."""

from __future__ import annotations

import re
from datetime import datetime

from tornado import web

from ..errors import Invalid
from .base import Handler, Operation, Route, authorized

RESOURCE = "mlplat:schedules"


class SchedulesHandler(Handler):
    """The list of schedules, and the place where one is made."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        limit, after = self.paging()
        state, owner = self.query("state"), self.query("owner")
        self.reply(await self.call(self.platform.schedules.list, limit=limit, after=after, state=state, owner=owner))

    @web.authenticated
    @authorized("execute")
    async def post(self) -> None:
        from ..models import ScheduleSpec

        spec, key = self.parse(ScheduleSpec), self.idempotency_key()
        notebook = await self.path_in_root(spec.notebook, field="notebook", kind="notebook")
        spec = spec.model_copy(update={"notebook": str(notebook)})
        made = await self.call(self.platform.schedules.create, spec, owner=self.owner, idempotency_key=key)
        self.set_header("ETag", f'"{made.revision}"')
        self.reply(made, status=201, location=f"/schedules/{made.id}")


class SchedulesPreviewHandler(Handler):
    """The next instants of a timing, before anything is created."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self) -> None:
        from pydantic import ValidationError

        from ..models import When

        wanted = {name: self.query(name) for name in ("cron", "timezone", "every", "at")}
        try:
            when = When.model_validate({name: value for name, value in wanted.items() if value is not None})
        except ValidationError as error:
            fields = {str(one["loc"][0]): str(one["msg"]) for one in error.errors()}
            name, message = next(iter(fields.items()))
            raise Invalid(f"{name}: {message}", hint="see the documentation", fields=fields) from error
        count = self.number("n", 5, low=1, high=100)
        after = self._moment("after")
        self.reply(await self.call(self.platform.schedules.preview, when, after=after, count=count))

    def _moment(self, name: str) -> datetime | None:
        text = self.query(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise Invalid(
                f"{name} is no time with a zone", hint="like 2026-03-29T00:00:00Z", fields={name: "must be ISO 8601"}
            )
        return moment


class ScheduleHandler(Handler):
    """One schedule."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        found = await self.call(self.platform.schedules.get, id)
        self.set_header("ETag", f'"{found.revision}"')
        self.reply(found)

    @web.authenticated
    @authorized("write")
    async def patch(self, id: str) -> None:
        from ..models import ScheduleChange

        change, revision = self.parse(ScheduleChange), self._if_match()
        changed = await self.call(self.platform.schedules.update, id, change, revision=revision)
        self.set_header("ETag", f'"{changed.revision}"')
        self.reply(changed)

    @web.authenticated
    @authorized("write")
    async def delete(self, id: str) -> None:
        self.reply(await self.call(self.platform.schedules.delete, id))

    def _if_match(self) -> int | None:
        """The revision that the change is meant for; None where the caller does not care."""
        header = self.request.headers.get("If-Match")
        if header is None or header.strip() == "*":
            return None
        found = re.fullmatch(r'\s*"(\d{1,9})"\s*', header)
        if found is None:
            raise Invalid(
                "If-Match cannot be read",
                hint='send the ETag of the schedule, like "3"',
                fields={"If-Match": "no ETag"},
            )
        return int(found[1])


class ScheduleOccurrencesHandler(Handler):
    """What became of the instants of a schedule."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        limit, after = self.paging()
        self.reply(await self.call(self.platform.schedules.occurrences, id, limit=limit, after=after))


class ScheduleDifferenceHandler(Handler):
    """What was edited in the notebook since it was scheduled."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply({"text": await self.call(self.platform.schedules.difference, id)})


class ScheduleTriggerHandler(Handler):
    """One more run, now."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("execute")
    async def post(self, id: str) -> None:
        job = await self.call(self.platform.schedules.trigger, id, owner=self.owner)
        self.reply(job, status=201, location=f"/jobs/{job.id}")


class SchedulePauseHandler(Handler):
    """No instant is due until it is resumed."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.schedules.pause, id))


class ScheduleResumeHandler(Handler):
    """Instants are due again."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("write")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.schedules.resume, id))


class SchedulePromoteHandler(Handler):
    """From now on its jobs run the notebook as it is now."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("execute")
    async def post(self, id: str) -> None:
        self.reply(await self.call(self.platform.schedules.promote, id))


ROUTES = [
    Route(
        "/schedules",
        SchedulesHandler,
        {
            "get": Operation(
                "Schedules, newest first", response="Page[Schedule]", query=("limit", "after", "state", "owner")
            ),
            "post": Operation(
                "Run a notebook at certain instants",
                request="ScheduleSpec",
                response="Schedule",
                status=201,
                errors=(409,),
                idempotent=True,
            ),
        },
    ),
    Route(
        "/schedules/preview",
        SchedulesPreviewHandler,
        {
            "get": Operation(
                "The next instants of a timing",
                response="Page[FireTime]",
                query=("cron", "timezone", "every", "at", "after", "n"),
            )
        },
    ),
    Route(
        "/schedules/{id}",
        ScheduleHandler,
        {
            "get": Operation("One schedule", response="Schedule"),
            "patch": Operation("Change a schedule", request="ScheduleChange", response="Schedule", errors=(412,)),
            "delete": Operation("Delete a schedule; its jobs stay", response="Schedule"),
        },
    ),
    Route(
        "/schedules/{id}/occurrences",
        ScheduleOccurrencesHandler,
        {
            "get": Operation(
                "What became of its instants, newest first", response="Page[Occurrence]", query=("limit", "after")
            )
        },
    ),
    Route(
        "/schedules/{id}/difference",
        ScheduleDifferenceHandler,
        {"get": Operation("What was edited since, as a unified diff", response="object")},
    ),
    Route(
        "/schedules/{id}/trigger",
        ScheduleTriggerHandler,
        {"post": Operation("Run it once now", response="Job", status=201)},
    ),
    Route(
        "/schedules/{id}/pause",
        SchedulePauseHandler,
        {"post": Operation("Let nothing be due", response="Schedule", errors=(409,))},
    ),
    Route(
        "/schedules/{id}/resume",
        ScheduleResumeHandler,
        {"post": Operation("Let instants be due again", response="Schedule", errors=(409,))},
    ),
    Route(
        "/schedules/{id}/promote",
        SchedulePromoteHandler,
        {"post": Operation("Run the notebook as it is now from now on", response="Schedule")},
    ),
]
