"""`mlplat.pipelines`: a graph of notebooks, each of which runs as a job."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .current import platform

if TYPE_CHECKING:
    from ..models import Page, Pipeline, PipelineNodeRun, PipelineSpec


class Pipelines:
    """Graphs of notebooks."""

    def run(
        self,
        pipeline: str | os.PathLike[str] | Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        wait: bool = False,
    ) -> Pipeline:
        """Start the pipeline in a YAML file; with `wait` return when it has ended.

        `pipeline` may be a mapping of the same form, too; its relative notebooks start at the working directory.
        `parameters` win over those in the file. Raises `Invalid`, naming the field, for what cannot run.
        """
        here = platform()
        made = here.pipelines.create(_spec(pipeline, parameters, name), owner=here.user)
        return here.pipelines.wait(made.id) if wait else made

    def check(
        self, pipeline: str | os.PathLike[str] | Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> list[PipelineNodeRun]:
        """The nodes in an order in which they may run; nothing is started. Raises `Invalid` as `run` does."""
        return platform().pipelines.check(_spec(pipeline, parameters, None))

    def list(self, *, limit: int = 50, after: str | None = None) -> Page[Pipeline]:
        """One page of pipelines, the newest first, without their nodes."""
        return platform().pipelines.list(limit=limit, after=after)

    def get(self, pipeline_id: str) -> Pipeline:
        """A pipeline with its nodes. Raises `NotFound`."""
        return platform().pipelines.get(pipeline_id)

    def wait(
        self, pipeline_id: str, timeout: float | None = None, *, on_change: Callable[[Pipeline], None] | None = None
    ) -> Pipeline:
        """Wait until the pipeline has ended, or for `timeout` seconds; returns it as it is then. Raises `NotFound`."""
        return platform().pipelines.wait(pipeline_id, timeout=timeout, on_change=on_change)

    def cancel(self, pipeline_id: str) -> Pipeline:
        """Ask for the end of its jobs, and start no more. Raises `NotFound`, `Conflict`."""
        return platform().pipelines.cancel(pipeline_id)

    def retry(self, pipeline_id: str) -> Pipeline:
        """Run the nodes again that did not succeed. Raises `NotFound`, `Conflict`."""
        return platform().pipelines.retry(pipeline_id)


def _spec(
    pipeline: str | os.PathLike[str] | Mapping[str, Any], parameters: Mapping[str, Any] | None, name: str | None
) -> PipelineSpec:
    from ..services.jobs.pipelines import read_pipeline, to_spec, with_given

    if isinstance(pipeline, Mapping):
        spec = to_spec(pipeline, Path.cwd())
    else:
        spec = read_pipeline(Path(pipeline).expanduser().absolute())
    return with_given(spec, name, parameters or {})


pipelines = Pipelines()
