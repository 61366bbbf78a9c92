"""The process that imports ahead, forks kernels and hands them over. One per environment, data directory and host.

A client connects to a Unix socket of its own user and sends one line:

    {"take": {...}}    answered with {"connection": …, "pid": …, …} or {"refused": why}; see `keeper` for what follows
    {"status": true}   what is imported, what is not and why, how many wait, what they cost
    {"stop": true}     end, and all kernels that wait; those that were handed over go on

It starts itself again, keeping socket and place, when an import went wrong, when what is installed has changed, and
to import what notebooks asked for since. It ends after a time in which nobody took one, and with its data directory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from . import preload
from .keeper import keep
from .memory import resident, share
from .start import Start
from .system import Forked, forget_signals, started, wake_on
from .waiting import wait
from .wire import Channel, Closed, pair, peer_uid

TICK_S = 1.0
LEARN_AFTER_S = 3.0
MOST_MODULES = 24
SPARE_CPU_S = 0.15
"""How long a kernel that was just handed over gets the processors to itself, while another one waits."""


@dataclass
class Kernel:
    """One that waits, or will soon."""

    channel: Channel
    keeper: int
    pid: int = 0


@dataclass
class Taker:
    """A client and what it has asked for."""

    channel: Channel
    request: dict[str, Any] = field(default_factory=dict)
    deadline: float = 0.0


class Zygote:
    def __init__(self, options: argparse.Namespace, listener: socket.socket, lock: int) -> None:
        self.options, self.listener = options, listener
        self.start = Start(options, listener, lock)
        self.limited = ""
        self.limited_at = 0.0
        self.kernels: dict[int, Kernel] = {}
        self.takers: list[Taker] = []
        self.wanted: list[str] = []
        self.handed_over = options.handed_over

    def run(self) -> None:
        """Come up, then serve until there is nothing to do. Never returns; raises `Forked` in every child."""
        forget_signals()
        self.start.run()
        self.wake = wake_on(signal.SIGCHLD, signal.SIGTERM)
        self.selector = selectors.DefaultSelector()
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.selector.register(self.wake, selectors.EVENT_READ, None)
        self.asked_at = self.handed_at = time.monotonic()
        self.start.record(state="serving")
        while self._wanted_any_more():
            self._turn()
        self._leave()

    def _wanted_any_more(self) -> bool:
        idle = time.monotonic() - self.asked_at
        return idle < self.options.idle and os.path.isdir(self.options.home)

    def _turn(self) -> None:
        """Wait for whatever happens next, and answer it."""
        self._fill()
        busy = bool(self.takers) or (
            len(self.kernels) < self.options.keep and not self.limited and not self.start.broken
        )
        for key, _ in self.selector.select(0.05 if busy else TICK_S):
            if key.fileobj is self.listener:
                self._accept()
            elif key.fileobj is self.wake:
                if signal.SIGTERM in self.wake.recv(512):
                    self._leave()
            elif isinstance(key.data, Kernel):
                self._from_keeper(key.data)
            else:
                self._from_client(key.data)
        self._reap()
        self._serve_takers()
        self._learn()

    def _accept(self) -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        if peer_uid(connection) != os.geteuid():
            connection.close()
            return
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, Taker(Channel(connection)))

    def _from_client(self, client: Taker) -> None:
        try:
            messages = client.channel.read()
        except Closed:
            self._drop(client)
            return
        for message in messages[:1]:
            if "take" in message:
                self.asked_at = time.monotonic()
                client.request = message["take"]
                client.deadline = time.monotonic() + float(client.request.get("wait", 0.0))
                self.wanted += [name for name in client.request.get("imports", []) if name not in self.wanted]
                self.takers.append(client)
            elif "status" in message:
                self._answer(client, self.status())
            elif "stop" in message:
                self._answer(client, {"stopped": True})
                self._leave()
            else:
                self._answer(client, {"refused": "this is no request"})

    def _serve_takers(self) -> None:
        for taker in list(self.takers):
            changed = self.start.fingerprint.changed()
            if changed:
                self._refuse_all(f"{changed} has changed since it was imported")
                self.start.again(left_out={}, handed_over=self.handed_over)
            kernel = next((one for one in self.kernels.values() if one.pid), None)
            if self.start.broken:
                self._answer(taker, {"refused": self.start.broken})
            elif kernel is not None:
                self._hand_over(taker, kernel)
            elif self.limited:
                self._answer(taker, {"refused": self.limited})
            elif time.monotonic() > taker.deadline:
                self._answer(taker, {"refused": "no kernel was ready in time"})

    def _hand_over(self, taker: Taker, kernel: Kernel) -> None:
        stdio = taker.channel.take_descriptors()
        connection = taker.channel.fileno()
        self._lose(kernel)
        try:
            kernel.channel.socket.setblocking(True)
            kernel.channel.send(taker.request, [connection, *stdio])
            self.handed_over += 1
            self.handed_at = time.monotonic()
            self._drop(taker)
        except Closed:
            taker.channel.descriptors = stdio  # the next one gets it
            return
        finally:
            kernel.channel.close()
        for descriptor in stdio:
            os.close(descriptor)

    def _answer(self, client: Taker, message: dict[str, Any]) -> None:
        with contextlib.suppress(Closed):
            client.channel.socket.setblocking(True)
            client.channel.socket.settimeout(1.0)
            client.channel.send(message)
        self._drop(client)

    def _refuse_all(self, reason: str) -> None:
        for taker in list(self.takers):
            self._answer(taker, {"refused": reason})

    def _drop(self, client: Taker) -> None:
        self.selector.unregister(client.channel.socket)
        client.channel.close()
        if client in self.takers:
            self.takers.remove(client)

    def status(self) -> dict[str, Any]:
        """What a person wants to know; sizes in bytes."""
        ready = [kernel for kernel in self.kernels.values() if kernel.pid]
        return {
            "pid": os.getpid(),
            "pid_started": started(os.getpid()),
            "python": sys.executable,
            "preloaded": self.start.loaded,
            "left_out": self.start.left_out,
            "waiting": len(ready),
            "keep": self.options.keep,
            "handed_over": self.handed_over,
            "refuses": self.start.broken or self.limited,
            "memory": resident(os.getpid()),
            "waiting_memory": sum(share(kernel.pid) + share(kernel.keeper) for kernel in ready),
            "max_memory": self.options.max_memory,
        }

    def _leave(self) -> NoReturn:
        """End at once, and with this process all kernels that wait."""
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.options.folder, f"{self.options.name}.sock"))
        os._exit(0)

    # --- kernels ------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Fork a kernel where one is missing, it is safe, and there is room. Raises `Forked` in the child."""
        if self.start.broken or len(self.kernels) >= self.options.keep + len(self.takers):
            return
        if any(not kernel.pid for kernel in self.kernels.values()):
            return  # one after the other
        if self.kernels and time.monotonic() - self.handed_at < SPARE_CPU_S:
            return
        if self.limited and time.monotonic() - self.limited_at < TICK_S:
            return
        self.limited = self._over_memory() or preload.unsafe()
        self.limited_at = time.monotonic()
        if self.limited:
            return
        ours, theirs = pair()
        sys.stdout.flush()
        sys.stderr.flush()
        keeper = os.fork()
        if keeper == 0:
            self._let_go()
            ours.close()
            raise Forked(lambda: keep(theirs, self._role()))
        theirs.close()
        ours.socket.setblocking(False)
        kernel = Kernel(ours, keeper)
        self.kernels[keeper] = kernel
        self.selector.register(ours.socket, selectors.EVENT_READ, kernel)

    def _role(self) -> Callable[[Channel, bool], None]:
        pages, hooks, learnt = self.start.pages, self.start.hooks, self.start.learnt
        return lambda channel, ahead: wait(channel, ahead, pages, hooks, learnt)

    def _over_memory(self) -> str:
        mine = (os.getpid(), *(pid for kernel in self.kernels.values() for pid in (kernel.pid, kernel.keeper) if pid))
        used = sum(map(share, mine))
        if used <= self.options.max_memory:
            return ""
        return f"warm kernels use {used >> 20} MB, and their limit is {self.options.max_memory >> 20} MB"

    def _from_keeper(self, kernel: Kernel) -> None:
        try:
            for message in kernel.channel.read():
                kernel.pid = int(message["ready"])
        except Closed:
            if kernel.keeper in self.kernels:
                self._lose(kernel)
            kernel.channel.close()

    def _lose(self, kernel: Kernel) -> None:
        self.selector.unregister(kernel.channel.socket)
        del self.kernels[kernel.keeper]

    def _let_go(self) -> None:
        """Close, in a child, what belongs to this process alone."""
        for key in list(self.selector.get_map().values()):
            if isinstance(key.data, (Kernel, Taker)):
                key.data.channel.close()
        self.selector.close()
        self.listener.close()
        self.wake.close()
        os.close(self.start.lock)
        forget_signals()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def _learn(self) -> None:
        """Start again with what notebooks import and is not imported yet, once nobody is waiting."""
        if not self.wanted or self.takers or time.monotonic() - self.asked_at < LEARN_AFTER_S:
            return
        known = [*self.options.preload, *self.start.left_out]
        new = [name for name in self.wanted if name not in known and preload.installed(name, by_pip=True)]
        self.wanted = []
        modules = (self.options.preload + new)[:MOST_MODULES]
        if modules != self.options.preload:
            self.start.again(left_out=self.start.left_out, modules=modules, handed_over=self.handed_over)
