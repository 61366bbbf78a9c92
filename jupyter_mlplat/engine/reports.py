"""Answers the trials that ask whether they go on: `mlplat.report` in their kernels, on this host."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import MLPlatError

logger = logging.getLogger("jupyter_mlplat.engine")

PATIENCE_S = 1.0
LONGEST = 16 << 20
"""Bytes of a question: a trial whose engine was away has much to tell."""


class Reports:
    """A socket in the data directory and the thread that answers on it, one question after the other.

    `hopeless` is asked with an attempt's key and the steps and values that it reached since it was asked last.
    """

    def __init__(self, path: Path, hopeless: Callable[[str, Sequence[tuple[int, float]]], bool]) -> None:
        self._path = path
        self._hopeless = hopeless
        self._left = threading.Event()

    def start(self) -> None:
        """Called once, when the engine begins: kernels that an engine before it started ask this one from now on."""
        try:
            listener = self._listen()
        except OSError as error:
            logger.warning("no trial is pruned: %s cannot be listened on: %s", self._path, error)
            return
        threading.Thread(target=self._run, args=(listener,), name="reports", daemon=True).start()

    def leave(self) -> None:
        """Answer no more; trials go on as if nobody had found them hopeless."""
        self._left.set()

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with suppress(FileNotFoundError):
                os.unlink(self._path.name, dir_fd=folder)
            # Paths of sockets are short; that of a folder's descriptor always is.
            listener.bind(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)
        listener.listen(128)
        listener.settimeout(PATIENCE_S)
        return listener

    def _run(self, listener: socket.socket) -> None:
        with listener:
            while not self._left.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    logger.warning("no trial is pruned any more: %s", error)
                    return
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(PATIENCE_S)
            with connection.makefile("rb") as lines:
                asked = json.loads(lines.readline(LONGEST))
            values = [(int(step), float(value)) for step, value in asked["reports"]]
            prune = self._hopeless(str(asked["attempt"]), values)
            connection.sendall(json.dumps({"prune": prune}).encode() + b"\n")
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("a trial was not answered: %s: %s", type(error).__name__, error)
        except MLPlatError as error:
            logger.warning("a trial was not answered: %s", error.message)
        except Exception:
            # Without an answer the trial goes on.
            logger.exception("nobody could say whether a trial goes on")
