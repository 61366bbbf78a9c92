"""Programs in processes that are forked from one that has the slow imports done: a fork takes milliseconds.

What happens to a program is what happens to one of `python -c`, but that these modules are there before it begins.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

SERVER = """
import importlib, json, os, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
asked = None
for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if pid == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    asked = None
if asked is not None:
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["-c"]
    exec(compile(asked["code"], "<string>", "exec"), globals())
"""


class Forks:
    """A process that has imported `modules`, and forks for each program. A context manager."""

    def __init__(self, *modules: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLPLAT", "MLFLOW"))}
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER, *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def run(self, code: str, *, environment: Mapping[str, str], folder: Path, timeout: float) -> tuple[int, str]:
        """Exit status and output of a program. Raises `TimeoutError`, after which this is of no use any more."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        output = folder / "output.txt"
        asked = {"code": code, "environment": dict(environment), "folder": str(folder), "output": str(output)}
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        if not select.select([self._server.stdout], [], [], timeout)[0]:
            raise TimeoutError(f"a program took longer than {timeout:g} s: {output.read_text()}")
        return int(self._server.stdout.readline()), output.read_text()

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        assert self._server.stdout is not None
        self._server.stdout.close()
