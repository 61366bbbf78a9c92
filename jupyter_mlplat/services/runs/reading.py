"""Lists runs from MLflow's tables where we know their revision: no import of MLflow, no object for each row."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...errors import NotFound, Unavailable
from ...mlflow_tables import MLflowTables, rows_of
from ...models import Page, Run
from . import convert
from .filter import parse_filter, parse_order
from .index import RunIndex


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
        version: str | None,
    ) -> Page[Run]:
        """See `RunsService.list`; `version` is its token. Raises `Invalid`, `NotFound`, `Unavailable`."""
        term, order = parse_filter(filter), parse_order(order_by)
        with _usable(), tables.connection() as connection:
            names = dict(connection.execute("SELECT experiment_id, name FROM experiments"))
            wanted = None
            if experiment is not None:
                wanted = [_experiment(names, experiment)]
            found = self._index.search(
                experiments=wanted, term=term, order=order, limit=limit, after=after, version=version
            )
            # All of it as of one moment, which is not before the one at which they were found.
            connection.execute("BEGIN")
            return Page[Run](items=list(_runs(connection, names, found.ids)), next=found.next)


def _experiment(names: dict[int, str], name_or_id: str) -> int:
    for id, name in names.items():
        if name == name_or_id:
            return id
    if name_or_id.isdecimal() and int(name_or_id) in names:
        return int(name_or_id)
    known = ", ".join([*names.values()][:10])
    raise NotFound(f"no experiment has the name or id {name_or_id}", hint=f"there are: {known}")


def _runs(connection: sqlite3.Connection, names: dict[int, str], ids: Sequence[str]) -> Iterator[Run]:
    """These runs, in this order, as MLflow has them now; without those that were deleted since they were found."""
    columns = "run_uuid, name, user_id, status, start_time, end_time, experiment_id"
    query = f"SELECT {columns} FROM runs WHERE run_uuid IN ids AND lifecycle_stage = 'active'"
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
        _, name, user, status, started, ended, experiment = rows[id]
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
        )


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"MLflow's database cannot be used: {error}", hint="see MLFLOW_TRACKING_URI") from error
