"""Jobs: executions of notebooks, submitted by anybody, moved by the engine alone."""

from .queue import JobQueue
from .service import JobsService

__all__ = ["JobQueue", "JobsService"]
