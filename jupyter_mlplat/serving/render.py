"""Predictions as strict JSON."""

from __future__ import annotations

import base64
from typing import Any

import msgspec


def jsonable(value: Any) -> Any:
    """`value` as plain Python: arrays as lists, data frames as records, missing values as None.

    The same shapes as MLflow's scoring server gives. Raises `TypeError` for what JSON has no form for.
    """
    if value is None or (isinstance(value, (str, bool, int, float)) and type(value).__module__ == "builtins"):
        return value
    kind = type(value)
    if kind is list or kind is tuple:
        return [jsonable(each) for each in value]
    if isinstance(value, dict):
        return {str(name): jsonable(each) for name, each in value.items()}
    import numpy as np

    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fiub":
            return value.tolist()
        if value.dtype.kind in "mM":
            return np.datetime_as_string(value).tolist() if value.dtype.kind == "M" else value.astype(str).tolist()
        return jsonable(value.tolist())
    if isinstance(value, np.generic):
        return jsonable(value.item())
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return [jsonable(row) for row in value.to_dict(orient="records")]
    if isinstance(value, (pd.Series, pd.Index)):
        return [jsonable(each) for each in value.tolist()]
    if value is pd.NaT or value is pd.NA:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, (str, int, float)):
        return value
    if hasattr(value, "model_dump"):
        return jsonable(value.model_dump())
    if hasattr(value, "toarray"):
        return value.toarray().tolist()
    if isinstance(value, (set, frozenset, map, zip)) or hasattr(value, "__next__"):
        return [jsonable(each) for each in value]
    raise TypeError(f"a prediction of type {kind.__name__} has no form in JSON")


def predictions(raw: Any) -> bytes:
    """The body of an answer of `/invocations`. NaN and infinities become null: JSON has no word for them."""
    return msgspec.json.encode({"predictions": jsonable(raw)})
