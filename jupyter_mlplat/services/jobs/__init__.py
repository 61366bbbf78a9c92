"""Jobs: executions of notebooks, submitted by anybody, moved by the engine alone; and the schedules that make them."""

from .queue import JobQueue
from .schedules import DueSchedules, SchedulesService
from .service import JobsService
from .sweeps import RunningSweeps, SweepsService

__all__ = ["DueSchedules", "JobQueue", "JobsService", "RunningSweeps", "SchedulesService", "SweepsService"]
