"""The languages of notebooks that run as jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PYTHON = "python"
SUPPORTED = (PYTHON, "r", "julia", "scala")
"""Those into whose code papermill writes values of which a test has shown that none runs as code."""


def language_of(notebook: Mapping[str, Any]) -> str:
    """The language of a notebook's kernel, in lower case; Python where it names none."""
    metadata = notebook.get("metadata", {})
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        found = metadata.get(part)
        if isinstance(found, dict) and isinstance(found.get(key), str) and found[key]:
            return canonical(found[key])
    return PYTHON


def canonical(language: str) -> str:
    """One word for the names under which kernels give a language."""
    name = language.strip().lower()
    return PYTHON if name in ("python", "python3", "ipython") else name
