"""One model, two servers: ours and `mlflow models serve`, in the same run on the same machine.

    python benchmarks/serving.py [--rounds 5] [--requests 400]

Prints, for each model and number of clients, the median over the rounds of p50 and p99 (milliseconds) and of
requests per second, then memory and start, and where we lose. The client is the same for both: plain
`http.client` threads in a process of its own, one row per request, connections kept open.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import logging
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

TOKEN = "benchmark"
CLIENTS = (1, 16)


def make_models(folder: Path) -> dict[str, tuple[Path, bytes]]:
    """Model folders and one-row bodies by name."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    inputs, target = load_breast_cancer(return_X_y=True, as_frame=True)
    kinds: dict[str, Any] = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
        "random forest, 100 trees": RandomForestClassifier(random_state=0),
        "author's function (no short way)": make_pipeline(
            FunctionTransformer(), StandardScaler(), LogisticRegression()
        ),
    }
    body = json.dumps({"dataframe_split": inputs[:1].to_dict(orient="split")}).encode()
    made = {}
    for number, (name, estimator) in enumerate(kinds.items()):
        estimator.fit(inputs, target)
        path = folder / f"model-{number}"
        mlflow.sklearn.save_model(
            estimator,
            str(path),
            signature=infer_signature(inputs, estimator.predict(inputs)),
            input_example=inputs[:2],
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )
        made[name] = (path, body)
    return made


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_ours(model: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    config = {"name": "b", "model_name": "b", "version": "1", "source": str(model)}
    config["token_sha256"] = hashlib.sha256(TOKEN.encode()).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-P", "-m", "jupyter_mlplat.serving", "--config", str(folder / "config.json")]
    return start([*command, "--port", str(port)], folder)


def start_mlflow(model: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port)]
    return start([*command, "--env-manager", "local"], folder)


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    with open(folder / "log.txt", "wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)


def until_ready(port: int, path: str, process: subprocess.Popen[bytes], log: Path) -> float:
    """Seconds until it answers 200."""
    began = time.perf_counter()
    while True:
        if process.poll() is not None:
            sys.exit(log.read_text())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            if connection.getresponse().status == 200:
                return time.perf_counter() - began
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.02)


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def end(process: subprocess.Popen[bytes]) -> None:
    members = tree(process)
    for member in members:
        member.terminate()
    _, left = psutil.wait_procs(members, timeout=10)
    for member in left:
        member.kill()
    process.wait()


def load(port: int, body: bytes, clients: int, requests: int) -> dict[str, float]:
    """p50 and p99 in milliseconds and requests per second of `clients` that each ask one after another."""
    seconds: list[float] = []
    lock = threading.Lock()
    each = max(1, requests // clients)
    barrier = threading.Barrier(clients + 1)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = []
        barrier.wait()
        for _ in range(each):
            began = time.perf_counter()
            connection.request("POST", "/invocations", body, headers)
            response = connection.getresponse()
            answer = response.read()
            own.append(time.perf_counter() - began)
            if response.status != 200:
                raise RuntimeError(answer.decode())
        connection.close()
        with lock:
            seconds.extend(own)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    whole = time.perf_counter() - began
    if len(seconds) != each * clients:
        raise RuntimeError("some requests failed")
    ordered = sorted(seconds)
    return {
        "p50": ordered[len(ordered) // 2] * 1000,
        "p99": ordered[int(len(ordered) * 0.99)] * 1000,
        "rps": len(ordered) / whole,
    }


def load_elsewhere(port: int, body: bytes, clients: int, requests: int) -> dict[str, float]:
    """`load` in a process of its own, so that the client's work is not the benchmark's."""
    command = [sys.executable, __file__, "--load", str(port), str(clients), str(requests)]
    done = subprocess.run(command, input=body, capture_output=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


SERVERS: dict[str, tuple[Callable[[Path, Path, int], subprocess.Popen[bytes]], str]] = {
    "ours": (start_ours, "/v2/health/ready"),
    "mlflow": (start_mlflow, "/ping"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400, help="per round and number of clients")
    parser.add_argument("--load", nargs=3, type=int, metavar=("PORT", "CLIENTS", "REQUESTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.load[0], sys.stdin.buffer.read(), *options.load[1:])))
        return 0
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the servers are ended
    versions = ", ".join(f"{name} {version(name)}" for name in ("mlflow", "uvicorn", "scikit-learn", "msgspec"))
    print(f"Python {platform.python_version()}, {versions}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(f"medians of {options.rounds} rounds of {options.requests} requests of one row with 30 columns\n")
    lost: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as temporary:
        folder = Path(temporary)
        for number, (name, (model, body)) in enumerate(make_models(folder).items()):
            found = compare(name, model, body, folder / str(number), options.rounds, options.requests)
            lost.extend(found)
    print("where we lose: " + ("; ".join(lost) if lost else "nowhere here") + ".")
    print("Not measured: GPUs, several worker processes (mlflow's -w), bodies of many rows.")
    return 0


def compare(name: str, model: Path, body: bytes, folder: Path, rounds: int, requests: int) -> list[str]:
    """Print one model's table; returns where we lose."""
    folder.mkdir()
    running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
    started: dict[str, float] = {}
    results: dict[tuple[str, int], list[dict[str, float]]] = {}
    memory: dict[str, float] = {}
    try:
        for server, (begin, path) in SERVERS.items():
            port = free_port()
            process = begin(model, folder / server, port)
            running[server] = process, port
            started[server] = until_ready(port, path, process, folder / server / "log.txt")
        for server, (_, port) in running.items():
            load_elsewhere(port, body, 1, 50)
            for _ in range(rounds):
                for clients in CLIENTS:
                    results.setdefault((server, clients), [])
        for _ in range(rounds):
            for clients in CLIENTS:
                for server, (_, port) in running.items():  # in turn, so that a busy moment hits both
                    results[server, clients].append(load_elsewhere(port, body, clients, requests))
        for server, (process, _) in running.items():
            memory[server] = sum(member.memory_info().rss for member in tree(process)) / 2**20
    finally:
        for process, _ in running.values():
            end(process)
    print(f"{name}\n  {'server':<8}{'clients':>8}{'p50 ms':>9}{'p99 ms':>9}{'requests/s':>12}")
    middle = {
        key: {measure: statistics.median(each[measure] for each in rows) for measure in rows[0]}
        for key, rows in results.items()
    }
    for (server, clients), row in middle.items():
        print(f"  {server:<8}{clients:>8}{row['p50']:>9.2f}{row['p99']:>9.2f}{row['rps']:>12.0f}")
    for server in SERVERS:
        print(f"  {server:<8} ready after {started[server]:.1f} s (one start), {memory[server]:.0f} MiB resident")
    print()
    lost = []
    for clients in CLIENTS:
        ours, theirs = middle["ours", clients], middle["mlflow", clients]
        lost += [f"{name}, {clients} clients: {m}" for m in ("p50", "p99") if ours[m] > theirs[m]]
        lost += [f"{name}, {clients} clients: requests/s"] if ours["rps"] < theirs["rps"] else []
    lost += [f"{name}: start"] if started["ours"] > started["mlflow"] else []
    lost += [f"{name}: memory"] if memory["ours"] > memory["mlflow"] else []
    return lost


if __name__ == "__main__":
    sys.exit(main())
