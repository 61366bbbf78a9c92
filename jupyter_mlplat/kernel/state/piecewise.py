"""Loads saved variables where some of them cannot be had any more: their module is gone, or the device."""

from __future__ import annotations

import hashlib
import os
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from .pickles import Unpickler, dumping


def load(file: Any, namespace: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """States and values from a file at its beginning, and why other values could not be loaded, by name.

    Raises whatever a pickle may raise where nothing can be.
    """
    try:
        states, values = Unpickler(file, namespace).load()
        return states, values, {}
    except Exception:  # noqa: BLE001 - one of the values; which one is found out
        file.seek(0)
        states, values = _Patient(file, namespace).load()
    lost: dict[str, str] = {}
    dump = dumping(namespace, _refuse_stand_ins)
    with open(os.devnull, "wb") as nowhere:
        for name, value in values.items():
            try:
                dump(value, nowhere)
            except _Lost as error:
                lost[name] = str(error)
            except Exception:  # noqa: BLE001, S110 - it was loaded
                pass
    if not lost:
        raise RuntimeError("it cannot be found out which of them is the cause")
    return states, {name: value for name, value in values.items() if name not in lost}, lost


def same(one: object, other: object, namespace: dict[str, Any]) -> bool:
    """True where two values are pickled alike, as are equal ones mostly; False where that is not known."""
    if one is other:
        return True
    dump, found = dumping(namespace), []
    for value in (one, other):
        sink = _Digest()
        try:
            dump(value, sink)
        except Exception:  # noqa: BLE001 - whatever a value raises
            return False
        found.append(sink.found.digest())
    return found[0] == found[1]


class _Digest:
    def __init__(self) -> None:
        self.found = hashlib.sha256()

    def write(self, data: Any) -> None:
        from pickle import PickleBuffer

        self.found.update(PickleBuffer(data).raw())


class _Lost(Exception):
    """A value has a stand-in in it; says for what."""


class _StandIn:
    """Takes whatever the pickle of the real thing does with it."""

    why = ""

    def __new__(cls, *args: object, **kwargs: object) -> _StandIn:
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __call__(self, *args: object, **kwargs: object) -> _StandIn:
        return self

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        pass

    def extend(self, values: object) -> None:
        pass


def _stand_in(error: Exception) -> type[_StandIn]:
    return type("Missing", (_StandIn,), {"why": f"{type(error).__name__}: {error}"[:200]})


def _refuse_stand_ins(value: object) -> None:
    kind = value if isinstance(value, type) else type(value)
    if issubclass(kind, _StandIn):
        raise _Lost(kind.why)


class _Patient(Unpickler):
    """Puts a stand-in where a class is not found or a function that rebuilds a value fails."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            found = super().find_class(module, name)
        except Exception as error:  # noqa: BLE001 - an import may raise anything
            return _stand_in(error)
        # Those who rebuild values are private; others may be values themselves.
        rebuilds = isinstance(found, (types.FunctionType, types.BuiltinFunctionType)) and name.startswith("_")
        return partial(_rebuilt, found) if rebuilds else found


def _rebuilt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    for one in args:
        kind = one if isinstance(one, type) else type(one)
        if issubclass(kind, _StandIn):
            return kind if isinstance(one, type) else one
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - of a library
        return _stand_in(error)()
