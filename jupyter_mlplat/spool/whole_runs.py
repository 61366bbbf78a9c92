"""Runs that are logged when they are over, each one record: made, filled and ended in one go, once.

What such a record holds beside its id:

    {"parent": run, "name": text, "start": milliseconds, "end": milliseconds, "status": "FINISHED",
     "tags": {…}, "params": {…}, "metrics": [[key, value, milliseconds, step], …]}

In MLflow's tables it gets the record's id. A server or another database gives it one of its own, and a tag tells
that it is there already.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..mlflow_base.tables import write_metrics, write_params, write_tags
from .records import METRIC, PARAM, Record

ID_TAG = "mlplat.fit"
PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
INHERITED = ("mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit")
"""Tags that it has of its parent."""

GONE = "the run that it belongs to is gone"
API = "/api/2.0/mlflow/runs"


def write(connection: sqlite3.Connection, record: Record) -> str | None:
    """Write one into MLflow's tables, where it is not there yet; why not, if its parent is gone."""
    _, id, made = record
    parent = connection.execute(
        "SELECT experiment_id, artifact_uri, user_id FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'",
        (made["parent"],),
    ).fetchone()
    if parent is None:
        return GONE
    experiment, artifacts, user = parent
    connection.execute(
        "INSERT OR IGNORE INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
        " start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
        " VALUES (?, ?, 'UNKNOWN', '', '', ?, ?, ?, ?, '', 'active', ?, ?)",
        (id, made["name"], user, made["status"], made["start"], made["end"],
         str(artifacts).replace(made["parent"], id), experiment),
    )  # fmt: skip
    inherited = dict(
        connection.execute(
            f"SELECT key, value FROM tags WHERE run_uuid = ? AND key IN ({','.join('?' * len(INHERITED))})",
            (made["parent"], *INHERITED),
        )
    )
    write_tags(connection, [(id, key, value) for key, value in _tags(made, inherited).items()])
    write_params(connection, [(id, key, value) for key, value in made["params"].items()])
    write_metrics(connection, [(id, *point) for point in made["metrics"]])
    return None


def _tags(made: Mapping[str, Any], parents: Mapping[str, str]) -> dict[str, str]:
    inherited = {key: value for key, value in parents.items() if key in INHERITED}
    return {**inherited, **made["tags"], NAME_TAG: made["name"], PARENT_TAG: made["parent"]}


Log = Callable[[str, Sequence[Record]], list[tuple[Record, str]]]
"""Writes records of one run; returns those that MLflow will never take."""


def send(mlflow: Server | Database, log: Log, record: Record) -> list[tuple[Record, str]]:
    """Bring one to an MLflow whose tables we do not write; returns what that will never take of it.

    Raises what that MLflow says.
    """
    _, id, made = record
    experiment, tags = mlflow.get(made["parent"])
    run = mlflow.find(experiment, id)
    if run is None:
        run = mlflow.create(experiment, made["name"], made["start"], {**_tags(made, tags), ID_TAG: id})
    refused = log(run, [[METRIC, run, *point] for point in made["metrics"]])
    refused += log(run, [[PARAM, run, key, value] for key, value in made["params"].items()])
    mlflow.end(run, made["status"], made["end"])
    return refused


class Database:
    """A database of MLflow's, by its client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, run: str) -> tuple[str, dict[str, str]]:
        found = self._client.get_run(run)
        return str(found.info.experiment_id), dict(found.data.tags)

    def find(self, experiment: str, id: str) -> str | None:
        found = self._client.search_runs([experiment], f"tags.`{ID_TAG}` = '{id}'", max_results=1)
        return str(found[0].info.run_id) if found else None

    def create(self, experiment: str, name: str, start: int, tags: Mapping[str, str]) -> str:
        made = self._client.create_run(experiment, start_time=start, tags=dict(tags), run_name=name)
        return str(made.info.run_id)

    def end(self, run: str, status: str, at: int) -> None:
        self._client.set_terminated(run, status, at)


class Server:
    """MLflow's REST API, without the minutes in which its client tries again: `delivery` does that.

    https://mlflow.org/docs/latest/api_reference/rest-api.html
    """

    def __init__(self, credentials: Any, patience: float) -> None:
        from mlflow.utils.rest_utils import http_request

        self._ask = partial(http_request, credentials, max_retries=0, timeout=patience)

    def _answer(self, what: str, method: str, **said: Any) -> Any:
        from mlflow.utils.rest_utils import verify_rest_response

        answer = self._ask(endpoint=f"{API}/{what}", method=method, **said)
        return verify_rest_response(answer, f"{API}/{what}").json()

    def get(self, run: str) -> tuple[str, dict[str, str]]:
        found = self._answer("get", "GET", params={"run_id": run})["run"]
        tags = {one["key"]: one["value"] for one in found["data"].get("tags", ())}
        return str(found["info"]["experiment_id"]), tags

    def find(self, experiment: str, id: str) -> str | None:
        query = {"experiment_ids": [experiment], "filter": f"tags.`{ID_TAG}` = '{id}'", "max_results": 1}
        found = self._answer("search", "POST", json=query).get("runs")
        return str(found[0]["info"]["run_id"]) if found else None

    def create(self, experiment: str, name: str, start: int, tags: Mapping[str, str]) -> str:
        kept = [{"key": key, "value": value} for key, value in tags.items()]
        asked = {"experiment_id": experiment, "run_name": name, "start_time": start, "tags": kept}
        return str(self._answer("create", "POST", json=asked)["run"]["info"]["run_id"])

    def end(self, run: str, status: str, at: int) -> None:
        self._answer("update", "POST", json={"run_id": run, "status": status, "end_time": at})
