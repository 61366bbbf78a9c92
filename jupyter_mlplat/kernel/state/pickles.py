"""The pickles of a notebook's variables."""

from __future__ import annotations

import hashlib
import importlib
import io
import pickle
import random
import sys
import types
from collections.abc import Callable
from typing import Any

VALUES = "values.pickle"
Dump = Callable[[object, Any], None]


class Unpickler(pickle.Unpickler):
    """The other end of `dumping`. Tensors of a GPU that is not there come back on the CPU."""

    def __init__(self, file: Any, namespace: dict[str, Any]) -> None:
        super().__init__(file)
        self._namespace = namespace

    def persistent_load(self, pid: object) -> Any:
        return self._namespace

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _storage
        return super().find_class(module, name)


def _storage(data: bytes) -> Any:
    torch = importlib.import_module("torch")

    def place(storage: Any, location: str) -> Any:
        kind, _, number = location.partition(":")
        there = torch.cuda.device_count() if kind == "cuda" and torch.cuda.is_available() else 0
        return storage if kind == "cuda" and int(number or 0) >= there else None

    return torch.load(io.BytesIO(data), map_location=place, weights_only=False)


def dumping(namespace: dict[str, Any], look: Callable[[object], None] = lambda value: None) -> Dump:
    """A `dump` for which the notebook's namespace is a place, not a value: functions see what is set later.

    `look` is shown everything that is dumped.
    """
    try:
        from cloudpickle import CloudPickler  # type: ignore[import-untyped]
    except ImportError:
        return lambda value, file: pickle.dump(value, file, pickle.HIGHEST_PROTOCOL)

    class Pickler(CloudPickler):  # type: ignore[misc]
        def __init__(self, file: Any) -> None:
            super().__init__(file)
            self.globals_ref[id(namespace)] = namespace

        def persistent_id(self, value: object) -> str | None:
            look(value)
            if isinstance(value, io.TextIOWrapper):
                # cloudpickle would take what is in the file for the file.
                raise TypeError("cannot pickle an open file")
            return "namespace" if value is namespace else None

        def _dynamic_function_reduce(self, func: types.FunctionType) -> tuple[Any, ...]:
            make, arguments, (state, slots), *rest = super()._dynamic_function_reduce(func)
            if func.__globals__ is namespace:
                slots["__globals__"] = {}  # what it uses is saved by its own name, or is not to be saved
            return (make, arguments, (state, slots), *rest)

    return lambda value, file: Pickler(file).dump(value)


def states_of_chance() -> dict[str, Any]:
    """Of the random generators, by module."""
    states = {"random": random.getstate()}
    if "numpy" in sys.modules:
        states["numpy"] = sys.modules["numpy"].random.get_state()
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state()
    return states


def set_state(name: str, state: Any) -> None:
    """Let a random generator go on from there."""
    if name == "random":
        random.setstate(state)
    elif name == "numpy":
        importlib.import_module("numpy").random.set_state(state)
    elif name == "torch":
        importlib.import_module("torch").set_rng_state(state)


def digest(file: Any) -> str:
    """SHA-256 of what is left of a file."""
    found = hashlib.sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        found.update(block)
    return found.hexdigest()


def python_version() -> str:
    """What a pickle of functions depends on."""
    return ".".join(map(str, sys.version_info[:2]))
