"""Entity values that mean the same on both sides of a join, whatever type they arrive in."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..tablefile import Kind, quote

if TYPE_CHECKING:
    import pandas
    import pyarrow

KEY_KINDS: frozenset[Kind] = frozenset({"integer", "wide", "float", "text", "boolean"})
WORDS = {
    "integer": "a whole number",
    "wide": "a whole number",
    "float": "a number",
    "text": "text",
    "boolean": "true or false",
}
_EXACT = 2**53
_INT64 = 2**63
_EXACTLY: Mapping[type, Kind] = {str: "text", bool: "boolean"}


class Mismatch(ValueError):
    """A value that cannot be a key of the column's type; the text says which value."""


def key_sql(column: str, kind: Kind) -> str:
    """SQL for the key in `column` of a source; the same value as `key_value` gives, null where there is none."""
    name = quote(column)
    if kind == "integer":
        return f"CAST({name} AS BIGINT)"
    if kind == "float":
        return f"CASE WHEN NOT isnan(CAST({name} AS DOUBLE)) THEN CAST({name} AS DOUBLE) + 0.0 END"
    if kind == "boolean":
        return name
    return f"CAST({name} AS VARCHAR)"


def key_value(value: Any, kind: Kind) -> int | float | str | bool | None:
    """`value` as a key of a column of that kind, None where it is missing or can equal nothing there.

    Casts only what cannot change the meaning: a float with a whole value or the plain digits of a number
    are that number. Raises `Mismatch` for everything else.
    """
    if kind == "integer" and type(value) is int:
        return value if -_INT64 <= value < _INT64 else None
    if _EXACTLY.get(type(value)) == kind:
        return value  # type: ignore[no-any-return]
    if value is None or value is _pandas_na():
        return None
    if hasattr(value, "__len__") and not isinstance(value, str | bytes):
        raise Mismatch(f"a {type(value).__name__} is not {WORDS[kind]}")
    if value != value:  # NaN and NaT
        return None
    if hasattr(value, "item"):
        value = value.item()
    if kind == "text":
        if isinstance(value, str):
            return value
        if isinstance(value, uuid.UUID):
            return str(value)
    elif kind == "boolean":
        if isinstance(value, bool):
            return value
    elif isinstance(value, bool):
        pass
    elif kind == "float":
        if isinstance(value, int | float):
            try:
                return float(value) + 0.0 if float(value) == value else None
            except OverflowError:
                return None
    else:
        whole = isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT
        if whole or (isinstance(value, str) and _digits(value)):
            value = int(value)
        if isinstance(value, int):
            if kind == "wide":
                return str(value)
            return value if -_INT64 <= value < _INT64 else None
    raise Mismatch(f"{value!r} is not {WORDS[kind]}")


def key_array(series: pandas.Series[Any], kind: Kind) -> pyarrow.Array:
    """The keys of a whole column. Raises `Mismatch` at the first value that cannot be one."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    types = {"integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_()}
    target = types.get(kind, pa.string())
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy()
        known = key_array(pd.Series(dtype.categories), kind)
        return (
            known.take(pa.array(np.where(codes < 0, 0, codes), mask=codes < 0))
            if len(known)
            else _nulls(len(series), target)
        )
    plain_numpy = isinstance(dtype, np.dtype)
    if kind == "integer" and plain_numpy and dtype.kind == "i":
        return pa.array(series.to_numpy(), type=target)
    if kind == "integer" and plain_numpy and dtype.kind == "f":
        values = series.to_numpy(dtype="float64")
        missing = np.isnan(values)
        wrong = ~missing & ((values != np.floor(values)) | (np.abs(values) > _EXACT))
        if wrong.any():
            raise Mismatch(f"{float(values[wrong][0])!r} is not {WORDS[kind]}")
        return pa.array(np.where(missing, 0, values).astype("int64"), mask=missing)
    if kind == "float" and plain_numpy and dtype.kind == "f":
        values = series.to_numpy(dtype="float64") + 0.0
        return pa.array(values, mask=np.isnan(values))
    if kind == "boolean" and plain_numpy and dtype.kind == "b":
        return pa.array(series.to_numpy())
    if isinstance(dtype, pd.DatetimeTZDtype) or (plain_numpy and dtype.kind in "Mm"):
        raise Mismatch(f"times are not {WORDS[kind]}")
    return pa.array([key_value(value, kind) for value in series], type=target)


def _nulls(count: int, target: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as pa

    return pa.nulls(count, target)


def _digits(text: str) -> bool:
    digits = text.removeprefix("-")
    return len(text) <= 40 and digits.isascii() and digits.isdecimal() and str(int(text)) == text


def _pandas_na() -> object:
    import sys

    pandas = sys.modules.get("pandas")
    return pandas.NA if pandas is not None else None
