"""`mlplat.schedules`: notebooks that run at certain instants."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .arguments import job_fields, to_model
from .current import platform
from .jobs import JobHandle

if TYPE_CHECKING:
    from ..models import Occurrence, Page, Schedule


class Schedules:
    """Notebooks that run at certain instants."""

    def create(
        self,
        notebook: str | os.PathLike[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        **options: Any,
    ) -> Schedule:
        """Run a notebook at every due instant from now on.

        `options` are those of `models.When` (one of `cron` with `timezone`, `every` in seconds, `at` as an aware
        datetime; `overlap`, `catch_up`, `catch_up_limit`, `max_lateness` in seconds) and of `models.JobOptions`.
        Raises `Invalid` for what cannot be used.
        """
        from ..models import ScheduleSpec

        here = platform()
        spec = to_model(ScheduleSpec, **job_fields(notebook, parameters, name), **options)
        return here.schedules.create(spec, owner=here.user)

    def list(self, *, limit: int = 50, after: str | None = None, state: str | None = None) -> Page[Schedule]:
        """One page of schedules, the newest first."""
        return platform().schedules.list(limit=limit, after=after, state=state)

    def get(self, schedule_id: str) -> Schedule:
        """One schedule. Raises `NotFound`."""
        return platform().schedules.get(schedule_id)

    def occurrences(self, schedule_id: str, *, limit: int = 50, after: str | None = None) -> Page[Occurrence]:
        """What became of its instants, the newest first. Raises `NotFound`."""
        return platform().schedules.occurrences(schedule_id, limit=limit, after=after)

    def pause(self, schedule_id: str) -> Schedule:
        """Let nothing be due until it is resumed. Raises `NotFound`, `Conflict`."""
        return platform().schedules.pause(schedule_id)

    def resume(self, schedule_id: str) -> Schedule:
        """Let instants be due again. Raises `NotFound`, `Conflict`."""
        return platform().schedules.resume(schedule_id)

    def trigger(self, schedule_id: str) -> JobHandle:
        """Run it once now. Raises `NotFound`."""
        here = platform()
        return JobHandle(here.schedules.trigger(schedule_id, owner=here.user).id)

    def delete(self, schedule_id: str) -> Schedule:
        """Delete it and its ledger; its jobs stay. Raises `NotFound`."""
        return platform().schedules.delete(schedule_id)


schedules = Schedules()
