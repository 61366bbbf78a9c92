"""MLflow's scoring protocol: `POST /invocations` (mlflow.org, "Deploy MLflow Model as a Local Inference Server")."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from ..errors import Malformed
from .data import Data, by_column, by_record, decode_object, from_columns, read_parameters
from .schema import Signature, Tensor, shown, tensor_values, wrong

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class Reader:
    """Reads bodies for one signature.

    Bodies in the commonest form (a table of plain numbers with the columns in the signature's order) are
    decoded straight into rows (with `quick`); all others, and all that are wrong, take the way that explains itself.
    """

    def __init__(self, signature: Signature, *, quick: bool = True) -> None:
        self.signature = signature
        self._quick = _quick_decoder(signature) if quick else None

    def json(self, body: bytes) -> Data:
        """The data of a JSON body. Raises `Malformed`."""
        if self._quick is not None:
            data = self._quick(body)
            if data is not None:
                return data
        given = decode_object(body)
        found = [name for name in FORMATS if name in given]
        if len(found) != 1:
            has = ", ".join(map(repr, list(given)[:8])) or "nothing"
            raise Malformed(f"the body must have exactly one of {', '.join(FORMATS)}; it has {has}")
        unknown = [name for name in given if name not in (*found, "params")]
        if unknown:
            raise Malformed(f"unknown field {unknown[0]!r}", fields={unknown[0]: "unknown"})
        parameters = read_parameters(self.signature, given.get("params"))
        data = self._read(found[0], given[found[0]])
        data.parameters = parameters
        return data

    def _read(self, form: str, value: Any) -> Data:
        if self.signature.opaque:
            return Data(other=_as_mlflow(form, value))
        if form == "dataframe_split":
            names, rows = _split(value)
            return self._table(by_column(names, rows))
        if form == "dataframe_records":
            if not isinstance(value, list):
                raise Malformed(f"dataframe_records must be a list of objects, not {shown(value)}")
            return self._records(value)
        if self.signature.tensors:
            return self._tensors(form, value)
        if not self.signature.columns:
            return Data(other=_as_mlflow(form, value))
        return self._named(form, value)

    def _table(self, columns: dict[str, list[object]]) -> Data:
        if self.signature.columns:
            return from_columns(self.signature, columns)
        if not columns or not next(iter(columns.values())):
            raise Malformed("there are no rows")
        if self.signature.tensors:
            if len(self.signature.tensors) > 1:
                raise Malformed("the model takes tensors, not a table", hint="use inputs")
            return self._tensors("inputs", [list(row) for row in zip(*columns.values(), strict=True)])
        import pandas as pd

        return Data(other=pd.DataFrame(columns))

    def _records(self, rows: list[object]) -> Data:
        if not rows:
            raise Malformed("there are no rows")
        if self.signature.columns:
            return from_columns(self.signature, by_record(self.signature, rows))
        names = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                raise Malformed(f"row {index} must be an object, not {shown(row)}")
            if len(row) != len(names):
                raise Malformed(f"row {index} lacks {next(name for name in names if name not in row)!r}")
        return self._table({name: [row[name] for row in rows] for name in names})  # type: ignore[index]

    def _named(self, form: str, value: object) -> Data:
        """`instances` (objects) or `inputs` (lists by column, one value per column, or objects)."""
        if isinstance(value, list):
            if value and isinstance(value[0], list):
                raise Malformed(f"{form} must name the columns: give objects, not lists", hint="or use dataframe_split")
            return self._records(value)
        if form == "instances" or not isinstance(value, dict):
            raise Malformed(f"{form} must be a list of objects, not {shown(value)}")
        if not any(isinstance(each, list) for each in value.values()):
            return self._records([value])
        lengths = set()
        for name, each in value.items():
            if not isinstance(each, list):
                raise wrong(name, None, f"a list is needed, not {shown(each)}")
            lengths.add(len(each))
        if len(lengths) > 1:
            raise Malformed(f"the columns have different lengths: {sorted(lengths)[0]} to {sorted(lengths)[-1]} rows")
        return self._table(value)

    def _tensors(self, form: str, value: object) -> Data:
        tensors = self.signature.tensors
        if form == "instances" and isinstance(value, list) and value and isinstance(value[0], dict):
            for index, row in enumerate(value):
                if not isinstance(row, dict) or set(row) != set(value[0]):
                    raise Malformed(f"row {index} does not have the names of row 0")
            value = {name: [row[name] for row in value] for name in value[0]}
        if not isinstance(value, dict):
            if len(tensors) > 1:
                raise Malformed(f"the tensors must be named: {', '.join(tensor.name for tensor in tensors)}")
            return self._one(tensors[0], tensor_values(tensors[0], value))
        for tensor in tensors:
            if tensor.name not in value:
                raise wrong(tensor.name, None, "missing")
        for name in value:
            if name not in {tensor.name for tensor in tensors}:
                raise wrong(name, None, "the model has no such input")
        arrays = {tensor.name: tensor_values(tensor, value[tensor.name]) for tensor in tensors}
        return self._one(tensors[0], arrays[tensors[0].name]) if len(tensors) == 1 else Data(other=arrays)

    def _one(self, tensor: Tensor, array: Any) -> Data:
        if array.size == 0:
            raise Malformed("there are no rows")
        return one_tensor(self.signature, array)

    def csv(self, body: bytes) -> Data:
        """The data of a CSV body with a header line. Raises `Malformed`."""
        import csv

        try:
            rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            raise Malformed(f"the body is not CSV: {error}") from None
        rows = [row for row in rows if row]
        if not rows:
            raise Malformed("the body is empty", hint="the first line names the columns")
        names, cells = rows[0], rows[1:]
        types = {column.name: column.type for column in self.signature.columns}
        typed = [
            [_cell(types.get(names[index]) if index < len(names) else None, cell) for index, cell in enumerate(row)]
            for row in cells
        ]
        if not typed:
            raise Malformed("there are no rows")
        if self.signature.opaque:
            import pandas as pd

            return Data(other=pd.DataFrame(by_column(names, typed)))
        return self._table(by_column(names, typed))


def one_tensor(signature: Signature, array: Any) -> Data:
    """The only tensor of a model as `Data`."""
    return Data(matrix=array) if signature.matrix_type is not None else Data(other=array)


def _cell(kind: str | None, text: str) -> object:
    """A CSV cell as its column's type reads it; text that does not fit stays text and is refused later."""
    if kind in ("string", "binary", "datetime"):
        return text if text or kind == "string" else None
    if text.strip() == "":
        return None
    if kind == "boolean":
        return {"true": True, "false": False, "1": True, "0": False}.get(text.strip().lower(), text)
    for read in (int, float):
        try:
            number: float = read(text)
        except (ValueError, OverflowError):
            continue
        return number if number == number and abs(number) != float("inf") else text
    return text


def _split(value: object) -> tuple[list[str], list[object]]:
    if not isinstance(value, dict):
        raise Malformed(f"dataframe_split must be an object with columns and data, not {shown(value)}")
    for name in value:
        if name not in ("columns", "data", "index"):
            raise Malformed(f"dataframe_split has an unknown field {name!r}", fields={name: "unknown"})
    names, rows = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not all(isinstance(name, (str, int)) for name in names):
        raise Malformed("dataframe_split needs columns: a list of names", fields={"columns": "not a list of names"})
    if not isinstance(rows, list):
        raise Malformed("dataframe_split needs data: a list of rows", fields={"data": "not a list of rows"})
    if not rows:
        raise Malformed("there are no rows")
    return [str(name) for name in names], rows


def _as_mlflow(form: str, value: Any) -> Any:
    """Input that the signature does not describe, read as MLflow's own scoring server reads it."""
    import pandas as pd
    from mlflow.exceptions import MlflowException
    from mlflow.utils.proto_json_utils import parse_tf_serving_input

    if form == "dataframe_split":
        names, rows = _split(value)
        return pd.DataFrame(by_column(names, rows))
    if form == "dataframe_records":
        if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
            raise Malformed("dataframe_records must be a list of objects with something in it")
        return pd.DataFrame(value)
    if not isinstance(value, (list, dict)) or not value:
        raise Malformed(f"{form} must be a list or an object with something in it, not {shown(value)}")
    try:
        return parse_tf_serving_input({form: value})
    except (MlflowException, ValueError) as error:
        raise Malformed(f"{form} cannot be read: {getattr(error, 'message', error)}") from None


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    data: msgspec.Raw
    index: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    dataframe_split: _Split | None = None
    dataframe_records: msgspec.Raw = msgspec.Raw()
    inputs: msgspec.Raw = msgspec.Raw()
    instances: msgspec.Raw = msgspec.Raw()


def _quick_decoder(signature: Signature) -> Callable[[bytes], Data | None] | None:
    """Decodes a body in the commonest form, or returns None for every other."""
    kind = signature.matrix_type
    if kind is None:
        return None
    import numpy as np

    long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    short = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
    whole = {"long": long, "integer": short, "int64": long, "int32": short}
    if signature.columns:
        width = len(signature.columns)
        row_type: Any = tuple[tuple(whole.get(column.type, float | None) for column in signature.columns)]  # type: ignore[misc]
    else:
        width = signature.tensors[0].shape[1]
        row_type = tuple[(whole.get(signature.tensors[0].dtype, float),) * width]  # type: ignore[misc]
    if width > 2000:
        return None  # a very wide row type costs more than it saves
    bodies = msgspec.json.Decoder(_Body)
    rows = msgspec.json.Decoder(list[row_type])
    names = list(signature.names)
    records = _record_decoder(signature, whole)

    def decode(body: bytes) -> Data | None:
        try:
            outer = bodies.decode(body)
            present = (outer.dataframe_split is not None, *(bool(each) for each in _raws(outer)))
            if sum(present) != 1:
                return None
            if outer.dataframe_split is not None:
                if outer.dataframe_split.columns != names or not names:
                    return None
                values: Any = rows.decode(outer.dataframe_split.data)
            elif names:
                raw = outer.dataframe_records or outer.instances
                if records is None or not raw:
                    return None
                values = [msgspec.structs.astuple(row) for row in records.decode(raw)]
            else:
                values = rows.decode(outer.inputs or outer.instances)
            if not values:
                return None
            return Data(matrix=np.array(values, dtype=kind))
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError, TypeError, ValueError):
            return None

    return decode


def _raws(body: Any) -> tuple[bytes, bytes, bytes]:
    return bytes(body.dataframe_records), bytes(body.inputs), bytes(body.instances)


def _record_decoder(signature: Signature, whole: dict[str, Any]) -> Any:
    try:
        row = msgspec.defstruct(
            "Row",
            [(f"c{index}", whole.get(column.type, float | None)) for index, column in enumerate(signature.columns)],
            rename={f"c{index}": column.name for index, column in enumerate(signature.columns)},
        )
    except ValueError:
        return None  # a name that msgspec cannot look for (quotes, control characters)
    return msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
