"""A model's signature as checks: JSON values in, arrays of the right type out, or a message that names the column."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import Malformed

if TYPE_CHECKING:
    import numpy as np

NUMPY_TYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
"""MLflow's column types that are numbers, and how numpy calls them."""

WANTED = {
    "double": "a number",
    "float": "a number",
    "long": "a whole number",
    "integer": "a whole number",
    "boolean": "true or false",
    "string": "a string",
    "datetime": "a time as an ISO 8601 string",
    "binary": "base64 text",
}


@dataclass(frozen=True)
class Column:
    """One named column of a table; `type` is MLflow's name of it, `any` for nested types that MLflow checks itself."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class Tensor:
    """One array; `dtype` is numpy's name, -1 in `shape` is any length. A model with one tensor need not name it."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives: columns or tensors, or neither where it does not say."""

    columns: tuple[Column, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    output_columns: tuple[Column, ...] = ()
    output_tensors: tuple[Tensor, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    opaque: bool = False
    """True where the inputs are described by a type hint or a nested type, which MLflow alone can check."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def matrix_type(self) -> np.dtype[Any] | None:
        """The type of one array that holds every row, or None where a row is not plain numbers."""
        import numpy as np

        kinds = {"double", "float", "long", "integer"}
        if self.columns:
            if all(column.type in kinds and column.required for column in self.columns):
                return np.result_type(*(NUMPY_TYPES[column.type] for column in self.columns))
        elif len(self.tensors) == 1:
            tensor = self.tensors[0]
            if tensor.dtype in ("float64", "float32", "int64", "int32") and len(tensor.shape) == 2:
                return np.dtype(tensor.dtype) if tensor.shape[0] == -1 and tensor.shape[1] > 0 else None
        return None


def read_signature(metadata: Any) -> Signature:
    """The signature in an MLflow `Model`."""
    inputs, outputs = metadata.get_input_schema(), metadata.get_output_schema()
    parameters = metadata.get_params_schema()
    columns, tensors, opaque = _read_schema(inputs, "input")
    output_columns, output_tensors, _ = _read_schema(outputs, "predictions")
    return Signature(
        columns=columns,
        tensors=tensors,
        output_columns=output_columns,
        output_tensors=output_tensors,
        parameters={each.name: str(getattr(each.dtype, "name", each.dtype)) for each in parameters or ()},
        opaque=opaque or bool(metadata._is_signature_from_type_hint()),
    )


def _read_schema(schema: Any, unnamed: str) -> tuple[tuple[Column, ...], tuple[Tensor, ...], bool]:
    if schema is None:
        return (), (), False
    if schema.is_tensor_spec():
        one = len(schema.inputs) == 1
        tensors = tuple(
            Tensor(each.name or (unnamed if one else f"{unnamed}-{index}"), str(each.type), tuple(each.shape))
            for index, each in enumerate(schema.inputs)
        )
        return (), tensors, False
    if not schema.has_input_names():
        if unnamed == "predictions" and len(schema.inputs) == 1:
            return (_column(unnamed, schema.inputs[0]),), (), False
        return (), (), True
    return tuple(_column(str(each.name), each) for each in schema.inputs), (), False


def _column(name: str, spec: Any) -> Column:
    return Column(name, spec.type.name if spec.type.__class__.__name__ == "DataType" else "any", spec.required)


def column_values(column: Column, values: Sequence[object]) -> Any:
    """`values` as the array that MLflow's schema wants for `column`.

    Null is a missing value where the type has one (numbers with a fraction, strings, times, optional
    columns). Raises `Malformed` with the column, the row and what was found there.
    """
    import numpy as np

    kind = column.type
    if kind == "any":
        return _objects(values)
    checked: list[Any] = []
    for row, value in enumerate(values):
        if value is None and (kind in ("double", "float", "string", "datetime") or not column.required):
            checked.append(None)
        else:
            checked.append(_checked(column, row, value))
    if kind in ("long", "integer", "boolean"):
        return _objects(checked) if None in checked else np.array(checked, dtype=NUMPY_TYPES[kind])
    if kind in ("double", "float"):
        with np.errstate(over="ignore"):
            return np.array(checked, dtype=NUMPY_TYPES[kind])
    if kind == "datetime":
        return np.array(["NaT" if value is None else value for value in checked], dtype="datetime64[ns]")
    return _objects(checked)


def _objects(values: Sequence[object]) -> Any:
    import numpy as np

    made = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):  # one by one: numpy would look into a value that is a list
        made[index] = value
    return made


def _checked(column: Column, row: int, value: object) -> object:
    kind = column.type
    if kind in ("double", "float"):
        if type(value) is float:
            return value
        if type(value) is int:
            try:
                return float(value)
            except OverflowError:
                raise wrong(column.name, row, "the number is too large") from None
    elif kind in ("long", "integer"):
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int:
            bits = 63 if kind == "long" else 31
            if -(2**bits) <= value < 2**bits:
                return value
            raise wrong(column.name, row, f"{shown(value)} does not fit into {bits + 1} bits")
    elif kind == "boolean":
        if type(value) is bool:
            return value
    elif kind == "datetime":
        return _time(column, row, value)
    elif kind == "binary":
        if isinstance(value, str):
            try:
                return base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                pass
    elif isinstance(value, str):
        return value
    raise wrong(column.name, row, f"{WANTED[kind]} is needed, not {shown(value)}")


def _time(column: Column, row: int, value: object) -> object:
    import pandas as pd

    if isinstance(value, str):
        try:
            time = pd.Timestamp(value)
            time = time.tz_convert("UTC").tz_localize(None) if time.tzinfo is not None else time
            return time.as_unit("ns").to_datetime64()
        except (ValueError, OverflowError):
            pass
    raise wrong(column.name, row, f"{WANTED['datetime']} is needed, not {shown(value)}")


def wrong(column: str, row: int | None, what: str) -> Malformed:
    """The error about one value of one column."""
    where = f"column {column!r}" + ("" if row is None else f", row {row}")
    return Malformed(f"{where}: {what}", fields={column: what})


def shown(value: object) -> str:
    """A value as an error message shows it: short, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def tensor_values(tensor: Tensor, value: object, *, flat: bool = False, shape: Sequence[int] | None = None) -> Any:
    """Nested lists (or a flat one with its `shape`) as the array that `tensor` describes. Raises `Malformed`."""
    import numpy as np

    wanted = np.dtype(tensor.dtype)
    try:
        found = np.array(value)
    except (ValueError, OverflowError):
        raise wrong(tensor.name, None, "the lists in it have different lengths") from None
    if found.dtype == object and wanted.kind in "fiub":
        raise wrong(tensor.name, None, f"{_needed(wanted)} is needed everywhere, with lists of equal lengths")
    if wanted.kind in "fiu":
        if found.size and found.dtype.kind not in "fiu":
            raise wrong(tensor.name, None, f"{_needed(wanted)} is needed, not {found.dtype.name}")
        if wanted.kind in "iu" and found.size:
            _check_whole(tensor, found, wanted)
    elif wanted.kind == "b" and found.size and found.dtype.kind != "b":
        raise wrong(tensor.name, None, "true or false is needed")
    elif wanted.kind in "US" and found.size and found.dtype.kind != "U":
        raise wrong(tensor.name, None, "strings are needed")
    if flat and shape is not None:
        if math.prod(shape) != found.size:
            raise wrong(tensor.name, None, f"shape {list(shape)} needs {math.prod(shape)} values, not {found.size}")
        found = found.reshape(tuple(shape))
    fits = found.ndim == len(tensor.shape) and all(
        want in (-1, have) for want, have in zip(tensor.shape, found.shape, strict=True)
    )
    if not fits:
        raise wrong(tensor.name, None, f"the shape must be {list(tensor.shape)}, not {list(found.shape)}")
    with np.errstate(over="ignore"):
        return found.astype(wanted)


def _needed(wanted: Any) -> str:
    return {"f": "a number", "i": "a whole number", "u": "a whole number", "b": "true or false"}[wanted.kind]


def _check_whole(tensor: Tensor, found: Any, wanted: Any) -> None:
    import numpy as np

    limits = np.iinfo(wanted)
    if found.dtype.kind == "f" and not bool(np.all(np.mod(found, 1) == 0)):
        raise wrong(tensor.name, None, "a whole number is needed")
    if int(found.min()) < limits.min or int(found.max()) > limits.max:
        raise wrong(tensor.name, None, f"a number in it does not fit into {wanted.name}")
