"""Jobs: executions of notebooks, submitted by anybody, moved by the engine alone; and the schedules that make them."""

from .queue import JobQueue
from .schedules import SchedulesService
from .service import JobsService
from .sweeps import SweepsService

__all__ = ["JobQueue", "JobsService", "SchedulesService", "SweepsService"]
