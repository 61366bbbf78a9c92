"""A notebook from submission to its end: papermill, our engine in papermill, our platform, jupyter-scheduler.

    python benchmarks/jobs.py [--rounds 5] [--no-scheduler] [--imports]

Three notebooks: one cell that does nothing, a hundred of them, and with `--imports` one that imports pandas,
scikit-learn, torch and mlflow. Every way starts the same kernel (this Python's), one after the other in each round.
jupyter-scheduler lives in an environment of its own, made by pip in a temporary folder.

- bare kernel: its process, kernel_info, the cells, shutdown; nothing is written. What is left of a way when this is
  taken away is what the way adds.
- papermill (API): `papermill.execute_notebook` in a process that has it imported; (CLI): the `papermill` program.
- engine: the same with `engine_name="mlplat"`.
- platform: submitted_at to ended_at of a job, engine and cluster warm, MLflow run and record included; (plain): with
  `c.Platform.warm_kernels = 0`, so that each job starts its kernel.
- jupyter-scheduler: POST /scheduler/jobs until the job is COMPLETED, asked every 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.kernel.pool import Pool
from jupyter_mlplat.platform import Platform

MANY = 100
LIMIT_JOB_S = 0.150
LIMIT_CELL_S = 0.005
GOALS_S = {"nothing": 0.2, "imports": 0.25}
"""Of the platform, with kernels that wait."""

PLAIN = "platform (plain)"
IMPORTS = "import pandas, sklearn, torch, mlflow"


def write(path: Path, cells: list[str]) -> Path:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "bench", "language": "python", "display_name": "bench"}
    nbformat.write(notebook, path)
    return path


def kernelspec(folder: Path) -> None:
    """The kernel that everybody starts."""
    place = folder / "kernels" / "bench"
    place.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "bench", "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec))
    os.environ["JUPYTER_PATH"] = str(folder)


# --- the ways -----------------------------------------------------------------------------------


def bare(notebook: Path, _: Path) -> float:
    cells = [cell["source"] for cell in json.loads(notebook.read_text())["cells"]]
    return asyncio.run(_bare(["".join(source) for source in cells]))


async def _bare(cells: list[str]) -> float:
    from jupyter_client.manager import AsyncKernelManager

    began = time.perf_counter()
    manager = AsyncKernelManager(kernel_name="bench")
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.kernel_info()
    await client.get_shell_msg(timeout=60)
    for cell in cells:
        asked = client.execute(cell)
        while (await client.get_shell_msg(timeout=120))["parent_header"].get("msg_id") != asked:
            pass
    client.stop_channels()
    await manager.shutdown_kernel(now=True)
    return time.perf_counter() - began


def papermill_api(engine: str | None) -> Callable[[Path, Path], float]:
    import papermill

    def run(notebook: Path, folder: Path) -> float:
        began = time.perf_counter()
        papermill.execute_notebook(
            str(notebook), str(folder / "out.ipynb"), engine_name=engine, progress_bar=False, cwd=str(folder)
        )
        return time.perf_counter() - began

    return run


def papermill_cli(notebook: Path, folder: Path) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "papermill", str(notebook), str(folder / "cli.ipynb"), "--no-progress-bar"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - began


class Ours:
    """The platform with its engine, in a data directory and with a configuration of their own."""

    def __init__(self, folder: Path, name: str, **settings: Any) -> None:
        self.name = name
        folder.mkdir()
        (folder / "jupyter_mlplat_config.json").write_text(json.dumps({"Platform": settings}))
        self.environment = {"MLPLAT_HOME": str(folder), "JUPYTER_CONFIG_PATH": str(folder)}
        os.environ.update(self.environment)
        self.platform = Platform(home_dir=str(folder), **settings)

    def warm_up(self, notebook: Path) -> None:
        """Run a job, and wait until kernels and a runner wait for the next one."""
        os.environ.update(self.environment)
        self.run(notebook, notebook)
        pool = Pool(self.platform.home)
        until = time.monotonic() + 120
        while self.platform.warm_kernels and not any(one["waiting"] for one in pool.status()):
            if time.monotonic() > until:
                sys.exit("no kernel waits for jobs")
            time.sleep(0.1)
        time.sleep(3.0)

    def run(self, notebook: Path, _: Path) -> float:
        from jupyter_mlplat.models import JobSpec

        job = self.platform.jobs.submit(JobSpec(notebook=str(notebook)), owner="bench")
        ended = self.platform.jobs.wait(job.id, timeout=300)
        if ended.state != "succeeded" or ended.ended_at is None:
            sys.exit(f"{ended.state}: {ended.message}")
        return (ended.ended_at - ended.submitted_at).total_seconds()

    def close(self) -> None:
        command = [sys.executable, "-m", "jupyter_mlplat.cli", "stop", "--jobs", "cancel"]
        subprocess.run(command, env={**os.environ, **self.environment}, check=False, capture_output=True)
        self.platform.close()


class Scheduler:
    """A Jupyter server with jupyter-scheduler, in an environment and a data directory of their own."""

    name = "jupyter-scheduler"

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        self.python = folder / "venv" / "bin" / "python"
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "jupyter-scheduler", "jupyterlab"]
        subprocess.run(pip, check=True)
        self.root = folder / "root"
        self.root.mkdir()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        self.token = secrets.token_hex(16)
        environment = {
            **os.environ,
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
        }
        command = [str(self.python), "-m", "jupyter_server", f"--port={self.port}", "--ip=127.0.0.1", "--no-browser"]
        with open(folder / "log.txt", "wb") as log:
            self.process = subprocess.Popen(
                [*command, f"--ServerApp.root_dir={self.root}", "--allow-root"],
                stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
        self._until_ready(folder / "log.txt")

    @property
    def version(self) -> str:
        asked = "from importlib.metadata import version; print(version('jupyter-scheduler'))"
        return subprocess.run(
            [str(self.python), "-c", asked], check=True, capture_output=True, text=True
        ).stdout.strip()

    def _until_ready(self, log: Path) -> None:
        for _ in range(600):
            if self.process.poll() is not None:
                sys.exit(log.read_text())
            try:
                self.ask("GET", "scheduler/runtime_environments")
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("jupyter-scheduler did not answer")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def run(self, notebook: Path, _: Path) -> float:
        shutil.copy(notebook, self.root / notebook.name)
        environment = self.ask("GET", "scheduler/runtime_environments")[0]["name"]
        began = time.perf_counter()
        made = self.ask(
            "POST",
            "scheduler/jobs",
            {
                "name": notebook.stem,
                "input_uri": notebook.name,
                "runtime_environment_name": environment,
                "output_formats": ["ipynb"],
            },
        )
        while True:
            job = self.ask("GET", f"scheduler/jobs/{made['job_id']}")
            if job["status"] == "COMPLETED":
                return time.perf_counter() - began
            # It says STOPPED of jobs that run (2.12): only the end counts.
            if job["status"] == "FAILED" or time.perf_counter() - began > 120:
                sys.exit(f"jupyter-scheduler: {job['status']}: {job.get('status_message')}")
            time.sleep(0.05)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


# --- the run ------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-scheduler", action="store_true", help="without jupyter-scheduler, which pip must fetch")
    parser.add_argument("--imports", action="store_true", help="the notebook with imports, too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        folder = Path(name)
        kernelspec(folder / "share")
        notebooks = {
            "nothing": write(folder / "nothing.ipynb", ["pass"]),
            f"{MANY} cells": write(folder / "many.ipynb", ["pass"] * MANY),
        }
        if args.imports:
            notebooks["imports"] = write(folder / "imports.ipynb", [IMPORTS])
        services: list[Any] = [Ours(folder / "warm", "platform"), Ours(folder / "plain", PLAIN, warm_kernels=0)]
        for service in services:
            service.warm_up(notebooks["nothing"])
        if not args.no_scheduler:
            (folder / "scheduler").mkdir()
            services.append(Scheduler(folder / "scheduler"))
        ways: dict[str, Callable[[Path, Path], float]] = {
            "bare kernel": bare,
            "papermill API": papermill_api(None),
            "papermill API, our engine": papermill_api("mlplat"),
            "papermill CLI": papermill_cli,
            **{service.name: service.run for service in services},
        }
        versions = [f"papermill {version('papermill')}", f"ipykernel {version('ipykernel')}"]
        versions += [f"{service.name} {service.version}" for service in services[2:]]
        try:
            taken = measure(ways, notebooks, folder, args.rounds)
        finally:
            for service in services:
                service.close()
    print(f"{', '.join(versions)}, Python {sys.version.split()[0]}")
    return report(taken, args.rounds)


def measure(
    ways: dict[str, Callable[[Path, Path], float]], notebooks: dict[str, Path], folder: Path, rounds: int
) -> dict[str, dict[str, float]]:
    """Medians in seconds: way -> notebook. The first round, which warms what can be warm, does not count."""
    seconds: dict[str, dict[str, list[float]]] = {way: {name: [] for name in notebooks} for way in ways}
    for number in range(rounds + 1):
        for name, notebook in notebooks.items():
            for way, run in ways.items():
                took = run(notebook, folder)
                if number:
                    seconds[way][name].append(took)
    return {way: {name: statistics.median(found) for name, found in of.items()} for way, of in seconds.items()}


def report(taken: dict[str, dict[str, float]], rounds: int) -> int:
    names = list(next(iter(taken.values())))
    print(f"seconds from submission to the end, medians of {rounds}")
    print(f"{'':28}" + "".join(f"{name:>12}" for name in names))
    for way, of in taken.items():
        print(f"{way:28}" + "".join(f"{of[name]:12.3f}" for name in names))
    floor, engine = taken["bare kernel"], taken["papermill API, our engine"]
    per_job = engine["nothing"] - floor["nothing"]
    many = f"{MANY} cells"
    per_cell = ((engine[many] - engine["nothing"]) - (floor[many] - floor["nothing"])) / (MANY - 1)
    print(f"our engine adds {per_job * 1000:.0f} ms to a job (limit {LIMIT_JOB_S * 1000:.0f})")
    print(f"our engine adds {per_cell * 1000:.1f} ms to a cell (limit {LIMIT_CELL_S * 1000:.0f})")
    ours = taken["platform"]
    for name, goal in GOALS_S.items():
        if name in ours:
            print(f"the platform takes {ours[name]:.3f} s for {name} (goal {goal:g})")
    for way, of in taken.items():
        if way not in ("platform", PLAIN):
            lost = [name for name in names if of[name] < ours[name]]
            if lost:
                print(f"we lose to {way}: {', '.join(f'{name} {ours[name] / of[name]:.1f}x' for name in lost)}")
    return 0 if per_job <= LIMIT_JOB_S and per_cell <= LIMIT_CELL_S else 1


if __name__ == "__main__":
    sys.exit(main())
