"""The server extension: registers the routes and the event, and starts the publisher once the server answers."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Integer, default

from .base import DOOR
from .door import Door
from .gpu_watch import GPUWatch
from .kernel_leases import KERNEL_LEASES, KernelLeases
from .prompt import prefer_prompt
from .publisher import EVENT, Publisher
from .routes import handlers

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

START_AFTER_S = 1.0
PROVISIONER_VARIABLE = "JUPYTER_DEFAULT_PROVISIONER_NAME"
"""jupyter_client's own."""


def prefer_provisioner(config: Any) -> None:
    """Let ours start the kernels whose kernelspec names no provisioner, unless somebody has chosen another one."""
    if PROVISIONER_VARIABLE not in os.environ:
        config.KernelProvisionerFactory.setdefault("default_provisioner_name", "mlplat")


class MLPlatExtension(ExtensionApp):
    """The ML platform inside the Jupyter server: REST interface, events and metrics."""

    name = "jupyter_mlplat"
    extension_url = "/lab"
    load_other_extensions = True

    max_body_bytes = Integer(16 * 1024**2, min=1024, help="Bytes that the body of one request may have.").tag(
        config=True
    )

    @default("config_file_name")
    def _one_config_file(self) -> str:
        return "jupyter_mlplat_config"

    def initialize_settings(self) -> None:
        """Called before the handlers are made."""
        assert self.serverapp is not None
        self.door = Door(max_body_bytes=self.max_body_bytes, log=self.log)
        self.publisher: Publisher | None = None
        self.gpu_watch: GPUWatch | None = None
        self._later: asyncio.TimerHandle | None = None
        self.kernel_leases = KernelLeases(self.serverapp, self.door, self.log)
        self.settings[DOOR], self.settings[KERNEL_LEASES] = self.door, self.kernel_leases
        prefer_provisioner(self.serverapp.config)
        prefer_prompt(self.settings, self.serverapp.kernel_manager)
        events: Any = self.serverapp.event_logger
        self.events = events
        self.events.register_event_schema(Path(__file__).parent / "events" / "changed.yaml")

    def initialize_handlers(self) -> None:
        """Called with the settings in place."""
        self.handlers.extend(handlers())

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        # The server answers from now on: what it is asked first shall not wait for our imports.
        self._later = asyncio.get_running_loop().call_later(START_AFTER_S, self.start_publisher)

    def start_publisher(self) -> None:
        """Load the platform in a thread and tell the browsers what changes. Called on the event loop."""
        loop = asyncio.get_running_loop()

        def emit(topic: str, key: str) -> None:
            data = {"topic": topic, "key": key}
            loop.call_soon_threadsafe(lambda: self.events.emit(schema_id=EVENT, data=data))

        self.publisher = Publisher(self.door.load, emit, self.log)
        self.publisher.start()

        def take_back(lease_id: str, reason: str) -> None:
            loop.call_soon_threadsafe(self.kernel_leases.take_back, lease_id, reason)

        self.gpu_watch = GPUWatch(self.door.load, self.log, take_back)
        self.gpu_watch.start()

    async def stop_extension(self) -> None:
        """Called when the server stops, also where the start hook never ran."""
        if self._later is not None:
            self._later.cancel()
        for beside in (self.publisher, self.gpu_watch):
            if beside is not None:
                await asyncio.get_running_loop().run_in_executor(None, beside.stop)
        await self.door.close()
