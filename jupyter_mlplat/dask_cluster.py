"""The Dask cluster of this process: `mlplat.cluster()`.

Of its own where the platform has no address of one: workers on loopback with TLS, on GPUs one for each device of a
lease, which ends with the cluster or with this process. The engine's own cluster is another one: what a notebook
computes cannot disturb the jobs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import Conflict, Unavailable

if TYPE_CHECKING:
    from distributed import Client

    from .models import Lease
    from .platform import Platform

LOOK_S = 0.5
GPU = "GPU"
"""The resource that each worker on a device has one of."""


@dataclass
class _Open:
    """What this process has: `asked` is what it was opened with."""

    asked: object
    client: Client
    cluster: Any
    devices: Sequence[str] = field(default_factory=tuple)

    @property
    def living(self) -> bool:
        return self.client.status in ("running", "connecting") and (
            self.cluster is None or str(getattr(self.cluster.status, "name", self.cluster.status)) == "running"
        )


_open: _Open | None = None
_lock = threading.RLock()


def open_cluster(
    platform: Platform, *, lease: Lease | None, give_back: Callable[[], None], workers: int | None, asked: object
) -> Client:
    """A client of a new cluster, on the devices of `lease` where there is one; `give_back` is called at its end.

    Raises `Unavailable` where it does not start, or where the configured one does not answer.
    """
    global _open
    from distributed import Client

    with _lock:
        try:
            if platform.backend == "dask":
                made = _Open(asked, _connect(platform), None)
            else:
                cluster = _on_devices(lease.devices) if lease is not None else _on_cpu(workers)
                made = _Open(asked, Client(cluster), cluster, tuple(lease.devices) if lease is not None else ())
        except (OSError, TimeoutError, RuntimeError) as error:
            raise Unavailable(
                f"the Dask cluster did not start: {error}",
                hint="in a program, not a notebook, call it below `if __name__ == '__main__':`",
            ) from error
        _open = made
    threading.Thread(target=_watch, args=(made, give_back), name="mlplat-cluster", daemon=True).start()
    return made.client


def opened(asked: object) -> Client | None:
    """The client of what this process has open, if it has.

    Raises `Conflict` where that is not what is asked for now.
    """
    with _lock:
        if _open is None or not _open.living:
            return None
        if _open.asked != asked:
            raise Conflict(
                "this notebook has a Dask cluster of another kind open",
                hint="end that one first: mlplat.cluster(…).shutdown() with what it was opened with",
            )
        return _open.client


def described() -> dict[str, Any]:
    """What this process has open: address, dashboard, workers with their device; empty where it has nothing."""
    with _lock:
        mine = _open if _open is not None and _open.living else None
    if mine is None:
        return {}
    # Not `scheduler_info`: every two seconds the client writes an answer without workers over it.
    known = mine.client.sync(mine.client.scheduler.identity, n_workers=-1)["workers"]
    return {
        "address": mine.client.scheduler.address,
        "dashboard": mine.client.dashboard_link,
        "workers": [
            {"name": str(one["name"]), "threads": one["nthreads"], "gpu": one.get("resources", {}).get(GPU)}
            for one in known.values()
        ],
    }


def _watch(made: _Open, give_back: Callable[[], None]) -> None:
    while made.living:
        time.sleep(LOOK_S)
    give_back()


def _connect(platform: Platform) -> Any:
    from distributed import Client

    address, security = platform.make_backend().locate()  # type: ignore[attr-defined]
    return Client(address, security=security, timeout=15)


def _scheduler(security: Any) -> dict[str, Any]:
    from distributed import Scheduler

    options = {"host": "127.0.0.1", "port": 0, "protocol": "tls://", "security": security, "dashboard": True,
               "dashboard_address": "127.0.0.1:0"}  # fmt: skip
    return {"cls": Scheduler, "options": options}


def _on_cpu(workers: int | None) -> Any:
    from distributed import LocalCluster, Security

    return LocalCluster(
        n_workers=workers, processes=True, host="127.0.0.1", protocol="tls://", security=Security.temporary(),
        dashboard_address="127.0.0.1:0",
    )  # fmt: skip


def _on_devices(devices: Sequence[str]) -> Any:
    """One worker for each device, which sees it alone."""
    from distributed import Nanny, Security, SpecCluster

    security = Security.temporary()
    if not any(uuid.startswith("GPU-fake") for uuid in devices):
        try:
            from dask_cuda import LocalCUDACluster
        except ImportError:
            pass  # plain workers see their device as well; they do without its memory manager and its spilling
        else:
            return LocalCUDACluster(
                CUDA_VISIBLE_DEVICES=",".join(devices), host="127.0.0.1", protocol="tls", security=security,
                resources={GPU: 1}, dashboard_address="127.0.0.1:0",
            )  # fmt: skip
    options = {"host": "127.0.0.1", "protocol": "tls://", "security": security, "nthreads": 1, "resources": {GPU: 1}}
    specs = {
        uuid: {"cls": Nanny, "options": {**options, "env": {**os.environ, "CUDA_VISIBLE_DEVICES": uuid}}}
        for uuid in devices
    }
    return SpecCluster(workers=specs, scheduler=_scheduler(security), security=security, name="mlplat")
