"""A warm kernel that was handed over, as its client holds it."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .zygote.wire import Channel, Closed


class WarmKernel:
    """A kernel that was handed over. Its keeper ends it, with all of its descendants, when this object's process ends.

    `fileno()` can be read once `poll()` might say something new, for an event loop.
    """

    def __init__(self, channel: Channel, answer: Mapping[str, Any]) -> None:
        self._channel = channel
        self.connection_info: dict[str, Any] = answer["connection"]
        self.pid = int(answer["pid"])
        self.pid_started = float(answer["pid_started"])
        self.keeper = int(answer["keeper"])
        self.keeper_started = float(answer["keeper_started"])
        self.returncode: int | None = None

    def fileno(self) -> int:
        return self._channel.fileno()

    def poll(self) -> int | None:
        """How it ended, as `subprocess` says it (negative: by that signal), or None while it runs."""
        if self.returncode is None:
            self._hear(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises `TimeoutError` after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError(f"kernel {self.pid} has not ended within {timeout:g} s")
            self._hear(left)
        return self.returncode

    def signal(self, number: int) -> None:
        """Send a signal to its process group; nothing where it has ended."""
        with suppress(Closed):
            self._channel.send({"signal": int(number)})

    def end(self, grace: float = 0.0) -> int:
        """TERM, `grace` seconds, then KILL: it and all of its descendants, wherever they hide; how it ended."""
        if self.fileno() < 0:
            return -signal.SIGKILL if self.returncode is None else self.returncode
        with suppress(Closed):
            self._channel.send({"end": grace})
        code = self.wait(grace + 20.0)
        # The keeper closes when no descendant is left.
        self._channel.socket.settimeout(20.0)
        with suppress(Closed):
            while True:
                self._channel.read()
        self.close()
        return code

    def close(self) -> None:
        """Let go: what is left of it is ended by its keeper."""
        self._channel.close()

    def _hear(self, timeout: float | None) -> None:
        self._channel.socket.settimeout(timeout)
        try:
            for message in self._channel.read():
                if "exited" in message:
                    self.returncode = int(message["exited"])
        except Closed as error:
            if isinstance(error.__cause__, TimeoutError):
                return
            # A kernel dies with its keeper.
            self.returncode = -signal.SIGKILL
