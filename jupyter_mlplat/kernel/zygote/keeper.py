"""The parent of one kernel: it knows how the kernel ended, and leaves none of its descendants behind.

States: *waiting* (the zygote holds the other end; when that closes, the kernel is not needed any more), *starting*
(a client's connection has arrived and the kernel reads its request), *handed over* (the client holds the other end:
it may send `{"signal": n}` and `{"end": seconds}`, gets `{"exited": code}`, and when it is gone everything ends).
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any

from .system import Forked, adopt_orphans, descendants, die_with, forget_signals, started, wake_on
from .wire import Channel, Closed, pair

LEFT_ALONE_S = 1.0
"""What processes get to end by themselves when nobody asks for the kernel any more."""
KILL_S = 15.0


Role = Callable[[Channel, bool], None]


def keep(zygote: Channel, kernel: Role) -> None:
    """Fork a kernel and stay until it and all of its descendants have ended. Never returns; `Forked` in the child."""
    os.setsid()
    adopt_orphans()
    gc.disable()
    forget_signals()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        _Keeper(zygote, kernel).run()
    except Forked:
        raise
    except BaseException:  # noqa: BLE001 - nobody above may hear of it: these are the zygote's frames
        traceback.print_exc()
    os._exit(0)


class _Keeper:
    def __init__(self, zygote: Channel, role: Role) -> None:
        self.zygote: Channel | None = zygote
        self.role = role
        self.kernel: Channel | None = None
        self.client: Channel | None = None
        self.request: tuple[dict[str, Any], list[int]] | None = None
        self.pid = 0
        self.pid_started = 0.0
        self.code: int | None = None
        self.answered = False
        self.ending = False
        self.selector = selectors.DefaultSelector()
        self.wake = wake_on(signal.SIGCHLD, signal.SIGTERM)

    def _fork(self, *, ahead: bool) -> None:
        """Raises `Forked` in the child."""
        ours, theirs = pair()
        keeper, role = os.getpid(), self.role
        self.pid = os.fork()
        if self.pid == 0:
            die_with(keeper)
            os.setsid()
            forget_signals()
            self.selector.close()
            self.wake.close()
            for channel in (self.zygote, self.client, ours):
                if channel is not None:
                    channel.close()
            for descriptor in self.request[1] if self.request is not None else []:
                os.close(descriptor)
            raise Forked(lambda: role(theirs, ahead))
        theirs.close()
        self.pid_started = started(self.pid)
        self.kernel = ours
        self._watch(ours)

    def run(self) -> None:
        self.selector.register(self.wake, selectors.EVENT_READ, None)
        if self.zygote is not None:
            self._watch(self.zygote)
        self._fork(ahead=True)
        while not self.ending:
            self._reap()
            if self._finished():
                break
            for key, _ in self.selector.select():
                if key.fileobj is self.wake:
                    if signal.SIGTERM in self.wake.recv(512):
                        self._end(LEFT_ALONE_S)
                elif not self.ending:
                    self._hear(key.data)

    def _watch(self, channel: Channel) -> None:
        channel.socket.setblocking(False)
        self.selector.register(channel.socket, selectors.EVENT_READ, channel)

    def _hear(self, channel: Channel) -> None:
        try:
            messages = channel.read()
        except Closed:
            if channel is self.kernel:
                self._forget(channel)
            elif channel in (self.zygote, self.client):
                self._end(LEFT_ALONE_S if self.answered else 0.0)
            return
        for message in messages:
            if channel is self.zygote:
                self._hand_over(message)
            elif channel is self.kernel:
                self._from_kernel(message)
            elif channel is self.client:
                self._obey(message)

    def _forget(self, channel: Channel) -> None:
        self.selector.unregister(channel.socket)
        channel.close()
        if channel is self.kernel:
            self.kernel = None
        elif channel is self.zygote:
            self.zygote = None

    def _from_kernel(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            if self.zygote is not None:
                self.zygote.send({"ready": self.pid})
            elif self.request is not None:
                self._ask(*self.request)
        elif "another" in message:
            self._replace()
        elif "connection" in message:
            self.answered = True
            for descriptor in self.request[1] if self.request is not None else []:
                os.close(descriptor)
            self.request = None
            self._tell(
                {
                    "connection": message["connection"],
                    "pid": self.pid,
                    "pid_started": self.pid_started,
                    "keeper": os.getpid(),
                    "keeper_started": started(os.getpid()),
                }
            )
        elif "refused" in message:
            self._refuse(str(message["refused"]))

    def _hand_over(self, request: dict[str, Any]) -> None:
        if self.zygote is None or self.kernel is None:
            return
        connection, *stdio = self.zygote.take_descriptors()
        self.client = Channel(socket.socket(fileno=connection))
        self._forget(self.zygote)
        self._watch(self.client)
        self.request = request, stdio
        self._ask(request, stdio)

    def _ask(self, request: dict[str, Any], stdio: list[int]) -> None:
        if self.kernel is not None:
            with contextlib.suppress(Closed):  # it has ended, which is seen next
                self.kernel.socket.setblocking(True)
                self.kernel.send(request, stdio)
                self.kernel.socket.setblocking(False)

    def _replace(self) -> None:
        """Fork a kernel that is initialised when it is wanted, in the place of one that was ahead."""
        _kill(self.pid, signal.SIGKILL)
        if self.kernel is not None:
            self._forget(self.kernel)
        self._fork(ahead=False)

    def _obey(self, command: dict[str, Any]) -> None:
        if "signal" in command and self.code is None:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, int(command["signal"]))
        elif "end" in command:
            self._end(float(command["end"]))

    def _refuse(self, reason: str) -> None:
        self._tell({"refused": reason})
        self._end(0.0)

    def _tell(self, message: dict[str, Any]) -> None:
        if self.client is not None:
            with contextlib.suppress(Closed):
                self.client.send(message)

    # --- how it ends --------------------------------------------------------------------------------

    def _reap(self) -> bool:
        """Hear of all that have ended by now. True where there are children left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.code = os.waitstatus_to_exitcode(status)
                if not self.ending:
                    self._report()

    def _report(self) -> None:
        """Say how the kernel ended, after what it said itself."""
        if self.kernel is not None:
            self._hear(self.kernel)
        if self.answered:
            self._tell({"exited": self.code})
        elif self.client is not None and not self.ending:
            self._refuse(f"the kernel ended while it started, with {self.code}")

    def _finished(self) -> bool:
        """True where nothing is left to be kept: processes that a kernel left behind stay until its client goes."""
        return self.code is not None and (self.client is None or not descendants(os.getpid()))

    def _end(self, grace: float) -> None:
        """TERM and `grace` seconds, then KILL until no descendant is left."""
        self.ending = True
        told = self.code is not None
        me = os.getpid()
        if grace > 0:
            for pid in descendants(me):
                for number in (signal.SIGTERM, signal.SIGCONT):
                    _kill(pid, number)
            self._until_none(grace)
        deadline = time.monotonic() + KILL_S
        while self._reap() and time.monotonic() < deadline:
            for pid in descendants(me):
                _kill(pid, signal.SIGKILL)
            self._until_none(0.2)
        if self.answered and not told:
            self._tell({"exited": self.code})

    def _until_none(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._reap() and time.monotonic() < deadline:
            time.sleep(0.005)


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
