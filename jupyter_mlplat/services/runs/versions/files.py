"""What the files of a model say of it: MLflow's signature, flavors, requirements, size.

Only `MLmodel`, `requirements.txt` and `python_env.yaml` are read, and none of the model's code.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ....errors import BackendFailed, Invalid, MLPlatError, NotFound
from ....mlflow_base.artifacts import folder_of
from ....models import ModelField
from ..search import mlflow_exception
from ..tracking import Tracking, translated

MANIFEST = "MLmodel"
REQUIREMENTS = "requirements.txt"
PYTHON = "python_env.yaml"
MOST_BYTES = 4_000_000
MOST_DEEP = 50
MOST_FILES = 10_000
MOST_REQUIREMENTS = 2000
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class ModelFiles:
    """What they say."""

    inputs: list[ModelField] | None
    outputs: list[ModelField] | None
    flavors: list[str]
    size: int | None
    """Bytes."""
    requirements: list[str]
    python: str | None


UNKNOWN = ModelFiles(None, None, [], None, [], None)


def read_files(tracking: Tracking, location: str) -> ModelFiles:
    """Read the files of the model at `location`. Raises `MLPlatError` where they are not there, or not what they say.

    Where they are in a folder of this machine no link in it is followed; elsewhere MLflow's client brings them.
    """
    folder = folder_of(location)
    if folder is not None and folder.is_absolute():
        return _described(folder, _size(folder))
    with _brought(tracking, location) as temporary:
        return _described(temporary, None)


@contextmanager
def _brought(tracking: Tracking, location: str) -> Iterator[Path]:
    """A temporary folder with the files that are read."""
    what = f"the model at {location}"
    with tempfile.TemporaryDirectory(dir=tracking.home.run) as temporary:
        tracking.client()  # as it is set up, other parts of MLflow find their way
        with translated(what):
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            try:
                place = get_artifact_repository(location, tracking_uri=tracking.uri)
                known = {one.path: one.file_size or 0 for one in place.list_artifacts()}
                for name in (MANIFEST, REQUIREMENTS, PYTHON):
                    if known.get(name, MOST_BYTES) < MOST_BYTES:
                        place.download_artifacts(name, temporary)
            except (MLPlatError, mlflow_exception(), ImportError, OSError):
                raise
            except Exception as error:
                raise BackendFailed(f"{what} cannot be read: {error}", hint="see that its place answers") from error
        yield Path(temporary)


def _described(folder: Path, size: int | None) -> ModelFiles:
    manifest = _yaml(folder, MANIFEST)
    if not isinstance(manifest, dict):
        raise Invalid(f"{MANIFEST} of the model at {folder} is not one")
    flavors = _mapping(manifest.get("flavors"))
    signature = _mapping(manifest.get("signature"))
    told = manifest.get("model_size_bytes")
    return ModelFiles(
        inputs=_fields(signature.get("inputs")),
        outputs=_fields(signature.get("outputs")),
        flavors=[name for name in flavors if isinstance(name, str)],
        size=told if isinstance(told, int) and told >= 0 else size,
        requirements=_requirements(folder),
        python=_python(folder, flavors),
    )


def _requirements(folder: Path) -> list[str]:
    try:
        lines = _read(folder, REQUIREMENTS).decode("utf-8", "replace").splitlines()
    except MLPlatError:
        return []
    found = (line.strip() for line in lines)
    return [line for line in found if line and not line.startswith("#")][:MOST_REQUIREMENTS]


def _python(folder: Path, flavors: Mapping[str, Any]) -> str | None:
    told = _mapping(flavors.get("python_function")).get("python_version")
    if told is None:
        try:
            told = _mapping(_yaml(folder, PYTHON)).get("python")
        except MLPlatError:
            return None
    return str(told)[:100] if isinstance(told, str | int | float) else None


# --- signatures -------------------------------------------------------------------------------------


def _fields(text: Any) -> list[ModelField] | None:
    """The columns or tensors of a signature's JSON (`Schema.to_json` of MLflow); None where there is none."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    return [_field(one) for one in found if isinstance(one, dict)]


def _field(one: Mapping[str, Any]) -> ModelField:
    tensor = _mapping(one.get("tensor-spec"))
    shape = tensor.get("shape")
    return ModelField(
        name=str(one.get("name") or ""),
        type=str(tensor.get("dtype", "?")) if tensor else _type(one),
        required=one.get("required") is not False,
        shape=[length for length in shape if isinstance(length, int)] if isinstance(shape, list) else None,
    )


def _type(one: Any, deep: int = 0) -> str:
    """A type as MLflow writes it, nested ones like array(double), map(string), {a: long}."""
    kind = str(_mapping(one).get("type", "?"))
    if deep > 8:
        return kind
    if kind == "array":
        return f"array({_type(one.get('items'), deep + 1)})"
    if kind == "map":
        return f"map({_type(one.get('values'), deep + 1)})"
    if kind == "object":
        inner = _mapping(one.get("properties")).items()
        return f"{{{', '.join(f'{name}: {_type(part, deep + 1)}' for name, part in inner)}}}"
    return kind


def named(fields: Sequence[ModelField] | None) -> dict[str, str]:
    """Name, else number, of each -> its type, as it is compared."""
    return {
        one.name or f"#{number}": f"{one.type}{one.shape or ''}{'' if one.required else ' (optional)'}"
        for number, one in enumerate(fields or [])
    }


_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*(.*)")


def packages(files: ModelFiles) -> dict[str, str]:
    """Package -> which version is required, with `python`."""
    found = {"python": files.python} if files.python else {}
    for line in files.requirements:
        match = _PACKAGE.fullmatch(line)
        name, wanted = (re.sub(r"[-_.]+", "-", match[1]).lower(), match[3]) if match else (line, "")
        found[name] = wanted.removeprefix("==") or "any"
    return found


# --- reading ----------------------------------------------------------------------------------------


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _yaml(folder: Path, name: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = _read(folder, name)
    try:
        depth = 0
        for event in yaml.parse(content, Loader=loader):  # first, for what is nested too deeply ends the process
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEEP:
                raise ValueError("nested too deeply")
        return yaml.load(content, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"{name} of the model at {folder} cannot be read") from error


def _read(folder: Path, name: str) -> bytes:
    """A file of a folder, unless it is a link, or larger than such files are."""
    try:
        with open(os.open(folder / name, _OPEN), "rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_ISREG(found.st_mode) and found.st_size <= MOST_BYTES:
                return file.read(MOST_BYTES)
    except (OSError, ValueError):
        pass
    raise NotFound(f"there is no {name} at {folder} that can be read")


def _size(folder: Path) -> int | None:
    """Bytes of the files in a folder; None where it has too many of them to look at."""
    paths = list(islice(((top, name) for top, _, names in os.walk(folder) for name in names), MOST_FILES + 1))
    if len(paths) > MOST_FILES:
        return None
    total = 0
    for top, name in paths:
        try:
            total += os.lstat(os.path.join(top, name)).st_size
        except OSError:
            continue
    return total
