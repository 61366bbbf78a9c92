"""Two tables, column by column: which moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ...models import DriftColumn
from ..tablefile import Kind, TableFile, epoch, nanoseconds, quote, reading
from .scores import THRESHOLD, Score, categories, kolmogorov_smirnov, significant

if TYPE_CHECKING:
    import duckdb
    import numpy.typing

    Array = numpy.typing.NDArray[Any]

MISSING = "missing_share"
_NUMBERS: frozenset[Kind] = frozenset({"integer", "wide", "float", "boolean"})
_CELLS = 8_000_000


@dataclass(frozen=True)
class Side:
    """One of the two tables: `field` is its name in the request, `rows` is how many it has."""

    table: TableFile
    field: str
    rows: int


@dataclass
class _Comparison:
    """What was found in one column, before it is known which differences are significant."""

    column: str
    missing: tuple[float, float]
    parts: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    how: Literal["ordered", "categories", "type", "none"] = "none"


def compare(
    connection: duckdb.DuckDBPyConnection, reference: Side, current: Side, columns: Sequence[str]
) -> list[DriftColumn]:
    """Score `columns`, which both tables have; only as many of them as `_CELLS` allows are in memory at once."""
    sides = (reference, current)
    present = [_present(connection, side, columns) for side in sides]
    found = [
        _look(reference, current, name, (before, after)) for name, before, after in zip(columns, *present, strict=True)
    ]
    ordered = [one for one in found if one.how == "ordered"]
    width = max(1, _CELLS // max(reference.rows, current.rows))
    for start in range(0, len(ordered), width):
        chunk = ordered[start : start + width]
        values = [_ordered(connection, side, [one.column for one in chunk]) for side in sides]
        for one, before, after in zip(chunk, *values, strict=True):
            one.parts.append(kolmogorov_smirnov(before, after))
    for one in found:
        if one.how == "categories":
            score = categories(*_category_counts(connection, reference, current, one.column))
            one.parts.append(score)
            if score.rare:
                one.notes.append(f"{score.rare} rare values were taken together")
    tests = [(number, part) for number, one in enumerate(found) for part in one.parts]
    drifted: dict[int, list[Score]] = {}
    for (number, part), verdict in zip(tests, significant([part.p for _, part in tests]), strict=True):
        if verdict and part.value >= THRESHOLD:
            drifted.setdefault(number, []).append(part)
    return [_verdict(one, drifted.get(number, [])) for number, one in enumerate(found)]


def _look(reference: Side, current: Side, name: str, present: tuple[int, int]) -> _Comparison:
    """How to compare a column, and the score of its missing values."""
    import numpy as np

    absent = (reference.rows - present[0], current.rows - present[1])
    one = _Comparison(name, (absent[0] / reference.rows, absent[1] / current.rows))
    if any(absent):
        missing = categories(np.array([present[0], absent[0]]), np.array([present[1], absent[1]]))
        one.parts.append(Score(MISSING, missing.value, missing.p))
    kinds = (reference.table.kind(name), current.table.kind(name))
    if not all(present):
        where = "either table" if not any(present) else reference.field if not present[0] else current.field
        one.notes.append(f"no value in {where}")
    elif "other" in kinds:
        one.notes.append(f"values of type {reference.table.columns[name]} are not compared")
    elif kinds[0] == kinds[1] and kinds[0] in ("text", "boolean"):
        one.how = "categories"
    elif kinds[0] == kinds[1] or set(kinds) <= _NUMBERS:
        one.how = "ordered"
    else:
        one.how = "type"
        one.notes.append(f"was {reference.table.columns[name]}, is {current.table.columns[name]}")
    return one


def _verdict(one: _Comparison, drifted: list[Score]) -> DriftColumn:
    notes = list(one.notes)
    if one.how == "type":
        method, score = "type", 1.0
    elif one.parts:
        decisive = max(drifted or one.parts, key=lambda part: part.value)
        # Where nothing drifted, the values are the story, not that a few are missing.
        if not drifted and one.parts[-1].method != MISSING:
            decisive = one.parts[-1]
        method, score = decisive.method, decisive.value
        if any(part.method == MISSING for part in drifted):
            notes.insert(0, f"missing: {_percent(one.missing[0])} before, {_percent(one.missing[1])} now")
        elif not drifted and decisive.value >= THRESHOLD:
            notes.insert(0, f"not significant: chance alone gives as much with p = {decisive.p:.2g}")
    else:
        method, score = "none", None
    return DriftColumn(
        column=one.column,
        method=method,
        score=score,
        threshold=THRESHOLD,
        drifted=bool(drifted) or one.how == "type",
        reference_missing=one.missing[0],
        current_missing=one.missing[1],
        note="; ".join(notes),
    )


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _value(table: TableFile, name: str) -> str:
    """SQL for a column in which everything that stands for a missing value is null."""
    kind = table.kind(name)
    if kind == "time":
        return epoch(name, table.columns[name])
    if table.columns[name] in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN NOT isnan({quote(name)}) THEN {quote(name)} END"
    return quote(name)


def _present(connection: duckdb.DuckDBPyConnection, side: Side, names: Sequence[str]) -> list[int]:
    """How many values each column has."""
    counts = ", ".join(f"count({_value(side.table, name)})" for name in names)
    with reading(side.table, field=side.field):
        return [int(count) for count in connection.execute(f"SELECT {counts} FROM {side.table.scan}").fetchall()[0]]


def _ordered(connection: duckdb.DuckDBPyConnection, side: Side, names: Sequence[str]) -> list[Array]:
    """The values of numeric or time columns as floats, without the missing ones."""
    wanted = []
    for number, name in enumerate(names):
        value = _value(side.table, name)
        if side.table.kind(name) == "time" and nanoseconds(side.table.columns[name]):
            value = f"{value} // 1000"
        wanted.append(f"CAST({value} AS DOUBLE) AS v{number}")
    with reading(side.table, field=side.field):
        read = connection.sql(f"SELECT {', '.join(wanted)} FROM {side.table.scan}").to_arrow_table()
    return [column.drop_null().to_numpy() for column in read.columns]


def _category_counts(
    connection: duckdb.DuckDBPyConnection, reference: Side, current: Side, name: str
) -> tuple[Array, Array]:
    sides = {"r": reference, "c": current}
    tables = ", ".join(
        f"{alias} AS (SELECT CAST({quote(name)} AS VARCHAR) AS value, count(*) AS n FROM {side.table.scan}"
        f" WHERE {quote(name)} IS NOT NULL GROUP BY 1)"
        for alias, side in sides.items()
    )
    query = f"""
        WITH {tables} SELECT coalesce(r.n, 0) AS r, coalesce(c.n, 0) AS c FROM r FULL JOIN c USING (value)
    """
    with reading(reference.table, field=reference.field):
        found = connection.execute(query).fetchnumpy()
    return found["r"], found["c"]
