"""What a notebook ran with: its Python and the packages beside it, for whoever asks later what changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ..attempts import ENVIRONMENT, write_atomically
from ..provenance import packages

ASK = "import json, sys; print(json.dumps([sys.version.split()[0], sys.path]))"


def keep_environment(folder: Path, python: str) -> None:
    """Write the versions into the attempt's folder. `python` is the kernel's interpreter."""
    version, paths = sys.version.split()[0], sys.path
    # jupyter_client starts its own Python where a kernel names none in particular.
    if os.path.basename(python) != python and os.path.abspath(python) != os.path.abspath(sys.executable):
        asked = subprocess.run([python, "-c", ASK], capture_output=True, timeout=30, check=True, text=True)
        version, paths = json.loads(asked.stdout)
    write_atomically(folder / ENVIRONMENT, {"python": version, "packages": packages(paths)})
