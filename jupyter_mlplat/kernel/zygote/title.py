"""What `ps` and `/proc/PID/environ` show of a kernel: the command and the environment that it was handed.

A forked process shows its parent's. Linux shows what lies in the memory where the process found its arguments and
its environment (proc(5), fields `arg_start` to `env_end` of `stat`), so what is written there is what is shown. The
zygote is started with a long variable that makes room.
"""

from __future__ import annotations

import ctypes
import os

ROOM = "_"
"""The variable that makes room: shells set it to the last command, so nobody relies on it."""


def write(command: list[str], environment: dict[str, str]) -> None:
    """Show `command` and, as far as there is room, `environment`: the variables of this platform first."""
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        # Field 3 is the first after the name.
        arguments, arguments_end, variables, variables_end = (int(field) for field in fields[45:49])
    except (OSError, ValueError):
        return
    if not 0 < arguments < arguments_end <= variables < variables_end:
        return
    size = arguments_end - arguments
    shown = " ".join(command).encode("utf-8", "replace")[: size - 2]
    # An end that is not a zero says that the text is one string, up to the first zero.
    ctypes.memmove(arguments, shown.ljust(size - 1, b"\0") + b"\1", size)
    block = b""
    for name in sorted(environment, key=lambda name: (not name.startswith("MLPLAT"), name)):
        entry = os.fsencode(f"{name}={environment[name]}") + b"\0"
        if len(block) + len(entry) < variables_end - variables:
            block += entry
    ctypes.memmove(variables, block.ljust(variables_end - variables, b"\0"), variables_end - variables)
