"""One question to the index of runs: a filter, an order, and the page of ids that it comes to."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .cursors import mark_of, no_cursor, read_cursor, write_cursor
from .filter import All, AnyOf, Comparison, Field, Not, Term

FEW = 2000
"""A comparison that holds for fewer is a list of runs; for more, runs are looked at one by one from the newest on."""
SYMBOLS = {"<": "<", "<=": "<=", "=": "=", "!=": "!=", ">=": ">=", ">": ">", "LIKE": "LIKE", "IN": "IN"}


@dataclass(frozen=True)
class Found:
    """Ids of runs in their order, and the cursor of what follows."""

    ids: list[str]
    next: str | None
    total: int | None = None
    """Of all pages, where it was asked for."""


class Search:
    """One question to the copy."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        experiments: Sequence[int] | None,
        term: Term | None,
        order: Sequence[tuple[Field, bool]],
        *,
        archived: bool = False,
    ) -> None:
        self._connection = connection
        self._order = list(order)
        self._where = [f"runs.stage = '{'deleted' if archived else 'active'}'"]
        self._values: list[Any] = []
        if experiments is not None:
            self._where.append(f"runs.experiment IN ({', '.join('?' * len(experiments))})")
            self._values += experiments
        # Where runs are named, SQLite is kept from going through all of them in the order that is asked for.
        self._runs = "runs NOT INDEXED" if _names_runs(term) else "runs"
        if term is not None:
            self._where.append(self._condition(term))
        self._mark = mark_of(experiments, repr(term), repr(self._order), archived)

    # --- the filter -----------------------------------------------------------------------------

    def _condition(self, term: Term) -> str:
        match term:
            case Not(term=inner):
                return f"NOT ({self._condition(inner)})"
            case All(terms=terms):
                return "(" + " AND ".join(self._condition(one) for one in terms) + ")"
            case AnyOf(terms=terms):
                return "(" + " OR ".join(self._condition(one) for one in terms) + ")"
            case Comparison():
                return self._comparison(term)

    def _comparison(self, term: Comparison) -> str:
        field = term.field
        if field.kind == "attributes":
            column = f"runs.{field.key}"
            if term.operator == "NULL":
                return f"{column} IS NULL"
            # Of a run that has none it does not hold, nor is it unknown.
            compared, values = _compared(column, term)
            self._values += values
            if _names_runs(term):
                return f"runs.id IN (SELECT named.id FROM runs named WHERE {compared.replace('runs.', 'named.')})"
            return f"coalesce({compared}, 0)"
        table = "numbers" if field.kind == "metrics" else "words"
        key = self._key(field)
        if key is None:
            return "1" if term.operator == "NULL" else "0"
        if term.operator == "NULL":
            self._values.append(key)
            return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.key = ? AND {table}.run = runs.id)"
        compared, values = _compared(f"{table}.value", term)
        few = self._connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE key = ? AND {compared} LIMIT {FEW})", (key, *values)
        ).fetchone()[0]
        self._values += [key, *values]
        if few < FEW:
            return f"runs.id IN (SELECT run FROM {table} WHERE {table}.key = ? AND {compared})"
        return (
            f"EXISTS (SELECT 1 FROM {table} NOT INDEXED WHERE {table}.key = ? AND {compared} AND {table}.run = runs.id)"
        )

    def _key(self, field: Field) -> int | None:
        found = self._connection.execute(
            "SELECT id FROM keys WHERE kind = ? AND key = ?", (field.kind, field.key)
        ).fetchone()
        return int(found[0]) if found else None

    # --- the order ------------------------------------------------------------------------------

    def total(self) -> int:
        """How many runs there are on all pages."""
        query = f"SELECT count(*) FROM {self._runs} WHERE {' AND '.join(self._where)}"
        return int(self._connection.execute(query, self._values).fetchone()[0])

    def page(self, limit: int, after: str | None) -> Found:
        """The page behind `after`."""
        if len(self._order) > 1:
            return self._counted(limit, after)
        field, falling = self._order[0] if self._order else (Field("attributes", "start_time"), True)
        phase, value, id = self._read(after, int, object, int) if after is not None else (0, None, None)
        if isinstance(value, list | dict) or phase not in (0, 1, 2):
            raise no_cursor("it is none of ours")
        rows: list[tuple[int, str, Any]] = []
        while phase < 3 and len(rows) <= limit:
            found = self._phase(field, falling, int(phase), value, id, limit + 1 - len(rows))
            rows += [(int(phase), run, (key, number)) for number, run, key in found]
            phase, value, id = phase + 1, None, None
        if len(rows) <= limit:
            return Found([run for _, run, _ in rows], None)
        rows = rows[:limit]
        last, _, (value, id) = rows[-1]
        return Found([run for _, run, _ in rows], self._write(last, value, id))

    def _phase(
        self, field: Field, falling: bool, phase: int, value: Any, id: int | None, limit: int
    ) -> list[tuple[int, str, Any]]:
        """Runs with a value (0), with NaN (1), without (2); id, run and value of each, behind `value` and `id`."""
        where, values = list(self._where), list(self._values)
        tables, column, before = self._runs, f"runs.{field.key}", []
        if field.kind != "attributes":
            table = "numbers" if field.kind == "metrics" else "words"
            key = self._key(field)
            if key is None:
                if phase < 2:
                    return []
                column = "NULL"
            elif phase == 2:
                where.append(f"NOT EXISTS (SELECT 1 FROM {table} own WHERE own.key = ? AND own.run = runs.id)")
                values.append(key)
                column = "NULL"
            else:
                # From the index of values, in its order.
                tables = f"{table} own CROSS JOIN runs ON runs.id = own.run"
                column = "own.value"
                where.insert(0, f"own.key = ? AND own.value IS {'NOT ' if phase == 0 else ''}NULL")
                before = [key]
        elif phase == 1:
            return []
        else:
            where.append(f"{column} IS {'NOT ' if phase == 0 else ''}NULL")
        way, sign = ("DESC", "<") if falling else ("ASC", ">")
        if phase == 0:
            if id is not None:
                where.append(f"({column}, runs.id) {sign} (?, ?)")
                values += [value, id]
            # Those of one value in the same direction: the index walks that way.
            order = f"{column} {way}, {'own.run' if before else 'runs.id'} {way}"
        else:
            if id is not None:
                where.append("runs.id < ?")
                values.append(id)
            order = "runs.id DESC"
        query = (
            f"SELECT runs.id, runs.run_id, {column} FROM {tables} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?"
        )
        rows: list[tuple[int, str, Any]] = self._connection.execute(query, [*before, *values, limit]).fetchall()
        return rows

    def _counted(self, limit: int, after: str | None) -> Found:
        """By several fields: the cursor counts."""
        skip = self._read(after, int)[0] if after is not None else 0
        joins, values, order = [], [], []
        for number, (field, falling) in enumerate(self._order):
            column = f"runs.{field.key}"
            if field.kind != "attributes":
                table = "numbers" if field.kind == "metrics" else "words"
                joins.append(f"LEFT JOIN {table} own{number} ON own{number}.key = ? AND own{number}.run = runs.id")
                values.append(self._key(field))
                column = f"own{number}.value"
                order.append(f"own{number}.run IS NULL")
            order += [f"{column} IS NULL", f"{column} {'DESC' if falling else 'ASC'}"]
        query = (
            f"SELECT runs.run_id FROM runs {' '.join(joins)} WHERE {' AND '.join(self._where)}"
            f" ORDER BY {', '.join(order)}, runs.id DESC LIMIT ? OFFSET ?"
        )
        rows = self._connection.execute(query, [*values, *self._values, limit + 1, skip]).fetchall()
        ids = [id for (id,) in rows]
        return Found(ids[:limit], self._write(skip + limit) if len(ids) > limit else None)

    # --- the cursor -----------------------------------------------------------------------------

    def _write(self, *place: Any) -> str:
        return write_cursor(self._mark, *place)

    def _read(self, cursor: str, *kinds: type) -> list[Any]:
        mark, *place = read_cursor(cursor, str, *kinds)
        if mark != self._mark:
            raise no_cursor("it is of another search")
        return place


def _names_runs(term: Term | None) -> bool:
    """True where only some runs can fit, whose ids the term has."""
    match term:
        case Comparison():
            return term.field == Field("attributes", "run_id") and term.operator in ("=", "IN")
        case All(terms=terms):
            return any(map(_names_runs, terms))
    return False


def _compared(column: str, term: Comparison) -> tuple[str, list[str | float]]:
    """SQL of one comparison with a column."""
    values = [
        one if not isinstance(one, float) or math.isfinite(one) else math.copysign(9e999, one) for one in term.values
    ]
    if term.operator == "IN":
        return f"{column} IN ({', '.join('?' * len(values))})", values
    if term.operator == "ILIKE":
        return f"lower({column}) LIKE lower(?)", values
    return f"{column} {SYMBOLS[term.operator]} ?", values
