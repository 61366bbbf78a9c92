"""The kernels of this server that hold devices, and how they end when the devices are taken back."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ..errors import MLPlatError, NotFound
from .door import Door
from .kernel_saving import NotSaved, Written, notebook_of, written

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from ..models import EndedKernel

KERNEL_LEASES = "mlplat_kernel_leases"
"""The server's setting for them."""
SETTLES_S = 0.2
"""So long one waits whether a kernel goes on with a cell that was sent while it saved."""
REMEMBERED = 200


class KernelLeases:
    """Ends the kernels of a server that hold devices; what they have in memory is saved before, where it can be."""

    def __init__(self, server: ServerApp, door: Door, log: logging.Logger) -> None:
        self._server = server
        self._door = door
        self._log = log
        self._ending: dict[str, asyncio.Task[bool]] = {}
        self._ended: dict[str, EndedKernel] = {}

    def holder(self, lease_id: str) -> str | None:
        """The id of the kernel whose provisioner holds a granted lease; None where this server has none."""
        kernels = self._server.kernel_manager
        for kernel_id in kernels.list_kernel_ids():
            provisioner = getattr(kernels.get_kernel(kernel_id), "provisioner", None)
            if getattr(provisioner, "lease_id", None) == lease_id:
                return str(kernel_id)
        return None

    def ended(self, lease_id: str) -> EndedKernel:
        """What was saved of the kernel that ended with a lease. Raises `NotFound` where this server ended none."""
        if lease_id not in self._ended:
            raise NotFound(
                f"this server has shut down no kernel that held lease {lease_id}",
                hint="%mlplat restore --list in the notebook shows what is saved",
            )
        return self._ended[lease_id]

    def take_back(self, lease_id: str, reason: str) -> None:
        """Begin to shut down a kernel, unless that is under way; one that is `idle` only while it runs no cell.

        Called on the event loop.
        """
        if lease_id not in self._ending and self.holder(lease_id) is not None:
            self._begin(lease_id, reason, busy=reason != "idle").add_done_callback(self._hear)

    async def shut_down(self, lease_id: str, *, reason: str | None = None, busy: bool = True) -> bool:
        """Shut down the kernel that holds a lease, as its user would, which ends the lease with that reason.

        Returns False where this server has no such kernel, and without `busy` where it runs a cell, or somebody
        wanted it meanwhile.
        """
        while (under_way := self._ending.get(lease_id)) is not None:
            await asyncio.wait([under_way])
        return await asyncio.shield(self._begin(lease_id, reason, busy))

    def _begin(self, lease_id: str, reason: str | None, busy: bool) -> asyncio.Task[bool]:
        async def end() -> bool:
            try:
                return await self._shut_down(lease_id, reason, busy)
            finally:
                self._ending.pop(lease_id, None)

        self._ending[lease_id] = asyncio.ensure_future(end())
        return self._ending[lease_id]

    def _hear(self, ending: asyncio.Task[bool]) -> None:
        if not ending.cancelled() and (error := ending.exception()) is not None:
            shown = error.message if isinstance(error, MLPlatError) else repr(error)
            self._log.warning("mlplat: a kernel could not be shut down: %s", shown)

    async def _shut_down(self, lease_id: str, reason: str | None, busy: bool) -> bool:
        from ..models import EndedKernel

        kernels: Any = self._server.kernel_manager
        sessions: Any = self._server.session_manager
        kernel_id = self.holder(lease_id)
        if kernel_id is None:
            return False
        kernel = kernels.get_kernel(kernel_id)
        if not busy and getattr(kernel, "execution_state", None) == "busy":
            return False
        platform = await self._door.platform()
        found = [one for one in await sessions.list_sessions() if one["kernel"]["id"] == kernel_id]
        notebook = notebook_of(kernel, found, str(self._server.root_dir))
        before = await self._answers(kernel, lease_id)
        values: Written | None = None
        message, at_it = None, False
        try:
            values = await written(kernel, notebook, platform.home.kernels, self._log)
        except NotSaved as error:
            message, at_it = str(error), error.busy
        except Exception as error:  # noqa: BLE001 - it ends all the same
            self._log.warning("mlplat: the kernel of lease %s could not be asked", lease_id, exc_info=True)
            message = f"it could not be asked: {type(error).__name__}"
        wanted = not busy and await self._is_wanted(kernel, lease_id, before, at_it)
        if wanted or self.holder(lease_id) != kernel_id:
            if values is not None:
                await values.drop()
            return False
        ended = EndedKernel(lease=lease_id, notebook=notebook, message=message)
        if values is not None:
            try:
                ended = await values.keep(lease_id, platform.clock.now())
            except NotSaved as error:
                ended = EndedKernel(lease=lease_id, notebook=notebook, message=str(error))
        self._remember(ended)
        self._tell(ended)
        kernel.provisioner.end_reason = reason
        try:
            if found:
                await sessions.delete_session(found[0]["id"])
            else:
                await kernels.shutdown_kernel(kernel_id)
        except Exception:
            # Its user was quicker.
            if self.holder(lease_id) is not None:
                raise
        return True

    async def _is_wanted(self, kernel: Any, lease_id: str, before: object, at_it: bool) -> bool:
        """True where a cell was sent, or somebody kept the devices, while the kernel was asked.

        One that is still at it is busy with our request.
        """
        await asyncio.sleep(SETTLES_S)
        busy = kernel.execution_state == "busy" and not at_it
        return busy or await self._answers(kernel, lease_id) != before

    async def _answers(self, kernel: Any, lease_id: str) -> object:
        """What somebody changes who keeps the devices, or starts the kernel anew."""
        platform = await self._door.platform()
        lease = await self._door.call(platform.gpus.look, lease_id)
        return lease.kept_until, getattr(kernel.provisioner, "pid", None)

    def _remember(self, ended: EndedKernel) -> None:
        self._ended[ended.lease] = ended
        for lease_id in list(self._ended)[:-REMEMBERED]:
            del self._ended[lease_id]

    def _tell(self, ended: EndedKernel) -> None:
        of = ended.notebook or "no notebook"
        if ended.message is None:
            said = f"{len(ended.names)} variables ({ended.bytes} bytes) of it are saved"
        else:
            said = f"nothing of it is saved: {ended.message}"
        self._log.info("mlplat: the kernel of %s is shut down, which held lease %s; %s", of, ended.lease, said)
