"""A model's pip requirements, inferred once for an environment and a set of classes instead of once for each model.

MLflow loads every model that is logged in a process of its own to see what it imports, which takes 4 to 8 seconds. What
comes of it depends on the environment, the flavor and the classes that the model's files name; where these are known
and belong to installed packages, what was found before is taken. Whatever is not plain goes to MLflow.
"""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

FILE = "requirements.json"
"""In the data directory: a cache."""
KEPT = 200
MAX_BYTES = 256 << 20
"""A model with larger files is not looked through."""

SITES = ("site-packages", "dist-packages")


def install() -> None:
    """Called while MLflow is imported."""
    mlflow: Any = sys.modules["mlflow.models"]
    own = mlflow.infer_pip_requirements
    if not hasattr(own, "mlplat"):
        mlflow.infer_pip_requirements = _remembering(own)


def _remembering(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def infer_pip_requirements(
        model_uri: Any, flavor: Any, fallback: Any = None, timeout: Any = None, *rest: Any, **options: Any
    ) -> Any:
        key = None if rest or options else key_of(model_uri, flavor)
        file = Path(os.environ["MLPLAT_HOME"]) / FILE if os.environ.get("MLPLAT_HOME") else None
        if key is None or file is None:
            return own(model_uri, flavor, fallback, timeout, *rest, **options)
        known = _read(file)
        found = known.get(key)
        if found is None:
            # Without a fallback it raises where it fails: a failure is not to be remembered.
            try:
                found = own(model_uri, flavor, None, timeout)
            except Exception:
                if fallback is None:
                    raise
                return own(model_uri, flavor, fallback, timeout)
            _write(file, key, found)
        return list(found)

    infer_pip_requirements.mlplat = True  # type: ignore[attr-defined]
    return infer_pip_requirements


# --- what the answer depends on -------------------------------------------------------------------------


def key_of(model_uri: Any, flavor: Any) -> str | None:
    """A digest of all that the answer depends on; None where that cannot be told."""
    path = Path(str(model_uri))
    if not path.exists() or Path("uv.lock").exists():
        return None
    try:
        files = list(_files(path))
        classes = {name for file in files for name in _classes(file)}
    except Exception:  # noqa: BLE001 - a file that is written otherwise
        return None
    if not all(_installed(name.partition(".")[0]) for name in classes):
        return None
    here = [sys.executable, sys.version, *_environment()]
    variables = sorted(f"{key}={value}" for key, value in os.environ.items() if key.startswith("MLFLOW_REQUIREMENTS_"))
    names = sorted(str(file.relative_to(path)) for file in files)
    told = json.dumps([here, variables, str(flavor), names, sorted(classes)])
    return sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


def _environment() -> Iterator[str]:
    """Changes when a package is installed, removed or gets another version: the folder of its metadata has its name."""
    for path in sys.path:
        if os.path.basename(path) in SITES:
            with suppress(OSError):
                yield f"{path} {os.stat(path).st_mtime_ns}"


def _installed(module: str) -> bool:
    """True for a module that changes with the environment only."""
    if module in sys.stdlib_module_names:
        return module != "__main__"
    origin = getattr(sys.modules.get(module), "__file__", None)
    return origin is not None and any(f"{os.sep}{site}{os.sep}" in origin for site in SITES)


def _files(path: Path) -> Iterator[Path]:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    if sum(file.stat().st_size for file in files) > MAX_BYTES:
        raise ValueError("too large to be looked through")
    if any("code" in file.relative_to(path).parts[:1] for file in files if file != path):
        raise ValueError("brings code of its own")
    yield from files


def _classes(file: Path) -> set[str]:
    """Full names of the classes and functions that a file of a model names. Raises where it cannot be told."""
    if zipfile.is_zipfile(file):
        found: set[str] = set()
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith("schema.json"):  # skops
                    found |= _named_in(json.loads(archive.read(name)))
                elif name.endswith(".pkl"):  # torch
                    found |= _pickled(io.BytesIO(archive.read(name)))
        return found
    with open(file, "rb") as content:
        if content.read(1) == b"\x80":
            content.seek(0)
            return _pickled(content)
    if file.suffix in (".py", ".pt", ".pth"):
        raise ValueError("code, or of a form of its own")
    return set()


def _named_in(schema: Any) -> set[str]:
    """Of a skops file: every `__module__` and `__class__` in it."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("__module__"), str):
                found.add(f"{each['__module__']}.{each.get('__class__')}")
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return found


def _pickled(content: Any) -> set[str]:
    """Of a pickle: what it would load. Nothing of it is loaded: every class is a stand-in."""
    found: set[str] = set()

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if module.partition(".")[0] in ("cloudpickle", "dill", "__main__"):
                raise ValueError("brings code of its own")
            found.add(f"{module}.{name}")
            return _StandIn

        def persistent_load(self, pid: Any) -> Any:
            return _StandIn()

    Reader(content).load()
    return found


class _StandIn:
    """Takes whatever a pickle does to an object, and keeps nothing of it."""

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _StandIn()

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass

    def add(self, value: Any) -> None:
        pass


# --- what was found -------------------------------------------------------------------------------------


def _read(file: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, key: str, found: list[str]) -> None:
    """The newest stay. Two that write at once lose one answer, which is asked for again."""
    known = {**_read(file), key: list(found)}
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):
        fresh.write_text(json.dumps(dict(list(known.items())[-KEPT:])), encoding="utf-8")
        os.replace(fresh, file)
