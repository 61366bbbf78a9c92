"""What the extension costs a Jupyter server: seconds until it answers, and the first request's.

    python benchmarks/startup.py [--rounds 7]

Starts `jupyter server` with and without the extension in turn, everything else the same, and prints the
medians. The limits are 0.15 s for the start and 1.5 s for the first request.
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


@contextmanager
def server(folder: Path, *, extension: bool) -> Iterator[tuple[int, str, float]]:
    """A server that has just answered: its port, its token, and the seconds until then."""
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
        yield port, token, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="servers of each kind (7)")
    rounds = parser.parse_args().rounds
    without, with_extension, first, second = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        folder = Path(name)
        # One of each that is not counted: byte code, file cache, a data directory that is there.
        for extension in (False, True):
            with server(folder, extension=extension) as (port, token, _):
                if extension:
                    get(port, token, "/mlplat/api/v1/jobs")
        for _ in range(rounds):
            with server(folder, extension=False) as (_, _, seconds):
                without.append(seconds)
            with server(folder, extension=True) as (port, token, seconds):
                with_extension.append(seconds)
                for times in (first, second):
                    began = time.perf_counter()
                    status = get(port, token, "/mlplat/api/v1/jobs")
                    times.append(time.perf_counter() - began)
                    if status != 200:
                        raise SystemExit(f"GET /mlplat/api/v1/jobs answered {status}")
    added = statistics.median(with_extension) - statistics.median(without)
    print(f"jupyter_mlplat {version('jupyter_mlplat')}, jupyter_server {version('jupyter_server')}, ", end="")
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs; medians of {rounds}, seconds")
    rows = [
        ("server answers, without the extension", statistics.median(without), None),
        ("server answers, with the extension", statistics.median(with_extension), None),
        ("what the extension adds", added, START_LIMIT_S),
        ("first request (GET /jobs)", statistics.median(first), FIRST_LIMIT_S),
        ("second request", statistics.median(second), None),
    ]
    for what, seconds, limit in rows:
        verdict = "" if limit is None else f"at most {limit:g}: {'ok' if seconds <= limit else 'OVER'}"
        print(f"  {what:<40} {seconds:8.3f}  {verdict}".rstrip())
    return 1 if added > START_LIMIT_S or statistics.median(first) > FIRST_LIMIT_S else 0


if __name__ == "__main__":
    sys.exit(main())
