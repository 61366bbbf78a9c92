"""Pipelines: a graph of notebooks, each of which runs as a job when its turn comes."""

from .files import read_pipeline, to_spec, with_given
from .running import RunningPipelines
from .service import PipelinesService

__all__ = ["PipelinesService", "RunningPipelines", "read_pipeline", "to_spec", "with_given"]
