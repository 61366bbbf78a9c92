"""Pages: which ones a kernel writes to, and what processes really cost.

A forked process shares its memory with its parent until it writes; each first write of a page costs some
microseconds. What a kernel writes while it starts (reference counts, mostly) is known from a trial, so a waiting
kernel writes those pages ahead.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

PAGE = os.sysconf("SC_PAGE_SIZE")
_PRESENT, _EXCLUSIVE = 1 << 63, 1 << 56


def own_pages() -> list[int]:
    """Numbers of the pages that this process shares with nobody, by proc(5) pagemap; [] where it cannot be read."""
    found: list[int] = []
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            for low, high in _writable():
                pagemap.seek(low * 8)
                entries = pagemap.read((high - low) * 8)
                for index, (entry,) in enumerate(struct.iter_unpack("Q", entries)):
                    if entry & _PRESENT and entry & _EXCLUSIVE:
                        found.append(low + index)
    except OSError:
        return []
    return found


def touch(pages: list[int]) -> None:
    """Write to each of `pages` that this process has, leaving them as they are."""
    remaining = iter(pages)
    page = next(remaining, None)
    for low, high in _writable():
        while page is not None and page < high:
            if page >= low:
                ctypes.memmove(page * PAGE, page * PAGE, 1)
            page = next(remaining, None)


def _writable() -> Iterator[tuple[int, int]]:
    """The private, writable ranges of this process, in order, as page numbers."""
    with open("/proc/self/maps") as maps:
        lines = maps.readlines()
    for line in lines:
        addresses, mode = line.split()[:2]
        if mode.startswith("rw") and mode.endswith("p"):
            low, high = (int(address, 16) // PAGE for address in addresses.split("-"))
            yield low, high


def share(pid: int) -> int:
    """Bytes of `pid` in memory, what it shares divided among those that share it (PSS); 0 where it is gone."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:")


def resident(pid: int) -> int:
    """Bytes of `pid` in memory, shared or not (RSS); 0 where it is gone."""
    return _kilobytes(f"/proc/{pid}/status", "VmRSS:")


def _kilobytes(path: str, field: str) -> int:
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
