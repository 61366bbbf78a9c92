"""Saves and restores a kernel's variables. Run by its path inside of the user's kernel, whose Python may be another
one than ours: the standard library only, cloudpickle where it is there.

What is saved: the variables (pickled together, so that what they share stays shared; functions with the notebook's
own namespace as their globals), which modules they name, the states of the random generators, the working directory
and `sys.path`. Not: open files and connections, environment variables, what a library keeps for itself.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pickle
import random
import re
import sys
import types
from collections.abc import Callable
from typing import IO, Any

VALUES = "values.pickle"
Dump = Callable[[object, "IO[bytes]"], None]
_OWN = re.compile(r"^(_i?\d+|__.*__)$")


def save(namespace: dict[str, Any], folder: str, names: list[str], needed: dict[str, int], exclude: list[str]) -> str:
    """Write the variables into `folder` and say in JSON what came of it.

    `names` are the ones to save, all if empty; definitions and modules come along in any case. `needed` maps the
    names that later cells use to the first of those cells: where one of them cannot be saved nothing is.
    """
    missing = [name for name in names if name not in namespace]
    if missing:
        return json.dumps({"refused": f"there is no {missing[0]}"})
    chosen = {name: value for name, value in namespace.items() if name not in exclude and _is_users(name)}
    modules = {name: value.__name__ for name, value in chosen.items() if isinstance(value, types.ModuleType)}
    values = {
        name: value
        for name, value in chosen.items()
        if name not in modules and (not names or name in names or isinstance(value, (types.FunctionType, type)))
    }
    path = os.path.join(folder, VALUES)
    left = _write(path, namespace, values)
    for name, cell in sorted(_with_what_they_use(needed, chosen).items(), key=lambda one: one[1]):
        if name in chosen and name not in modules and (name in left or name not in values):
            why = f"cannot be saved ({left[name]})" if name in left else "is not among the names to save"
            os.unlink(path)
            return json.dumps({"refused": f"{name} {why}, and cell {cell} uses it"})
    named = [name for name in names if name in left]
    if named:
        os.unlink(path)
        return json.dumps({"refused": f"{named[0]} cannot be saved ({left[named[0]]})"})
    return json.dumps(
        {
            "names": sorted(set(values) - set(left)),
            "left": left,
            "modules": modules,
            "bytes": os.path.getsize(path),
            "sha256": _digest(path),
            "python": _python(),
            "cwd": os.getcwd(),
            "path": sys.path,
        }
    )


def restore(namespace: dict[str, Any], folder: str, saved: dict[str, Any]) -> str:
    """Set the variables that `save` has written; raises before it has set any where one cannot be had."""
    if saved["python"] != _python():
        raise RuntimeError(f"it was written by Python {saved['python']}, this is {_python()}")
    path = os.path.join(folder, VALUES)
    if _digest(path) != saved["sha256"]:
        raise RuntimeError("its file is damaged")
    sys.path.extend(entry for entry in saved["path"] if entry not in sys.path)
    modules = {name: importlib.import_module(module) for name, module in saved["modules"].items()}
    with open(path, "rb") as file:
        states, values = _Unpickler(file, namespace).load()
    os.chdir(saved["cwd"])
    namespace.update(modules)
    namespace.update(values)
    for name, state in states.items():
        _set_state(name, state)
    return ""


def _is_users(name: str) -> bool:
    try:
        from IPython import get_ipython

        hidden = get_ipython().user_ns_hidden
    except Exception:  # noqa: BLE001 - not IPython, or another one than we know
        hidden = {"In", "Out"}
    return name not in hidden and not _OWN.match(name)


def _with_what_they_use(needed: dict[str, int], chosen: dict[str, Any]) -> dict[str, int]:
    """The names, and those that the functions and classes behind them use, and so on."""
    found = dict(needed)
    left = list(needed)
    while left:
        name = left.pop()
        for used in _global_names(chosen.get(name)):
            if used in chosen and used not in found:
                found[used] = found[name]
                left.append(used)
    return found


def _global_names(value: Any) -> set[str]:
    if isinstance(value, type) and value.__module__ == "__main__":
        return set().union(*(_global_names(part) for part in vars(value).values()))
    value = getattr(value, "__func__", value)
    if not isinstance(value, types.FunctionType) or value.__module__ != "__main__":
        return set()
    names: set[str] = set()
    codes = [value.__code__]
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return names


def _write(path: str, namespace: dict[str, Any], values: dict[str, Any]) -> dict[str, str]:
    """Pickle what can be pickled; returns the others with the reason."""
    dump = _dumping(namespace)
    left: dict[str, str] = {}
    states = _states()
    while True:
        kept = {name: value for name, value in values.items() if name not in left}
        try:
            with open(path, "wb") as file:
                dump((states, kept), file)
                file.flush()
                os.fsync(file.fileno())
            return left
        except OSError:
            raise
        except Exception as error:
            found = {name: why for name, value in kept.items() if (why := _why_not(dump, value))}
            if not found:
                raise RuntimeError(f"{type(error).__name__}: {error}") from error
            left.update(found)


def _why_not(dump: Dump, value: object) -> str | None:
    try:
        with open(os.devnull, "wb") as file:
            dump(value, file)
    except Exception as error:  # noqa: BLE001 - whatever a value raises, it is left out
        return f"{type(error).__name__}: {error}"[:200]
    return None


class _Unpickler(pickle.Unpickler):
    """The other end of `_dumping`."""

    def __init__(self, file: IO[bytes], namespace: dict[str, Any]) -> None:
        super().__init__(file)
        self._namespace = namespace

    def persistent_load(self, pid: object) -> Any:
        return self._namespace


def _dumping(namespace: dict[str, Any]) -> Dump:
    """A `dump` for which the notebook's namespace is a place, not a value: functions see what is set later."""
    try:
        from cloudpickle import CloudPickler  # type: ignore[import-untyped]
    except ImportError:
        return lambda value, file: pickle.dump(value, file, pickle.HIGHEST_PROTOCOL)

    class Pickler(CloudPickler):  # type: ignore[misc]
        def __init__(self, file: IO[bytes]) -> None:
            super().__init__(file)
            self.globals_ref[id(namespace)] = namespace

        def persistent_id(self, value: object) -> str | None:
            return "namespace" if value is namespace else None

        def _dynamic_function_reduce(self, func: types.FunctionType) -> tuple[Any, ...]:
            make, arguments, (state, slots), *rest = super()._dynamic_function_reduce(func)
            if func.__globals__ is namespace:
                slots["__globals__"] = {}  # what it uses is saved by its own name, or is not to be saved
            return (make, arguments, (state, slots), *rest)

    return lambda value, file: Pickler(file).dump(value)


def _states() -> dict[str, Any]:
    states = {"random": random.getstate()}
    if "numpy" in sys.modules:
        states["numpy"] = sys.modules["numpy"].random.get_state()
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state()
    return states


def _set_state(name: str, state: Any) -> None:
    if name == "random":
        random.setstate(state)
    elif name == "numpy":
        importlib.import_module("numpy").random.set_state(state)
    elif name == "torch":
        importlib.import_module("torch").set_rng_state(state)


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _python() -> str:
    return ".".join(map(str, sys.version_info[:2]))
