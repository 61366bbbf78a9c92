"""Jobs: executions of notebooks, submitted by anybody, moved by the engine alone; and the schedules that make them."""

from .queue import JobQueue
from .schedules import SchedulesService
from .service import JobsService

__all__ = ["JobQueue", "JobsService", "SchedulesService"]
