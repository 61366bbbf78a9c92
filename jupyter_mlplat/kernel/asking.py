"""How a kernel is asked to save or to restore: by one expression that leaves no name in the notebook."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("state")
PACKAGE = "_mlplat_kernel_state"
_LOAD = f"""
import sys
from importlib.util import module_from_spec, spec_from_file_location
package = sys.modules.get({PACKAGE!r})
if package is None:
    spec = spec_from_file_location(
        {PACKAGE!r}, {str(FOLDER / "__init__.py")!r}, submodule_search_locations=[{str(FOLDER)!r}]
    )
    package = sys.modules[{PACKAGE!r}] = module_from_spec(spec)
    spec.loader.exec_module(package)
"""


def request(function: str, *arguments: object) -> dict[str, Any]:
    """What `execute` of a client is given, beside the empty code, to call a function of `state` in its kernel."""
    call = f"scope['package'].{function}({', '.join(['globals()', *map(repr, arguments)])})"
    said = f"(lambda scope: (exec({_LOAD!r}, scope), {call})[1])({{}})"
    return {"silent": True, "store_history": False, "user_expressions": {"said": said}}


def answer(reply: Mapping[str, Any]) -> str:
    """What the function returned. Raises `RuntimeError` with what it raised."""
    said = reply["content"].get("user_expressions", {}).get("said", {"status": "error"})
    if said["status"] != "ok":
        raise RuntimeError(f"{said.get('ename', 'Error')}: {said.get('evalue', 'the kernel did not answer')}")
    return str(ast.literal_eval(said["data"]["text/plain"]))
