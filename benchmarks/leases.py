"""The ledger of GPU leases: what a grant costs, and what a change costs with a long queue.

    python benchmarks/leases.py [--waiting 1000]

Prints the median and the 99th percentile in milliseconds on SQLite. The limits are medians: 5 ms for a grant
(acquire and release on free devices, each), 50 ms for a change while 1,000 requests wait.
"""

from __future__ import annotations

import argparse
import os
import platform as machine
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.models import Lease, LeaseRequest
from jupyter_mlplat.platform import SystemClock
from jupyter_mlplat.services.gpus import GPUsService, Quotas
from jupyter_mlplat.store import Store

GRANT_MS = 5.0
CHANGE_MS = 50.0
DEVICES = 8


def timed(call: Callable[[], Lease]) -> tuple[float, Lease]:
    """Milliseconds that a call took, and what it gave."""
    began = time.perf_counter()
    given = call()
    return (time.perf_counter() - began) * 1000, given


def ask(gpus: GPUsService, owner: str, priority: int = 0) -> tuple[float, Lease]:
    """One device for this process."""
    request = LeaseRequest(pid=os.getpid(), priority=priority)
    return timed(lambda: gpus.acquire(request, owner=owner))


def grants(gpus: GPUsService, times: int) -> tuple[list[float], list[float]]:
    """Acquire and release on free devices."""
    taken, given_back = [], []
    for number in range(times + 1):
        took, lease = ask(gpus, f"user{number % 7}")
        assert lease.devices
        gave, _ = timed(lambda lease=lease: gpus.release(lease.id))  # type: ignore[misc]
        if number:
            taken.append(took)
            given_back.append(gave)
    return taken, given_back


def changes(gpus: GPUsService, waiting: int, times: int) -> tuple[list[float], list[float], list[float]]:
    """Arrivals that overtake half of the queue, releases that grant to its head, and looks of one near the head."""
    held = [ask(gpus, "holder")[1] for _ in range(DEVICES)]
    for number in range(waiting):
        ask(gpus, f"user{number % 7}", priority=1 if number < waiting // 2 else -1)
    arrived, granted, looked = [], [], []
    for number in range(times + 1):
        came, lease = ask(gpus, f"user{number % 7}")
        assert lease.position is not None
        assert lease.position > waiting // 4
        head = gpus.list().queue[0].id
        looks, _ = timed(lambda head=head: gpus.look(head))  # type: ignore[misc]
        gave, _ = timed(lambda: gpus.release(held.pop(0).id))
        granted_now = gpus.get(head)
        assert granted_now.devices
        held.append(granted_now)
        if number:
            arrived.append(came)
            granted.append(gave)
            looked.append(looks)
    return arrived, granted, looked


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=1_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        store = Store(f"sqlite:///{name}/mlplat.db")
        gpus = GPUsService(store, FakeSource(f"{DEVICES}xA100-80G", Path(name, "used.json")), SystemClock(), Quotas())
        taken, given_back = grants(gpus, 200)
        arrived, granted, looked = changes(gpus, args.waiting, 50)
        store.close()
    print(
        f"{DEVICES} devices, {args.waiting} waiting, SQLite, Python {machine.python_version()}, {os.cpu_count()} CPUs; "
        "milliseconds"
    )
    over = False
    for what, values, limit in (
        ("acquire a free device", taken, GRANT_MS),
        ("release it", given_back, GRANT_MS),
        ("ask, and overtake half of those that wait", arrived, CHANGE_MS),
        ("release, and grant to the head of the queue", granted, CHANGE_MS),
        ("look after one that waits", looked, None),
    ):
        middle = percentile(values, 0.5)
        over = over or (limit is not None and middle > limit)
        verdict = "" if limit is None else f"p50 at most {limit:g}: {'ok' if middle <= limit else 'OVER'}"
        print(f"  {what:<46} p50 {middle:8.2f}  p99 {percentile(values, 0.99):8.2f}  {verdict}".rstrip())
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
