"""Notebook files as they come: read, and refused with the reason where they are none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import Invalid, TooLarge

MAX_BYTES = 100_000_000
HINT = "give the path of a Jupyter notebook (.ipynb)"


def read_notebook(path: Path) -> dict[str, Any]:
    """The JSON of a notebook of format 4. Raises `Invalid` for a file that is none, `TooLarge` over 100 MB."""
    if path.is_dir():
        raise _invalid(f"{path} is a directory", "is a directory")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _invalid(f"there is no notebook {path}", "does not exist") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _invalid(f"the notebook {path} cannot be read: {why}", "cannot be read") from error
    if len(data) > MAX_BYTES:
        raise TooLarge(
            f"the notebook {path} is larger than {MAX_BYTES} bytes",
            hint="clear its outputs",
            fields={"notebook": "too large"},
        )
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"{path} is no notebook: it is not JSON", "is not JSON") from error
    return _checked(notebook, path)


def _checked(notebook: Any, path: Path) -> dict[str, Any]:
    if not isinstance(notebook, dict) or not isinstance(notebook.get("nbformat"), int):
        raise _invalid(f"{path} is no notebook", "is no notebook")
    if notebook["nbformat"] != 4:
        raise _invalid(
            f"{path} has notebook format {notebook['nbformat']}, which cannot run",
            "is not of notebook format 4",
            hint="convert it: jupyter nbconvert --to notebook --inplace FILE",
        )
    cells, metadata = notebook.get("cells"), notebook.setdefault("metadata", {})
    if not isinstance(cells, list) or not isinstance(metadata, dict) or not all(map(_is_cell, cells)):
        raise _invalid(f"{path} is no notebook: its cells cannot be read", "has cells that cannot be read")
    return notebook


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    source = cell.get("source")
    lines = isinstance(source, list) and all(isinstance(line, str) for line in source)
    return (isinstance(source, str) or lines) and isinstance(cell.setdefault("metadata", {}), dict)


def _invalid(message: str, field: str, *, hint: str = HINT) -> Invalid:
    return Invalid(message, hint=hint, fields={"notebook": field})


def source_of(cell: dict[str, Any]) -> str:
    """The text of a cell, which the format allows to be a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def code_lines(notebook: Mapping[str, Any]) -> list[str]:
    """The code of a notebook, line by line, for a difference; each cell has its number among the code cells."""
    lines: list[str] = []
    codes = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    for number, cell in enumerate(codes):
        lines.append(f"# cell {number}\n")
        lines += [f"{line}\n" for line in source_of(cell).splitlines()]
    return lines


def tags_of(cell: dict[str, Any]) -> list[str]:
    """The tags of a cell."""
    tags = cell.get("metadata", {}).get("tags", [])
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
