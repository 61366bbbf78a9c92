"""Kernels that are ready before they are asked for: the client's side of the zygotes of one data directory.

A zygote (see `zygote`) belongs to one environment: an interpreter with its flags, and those variables that count
when a process starts or imports. The first request for an environment starts it; kernels come from it once it has
imported what it shall. Nothing here is ever the only way to a kernel: whoever gets `NotWarm` starts a plain one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Unavailable
from ..home import Home
from .warm import WarmKernel
from .zygote.title import ROOM
from .zygote.wire import Channel, Closed, peer_uid

PRELOAD = ("numpy", "pandas", "sklearn", "torch", "mlflow")
PROGRAM = Path(__file__).with_name("zygote")

BORN_WITH = re.compile(
    r"(PYTHON|LD_|GLIBC_|MALLOC_|OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|GOTO_|BLIS_|NUMEXPR_|NUMBA_|NPY_|NUMPY_|SCIPY_|PANDAS_"
    r"|SKLEARN_|TORCH|PYTORCH_|ATEN_|CUBLAS_|CUDNN_|NCCL_|TF_|XLA_|JAX_|HF_|TRANSFORMERS_|ARROW_|DASK_|MPLCONFIGDIR$"
    r"|IPYTHON|MLFLOW_(CONFIGURE_LOGGING|LOGGING_LEVEL)$|CUDA_(?!VISIBLE_DEVICES$)|LANG$|LANGUAGE$|LC_|TZ$|HOME$|XDG_)"
)
"""Variables that the interpreter, the C library or a package reads when it starts: they decide which zygote serves."""
_ALSO = ("PATH", "USER", "LOGNAME", "SHELL", "TMPDIR")
_ROOM_BYTES = 16 << 10


class NotWarm(Unavailable):
    """There is no warm kernel to have, and the message says why: start a plain one."""


class Pool:
    """The warm kernels of one data directory on this host.

    `preload` are modules to import ahead, `keep` how many kernels wait in each environment, `max_memory` the bytes
    that an environment's zygote and waiting kernels may use together, `idle` the seconds after which it ends
    when nobody takes one, `import_timeout` the seconds that one module may take.
    """

    def __init__(
        self,
        home: Home,
        *,
        preload: Sequence[str] = PRELOAD,
        keep: int = 2,
        max_memory: int = 4 << 30,
        idle: float = 600.0,
        import_timeout: float = 60.0,
    ) -> None:
        self.home = home
        self.folder = home.run / "kernels"
        self._options = {
            "preload": ",".join(preload),
            "keep": keep,
            "max-memory": max_memory,
            "idle": idle,
            "import-timeout": import_timeout,
        }

    def take(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        imports: Sequence[str] = (),
        timeout: float = 1.0,
        start: bool = True,
        stdio: tuple[int, int] = (1, 2),
    ) -> WarmKernel:
        """A kernel that runs as if `command` had been started in `cwd` with exactly `env`.

        `command` is a kernelspec's, with its connection file in place; the kernel takes ports and key from that
        file where it exists, else chooses them. `imports` are modules to import ahead from now on, `timeout` the
        seconds to wait for a kernel that is nearly ready, `stdio` the descriptors that become its output and error.
        Raises `NotWarm` where a plain start is quicker or the only way; with `start`, a zygote comes up meanwhile.
        """
        place = _understand(command, env)
        state = self._state(place)
        if state != "serving":
            if start and not state:
                self._start(place, env)
            raise NotWarm(f"warm kernels for {place.python} are being prepared")
        connection = self._connect(place.name)
        if connection is None:
            raise NotWarm(f"the zygote of {place.python} does not answer")
        with open(os.devnull, "rb") as nothing:
            request = {"take": {**_process(cwd, env, place.arguments), "imports": list(imports), "wait": timeout}}
            answer = _ask(connection, request, timeout + 10.0, [nothing.fileno(), *stdio])
        if "connection" not in answer:
            connection.close()
            raise NotWarm(str(answer.get("refused", "the zygote ended")))
        return WarmKernel(connection, answer)

    def prepare(self, command: Sequence[str], *, env: Mapping[str, str], timeout: float = 0.0) -> dict[str, Any]:
        """Start the zygote of an environment, and wait up to `timeout` seconds until a kernel waits in it.

        Returns its status (see `status`), {} where it is not serving yet. Raises `NotWarm` where it cannot.
        """
        place = _understand(command, env)
        deadline = time.monotonic() + timeout
        while True:
            state = self._state(place)
            if not state:
                self._start(place, env)
            status = self._status(place.name) if state == "serving" else {}
            if status.get("waiting") or status.get("refuses") or time.monotonic() >= deadline:
                return status
            time.sleep(0.05)

    def status(self) -> list[dict[str, Any]]:
        """Of each zygote that serves: `python`, `preloaded`, `left_out` (module -> why), `waiting`, `keep`,
        `handed_over`, `refuses` (why it forks no more, or ""), and in bytes `memory` (its own, RSS),
        `waiting_memory` (PSS of those that wait) and `max_memory`."""
        names = sorted(path.stem for path in self.folder.glob("*.sock"))
        return [found for name in names if (found := self._status(name))]

    def stop(self) -> None:
        """End every zygote and what waits in it. Kernels that were handed over go on."""
        for path in sorted(self.folder.glob("*.lock")):
            record = _record(path)
            pid = int(record.get("pid", 0))
            if record and not self._stop(path.stem) and _holds(path):
                with suppress(OSError):
                    os.kill(pid, signal.SIGTERM)

    # --- the zygote ---------------------------------------------------------------------------------

    def _state(self, place: _Place) -> str:
        """ "" where none runs, "serving", or what it is doing until then."""
        path = self.folder / f"{place.name}.lock"
        if not _holds(path):
            return ""
        return str(_record(path).get("state", "importing"))

    def _start(self, place: _Place, env: Mapping[str, str]) -> None:
        """Returns once its socket is there. Where another process starts one at the same time, one of both stays."""
        self.home.ensure()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        options = {**self._options, "folder": self.folder, "name": place.name, "home": self.home.root}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        arguments.append(f"--flags={json.dumps(place.flags)}")
        environment = {name: value for name, value in env.items() if BORN_WITH.match(name) or name in _ALSO}
        environment |= {"MLPLAT_HOME": str(self.home.root), ROOM: "." * _ROOM_BYTES}
        with open(self.home.log / f"kernels-{place.name}.log", "ab") as log:
            os.fchmod(log.fileno(), 0o600)
            try:
                done = subprocess.run(
                    [place.python, *place.flags, str(PROGRAM), *arguments],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/",
                    start_new_session=True, timeout=30.0, check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                raise NotWarm(f"{place.python} cannot be started: {error}") from error
        if done.returncode:
            raise NotWarm(f"the zygote of {place.python} ended with {done.returncode}; {log.name} says why")

    def _connect(self, name: str) -> Channel | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                # Paths of sockets are short; that of a folder's descriptor always is.
                connection.connect(f"/proc/self/fd/{folder}/{name}.sock")
            finally:
                os.close(folder)
            if peer_uid(connection) == os.geteuid():
                return Channel(connection)
        except OSError:
            pass
        connection.close()
        return None

    def _status(self, name: str) -> dict[str, Any]:
        connection = self._connect(name)
        if connection is None:
            return {}
        try:
            return _ask(connection, {"status": True}, 10.0)
        finally:
            connection.close()

    def _stop(self, name: str) -> bool:
        connection = self._connect(name)
        if connection is None:
            return False
        try:
            return bool(_ask(connection, {"stop": True}, 10.0))
        finally:
            connection.close()


@dataclass(frozen=True)
class _Place:
    """Where kernels like the one that is asked for wait."""

    name: str
    python: str
    flags: list[str]
    arguments: list[str]


def _understand(command: Sequence[str], env: Mapping[str, str]) -> _Place:
    """Raises `NotWarm` for what is not `python … -m ipykernel_launcher …` on Linux."""
    if not sys.platform.startswith("linux"):
        raise NotWarm("warm kernels need Linux")
    if "-m" not in command[1:-1] or command[command.index("-m") + 1] != "ipykernel_launcher":
        raise NotWarm(f"{' '.join(command[:3])} … does not start a kernel of ipykernel")
    module = list(command).index("-m")
    python = command[0] if os.path.isabs(command[0]) else shutil.which(command[0], path=env.get("PATH"))
    if python is None:
        raise NotWarm(f"{command[0]} is not on the PATH")
    if not all(map(os.path.isabs, filter(None, env.get("PYTHONPATH", "").split(os.pathsep)))):
        raise NotWarm("PYTHONPATH names a folder that depends on the working directory")
    flags = list(command[1:module])
    born = sorted((name, value) for name, value in env.items() if BORN_WITH.match(name))
    key = hashlib.sha256(json.dumps([python, flags, born]).encode()).hexdigest()[:16]
    return _Place(key, python, flags, list(command[module + 2 :]))


def _process(cwd: str, env: Mapping[str, str], arguments: list[str]) -> dict[str, Any]:
    """What a process has from its parent, taken from this one."""
    # Asking umask(2) would change it for a moment, in every thread.
    lines = Path("/proc/self/status").read_text().splitlines()
    mask = next((int(line.split()[1], 8) for line in lines if line.startswith("Umask:")), 0o022)
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    return {
        "cwd": os.path.abspath(cwd),
        "env": dict(env),
        "argv": arguments,
        "umask": mask,
        "limits": limits,
        "affinity": sorted(os.sched_getaffinity(0)),
    }


def _ask(
    channel: Channel, request: dict[str, Any], timeout: float, descriptors: list[int] | None = None
) -> dict[str, Any]:
    """The answer, {} where none comes."""
    channel.socket.settimeout(timeout)
    try:
        channel.send(request, descriptors)
        return channel.wait()
    except Closed:
        return {}


def _record(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _holds(path: Path) -> bool:
    """True while the process that wrote `path` lives."""
    from ..processes import alive

    record = _record(path)
    return alive(int(record.get("pid", 0)), float(record.get("pid_started", -1.0)))
