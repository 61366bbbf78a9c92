"""`mlplat.cluster()`: a Dask client, on GPUs where the notebook asks for some."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from ..commands.interrupts import interrupts_later, noticing_interrupts
from ..errors import Conflict, Invalid, Unavailable
from .allocator import ResourceAllocator, own_lease
from .current import platform

if TYPE_CHECKING:
    from distributed import Client

    from ..models import Lease


def cluster(
    gpus: int = 0,
    *,
    gpu_type: str | None = None,
    memory: int | str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
) -> Client:
    """The Dask client of this notebook's cluster; called again with the same arguments it gives the same one.

    With `gpus` it waits in the queue for so many devices (of `gpu_type`, with at least `memory` each, for at most
    `timeout` seconds) and has one worker on each, with the resource `GPU=1`; a kernel or a job that has devices uses
    its own. Else it has `workers` workers on this machine's processors. Where `c.Platform.backend` is `dask`, it is
    the configured cluster. `client.shutdown()` ends the cluster and gives the devices back; so does the end of this
    process. Raises `Unavailable` where it does not start or no GPU becomes free, `Invalid`, and `Conflict` where
    another kind is open or a quota forbids it.
    """
    from .. import dask_cluster

    if not isinstance(gpus, int) or isinstance(gpus, bool) or gpus < 0:
        raise Invalid(f"gpus: {gpus!r} is no number of devices", hint="0 or more", fields={"gpus": "not 0 or more"})
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise Invalid(f"workers: {workers!r} is no number", hint="1 or more", fields={"workers": "not 1 or more"})
    if gpus and workers is not None:
        raise Invalid("with gpus there is one worker on each", hint="leave workers out", fields={"workers": "not here"})
    asked = (gpus, gpu_type, memory, workers)
    found = dask_cluster.opened(asked)
    if found is not None:
        return found
    here = platform()
    if not gpus or here.backend == "dask":
        return dask_cluster.open_cluster(here, lease=None, give_back=lambda: None, workers=workers, asked=asked)
    allocator = ResourceAllocator(gpu_type, memory, count=gpus, timeout=timeout, label="cluster")
    lease, give_back = _devices(allocator)
    try:
        return dask_cluster.open_cluster(here, lease=lease, give_back=give_back, workers=None, asked=asked)
    except BaseException:
        give_back()
        raise


def _devices(allocator: ResourceAllocator) -> tuple[Lease, Any]:
    """A granted lease, and what gives it back: nothing does where it is the kernel's or the job's."""
    service = platform().gpus
    request = allocator.request.model_copy(update={"pid": os.getpid()})
    own = own_lease(request, set())
    if own is not None:
        return own, lambda: None
    lease = None
    try:
        with interrupts_later():
            lease = service.acquire(request, owner=platform().user)
        with noticing_interrupts() as pause:
            lease = service.wait(lease.id, timeout=allocator.timeout, pause=pause)
    except BaseException:
        if lease is not None:
            service.release(lease.id)
        raise
    if lease.state == "queued":
        service.release(lease.id)
        raise Unavailable(
            f"no GPU became free within {allocator.timeout:g} s: position {lease.position} in the queue",
            hint="see who has them: jupyter mlplat gpus list",
        )
    if lease.state != "granted":
        raise Conflict(f"lease {lease.id} ended before it was granted: {lease.reason}", hint="ask again")
    return lease, partial(service.release, lease.id)
