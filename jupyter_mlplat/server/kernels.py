"""What is left of kernels that were shut down because their devices were taken back."""

from __future__ import annotations

from tornado import web

from .base import Handler, Operation, Route, authorized
from .gpus import RESOURCE
from .kernel_leases import KERNEL_LEASES


class EndedHandler(Handler):
    """The kernel that ended with a lease."""

    auth_resource = RESOURCE

    @web.authenticated
    @authorized("read")
    async def get(self, id: str) -> None:
        self.reply(self.settings[KERNEL_LEASES].ended(id))


ROUTES = [
    Route(
        "/leases/{id}/kernel",
        EndedHandler,
        {
            "get": Operation(
                "What was saved of the kernel that this server has shut down with a lease", response="EndedKernel"
            )
        },
    ),
]
