"""`python -m jupyter_mlplat.serving --config FILE [--fd N | --port N]`: serve one model until TERM."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import fcntl
import json
import logging
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import processes
from ..errors import MLPlatError
from .config import Config, read_config, write_atomically

if TYPE_CHECKING:
    from .app import Application

log = logging.getLogger("jupyter_mlplat.serving")

FAILED_TO_LOAD = 3
"""Exit status: the model cannot be loaded, and trying again will not help."""

ALREADY_SERVED = 4
"""Exit status: another process serves this deployment."""

PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlplat.serving", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see config.py")
    parser.add_argument("--fd", type=int, help="a listening socket that was inherited")
    parser.add_argument("--port", type=int, default=0, help="loopback port to listen on; 0 is a free one")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        config = read_config(options.config)
    except MLPlatError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 - a program of its own
        return error.exit_code
    folder = options.config.absolute().parent
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        log.error("another process serves %s", config.name)
        return ALREADY_SERVED
    (folder / "error.json").unlink(missing_ok=True)
    record = {"pid": os.getpid(), "started": processes.start_time(os.getpid()), "host": processes.host_id()}
    write_atomically(folder / "process.json", json.dumps(record).encode())
    _adopt_orphans()
    if options.fd is not None:
        listening = socket.socket(fileno=options.fd)
    else:
        listening = socket.create_server(("127.0.0.1", options.port))
        log.info("listening on http://127.0.0.1:%d", listening.getsockname()[1])
    os.set_inheritable(listening.fileno(), False)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(config, folder, listening))
    return 0


async def _serve(config: Config, folder: Path, listening: socket.socket) -> None:
    """Answer at once, with "not ready" until the model is loaded in a thread of its own."""
    import uvicorn

    from .app import Application

    application = Application(config)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=10,
        )
    )
    loader = threading.Thread(
        target=_load, args=(config, folder, application, asyncio.get_running_loop()), name="load", daemon=True
    )
    loader.start()
    await server.serve(sockets=[listening])
    if application.workers is not None:
        application.workers.close()


def _load(config: Config, folder: Path, application: Application, loop: asyncio.AbstractEventLoop) -> None:
    """Load the model, or leave `error.json` and end the process: it runs the author's code, which may do anything."""
    try:
        from .model import ServedModel

        model = ServedModel.load(config.source)
    except BaseException as error:  # noqa: BLE001 - the author's code may even call sys.exit
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"[:1000]
        write_atomically(folder / "error.json", json.dumps({"message": message}).encode())
        sys.stderr.flush()
        os._exit(FAILED_TO_LOAD)
    loop.call_soon_threadsafe(application.ready, model)
    log.info("%s serves version %s of %s", config.name, config.version, config.model_name)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _adopt_orphans() -> None:
    """Make this process the parent of whatever its descendants leave behind, so that they can be found and ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
