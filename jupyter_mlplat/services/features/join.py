"""Point-in-time joins: for each row what was known about its entity at its time, and nothing later."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import Invalid
from ...models import FeatureView
from ..tablefile import ROW, TableFile, connect, reading
from .keys import Mismatch, key_array, key_sql
from .source import PLACE_BITS, open_source, place_sql, time_sql, unit, value_sql

if TYPE_CHECKING:
    import duckdb
    import numpy
    import numpy.typing
    import pandas
    import pyarrow

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Wanted:
    """One view of a join, with the columns that are asked of it: column of the source -> column of the result."""

    view: FeatureView
    columns: dict[str, str]


def result_names(asked: list[tuple[str, str]], present: list[Any]) -> dict[tuple[str, str], str]:
    """The result's column for each (view, column): `column`, or `view__column` where two would share a name.

    Raises `Invalid` where even that name is taken.
    """
    often = Counter(column for _, column in asked)
    names: dict[tuple[str, str], str] = {}
    taken = set(present)
    for view, column in asked:
        name = column if often[column] == 1 and column not in taken else f"{view}__{column}"
        if name in taken or name in names.values():
            raise Invalid(
                f"the entities already have a column {name!r}",
                hint="rename it, or do not ask for that feature",
                fields={"features": f"{view}:{column} has no free name"},
            )
        names[view, column] = name
    return names


def join(
    entities: pandas.DataFrame, wanted: list[Wanted], *, order: list[str], timestamp: str, scratch: Path
) -> pandas.DataFrame:
    """`entities` with the wanted columns added in `order`; rows, their order and the index stay as they are.

    Each row gets the newest source row of the same entity whose event time is not after the row's own and,
    where the view has a ttl, not more than that before it. Rows of one entity at the same time: the last one
    in the file wins. A row without a key or time, or with nothing known, gets nulls. Times without a zone are
    UTC. One ASOF join per view, one after another: several in one query cost many times the memory.
    """
    import pandas as pd

    times = _times(entities, timestamp)
    added: dict[str, Any] = {}
    for one in wanted:
        with connect(scratch) as connection:
            table = open_source(connection, one.view)
            with reading(table, field="source"):
                joined = _join_one(connection, entities, times, table.loaded(connection), one)
        for number, name in enumerate(one.columns.values()):
            added[name] = _to_pandas(joined.column(f"f{number}"))
        del joined
    right = pd.DataFrame({name: added[name] for name in order})
    right.index = entities.index
    return pd.concat([entities, right], axis="columns")


def _join_one(
    connection: duckdb.DuckDBPyConnection,
    entities: pandas.DataFrame,
    times: pandas.Series[Any],
    table: TableFile,
    one: Wanted,
) -> pyarrow.Table:
    import numpy as np
    import pyarrow as pa

    view = one.view
    keys = {}
    for number, name in enumerate(view.entities):
        try:
            keys[f"k{number}"] = key_array(_column(entities, name, view.name), table.kind(name))
        except Mismatch as error:
            message = f"column {name!r} of the entities: {error}, as feature view {view.name} has it"
            raise Invalid(message, hint="convert the column first", fields={"entities": message}) from error
    at, oldest, missing = _in_unit(times, unit(table, view), view.ttl)
    spine = pa.table(
        {"r": np.arange(len(entities)), **keys, "t": pa.array(at, mask=missing), "o": pa.array(oldest, mask=missing)}
    )
    connection.register("spine", spine)
    pairs = [(f"k{number}", key_sql(name, table.kind(name))) for number, name in enumerate(view.entities)]
    features = [(f"f{n}", value_sql(name, table.columns[name])) for n, name in enumerate(one.columns)]
    names = ", ".join(alias for alias, _ in pairs)
    # First which row, then its values: what is sorted and spilled is narrow, however wide the view.
    query = f"""
        WITH known AS (
            SELECT *, {place_sql("t", ROW)} AS place FROM (
                SELECT {", ".join(f"{sql} AS {alias}" for alias, sql in pairs)}, {time_sql(table, view)} AS t, {ROW}
                FROM {table.numbered}
            ) WHERE t BETWEEN (SELECT min(o) FROM spine) AND (SELECT max(t) FROM spine)
                AND ({names}) IN (SELECT DISTINCT ({names}) FROM spine)
        ), hit AS (
            SELECT p.r, CASE WHEN s.t >= p.o THEN s.{ROW} END AS {ROW}
            FROM (SELECT *, {place_sql("t", str(PLACE_BITS - 1))} AS place FROM spine) p
            ASOF LEFT JOIN known s
            ON {" AND ".join(f"p.{alias} = s.{alias}" for alias, _ in pairs)} AND p.place >= s.place
        )
        SELECT {", ".join(f"s.{alias}" for alias, _ in features)} FROM hit LEFT JOIN (
            SELECT {", ".join(f"{sql} AS {alias}" for alias, sql in features)}, {ROW} FROM {table.numbered}
        ) s ON hit.{ROW} = s.{ROW}
        ORDER BY hit.r
    """
    return connection.sql(query).to_arrow_table()


def _column(entities: pandas.DataFrame, name: str, view: str | None) -> pandas.Series[Any]:
    import pandas as pd

    if name not in entities.columns:
        whose = f"entity column {name!r} of feature view {view}" if view else f"event time {name!r}"
        message = f"the entities have no {whose}"
        raise Invalid(message, hint="add the column, or rename yours", fields={"entities": message})
    column: Any = entities[name]
    if not isinstance(column, pd.Series):
        message = f"the entities have the column {name!r} twice"
        raise Invalid(message, hint="drop one of them", fields={"entities": message})
    series: pandas.Series[Any] = column
    return series


def _times(entities: pandas.DataFrame, timestamp: str) -> pandas.Series[Any]:
    import pandas as pd

    column = _column(entities, timestamp, None)
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        message = f"the event time {timestamp!r} is {column.dtype}, not a time"
        raise Invalid(
            message, hint="convert it: pandas.to_datetime(…, unit='s', utc=True)", fields={"entities": message}
        )
    try:
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        if not pd.api.types.is_datetime64_any_dtype(column):
            numbers = [value for value in column.dropna() if isinstance(value, int | float)]
            if numbers:
                raise ValueError(f"{numbers[0]!r} is a number")
            return pd.to_datetime(column, utc=True, format="ISO8601")
        return pd.to_datetime(column, utc=True)
    except (ValueError, TypeError, OverflowError) as error:
        message = f"the event time {timestamp!r} cannot be read: {str(error).partition(chr(10))[0]}"
        raise Invalid(message, hint="give timestamps or ISO 8601 text", fields={"entities": message}) from error


def _in_unit(
    times: pandas.Series[Any], target: str, ttl: float | None
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]:
    """Event times, the oldest times that are still fresh, and which are missing, in whole units of the source.

    A finer time is rounded down, and the oldest one up: neither lets in a row that exact arithmetic would not.
    """
    import numpy as np

    naive = times.dt.tz_localize(None)
    own = str(naive.dt.unit)
    missing = naive.isna().to_numpy()
    exact = np.where(missing, 0, naive.to_numpy(dtype=f"datetime64[{own}]").astype("int64"))
    factor = _PER_SECOND[target] // _PER_SECOND[own] if own != "ns" or target == "ns" else 0
    if factor:
        bound = _INT64_MAX // factor
        at, up = np.clip(exact, -bound, bound) * factor, np.zeros(len(exact), dtype="int64")
    else:
        at, up = np.floor_divide(exact, 1000), (exact % 1000 > 0).astype("int64")
    if ttl is None:
        return at, np.full(len(at), -_INT64_MAX), missing
    span = min(int(ttl * _PER_SECOND[target]), _INT64_MAX // 2)
    return at, np.maximum(at, -_INT64_MAX + span + 1) - span + up, missing


def _to_pandas(column: pyarrow.ChunkedArray) -> pandas.Series[Any]:
    """As pandas would read it: missing whole numbers make floats, unless those cannot hold the values."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type) and column.null_count and column.null_count < len(column):
        ends = pc.min_max(column).as_py()
        if max(abs(ends["min"]), abs(ends["max"])) > 2**53:
            dtype = pd.UInt64Dtype() if pa.types.is_unsigned_integer(column.type) else pd.Int64Dtype()
            made: pandas.Series[Any] = column.to_pandas(types_mapper={column.type: dtype}.get)
            return made
    plain: pandas.Series[Any] = column.to_pandas()
    return plain
