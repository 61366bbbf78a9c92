"""What the extension costs a Jupyter server: seconds until it answers, and the first request's.

    python benchmarks/startup.py [--rounds 7]

Starts `jupyter server` with and without the extension in pairs, each kind first in every other pair, and
prints medians; what the extension adds is the median difference of a pair, in seconds of the clock and in
seconds of the processor, which a neighbour on the machine moves less. The limits are 0.15 s for the start
and 1.5 s for the first request.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

START_LIMIT_S = 0.15
FIRST_LIMIT_S = 1.5
POLL_S = 0.005


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def get(port: int, token: str, path: str) -> int | None:
    """The status of a request, None where nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": f"token {token}"})
        response = connection.getresponse()
        response.read()
        return response.status
    except OSError:
        return None
    finally:
        connection.close()


def cpu_seconds(pid: int) -> float:
    """What the process and its ended children have used (proc(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(folder: Path, *, extension: bool) -> Iterator[tuple[int, str, float, float]]:
    """A server that has just answered: its port, its token, and the seconds and processor seconds until then."""
    port, token = free_port(), secrets.token_hex(16)
    environment = {
        **os.environ,
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "MLPLAT_HOME": str(folder / "mlplat"),
        "JUPYTER_TOKEN": token,
    }
    for name in ("MLPLAT_DB_URL", "MLFLOW_TRACKING_URI"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--ServerApp.root_dir={folder}", f"--ServerApp.jpserver_extensions=jupyter_mlplat={extension}"]
    began = time.perf_counter()
    with open(folder / "server.log", "ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        while get(port, token, "/api/status") != 200:
            if process.poll() is not None:
                raise SystemExit(f"the server has ended:\n{(folder / 'server.log').read_text()}")
            time.sleep(POLL_S)
        seconds = time.perf_counter() - began
        yield port, token, seconds, cpu_seconds(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, help="pairs of servers (8)")
    rounds = parser.parse_args().rounds
    seconds: dict[bool, list[float]] = {False: [], True: []}
    processor: dict[bool, list[float]] = {False: [], True: []}
    first, second = [], []
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        folder = Path(name)
        # One of each that is not counted: byte code, file cache, a data directory that is there.
        for extension in (False, True):
            with server(folder, extension=extension) as (port, token, _, _):
                if extension:
                    get(port, token, "/mlplat/api/v1/jobs")
        for number in range(rounds):
            for extension in (False, True) if number % 2 else (True, False):
                with server(folder, extension=extension) as (port, token, took, used):
                    seconds[extension].append(took)
                    processor[extension].append(used)
                    for times in (first, second) if extension else ():
                        began = time.perf_counter()
                        status = get(port, token, "/mlplat/api/v1/jobs")
                        times.append(time.perf_counter() - began)
                        if status != 200:
                            raise SystemExit(f"GET /mlplat/api/v1/jobs answered {status}")
    added = statistics.median(after - before for before, after in zip(seconds[False], seconds[True], strict=True))
    added_cpu = statistics.median(
        after - before for before, after in zip(processor[False], processor[True], strict=True)
    )
    print(f"jupyter_mlplat {version('jupyter_mlplat')}, jupyter_server {version('jupyter_server')}, ", end="")
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs; medians of {rounds}, seconds")
    rows = [
        ("server answers, without the extension", statistics.median(seconds[False]), None),
        ("server answers, with the extension", statistics.median(seconds[True]), None),
        ("what the extension adds", added, START_LIMIT_S),
        ("what it adds, seconds of the processor", added_cpu, None),
        ("first request (GET /jobs)", statistics.median(first), FIRST_LIMIT_S),
        ("second request", statistics.median(second), None),
    ]
    for what, value, limit in rows:
        verdict = "" if limit is None else f"at most {limit:g}: {'ok' if value <= limit else 'OVER'}"
        print(f"  {what:<40} {value:8.3f}  {verdict}".rstrip())
    return 1 if added > START_LIMIT_S or statistics.median(first) > FIRST_LIMIT_S else 0


if __name__ == "__main__":
    sys.exit(main())
