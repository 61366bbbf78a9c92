"""Attempts as tasks of any Dask scheduler, by its address."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from traitlets import Unicode
from traitlets.config import LoggingConfigurable

from ..errors import Invalid, Unavailable
from ..home import Home
from ..protocols import Attempt, Report
from ..spool import take_over
from . import task
from .travel import pack

if TYPE_CHECKING:
    from distributed import Client, Future

GPU = "GPU"
"""The resource of a worker that is its number of devices."""

CONNECT_S = 15.0
CALL_S = 5.0


class DaskBackend(LoggingConfigurable):
    """Runs attempts on the workers of a Dask cluster that somebody else keeps.

    Nothing is shared with the workers but the connection: the notebook travels with the task, the
    executed notebook and the log with its result.
    """

    name = "dask"
    carries_files = True

    address = Unicode(help="Address of the Dask scheduler, like tcp://scheduler:8786 or tls://scheduler:8786.").tag(
        config=True
    )
    tls_ca_file = Unicode(help="Certificate authority of a tls:// scheduler.").tag(config=True)
    tls_client_cert = Unicode(help="Certificate of the client of a tls:// scheduler.").tag(config=True)
    tls_client_key = Unicode(help="Key of the client of a tls:// scheduler.").tag(config=True)

    def __init__(self, *, home: Home, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.home = home
        self._client: Client | None = None
        self._deliver: Callable[[Report], None] = lambda report: None
        self._futures: dict[str, Future] = {}
        self._lock = threading.Lock()

    # --- the connection -----------------------------------------------------------------------

    def start(self, deliver: Callable[[Report], None]) -> str:
        from distributed import Client

        self._deliver = deliver
        if self._client is not None and self._client.status == "running":
            return str(self._client.scheduler.address)
        self._disconnect()
        address, security = self.locate()
        try:
            client = Client(address, security=security, timeout=CONNECT_S, set_as_default=False, name="mlplat-engine")
        except (OSError, TimeoutError, ValueError) as error:
            raise Unavailable(
                f"no Dask scheduler answers at {address}: {error}",
                hint="see that it runs and that c.DaskBackend.address names it",
            ) from error
        try:
            self._check_versions(client)
            client.subscribe_topic(self.topic, self._heard)
        except BaseException:
            self._close(client)
            raise
        self._client = client
        return str(address)

    @property
    def topic(self) -> str:
        """What this data directory's attempts report under: one scheduler may serve several."""
        import hashlib

        return "mlplat-" + hashlib.sha256(str(self.home.root).encode()).hexdigest()[:16]

    def locate(self) -> tuple[str, Any]:
        """Address of the scheduler, and the credentials for it. Raises `Invalid`, `Unavailable`."""
        from distributed import Security

        if not self.address:
            raise Invalid(
                "the Dask backend has no address",
                hint='set c.DaskBackend.address = "tcp://host:8786" in jupyter_mlplat_config.py',
            )
        if not self.address.startswith("tls://"):
            return self.address, None
        return self.address, Security(
            tls_ca_file=self.tls_ca_file or None,
            tls_client_cert=self.tls_client_cert or None,
            tls_client_key=self.tls_client_key or None,
            require_encryption=True,
        )

    def _check_versions(self, client: Client) -> None:
        from .. import __version__

        try:
            workers = client.run(task.version, on_error="return", callback_timeout=CONNECT_S)
        except Exception as error:
            raise Unavailable(f"the Dask workers do not answer: {error}", hint="see the workers' logs") from error
        for worker, found in workers.items():
            if found != __version__:
                said = f"cannot import it ({found})" if isinstance(found, BaseException) else f"has {found}"
                raise Unavailable(
                    f"the Dask worker {worker} {said}, this side has jupyter_mlplat {__version__}",
                    hint="install the same jupyter_mlplat on the workers",
                )

    def _connected(self) -> Client:
        if self._client is None or self._client.status != "running":
            raise Unavailable("the Dask cluster is not connected", hint="it is connected again by itself")
        return self._client

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        with self._lock:
            self._futures.clear()
        if client is not None:
            self._close(client)

    def _close(self, client: Client) -> None:
        """Close it, whatever has become of its scheduler: it connects anew meanwhile, which may fail in any way."""
        try:
            client.close(timeout=CALL_S)
        except Exception as error:  # noqa: BLE001 - TLS to one that is gone raises ValueError
            self.log.debug("a client of Dask ended with %s: %s", type(error).__name__, error)
            client.status = "closed"

    # --- attempts -----------------------------------------------------------------------------

    def submit(self, attempt: Attempt) -> None:
        client = self._connected()
        self._check_reachable(attempt)
        payload = asdict(attempt)
        if self.carries_files:
            payload["content"] = Path(attempt.notebook).read_text(encoding="utf-8")
            payload["files"] = pack(Path(attempt.notebook), Path(attempt.cwd))
        name = f"{self.topic}-{attempt.key}"
        try:
            resources = self._resources(client, attempt)
            future = client.submit(
                task.run_attempt, payload, self.topic, key=name, pure=False, retries=0, resources=resources
            )
            # Without it the scheduler forgets the attempt when the engine that asked for it is gone.
            client.publish_dataset(future, name=name, override=True)
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"the Dask cluster is gone: {error}", hint="it is connected again by itself") from error
        self._watch(attempt, future)

    def _resources(self, client: Client, attempt: Attempt) -> dict[str, float] | None:
        """What a worker must have. Raises `Unavailable` where none has it, or the task would wait for ever."""
        if not attempt.gpus:
            return None
        # Not `client.scheduler_info`: every two seconds the client writes an answer without workers over it.
        workers = client.sync(client.scheduler.identity, n_workers=-1)["workers"].values()
        if max((one.get("resources", {}).get(GPU, 0) for one in workers), default=0) < attempt.gpus:
            raise Unavailable(
                f"no worker of the Dask cluster has {attempt.gpus} GPUs",
                hint=f'start workers with --resources "{GPU}={attempt.gpus}"',
            )
        return {GPU: attempt.gpus}

    def _check_reachable(self, attempt: Attempt) -> None:
        uri = attempt.environment.get("MLFLOW_TRACKING_URI", "")
        host = urlsplit(self.address).hostname or ""
        if (
            self.carries_files
            and not uri.startswith(("http://", "https://"))
            and host not in ("127.0.0.1", "localhost")
        ):
            raise Invalid(
                f"a worker on another machine cannot reach the MLflow tracking URI {uri.split('@')[-1]}",
                hint="run an MLflow server and set c.Platform.tracking_uri to its http(s) address",
            )

    def adopt(self, attempt: Attempt) -> None:
        client = self._connected()
        name = f"{self.topic}-{attempt.key}"
        try:
            future = client.get_dataset(name, default=None)
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"the Dask cluster is gone: {error}", hint="it is connected again by itself") from error
        if future is not None:
            self._watch(attempt, future)
            return
        record = task.settle(Path(attempt.folder), attempt.key)
        self._deliver(Report(attempt.key, "lost" if record["state"] == "lost" else "ended", record))

    def _watch(self, attempt: Attempt, future: Future) -> None:
        with self._lock:
            self._futures[attempt.key] = future
        future.add_done_callback(lambda done: self._ended(attempt, done))

    def _ended(self, attempt: Attempt, future: Future) -> None:
        with self._lock:
            if self._futures.pop(attempt.key, None) is None:
                return  # disconnected: whoever connects again adopts it
        if future.status == "finished":
            record = future.result()
            for name, file in task.TRAVELLING:
                text = record.pop(name, None)
                if text is not None:
                    Path(attempt.folder).mkdir(parents=True, exist_ok=True)
                    (Path(attempt.folder) / file).write_text(text, encoding="utf-8")
            for number, text in enumerate(record.pop("spool", [])):
                take_over(self.home.spool, f"{attempt.key}-{number}", text)
        elif self.carries_files:
            # Nobody can say that its processes are gone: a retry waits until they must be.
            record = {
                "state": "lost",
                "reason": "worker_lost",
                "message": f"its worker was lost ({future.status})",
                "unreachable": True,
            }
        else:
            record = task.settle(Path(attempt.folder), attempt.key)
        self._deliver(Report(attempt.key, "lost" if record["state"] == "lost" else "ended", record))
        client = self._client
        if client is not None and client.status == "running":
            client.unpublish_dataset(f"{self.topic}-{attempt.key}")

    def _heard(self, event: tuple[float, dict[str, Any]]) -> None:
        _, report = event
        self._deliver(Report(report["key"], report["kind"], report["data"]))

    def acknowledge(self, keys: Collection[str]) -> None:
        self._command(list(keys), "ack")

    def cancel(self, key: str) -> None:
        self._command([key], "cancel")

    def _command(self, keys: list[str], order: str) -> None:
        if not keys:
            return
        client = self._connected()
        try:
            client.run(task.command, keys, order, on_error="ignore", callback_timeout=CALL_S)
        except TimeoutError:
            # One worker is silent; the others have heard it, and all of them are told again.
            self.log.warning("not every Dask worker answers")
        except OSError as error:
            raise Unavailable(f"the Dask workers do not answer: {error}", hint="they are asked again") from error

    def close(self, *, stop: bool) -> None:
        self._disconnect()
