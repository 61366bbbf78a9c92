"""Finding runs among many: our list against MLflow's `search_runs`, as the client and the page of MLflow ask for it.

    python benchmarks/runs.py [--runs 10000 100000] [--rounds 7]

Makes an MLflow database on SQLite with so many runs of 10 metrics, 10 parameters and 4 tags by plain inserts, then asks
for the first page of 50, for a filter and for an order, each in turn of us and of MLflow. Limits: at 10,000 runs 50 ms
for the first page and 100 ms for a filter or an order, at 100,000 runs 150 ms. Also: what our copy takes the first
time, and the first answer of a new process.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jupyter_mlplat.home import Home
from jupyter_mlplat.platform import Platform

QUESTIONS: dict[str, dict[str, Any]] = {
    "first page": {},
    "a filter on a metric": {"filter": "metrics.m3 > 0.9"},
    "a rare one": {"filter": "metrics.m3 > 0.999 AND params.p1 = '1'"},
    "one that none fits": {"filter": "metrics.m3 > 0.9 AND metrics.m3 < 0.1"},
    "by a metric": {"order_by": ["metrics.m4 DESC"]},
    "by a parameter": {"order_by": ["params.p2 ASC"]},
    "a filter, by a metric": {"filter": "metrics.m3 > 0.5 AND params.p3 = 'a'", "order_by": ["metrics.m4 DESC"]},
}


PEER_MS = 20_000.0
"""MLflow is not asked again once a question has taken it so long."""


def limit_ms(runs: int, question: str) -> float:
    """What the issue of this page asks for."""
    return 150.0 if runs > 10_000 else 50.0 if question == "first page" else 100.0


def fill(path: Path, count: int) -> None:
    """So many runs, as MLflow would have written them."""
    dice = random.Random(1)
    ids = [uuid.UUID(int=dice.getrandbits(128)).hex for _ in range(count)]
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'UNKNOWN', '', '', 'u', ?, ?, ?, '', 'active', 'file:///none', 0)",
            (
                (id, f"run-{n}", dice.choice(["FINISHED", "FAILED"]), 1_790_000_000_000 + n, 1_790_000_000_500 + n)
                for n, id in enumerate(ids)
            ),
        )
        for table in ("metrics", "latest_metrics"):
            own = random.Random(2)
            connection.executemany(
                f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 1, 0, 0, ?)",
                ((f"m{n}", own.random(), id) for id in ids for n in range(10)),
            )
        connection.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            ((f"p{n}", dice.choice(["1", "2", "3", "a", "bb"]), id) for id in ids for n in range(10)),
        )
        connection.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            (
                (key, value, id)
                for n, id in enumerate(ids)
                for key, value in (
                    ("mlflow.user", "u"), ("mlflow.runName", f"run-{n}"), ("mlflow.source.name", "a.ipynb"),
                    ("t", str(n % 7)),
                )
            ),
        )  # fmt: skip
    connection.close()


def ms(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def measure(folder: Path, count: int, rounds: int) -> int:
    home = Home(folder / str(count)).ensure()
    os.environ["MLPLAT_HOME"] = str(home.root)
    platform = Platform(home_dir=str(home.root))
    client = platform.runs.client()
    fill(home.mlflow_database, count)
    first = ms(platform.runs.list)
    code = "from jupyter_mlplat.platform import Platform; Platform().runs.list()"
    again = ms(lambda: subprocess.run([sys.executable, "-c", code], check=True))
    bare = ms(lambda: subprocess.run([sys.executable, "-c", code.replace(".list()", "")], check=True))
    print(f"{count} runs: the copy made in {first / 1000:.1f} s; the list of a new process {again - bare:.0f} ms")
    missed = 0
    print(f"{'p50 and p90 in ms':26} {'ours':>8} {'':>8} {'MLflow':>8} {'':>8}")
    for name, question in QUESTIONS.items():
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(ms(lambda question=question: platform.runs.list(limit=50, **question)))  # type: ignore[misc]
            if sum(theirs) > PEER_MS:
                continue
            theirs.append(
                ms(
                    lambda question=question: client.search_runs(  # type: ignore[misc]
                        ["0"], question.get("filter", ""), order_by=question.get("order_by"), max_results=50
                    )
                )
            )
        shown = [
            number for one in (sorted(ours), sorted(theirs))
            for number in (statistics.median(one), one[min(len(one) - 1, int(len(one) * 0.9))])
        ]  # fmt: skip
        print(f"{name:26} " + " ".join(f"{number:8.1f}" for number in shown))
        if shown[0] > limit_ms(count, name):
            missed = 1
            print(f"{'':26} the limit is {limit_ms(count, name):.0f} ms")
    platform.close()
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    print(f"mlflow {version('mlflow')}, SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}, "
          f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        return max(measure(Path(name), count, args.rounds) for count in args.runs)


if __name__ == "__main__":
    sys.exit(main())
