"""Sweeps: one notebook at many points of its parameters, one job for each."""

from .pruning import Pruning
from .running import RunningSweeps
from .service import SweepsService

__all__ = ["Pruning", "RunningSweeps", "SweepsService"]
