"""Changes MLflow while it is being imported: before `import mlflow` returns, since code may take a function at once.

Standard library alone: MLflow loads what uses this inside of other people's processes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def once(module: str, attribute: str, then: Callable[[], None]) -> None:
    """Call `then` as soon as a module has an attribute, at the next import of whatever module; now where it has."""
    if hasattr(sys.modules.get(module), attribute):
        then()
    else:
        sys.meta_path.insert(0, _Watch(module, attribute, then))


class _Watch:
    """Asked for every module that is imported next, it knows none, and is gone once it has done its work."""

    def __init__(self, module: str, attribute: str, then: Callable[[], None]) -> None:
        self._module = module
        self._attribute = attribute
        self._then = then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if hasattr(sys.modules.get(self._module), self._attribute) and self in sys.meta_path:
            sys.meta_path.remove(self)
            self._then()
