"""What a notebook's own code says about where its runs go, read from the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Final

UNKNOWN_EXPERIMENT: Final = "\x00unknown"
"""Returned by `experiment_of` where the notebook sets an experiment that only running it can tell."""


def experiment_of(notebook: Mapping[str, Any]) -> str | None:
    """The experiment that a notebook sets with `mlflow.set_experiment("…")`, or None where it sets none.

    `notebook` is the notebook's JSON (nbformat 4). `UNKNOWN_EXPERIMENT` is returned where the name is not a
    literal, comes by id, or differs from cell to cell: MLflow refuses to resume a run of another experiment, so
    such a notebook starts its runs itself.
    """
    names: set[str] = set()
    for source in _code(notebook):
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        names.update(_experiment(node) for node in ast.walk(tree) if isinstance(node, ast.Call) and _sets(node.func))
    if not names:
        return None
    return names.pop() if len(names) == 1 else UNKNOWN_EXPERIMENT


def _sets(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr == "set_experiment"
    return isinstance(function, ast.Name) and function.id == "set_experiment"


def _experiment(call: ast.Call) -> str:
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "experiment_name")]
    others = len(call.args) > 1 or any(word.arg in (None, "experiment_id") for word in call.keywords)
    if len(given) != 1 or others:
        return UNKNOWN_EXPERIMENT
    value = given[0]
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else UNKNOWN_EXPERIMENT


def _code(notebook: Mapping[str, Any]) -> Iterator[str]:
    """The code cells as Python: magics are left out, a cell of another language is skipped."""
    for cell in notebook.get("cells", []):
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        if text.lstrip().startswith("%%"):
            continue
        yield "\n".join(
            line[: len(line) - len(line.lstrip())] + "pass" if line.lstrip().startswith(("%", "!", "?")) else line
            for line in text.split("\n")
        )
