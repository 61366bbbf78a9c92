"""How MLflow's runs are changed, two ways: by its client, and by its tables where we know their revision.

The tables spare whoever only renames a run the import of MLflow, and change a thousand runs in a second.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ...errors import Conflict, MLPlatError
from ...mlflow_base.tables import MLflowTables, write_tags
from .ids import no_run, run_id
from .reading import usable
from .tracking import translated

if TYPE_CHECKING:
    from mlflow import MlflowClient

TOGETHER = 100
"""Runs of one transaction: other programs wait for it."""
NAME_TAG = "mlflow.runName"
THEIRS = ("runs", "params", "tags", "metrics")
CASCADE = ("metrics", "latest_metrics", "params", "tags")
"""Rows of a run that MLflow deletes with it (`_hard_delete_run`)."""

Outcome = int | MLPlatError
"""Bytes that were freed, or why nothing was done."""


@dataclass(frozen=True)
class Now:
    """A run as it stands."""

    name: str
    tags: Mapping[str, str]
    archived: bool
    artifacts: str
    """Where its artifacts are."""
    place: str
    """Where those of its experiment are."""


@dataclass(frozen=True)
class Steps:
    """What is to be done with a run, in this order."""

    restore: bool
    name: str | None
    set: Mapping[str, str]
    take_away: Sequence[str]
    archive: bool


Plan = Callable[[str, Now], Steps]
"""What is to be done with a run, by its id and how it stands. Raises `MLPlatError` to refuse."""


def outcomes(ids: Sequence[str], act: Callable[[str], int]) -> dict[str, Outcome]:
    """What comes of `act` for each run; one that is refused does not hold up the others."""
    found: dict[str, Outcome] = {}
    for id in ids:
        try:
            found[id] = act(run_id(id))
        except MLPlatError as error:
            found[id] = error
    return found


class Way(Protocol):
    """Reads and changes runs. Raises `MLPlatError` with MLflow's words where it refuses."""

    def look(self, id: str) -> Now:
        """Raises `NotFound`."""

    def change(self, ids: Sequence[str], plan: Plan) -> dict[str, Outcome]:
        """Carry out the plan for each run."""

    def check(self, id: str) -> None:
        """Raise `Conflict` where no run can be deleted for good."""

    def forget(self, ids: Sequence[str]) -> tuple[dict[str, Outcome], dict[str, int]]:
        """Delete runs for good; also returns the last rowids of MLflow's tables then, where they are known."""


class ByTables:
    """By plain statements."""

    def __init__(self, tables: MLflowTables) -> None:
        self._tables = tables

    def has_assessments(self) -> bool:
        """True where something may hang on a run that MLflow takes away as the run is archived."""
        with usable(), self._tables.connection() as connection:
            return connection.execute("SELECT 1 FROM assessments LIMIT 1").fetchone() is not None

    def look(self, id: str) -> Now:
        with usable(), self._tables.connection() as connection:
            return _look(connection, id)

    def change(self, ids: Sequence[str], plan: Plan) -> dict[str, Outcome]:
        def write(connection: sqlite3.Connection, id: str) -> int:
            _write(connection, id, plan(id, _look(connection, id)))
            return 0

        found: dict[str, Outcome] = {}
        for part in _parts(ids):
            with usable(), self._tables.transaction() as connection:
                found |= outcomes(part, partial(write, connection))
        return found

    def check(self, id: str) -> None:
        """Any run can."""

    def forget(self, ids: Sequence[str]) -> tuple[dict[str, Outcome], dict[str, int]]:
        ends: dict[str, int] = {}
        for part in _parts(ids):
            with usable(), self._tables.transaction() as connection:
                for table in (*CASCADE, "runs"):
                    connection.executemany(f"DELETE FROM {table} WHERE run_uuid = ?", [(id,) for id in part])
                for table in THEIRS:
                    (last,) = connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()
                    ends[table] = min(last or 0, ends.get(table, last or 0))
        return dict.fromkeys(ids, 0), ends


def _look(connection: sqlite3.Connection, id: str) -> Now:
    row = connection.execute(
        "SELECT runs.name, runs.lifecycle_stage, artifact_uri, artifact_location FROM runs"
        " JOIN experiments ON experiments.experiment_id = runs.experiment_id WHERE run_uuid = ?",
        (id,),
    ).fetchone()
    if row is None:
        raise no_run(id)
    name, stage, artifacts, place = row
    tags = {
        key: value or "" for key, value in connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (id,))
    }
    return Now(name or id, tags, stage == "deleted", artifacts or "", place or "")


def _write(connection: sqlite3.Connection, id: str, steps: Steps) -> None:
    """As `update_run_info`, `set_tag`, `delete_tag`, `delete_run` and `restore_run` of MLflow's store do."""
    tags = dict(steps.set)
    if steps.name is not None:
        connection.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (steps.name, id))
        tags[NAME_TAG] = steps.name
    write_tags(connection, [(id, key, value) for key, value in tags.items()])
    connection.executemany("DELETE FROM tags WHERE run_uuid = ? AND key = ?", [(id, key) for key in steps.take_away])
    if steps.restore or steps.archive:
        stage, at = ("deleted", time.time_ns() // 1_000_000) if steps.archive else ("active", None)
        connection.execute("UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_uuid = ?", (stage, at, id))


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + TOGETHER] for start in range(0, len(ids), TOGETHER))


class ByClient:
    """By MLflow's client: any database, any server."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def look(self, id: str) -> Now:
        with translated(f"run {id}", no_run(id)):
            run = self._client.get_run(id)
            place = self._client.get_experiment(run.info.experiment_id).artifact_location
        archived = run.info.lifecycle_stage == "deleted"
        return Now(run.info.run_name or id, run.data.tags, archived, run.info.artifact_uri or "", place or "")

    def change(self, ids: Sequence[str], plan: Plan) -> dict[str, Outcome]:
        def write(id: str) -> int:
            steps = plan(id, self.look(id))
            with translated(f"run {id}", no_run(id)):
                if steps.restore:
                    self._client.restore_run(id)
                if steps.name is not None:
                    self._client.update_run(id, name=steps.name)
                for key, value in steps.set.items():
                    self._client.set_tag(id, key, value)
                for key in steps.take_away:
                    self._client.delete_tag(id, key)
                if steps.archive:
                    self._client.delete_run(id)
            return 0

        return outcomes(ids, write)

    def check(self, id: str) -> None:
        if not hasattr(self._client._tracking_client.store, "_hard_delete_run"):
            raise Conflict(
                f"run {id} cannot be deleted for good: an MLflow server lets nobody do that from outside",
                hint=f"archive it; where the server runs: mlflow gc --run-ids {id}",
            )

    def forget(self, ids: Sequence[str]) -> tuple[dict[str, Outcome], dict[str, int]]:
        def write(id: str) -> int:
            with translated(f"run {id}", no_run(id)):
                self._client._tracking_client.store._hard_delete_run(id)
            return 0

        return outcomes(ids, write), {}
