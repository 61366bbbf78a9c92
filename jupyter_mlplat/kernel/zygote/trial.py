"""A kernel that is run once to its end, in a child: proof that forked kernels work here, and what one touches."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from typing import Any

from .memory import own_pages
from .system import Forked, die_with, forget_signals

WITHIN_S = 30.0

POOLS = {
    "numpy": "a = numpy.ones((300, 300)); assert float((a @ a)[0, 0]) == 300.0",
    "torch": "assert float(torch.ones(200_000).sum()) == 200_000.0",
}
"""What a pool of native threads must still do in a forked process."""


class Failed(Exception):
    """No kernel can be forked; the message says why."""


def run(close: list[int]) -> tuple[list[str], list[int]]:
    """The modules that a kernel imports until its first cell has run, and the pages that it writes to.

    `close` are descriptors that the child must not keep. Raises `Failed` where it does not come to its end in time,
    and `Forked` in the child.
    """
    read, write = os.pipe()
    parent = os.getpid()
    # No `with`: the child leaves this frame, too.
    folder = tempfile.mkdtemp(prefix="mlplat-trial-")
    pid = os.fork()
    if pid == 0:
        die_with(parent)
        for descriptor in (read, *close):
            os.close(descriptor)
        raise Forked(lambda: _rehearse(write, folder))
    os.close(write)
    report = _report(read)
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    shutil.rmtree(folder, ignore_errors=True)
    if report is None:
        raise Failed(f"a forked kernel did not run a cell within {WITHIN_S:g} s, or ended before; see the log")
    if "error" in report:
        raise Failed(f"a forked kernel cannot run here: {report['error']}")
    return report["modules"], report["pages"]


def _report(read: int) -> dict[str, Any] | None:
    data = b""
    deadline = time.monotonic() + WITHIN_S
    os.set_blocking(read, False)
    while time.monotonic() < deadline:
        try:
            block = os.read(read, 1 << 20)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        if not block:
            break
        data += block
    os.close(read)
    try:
        found: dict[str, Any] = json.loads(data)
    except ValueError:
        return None
    return found


def _rehearse(write: int, folder: str) -> None:
    forget_signals()
    before = set(sys.modules)
    try:
        report: dict[str, Any] = _kernel(folder, before)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear it
        report = {"error": f"{type(error).__name__}: {error}"}
    with os.fdopen(write, "w") as file:
        json.dump(report, file)
    os._exit(0)


def _kernel(folder: str, before: set[str]) -> dict[str, Any]:
    os.environ["IPYTHONDIR"] = folder
    os.chdir(folder)
    from ipykernel.kernelapp import IPKernelApp
    from jupyter_client.blocking import BlockingKernelClient

    ours = set(sys.modules) - before

    class Rehearsal(IPKernelApp):
        """One that runs nothing of the user's."""

        name = IPKernelApp.name

        def load_config_file(self, *_: Any, **__: Any) -> None:
            pass

        def _run_startup_files(self) -> None:
            pass

        def write_connection_file(self, **_: Any) -> None:
            pass

    app = Rehearsal.instance(parent_handle=os.getppid())
    app.initialize(["-f", os.path.join(folder, "kernel.json")])
    replies: list[Any] = []

    def ask() -> None:
        client = BlockingKernelClient()
        client.load_connection_info(app.get_connection_info())
        client.start_channels(stdin=False, hb=False)
        try:
            replies.append(client.execute("1", reply=True, timeout=WITHIN_S)["content"]["status"])
            client.stop_channels()
        finally:
            loop = app.kernel.io_loop
            loop.add_callback(loop.stop)

    thread = threading.Thread(target=ask)
    thread.start()
    app.start()
    thread.join()
    if replies != ["ok"]:
        raise RuntimeError(f"a cell with 1 in it was answered with {replies or 'nothing'}")
    modules = sorted(set(sys.modules) - before - ours)
    pages = own_pages()
    for name, check in POOLS.items():
        if name in sys.modules:
            exec(check, {name: sys.modules[name]})
    return {"modules": modules, "pages": pages}
