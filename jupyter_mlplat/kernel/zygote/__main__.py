"""Run the folder as a program: as the package `_mlplat_zygote`, so that no module of ours shadows one of the user's."""

import importlib.util
import os
import sys


def load() -> None:
    """Make this folder importable under its name, and take it off the path."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]
    spec = importlib.util.spec_from_file_location(
        "_mlplat_zygote", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        sys.exit(f"{folder} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    load()
    importlib.import_module("_mlplat_zygote.program").main()
