"""Take the place of an environment's zygote, as nobody's child; and be, in each child, what it was forked for."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Callable

from .server import Zygote
from .system import Forked


def main() -> None:
    """Returns at the end of the kernel that this process has become; in the zygote never."""
    options = _parse(sys.argv[1:])
    if options.lock < 0:
        _detach(options)
    listener = socket.socket(fileno=options.listener)
    os.set_inheritable(options.listener, False)
    os.set_inheritable(options.lock, False)
    role: Callable[[], None] | None = Zygote(options, listener, options.lock).run
    while role is not None:
        following = None
        try:
            role()
        except Forked as forked:
            following = forked.role
        role = following


def _detach(options: argparse.Namespace) -> None:
    """Take the place and be nobody's child. Whoever started this may connect once the first process has ended."""
    os.makedirs(options.folder, mode=0o700, exist_ok=True)
    lock = os.open(os.path.join(options.folder, f"{options.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(0)  # there is one already
    folder = os.open(options.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{options.name}.sock", dir_fd=folder)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    # Paths of sockets are short; that of a folder's descriptor always is.
    listener.bind(f"/proc/self/fd/{folder}/{options.name}.sock")
    os.umask(mask)
    listener.listen(128)
    os.close(folder)
    if os.fork():
        os._exit(0)
    os.setsid()
    options.lock, options.listener = lock, listener.detach()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, help="where the socket and the lock are")
    parser.add_argument("--name", required=True, help="of the socket and the lock")
    parser.add_argument("--home", required=True, help="the data directory; it ends when this is gone")
    parser.add_argument("--preload", type=lambda text: [name for name in text.split(",") if name], default=[])
    parser.add_argument("--keep", type=int, default=2, help="kernels that wait")
    parser.add_argument("--max-memory", type=int, default=4 << 30, help="bytes, of this and all that wait")
    parser.add_argument(
        "--idle", type=float, default=600.0, help="seconds after which it ends when nobody takes a kernel"
    )
    parser.add_argument("--import-timeout", type=float, default=60.0, help="seconds, of one module")
    parser.add_argument("--flags", default="[]", help="of the interpreter, as JSON")
    for internal, default in (("--left-out", "{}"), ("--listener", -1), ("--lock", -1), ("--handed-over", 0)):
        parser.add_argument(internal, type=type(default), default=default, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)
