"""The engine's side of notices: sends what is due, several at a time, without ever waiting for one."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from sqlalchemy import RowMapping

from .errors import Undeliverable, Undelivered
from .ledger import NoticeLedger
from .targets import shown

logger = logging.getLogger("jupyter_mlplat.notices")

PARALLEL = 4

Outcome = tuple[RowMapping, str | None, bool]
"""A notice, why it did not arrive, and whether another try may help."""


class NoticeSender:
    """Sends pending notices; `send` is given a target and a text, and raises `Undelivered` or `Undeliverable`.

    Each is sent on a thread of its own, at most four at a time; what came of it is written by whoever calls
    `advance`, and where the store does not answer it is kept until it does: nothing is sent twice for that.
    """

    def __init__(self, ledger: NoticeLedger, send: Callable[[str, str], None]) -> None:
        self._ledger = ledger
        self._send = send
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._unwritten: list[Outcome] = []
        self._taken: set[int] = set()
        self.news = threading.Event()
        self.waiting = False

    def advance(self) -> bool:
        """Write down what came of those that were sent, and send those that are due. True while some are pending."""
        self.news.clear()
        self._write()
        free = PARALLEL - len(self._taken)
        if free > 0:
            for row in self._ledger.due(free, without=self._taken):
                self._taken.add(row["id"])
                threading.Thread(target=self._one, args=(row,), name=f"notice-{row['id']}", daemon=True).start()
        self.waiting = bool(self._taken) or self._ledger.pending() > 0
        return self.waiting

    def finish(self, seconds: float) -> None:
        """Send what is due now, for so long at most; the next engine sends the rest."""
        deadline = time.monotonic() + seconds
        while self.advance() and (self._taken or self._ledger.due(1)) and time.monotonic() < deadline:
            self.news.wait(0.2)

    def _write(self) -> None:
        while not self._outcomes.empty():
            self._unwritten.append(self._outcomes.get())
        while self._unwritten:
            row, problem, again = self._unwritten[0]
            state = self._ledger.settle(row, problem, again=again)
            del self._unwritten[0]
            self._taken.discard(row["id"])
            if problem is not None:
                about = f"{row['noun'].removesuffix('s')} {row['key']}"
                logger.warning(
                    "notice %s about %s to %s is %s: %s", row["id"], about, shown(row["target"]), state, problem
                )

    def _one(self, row: RowMapping) -> None:
        problem: str | None = None
        again = False
        try:
            self._send(row["target"], row["text"])
        except Undeliverable as error:
            problem = f"{error}: {error.hint}" if error.hint else str(error)
        except Undelivered as error:
            problem, again = str(error), True
        except Exception as error:  # noqa: BLE001 - not with its text, which may name the address
            problem = f"it could not be sent: {type(error).__name__}"
        self._outcomes.put((row, problem, again))
        self.news.set()
