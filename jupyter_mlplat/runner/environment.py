"""What a notebook ran with: its Python and the packages beside it, for whoever asks later what changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ..attempts import ENVIRONMENT, write_atomically

_METADATA = re.compile(r"^(?P<name>.+?)-(?P<version>[^-]+)(?:-py[\d.]+)?\.(?:dist-info|egg-info)$")
ASK = "import json, sys; print(json.dumps([sys.version.split()[0], sys.path]))"


def keep_environment(folder: Path, python: str) -> None:
    """Write the versions into the attempt's folder. `python` is the kernel's interpreter."""
    version, paths = sys.version.split()[0], sys.path
    # jupyter_client starts its own Python where a kernel names none in particular.
    if os.path.basename(python) != python and os.path.abspath(python) != os.path.abspath(sys.executable):
        asked = subprocess.run([python, "-c", ASK], capture_output=True, timeout=30, check=True, text=True)
        version, paths = json.loads(asked.stdout)
    write_atomically(folder / ENVIRONMENT, {"python": version, "packages": packages(paths)})


def packages(paths: Iterable[str]) -> dict[str, str]:
    """Name -> version of what is installed in `paths`: from the names of its metadata, which takes a millisecond."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            names = os.listdir(path or ".")
        except OSError:
            continue
        for name in names:
            match = _METADATA.match(name)
            if match is not None:
                found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return dict(sorted(found.items()))
