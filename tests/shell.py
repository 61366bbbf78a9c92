"""The shell's commands without the seconds that a new process takes to import things."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from jupyter_mlplat.cli import main


def here(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """`jupyter mlplat WORDS` in this process."""
    arguments = list(map(str, words))
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    return subprocess.CompletedProcess(arguments, status, *texts)
