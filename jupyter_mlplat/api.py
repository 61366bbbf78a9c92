"""The Python door: `import jupyter_mlplat as mlplat`, then `mlplat.jobs.run(...)` and the like.

One object per noun. Each call is one call of a service on the platform that the environment and the
configuration name; errors are those of `jupyter_mlplat.errors`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

    from .models import (
        Deployment,
        DriftReport,
        FeatureView,
        FeatureViewSpec,
        GPUs,
        Job,
        JobState,
        Lease,
        Occurrence,
        Page,
        RegisteredModel,
        Run,
        RunDetail,
        Schedule,
        Status,
    )
    from .platform import Platform

_lock = threading.Lock()
_platforms: dict[tuple[int | str | None, ...], Platform] = {}


def platform() -> Platform:
    """The platform of this process: one per data directory, store and tracking URI that the environment names."""
    from .platform import Platform

    key = (os.getpid(), *(os.environ.get(name) for name in ("MLPLAT_HOME", "MLPLAT_DB_URL", "MLFLOW_TRACKING_URI")))
    with _lock:
        if key not in _platforms:
            _platforms[key] = Platform.load()
        return _platforms[key]


def _model(cls: type[Any], /, **fields: Any) -> Any:
    from .commands.values import build

    return build(cls, **fields)


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
        from .commands.jobs import whole_log

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
        `retry_delay` (seconds), `retry_on` (reasons) and `priority`. Raises `Invalid` for a notebook, a
        parameter or an option that cannot be used.
        """
        from .models import JobSpec

        spec = _model(JobSpec, **_job(notebook, parameters, name), **options)
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

    def schema(self, notebook: str | os.PathLike[str]) -> dict[str, Any]:
        """The JSON Schema of a notebook's parameters."""
        return platform().jobs.schema(Path(notebook).expanduser().absolute())


class Schedules:
    """Notebooks that run at certain instants."""

    def create(
        self,
        notebook: str | os.PathLike[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        **options: Any,
    ) -> Schedule:
        """Run a notebook at every due instant from now on.

        `options` are those of `models.When` (one of `cron` with `timezone`, `every` in seconds, `at` as an aware
        datetime; `overlap`, `catch_up`, `catch_up_limit`, `max_lateness` in seconds) and of `models.JobOptions`.
        Raises `Invalid` for what cannot be used.
        """
        from .models import ScheduleSpec

        here = platform()
        spec = _model(ScheduleSpec, **_job(notebook, parameters, name), **options)
        return here.schedules.create(spec, owner=here.user)

    def list(self, *, limit: int = 50, after: str | None = None, state: str | None = None) -> Page[Schedule]:
        """One page of schedules, the newest first."""
        return platform().schedules.list(limit=limit, after=after, state=state)

    def get(self, schedule_id: str) -> Schedule:
        """One schedule. Raises `NotFound`."""
        return platform().schedules.get(schedule_id)

    def occurrences(self, schedule_id: str, *, limit: int = 50, after: str | None = None) -> Page[Occurrence]:
        """What became of its instants, the newest first. Raises `NotFound`."""
        return platform().schedules.occurrences(schedule_id, limit=limit, after=after)

    def pause(self, schedule_id: str) -> Schedule:
        """Let nothing be due until it is resumed. Raises `NotFound`, `Conflict`."""
        return platform().schedules.pause(schedule_id)

    def resume(self, schedule_id: str) -> Schedule:
        """Let instants be due again. Raises `NotFound`, `Conflict`."""
        return platform().schedules.resume(schedule_id)

    def trigger(self, schedule_id: str) -> JobHandle:
        """Run it once now. Raises `NotFound`."""
        here = platform()
        return JobHandle(here.schedules.trigger(schedule_id, owner=here.user).id)

    def delete(self, schedule_id: str) -> Schedule:
        """Delete it and its ledger; its jobs stay. Raises `NotFound`."""
        return platform().schedules.delete(schedule_id)


class Runs:
    """MLflow's runs, experiments and registered models."""

    def list(
        self,
        *,
        experiment: str | None = None,
        filter: str | None = None,
        order_by: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[Run]:
        """One page of runs, the newest first unless `order_by` says otherwise."""
        return platform().runs.list(experiment=experiment, filter=filter, order_by=order_by, limit=limit, after=after)

    def get(self, run_id: str) -> RunDetail:
        """A run. Raises `NotFound`."""
        return platform().runs.get(run_id)

    def models(self, *, limit: int = 50, after: str | None = None) -> Page[RegisteredModel]:
        """One page of registered models."""
        return platform().runs.models(limit=limit, after=after)

    def model(self, name: str) -> RegisteredModel:
        """A registered model with its versions. Raises `NotFound`."""
        return platform().runs.model(name)


class Deployments:
    """Models behind an address."""

    def create(self, name: str, *, model: str, wait: bool = True, timeout: float = 120.0) -> Deployment:
        """Serve `model` (`models:/name/version` or `models:/name@alias`); with `wait` return when it answers."""
        from .models import DeploymentSpec

        here = platform()
        made = here.deployments.create(_model(DeploymentSpec, name=name, model=model), owner=here.user)
        return here.deployments.wait_ready(made.name, timeout=timeout) if wait else made

    def list(self, *, limit: int = 50, after: str | None = None) -> Page[Deployment]:
        """One page of deployments."""
        return platform().deployments.list(limit=limit, after=after)

    def get(self, name: str) -> Deployment:
        """A deployment. Raises `NotFound`."""
        return platform().deployments.get(name)

    def predict(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send an `/invocations` body to a deployment and return its answer."""
        return platform().deployments.predict(name, dict(body))

    def delete(self, name: str) -> Deployment:
        """End a deployment and forget it."""
        return platform().deployments.delete(name)


class Features:
    """Feature views: what was known about an entity, and from when."""

    def apply(self, views: Sequence[FeatureViewSpec]) -> list[FeatureView]:
        """Define feature views, all of them or none."""
        here = platform()
        return here.features.apply([_absolute(view) for view in views], owner=here.user)

    def views(self, *, limit: int = 50, after: str | None = None) -> Page[FeatureView]:
        """One page of feature views."""
        return platform().features.list(limit=limit, after=after)

    def get(self, name: str) -> FeatureView:
        """A feature view. Raises `NotFound`."""
        return platform().features.get(name)

    def materialize(self, name: str) -> FeatureView:
        """Bring the online store of a view up to date."""
        return platform().features.materialize(name)

    def online(self, view: str, entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The newest values of entities, in their order."""
        return platform().features.online(view, [dict(entity) for entity in entities])

    def historical(self, entities: pandas.DataFrame, features: Sequence[str]) -> pandas.DataFrame:
        """Values as they were known at each row's event time; `features` are `view:column`."""
        return platform().features.historical(entities, list(features))


class Drift:
    """Has the data moved?"""

    def check(
        self,
        reference: str | os.PathLike[str],
        current: str | os.PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        report: bool = False,
    ) -> DriftReport:
        """Compare two parquet or csv files; with `report` keep Evidently's HTML as an MLflow artifact."""
        return platform().drift.check(
            os.fspath(reference), os.fspath(current), columns=None if columns is None else list(columns), report=report
        )


class GPUDevices:
    """The devices of this machine."""

    def list(self) -> GPUs:
        """The devices, and who waits for one."""
        return platform().gpus.list()

    def leases(self, *, limit: int = 50, after: str | None = None) -> Page[Lease]:
        """One page of the live claims on devices."""
        return platform().gpus.leases(limit=limit, after=after)


def status() -> Status:
    """Versions, where data lives, what runs, and what is not available and why."""
    return platform().status()


def _job(notebook: str | os.PathLike[str], parameters: Mapping[str, Any] | None, name: str | None) -> dict[str, Any]:
    return {
        "notebook": str(Path(notebook).expanduser().absolute()),
        "name": name,
        "parameters": dict(parameters or {}),
    }


def _absolute(view: FeatureViewSpec) -> FeatureViewSpec:
    return view.model_copy(update={"source": str(Path(view.source).expanduser().absolute())})


jobs = Jobs()
schedules = Schedules()
runs = Runs()
deployments = Deployments()
features = Features()
drift = Drift()
gpus = GPUDevices()
