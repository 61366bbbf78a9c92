"""The folder of an attempt: the files by which a runner and whoever comes after it understand each other."""

from __future__ import annotations

import json
import os
from pathlib import Path

RUNNER_RECORD = "runner.json"
"""Who runs it: pid, start time, boot of the host, and the token that every process of its tree carries."""

EXIT_RECORD = "exit.json"
"""How it ended: the truth, written when no process of its tree is left."""

OUTPUT = "output.ipynb"
LOG = "log.txt"

TOKEN_VARIABLE = "MLPLAT_ATTEMPT_TOKEN"


def write_atomically(path: Path, data: dict[str, object]) -> None:
    """Write JSON so that a reader sees all of it or none of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(data, file, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_record(folder: Path, name: str) -> dict[str, object] | None:
    """A record that a runner left in `folder`, or None where there is none."""
    try:
        record = json.loads((folder / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
