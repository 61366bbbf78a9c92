"""What a notebook imports, read from its cells without running them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_CODE_FOLLOWS = re.compile(r"\s*%%(time|timeit|capture|mlplat)\b")
_IMPORT = re.compile(r"\s*(from\s+[\w.]+\s+import\b.*|import\s+[\w., ]+)$")


def learn_imports(notebook: Mapping[str, Any], folder: Path | None = None) -> list[str]:
    """Modules that the code cells of a notebook (nbformat 4) import, as written (`matplotlib.pyplot`), in order.

    Without the standard library, relative imports, and modules that lie beside the notebook in `folder`.
    """
    found: dict[str, None] = {}
    for cell in notebook.get("cells", []):
        if cell.get("cell_type") == "code":
            source = cell.get("source", "")
            text = source if isinstance(source, str) else "".join(source)
            found.update(dict.fromkeys(_imports(text)))
    return [name for name in found if not _local(name.partition(".")[0], folder)]


def _imports(source: str) -> Iterator[str]:
    for node in ast.walk(_parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _parse(source: str) -> ast.Module:
    """The code without IPython's magics; of a cell that is no Python even so, its import lines."""
    lines = source.splitlines()
    if lines and lines[0].lstrip().startswith("%%"):
        lines = lines[1:] if _CODE_FOLLOWS.match(lines[0]) else []
    lines = [line if not line.lstrip().startswith(("%", "!", "?")) else _pass(line) for line in lines]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        body: list[ast.stmt] = []
        for line in filter(_IMPORT.match, lines):
            try:
                body += ast.parse(line.strip()).body
            except (SyntaxError, ValueError):
                continue
        return ast.Module(body=body, type_ignores=[])


def _pass(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"


def _local(name: str, folder: Path | None) -> bool:
    if name in sys.stdlib_module_names:
        return True
    return folder is not None and ((folder / f"{name}.py").exists() or (folder / name).is_dir())
