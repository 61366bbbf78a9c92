"""How a zygote comes up: it imports, proves with a trial that forked kernels work, and starts again where it must."""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import socket
import sys
from typing import NoReturn

from . import preload, trial
from .system import started


class Start:
    """The place that a zygote holds, and what it has imported there.

    `left_out` names the modules that are not imported, with the reason; `broken` says why no kernel can be forked
    at all, or is "".
    """

    def __init__(self, options: argparse.Namespace, listener: socket.socket, lock: int) -> None:
        self.options, self.listener, self.lock = options, listener, lock
        self.environment = dict(os.environ)
        self.left_out: dict[str, str] = json.loads(options.left_out)
        self.loaded: list[str] = []
        self.hooks: list[preload.Hook] = []
        self.learnt: dict[str, str] = {}
        self.pages: list[int] = []
        self.broken = ""

    def run(self) -> None:
        """Raises `Forked` in the children of the trial."""
        self.fingerprint = preload.Fingerprint()
        self._read_record()
        self.record()
        before = self._import()
        self.fingerprint.sources()
        gc.collect()
        gc.disable()
        gc.freeze()
        self.record(state="trying")
        self._try()
        self.learnt = {name: value for name, value in os.environ.items() if before.get(name) != value}

    def _import(self) -> dict[str, str]:
        """Returns the environment as it was before."""
        import ipykernel.ipkernel
        import ipykernel.kernelapp  # noqa: F401 - before there is a parent in the environment

        for name, value in preload.NOTEBOOK.items():
            os.environ.setdefault(name, value)
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
        before = dict(os.environ)
        for name in self.options.preload:
            if name in self.left_out:
                continue
            if not preload.installed(name):
                self.left_out[name] = "it is not installed"
                continue
            self.record(importing=name)
            try:
                self.hooks += preload.import_ahead(name, within=self.options.import_timeout)
            except preload.Poisoned as poisoned:
                self.again(left_out={**self.left_out, name: poisoned.reason})
            self.loaded.append(name)
        return before

    def _try(self) -> None:
        """Run a kernel to its end twice: once to learn what it imports, once to learn what it writes to."""
        close = [self.listener.fileno(), self.lock]
        try:
            for name in trial.run(close)[0]:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            gc.freeze()
            _, self.pages = trial.run(close)
        except trial.Failed as failed:
            self.broken = str(failed)

    def record(self, **more: str) -> None:
        """Write down who holds the place; and, for whoever comes after a crash, what was being imported."""
        record = {"pid": os.getpid(), "pid_started": started(os.getpid()), "left_out": self.left_out, **more}
        text = json.dumps(record).encode()
        os.pwrite(self.lock, text, 0)
        os.ftruncate(self.lock, len(text))

    def _read_record(self) -> None:
        try:
            record = json.loads(os.pread(self.lock, 1 << 20, 0))
        except ValueError:
            return
        name = record.get("importing")
        if name and name not in self.left_out:
            self.left_out[name] = "the process ended, or had to be ended, while it was imported"

    def again(
        self, *, left_out: dict[str, str], modules: list[str] | None = None, handed_over: int | None = None
    ) -> NoReturn:
        """Become a fresh process in the same place. Waiting kernels end when their connections close."""
        self.record()
        os.set_inheritable(self.listener.fileno(), True)
        os.set_inheritable(self.lock, True)
        options = {
            **vars(self.options),
            "left_out": json.dumps(left_out),
            "preload": ",".join(modules or self.options.preload),
            "listener": self.listener.fileno(),
            "lock": self.lock,
        }
        if handed_over is not None:
            options["handed_over"] = handed_over
        program = os.path.dirname(os.path.abspath(__file__))
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        flags = json.loads(self.options.flags)
        os.execve(sys.executable, [sys.executable, *flags, program, *arguments], self.environment)
