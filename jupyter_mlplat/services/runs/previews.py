"""The first rows of a parquet file among a run's artifacts.

A process of its own reads them, with bounds on memory and time: the file may be anybody's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ...errors import BackendFailed, Invalid
from ...models import ArtifactTable
from .artifacts import Artifacts

PROGRAM = Path(__file__).with_name("table_rows.py")
WITHIN_S = 30.0


def table(artifacts: Artifacts, run: str, path: str) -> ArtifactTable:
    """Up to 200 rows and 60 columns of it.

    Raises `NotFound`, `Invalid` for what is no parquet file, and `BackendFailed` where it takes too long.
    """
    with artifacts.reading(run, path) as found:
        try:
            done = subprocess.run(
                [sys.executable, "-I", PROGRAM], stdin=found.file, capture_output=True, timeout=WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BackendFailed(f"{path!a} of run {run} takes too long to read", hint="download it") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Invalid(
            f"{path!a} of run {run} cannot be read as a table: {said[-1][:300] if said else done.returncode}",
            hint="download it",
            fields={"path": "no parquet file"},
        )
    return ArtifactTable.model_validate(json.loads(done.stdout))
