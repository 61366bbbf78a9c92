"""Where the spool of this process is."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "MLPLAT_SPOOL"
"""Where to keep it, instead of in the data directory: a worker on another host has none."""


def spool_folder() -> Path | None:
    """The folder that this process' environment names; None where it names none, and inside of MLflow's server."""
    given, home = os.environ.get(FOLDER), os.environ.get("MLPLAT_HOME")
    if not (given or home) or "_MLFLOW_SERVER_FILE_STORE" in os.environ:
        return None
    return Path(given) if given else Path(str(home)) / "spool"
