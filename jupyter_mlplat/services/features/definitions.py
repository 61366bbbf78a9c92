"""Feature views as users write them: Python objects in a file, or a list in YAML or JSON."""

from __future__ import annotations

import json
import sys
import traceback
import types
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError, field_validator

from ...errors import Invalid
from ...models import FeatureViewSpec

_FIELD = "file"


class FeatureView(FeatureViewSpec):
    """A table whose rows say what was known about an entity, and from when.

    ```python
    customers = FeatureView(
        name="customers", source="customers.parquet", entities=["customer_id"], timestamp="known_at"
    )
    ```
    `source` is a parquet or CSV file; a relative path starts at the file that defines the view.
    """

    @field_validator("source", mode="before")
    @classmethod
    def _path(cls, value: object) -> object:
        return str(value) if isinstance(value, Path) else value

    @field_validator("entities", "features", mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


def load_definitions(path: Path) -> list[FeatureViewSpec]:
    """Read the feature views that a file defines, in its order; relative sources start at its folder.

    A `.py` file is run in this process, with its folder importable, and its module-level `FeatureView`
    objects are taken. A `.yaml`, `.yml` or `.json` file holds a list of mappings with the same fields.
    Raises `Invalid`, with the line, where the file cannot be read or a view is wrong.
    """
    suffix = path.suffix.lower()
    if suffix not in (".py", ".yaml", ".yml", ".json"):
        raise _invalid(f"{path} is no definition of feature views", "give a .py, .yaml or .json file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror}", "give a .py, .yaml or .json file") from error
    except UnicodeDecodeError as error:
        raise _invalid(f"{path} is not text in UTF-8", "give a .py, .yaml or .json file") from error
    specs = _run(path, text) if suffix == ".py" else _parse(path, text)
    folder = path.absolute().parent
    return [
        FeatureViewSpec.model_validate({**spec.model_dump(), "source": str(folder / spec.source)}) for spec in specs
    ]


def _run(path: Path, text: str) -> list[FeatureViewSpec]:
    where = str(path.absolute())
    module = types.ModuleType("mlplat_features")
    module.__file__ = where
    folder = str(path.absolute().parent)
    sys.path.insert(0, folder)
    sys.modules[module.__name__] = module  # dataclasses in the file look for it there
    try:
        exec(compile(text, where, "exec"), module.__dict__)
    except SyntaxError as error:
        raise _invalid(f"{path} line {error.lineno}: {error.msg}", "mend the line") from error
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == where]
        place = f"{path} line {lines[-1]}" if lines else f"{path}"
        what = _explain(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
        raise _invalid(f"{place}: {what}", "mend the line; it runs like any Python file") from error
    finally:
        sys.modules.pop(module.__name__, None)
        if folder in sys.path:
            sys.path.remove(folder)
    found = {id(value): value for value in vars(module).values() if isinstance(value, FeatureViewSpec)}
    return list(found.values())


def _parse(path: Path, text: str) -> list[FeatureViewSpec]:
    import yaml  # type: ignore[import-untyped]

    try:
        read = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except json.JSONDecodeError as error:
        raise _invalid(f"{path} line {error.lineno}: {error.msg}", "mend the line") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path} line {mark.line + 1}" if mark else f"{path}"
        raise _invalid(f"{place}: {getattr(error, 'problem', None) or 'not YAML'}", "mend the line") from error
    except RecursionError as error:
        raise _invalid(f"{path} is nested too deeply", "give a list of mappings") from error
    if not isinstance(read, list):
        raise _invalid(f"{path} line 1: not a list", "give a list of mappings with name, source, entities, timestamp")
    lines = _lines(text)
    specs: list[FeatureViewSpec] = []
    for index, item in enumerate(read):
        place = f"{path} line {lines[index]}" if index < len(lines) else f"{path} item {index + 1}"
        if not isinstance(item, Mapping):
            raise _invalid(f"{place}: not a mapping", "each view has name, source, entities and timestamp")
        try:
            specs.append(FeatureView.model_validate(dict(item)))
        except ValidationError as error:
            raise _invalid(f"{place}: {_explain(error)}", "mend the view there") from error
    return specs


def _lines(text: str) -> list[int]:
    """The line of each item of the list in `text`, from 1; empty where YAML cannot tell (JSON with tabs)."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return []
    return [item.start_mark.line + 1 for item in node.value] if isinstance(node, yaml.SequenceNode) else []


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _invalid(message: str, hint: str) -> Invalid:
    return Invalid(message, hint=hint, fields={_FIELD: message})
