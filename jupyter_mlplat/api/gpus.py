"""`mlplat.gpus`: the devices of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .current import platform

if TYPE_CHECKING:
    from ..models import GPUs, Lease, Page


class GPUDevices:
    """The devices of this machine."""

    def list(self) -> GPUs:
        """The devices, and who waits for one."""
        return platform().gpus.list()

    def leases(self, *, limit: int = 50, after: str | None = None) -> Page[Lease]:
        """One page of the live claims on devices."""
        return platform().gpus.leases(limit=limit, after=after)


gpus = GPUDevices()
