"""Kernels for Jupyter: warm where one waits, on GPUs where the kernelspec or the launcher asks for them.

jupyter_client calls `pre_launch`, `launch_kernel`, then `poll` and signals, and at the end `wait` and `cleanup`. A
restart is `cleanup(restart=True)` and `pre_launch` again: the lease stays. A launch that fails after `pre_launch`
gets no cleanup, nor does a kernel that somebody kills: the lease is given back here, and where this process is
killed the ledger ends it.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from jupyter_client.connect import port_names
from jupyter_client.provisioning import LocalProvisioner
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import Integer, Unicode

from ..errors import Conflict, Invalid, MLPlatError
from .imports import learn_imports
from .pool import NotWarm, Pool
from .warm import WarmKernel

if TYPE_CHECKING:
    from ..models import Lease
    from ..platform import Platform

RESTARTS_WITHIN_S = 15.0
"""A kernel that has ended and does not come again so soon gives its devices back."""
LARGEST_NOTEBOOK = 20 << 20
POPEN_ONLY = ("stdin", "stdout", "stderr", "preexec_fn", "close_fds", "start_new_session", "process_group", "user")


@cache
def platform() -> Platform:
    """The platform of this process, as its configuration files describe it."""
    from ..platform import Platform

    return Platform.load()


class Provisioner(LocalProvisioner):  # type: ignore[misc]
    """Starts a kernel on this host.

    The kernelspec's `metadata.kernel_provisioner.config` may ask for `gpus` devices whose model has `gpu_type` in its
    name, with at least `gpu_memory` each (bytes, or like 16G).
    """

    gpus = Integer(0, min=0, max=64)
    gpu_type = Unicode()
    gpu_memory = Unicode()

    ports_cached: bool = False
    _lease: Lease | None = None
    _warm: WarmKernel | None = None
    _launches = 0

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Get the devices, and a kernel where one waits. Raises `MLPlatError` where there are no devices to have."""
        self._launches += 1
        try:
            env = {**(kwargs.get("env") or os.environ)}
            kwargs["env"] = await _in_thread(partial(self._environment, env))
            await self._hold_devices(kwargs["env"])
            command = await self._take_warm(kwargs)
            if command is not None:
                return {**kwargs, "cmd": command}
            prepared: dict[str, Any] = await super().pre_launch(**kwargs)
            return prepared
        except BaseException:
            await _in_thread(self._give_back)
            raise

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start it, or bring the one that was taken, and say where it can be reached."""
        try:
            if self._warm is None:
                info = await super().launch_kernel(cmd, **kwargs)
            else:
                self.process, self.pid, self.pgid = _Process(self._warm), self._warm.pid, None
                self.cwd = kwargs.get("cwd") or os.getcwd()
                info = self.connection_info
        except BaseException:
            await _in_thread(self._give_back)
            raise
        if self._lease is not None:
            threading.Thread(
                target=self._watch, args=(self.pid, self._launches), name="mlplat-kernel", daemon=True
            ).start()
        return info

    async def kill(self, restart: bool = False) -> None:
        """KILL it; a warm one with all of its descendants."""
        if self._warm is not None and self.process is not None:
            await _in_thread(self._warm.end)
        else:
            await super().kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of what has ended, and of the devices unless it comes again."""
        warm, self._warm = self._warm, None
        if warm is not None:
            await _in_thread(warm.end)
        if not restart:
            await _in_thread(self._give_back)
        if self._cached_by_jupyter:
            await super().cleanup(restart)

    # --- warm ---------------------------------------------------------------------------------------

    _cached_by_jupyter = True
    """False where the kernel chose its ports itself."""

    async def _take_warm(self, kwargs: dict[str, Any]) -> list[str] | None:
        """The command of a kernel that is taken now; None where it has to be started."""
        manager = self.parent
        own = platform()
        if not (own.warm_kernels and manager is not None and _is_plain(manager, kwargs)):
            return None
        if not manager.connection_file:
            # jupyter_client chooses it when it writes it, which is the kernel's part here.
            manager.connection_file = os.path.join(jupyter_runtime_dir(), f"kernel-{uuid4()}.json")
        command = manager.format_kernel_cmd(extra_arguments=kwargs.get("extra_arguments", []))
        pool = Pool(own.home, **own.warm)
        take = partial(
            pool.take, command, cwd=str(kwargs.get("cwd") or os.getcwd()), env=kwargs["env"],
            imports=_imports_of(kwargs["env"].get("JPY_SESSION_NAME", "")),
        )  # fmt: skip
        try:
            self._warm = await _in_thread(take)
        except NotWarm as error:
            self.log.debug("a plain kernel is started: %s", error)
            return None
        for name in port_names:
            setattr(manager, name, 0)
        manager.load_connection_info(self._warm.connection_info)
        # The kernel has written the same; the manager removes what it has written itself.
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        if not self.ports_cached:
            self._cached_by_jupyter = False
            # A plain restart keeps these ports.
            self.ports_cached = True
        kwargs.pop("extra_arguments", None)
        return list(command)

    def _environment(self, env: dict[str, str]) -> dict[str, str]:
        """`env` with what makes MLflow in the kernel write where the platform reads."""
        if env.get("MLFLOW_TRACKING_URI"):
            return {**env, "MLPLAT_HOME": str(platform().home.root)}
        return {**env, **platform().environment()}

    # --- devices ------------------------------------------------------------------------------------

    async def _hold_devices(self, env: dict[str, str]) -> None:
        """Make sure that the lease that the kernel needs is held, and that `env` shows its devices alone."""
        session = env.get("JPY_SESSION_NAME", "")
        if self._lease is None:
            self._lease = await _in_thread(partial(self._adopted, session))
        if self._lease is None and self.gpus:
            self._lease = await self._granted(session)
        if self._lease is None:
            return None
        lease = await _in_thread(partial(platform().gpus.get, self._lease.id))
        if lease.state != "granted":
            self._lease = None
            if lease.reason == "time_up" or lease.state == "released":
                raise Conflict(f"lease {lease.id} of this kernel has ended: {lease.reason}", hint="start it anew")
            return await self._hold_devices(env)
        env["CUDA_VISIBLE_DEVICES"] = ",".join(lease.devices)
        env["MLPLAT_LEASE"] = lease.id
        return None

    def _adopted(self, session: str) -> Lease | None:
        """The lease that somebody asked for ahead for this notebook, from now on without an end by time."""
        return platform().gpus.adopt(session, pid=os.getpid()) if session else None

    async def _granted(self, session: str) -> Lease:
        """Ask for the kernelspec's devices, and wait for them. Raises `Conflict` where the request is cancelled."""
        from pydantic import ValidationError

        from ..models import HolderKind, LeaseRequest

        asked = {"count": self.gpus, "gpu_type": self.gpu_type or None, "memory": self.gpu_memory or None}
        try:
            request = LeaseRequest.model_validate({**asked, "notebook": session or None, "pid": os.getpid()})
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            raise Invalid(
                f"the kernelspec asks for GPUs that nobody can give: {wrong['loc'][0]}: {wrong['msg']}",
                hint="mend kernel_provisioner.config in its kernel.json",
            ) from None
        gpus = platform().gpus
        lease: Lease = await _in_thread(partial(gpus.acquire, request, owner=platform().user, kind=HolderKind.KERNEL))
        self._lease = lease
        while lease.state == "queued":
            await asyncio.sleep(0.1)
            lease = await _in_thread(partial(gpus.look, lease.id))
        if lease.state != "granted":
            raise Conflict(f"the request for GPUs was ended: {lease.reason}", hint="start the kernel again")
        return lease

    def _give_back(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            platform().gpus.release(lease.id)

    def _watch(self, pid: int, launch: int) -> None:
        """Give the devices back some time after the kernel has ended, unless it was started again."""
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            descriptor = -1
        if descriptor >= 0:
            try:
                select.select([descriptor], [], [])
            finally:
                os.close(descriptor)
        time.sleep(RESTARTS_WITHIN_S)
        if launch == self._launches:
            try:
                self._give_back()
            except MLPlatError as error:
                self.log.warning("the devices of kernel %s could not be given back: %s", pid, error.message)


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


async def _in_thread(call: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, call)


def _is_plain(manager: Any, kwargs: dict[str, Any]) -> bool:
    """True where nothing is asked for that only a new process can have."""
    if kwargs.get("independent") or any(kwargs.get(name) is not None for name in POPEN_ONLY):
        return False
    if manager.transport != "tcp" or manager.ip not in ("", "127.0.0.1", "localhost"):
        return False
    policy = getattr(manager, "_transport_encryption_policy", None)
    return policy is None or policy(kwargs.get("transport_encryption", manager.transport_encryption)) == "disabled"


def _imports_of(session: str) -> list[str]:
    """What the notebook of a session imports; nothing where that is no notebook."""
    import json

    path = Path(session)
    try:
        if path.suffix != ".ipynb" or path.stat().st_size > LARGEST_NOTEBOOK:
            return []
        notebook = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return learn_imports(notebook, path.parent) if isinstance(notebook, dict) else []
