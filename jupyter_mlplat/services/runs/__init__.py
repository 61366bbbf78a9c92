"""Runs, experiments and registered models: MLflow is the truth, this reads it and links it with jobs."""

from .alias_notices import RequestNotices
from .edits import revision
from .notebook import UNKNOWN_EXPERIMENT, experiment_of
from .service import RunsService

__all__ = [
    "UNKNOWN_EXPERIMENT",
    "RequestNotices",
    "RunsService",
    "experiment_of",
    "revision",
]
