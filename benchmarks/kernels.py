"""New kernel to its first reply: a warm kernel against a plain start, and what eight of each cost.

    python benchmarks/kernels.py [--rounds 9] [--imports numpy,pandas,sklearn,torch,mlflow]

The client is the same for both: a shell socket that is connected at once and tries again every 5 ms, one
execute_request, the time until its reply. Plain: `KernelManager.start_kernel` of jupyter_client. Warm: `Pool.take`,
with kernels waiting. Rounds alternate (plain, warm, warm, plain). PSS divides a page among the processes that share
it; for the warm ones the zygote and the keepers are counted, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

from jupyter_mlplat.home import Home
from jupyter_mlplat.kernel.pool import Pool
from jupyter_mlplat.kernel.zygote.memory import share

ONE = "1"
EIGHT = 8


class Client:
    """The least that runs a cell in a kernel."""

    def __init__(self, connection: dict[str, Any]) -> None:
        key = connection["key"]
        self.session = Session(key=key if isinstance(key, bytes) else key.encode())
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 5)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(f"tcp://{connection['ip']}:{connection['shell_port']}")

    def run(self, code: str) -> None:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        self.session.send(self.socket, "execute_request", content)
        if not self.socket.poll(180_000):
            sys.exit("the kernel does not answer")
        _, reply = self.session.recv(self.socket)
        if reply is None or reply["content"]["status"] != "ok":
            sys.exit(f"the cell failed: {reply}")

    def close(self) -> None:
        self.socket.close()


class Plain:
    name = "plain"

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env, self.folder = env, folder
        self._running: list[KernelManager] = []

    def start(self) -> dict[str, Any]:
        manager = KernelManager()
        manager.start_kernel(env=self.env, cwd=str(self.folder))
        self._running.append(manager)
        return dict(manager.get_connection_info())

    def pids(self) -> list[int]:
        return [manager.provisioner.process.pid for manager in self._running]

    def end(self) -> None:
        for manager in self._running:
            manager.shutdown_kernel(now=True)
        self._running.clear()

    def settle(self) -> None:
        pass


class Warm:
    name = "warm"

    def __init__(self, env: dict[str, str], folder: Path, pool: Pool) -> None:
        self.env, self.folder, self.pool = env, folder, pool
        self._command = [sys.executable, "-m", "ipykernel_launcher"]
        self._running: list[Any] = []

    def settle(self) -> None:
        """Until a kernel waits again: what is measured is a start with one waiting."""
        status = self.pool.prepare(self._command, env=self.env, timeout=180)
        if not status or status["left_out"] or status["refuses"]:
            sys.exit(f"no warm kernels: {status}")
        while sum(one["waiting"] for one in self.pool.status()) < status["keep"]:
            time.sleep(0.05)
        time.sleep(0.2)

    def start(self) -> dict[str, Any]:
        kernel = self.pool.take(self._command, cwd=str(self.folder), env=self.env, timeout=30.0, stdio=(2, 2))
        self._running.append(kernel)
        return dict(kernel.connection_info)

    def pids(self) -> list[int]:
        status = self.pool.status()[0]
        return [status["pid"], *(pid for kernel in self._running for pid in (kernel.pid, kernel.keeper))]

    def end(self) -> None:
        for kernel in self._running:
            kernel.end()
        self._running.clear()


def first_reply(way: Plain | Warm, code: str) -> tuple[float, float]:
    """Seconds to the connection's address, and to the first reply."""
    way.settle()
    began = time.perf_counter()
    connection = way.start()
    started = time.perf_counter() - began
    client = Client(connection)
    client.run(code)
    took = time.perf_counter() - began
    client.close()
    way.end()
    return started, took


def memory(way: Plain | Warm, code: str) -> float:
    """MB of eight kernels that have run `code`."""
    for _ in range(EIGHT):
        way.settle()
        client = Client(way.start())
        client.run(code)
        client.close()
    found = sum(map(share, way.pids())) / 1e6
    way.end()
    return found


def percentile(values: list[float], share_below: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share_below * (len(values) - 1)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--imports", default="numpy,pandas,sklearn,torch,mlflow")
    parser.add_argument("--no-memory", action="store_true")
    args = parser.parse_args()
    imports = f"import {args.imports}"
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        folder = Path(name)
        home = Home(folder / "home").ensure()
        env = {**os.environ, "MLPLAT_HOME": str(home.root), "IPYTHONDIR": str(folder / "ipython")}
        os.environ["JUPYTER_RUNTIME_DIR"] = str(folder / "runtime")
        pool = Pool(home, preload=args.imports.split(","))
        plain, warm = Plain(env, folder), Warm(env, folder, pool)
        try:
            print(
                f"jupyter_client {version('jupyter_client')}, ipykernel {version('ipykernel')}, "
                f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}"
            )
            for label, code in ((ONE, ONE), (imports, imports)):
                report(label, measure(plain, warm, code, args.rounds))
            if not args.no_memory:
                costs = {way.name: memory(way, imports) for way in (plain, warm)}
                print(
                    f"PSS of {EIGHT} kernels after the imports: "
                    + ", ".join(f"{n} {c:.0f} MB" for n, c in costs.items())
                )
            print(f"load {os.getloadavg()[0]:.1f}")
        finally:
            plain.end()
            warm.end()
            pool.stop()
    return 0


def measure(plain: Plain, warm: Warm, code: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Alternating rounds; the first pair, which warms the disk's cache, does not count."""
    taken: dict[str, list[tuple[float, float]]] = {"plain": [], "warm": []}
    run: Callable[[Plain | Warm], tuple[float, float]] = lambda way: first_reply(way, code)  # noqa: E731
    run(plain), run(warm)
    for number in range(rounds):
        pair: tuple[Plain | Warm, ...] = (plain, warm) if number % 2 == 0 else (warm, plain)
        for way in pair:
            taken[way.name].append(run(way))
    return taken


def report(label: str, taken: dict[str, list[tuple[float, float]]]) -> None:
    print(f"first reply of `{label}`, milliseconds")
    for name, pairs in taken.items():
        replies = [1000 * reply for _, reply in pairs]
        started = statistics.median(1000 * start for start, _ in pairs)
        print(
            f"  {name:6} p50 {statistics.median(replies):7.1f}  p90 {percentile(replies, 0.9):7.1f}  "
            f"of these until its address is known {started:6.1f}"
        )
    if statistics.median(r for _, r in taken["warm"]) > statistics.median(r for _, r in taken["plain"]):
        print("  we lose")


if __name__ == "__main__":
    sys.exit(main())
