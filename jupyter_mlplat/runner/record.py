"""What an attempt says of itself: cells while they run, and how it ended."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ..attempts import EXIT_RECORD, LOG, write_atomically
from ..models import CellState, Reason


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


@dataclass
class Outcome:
    """How an attempt ended."""

    state: str = "succeeded"
    reason: Reason | None = None
    message: str | None = None

    def fail(self, reason: Reason, message: str, *, state: str = "failed") -> None:
        """Keep the first cause: what follows from it is no news."""
        if self.reason is None:
            self.state, self.reason, self.message = state, reason, message


@dataclass
class CellRecord:
    """One code cell, by its position in the submitted notebook."""

    index: int
    state: CellState = CellState.NOT_RUN
    started_at: str | None = None
    ended_at: str | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, object]:
        return {
            "index": self.index,
            "state": self.state.value,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "error": self.error,
        }


@dataclass
class Recorder:
    """Keeps the cells of an attempt and tells whoever listens on `stream`; safe to call from any thread."""

    key: str
    folder: Path
    stream: BinaryIO | None = None
    cells: dict[int, CellRecord] = field(default_factory=dict)
    started_at: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: bool = False

    def report(self, kind: str, **data: object) -> None:
        """Send one line; a listener that is gone is not our trouble: the exit record remains."""
        if self.stream is None:
            return
        line = json.dumps({"key": self.key, "kind": kind, "data": data}, allow_nan=False).encode() + b"\n"
        with self._lock:
            try:
                self.stream.write(line)
                self.stream.flush()
            except (OSError, ValueError):
                self.stream = None

    def started(self) -> None:
        self.started_at = now()
        self.report("started", started_at=self.started_at)

    def cell_started(self, index: int) -> None:
        self.cells[index] = CellRecord(index, CellState.RUNNING, now())
        self.report("cell", **self.cells[index].to_dict())

    def cell_ended(self, index: int, state: CellState, error: str | None = None) -> None:
        cell = self.cells.setdefault(index, CellRecord(index))
        cell.state, cell.error = state, error
        if state is not CellState.SKIPPED:
            cell.ended_at = now()
        self.report("cell", **cell.to_dict())

    def print(self, text: str) -> None:
        """Add to the log what the notebook printed."""
        with open(self.folder / LOG, "a", encoding="utf-8", errors="replace") as file:
            file.write(text)

    def ended(self, outcome: Outcome) -> None:
        """Write the exit record, once, and report it."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        for cell in self.cells.values():
            if cell.state is CellState.RUNNING:
                cell.state, cell.ended_at = _unfinished(outcome), now()
        record: dict[str, object] = {
            "key": self.key,
            "state": outcome.state,
            "reason": outcome.reason.value if outcome.reason else None,
            "message": outcome.message,
            "started_at": self.started_at,
            "ended_at": now(),
            "cells": [cell.to_dict() for _, cell in sorted(self.cells.items())],
        }
        write_atomically(self.folder / EXIT_RECORD, record)
        self.report("ended", **record)


def _unfinished(outcome: Outcome) -> CellState:
    if outcome.reason is Reason.TIMEOUT:
        return CellState.TIMEOUT
    return CellState.KERNEL_DIED if outcome.reason is Reason.KERNEL_DIED else CellState.CANCELLED
