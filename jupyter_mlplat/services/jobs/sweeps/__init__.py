"""Sweeps: one notebook at many points of its parameters, one job for each."""

from .running import RunningSweeps
from .service import SweepsService

__all__ = ["RunningSweeps", "SweepsService"]
