"""What a call was given becomes a model that a service takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def to_model(cls: type[Any], /, **fields: Any) -> Any:
    """A model from keyword arguments. Raises `Invalid` with the fields that are wrong."""
    from ..commands.values import build

    return build(cls, **fields)


def job_fields(
    notebook: str | os.PathLike[str], parameters: Mapping[str, Any] | None, name: str | None
) -> dict[str, Any]:
    """What every noun that runs a notebook is told first."""
    return {
        "notebook": str(Path(notebook).expanduser().absolute()),
        "name": name,
        "parameters": dict(parameters or {}),
    }
