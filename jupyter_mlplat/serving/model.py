"""The loaded model: its signature, how it predicts, and what its answers look like."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

from ..errors import Malformed, MLPlatError, TooLarge
from ..loading import quick_imports
from . import inference
from .data import Data
from .invocations import Reader
from .native import Native, find_native
from .schema import Signature, read_signature

log = logging.getLogger("jupyter_mlplat.serving")

EXAMPLE_ROWS = 3
EXAMPLE_BYTES = 64 * 1024


class ServedModel:
    """One MLflow model. Methods may be called from several threads."""

    def __init__(self, pyfunc: Any, folder: Path | None = None) -> None:
        self.pyfunc = pyfunc
        self.signature: Signature = read_signature(pyfunc.metadata)
        self.reader = Reader(self.signature)
        self.flavors = sorted(pyfunc.metadata.flavors or {})
        given = self._given_example(folder)
        self.native: Native | None = None
        rows = []
        if given is not None:
            try:
                rows = [self.reader.json(json.dumps(given, allow_nan=False).encode())]
            except (MLPlatError, ValueError) as error:
                log.warning("the model's own input example cannot be used: %s", error)
                given = None
        self.native = find_native(pyfunc, self.signature, rows)
        if self.native is None:
            self.reader = Reader(self.signature, quick=False)
        self.example: dict[str, Any] | None = given if given is not None else self._made_example()

    @classmethod
    def load(cls, source: str) -> ServedModel:
        """Load the model in `source`, a folder or a URI that MLflow knows. Runs its author's code."""
        with quick_imports():
            import mlflow.pyfunc

            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            folder = Path(source.removeprefix("file://"))
            loaded = mlflow.pyfunc.load_model(source)
        return cls(loaded, folder if folder.is_dir() else None)

    def predict(self, data: Data) -> Any:
        """The model's answer, as it gives it. Raises `Malformed` where the data is what it cannot use."""
        if self.native is not None and data.matrix is not None and not data.parameters:
            return self.native.predict(data.matrix)
        return self._pyfunc_predict(data)

    def _pyfunc_predict(self, data: Data) -> Any:
        from mlflow.exceptions import MlflowException

        given = data.for_mlflow(self.signature)
        try:
            return self.pyfunc.predict(given, params=data.parameters) if data.parameters else self.pyfunc.predict(given)
        except MlflowException as error:
            raise Malformed(f"the model refused the input: {_first_line(error.message)}") from error

    def metadata(self, name: str, version: str) -> dict[str, Any]:
        """What `GET /v2/models/{name}` answers."""
        signature = self.signature
        return {
            "name": name,
            "versions": [version],
            "platform": "mlflow_" + next((each for each in self.flavors if each != "python_function"), "pyfunc"),
            "inputs": inference.describe(signature.columns, signature.tensors),
            "outputs": inference.describe(signature.output_columns, signature.output_tensors),
            "parameters": {"example": self.example, "params": signature.parameters},
        }

    def _given_example(self, folder: Path | None) -> dict[str, Any] | None:
        """The first rows of the example that was logged with the model, as a body of `/invocations`."""
        if folder is None:
            return None
        try:
            text = self.pyfunc.metadata.get_serving_input(str(folder))
        except (OSError, ValueError, AttributeError) as error:
            log.warning("the model's input example cannot be read: %s", error)
            return None
        if not text:
            return None
        try:
            example = json.loads(text, parse_constant=_no_constant)
        except ValueError:
            return None
        if not isinstance(example, dict):
            return None
        split = example.get("dataframe_split")
        if isinstance(split, dict) and isinstance(split.get("data"), list):
            example = {
                **example,
                "dataframe_split": {"columns": split.get("columns"), "data": split["data"][:EXAMPLE_ROWS]},
            }
        for form in ("dataframe_records", "instances", "inputs"):
            if isinstance(example.get(form), list):
                example[form] = example[form][:EXAMPLE_ROWS]
        return example if len(json.dumps(example)) <= EXAMPLE_BYTES else None

    def _made_example(self) -> dict[str, Any] | None:
        """One row made from the signature: right in form, without a meaning."""
        values: dict[str, Any] = {
            "boolean": False,
            "string": "",
            "binary": "",
            "datetime": "2026-01-01T00:00:00",
            "integer": 0,
            "long": 0,
        }
        if self.signature.columns:
            if any(column.type == "any" for column in self.signature.columns):
                return None
            row = [values.get(column.type, 0.0) for column in self.signature.columns]
            return {"dataframe_split": {"columns": list(self.signature.names), "data": [row]}}
        if not self.signature.tensors:
            return None
        import numpy as np

        made = {}
        for tensor in self.signature.tensors:
            shape = [1 if side == -1 else side for side in tensor.shape]
            if np.prod(shape) > 10_000:
                return None
            dtype = np.dtype(tensor.dtype)
            made[tensor.name] = (np.full(shape, "") if dtype.kind in "USO" else np.zeros(shape, dtype)).tolist()
        return {"inputs": next(iter(made.values())) if len(made) == 1 else made}


def explain(error: BaseException) -> MLPlatError | None:
    """An exception of the model's own code as the caller's mistake, or None where it is the model's."""
    if isinstance(error, MLPlatError):
        return error
    if isinstance(error, MemoryError):
        return TooLarge("the request needs more memory than there is")
    if isinstance(error, (ValueError, TypeError)):
        return Malformed(f"the model refused the input: {_first_line(str(error))}")
    return None


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no message")
    return line if len(line) <= 500 else line[:499] + "…"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
