"""`mlplat.set_result`: what a notebook that runs as a job leaves for others."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from .attempts import RESULTS_VARIABLE, write_atomically
from .errors import Invalid

LARGEST = 64 * 1024
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,249}")


def set_result(name: str, value: Any) -> None:
    """Leave a value under a name: `jobs show` has it in `results`, and later nodes of a pipeline can take it.

    The value is JSON: text, numbers, booleans, None, lists and dicts of these; all of a job's results together have
    at most 64 KiB, so large things are written to a file and their path is left. The last value of a name counts.
    Does nothing where the notebook does not run as a job. Raises `Invalid` for a name or a value that cannot be kept.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Invalid(
            f"{str(name)[:80]!r} is no name of a result", hint="letters, digits, _, . and -, beginning with a letter"
        )
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Invalid(
            f"the result {name} is no JSON: {error}", hint="convert it: float(x), list(x), or leave a file's path"
        ) from None
    file = os.environ.get(RESULTS_VARIABLE)
    if file is None:
        return
    path = Path(file)
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        results = {}
    results[name] = value
    size = len(json.dumps(results).encode())
    if size > LARGEST:
        raise Invalid(
            f"with {name} the results would have {size} bytes, more than {LARGEST}",
            hint="write it to a file and leave the file's path",
        )
    write_atomically(path, results)
