"""A feature view's source file, checked against the view's definition."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import Conflict, Invalid
from ...models import FeatureField, FeatureView, FeatureViewSpec
from ..tablefile import TableFile, epoch, nanoseconds, open_table, quote
from .keys import KEY_KINDS

if TYPE_CHECKING:
    import duckdb


def inspect(connection: duckdb.DuckDBPyConnection, spec: FeatureViewSpec, *, field: str) -> list[FeatureField]:
    """The features of `spec` with the types that its source gives them.

    `field` is put before the names of the definition's fields in an error. Raises `Invalid` where the source
    cannot be read or lacks a column, the event time is no time, an entity column can be no key, or a name is
    given twice.
    """
    table = open_table(connection, spec.source, field=f"{field}source")
    _refuse_twice(spec.name, "entities", spec.entities, field)
    _refuse_twice(spec.name, "features", spec.features, field)
    for part, names in (("entities", spec.entities), ("timestamp", [spec.timestamp]), ("features", spec.features)):
        for name in names:
            if name not in table.columns:
                raise _wrong(
                    field, part, f"feature view {spec.name}: {spec.source} has no column {name!r}", closest(name, table)
                )
    for name in spec.entities:
        if table.kind(name) not in KEY_KINDS:
            message = f"feature view {spec.name}: column {name!r} is {table.columns[name]} and can be no entity"
            raise _wrong(field, "entities", message, "entities are whole numbers, numbers, text or booleans")
        if name == spec.timestamp or name in spec.features:
            message = f"feature view {spec.name}: column {name!r} is an entity and something else too"
            raise _wrong(field, "entities", message, "name each column once")
    if table.kind(spec.timestamp) != "time":
        message = f"feature view {spec.name}: column {spec.timestamp!r} is {table.columns[spec.timestamp]}, not a time"
        raise _wrong(field, "timestamp", message, "write it as timestamps, for example with pandas.to_datetime")
    taken = {*spec.entities, spec.timestamp}
    chosen = spec.features or [name for name in table.columns if name not in taken]
    if not chosen:
        message = f"feature view {spec.name}: {spec.source} has no column left to serve"
        raise _wrong(field, "features", message, "the source needs columns beside its entities and event time")
    return [FeatureField(name=name, type=table.columns[name]) for name in chosen]


def open_source(connection: duckdb.DuckDBPyConnection, view: FeatureView) -> TableFile:
    """The source of a view that was applied. Raises `Conflict` where it no longer fits the definition."""
    try:
        table = open_table(connection, view.source, field="source")
    except Invalid as error:
        raise Conflict(
            f"the source of feature view {view.name} is not there any more: {error.message}",
            hint="bring the file back, or apply the definition again with another source",
        ) from error
    wanted = {*view.entities, view.timestamp, *(field.name for field in view.features)}
    if missing := sorted(wanted - table.columns.keys()):
        raise Conflict(
            f"the source of feature view {view.name} lost {', '.join(map(repr, missing))}",
            hint="apply the definition again",
        )
    unusable = [name for name in view.entities if table.kind(name) not in KEY_KINDS]
    if unusable or table.kind(view.timestamp) != "time":
        name = unusable[0] if unusable else view.timestamp
        raise Conflict(
            f"the source of feature view {view.name} now has {name!r} as {table.columns[name]}",
            hint="apply the definition again",
        )
    return table


# A row's place in time: the event time above, the position in the file below, so that it is unique.
PLACE_BITS = 2**40


def place_sql(time: str, row: str) -> str:
    """SQL for a row's place in its entity's history: later times are later, and at the same time later rows are."""
    return f"(CAST({time} AS HUGEINT) * {PLACE_BITS} + {row})"


def time_sql(table: TableFile, view: FeatureView) -> str:
    """SQL for the event time of a row, in the unit that `unit` names."""
    return epoch(view.timestamp, table.columns[view.timestamp])


def unit(table: TableFile, view: FeatureView) -> str:
    """The unit of `time_sql`: ns where the source is that fine, else us."""
    return "ns" if nanoseconds(table.columns[view.timestamp]) else "us"


def closest(name: str, table: TableFile) -> str:
    """A hint that names columns which look like `name`, or all of them."""
    near = difflib.get_close_matches(name, table.columns, n=3)
    return f"it has {', '.join(near or list(table.columns)[:20])}"


def value_sql(name: str, type_name: str) -> str:
    """SQL for a feature in a type that pandas and JSON have too."""
    column = quote(name)
    if type_name.startswith("DECIMAL") or type_name in ("HUGEINT", "UHUGEINT"):
        return f"CAST({column} AS DOUBLE)"
    if type_name.startswith(("ENUM", "TIME", "INTERVAL")) and not type_name.startswith("TIMESTAMP"):
        return f"CAST({column} AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)" if type_name in ("UUID", "BIT") else column


def _refuse_twice(view: str, part: str, names: Sequence[str], field: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _wrong(field, part, f"feature view {view}: {part} names {name!r} twice", "name each column once")


def _wrong(field: str, part: str, message: str, hint: str) -> Invalid:
    return Invalid(message, hint=hint, fields={f"{field}{part}": message})
