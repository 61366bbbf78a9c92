"""A pipeline in a YAML file, or in a mapping of the same form."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ....errors import Invalid
from ....models import PipelineNode, PipelineSpec
from ....yaml12 import load

MAX_BYTES = 1_000_000
HINT = "like {nodes: {prepare: {notebook: prepare.ipynb}, train: {notebook: train.ipynb, needs: [prepare]}}}"
WORDS = {
    "extra_forbidden": "is unknown",
    "missing": "is missing",
    "model_type": "is no mapping",
    "dict_type": "is no mapping",
    "list_type": "is no list",
    "too_short": "is empty",
    "too_long": "is longer than {max_length}",
}


def read_pipeline(path: Path) -> PipelineSpec:
    """The pipeline in a file; relative notebooks start at the file, and its name is the file's unless it says one.

    Raises `Invalid`, in one line with the field or the line of the file, for anything that is none.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise _no_file(path, "does not exist") from None
    except (OSError, ValueError) as error:
        raise _no_file(path, (error.strerror if isinstance(error, OSError) else None) or "is not UTF-8 text") from None
    if len(data) > MAX_BYTES:
        raise _no_file(path, f"is larger than {MAX_BYTES} bytes")
    value = load(text, f"the pipeline file {path}")
    if not isinstance(value, dict):
        raise _no_file(path, "is no mapping")
    return to_spec({"name": path.stem[:200], **value}, path.parent)


def to_spec(value: Mapping[str, Any], folder: Path) -> PipelineSpec:
    """The pipeline that a mapping describes; relative notebooks start at `folder`. Raises `Invalid`."""
    try:
        spec = PipelineSpec.model_validate(dict(value))
    except ValidationError as error:
        raise _refused(error) from None
    nodes = {name: node.model_copy(update={"notebook": _from(folder, node)}) for name, node in spec.nodes.items()}
    return spec.model_copy(update={"nodes": nodes})


def _from(folder: Path, node: PipelineNode) -> str:
    try:
        return str(folder.absolute() / Path(node.notebook).expanduser())
    except RuntimeError:  # ~nobody
        return str(folder.absolute() / node.notebook)


def _refused(error: ValidationError) -> Invalid:
    """The first thing that is wrong in words, all of them in the fields."""
    fields: dict[str, str] = {}
    hint = HINT
    for one in error.errors(include_url=False, include_input=False):
        where = [str(part) for part in one["loc"]]
        what = WORDS.get(one["type"], str(one["msg"])).format(**one.get("ctx", {}))
        if where[-1:] == ["[key]"]:
            where.pop()
            what = "is no name of a node: letters, digits, _ and -, starting with a letter or _, 63 at most"
        elif one["type"] == "extra_forbidden" and not fields:
            known = PipelineNode.model_fields if len(where) == 3 else PipelineSpec.model_fields
            close = difflib.get_close_matches(where[-1], known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        fields[".".join(where)[:300] or "pipeline"] = what
    first = next(iter(fields))
    return Invalid(f"{first} {fields[first]}" if fields[first].startswith("is ") else f"{first}: {fields[first]}",
                   hint=hint, fields=fields)  # fmt: skip


def _no_file(path: Path, why: str) -> Invalid:
    return Invalid(
        f"the pipeline file {path} {why}", hint="give the path of a YAML file with nodes", fields={"file": why}
    )


def with_given(spec: PipelineSpec, name: str | None, parameters: Mapping[str, Any]) -> PipelineSpec:
    """The pipeline with a name and values of parameters that were given beside it. Raises `Invalid`."""
    whole = spec.model_dump(exclude_unset=True) | {"parameters": {**spec.parameters, **parameters}}
    try:
        return PipelineSpec.model_validate(whole | ({} if name is None else {"name": name}))
    except ValidationError as error:
        raise _refused(error) from None
