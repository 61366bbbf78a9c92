"""`jupyter mlplat demo`: the whole loop on real data, each step checked.

The template notebook runs as a job; its run, model version and held-out rows come out of MLflow; the model
is served and asked over HTTP; its training table becomes a feature view; the served rows are compared with
the training rows. Runs with no service installed, and beside an earlier demo.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import Unavailable
from .loop import Demo

if TYPE_CHECKING:
    from ..platform import Platform

__all__ = ["open_lab", "run_demo"]


def run_demo(platform: Platform, note: Callable[[str], None]) -> dict[str, Any]:
    """Run every step and say how each went: `{"ok", "steps", "error", "look", "seconds"}`.

    Stops at the first step that fails; what was made before stays. `note` gets a line per step.
    """
    return Demo(platform, note).run()


def open_lab(platform: Platform, notebook: str) -> str:
    """Start JupyterLab on a notebook; says where its log is. Raises `Unavailable` where it does not start."""
    log = platform.home.log / "lab.log"
    root = ["--allow-root"] if os.geteuid() == 0 else []
    with open(log, "ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *root, notebook],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        process.wait(timeout=3.0)
    except subprocess.TimeoutExpired:
        return f"JupyterLab opens in the browser (process {process.pid}, log {log})"
    raise Unavailable(f"JupyterLab did not start; see {log}", hint="start it: jupyter lab")
