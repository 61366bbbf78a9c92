"""Curves of 100 runs with 10,000 points each: ours against MLflow's, as its client and as its page ask for them.

    python benchmarks/curves.py [--runs 100] [--points 10000] [--rounds 5]

Makes an MLflow database on SQLite by plain inserts, once with runs that logged one after the other and once with runs
that logged at one time, where each point of a curve is on another page of the file. Then asks for 1,000 points of each
run: a process that has no copy of the points; a Jupyter server, which makes the copy meanwhile; new processes that find
the copy. Goals: 150 ms for the first answer of a new process, 50 ms for the next ones, 300 ms over HTTP. Also: what the
copy costs the server, and how long another request waits while it is made. MLflow's page samples evenly, so that it
loses peaks; its client gives all points. Each is asked once: that takes them long.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import secrets
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil

from jupyter_mlplat.home import Home
from jupyter_mlplat.platform import Platform

FIRST_GOAL_MS = 150.0
NEXT_GOAL_MS = 50.0
HTTP_GOAL_MS = 300.0
KEPT = 1000

NEW_PROCESS = """
import json, sys, time
from jupyter_mlplat.platform import Platform
ids = json.load(sys.stdin)
curves = Platform().runs.curves
curves.some(ids[:1], "nothing")
took = []
for _ in range(6):
    began = time.perf_counter()
    curves.some(ids, "loss", points=1000)
    took.append((time.perf_counter() - began) * 1000)
print(json.dumps(took))
"""


def fill(path: Path, runs: int, points: int, *, at_one_time: bool) -> list[str]:
    """So many runs, as MLflow would have written them; returns their ids."""
    dice = random.Random(1)
    ids = [uuid.UUID(int=dice.getrandbits(128)).hex for _ in range(runs)]
    places = ((id, step) for step in range(points) for id in ids) if at_one_time else (
        (id, step) for id in ids for step in range(points)
    )  # fmt: skip
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'UNKNOWN', '', '', 'u', 'FINISHED', ?, ?, '', 'active', 'file:///none', 0)",
            ((id, f"run-{n}", 1_790_000_000_000 + n, 1_790_000_000_500 + n) for n, id in enumerate(ids)),
        )
        insert = "(key, value, timestamp, step, is_nan, run_uuid) VALUES ('loss', ?, ?, ?, 0, ?)"
        connection.executemany(
            f"INSERT INTO metrics {insert}",
            ((math.exp(-step / 3000) + dice.random(), 1_790_000_000_000 + step, step, id) for id, step in places),
        )
        last = 1_790_000_000_000 + points
        connection.executemany(f"INSERT INTO latest_metrics {insert}", ((0.5, last, points - 1, id) for id in ids))
    return ids


def ms(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


@contextmanager
def serving(home: Home) -> Iterator[tuple[int, Callable[[str], bytes]]]:
    """A Jupyter server with the extension: its process, and what asks it for a path."""
    token = secrets.token_hex(16)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    environment = {**os.environ, "JUPYTER_TOKEN": token, "MLPLAT_HOME": str(home.root)}
    command = [sys.executable, "-m", "jupyter_server", f"--port={port}", "--ip=127.0.0.1", "--no-browser",
               f"--ServerApp.root_dir={home.root}", "--allow-root", "--ServerApp.jpserver_extensions",
               "jupyter_mlplat=True", "--Platform.warm_kernels=0"]  # fmt: skip

    def ask(path: str) -> bytes:
        request = Request(f"http://127.0.0.1:{port}/{path}", headers={"Authorization": f"token {token}"})
        with urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    with open(home.log / "server.txt", "wb") as log:
        process = subprocess.Popen(command, cwd=home.root, stdout=log, stderr=log, env=environment)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                ask("api/status")
                break
            except URLError:
                if time.monotonic() > until:
                    sys.exit("the server did not answer")
                time.sleep(0.1)
        yield process.pid, ask
    finally:
        process.terminate()
        process.wait(60)


def copied(home: Home, rows: int) -> bool:
    try:
        with closing(sqlite3.connect(f"{home.points.as_uri()}?mode=ro", uri=True)) as connection:
            (last,) = connection.execute("SELECT value FROM about WHERE name = 'last'").fetchone()
    except (sqlite3.Error, TypeError):
        return False
    return bool(last == rows)


def show(name: str, taken: Sequence[float], goal: float | None = None) -> int:
    found = sorted(taken)
    p50, p90 = statistics.median(found), found[min(len(found) - 1, int(len(found) * 0.9))]
    print(f"{name:52} {p50:9.1f} {p90:9.1f}  {f'{goal:.0f}' if goal else ''}{' missed' if goal and p50 > goal else ''}")
    return int(goal is not None and p50 > goal)


def measure(folder: Path, runs: int, points: int, rounds: int, *, at_one_time: bool) -> int:
    home = Home(folder / str(at_one_time)).ensure()
    os.environ["MLPLAT_HOME"] = str(home.root)
    platform = Platform(home_dir=str(home.root))
    client = platform.runs.client()
    ids = fill(home.mlflow_database, runs, points, at_one_time=at_one_time)
    print(f"\n{runs} runs, {points} points each, logged {'at one time' if at_one_time else 'one after the other'}")
    print(f"{'milliseconds':52} {'p50':>9} {'p90':>9}  goal")
    show("ours, without a copy", [ms(lambda: platform.runs.curves.some(ids, "loss")) for _ in range(rounds)])
    platform.close()
    store = client._tracking_client.store
    ask_page = lambda: store.get_metric_history_bulk_interval(ids, "loss", KEPT, None, None)  # noqa: E731
    show("MLflow's page (even samples)", [ms(ask_page)])
    show("MLflow's client (every point)", [ms(lambda: [client.get_metric_history(id, "loss") for id in ids])])
    missed = 0
    with serving(home) as (pid, ask):
        api = "mlplat/api/v1/runs"
        ask("mlplat/api/v1/jobs?limit=1")
        began, used = time.perf_counter(), sum(psutil.Process(pid).cpu_times()[:2])
        waited = []
        while not copied(home, runs * points):
            waited.append(ms(lambda: ask(f"{api}?limit=50")))
            time.sleep(0.02)
        took, used = time.perf_counter() - began, sum(psutil.Process(pid).cpu_times()[:2]) - used
        show("a list over HTTP while the copy is made", waited)
        show("the same afterwards", [ms(lambda: ask(f"{api}?limit=50")) for _ in range(len(waited))])
        query = "&".join(f"run={id}" for id in ids)
        found = [ms(lambda: ask(f"{api}/curves?{query}&key=loss&points={KEPT}")) for _ in range(rounds + 1)]
        missed |= show("ours over HTTP, first", found[:1], HTTP_GOAL_MS)
        missed |= show("ours over HTTP, next", found[1:], HTTP_GOAL_MS)
    asked = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", NEW_PROCESS], input=json.dumps(ids), capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(rounds)
    ]
    missed |= show("ours, a new process with the copy, first", [one[0] for one in asked], FIRST_GOAL_MS)
    missed |= show("ours, a new process with the copy, next", [at for one in asked for at in one[1:]], NEXT_GOAL_MS)
    print(f"the copy took {took:.1f} s and {used:.1f} s of processor with all those lists, "
          f"{home.points.stat().st_size >> 20} MB beside {home.mlflow_database.stat().st_size >> 20}")  # fmt: skip
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(f"mlflow {version('mlflow')}, SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}, "
          f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        return max(
            measure(Path(name), args.runs, args.points, args.rounds, at_one_time=at_one_time)
            for at_one_time in (False, True)
        )


if __name__ == "__main__":
    sys.exit(main())
