"""GPUs that are not there, for every process of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import sys
import jupyter_mlplat as mlplat
lease = mlplat.gpus.wait(mlplat.gpus.acquire(count=int(sys.argv[1])).id)
print(lease.id, flush=True)
sys.stdin.read()
"""


def fake_gpus(spec: str = "4xA100-80G", **settings: object) -> None:
    """Write the configuration file that every process of this test reads."""
    lines = [f"c.Platform.{name} = {value!r}" for name, value in {"gpu_source": f"fake:{spec}", **settings}.items()]
    Path(os.environ["JUPYTER_CONFIG_DIR"], "jupyter_mlplat_config.py").write_text("\n".join(lines) + "\n")


@contextmanager
def another_process_holds(count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has so many devices until it ends."""
    program = [sys.executable, "-c", HOLD, str(count)]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdigit()
        yield process
    finally:
        process.kill()
        process.communicate()
