"""New kernel to its first reply as JupyterLab sees it: POST /api/kernels and a websocket, stock against ours.

    python benchmarks/kernel_server.py [--rounds 9]

Two Jupyter servers of this environment run beside each other, each in a folder of its own: one as it comes, without
our extension, one with it and kernels waiting. One round asks each for a kernel, opens its websocket, sends one
execute_request, and stops at the reply; then the kernel is deleted, and both rest until as many kernels wait as
shall. Two cells: `1`, and one that imports numpy, pandas, sklearn, torch, mlflow. A kernel that our server started
plainly counts like the others, and is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_mlplat.home import Home
from jupyter_mlplat.kernel.pool import Pool

CELLS = {"1": "1", "five imports": "import numpy, pandas, sklearn, torch, mlflow"}
GOALS_S = {"1": 0.05, "five imports": 0.06}
REST_S = 1.5
STEPS = ("POST", "websocket", "cell")


class Server:
    """A Jupyter server on a free port."""

    def __init__(self, folder: Path, *, stock: bool) -> None:
        folder.mkdir()
        self.home = Home(folder / "mlplat").ensure()
        self.token = secrets.token_hex(16)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        self.url = f"127.0.0.1:{port}"
        environment = {**os.environ, "JUPYTER_TOKEN": self.token, "MLPLAT_HOME": str(self.home.root)}
        for name in ("JUPYTER_DEFAULT_PROVISIONER_NAME", "JPY_PARENT_PID", "JPY_SESSION_NAME"):
            environment.pop(name, None)
        command = [sys.executable, "-m", "jupyter_server", f"--port={port}", "--ip=127.0.0.1", "--no-browser"]
        with open(folder / "log.txt", "wb") as log:
            self.process = subprocess.Popen(
                [*command, f"--ServerApp.root_dir={folder}", "--allow-root", "--ServerApp.jpserver_extensions",
                 f"jupyter_mlplat={not stock}"],
                cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip

    async def ask(self, method: str, path: str, body: str | None = None) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = HTTPRequest(
            f"http://{self.url}/{path}", method=method, headers=headers, body=body, request_timeout=60
        )
        answer = await AsyncHTTPClient().fetch(request)
        return json.loads(answer.body) if answer.body else None

    async def until_ready(self) -> None:
        for _ in range(600):
            try:
                await self.ask("GET", "api/status")
                return
            except OSError:
                await asyncio.sleep(0.1)
        sys.exit("the server did not answer")

    async def first_reply(self, code: str) -> tuple[list[float], bool]:
        """When the kernel was there, its websocket and its first reply, in seconds; True where it was a warm one."""
        began = time.perf_counter()
        kernel = await self.ask("POST", "api/kernels", '{"name": "python3"}')
        times = [time.perf_counter() - began]
        session = uuid.uuid4().hex
        channel = await websocket_connect(
            HTTPRequest(
                f"ws://{self.url}/api/kernels/{kernel['id']}/channels?session_id={session}",
                headers={"Authorization": f"token {self.token}"},
            )
        )
        times.append(time.perf_counter() - began)
        await execute(channel, session, code)
        times.append(time.perf_counter() - began)
        # The parent of a plain kernel is the server.
        parent = await execute(channel, session, "", parent="__import__('os').getppid()")
        channel.close()
        await self.ask("DELETE", f"api/kernels/{kernel['id']}")
        return times, int(parent["user_expressions"]["parent"]["data"]["text/plain"]) != self.process.pid

    async def rest(self) -> None:
        """Until what follows from a kernel's start and end is over."""
        await asyncio.sleep(REST_S)
        until = time.monotonic() + 120
        while any(one["waiting"] < one["keep"] for one in Pool(self.home).status()):
            if time.monotonic() > until:
                sys.exit("no kernel waits")
            await asyncio.sleep(0.2)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        Pool(self.home).stop()


async def execute(channel: Any, session: str, code: str, **expressions: str) -> Any:
    """The content of the reply."""
    asked = uuid.uuid4().hex
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": expressions}
    header = {"msg_id": asked, "msg_type": "execute_request", "username": "", "session": session, "version": "5.4"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await channel.write_message(json.dumps(message))
    while True:
        heard = json.loads(str(await channel.read_message()))
        if heard["msg_type"] == "execute_reply" and heard["parent_header"].get("msg_id") == asked:
            break
    if heard["content"]["status"] != "ok":
        sys.exit(f"the cell failed: {heard['content']}")
    return heard["content"]


async def measure(stock: Server, ours: Server, rounds: int) -> int:
    for server in (stock, ours):
        await server.until_ready()
        await server.first_reply("1")
    until = time.monotonic() + 120
    while not (status := Pool(ours.home).status()):
        if time.monotonic() > until:
            sys.exit("no kernel waits")
        await asyncio.sleep(0.2)
    if status[0]["left_out"] or status[0]["refuses"]:
        print(f"not as warm as it should be: {status}")
    taken: dict[tuple[str, str], list[list[float]]] = {}
    plain = 0
    for number in range(rounds + 1):
        for name, code in CELLS.items():
            pair = [("stock", stock), ("warm", ours)]
            for way, server in pair if number % 2 else reversed(pair):
                await ours.rest()
                times, warm = await server.first_reply(code)
                if number:
                    taken.setdefault((way, name), []).append(times)
                    plain += way == "warm" and not warm
    missed = 0
    print(
        f"jupyter_server {version('jupyter_server')}, jupyter_client {version('jupyter_client')}, ipykernel "
        f"{version('ipykernel')}, Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    )
    print(f"milliseconds from POST /api/kernels to the first reply, p50 and p90 of {rounds}, and p50 of each step")
    for name in CELLS:
        for way in ("stock", "warm"):
            found = sorted(times[-1] for times in taken[way, name])
            p50, p90 = statistics.median(found), found[min(len(found) - 1, int(len(found) * 0.9))]
            starts = [[0.0, *times] for times in taken[way, name]]
            steps = (statistics.median(one[n + 1] - one[n] for one in starts) * 1000 for n in range(len(STEPS)))
            shown = ", ".join(f"{step} {took:.0f}" for step, took in zip(STEPS, steps, strict=True))
            print(f"{name:14} {way:6} {p50 * 1000:8.0f} {p90 * 1000:8.0f}   ({shown})")
            if way == "warm" and p50 > GOALS_S[name]:
                missed = 1
                print(f"{name:14} the goal is {GOALS_S[name] * 1000:.0f} ms")
    if plain:
        print(f"{plain} of {rounds * len(CELLS)} kernels of ours were started plainly")
    return missed or int(plain > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name:
        servers = [Server(Path(name) / "stock", stock=True), Server(Path(name) / "ours", stock=False)]
        try:
            return asyncio.run(measure(servers[0], servers[1], args.rounds))
        finally:
            for server in servers:
                server.close()


if __name__ == "__main__":
    sys.exit(main())
