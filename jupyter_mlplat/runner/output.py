"""What a notebook prints, kept within limits: of one cell, of all cells together, and of the log."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

FRAME = 256
"""Bytes that an output costs beside its content: its names in the notebook, its objects in memory."""

FOLD_AFTER = 4096
ERROR_LIMIT = 2**20


def in_words(size: int) -> str:
    """A number of bytes as people write it: `10 MiB`, `1.5 GiB`."""
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


def size_of(value: object) -> int:
    """Bytes that a text, or the data of a display, takes in a notebook."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, dict):
        return sum(size_of(part) for part in value.values())
    return len(json.dumps(value))


class OutputLimit:
    """Counts the outputs of an attempt and says what still fits; the caller keeps the outputs.

    A cell that went over a limit has one marker as its last output, and takes no more until it is cleared.
    """

    def __init__(self, cell_limit: int, limit: int) -> None:
        self.cell_limit = cell_limit
        self.limit = limit
        self.used = 0
        self._of_cell: dict[int, int] = defaultdict(int)
        self._full: set[int] = set()

    def full(self, cell: int) -> bool:
        """True after something of this cell was dropped."""
        return cell in self._full

    def room(self, cell: int) -> int:
        """Bytes that this cell may still print."""
        return max(0, min(self.cell_limit - self._of_cell[cell], self.limit - self.used))

    def take(self, cell: int, size: int) -> bool:
        """Count `size` more bytes (fewer, where negative); False where they do not fit."""
        if size > 0 and (self.full(cell) or size > self.room(cell)):
            return False
        self._of_cell[cell] += size
        self.used += size
        return True

    def clear(self, cell: int) -> None:
        """The outputs of this cell are gone."""
        self.used -= self._of_cell.pop(cell, 0)
        self._full.discard(cell)

    def overflow(self, cell: int) -> str | None:
        """What the marker says when the cell goes over, or None where it has one."""
        if self.full(cell):
            return None
        self._full.add(cell)
        of_cell = self.cell_limit - self._of_cell[cell] <= self.limit - self.used
        what = f"{in_words(self.cell_limit)} from this cell" if of_cell else f"{in_words(self.limit)} from this job"
        return f"output truncated: more than {what}; print less or write it to a file\n"


class Stream:
    """Consecutive prints of one name (`stdout`, `stderr`) as one output, joined now and then, not at every message."""

    def __init__(self, output: Any, cell: int) -> None:
        self.output = output
        self.cell = cell
        self._pieces: list[str] = []

    def add(self, text: str) -> int:
        """Append; returns the bytes that joining gave back, where it was time to join."""
        self._pieces.append(text)
        return self.fold() if len(self._pieces) >= FOLD_AFTER else 0

    def fold(self) -> int:
        """Join what was added. Lines that a carriage return began anew keep their last state, as a terminal shows them.

        Returns how many bytes the notebook needs less than was counted.
        """
        if not self._pieces:
            return 0
        added = "".join(self._pieces)
        self._pieces.clear()
        text: str = self.output["text"]
        if "\r" not in added and not text.endswith("\r"):
            self.output["text"] = text + added
            return 0
        done = text.rfind("\n") + 1
        open_line = text[done:] + added
        shown = "\n".join(_last_state(line) for line in open_line.split("\n"))
        self.output["text"] = text[:done] + shown
        return size_of(open_line) - size_of(shown)


def _last_state(line: str) -> str:
    return line[line.rfind("\r", 0, len(line.rstrip("\r"))) + 1 :]


def cut(text: str, size: int) -> str:
    """The beginning of `text` that takes at most `size` bytes."""
    return text[:size] if text.isascii() else text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def shorten_error(content: dict[str, Any]) -> dict[str, Any]:
    """An error's content, its value and each line of its traceback cut to what a reader can use."""
    lines, left = [], ERROR_LIMIT
    for line in reversed(content.get("traceback") or []):
        if left <= 0:
            break
        lines.append(cut(line, left))
        left -= size_of(lines[-1])
    return {**content, "evalue": cut(str(content.get("evalue", "")), ERROR_LIMIT), "traceback": lines[::-1]}


class Log:
    """The text that a notebook printed, in a file that others read while it grows; at most `limit` bytes.

    The runner's own words come after it whatever its size.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.limit = limit
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - as long as the runner lives
        self._size = os.fstat(self._file.fileno()).st_size
        self._full = False

    def write(self, text: str) -> None:
        """Add what the notebook printed, as far as it fits. A disk that is full ends no job for its log."""
        if self._full:
            return
        data = text.encode("utf-8", "replace")
        if self._size + len(data) > self.limit:
            self._full = True
            data = data[: max(0, self.limit - self._size)]
            data += f"\nlog truncated: more than {in_words(self.limit)} from this job; print less\n".encode()
        with suppress(OSError):
            self._size += self._file.write(data) or 0

    def say(self, text: str) -> None:
        """Add what the runner has to say: why it ended."""
        with suppress(OSError):
            self._file.write(cut(text, ERROR_LIMIT).encode("utf-8", "replace"))
