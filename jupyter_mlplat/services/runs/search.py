"""How a question to MLflow is put, and how its answer is understood when it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...errors import Invalid
from .filter import FILTER_HINT, ORDER_HINT

MAX_LIMIT = 1000


def check_limit(limit: int) -> None:
    """Raise `Invalid` where a page would be empty or too long."""
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"limit is from 1 to {MAX_LIMIT}, not {limit}", fields={"limit": f"from 1 to {MAX_LIMIT}"})


def quoted(text: str) -> str:
    """`text` as a string of MLflow's filter language, which has no escapes."""
    quote = "'" if "'" not in text else '"'
    return f"{quote}{text}{quote}"


def mlflow_exception() -> type[Any]:
    """MLflow's exception class, imported when it is needed."""
    from mlflow.exceptions import MlflowException

    kind: type[Any] = MlflowException
    return kind


@contextmanager
def search_errors(filter: str | None, order_by: Sequence[str], after: str | None) -> Iterator[None]:
    """Say which part of a search MLflow could not read, in its own words, with an example."""
    try:
        yield
    except Invalid as error:
        words = error.message
        if after and "token" in words.lower():
            raise Invalid(
                f"the cursor cannot be read: {words}",
                hint="take `next` of the page before",
                fields={"after": "not a cursor"},
            ) from error
        if order_by and ("order_by" in words.lower() or not filter):
            raise Invalid(f"the order cannot be read: {words}", hint=ORDER_HINT, fields={"order_by": words}) from error
        if filter:
            raise Invalid(f"the filter cannot be read: {words}", hint=FILTER_HINT, fields={"filter": words}) from error
        raise
