"""Lists and shows what MLflow holds, and keeps the run of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from ...errors import MLPlatError, NotFound
from ...home import Home
from ...models import ArtifactTable, Experiment, ModelVersion, Page, RegisteredModel, Run, RunDetail, RunPage
from . import convert
from .alias_notices import RequestNotices
from .aliases import Aliases
from .artifacts import Artifacts
from .compare import Comparing
from .cursors import mark_of
from .curves import Curves
from .edits import RunEdits
from .filter import parse_filter, parse_order
from .following import Follower
from .ids import no_run, run_id
from .importance import Importance
from .index import RunIndex
from .jobs import JobRuns
from .notebook import experiment_of
from .points import Points
from .previews import table
from .reading import MAX_ARTIFACTS, TableReader
from .registry import Registry
from .scanning import scan
from .search import check_limit, mlflow_exception, quoted, search_errors
from .tracking import Tracking, translated
from .versions import Versions

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment as MLflowExperiment
    from mlflow.entities import Run as MLflowRun
    from mlflow.store.entities import PagedList

    from ...store import Store


TOGETHER = 100
"""Runs of one question to MLflow."""


class RunsService:
    """Runs, experiments, registered models and their versions, as MLflow has them.

    `tracking_uri` is MLflow's; `notices` tells of requests for protected aliases. Nothing is opened or imported before
    the first call that needs MLflow, which takes seconds.
    """

    experiment_of = staticmethod(experiment_of)

    def __init__(self, tracking_uri: str, home: Home, store: Store, notices: RequestNotices | None = None) -> None:
        self._tracking = Tracking(tracking_uri, home)
        self._store = store
        self._registry = Registry(self._tracking)
        self._jobs = JobRuns(self._tracking, home, store)
        source = self._tracking.path or home.mlflow_database
        index = RunIndex(home.index, source)
        points = Points(home.points, source, home.run / "points.lock")
        self._reader = TableReader(index)
        self._follower = Follower(self._tracking, points)
        self.curves = Curves(self._tracking, points, self._follower.ask)
        self.artifacts = Artifacts(self._tracking)
        self.aliases = Aliases(self._tracking, store, self._registry.get, notices)
        self.edits = RunEdits(self._tracking, store, index, self.get)
        self.comparing = Comparing(self.details, self.artifacts)
        self.versions = Versions(self._tracking, store, self.details, self.comparing, self._registry.get)
        self.importance = Importance(self.some)

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI, absolute."""
        return self._tracking.uri

    def client(self) -> MlflowClient:
        """MLflow's client, with the artifacts of new experiments in the data directory. Raises `Unavailable`."""
        return self._tracking.client()

    def deliver_left(self, *, light: bool = False) -> bool:
        """Deliver to MLflow what processes that are gone had logged; False where something of it is left.

        Cheap where there is nothing. Where MLflow does not take it, it is kept. With `light` only that is delivered
        which needs no import of MLflow.
        """
        return self._tracking.deliver_left(light=light)

    def version_token(self) -> str | None:
        """A value that changes when somebody wrote to MLflow's SQLite file; None with a server or another database.

        Cheap enough to be asked for several times a second; imports nothing of MLflow. Of no meaning after a restart.
        """
        return self._tracking.version_token()

    def follow(self) -> None:
        """Copy the points of metrics in a thread, so that curves of many runs are quick; for a process that lasts.

        It begins with the first list of runs or the first curve, and goes on until `close`.
        """
        self._follower.start()

    def close(self) -> None:
        """End what `follow` began."""
        self._follower.stop()

    # --- runs -------------------------------------------------------------------------------

    def list(
        self,
        *,
        experiment: str | None = None,
        filter: str | None = None,
        order_by: str | Sequence[str] | None = None,
        limit: int = 50,
        after: str | None = None,
        archived: bool = False,
        count: bool = False,
    ) -> RunPage:
        """A page of runs, newest first unless `order_by` says otherwise; with `archived` of those that are archived.

        `experiment` is a name or an id, all of them by default; `filter` and `order_by` are MLflow's
        (https://mlflow.org/docs/latest/search-runs), with what `filter` adds to them. Of what it adds, an MLflow
        server is looked through run by run; then a page may be short and have a next one all the same. With `count`
        the page says how many runs all pages have, where our copy of them can tell. Raises `Invalid` for a filter, an
        order or a cursor that cannot be read, and `NotFound` for an unknown experiment.
        """
        check_limit(limit)
        order = [order_by] if isinstance(order_by, str) else [*(order_by or [])]
        tables = self._tracking.tables()
        if tables is not None:
            self._follower.ask()
            self._tracking.deliver_left()
            return self._reader.page(
                tables, experiment=experiment, filter=filter, order_by=order, limit=limit, after=after,
                archived=archived, count=count, version=self.version_token(),
            )  # fmt: skip
        term, fields = parse_filter(filter), parse_order(order)
        client = self.client()
        experiments = [self._experiment(experiment)] if experiment else self._all_experiments()
        names = {str(one.experiment_id): one.name for one in experiments}

        def ask(filter: str, order: list[str], limit: int, token: str | None) -> PagedList[MLflowRun]:
            return client.search_runs(
                [*names], filter, run_view_type=2 if archived else 1, max_results=limit, order_by=order or None,
                page_token=token,
            )  # fmt: skip

        with search_errors(filter, order, after), translated("MLflow's runs"):
            mark = mark_of(experiment, repr(term), repr(fields), archived)
            found, next = scan(ask, term, fields, mark=mark, limit=limit, after=after)
        return RunPage(
            items=[convert.to_run(run, names.get(str(run.info.experiment_id), "")) for run in found], next=next
        )

    def get(self, id: str) -> RunDetail:
        """A run with its input data sets, first level of artifacts and models. Raises `NotFound`."""
        return self.details([id])[0]

    def details(self, ids: Sequence[str]) -> Sequence[RunDetail]:
        """Several runs as `get` has them, archived ones too, in this order. Raises `NotFound`."""
        tables = self._tracking.tables()
        if tables is None:
            return [self._get(id) for id in ids]
        self._tracking.deliver_left()
        known = {run.id: run for run in self._reader.details(tables, [run_id(id) for id in ids])}
        for id in ids:
            if id not in known:
                raise no_run(id)
        return [known[id] for id in ids]

    def some(self, ids: Sequence[str]) -> Sequence[Run]:
        """Several runs, archived ones too, without what hangs on them. Raises `NotFound`."""
        if self._tracking.tables() is not None:
            return self.details(ids)
        client, names = self.client(), {str(one.experiment_id): one.name for one in self._all_experiments()}
        known: dict[str, Run] = {}
        for start in range(0, len(ids), TOGETHER):
            wanted = ", ".join(f"'{run_id(id)}'" for id in ids[start : start + TOGETHER])
            with translated("MLflow's runs"):
                found = client.search_runs([*names], f"attributes.run_id IN ({wanted})", run_view_type=3)
            known |= {run.info.run_id: convert.to_run(run, names[str(run.info.experiment_id)]) for run in found}
        for id in ids:
            if id not in known:
                raise no_run(id)
        return [known[id] for id in ids]

    def _get(self, id: str) -> RunDetail:
        client = self.client()
        run = self._run(id)
        with translated(f"run {id}"):
            name = client.get_experiment(run.info.experiment_id).name
        try:
            artifacts = sorted(one.path for one in self.artifacts.entries(id).items)[:MAX_ARTIFACTS]
        except MLPlatError:
            artifacts = []  # the run can be shown while the place of its files does not answer
        inputs = run.inputs.dataset_inputs if run.inputs else []
        return RunDetail(
            **convert.run_fields(run, name),
            datasets=[convert.to_dataset(entry) for entry in inputs],
            artifacts=artifacts,
            models=self._models_of(run),
        )

    def metrics(self, run_id: str) -> dict[str, float]:
        """The last value of every metric of a run that is finite. Raises `NotFound`."""
        if self._tracking.tables() is not None:
            return {key: value for key, value in self.get(run_id).metrics.items() if value is not None}
        values = self._run(run_id).data.metrics.items()
        return {key: value for key, value in values if convert.finite(value) is not None}

    def experiments(self, *, limit: int = 100, after: str | None = None) -> Page[Experiment]:
        """A page of experiments, the one that changed last first."""
        check_limit(limit)
        tables = self._tracking.tables()
        if tables is not None:
            return self._reader.experiments(tables, limit=limit, after=after)
        client = self.client()
        with search_errors(None, [], after), translated("MLflow's experiments"):
            found = client.search_experiments(max_results=limit, page_token=after or None)
        return Page[Experiment](
            items=[Experiment(id=str(one.experiment_id), name=one.name) for one in found], next=found.token or None
        )

    def table(self, id: str, path: str) -> ArtifactTable:
        """The first rows of a parquet file of a run; see `previews.table`. Raises `NotFound`, `Invalid`."""
        return table(self.artifacts, id, path)

    # --- registered models ------------------------------------------------------------------

    def models(self, *, limit: int = 50, after: str | None = None) -> Page[RegisteredModel]:
        """A page of registered models by name, with their versions, aliases and open requests."""
        page = self._registry.page(limit=limit, after=after)
        return page.model_copy(update={"items": self.aliases.with_open(page.items)})

    def model(self, name: str) -> RegisteredModel:
        """A registered model. Raises `NotFound`."""
        return self.aliases.shown(name)

    def resolve_model(self, uri: str) -> ModelVersion:
        """The version that `models:/name/3`, `models:/name@alias` or `models:/name/latest` stands for.

        Raises `Invalid` for anything else and `NotFound` where there is no such model, version or alias.
        """
        return self._registry.resolve(uri)

    # --- the runs of jobs -------------------------------------------------------------------

    def prepare(self) -> None:
        """Open what the runs of jobs need, which may take seconds. Raises `Unavailable`."""
        self._tracking.prepare()

    def start_job_run(
        self,
        *,
        job_id: str,
        attempt: int,
        name: str,
        notebook: str,
        experiment: str | None,
        owner: str,
        parameters: Mapping[str, JsonValue],
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Create the run of an attempt of a job and return its id; see `JobRuns.start`."""
        return self._jobs.start(
            job_id=job_id,
            attempt=attempt,
            name=name,
            notebook=notebook,
            experiment=experiment,
            owner=owner,
            parameters=parameters,
            tags=tags or {},
        )

    def finish_job_run(
        self,
        run_id: str,
        *,
        status: Literal["FINISHED", "FAILED", "KILLED"],
        notebook: Path | None,
        parameters: Mapping[str, JsonValue],
        provenance: Sequence[Path] = (),
    ) -> dict[str, float]:
        """End the run of an attempt and return its last metrics; see `JobRuns.finish`."""
        return self._jobs.finish(run_id, status=status, notebook=notebook, parameters=parameters, provenance=provenance)

    def job_metrics(self, run_id: str) -> dict[str, float]:
        """The last metrics of an attempt of a job by its run; see `JobRuns.metrics`. Raises `NotFound`."""
        return self._jobs.metrics(run_id)

    # --- parts ------------------------------------------------------------------------------

    def _run(self, id: str) -> MLflowRun:
        client = self.client()
        with translated(f"run {id}", no_run(id)):
            return client.get_run(run_id(id))

    def _experiment(self, name_or_id: str) -> MLflowExperiment:
        client = self.client()
        with translated(f"experiment {name_or_id}"):
            found = client.get_experiment_by_name(name_or_id)
            if found is None and name_or_id.isdecimal():
                try:
                    found = client.get_experiment(name_or_id)
                except mlflow_exception() as error:
                    if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                        raise
        if found is None:
            names = ", ".join(one.name for one in self.experiments(limit=10).items)
            raise NotFound(f"no experiment has the name or id {name_or_id}", hint=f"there are: {names}")
        return found

    def _all_experiments(self) -> Sequence[MLflowExperiment]:
        client = self.client()
        found: list[MLflowExperiment] = []
        token = None
        with translated("MLflow's experiments"):
            while True:
                page = client.search_experiments(max_results=1000, page_token=token)
                found += page
                token = page.token
                if not token:
                    return found

    def _models_of(self, run: MLflowRun) -> Sequence[dict[str, JsonValue]]:
        """The models that a run logged, with the registered versions that each became."""
        client, id = self.client(), run.info.run_id
        with translated(f"run {id}"):
            versions = client.search_model_versions(f"run_id = {quoted(id)}", max_results=100)
            logged = [
                client.get_logged_model(one.model_id) for one in (run.outputs.model_outputs if run.outputs else [])
            ]
        models: list[dict[str, JsonValue]] = []
        for model in logged:
            mine: list[JsonValue] = [
                {"name": one.name, "version": str(one.version)}
                for one in versions
                if one.source in (model.artifact_location, f"models:/{model.model_id}")
                or one.model_id == model.model_id
            ]
            models.append(
                {"id": model.model_id, "name": model.name, "uri": f"models:/{model.model_id}", "registered": mine}
            )
        return models
