"""Endpoints as processes of this machine, each in a session of its own, listening on loopback only."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from .. import processes
from ..errors import Unavailable
from ..protocols import Endpoint, EndpointStatus

PROBE_SECONDS = 0.8
GRACE_SECONDS = 5.0
LOG_BYTES = 4 * 2**20
LOG_KEPT_BYTES = 2**20

PASSED_ON = frozenset(
    """
    MLPLAT_HOME PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX
    LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES CUDA_HOME NVIDIA_VISIBLE_DEVICES HF_HOME TORCH_HOME XDG_CACHE_HOME
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NO_PROXY no_proxy HTTP_PROXY HTTPS_PROXY
    http_proxy https_proxy OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS
    """.split()  # noqa: SIM905 - one per line would be a page
)
"""Variables that an endpoint's process gets, where they hold no password; with `LC_*`, these are all."""

FETCH_ONLY = re.compile(r"^(MLFLOW_|AWS_|AZURE_|GOOGLE_|GCP_|DATABRICKS_|HTTPS?_PROXY$|https?_proxy$|NO_PROXY$)")
"""Variables that MLflow may need to download a model: they reach the download and not the model."""

MARK = "MLPLAT_ENDPOINT"
"""The variable by which everything that an endpoint's process starts is found: the endpoint's folder."""

_children: dict[int, subprocess.Popen[bytes]] = {}
_children_lock = threading.Lock()


class LocalTarget:
    """A serving target: `python -m jupyter_mlplat.serving` on this machine.

    A handle has `pid`, `started`, `host` (which names the boot) and `port`; that of a dead one has `final`
    where trying again will not help, because the model's own code failed when it was loaded.
    """

    name = "local"

    def start(self, endpoint: Endpoint) -> EndpointStatus:
        """Start the endpoint's process, on the port it had before where that is free. Raises `Unavailable`.

        A process that an earlier engine left in the same folder is ended first.
        """
        folder = Path(endpoint.folder)
        self._end_recorded(folder)
        for left in ("error.json", "process.json"):
            (folder / left).unlink(missing_ok=True)
        source, fetch = _source(endpoint)
        config = {
            "name": endpoint.name,
            "model_name": endpoint.model_name,
            "version": endpoint.version,
            "source": source,
            "token_sha256": endpoint.token_sha256,
        }
        listening = _listen(endpoint.port)
        try:
            port: int = listening.getsockname()[1]
            _write(folder / "config.json", json.dumps(config, indent=1).encode())
            module = "jupyter_mlplat.serving.fetch" if fetch else "jupyter_mlplat.serving"
            command = [sys.executable, "-P", "-m", module, "--config", str(folder / "config.json")]
            environment = {
                **serving_environment(os.environ, endpoint.tracking_uri), **endpoint.environment, MARK: str(folder),
            }  # fmt: skip
            if fetch:
                environment = fetch_environment(os.environ, environment, endpoint.tracking_uri)
            with open(os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
                process = subprocess.Popen(
                    [*command, "--fd", str(listening.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env=environment,
                    pass_fds=(listening.fileno(),),
                    start_new_session=True,
                    umask=0o077,
                )
        except OSError as error:
            raise Unavailable(
                f"the process of endpoint {endpoint.name} could not be started: {error}",
                hint="see that the disk is not full and that more processes are allowed",
            ) from error
        finally:
            listening.close()
        with _children_lock:
            _children[process.pid] = process
        started = processes.start_time(process.pid)
        handle: dict[str, object] = {
            "pid": process.pid,
            "started": started if started is not None else -1.0,
            "host": processes.host_id(),
            "port": port,
        }
        return EndpointStatus("starting", _url(port), handle)

    def probe(self, endpoint: Endpoint, handle: dict[str, object]) -> EndpointStatus:
        """`dead` without its process; else `ready` or `starting` by the health check, within a second."""
        folder = Path(endpoint.folder)
        pid, started, port = _read_handle(handle)
        _reap(pid)
        _bound_log(folder / "log.txt")
        if handle.get("host") != processes.host_id() or not processes.alive(pid, started):
            message, final = _why(folder)
            return EndpointStatus("dead", _url(port), {**handle, "final": final}, message)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/v2/health/ready")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return EndpointStatus("starting", _url(port), handle, "it does not answer")
        finally:
            connection.close()
        if status == 200:
            return EndpointStatus("ready", _url(port), handle)
        return EndpointStatus("starting", _url(port), handle, "the model is loading")

    def stop(self, endpoint: Endpoint, handle: dict[str, object]) -> None:
        """End the process and everything that it started; returns when none is left."""
        pid, started, _ = _read_handle(handle)
        folder = Path(endpoint.folder)
        if handle.get("host") == processes.host_id():
            _end(folder, pid, started)
        self._end_recorded(folder)

    def _end_recorded(self, folder: Path) -> None:
        """End what an engine started here and did not live to write down."""
        try:
            record = json.loads((folder / "process.json").read_bytes())
        except (OSError, ValueError):
            record = {}
        known = isinstance(record, dict) and record.get("host") == processes.host_id()
        pid, started, _ = _read_handle(record if known else {})
        _end(folder, pid, started)


def serving_environment(environment: Mapping[str, str], tracking_uri: str) -> dict[str, str]:
    """The environment of a process that runs a model: what it needs to run, and nothing that opens a door."""
    passed = {
        name: value
        for name, value in environment.items()
        if (name in PASSED_ON or name.startswith("LC_")) and not has_password(value)
    }
    passed.update(PYTHONUNBUFFERED="1", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
    if not has_password(tracking_uri):
        passed["MLFLOW_TRACKING_URI"] = tracking_uri
    return passed


def fetch_environment(environment: Mapping[str, str], scrubbed: Mapping[str, str], tracking_uri: str) -> dict[str, str]:
    """`scrubbed` with what MLflow needs to download a model; `serving.fetch` drops it before the model is loaded."""
    added = {name: value for name, value in environment.items() if FETCH_ONLY.match(name)}
    return {
        **scrubbed,
        **added,
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLPLAT_SERVING_ENVIRONMENT": json.dumps(dict(scrubbed)),
    }


def has_password(value: str) -> bool:
    """True where `value` is an address with a user or a password in it."""
    if "://" not in value:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return True
    return "@" in parts.netloc or bool(re.search(r"(password|token|secret|key)=", parts.query, re.IGNORECASE))


def _source(endpoint: Endpoint) -> tuple[str, bool]:
    """Where the model is, and whether it must be downloaded first (by a step that has the credentials for it)."""
    location = endpoint.model_uri
    path = location.removeprefix("file://") if location.startswith("file://") else location
    if os.path.isabs(path):
        return path, False
    local = urlsplit(endpoint.tracking_uri).scheme in ("sqlite", "file", "")
    return location, not local


def _listen(port: int | None) -> socket.socket:
    """A listening loopback socket: on `port` where that is free, else on a free one."""
    for wanted in (port, 0):
        if wanted is None:
            continue
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", wanted))
            listening.listen(2048)
            return listening
        except OSError as error:
            listening.close()
            if wanted == 0:
                raise Unavailable(f"there is no free port: {error}", hint="end something that listens") from error
    raise AssertionError("unreachable")


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _read_handle(handle: Mapping[str, object]) -> tuple[int, float, int]:
    def number(name: str) -> float:
        value = handle.get(name)
        return float(value) if isinstance(value, (int, float)) else -1.0

    return int(number("pid")), number("started"), int(number("port"))


def _end(folder: Path, pid: int, started: float) -> None:
    """End a process, what descends from it, what is left of its session, and whatever else it ever started."""
    processes.kill_tree(pid, started, grace=GRACE_SECONDS)
    deadline = time.monotonic() + 10.0
    while left := _marked(folder):
        for member in left:
            with contextlib.suppress(psutil.Error):
                member.send_signal(signal.SIGKILL)
        _reap(pid)
        psutil.wait_procs(left, timeout=0.2)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[member.pid for member in left]} could not be killed")
    _reap(pid)


def _marked(folder: Path) -> list[psutil.Process]:
    """The living processes that were started for the endpoint in `folder`, by the mark in their environment.

    A child that has left the session of a leader that was killed is found by nothing else.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(folder) and _living(process):
                found.append(process)
    return found


def _living(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _reap(pid: int) -> None:
    """Take the exit status of a child of ours, so that it leaves no zombie."""
    with _children_lock:
        process = _children.get(pid)
        if process is not None and process.poll() is not None:
            del _children[pid]


def _why(folder: Path) -> tuple[str, bool]:
    """Why the process has ended: what it left in `error.json`, else the last line of its log; and is that final?"""
    try:
        error = json.loads((folder / "error.json").read_bytes())
        return f"the model cannot be loaded: {error['message']}", not error.get("again", False)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    lines = [line.strip() for line in log_tail(folder / "log.txt", 4096).splitlines() if line.strip()]
    return (f"the process ended; the last line of its log: {lines[-1][:300]}" if lines else "the process ended"), False


def log_tail(path: Path, size: int) -> str:
    """The last `size` bytes of a log as text, from the start of a line; empty where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            start = max(0, file.tell() - size)
            file.seek(start)
            data = file.read(size)
    except OSError:
        return ""
    if start:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def _bound_log(path: Path) -> None:
    """Keep a log small: over the limit its end moves to `log.1.txt` and it starts anew.

    The process writes in append mode, so that it goes on at the new start; a line written between the two
    steps is lost.
    """
    try:
        if path.stat().st_size <= LOG_BYTES:
            return
        _write(path.with_name("log.1.txt"), log_tail(path, LOG_KEPT_BYTES).encode())
        os.truncate(path, 0)
    except OSError:
        return


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    shutil.move(beside, path)
