"""`mlplat.jobs`: notebooks as jobs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import job_fields, to_model
from .current import platform

if TYPE_CHECKING:
    from ..models import Job, JobState, Page, Pruned


class JobHandle:
    """A submitted job. Its state is read when it is asked for."""

    def __init__(self, job_id: str) -> None:
        self.id = job_id

    @property
    def job(self) -> Job:
        """The job as it stands now, with its cells."""
        return platform().jobs.get(self.id)

    @property
    def state(self) -> JobState:
        """The job's state now."""
        return self.job.state

    def wait(self, timeout: float | None = None, *, on_change: Callable[[Job], None] | None = None) -> Job:
        """Wait until the job has ended, whatever its state, or for `timeout` seconds; returns the job."""
        return platform().jobs.wait(self.id, timeout=timeout, on_change=on_change)

    def cancel(self) -> Job:
        """Ask for the job's end. Raises `Conflict` where it has ended."""
        return platform().jobs.cancel(self.id)

    def retry(self) -> JobHandle:
        """Run it once more, as a new job. Raises `Conflict` where it has not ended."""
        here = platform()
        return JobHandle(here.jobs.retry(self.id, owner=here.user).id)

    def delete(self) -> Job:
        """Delete the record, the output and the log. Raises `Conflict` where it has not ended."""
        return platform().jobs.delete(self.id)

    def log(self) -> str:
        """What the job has printed so far."""
        from ..commands.jobs import whole_log

        return whole_log(lambda offset: platform().jobs.log(self.id, offset=offset)).text

    def output(self) -> Path:
        """The executed notebook."""
        return platform().jobs.output(self.id)

    def __repr__(self) -> str:
        return f"<job {self.id}>"


class Jobs:
    """Notebooks as jobs."""

    def run(
        self,
        notebook: str | os.PathLike[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        wait: bool = False,
        **options: Any,
    ) -> JobHandle:
        """Submit a notebook; with `wait` return when the job has ended.

        `options` are those of `models.JobOptions`: `timeout`, `cell_timeout` and `deadline` (seconds), `retries`,
        `retry_delay` (seconds), `retry_on` (reasons), `priority`, `gpus`, `gpu_type`, `gpu_memory` (bytes, or like
        `16G`), `gpu_shared`, `interruptible` and `notify` (a list like `[{"to": "@team"}]`).
        Raises `Invalid` for a notebook, a parameter or an option that cannot be used.
        """
        from ..models import JobSpec

        spec = to_model(JobSpec, **job_fields(notebook, parameters, name), **options)
        here = platform()
        handle = JobHandle(here.jobs.submit(spec, owner=here.user).id)
        if wait:
            handle.wait()
        return handle

    def list(self, *, limit: int = 50, after: str | None = None, state: str | None = None) -> Page[Job]:
        """One page of jobs, the newest first."""
        return platform().jobs.list(limit=limit, after=after, state=state)

    def get(self, job_id: str) -> JobHandle:
        """The handle of a job. Raises `NotFound`."""
        return JobHandle(platform().jobs.get(job_id).id)

    def prune(
        self,
        *,
        older_than: float | None = None,
        keep: int | None = None,
        state: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Delete your ended jobs that fit all of what is given; with `dry_run` only count them.

        Those that ended more than `older_than` seconds ago, but for the `keep` newest of each notebook; only those in
        one of these states; only these ids. The newest success of each notebook stays unless it is named. Raises
        `Invalid` where none of `older_than`, `keep` and `ids` is given, `NotFound`, `Conflict` for one that lives.
        """
        from ..models import PruneRequest

        given = {"older_than": older_than, "keep": keep, "state": state, "ids": ids}
        fields = {name: value for name, value in given.items() if value is not None}
        here = platform()
        return here.jobs.prune(to_model(PruneRequest, **fields, dry_run=dry_run), owner=here.user)

    def schema(self, notebook: str | os.PathLike[str]) -> dict[str, Any]:
        """The JSON Schema of a notebook's parameters."""
        return platform().jobs.schema(Path(notebook).expanduser().absolute())


jobs = Jobs()
