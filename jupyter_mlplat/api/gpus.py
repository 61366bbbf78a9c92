"""`mlplat.gpus`: the devices of this machine, and claims on them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .arguments import to_model
from .current import platform

if TYPE_CHECKING:
    from datetime import datetime

    from ..models import GPUs, GPUUsage, Lease, Page, Reservation


class GPUDevices:
    """The devices of this machine. For a block of code there is `ResourceAllocator`, which gives them back itself."""

    def list(self) -> GPUs:
        """The devices, and who waits for one."""
        return platform().gpus.list()

    def leases(self, *, limit: int = 50, after: str | None = None) -> Page[Lease]:
        """One page of the live claims on devices."""
        return platform().gpus.leases(limit=limit, after=after)

    def get(self, lease_id: str) -> Lease:
        """One claim. Raises `NotFound`."""
        return platform().gpus.get(lease_id)

    def acquire(self, **asked: Any) -> Lease:
        """Ask for devices for this process, by the fields of `LeaseRequest`. Returns at once, perhaps still queued."""
        from ..models import LeaseRequest

        here = platform()
        return here.gpus.acquire(to_model(LeaseRequest, **{"pid": os.getpid(), **asked}), owner=here.user)

    def wait(
        self, lease_id: str, *, timeout: float | None = None, on_change: Callable[[Lease], None] | None = None
    ) -> Lease:
        """The claim once it does not wait any more, or as it stands after `timeout` seconds."""
        return platform().gpus.wait(lease_id, timeout=timeout, on_change=on_change)

    def usage(self, *, since: datetime | None = None, until: datetime | None = None, by: str = "user") -> GPUUsage:
        """GPU hours, idle hours and cost by user, notebook, job, deployment, type or kind; of the last week by default.

        Times have a zone. Raises `Invalid`.
        """
        from ..models import GPUUsageRequest

        asked = to_model(GPUUsageRequest, since=since, until=until, by=by)
        return platform().gpus.usage(since=asked.since, until=asked.until, by=asked.by)

    def keep(self, lease_id: str, seconds: float = 1800) -> Lease:
        """Let a kernel keep its devices for so long from now on, also at rest. Raises `NotFound`, `Conflict`."""
        from ..models import KeepRequest

        return platform().gpus.keep(lease_id, to_model(KeepRequest, seconds=seconds).seconds)

    def release(self, lease_id: str) -> Lease:
        """Give devices back, or leave the queue. Raises `NotFound`."""
        return platform().gpus.release(lease_id)

    def reserve(self, **asked: Any) -> Reservation:
        """Keep devices for a user or a group for a while, by the fields of `ReservationRequest`.

        Times have a zone. Raises `Unavailable`, `Invalid`, `Conflict`.
        """
        from ..models import ReservationRequest

        here = platform()
        return here.gpus.reservations.make(to_model(ReservationRequest, **asked), owner=here.user)

    def reservations(self, *, limit: int = 50, after: str | None = None) -> Page[Reservation]:
        """One page of the reservations that are open or upcoming."""
        return platform().gpus.reservations.list(limit=limit, after=after)

    def cancel(self, reservation_id: str) -> Reservation:
        """Take a reservation back. Raises `NotFound`."""
        return platform().gpus.reservations.cancel(reservation_id)


gpus = GPUDevices()
