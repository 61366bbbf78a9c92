"""Jobs: executions of notebooks, submitted by anybody, moved by the engine alone; and the schedules that make them."""

from .changes import Changes
from .pipelines import PipelinesService, RunningPipelines
from .queue import JobQueue
from .reruns import Reruns
from .retention import Retention
from .schedules import DueSchedules, SchedulesService
from .service import JobsService
from .sweeps import Pruning, RunningSweeps, SweepsService

__all__ = [
    "Changes",
    "DueSchedules",
    "JobQueue",
    "JobsService",
    "PipelinesService",
    "Pruning",
    "Reruns",
    "Retention",
    "RunningPipelines",
    "RunningSweeps",
    "SchedulesService",
    "SweepsService",
]
