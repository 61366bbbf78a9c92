"""The Open Inference Protocol, version 2, over REST.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md. A column of a signature is
a tensor of shape [-1]; a client may also send it as [-1, 1]. The binary tensor extension is not offered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Malformed
from .data import Data, decode_object, from_columns, read_parameters
from .invocations import one_tensor
from .render import jsonable
from .schema import Column, Signature, Tensor, shown, tensor_values, wrong

DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}
"""numpy's types and the protocol's; everything else is BYTES, which are strings in JSON."""

COLUMN_DATATYPES = {"boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64"}

_WIDER = {
    "FP64": ("FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8"),
    "FP32": ("FP32", "FP16", "FP64", "INT64", "INT32", "INT16", "INT8", "UINT32", "UINT16", "UINT8"),
    "INT64": ("INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8"),
    "INT32": ("INT32", "INT64", "INT16", "INT8", "UINT32", "UINT16", "UINT8"),
}
"""Datatypes that are taken for each wanted one; the values must still fit."""


@dataclass(frozen=True)
class Request:
    """An inference request: its data, its id, and the outputs that it wants (all where that is empty)."""

    data: Data
    id: str | None
    outputs: tuple[str, ...]


def column_datatype(column: Column) -> str:
    """The protocol's name of a column's type."""
    return COLUMN_DATATYPES.get(column.type, "BYTES")


def tensor_datatype(dtype: str) -> str:
    """The protocol's name of a numpy type."""
    return DATATYPES.get(dtype, "BYTES")


def describe(columns: Sequence[Column], tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    """The tensors of a signature as model metadata has them."""
    if columns:
        return [{"name": column.name, "datatype": column_datatype(column), "shape": [-1]} for column in columns]
    return [
        {"name": tensor.name, "datatype": tensor_datatype(tensor.dtype), "shape": list(tensor.shape)}
        for tensor in tensors
    ]


def read_request(signature: Signature, body: bytes) -> Request:
    """An inference request. Raises `Malformed` with what is wrong, the tensor named."""
    given = decode_object(body)
    for name in given:
        if name not in ("id", "parameters", "inputs", "outputs"):
            raise Malformed(f"unknown field {name!r}", fields={name: "unknown"})
    id = given.get("id")
    if id is not None and not isinstance(id, str):
        raise Malformed(f"id must be a string, not {shown(id)}", fields={"id": "not a string"})
    outputs = _read_outputs(given.get("outputs"))
    inputs = given.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Malformed("inputs must be a list of tensors", fields={"inputs": "not a list of tensors"})
    if not signature.columns and not signature.tensors:
        raise Malformed("the model has no signature with named inputs", hint="use POST /invocations")
    tensors: dict[str, dict[str, Any]] = {}
    known = {*signature.names, *(tensor.name for tensor in signature.tensors)}
    for index, tensor in enumerate(inputs):
        name = _check_tensor(index, tensor)
        if name in tensors:
            raise wrong(name, None, "given twice")
        if name not in known:
            raise Malformed(
                f"the model has no input {name!r}",
                hint=f"its inputs are {', '.join(sorted(known)[:8])}",
                fields={name: "unknown"},
            )
        tensors[name] = tensor
    data = _columns(signature, tensors) if signature.columns else _tensors(signature, tensors)
    data.parameters = read_parameters(signature, _own_parameters(signature, given.get("parameters")))
    return Request(data, id, outputs)


def _own_parameters(signature: Signature, given: object) -> object:
    """The request's parameters that are the model's; the protocol has some of its own, which are ignored."""
    if isinstance(given, dict):
        return {name: value for name, value in given.items() if name in signature.parameters}
    return given


def _read_outputs(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise Malformed("outputs must be a list", fields={"outputs": "not a list"})
    for each in given:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise Malformed("each of outputs needs a name", fields={"outputs": "without a name"})
    return tuple(each["name"] for each in given)


def _check_tensor(index: int, tensor: object) -> str:
    """The name of a tensor that has everything it needs."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise Malformed(f"inputs[{index}] needs a name", fields={f"inputs[{index}]": "without a name"})
    name: str = tensor["name"]
    for key in tensor:
        if key not in ("name", "shape", "datatype", "parameters", "data"):
            raise wrong(name, None, f"unknown field {key!r}")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        raise wrong(name, None, "shape must be a list of whole numbers that are not negative")
    datatype = tensor.get("datatype")
    if datatype not in (*DATATYPES.values(), "BYTES"):
        raise wrong(name, None, f"there is no datatype {shown(datatype)}")
    if not isinstance(tensor.get("data"), list):
        raise wrong(name, None, "data must be a list (binary data is not supported)")
    return name


def _check_datatype(name: str, given: str, wanted: str) -> None:
    if given not in _WIDER.get(wanted, (wanted,)):
        raise wrong(name, None, f"datatype {wanted} is needed, not {given}")


def _columns(signature: Signature, tensors: dict[str, dict[str, Any]]) -> Data:
    given: dict[str, list[Any]] = {}
    rows: int | None = None
    for column in signature.columns:
        tensor = tensors.get(column.name)
        if tensor is None:
            continue  # from_columns says which are missing
        _check_datatype(column.name, tensor["datatype"], column_datatype(column))
        shape: list[int] = tensor["shape"]
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
            raise wrong(column.name, None, f"the shape must be [rows] or [rows, 1], not {shape}")
        values = tensor["data"]
        if len(shape) == 2 and values and all(isinstance(value, list) and len(value) == 1 for value in values):
            values = [value[0] for value in values]
        if len(values) != shape[0]:
            raise wrong(column.name, None, f"shape {shape} needs {shape[0]} values, not {len(values)}")
        if rows is not None and len(values) != rows:
            raise wrong(column.name, None, f"it has {len(values)} rows, the columns before it have {rows}")
        rows = len(values)
        given[column.name] = values
    return from_columns(signature, given)


def _tensors(signature: Signature, tensors: dict[str, dict[str, Any]]) -> Data:
    arrays = {}
    for tensor in signature.tensors:
        given = tensors.get(tensor.name)
        if given is None:
            raise wrong(tensor.name, None, "missing")
        _check_datatype(tensor.name, given["datatype"], tensor_datatype(tensor.dtype))
        values, shape = given["data"], given["shape"]
        flat = not any(isinstance(value, list) for value in values)
        array = tensor_values(tensor, values, flat=flat, shape=shape)
        if list(array.shape) != shape:
            raise wrong(tensor.name, None, f"the data has the shape {list(array.shape)}, not {shape}")
        arrays[tensor.name] = array
    if len(arrays) == 1:
        array = next(iter(arrays.values()))
        if array.size == 0:
            raise Malformed("there are no rows")
        return one_tensor(signature, array)
    return Data(other=arrays)


def output_names(signature: Signature) -> list[str]:
    """What the outputs of a model are called; a single one without a name is `predictions`."""
    return [each.name for each in signature.output_columns] + [each.name for each in signature.output_tensors]


def render_outputs(signature: Signature, raw: Any, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """A prediction as output tensors, `data` flat and in row-major order; numbers that are not finite are null.

    Raises `Malformed` for an output that the model does not have, and for a prediction that is no tensor.
    """
    import numpy as np

    named: dict[str, Any]
    if hasattr(raw, "columns") and hasattr(raw, "iloc"):
        named = {str(name): raw[name].to_numpy() for name in raw.columns}
    elif isinstance(raw, dict):
        named = {str(name): np.asarray(value) for name, value in raw.items()}
    else:
        names = output_names(signature)
        try:
            named = {names[0] if len(names) == 1 else "predictions": np.asarray(raw)}
        except ValueError:
            raise Malformed("this prediction is not a tensor", hint="use POST /invocations") from None
    for name in wanted:
        if name not in named:
            raise Malformed(f"the model has no output {name!r}", hint=f"its outputs are {', '.join(named)}")
    return [_tensor(name, named[name]) for name in wanted or named]


def _tensor(name: str, array: Any) -> dict[str, Any]:
    datatype = tensor_datatype(array.dtype.name)
    values = array.reshape(-1).tolist()
    if datatype == "BYTES":
        kinds = {type(value) for value in values if value is not None}
        if kinds <= {bool}:
            datatype = "BOOL"
        elif kinds <= {int}:
            datatype = "INT64"
        elif kinds <= {int, float}:
            datatype = "FP64"
        else:
            values = [value if isinstance(value, str) else _text(value) for value in jsonable(values)]
    elif datatype.startswith("FP"):
        values = [value if math.isfinite(value) else None for value in values]
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": values}


def _text(value: object) -> str:
    if isinstance(value, (dict, list)):
        raise Malformed("this prediction is not a tensor", hint="use POST /invocations")
    return "" if value is None else str(value)
