"""Sets variables again that were saved."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from .pickles import VALUES, Unpickler, digest, python_version, set_state


def restore(namespace: dict[str, Any], folder: str, saved: dict[str, Any]) -> str:
    """Set the variables that `save` has written; raises before it has set any where one cannot be had."""
    if saved["python"] != python_version():
        raise RuntimeError(f"it was written by Python {saved['python']}, this is {python_version()}")
    path = os.path.join(folder, VALUES)
    with open(path, "rb") as file:
        if digest(file) != saved["sha256"]:
            raise RuntimeError("its file is damaged")
    sys.path.extend(entry for entry in saved["path"] if entry not in sys.path)
    modules = {name: importlib.import_module(module) for name, module in saved["modules"].items()}
    with open(path, "rb") as file:
        states, values = Unpickler(file, namespace).load()
    os.chdir(saved["cwd"])
    namespace.update(modules)
    namespace.update(values)
    for name, state in states.items():
        set_state(name, state)
    return ""
