"""The store under load: 100,000 past jobs, 10,000 schedules, 1,000 queued jobs.

    python benchmarks/job_store.py [--jobs 100000] [--schedules 10000] [--queued 1000]

Prints medians in milliseconds of what the engine and the panels ask again and again. The limits are 50 ms for
the scheduler's tick and for the first page of the jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform as machine
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.jobs import DueSchedules, JobQueue
from jupyter_mlplat.store import tables

LIMIT_MS = 50.0
CHUNK = 10_000


def fill(platform: Platform, jobs: int, schedules: int, queued: int) -> None:
    """Rows as the services write them; only their folders are missing."""
    now = platform.clock.now()
    common = {"notebook": "/data/train.ipynb", "owner": "ada", "folder": "/data", "metric": {}, "cells_total": 5}
    with platform.store.write() as transaction:
        for start in range(0, jobs, CHUNK):
            rows = [
                {
                    **common,
                    "name": f"train {number}",
                    "state": "succeeded" if number % 10 else "failed",
                    "attempt": 1,
                    "parameters": {"lr": 0.1},
                    "submitted_at": now - timedelta(seconds=jobs - number),
                    "started_at": now - timedelta(seconds=jobs - number),
                    "ended_at": now - timedelta(seconds=jobs - number - 1),
                }
                for number in range(start, min(start + CHUNK, jobs))
            ]
            transaction.connection.execute(insert(tables.jobs), rows)
        rows = [
            {**common, "name": "later", "state": "queued", "attempt": 0, "parameters": {}, "submitted_at": now}
            for _ in range(queued)
        ]
        transaction.connection.execute(insert(tables.jobs), rows)
        when = {"timezone": "UTC", "overlap": "queue", "catch_up": "latest", "catch_up_limit": 100}
        stamps = {"starts_at": now, "created_at": now, "updated_at": now}
        rows = [
            {
                **when,
                **stamps,
                "name": f"nightly {number}",
                "owner": "ada",
                "state": "active",
                "notebook": "/data/train.ipynb",
                "notebook_hash": "0" * 64,
                "folder": "/data",
                "job": {"parameters": {}, "options": {}},
                "cron": "0 6 * * *",
                "next_at": now + timedelta(hours=1, seconds=number),
            }
            for number in range(schedules)
        ]
        transaction.connection.execute(insert(tables.schedules), rows)


def median_ms(call: Callable[[], object], times: int = 30) -> float:
    """The median of `times` calls, after one that is not counted."""
    call()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def fire(platform: Platform, due: DueSchedules, folder: Path, count: int) -> float:
    """Milliseconds for each of `count` schedules that are due in the same tick."""
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "submitted.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with platform.store.write() as transaction:
        transaction.connection.execute(
            tables.schedules.update()
            .where(tables.schedules.c.id <= count)
            .values(next_at=platform.clock.now(), folder=str(folder))
        )
    began = time.perf_counter()
    due.tick()
    return (time.perf_counter() - began) * 1000 / count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--queued", type=int, default=1_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        platform = Platform(home_dir=name)
        fill(platform, args.jobs, args.schedules, args.queued)
        queue = JobQueue(platform.store, platform.clock)
        due = DueSchedules(platform.store, platform.home, platform.clock, platform.jobs)
        middle = str(args.jobs // 2)
        rows = [
            ("tick of the scheduler, nothing due", median_ms(due.tick), LIMIT_MS),
            ("first page of the jobs, 50 queued among them", median_ms(lambda: platform.jobs.list(limit=50)), LIMIT_MS),
            ("a page in the middle", median_ms(lambda: platform.jobs.list(limit=50, after=middle)), LIMIT_MS),
            ("first page of failed jobs", median_ms(lambda: platform.jobs.list(state="failed")), LIMIT_MS),
            ("first page of the schedules", median_ms(lambda: platform.schedules.list(limit=50)), LIMIT_MS),
            ("one job with its place in the queue", median_ms(lambda: platform.jobs.get(str(args.jobs + 1))), None),
            ("how many jobs live", median_ms(queue.counts), None),
            ("take one job from the queue", median_ms(lambda: queue.claim(1)), None),
            ("fire one schedule, of 50 due at once", fire(platform, due, Path(name), 50), None),
        ]
        platform.close()
    print(
        f"{args.jobs} past jobs, {args.queued} queued, {args.schedules} schedules, SQLite, "
        f"Python {machine.python_version()}, {os.cpu_count()} CPUs; medians, ms"
    )
    for what, taken, limit in rows:
        verdict = "" if limit is None else f"at most {limit:g}: {'ok' if taken <= limit else 'OVER'}"
        print(f"  {what:<46} {taken:8.2f}  {verdict}".rstrip())
    return 1 if any(limit is not None and taken > limit for _, taken, limit in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
