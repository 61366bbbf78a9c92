"""Schedules: notebooks that run at certain instants, each of which has one row in the ledger."""

from .due import DueSchedules
from .service import SchedulesService

__all__ = ["DueSchedules", "SchedulesService"]
