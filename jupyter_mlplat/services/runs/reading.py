"""Reads runs from MLflow's tables where we know their revision: no import of MLflow, no object for each row."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from pydantic import JsonValue

from ...errors import NotFound, Unavailable
from ...mlflow_base.artifacts import folder_of
from ...mlflow_base.tables import MLflowTables, rows_of
from ...models import Experiment, Page, Run, RunDetail, RunPage
from . import convert
from .cursors import read_cursor, write_cursor
from .filter import parse_filter, parse_order
from .index import RunIndex

MAX_ARTIFACTS = 1000


class TableReader:
    """Finds runs in the index, reads them in MLflow's file."""

    def __init__(self, index: RunIndex) -> None:
        self._index = index

    def page(
        self,
        tables: MLflowTables,
        *,
        experiment: str | None,
        filter: str | None,
        order_by: Sequence[str],
        limit: int,
        after: str | None,
        archived: bool,
        count: bool,
        version: str | None,
    ) -> RunPage:
        """See `RunsService.list`; `version` is its token. Raises `Invalid`, `NotFound`, `Unavailable`."""
        term, order = parse_filter(filter), parse_order(order_by)
        with usable(), tables.connection() as connection:
            names = dict(connection.execute("SELECT experiment_id, name FROM experiments"))
            wanted = None
            if experiment is not None:
                wanted = [_experiment(names, experiment)]
            found = self._index.search(
                experiments=wanted, term=term, order=order, limit=limit, after=after, archived=archived, count=count,
                version=version,
            )  # fmt: skip
            # All of it as of one moment, which is not before the one at which they were found.
            connection.execute("BEGIN")
            stage = "deleted" if archived else "active"
            items = list(_runs(connection, names, found.ids, stage=f" AND lifecycle_stage = '{stage}'"))
            return RunPage(items=items, next=found.next, total=found.total)

    def details(self, tables: MLflowTables, ids: Sequence[str]) -> list[RunDetail]:
        """See `RunsService.details`; without those that are not there, nor artifacts that are in no folder."""
        with usable(), tables.connection() as connection:
            connection.execute("BEGIN")
            names = dict(connection.execute("SELECT experiment_id, name FROM experiments"))
            return [_detail(connection, run) for run in _runs(connection, names, ids)]

    def experiments(self, tables: MLflowTables, *, limit: int, after: str | None) -> Page[Experiment]:
        """See `RunsService.experiments`."""
        place = read_cursor(after, int, int) if after is not None else None
        changed = "coalesce(last_update_time, 0)"
        query = (
            f"SELECT experiment_id, name, {changed} FROM experiments WHERE lifecycle_stage = 'active'"
            f" {f'AND ({changed}, experiment_id) < (?, ?)' if place else ''}"
            f" ORDER BY {changed} DESC, experiment_id DESC LIMIT ?"
        )
        with usable(), tables.connection() as connection:
            rows = connection.execute(query, [*(place or ()), limit + 1]).fetchall()
        more = write_cursor(rows[limit - 1][2], rows[limit - 1][0]) if len(rows) > limit else None
        return Page[Experiment](items=[Experiment(id=str(id), name=name) for id, name, _ in rows[:limit]], next=more)


def _detail(connection: sqlite3.Connection, run: Run) -> RunDetail:
    (location,) = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run.id,)).fetchone()
    return RunDetail(
        **run.model_dump(),
        datasets=list(_datasets(connection, run.id)),
        artifacts=_names_in(location),
        models=list(_models(connection, run.id)),
    )


def _names_in(location: str) -> list[str]:
    folder = folder_of(location)
    if folder is None or not folder.is_dir():
        return []
    return sorted(entry.name for entry in islice(os.scandir(folder), MAX_ARTIFACTS))


def _datasets(connection: sqlite3.Connection, run: str) -> Iterator[dict[str, JsonValue]]:
    rows = connection.execute(
        "SELECT datasets.name, digest, dataset_source_type, dataset_source, dataset_schema, dataset_profile,"
        " (SELECT value FROM input_tags t WHERE t.input_uuid = inputs.input_uuid AND name = 'mlflow.data.context')"
        " FROM inputs JOIN datasets ON dataset_uuid = source_id"
        " WHERE source_type = 'DATASET' AND destination_type = 'RUN' AND destination_id = ? ORDER BY inputs.rowid",
        (run,),
    )
    for name, digest, source_type, source, schema, profile, context in rows:
        yield convert.dataset(name, digest, source_type, source, schema, profile, context)


def _models(connection: sqlite3.Connection, run: str) -> Iterator[dict[str, JsonValue]]:
    models = connection.execute(
        "SELECT model_id, name, artifact_location FROM inputs JOIN logged_models ON model_id = destination_id"
        " WHERE source_type = 'RUN_OUTPUT' AND source_id = ? AND destination_type = 'MODEL_OUTPUT'"
        " AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms, model_id",
        (run,),
    ).fetchall()
    versions = connection.execute(
        "SELECT name, version, source FROM model_versions WHERE run_id = ? AND current_stage <> 'Deleted_Internal'"
        " ORDER BY last_updated_time DESC, name, version DESC",
        (run,),
    ).fetchall()
    for id, name, location in models:
        mine: list[JsonValue] = [
            {"name": model, "version": str(version)}
            for model, version, source in versions
            if source in (location, f"models:/{id}")
        ]
        yield {"id": id, "name": name, "uri": f"models:/{id}", "registered": mine}


def _experiment(names: dict[int, str], name_or_id: str) -> int:
    for id, name in names.items():
        if name == name_or_id:
            return id
    if name_or_id.isdecimal() and int(name_or_id) in names:
        return int(name_or_id)
    known = ", ".join([*names.values()][:10])
    raise NotFound(f"no experiment has the name or id {name_or_id}", hint=f"there are: {known}")


def _runs(
    connection: sqlite3.Connection,
    names: dict[int, str],
    ids: Sequence[str],
    stage: str = "",
) -> Iterator[Run]:
    """These runs, in this order, as MLflow has them now; without those that are gone or not of this `stage`."""
    columns = "run_uuid, name, user_id, status, start_time, end_time, experiment_id, lifecycle_stage"
    query = f"SELECT {columns} FROM runs WHERE run_uuid IN ids{stage}"
    rows = {row[0]: row for row in rows_of(connection, query, ids)}
    texts: dict[str, dict[str, dict[str, str]]] = {}
    for table in ("params", "tags"):
        for id, key, value in rows_of(
            connection, f"SELECT run_uuid, key, value FROM {table} WHERE run_uuid IN ids", ids
        ):
            texts.setdefault(id, {}).setdefault(table, {})[key] = value
    metrics: dict[str, dict[str, float]] = {}
    last = "SELECT run_uuid, key, value, is_nan FROM latest_metrics WHERE run_uuid IN ids"
    for id, key, value, is_nan in rows_of(connection, last, ids):
        metrics.setdefault(id, {})[key] = math.nan if is_nan else value
    for id in ids:
        if id not in rows:
            continue
        _, name, user, status, started, ended, experiment, lifecycle = rows[id]
        tags = {key: value or "" for key, value in texts.get(id, {}).get("tags", {}).items()}
        yield Run(
            id=id,
            name=name or id,
            experiment_id=str(experiment),
            experiment=names.get(experiment, ""),
            status=status,
            started_at=convert.time_of(started),
            ended_at=convert.time_of(ended),
            owner=tags.get("mlflow.user") or user or None,
            parameters=texts.get(id, {}).get("params", {}),
            metrics={key: convert.finite(value) for key, value in metrics.get(id, {}).items()},
            tags=tags,
            job_id=tags.get(convert.JOB_TAG),
            archived=lifecycle == "deleted",
        )


@contextmanager
def usable() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"MLflow's database cannot be used: {error}", hint="see MLFLOW_TRACKING_URI") from error
