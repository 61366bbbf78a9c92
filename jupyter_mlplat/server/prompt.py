"""What stands between a browser and a kernel, without waits that nothing needs."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar
from uuid import uuid4

from jupyter_client.ioloop import AsyncIOLoopKernelManager
from jupyter_client.manager import KernelManager
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

WEBSOCKET = "kernel_websocket_connection_class"
"""The server's setting."""
WELCOME_S = 0.25
"""A kernel that says welcome at all (JEP 65, ipykernel 7) does so at once."""


class PromptConnection(ZMQChannelsWebsocketConnection):
    """The server's own, but quicker to a first reply.

    No message waits in TCP until the browser has confirmed the one before, which is up to 40 ms. And a kernel that was
    taken warm is known to live: of what the server asks a kernel before it sends the first cell, only the proof is left
    that outputs arrive, which is the kernel's welcome to a subscriber.
    """

    silent: ClassVar[set[str]] = set()
    """Kernelspecs whose kernels say no welcome."""

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()

    def nudge(self) -> Any:
        kernel = self.kernel_manager
        taken = getattr(getattr(kernel, "provisioner", None), "warm", None) is not None
        if not taken or kernel.kernel_name in self.silent:
            return super().nudge()
        if kernel.execution_state == "starting":
            kernel.execution_state = "idle"
        return asyncio.ensure_future(self._welcomed())

    async def _welcomed(self) -> None:
        welcome = asyncio.get_running_loop().create_future()
        outputs = self.channels["iopub"]

        def heard(message: Any) -> None:
            outputs.stop_on_recv()
            if not welcome.done():
                welcome.set_result(None)

        outputs.on_recv(heard)
        # Only a topic that nobody else has is greeted; and it is the later of two subscriptions.
        topic = uuid4().hex.encode()
        outputs.socket.subscribe(topic)
        try:
            await asyncio.wait_for(welcome, WELCOME_S)
        except TimeoutError:
            self.silent.add(self.kernel_manager.kernel_name)
            await super().nudge()
        finally:
            if not outputs.closed():
                outputs.stop_on_recv()
                outputs.socket.unsubscribe(topic)


class _PromptStart(AsyncIOLoopKernelManager):  # type: ignore[misc]
    """jupyter_client's own, but for the 10 ms that it rests behind each start so that its tests see it pending."""

    _ready: Any

    async def start_kernel(self, *arguments: Any, **options: Any) -> None:
        start = getattr(KernelManager._async_start_kernel, "__wrapped__", None)
        if start is None:
            await super().start_kernel(*arguments, **options)
            return
        if self._attempted_start or not self._ready:
            self._ready = asyncio.get_running_loop().create_future()
        try:
            await start(self, *arguments, **options)
        except Exception as error:
            self._ready.set_exception(error)
            self.log.exception(error)
            raise
        if self.owns_kernel:
            self._ready.set_result(None)


class PromptKernelManager(ServerKernelManager, _PromptStart):
    """The server's own, on the start above."""


def prefer_prompt(settings: dict[str, Any], kernels: Any) -> None:
    """Let ours stand there, unless somebody has chosen another one or the kernels run elsewhere."""
    if settings.get(WEBSOCKET) is ZMQChannelsWebsocketConnection:
        settings[WEBSOCKET] = PromptConnection
    if getattr(kernels, "kernel_manager_class", "") == _name(ServerKernelManager):
        kernels.kernel_manager_class = _name(PromptKernelManager)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
