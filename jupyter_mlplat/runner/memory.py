"""The memory of an attempt: of its whole tree, on the host and on GPUs, for each cell and all together."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..usage import resident, tree
from .output import in_words
from .tree import roots

SAMPLE_S = 0.25
GPU_SAMPLE_S = 1.0


@dataclass
class Peak:
    """The most that was seen, in bytes; None where nothing was."""

    rss: int | None = None
    gpu_memory: int | None = None

    def see(self, rss: int | None, gpu_memory: int | None) -> None:
        if rss is not None:
            self.rss = max(rss, self.rss or 0)
        if gpu_memory is not None:
            self.gpu_memory = max(gpu_memory, self.gpu_memory or 0)


class MemoryWatch:
    """Samples the memory of every descendant of this process, and tells when it is more than the limit.

    Samples miss what comes and goes within a quarter of a second.
    """

    def __init__(self, limit: int | None, exceeded: Callable[[str], None]) -> None:
        self.limit = limit
        self.whole = Peak()
        self._cell: Peak | None = None
        self._exceeded = exceeded
        self._lock = threading.Lock()
        self._gpu_seen = -GPU_SAMPLE_S

    def run(self, until: threading.Event) -> None:
        """Look until the event is set; for a thread of its own."""
        while not until.wait(SAMPLE_S):
            rss = self.sample(gpu=True)
            if self.limit is not None and rss > self.limit:
                # Pages that forked processes share count once: no tree dies of an overcount.
                used = proportional(of_attempt())
                if used > self.limit:
                    self._exceeded(over_limit(used, self.limit))
                    return

    def sample(self, *, gpu: bool = False) -> int:
        """Look once; returns the resident bytes of the tree."""
        processes = of_attempt()
        rss = resident(processes)
        on_gpu = None
        if gpu and time.monotonic() - self._gpu_seen >= GPU_SAMPLE_S:
            self._gpu_seen = time.monotonic()
            on_gpu = gpu_memory(processes)
        with self._lock:
            for peak in (self.whole, self._cell):
                if peak is not None:
                    peak.see(rss, on_gpu)
        return rss

    def cell_started(self) -> None:
        with self._lock:
            self._cell = Peak()

    def cell_ended(self) -> Peak | None:
        """The peak since the cell started."""
        self.sample()
        with self._lock:
            peak, self._cell = self._cell, None
        return peak


def of_attempt() -> list[int]:
    """The processes of an attempt, by pid: the descendants of its runner."""
    return [pid for root in roots() for pid in tree(root)]


def over_limit(used: int, limit: int) -> str:
    """What a job is told that was ended for its memory."""
    return (
        f"the notebook and its processes used {in_words(used)} of memory, more than the limit of {in_words(limit)}: "
        "load less at once or raise the limit"
    )


def proportional(pids: Iterable[int]) -> int:
    """The same with shared pages split among those that share them (proc(5), `smaps_rollup`)."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
        except OSError:
            total += resident([pid])
    return total


def gpu_memory(pids: Iterable[int]) -> int | None:
    """Bytes that these processes have on all GPUs; None without NVML, and where it knows none of them.

    In a container NVML may name processes by the host's pids, of which none is ours.
    """
    nvml = _nvml()
    if nvml is None:
        return None
    ours, used = set(pids), None
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            device = nvml.nvmlDeviceGetHandleByIndex(index)
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(device):
                if process.pid in ours and process.usedGpuMemory is not None:
                    used = (used or 0) + int(process.usedGpuMemory)
    except nvml.NVMLError:
        return used
    return used


@cache
def _nvml() -> Any | None:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
