"""Which variables are saved: all that can be, or all that are needed."""

from __future__ import annotations

import json
import os
import re
import sys
import types
from typing import Any

from .pickles import VALUES, python_version
from .writing import write

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
    left, written = write(path, namespace, values)
    for name, cell in sorted(_with_what_they_use(needed, chosen).items(), key=lambda one: one[1]):
        if name in chosen and name not in modules and (name in left or name not in values):
            why = f"cannot be saved ({left[name]})" if name in left else "is not among the names to save"
            os.unlink(path)
            return json.dumps({"refused": f"{name} {why}, and cell {cell} uses it"})
    named = [name for name in names if name in left]
    if named:
        os.unlink(path)
        return json.dumps({"refused": f"{named[0]} cannot be saved ({left[named[0]]})"})
    return _said(values, left, modules, written)


def keep(
    namespace: dict[str, Any], folder: str, exclude: list[str], secret: list[str], most: int, seconds: float
) -> str:
    """The same for a kernel that is about to end: what can be saved is, the rest is named in `left` with the reason.

    At most `most` bytes in about so many seconds. Nothing that is in `exclude`, or whose name in small letters, with _
    where the first expression of `secret` finds the end of a word, fits the second one. `%mlplat checkpoint` may have
    named what is wanted.
    """
    names = _named()
    chosen = {name: value for name, value in namespace.items() if isinstance(name, str) and _is_users(name)}
    modules = {name: value.__name__ for name, value in chosen.items() if isinstance(value, types.ModuleType)}
    left = {name: "there is no such variable" for name in names if name not in chosen}
    values = {}
    for name, value in chosen.items():
        definition = isinstance(value, (types.FunctionType, type))
        if name in modules or not (not names or name in names or definition):
            continue
        if name in exclude or (not definition and re.search(secret[1], re.sub(secret[0], "_", name).lower())):
            left[name] = "it may be a secret"
        else:
            values[name] = value
    path = os.path.join(folder, VALUES)
    more, written = write(path, namespace, values, most, seconds)
    return _said(values, {**left, **more}, modules, written)


def _said(values: dict[str, Any], left: dict[str, str], modules: dict[str, str], written: tuple[int, str]) -> str:
    return json.dumps(
        {
            "names": sorted(set(values) - set(left)),
            "left": left,
            "modules": modules,
            "bytes": written[0],
            "sha256": written[1],
            "python": python_version(),
            "cwd": os.getcwd(),
            "path": sys.path,
        }
    )


def _is_users(name: str) -> bool:
    try:
        from IPython import get_ipython

        hidden = get_ipython().user_ns_hidden
    except Exception:  # noqa: BLE001 - not IPython, or another one than we know
        hidden = {"In", "Out"}
    return name not in hidden and not _OWN.match(name)


def _named() -> list[str]:
    try:
        from IPython import get_ipython

        return list(get_ipython().mlplat_checkpoint)
    except Exception:  # noqa: BLE001 - nobody has named any
        return []


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
