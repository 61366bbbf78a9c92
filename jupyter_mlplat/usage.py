"""What a tree of processes and its GPUs use, as curves of a run: names and rhythm as MLflow's system metrics have them.

MLflow's `system/cpu_utilization_percentage` is about the whole machine. What is about some processes on it is named so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .models import GPU

SYSTEM = "system/"
"""What the names of such metrics begin with; MLflow's and our own views show them apart."""
CPU = f"{SYSTEM}process_cpu_utilization_percentage"
"""100 is one core at work."""
MEMORY = f"{SYSTEM}process_memory_usage_megabytes"
"""Resident memory, a million bytes; pages that processes share counted for each."""

FIRST_S = 4.0
"""What ends before costs nothing and has no curve."""
EVERY_S = 10.0
MEGABYTE = 1e6

Value = TypeVar("Value")


def wanted() -> bool:
    """False where MLflow's own variable says no, or has MLflow itself measure."""
    return not os.environ.get("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING")


def every() -> float:
    """Seconds from one sample to the next: MLflow's own variable, else 10."""
    try:
        return max(float(os.environ.get("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL") or EVERY_S), 0.1)
    except ValueError:
        return EVERY_S


class Usage:
    """The CPU of some processes from one look to the next, and their memory now. `pids` finds them."""

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self._pids = pids
        self._every = every()
        self._due = time.monotonic() + min(FIRST_S, self._every)
        self._seen = self._look()

    def sample(self) -> dict[str, float] | None:
        """What was used since the last one; None while the next one is not due, or where no process is left."""
        if time.monotonic() < self._due:
            return None
        self._due = time.monotonic() + self._every
        then, before = self._seen
        pids = self._pids()
        self._seen = now, seconds = self._look(pids)
        memory = resident(pids)
        if not memory:
            return None  # nobody is left, or they are ending
        # A process that ended takes its share with it, unless its parent has waited for it.
        return {CPU: round(max(seconds - before, 0.0) / (now - then) * 100, 1), MEMORY: megabytes(memory)}

    def _look(self, pids: Sequence[int] | None = None) -> tuple[float, float]:
        return time.monotonic(), cpu_seconds(self._pids() if pids is None else pids)


def of_gpus(devices: Sequence[GPU]) -> dict[str, float]:
    """Of whole devices, under MLflow's names. They are numbered as the process that has them sees them."""
    found: dict[str, float] = {}
    for number, device in enumerate(devices):
        name = f"{SYSTEM}gpu_{number}"
        if device.memory_total_bytes:
            found[f"{name}_memory_usage_megabytes"] = megabytes(device.memory_used_bytes)
            share = device.memory_used_bytes / device.memory_total_bytes
            found[f"{name}_memory_usage_percentage"] = round(share * 100, 1)
        if device.utilization is not None:
            found[f"{name}_utilization_percentage"] = round(device.utilization * 100, 1)
        if device.power_watts is not None:
            found[f"{name}_power_usage_watts"] = round(device.power_watts, 1)
    return found


def without_system(metrics: Mapping[str, Value]) -> dict[str, Value]:
    """What somebody has logged: without what was measured beside it."""
    return {key: value for key, value in metrics.items() if not key.startswith(SYSTEM)}


def megabytes(count: float) -> float:
    """As MLflow counts them."""
    return round(count / MEGABYTE, 1)


# --- processes --------------------------------------------------------------------------------------


def tree(root: int) -> list[int]:
    """Every descendant of process `root`, by pid (proc(5), `children`); `root` is not among them."""
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        from .processes import descendants

        return [process.pid for process in descendants(root)]
    found: list[int] = []
    parents = [root]
    while parents:
        children = _children(parents.pop())
        found += children
        parents += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
        except OSError:
            continue  # it has just ended
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Seconds of CPU that these processes have used, with children that they have waited for (proc(5), `stat`)."""
    ticks = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                ticks += sum(map(int, file.read().rpartition(b")")[2].split()[11:15]))
        except OSError:
            continue
    return ticks / _clock()


def resident(pids: Iterable[int]) -> int:
    """Bytes of physical memory that these processes have, pages that they share counted for each of them."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                total += int(file.read().split()[1]) * _page()
        except FileNotFoundError:
            if not os.path.exists("/proc/self/statm"):
                total += _asked_of_psutil(pid)
        except OSError:
            continue
    return total


@cache
def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


@cache
def _clock() -> int:
    return os.sysconf("SC_CLK_TCK")


def _asked_of_psutil(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
