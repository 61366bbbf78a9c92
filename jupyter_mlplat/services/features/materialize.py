"""From a source file to packed rows: the newest of each entity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...models import FeatureView
from ..tablefile import ROW, TableFile, epoch, kind_of, nanoseconds, quote
from .keys import key_sql
from .source import place_sql, time_sql, unit, value_sql

if TYPE_CHECKING:
    import duckdb

_BATCH = 20_000


def definition_of(view: FeatureView) -> str:
    """Names what an online table of `view` must have been made for: all but its ttl and description."""
    parts = [view.source, view.entities, view.timestamp, [[field.name, field.type] for field in view.features]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def newest_rows(
    connection: duckdb.DuckDBPyConnection, table: TableFile, view: FeatureView, *, now: datetime
) -> Iterator[list[tuple[Any, ...]]]:
    """The newest row of each entity that is not after `now`, in batches, as `OnlineStore.replace` takes them.

    Rows of one entity at the same time: the last one in the file wins. Rows without a key or time are left out.
    """
    finer = 1000 if unit(table, view) == "ns" else 1
    limit = int(now.timestamp() * 10**6) * finer
    keys = [(f"k{number}", key_sql(name, table.kind(name))) for number, name in enumerate(view.entities)]
    names = ", ".join(alias for alias, _ in keys)
    packed = ", ".join(json_sql(field.name, table.columns[field.name]) for field in view.features)
    query = f"""
        WITH newest AS (
            SELECT {names}, max(t) AS t, max({place_sql("t", ROW)}) - {place_sql("max(t)", "0")} AS last FROM (
                SELECT {", ".join(f"{sql} AS {alias}" for alias, sql in keys)}, {time_sql(table, view)} AS t, {ROW}
                FROM {table.numbered}
            ) WHERE t <= {limit} AND {" AND ".join(f"{alias} IS NOT NULL" for alias, _ in keys)}
            GROUP BY {names}
        )
        SELECT {names}, t // {finer}, features FROM newest JOIN (
            SELECT json_array({packed}) AS features, {ROW} FROM {table.numbered}
        ) ON {ROW} = last
    """
    result = connection.execute(query)
    while batch := result.fetchmany(_BATCH):
        yield batch


def count_rows(connection: duckdb.DuckDBPyConnection, table: TableFile) -> int:
    """How many rows the source has."""
    return int(connection.execute(f"SELECT count(*) FROM {table.scan}").fetchall()[0][0])


def json_sql(name: str, type_name: str) -> str:
    """SQL for a feature as JSON has it: numbers that are not finite are null, times ISO 8601 in UTC."""
    column = quote(name)
    if type_name in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN isfinite({column}) THEN {column} END"
    if type_name == "DATE":
        return f"CAST({column} AS VARCHAR)"
    if kind_of(type_name) == "time":
        microseconds = epoch(name, type_name) + (" // 1000" if nanoseconds(type_name) else "")
        return f"strftime(make_timestamp({microseconds}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"base64({column})" if type_name == "BLOB" else value_sql(name, type_name)
