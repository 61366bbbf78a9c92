"""The embedded Dask cluster's own process: `python -m jupyter_mlplat.backends.cluster HOME THREADS`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from ..attempts import write_atomically
from ..home import Home
from ..processes import host_id, start_time

CLUSTER_RECORD = "cluster.json"
LONELY_S = 120.0
logger = logging.getLogger("jupyter_mlplat.cluster")


def make_cluster(threads: int, security: Any, folder: Path) -> Any:
    """One worker, which starts each attempt as a process of its own: that has the devices of its lease, and not it.

    A LocalCUDACluster would make a CUDA context on every device, which nobody uses.
    """
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=1,
        processes=True,
        memory_limit=0,
        security=security,
        host="127.0.0.1",
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        local_directory=str(folder),
        threads_per_worker=threads,
    )


def _continue_workers() -> None:
    """A worker that was stopped (SIGSTOP) would lose its attempts: it passes on that they are still wanted."""
    for worker in psutil.Process().children():
        with suppress(psutil.Error):
            if worker.status() == psutil.STATUS_STOPPED:
                logger.warning("worker %s was stopped: it goes on", worker.pid)
                worker.resume()


def main(arguments: list[str]) -> int:
    """Start the cluster, write its record, wait for the end: a signal, or nobody connected for two minutes."""
    home, threads = Home(Path(arguments[0])), int(arguments[1])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    os.umask(0o077)
    import dask
    from distributed import Security

    dask.config.set(
        {
            # An attempt runs once: what happens after the death of a worker is the engine's decision.
            "distributed.scheduler.allowed-failures": 0,
            "distributed.worker.daemon": False,
            "distributed.comm.timeouts.connect": "20s",
            "distributed.comm.timeouts.tcp": "30s",
            # No page of Dask's own: it knows no token.
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.scheduler.events-cleanup-delay": "1h",
        }
    )
    security = Security.temporary()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    with make_cluster(threads, security, home.run / "dask") as cluster:
        write_atomically(
            home.run / CLUSTER_RECORD,
            {
                "address": cluster.scheduler_address,
                "pid": os.getpid(),
                "started": start_time(os.getpid()),
                "host": host_id(),
                "credentials": {
                    "ca": security.tls_ca_file,
                    "cert": security.tls_client_cert,
                    "key": security.tls_client_key,
                },
            },
        )
        lonely = 0.0
        while not ended.wait(5.0):
            _continue_workers()
            others = [client for client in cluster.scheduler.clients if client.startswith("Client-mlplat")]
            busy = any(task.state == "processing" for task in list(cluster.scheduler.tasks.values()))
            lonely = 0.0 if others or busy else lonely + 5.0
            if lonely >= LONELY_S:
                logger.info("nobody is connected: leaving")
                break
    (home.run / CLUSTER_RECORD).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
