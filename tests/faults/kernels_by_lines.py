"""What a Jupyter server does with kernels, without HTTP: it starts and ends them as the lines on its input say.

    start NAME KERNELSPEC     end NAME

Each line is answered by one: `NAME started`, `NAME refused: …`, `NAME ended`.
"""

from __future__ import annotations

import asyncio
import sys

from jupyter_client.manager import AsyncKernelManager

managers: dict[str, AsyncKernelManager] = {}


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def start(name: str, kernel: str) -> None:
    managers[name] = manager = AsyncKernelManager(kernel_name=kernel)
    try:
        await manager.start_kernel()
        say(f"{name} started")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said
        say(f"{name} refused: {error}")


async def end(name: str) -> None:
    if name in managers:
        await managers[name].shutdown_kernel(now=True)
    say(f"{name} ended")


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    say("ready")
    while line := (await reader.readline()).decode().split():
        work = start(*line[1:]) if line[0] == "start" else end(*line[1:])
        tasks.add(asyncio.create_task(work))


asyncio.run(main())
