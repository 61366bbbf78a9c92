"""The embedded default: a Dask cluster on this machine, started when the first job needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from traitlets import Float, Integer

from ..attempts import read_record
from ..errors import Unavailable
from ..processes import alive, host_id, kill_tree
from ..protocols import Attempt
from .cluster import CLUSTER_RECORD
from .dask import DaskBackend


class LocalBackend(DaskBackend):
    """A LocalCluster of its own process. Which devices an attempt has is what its lease says.

    It listens on loopback with TLS and certificates made for it, so that no other user of the machine can
    run code in it. It survives the engine, which finds it again by its record in the data directory.
    """

    name = "local"
    carries_files = False

    start_timeout = Float(60.0, help="Seconds that the cluster may take to start.").tag(config=True)
    threads = Integer(0, help="Attempts that the cluster can run at the same time; 0 means 64.").tag(config=True)

    def locate(self) -> tuple[str, Any]:
        from distributed import Security

        record = self._living() or self._launch()
        credentials = record["credentials"]
        assert isinstance(credentials, dict)
        security = Security(
            tls_ca_file=credentials["ca"],
            tls_client_cert=credentials["cert"],
            tls_client_key=credentials["key"],
            require_encryption=True,
        )
        return str(record["address"]), security

    def _resources(self, client: Any, attempt: Attempt) -> dict[str, float] | None:
        return None  # its lease says which devices it has

    def _living(self) -> dict[str, object] | None:
        record = read_record(self.home.run, CLUSTER_RECORD)
        if record is None or record.get("host") != host_id():
            return None
        return record if alive(int(str(record["pid"])), float(str(record["started"]))) else None

    def _launch(self) -> dict[str, object]:
        (self.home.run / CLUSTER_RECORD).unlink(missing_ok=True)
        with open(self.home.log / "cluster.log", "ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyter_mlplat.backends.cluster",
                    str(self.home.root),
                    str(self.threads or 64),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=os.environ.copy(),
                start_new_session=True,
            )
        self._process = process
        deadline = time.monotonic() + self.start_timeout
        while time.monotonic() < deadline:
            record = read_record(self.home.run, CLUSTER_RECORD)
            if record is not None and record.get("pid") == process.pid:
                return record
            if process.poll() is not None:
                break
            time.sleep(0.05)
        process.kill()
        process.wait()
        raise Unavailable("the local Dask cluster did not start", hint=f"its log is {self.home.log / 'cluster.log'}")

    def acknowledge(self, keys: Collection[str]) -> None:
        record = self._living()
        if record is not None:
            with suppress(ProcessLookupError):
                os.kill(int(str(record["pid"])), signal.SIGCONT)  # a cluster that was stopped would lose its attempts
        super().acknowledge(keys)

    def close(self, *, stop: bool) -> None:
        super().close(stop=stop)
        if stop and (record := self._living()) is not None:
            kill_tree(int(str(record["pid"])), float(str(record["started"])), grace=3.0)
            (self.home.run / CLUSTER_RECORD).unlink(missing_ok=True)
        process = getattr(self, "_process", None)
        if process is not None and stop:
            process.wait()
