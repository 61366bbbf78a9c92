"""What a metric costs the program that logs it, and how many reach MLflow in a second: MLflow's own calls against ours.

    python benchmarks/metrics.py [--rounds 5] [--points 20000]

Each round starts a process for each way of logging, which logs points in a loop and then waits until a reader of
another process could see all of them; MLflow alone logs fewer. Ways: MLflow as it comes; the same code in a kernel of
the platform; `mlplat.log_metric`; the two again over an MLflow server; MLflow's `log_batch` of 1,000 points. Printed
are medians over the rounds of the mean and of the 99th percentile of one call, and points a second until MLflow has
them. Limits: 20 microseconds a call, 4,000 points a second through MLflow's API and over HTTP, 20,000 by plain inserts.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

CALL_LIMIT_US = 20.0
API_LIMIT = 4_000
INSERT_LIMIT = 20_000

PROGRAM = """
import json, os, sys, time
way, points = sys.argv[1], int(sys.argv[2])
import mlflow
if way == "through the API":
    import jupyter_mlplat.mlflow_base.tables as tables
    tables.REVISIONS = frozenset()
import jupyter_mlplat as mlplat
log = mlplat.log_metric if way == "mlplat.log_metric" else mlflow.log_metric
with mlflow.start_run() as run:
    id = run.info.run_id
    took = []
    clock = time.perf_counter
    if way == "log_batch":
        from mlflow.entities import Metric
        client = mlflow.MlflowClient()
        began = clock()
        for start in range(0, points, 1000):
            batch = [Metric("loss", i / 7, 1000 + i, i) for i in range(start, start + 1000)]
            before = clock()
            client.log_batch(id, metrics=batch)
            took.append((clock() - before) / 1000)
    else:
        log("loss", 0.0, step=-1)
        began = clock()
        for i in range(points):
            before = clock()
            log("loss", i / 7, step=i)
            took.append(clock() - before)
    called = clock() - began
# The run has ended: whatever was logged is with MLflow now.
done = clock() - began
stored = len(mlflow.MlflowClient().get_metric_history(id, "loss"))
assert stored == points + (way != "log_batch"), stored
took.sort()
print(json.dumps({"mean": sum(took) / len(took), "p99": took[int(len(took) * 0.99)], "rate": points / done}))
"""

PEER = "mlflow.log_metric"
PLAIN = "mlflow.log_metric in a kernel of ours"
WAYS = {
    # name: (way, buffered, over HTTP, share of the points)
    PEER: ("plain", False, False, 0.02),
    "mlflow.log_batch of 1,000": ("log_batch", False, False, 1.0),
    PLAIN: ("plain", True, False, 1.0),
    "mlplat.log_metric": ("mlplat.log_metric", True, False, 1.0),
    "mlplat.log_metric, tables not known": ("through the API", True, False, 1.0),
    "mlflow.log_metric, server": ("plain", False, True, 0.02),
    "mlflow.log_metric in a kernel of ours, server": ("plain", True, True, 1.0),
}
API = ("mlplat.log_metric, tables not known", "mlflow.log_metric in a kernel of ours, server")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """An MLflow server with one worker on SQLite."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "served")],
            cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit("the MLflow server did not answer")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(60)


def measure(folder: Path, uri: str, name: str, points: int) -> dict[str, float]:
    way, buffered, _, share = WAYS[name]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": (folder / "artifacts").as_uri(),
        "MLPLAT_HOME": str(folder / "mlplat"),
        "MLPLAT_LOGGING": "buffered" if buffered else "direct",
    }
    points = max(1000 if way == "log_batch" else 100, int(points * share))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way, str(points)], env=environment, cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{name}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=20_000)
    args = parser.parse_args()
    print(f"mlflow {version('mlflow')}, Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, "
          f"load {os.getloadavg()[0]:.1f}, {args.points} points, medians of {args.rounds}")  # fmt: skip
    found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name, server(Path(name)) as http:
        folder = Path(name)
        file = f"sqlite:///{folder}/mlflow.db"
        measure(folder, file, PEER, 0)  # makes the database
        for number in range(args.rounds):
            for one in list(WAYS) if number % 2 else reversed(WAYS):
                found[one].append(measure(folder, http if WAYS[one][2] else file, one, args.points))
    missed = 0
    print(f"{'':46} {'us a call':>10} {'p99':>9} {'points/s':>9}")
    for one, all_of_it in found.items():
        mean, p99, rate = (statistics.median(each[key] for each in all_of_it) for key in ("mean", "p99", "rate"))
        print(f"{one:46} {mean * 1e6:10.1f} {p99 * 1e6:9.1f} {rate:9.0f}")
        if not WAYS[one][1]:
            continue
        if mean * 1e6 > CALL_LIMIT_US:
            missed = 1
            print(f"{'':46} the limit is {CALL_LIMIT_US:.0f} us")
        limit = API_LIMIT if one in API else INSERT_LIMIT
        if rate < limit:
            missed = 1
            print(f"{'':46} the limit is {limit} points a second")
    return missed


if __name__ == "__main__":
    sys.exit(main())
