"""What the runs of jobs need of MLflow, two ways: MLflow's client, and its tables where we know their revision.

The tables spare an engine the import of MLflow, which takes longer than most jobs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...errors import Invalid, NotFound, Unavailable
from ...home import Home
from ...mlflow_base.artifacts import folder_of
from ...mlflow_base.tables import MLflowTables, run_data, write_metrics, write_params
from .tracking import Tracking, translated

if TYPE_CHECKING:
    from sqlite3 import Connection

    from mlflow import MlflowClient
    from mlflow.entities import Run as MLflowRun

MAX_PARAMETERS, MAX_METRICS = 100, 1000
"""MLflow's bound on one batch of parameters."""
MAX_LINKED = 200
MAX_EXPERIMENT = 250
"""The length of the column; MLflow itself takes longer names on SQLite."""


@dataclass(frozen=True)
class Written:
    """A run as it stands in MLflow."""

    id: str
    status: str
    artifacts: str
    """URI of its artifacts."""
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    """The last value of each."""


class Writer(Protocol):
    """Writes runs. Raises `MLPlatError` with MLflow's words where it refuses."""

    def create(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """A new run in an experiment, which is made where there is none; returns its id."""

    def get(self, id: str) -> Written:
        """Raises `NotFound`."""

    def tagged(self, tags: Mapping[str, str]) -> Sequence[Written]:
        """The newest runs of all experiments that have these tags, the newest first."""

    def log_parameters(self, id: str, parameters: Mapping[str, str]) -> None:
        """Add parameters that the run has not."""

    def log_metrics(self, id: str, metrics: Mapping[str, float]) -> None:
        """Add a point to each metric, at step 0 and now."""

    def log_file(self, run: Written, file: Path, folder: str, name: str) -> bool:
        """Keep a copy of a file as an artifact, unless there is one of that name; True where there was none."""

    def end(self, id: str, status: str) -> None:
        """Give a run its last status; it ends now."""


class ClientWriter:
    """By MLflow's client: any database, any server."""

    def __init__(self, client: MlflowClient, home: Home) -> None:
        self._client = client
        self._home = home

    def create(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        with translated(f"the run {name}"):
            run = self._client.create_run(self._experiment(experiment), tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                found = self._client.get_experiment_by_name(name)  # somebody else was faster
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise _deleted(name, str(found.experiment_id))
        return str(found.experiment_id)

    def get(self, id: str) -> Written:
        with translated(f"run {id}"):
            return _of_mlflow(self._client.get_run(id))

    def tagged(self, tags: Mapping[str, str]) -> Sequence[Written]:
        query = " AND ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        with translated("MLflow's runs"):
            experiments = [one.experiment_id for one in self._client.search_experiments(max_results=1000)]
            found = self._client.search_runs(
                experiments, query, max_results=MAX_LINKED, order_by=["attributes.start_time DESC"]
            )
        return [_of_mlflow(one) for one in found]

    def log_parameters(self, id: str, parameters: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        made = [Param(key, value) for key, value in parameters.items()]
        with translated(f"run {id}"):
            for start in range(0, len(made), MAX_PARAMETERS):
                self._client.log_batch(id, params=made[start : start + MAX_PARAMETERS])

    def log_metrics(self, id: str, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        made, now = list(metrics.items()), _now()
        with translated(f"run {id}"):
            for start in range(0, len(made), MAX_METRICS):
                part = made[start : start + MAX_METRICS]
                self._client.log_batch(id, metrics=[Metric(key, value, now, 0) for key, value in part])

    def log_file(self, run: Written, file: Path, folder: str, name: str) -> bool:
        with translated(f"run {run.id}"):
            if any(item.path == f"{folder}/{name}" for item in self._client.list_artifacts(run.id, folder)):
                return False
            with tempfile.TemporaryDirectory(dir=self._home.run) as temporary:
                named = Path(temporary) / name
                shutil.copyfile(file, named)
                self._client.log_artifact(run.id, str(named), folder)
        return True

    def end(self, id: str, status: str) -> None:
        with translated(f"run {id}"):
            self._client.set_terminated(id, status=status)


class TablesWriter:
    """By plain statements; what they would not do as MLflow does is left to `tracking`'s client."""

    def __init__(self, tables: MLflowTables, tracking: Tracking) -> None:
        self._tables = tables
        self._tracking = tracking

    def create(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        import sqlite3

        if not experiment or len(experiment) > MAX_EXPERIMENT or any(len(value) > 5000 for value in tags.values()):
            return self._by_client().create(experiment, name, tags)
        id, now = uuid.uuid4().hex, _now()
        kept = {**tags, "mlflow.runName": name}
        try:
            with self._tables.transaction() as connection:
                place, location = self._experiment(connection, experiment, now)
                connection.execute(
                    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
                    " start_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
                    " VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)",
                    (id, name, kept.get("mlflow.user", "unknown"), now, f"{location}/{id}/artifacts", place),
                )
                connection.executemany(
                    "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
                    [(key, value, id) for key, value in kept.items()],
                )
        except sqlite3.Error as error:
            raise _unusable(error) from error
        return id

    def _experiment(self, connection: Connection, name: str, now: int) -> tuple[int, str]:
        """Id and artifact location."""
        found = connection.execute(
            "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments"
            " WHERE name = ? AND workspace = 'default'",
            (name,),
        ).fetchone()
        if found is not None:
            if found[2] != "active":
                raise _deleted(name, str(found[0]))
            return int(found[0]), str(found[1])
        made = connection.execute(
            "INSERT INTO experiments (name, lifecycle_stage, creation_time, last_update_time)"
            " VALUES (?, 'active', ?, ?)",
            (name, now, now),
        )
        location = f"{self._tracking.home.artifacts.as_uri()}/{made.lastrowid}"
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (location, made.lastrowid)
        )
        return int(made.lastrowid or 0), location

    def get(self, id: str) -> Written:
        import sqlite3

        try:
            with self._tables.connection() as connection:
                return self._get(connection, id)
        except sqlite3.Error as error:
            raise _unusable(error) from error

    def _get(self, connection: Connection, id: str) -> Written:
        found = run_data(connection, id)
        if found is None:
            raise NotFound(f"no run has the id {id}", hint="list them: jupyter mlplat runs list")
        (status, artifacts), tags, parameters, metrics = found
        return Written(id, status, artifacts, tags, parameters, metrics)

    def tagged(self, tags: Mapping[str, str]) -> Sequence[Written]:
        import sqlite3

        wanted = "".join(
            " AND EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = ? AND value = ?)"
            for _ in tags
        )
        # The rarest tag first: it has an index of its own.
        (key, value), *_ = tags.items()
        query = (
            "SELECT runs.run_uuid FROM tags JOIN runs ON runs.run_uuid = tags.run_uuid WHERE tags.key = ?"
            f" AND tags.value = ? AND lifecycle_stage = 'active'{wanted}"
            " ORDER BY start_time DESC, runs.run_uuid LIMIT ?"
        )
        values = [text for item in tags.items() for text in item]
        try:
            with self._tables.connection() as connection:
                ids = connection.execute(query, [key, value, *values, MAX_LINKED]).fetchall()
                return [self._get(connection, id) for (id,) in ids]
        except sqlite3.Error as error:
            raise _unusable(error) from error

    def log_parameters(self, id: str, parameters: Mapping[str, str]) -> None:
        import sqlite3

        try:
            with self._tables.transaction() as connection:
                write_params(connection, [(id, key, value) for key, value in parameters.items()])
        except sqlite3.Error as error:
            raise _unusable(error) from error

    def log_metrics(self, id: str, metrics: Mapping[str, float]) -> None:
        import sqlite3

        now = _now()
        try:
            with self._tables.transaction() as connection:
                write_metrics(connection, [(id, key, value, now, 0) for key, value in metrics.items()])
        except sqlite3.Error as error:
            raise _unusable(error) from error

    def log_file(self, run: Written, file: Path, folder: str, name: str) -> bool:
        root = folder_of(run.artifacts)
        if root is None:
            return self._by_client().log_file(run, file, folder, name)
        target = root / folder / name
        if target.exists():
            return False
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # Whole or not at all.
            fresh = target.with_name(f".{uuid.uuid4().hex}")
            try:
                shutil.copyfile(file, fresh)
                os.replace(fresh, target)
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"the artifacts of run {run.id} cannot be written: {error}") from error
        return True

    def end(self, id: str, status: str) -> None:
        import sqlite3

        try:
            with self._tables.transaction() as connection:
                connection.execute(
                    "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND lifecycle_stage = 'active'",
                    (status, _now(), id),
                )
        except sqlite3.Error as error:
            raise _unusable(error) from error

    def _by_client(self) -> ClientWriter:
        return ClientWriter(self._tracking.client(), self._tracking.home)


def _of_mlflow(run: MLflowRun) -> Written:
    info, data = run.info, run.data
    return Written(info.run_id, info.status, info.artifact_uri, data.tags, data.params, data.metrics)


def _deleted(name: str, id: str) -> Invalid:
    return Invalid(f"experiment {name} is deleted", hint=f"restore it: mlflow experiments restore --experiment-id {id}")


def _unusable(error: Exception) -> Unavailable:
    return Unavailable(f"MLflow's database cannot be used: {error}", hint="see MLFLOW_TRACKING_URI")


def _now() -> int:
    return time.time_ns() // 1_000_000
