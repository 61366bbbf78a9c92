"""What an attempt says of itself: cells while they run, and how it ended."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from ..attempts import EXIT_RECORD, LOG, write_atomically
from ..crashpoint import crashpoint
from ..models import CellState, Reason
from .memory import Peak
from .output import Log, cut

MESSAGE_LIMIT = 4000


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11; the number itself where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


@dataclass
class Outcome:
    """How an attempt ended; `exit_signal` or `exit_status` are those of a kernel that died."""

    state: str = "succeeded"
    reason: Reason | None = None
    message: str | None = None
    exit_signal: str | None = None
    exit_status: int | None = None
    pruned_at: int | None = None

    def prune(self, step: int) -> None:
        """A trial that was found hopeless has done its work, unless something else ended it."""
        if self.reason is None:
            self.pruned_at = step
            self.fail(Reason.PRUNED, f"pruned at step {step}", state="succeeded")

    def fail(self, reason: Reason, message: str, *, state: str = "failed") -> None:
        """Keep the first cause: what follows from it is no news."""
        if self.reason is None:
            self.state, self.reason, self.message = state, reason, message

    def died(self, returncode: int | None) -> str:
        """Keep how the kernel's process ended; returns it in words."""
        if returncode is None:
            return "the kernel died"
        if returncode < 0:
            self.exit_signal = signal_name(-returncode)
            return f"the kernel was killed by signal {self.exit_signal}"
        self.exit_status = returncode
        return f"the kernel exited with status {returncode}"


@dataclass
class CellRecord:
    """One code cell, by its position in the submitted notebook; memory in bytes, of the whole tree while it ran."""

    index: int
    state: CellState = CellState.NOT_RUN
    started_at: str | None = None
    ended_at: str | None = None
    error: str | None = None
    peak_rss: int | None = None
    peak_gpu_memory: int | None = None

    def to_dict(self) -> dict[str, object]:
        return {
            "index": self.index,
            "state": self.state.value,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "error": self.error,
            "peak_rss": self.peak_rss,
            "peak_gpu_memory": self.peak_gpu_memory,
        }


class Recorder:
    """Keeps the cells of an attempt and tells whoever listens on `stream`; safe to call from any thread.

    `redact` goes over every text that leaves through here.
    """

    def __init__(self, key: str, folder: Path, stream: BinaryIO | None = None, *, log_limit: int = 2**40) -> None:
        self.key = key
        self.folder = folder
        self.stream = stream
        self.cells: dict[int, CellRecord] = {}
        self.started_at: str | None = None
        self.redact: Callable[[str], str] = str
        self.results: dict[str, Any] = {}
        self.note: str | None = None
        self._log = Log(folder / LOG, log_limit)
        self._lock = threading.Lock()
        self._ended = False

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

    def cell_ended(self, index: int, state: CellState, error: str | None = None, peak: Peak | None = None) -> None:
        cell = self.cells.setdefault(index, CellRecord(index))
        cell.state, cell.error = state, self._text(error)
        if state is not CellState.SKIPPED:
            cell.ended_at = now()
            if peak is not None:
                cell.peak_rss, cell.peak_gpu_memory = peak.rss, peak.gpu_memory
        self.report("cell", **cell.to_dict())

    def print(self, text: str) -> None:
        """Add to the log what the notebook printed, which is redacted already."""
        self._log.write(text)

    def explain(self, text: str) -> None:
        """Add to the log why it ended, however full that is."""
        self._log.say(self.redact(text))

    def ended(self, outcome: Outcome, peak: Peak | None = None) -> None:
        """Write the exit record, once, and report it; what cannot be written down has not succeeded."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        for cell in self.cells.values():
            if cell.state is CellState.RUNNING:
                cell.state, cell.ended_at = _unfinished(outcome), now()
        peak = peak or Peak()
        record: dict[str, object] = {
            "key": self.key,
            "state": outcome.state,
            "reason": outcome.reason.value if outcome.reason else None,
            "message": self._text(outcome.message),
            "exit_signal": outcome.exit_signal,
            "exit_status": outcome.exit_status,
            "pruned_at": outcome.pruned_at,
            "started_at": self.started_at,
            "ended_at": now(),
            "peak_rss": peak.rss,
            "peak_gpu_memory": peak.gpu_memory,
            "note": self._text(self.note),
            "results": self._results(),
            "cells": [cell.to_dict() for _, cell in sorted(self.cells.items())],
        }
        crashpoint("runner-record")
        try:
            write_atomically(self.folder / EXIT_RECORD, record)
        except OSError as error:
            why = f"its exit record could not be written: {error.strerror}"
            if outcome.state == "succeeded":
                record |= {"state": "failed", "reason": Reason.BACKEND_UNAVAILABLE.value, "message": why}
            else:
                record["message"] = f"{record['message']} ({why})"
        crashpoint("runner-recorded")
        self.report("ended", **record)

    def _results(self) -> dict[str, Any]:
        written = json.dumps(self.results)
        redacted = self.redact(written)
        try:
            return self.results if redacted == written else dict(json.loads(redacted))
        except ValueError:
            return {}

    def _text(self, text: str | None) -> str | None:
        if text is None:
            return None
        # What a database takes: no half of a surrogate pair, and PostgreSQL no NUL.
        text = self.redact(text).encode("utf-8", "replace").decode().replace("\0", "\\0")
        return text if len(text) <= MESSAGE_LIMIT else cut(text, MESSAGE_LIMIT) + " …"


def _unfinished(outcome: Outcome) -> CellState:
    if outcome.reason is Reason.TIMEOUT:
        return CellState.TIMEOUT
    died = outcome.reason in (Reason.KERNEL_DIED, Reason.OUT_OF_MEMORY)
    return CellState.KERNEL_DIED if died else CellState.CANCELLED
