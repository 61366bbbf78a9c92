"""The folder of an attempt: the files by which a runner and whoever comes after it understand each other."""

from __future__ import annotations

import json
import os
from pathlib import Path

RUNNER_RECORD = "runner.json"
"""Who runs it: pid, start time, boot of the host, and the token that every process of its tree carries."""

EXIT_RECORD = "exit.json"
"""How it ended: the truth, written when no process of its tree is left."""

RESULTS = "results.json"
"""What the notebook left with `mlplat.set_result`."""

ENVIRONMENT = "environment.json"
"""The Python and the packages that it ran with."""

PRUNED = "pruned.json"
"""The step at which the trial that it runs was found hopeless: it ends with the cell that runs."""

OUTPUT = "output.ipynb"
LOG = "log.txt"

TOKEN_VARIABLE = "MLPLAT_ATTEMPT_TOKEN"
RESULTS_VARIABLE = "MLPLAT_RESULTS"
METRIC_VARIABLE = "MLPLAT_METRIC"
GIVEN_TAG = "mlplat.parameters"
"""JSON: what a job was given, on its run until that ends."""

INJECTED_TAG = "injected-parameters"
"""Of the cell that papermill adds with the parameters."""

RUN_VARIABLE = "MLPLAT_RUN"
"""The MLflow run of the attempt, also where the notebook has runs of its own."""

AUTOLOG_VARIABLE = "MLPLAT_AUTOLOG"
"""Set where what the notebook trains is logged by itself."""

STUDY_VARIABLE = "MLPLAT_STUDY"
"""JSON: the `socket` on which the engine says whether a trial goes on, and the MLflow `run` of the attempt."""


def write_atomically(path: Path, data: dict[str, object]) -> None:
    """Write JSON so that a reader sees all of it or none of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(data, file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def not_started(error: OSError) -> dict[str, object]:
    """The exit record of an attempt whose folder cannot be written: nothing of it ran."""
    what = f"the attempt could not be started: its folder cannot be written: {error.strerror}"
    return {"state": "failed", "reason": "backend_unavailable", "message": what, "cells": None}


def read_record(folder: Path, name: str) -> dict[str, object] | None:
    """A record that a runner left in `folder`, or None where there is none."""
    try:
        record = json.loads((folder / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
