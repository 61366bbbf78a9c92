"""Finding runs where we have no copy of them, with an MLflow server or PostgreSQL: MLflow finds what it can.

MLflow's search knows AND alone (https://mlflow.org/docs/latest/search-runs). What a filter says in its terms MLflow is
asked for; everything else is looked at here, run by run, in MLflow's order.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .cursors import no_cursor, read_cursor, write_cursor
from .filter import All, AnyOf, Comparison, Field, Not, Term
from .search import MAX_LIMIT, quoted

if TYPE_CHECKING:
    from mlflow.entities import Run as MLflowRun
    from mlflow.store.entities import PagedList

MOST_LOOKED_AT = 20_000
"""Of one page; where they are not enough the page is short, and goes on where they end."""

Ask = Callable[[str, list[str], int, str | None], "PagedList[MLflowRun]"]
"""MLflow's search: filter, order, how many, token of the page."""


def scan(
    ask: Ask, term: Term | None, order: Sequence[tuple[Field, bool]], *, mark: str, limit: int, after: str | None
) -> tuple[list[MLflowRun], str | None]:
    """A page of runs for which `term` holds, and the cursor of what follows; it is of the searches with this `mark`."""
    asked, whole = mlflows(term)
    by = [f"{_name(field)} {'DESC' if falling else 'ASC'}" for field, falling in order]
    token, size, skip = _read(after, mark) if after is not None else ("", limit, 0)
    found: list[MLflowRun] = []
    looked = 0
    while True:
        page = ask(asked, by, size, token or None)
        for place, run in enumerate(page[skip:], skip):
            if len(found) == limit or looked == MOST_LOOKED_AT:
                return found, write_cursor(mark, token, size, place)
            looked += 1
            if term is None or holds(term, run):
                found.append(run)
        if not page.token:
            return found, None
        # Of a database it is bytes, of a server text.
        token, skip = page.token.decode() if isinstance(page.token, bytes) else str(page.token), 0
        if len(found) == limit or looked == MOST_LOOKED_AT:
            return found, write_cursor(mark, token, size, 0)
        size = size if whole else min(2 * size, MAX_LIMIT)


def _read(cursor: str, mark: str) -> tuple[str, int, int]:
    """MLflow's token of a page, its size, and how many of its runs were on the page before."""
    own, token, size, skip = read_cursor(cursor, str, str, int, int)
    if own != mark:
        raise no_cursor("it is of another search")
    if not 1 <= size <= MAX_LIMIT or not 0 <= skip <= size:
        raise no_cursor("it is none of ours")
    return token, size, skip


def mlflows(term: Term | None) -> tuple[str, bool]:
    """What of a term MLflow understands, in its language, and True where that is all of it.

    It holds wherever `term` holds.
    """
    if term is None:
        return "", True
    terms = term.terms if isinstance(term, All) else (term,)
    known = [one for one in terms if isinstance(one, Comparison) and _is_mlflows(one)]
    return " AND ".join(map(_written, known)), len(known) == len(terms)


def _is_mlflows(term: Comparison) -> bool:
    if term.operator in ("IN", "NULL"):
        return False
    if any(isinstance(value, float) and not math.isfinite(value) for value in term.values):
        return False
    return term.field.kind != "attributes" or not term.field.is_number or float(term.values[0]).is_integer()


def _written(term: Comparison) -> str:
    (value,) = term.values
    shown = quoted(value) if isinstance(value, str) else repr(int(value) if value.is_integer() else value)
    return f"{_name(term.field)} {term.operator} {shown}"


def _name(field: Field) -> str:
    if field.kind == "attributes":
        return f"attributes.{field.key}"
    quote = '"' if "`" in field.key else "`"
    return f"{field.kind}.{quote}{field.key}{quote}"


def holds(term: Term, run: MLflowRun) -> bool:
    """True where a term holds for a run."""
    match term:
        case Not(term=inner):
            return not holds(inner, run)
        case All(terms=terms):
            return all(holds(one, run) for one in terms)
        case AnyOf(terms=terms):
            return any(holds(one, run) for one in terms)
        case Comparison():
            return _compares(term, _value(term.field, run))


def _value(field: Field, run: MLflowRun) -> Any:
    if field.kind == "attributes":
        return getattr(run.info, field.key)
    value = getattr(run.data, field.kind).get(field.key)
    if field.kind == "metrics" and value is not None and abs(value) >= sys.float_info.max:
        return math.copysign(math.inf, value)  # as MLflow's databases keep it
    return value


def _compares(term: Comparison, value: Any) -> bool:
    if term.operator == "NULL":
        return value is None
    if value is None or value != value:
        return False
    wanted: Any = term.values[0]
    match term.operator:
        case "LIKE" | "ILIKE":
            return _pattern(wanted, term.operator == "ILIKE").fullmatch(value) is not None
        case "IN":
            return value in term.values
        case "=":
            return bool(value == wanted)
        case "!=":
            return bool(value != wanted)
        case "<":
            return bool(value < wanted)
        case "<=":
            return bool(value <= wanted)
        case ">":
            return bool(value > wanted)
        case _:
            return bool(value >= wanted)


@lru_cache(maxsize=100)
def _pattern(text: str, any_case: bool) -> re.Pattern[str]:
    """SQL's LIKE: % is any text, _ any letter."""
    parts = [{"%": ".*", "_": "."}.get(letter) or re.escape(letter) for letter in text]
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if any_case else 0))
