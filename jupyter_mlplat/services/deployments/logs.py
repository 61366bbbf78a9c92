"""The log of an endpoint's process, which the serving target keeps small."""

from __future__ import annotations

import os
from pathlib import Path

CHUNK = 1 << 20


def read(path: Path, offset: int) -> tuple[str, int]:
    """Text from byte `offset` on, at most 1 MiB of it, and where the next read continues.

    A log that has become shorter was started anew, and is read from its start.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = offset if 0 <= offset <= size else 0
            file.seek(start)
            data = file.read(CHUNK)
    except OSError:
        return "", 0
    if start + len(data) < size or not data.endswith(b"\n"):
        data = data[: _whole(data)]
    return data.decode("utf-8", "replace"), start + len(data)


def _whole(data: bytes) -> int:
    """How many bytes of `data` are whole characters (RFC 3629)."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return len(data)
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) if back >= length else len(data) - back
    return len(data)


def tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log, empty where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(line for line in text.splitlines()[-lines:] if line.strip())
