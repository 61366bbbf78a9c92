"""Kernels of Jupyter that start warm where one waits, and plainly elsewhere.

jupyter_client calls `pre_launch`, `launch_kernel`, then `poll` and signals, and at the end `wait` and `cleanup`; a
restart is `cleanup(restart=True)` and `pre_launch` again.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from jupyter_client.connect import port_names
from jupyter_client.provisioning import LocalProvisioner
from jupyter_core.paths import jupyter_runtime_dir

from .imports import learn_imports
from .pool import NotWarm, Pool
from .warm import WarmKernel

LOOK_S = 0.005
LARGEST_NOTEBOOK = 20 << 20
POPEN_ONLY = ("stdin", "stdout", "stderr", "preexec_fn", "close_fds", "start_new_session", "process_group", "user")


class WarmStart(LocalProvisioner):  # type: ignore[misc]
    """Takes a kernel from `pool` where one waits; without a pool every kernel is started plainly.

    `imports` are the notebook's, which waiting kernels learn. With `begins` a zygote is started where there is none,
    else that is left to whoever finds `cold`, the command of the kernel that was started plainly.
    """

    pool: Pool | None = None
    imports: Sequence[str] = ()
    begins = True
    ports_cached: bool = False
    warm: WarmKernel | None = None
    cold: list[str] | None = None
    _ports_are_ours = True
    """False where the kernel has chosen its ports itself."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Take a kernel, or prepare the start of one."""
        command = await self._take(kwargs) if self.pool is not None else None
        if command is not None:
            return {**kwargs, "cmd": command}
        prepared: dict[str, Any] = await super().pre_launch(**kwargs)
        return prepared

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start it, or bring the one that was taken, and say where it can be reached."""
        if self.warm is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process, self.pid, self.pgid = _Process(self.warm), self.warm.pid, None
        self.cwd = kwargs.get("cwd") or os.getcwd()
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait until it has ended; how it ended."""
        while self.warm is not None and await self.poll() is None:
            await asyncio.sleep(LOOK_S)
        ended: int | None = await super().wait()
        return ended

    async def kill(self, restart: bool = False) -> None:
        """KILL it; a warm one with all of its descendants."""
        if self.warm is not None and self.process is not None:
            await in_thread(self.warm.end)
        else:
            await super().kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of what has ended."""
        warm, self.warm = self.warm, None
        if warm is not None:
            await in_thread(warm.end)
        if self._ports_are_ours:
            await super().cleanup(restart)

    async def _take(self, kwargs: dict[str, Any]) -> list[str] | None:
        """The command of a kernel that is taken now; None where it has to be started."""
        manager = self.parent
        if manager is None or not _is_plain(manager, kwargs):
            return None
        if not manager.connection_file:
            # jupyter_client chooses it when it writes it, which is the kernel's part here.
            folder = jupyter_runtime_dir()
            os.makedirs(folder, mode=0o700, exist_ok=True)
            manager.connection_file = os.path.join(folder, f"kernel-{uuid4()}.json")
        command = list(manager.format_kernel_cmd(extra_arguments=kwargs.get("extra_arguments", [])))
        assert self.pool is not None
        take = partial(
            self.pool.take, command, cwd=str(kwargs.get("cwd") or os.getcwd()),
            env=kwargs.get("env") or dict(os.environ), imports=self.imports, start=self.begins,
        )  # fmt: skip
        try:
            self.warm = await in_thread(take)
        except NotWarm as error:
            self.cold = command
            self.log.info("a plain kernel is started: %s", error)
            return None
        except Exception:
            # Nobody shall be without a kernel for want of a quick one.
            self.log.warning("a plain kernel is started: no warm one could be taken", exc_info=True)
            return None
        for name in port_names:
            setattr(manager, name, 0)
        manager.load_connection_info(self.warm.connection_info)
        # The kernel has written the same; the manager removes what it has written itself.
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        if not self.ports_cached:
            self._ports_are_ours = False
            # A plain restart keeps these ports.
            self.ports_cached = True
        kwargs.pop("extra_arguments", None)
        return command


class _Process:
    """A warm kernel as `subprocess.Popen` would show it."""

    stdin = stdout = stderr = None

    def __init__(self, kernel: WarmKernel) -> None:
        self._kernel = kernel
        self.pid = kernel.pid
        self.poll = kernel.poll
        self.wait = kernel.wait
        self.send_signal = kernel.signal

    @property
    def returncode(self) -> int | None:
        return self._kernel.returncode

    def kill(self) -> None:
        self._kernel.end()

    def terminate(self) -> None:
        self._kernel.signal(15)


async def in_thread(call: Any) -> Any:
    """What a call that may wait returns."""
    return await asyncio.get_running_loop().run_in_executor(None, call)


def _is_plain(manager: Any, kwargs: dict[str, Any]) -> bool:
    """True where nothing is asked for that only a new process can have."""
    if kwargs.get("independent") or any(kwargs.get(name) is not None for name in POPEN_ONLY):
        return False
    if manager.transport != "tcp" or manager.ip not in ("", "127.0.0.1", "localhost"):
        return False
    policy = getattr(manager, "_transport_encryption_policy", None)
    return policy is None or policy(kwargs.get("transport_encryption", manager.transport_encryption)) == "disabled"


def imports_of(notebook: str) -> list[str]:
    """What a notebook imports, by its path; nothing where that is none."""
    path = Path(notebook)
    try:
        if path.suffix != ".ipynb" or path.stat().st_size > LARGEST_NOTEBOOK:
            return []
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return learn_imports(found, path.parent) if isinstance(found, dict) else []
