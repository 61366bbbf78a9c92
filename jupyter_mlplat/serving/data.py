"""What a request asks a model to predict on, whatever protocol it came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import Malformed
from .schema import Signature, column_values, shown, wrong

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Data:
    """The rows of one request.

    `matrix` is all of them as one array of numbers, where the signature allows that; `columns` are the
    same as named arrays; `other` is what MLflow is given as it is (tensors, or input without signature).
    """

    matrix: np.ndarray[Any, Any] | None = None
    columns: dict[str, Any] | None = None
    other: Any = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def for_mlflow(self, signature: Signature) -> Any:
        """What `pyfunc.predict` takes: a data frame, an array or a dict of arrays."""
        if self.columns is None and self.matrix is not None and signature.columns:
            import numpy as np

            from .schema import NUMPY_TYPES

            self.columns = {
                column.name: self.matrix[:, index].astype(np.dtype(NUMPY_TYPES[column.type]))
                for index, column in enumerate(signature.columns)
            }
        if self.columns is not None:
            import pandas as pd

            return pd.DataFrame(self.columns)
        return self.matrix if self.matrix is not None else self.other


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, strictly: NaN, Infinity, broken UTF-8 and anything after it are errors."""
    if not body.strip():
        raise Malformed("the body is empty", hint="see GET /docs for an example")
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Malformed(f"the body must be a JSON object, not {shown(value)}")
    return value


def from_columns(signature: Signature, given: Mapping[str, Sequence[object]]) -> Data:
    """Named lists of equal length as `Data`; columns that the signature does not know are left out.

    Raises `Malformed` for a missing column and for a value of the wrong type.
    """
    missing = [column.name for column in signature.columns if column.required and column.name not in given]
    if missing:
        others = f" (and {len(missing) - 3} more)" if len(missing) > 3 else ""
        raise Malformed(
            f"missing columns: {', '.join(map(repr, missing[:3]))}{others}",
            hint=f"the model takes {_some(signature.names)}",
            fields=dict.fromkeys(missing, "missing"),
        )
    lengths = {len(values) for values in given.values()}
    if lengths == {0} or not lengths:
        raise Malformed("there are no rows")
    present = [column for column in signature.columns if column.name in given]
    columns = {column.name: column_values(column, given[column.name]) for column in present}
    kind = signature.matrix_type
    if kind is None:
        return Data(columns=columns)
    import numpy as np

    return Data(matrix=np.column_stack([values.astype(kind) for values in columns.values()]), columns=columns)


def by_column(names: Sequence[str], rows: Sequence[object]) -> dict[str, list[object]]:
    """Rows of equal length as named lists. Raises `Malformed` for a row of another length."""
    if len(set(names)) != len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise Malformed(f"column {twice!r} is named twice", fields={twice: "named twice"})
    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise Malformed(f"row {index} must be a list, not {shown(row)}")
        if len(row) != len(names):
            raise Malformed(f"row {index} has {len(row)} values, there are {len(names)} columns")
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}  # type: ignore[index]


def by_record(signature: Signature, rows: Sequence[object]) -> dict[str, list[object]]:
    """Rows that are objects as named lists. Raises `Malformed` where a row lacks a column that the model needs."""
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Malformed(f"row {index} must be an object, not {shown(row)}")
    made: dict[str, list[object]] = {}
    for column in signature.columns:
        name = column.name
        if not column.required and not any(name in row for row in rows):  # type: ignore[operator]
            continue
        for index, row in enumerate(rows):
            if column.required and name not in row:  # type: ignore[operator]
                raise wrong(name, index, "missing")
        made[name] = [row.get(name) for row in rows]  # type: ignore[attr-defined]
    return made


def read_parameters(signature: Signature, given: object) -> dict[str, Any]:
    """The `params` of a request. Raises `Malformed` for one that the model does not take."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Malformed(f"params must be an object, not {shown(given)}", fields={"params": "not an object"})
    for name in given:
        if name not in signature.parameters:
            takes = f"it takes {_some(tuple(signature.parameters))}" if signature.parameters else "it takes none"
            raise Malformed(f"the model has no parameter {name!r}", hint=takes, fields={f"params.{name}": "unknown"})
    return given


def _some(names: Sequence[str]) -> str:
    shown_names = ", ".join(names[:8])
    return f"{shown_names} and {len(names) - 8} more" if len(names) > 8 else shown_names
