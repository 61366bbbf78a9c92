"""What the fault tests do again and again: write a notebook, submit it, wait for something, find processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.attempts import RUNNER_RECORD, TOKEN_VARIABLE, read_record
from jupyter_mlplat.models import Job, JobSpec
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.processes import start_time

WAIT = "import time\nopen('begun', 'w').close()\nwhile not __import__('os').path.exists('go'): time.sleep(0.05)"
"""A cell that says that it runs and waits until it may go on."""


def write(folder: Path, *cells: str, parameters: str | None = None) -> Path:
    """A notebook of code cells, the first one tagged `parameters` where there are any."""
    made = [new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    notebook = new_notebook(cells=[*made, *map(new_code_cell, cells)])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
    path = folder / "nb.ipynb"
    nbformat.write(notebook, path)
    return path


def submit(platform: Platform, folder: Path, *cells: str, **options: object) -> Job:
    """Queue a notebook of these cells; the working directory of its kernel is `folder`."""
    spec = JobSpec.model_validate({"notebook": str(write(folder, *cells)), **options})
    return platform.jobs.submit(spec, owner="ada")


def until(condition: Callable[[], object], seconds: float = 60.0, what: str = "it") -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


def runner_of(job: Job) -> psutil.Process:
    """The process that runs a job's first attempt."""
    record = read_record(Path(job.folder) / "attempt-1", RUNNER_RECORD)
    assert record is not None
    return psutil.Process(int(str(record["pid"])))


def gone(path: Path) -> bool:
    """True when no process is left of those whose pids are in the file."""
    return all(start_time(int(pid)) is None for pid in path.read_text().split())


class WithoutEngine(Platform):
    """What an engine would do is done by the test, or by nobody."""

    def wake_engine(self) -> None:
        return


# --- the platform's processes ---------------------------------------------------------------------


def processes(platform: Platform, fits: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Processes of this data directory that fit."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.pid != os.getpid() and process.environ().get("MLPLAT_HOME") == str(platform.home.root)
            if mine and process.status() != psutil.STATUS_ZOMBIE and fits(process):
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda one: one.pid)


VICTIMS: dict[str, Callable[[psutil.Process], bool]] = {
    "engine": lambda one: "jupyter_mlplat.engine" in one.cmdline(),
    "cluster": lambda one: "jupyter_mlplat.backends.cluster" in one.cmdline(),
    "worker": lambda one: "multiprocessing.spawn" in " ".join(one.cmdline()) and TOKEN_VARIABLE not in one.environ(),
    "runner": lambda one: "jupyter_mlplat.runner" in one.cmdline(),
    "kernel": lambda one: "ipykernel_launcher" in " ".join(one.cmdline()),
}
