"""The kernel provisioner named `mlplat`: warm kernels, on GPUs where the kernelspec or the launcher asks for them.

A restart keeps the lease. A launch that fails after `pre_launch` gets no cleanup, nor does a kernel that somebody
kills: the lease is given back here, and where this process is killed the ledger ends it.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from traitlets import Float, Integer, Unicode

from ..errors import Conflict, Invalid, MLPlatError, Unavailable
from .pool import Pool
from .starting import WarmStart, imports_of, in_thread

if TYPE_CHECKING:
    from ..models import Lease
    from ..platform import Platform

RESTARTS_WITHIN_S = 15.0
"""A kernel that has ended and does not come again so soon gives its devices back."""


@cache
def platform() -> Platform:
    """The platform of this process, as its configuration files describe it."""
    from ..platform import Platform

    return Platform.load()


class Provisioner(WarmStart):
    """Starts a kernel on this host.

    The kernelspec's `metadata.kernel_provisioner.config` may ask for `gpus` devices whose model has `gpu_type` in its
    name, with at least `gpu_memory` each (bytes, or like 16G). After `idle_limit` seconds of rest its user is asked
    whether the kernel still wants them; 0 is never, nothing what the platform's configuration says.
    """

    gpus = Integer(0, min=0, max=64)
    gpu_type = Unicode()
    gpu_memory = Unicode()
    idle_limit = Float(None, allow_none=True)

    notebook = ""
    end_reason: str | None = None
    """Why the lease ends, where it is not simply given back."""
    _lease: Lease | None = None
    _launches = 0

    @property
    def lease_id(self) -> str | None:
        """The lease whose devices the kernel has."""
        return self._lease.id if self._lease is not None and self._lease.state == "granted" else None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Get the devices, and a kernel where one waits. Raises `MLPlatError` where there are no devices to have."""
        self._launches += 1
        try:
            env = {**(kwargs.get("env") or os.environ)}
            self.notebook = env.get("JPY_SESSION_NAME", "")
            kwargs["env"] = await in_thread(partial(self._prepared, env))
            await self._hold_devices(kwargs["env"])
            return await super().pre_launch(**kwargs)
        except BaseException:
            await in_thread(self._give_back)
            raise

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start it, or bring the one that was taken, and say where it can be reached."""
        try:
            info = await super().launch_kernel(cmd, **kwargs)
        except BaseException:
            await in_thread(self._give_back)
            raise
        if self._lease is not None:
            threading.Thread(
                target=self._watch,
                args=(self._lease.id, self.pid, self._launches),
                name="mlplat-kernel",
                daemon=True,
            ).start()
        return info

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of what has ended, and of the devices unless it comes again."""
        await super().cleanup(restart)
        if not restart:
            await in_thread(self._give_back)

    def _prepared(self, env: dict[str, str]) -> dict[str, str]:
        """`env` with what makes MLflow in the kernel write where the platform reads.

        A platform that cannot be used keeps nobody from a kernel that needs nothing of it.
        """
        try:
            own = platform()
            own.home  # noqa: B018 - it is made
        except Exception as error:
            if self.gpus:
                raise
            self.log.warning("a plain kernel is started: the platform cannot be used: %s", error)
            return env
        if own.warm_kernels:
            self.pool, self.imports = Pool(own.home, **own.warm), imports_of(self.notebook)
        variables = own.environment()
        if env.get("MLFLOW_TRACKING_URI"):
            # The user's own: only what does not say where.
            variables = {name: value for name, value in variables.items() if name.startswith("MLPLAT_")}
        variables["MLPLAT_LOGGING"] = env.get("MLPLAT_LOGGING") or variables.get("MLPLAT_LOGGING", "direct")
        return {**env, **variables}

    # --- devices ------------------------------------------------------------------------------------

    async def _hold_devices(self, env: dict[str, str]) -> None:
        """Make sure that the lease that the kernel needs is held, and that `env` shows its devices alone."""
        if self._lease is None:
            self._lease = await in_thread(self._adopted)
        if self._lease is None and self.gpus:
            self._lease = await self._granted()
        if self._lease is None:
            return
        lease = await in_thread(partial(platform().gpus.get, self._lease.id))
        if lease.state != "granted":
            # Somebody has taken the devices back since the kernel was started.
            self._lease = None
            if not self.gpus:
                raise Conflict(f"lease {lease.id} of this kernel has ended: {lease.reason}", hint="ask for GPUs again")
            self._lease = lease = await self._granted()
        env.update(await in_thread(partial(platform().gpus.environment, lease)))

    def _adopted(self) -> Lease | None:
        """The lease that somebody asked for ahead for this notebook, from now on without an end by time."""
        try:
            if not (self.notebook and platform().gpus_source.devices()):
                return None
            return platform().gpus.adopt(self.notebook, pid=os.getpid())
        except Unavailable:
            return None  # no driver
        except Exception as error:
            if self.gpus:
                raise
            self.log.warning("no lease was looked for: %s", error)
            return None

    async def _granted(self) -> Lease:
        """Ask for the kernelspec's devices, and wait for them. Raises `Conflict` where the request is cancelled."""
        from pydantic import ValidationError

        from ..models import HolderKind, LeaseRequest

        asked: dict[str, Any] = {"count": self.gpus, "gpu_type": self.gpu_type or None}
        asked |= {"memory": self.gpu_memory or None, "idle_limit": self.idle_limit}
        try:
            request = LeaseRequest.model_validate({**asked, "notebook": self.notebook or None, "pid": os.getpid()})
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            raise Invalid(
                f"the kernelspec asks for GPUs that nobody can give: {wrong['loc'][0]}: {wrong['msg']}",
                hint="mend kernel_provisioner.config in its kernel.json",
            ) from None
        gpus = platform().gpus
        lease: Lease = await in_thread(partial(gpus.acquire, request, owner=platform().user, kind=HolderKind.KERNEL))
        self._lease = lease
        while lease.state == "queued":
            await asyncio.sleep(0.1)
            lease = await in_thread(partial(gpus.look, lease.id))
        if lease.state != "granted":
            raise Conflict(f"the request for GPUs was ended: {lease.reason}", hint="start the kernel again")
        return lease

    def _give_back(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            platform().gpus.release(lease.id, reason=self.end_reason)

    def _watch(self, lease: str, pid: int, launch: int) -> None:
        """Give the devices back some time after the kernel has ended, unless it was started again."""
        try:
            # It may outlive this process by a moment.
            platform().gpus.used_by(lease, pid)
        except MLPlatError as error:
            self.log.warning("lease %s does not know its kernel: %s", lease, error.message)
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            descriptor = -1
        if descriptor >= 0:
            try:
                end = select.poll()  # not `select`: a server may have more than 1024 files open
                end.register(descriptor, select.POLLIN)
                end.poll()
            finally:
                os.close(descriptor)
        time.sleep(RESTARTS_WITHIN_S)
        if launch == self._launches:
            try:
                self._give_back()
            except MLPlatError as error:
                self.log.warning("the devices of kernel %s could not be given back: %s", pid, error.message)
