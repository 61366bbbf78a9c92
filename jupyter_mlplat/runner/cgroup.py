"""Control groups: a memory limit that the kernel of the system keeps, where we were given a group to divide.

"Given" is systemd's delegation (https://systemd.io/CGROUP_DELEGATION/): the group belongs to our user, or it
carries the `delegate` mark. To root every group is writable; that alone does not make it ours.
Files: cgroup-v2.rst and cgroup-v1/memory.rst of the Linux documentation.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cgroup:
    """One memory group: where it is in the file system, and which of the two interfaces it has."""

    folder: Path
    version: int

    @classmethod
    def current(cls, pid: int | str = "self") -> Cgroup | None:
        """The group that a process is in, or None where no memory controller is mounted."""
        try:
            membership = Path(f"/proc/{pid}/cgroup").read_text()
            mounts = Path("/proc/self/mountinfo").read_text()
        except OSError:
            return None
        return locate(membership, mounts)

    def divided(self, name: str, limit: int) -> Cgroup | None:
        """A new group with at most `limit` bytes for the processes that are put into it, or None where we may not.

        With version 2 it lies beside this one: a group that holds processes cannot have children with controllers.
        """
        above = self.folder if self.version == 1 else self.folder.parent
        if not delegated(above) or (self.version == 2 and "memory" not in _read(above / "cgroup.subtree_control")):
            return None
        group = Cgroup(above / name, self.version)
        try:
            group.folder.mkdir()
        except OSError:
            return None
        try:
            group._limit(limit)
        except OSError:
            group.remove()
            return None
        return group

    def _limit(self, limit: int) -> None:
        if self.version == 1:
            (self.folder / "memory.limit_in_bytes").write_text(str(limit))
            extras = {"memory.memsw.limit_in_bytes": str(limit)}
        else:
            (self.folder / "memory.max").write_text(str(limit))
            extras = {"memory.swap.max": "0", "memory.oom.group": "1"}
        for file, value in extras.items():
            if (self.folder / file).exists():
                (self.folder / file).write_text(value)

    def add(self, pid: int) -> bool:
        """Put a process, and all that it will start, into the group; False where that is refused."""
        try:
            (self.folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            return False
        return True

    def oom_kills(self) -> int | None:
        """How many processes the out-of-memory killer has ended in it; None where the system does not say."""
        text = _read(self.folder / ("memory.oom_control" if self.version == 1 else "memory.events"))
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
        return None

    def remove(self, seconds: float = 2.0) -> bool:
        """Remove the group, once its processes are gone; what is left in it is killed."""
        end = time.monotonic() + seconds
        while True:
            for pid in _read(self.folder / "cgroup.procs").split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except OSError:
                    continue
            try:
                self.folder.rmdir()
                return True
            except FileNotFoundError:
                return True
            except OSError:
                if time.monotonic() > end:
                    return False
                time.sleep(0.05)


def delegated(folder: Path) -> bool:
    """True where this group was given to us to divide."""
    for mark in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(folder, mark) == b"1":
                return os.access(folder, os.W_OK)
        except OSError:
            continue
    try:
        mine = os.geteuid() != 0 and folder.stat().st_uid == os.geteuid()
    except OSError:
        return False
    return mine and os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)


def locate(membership: str, mounts: str) -> Cgroup | None:
    """The memory group that /proc/PID/cgroup names, found through /proc/PID/mountinfo (proc(5))."""
    paths: dict[int, str] = {}
    for line in membership.splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            paths[1] = path
        elif number == "0":
            paths[2] = path
    version = 1 if 1 in paths else 2
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        fits = kind == "cgroup2" if version == 2 else kind == "cgroup" and "memory" in options.split()[-1].split(",")
        if not fits or version not in paths:
            continue
        root, point = left.split(" ")[3:5]
        inside = os.path.relpath(paths[version], root)
        if inside.startswith(".."):
            continue
        group = Cgroup(Path(os.path.normpath(os.path.join(point, inside))), version)
        return group if group.oom_kills() is not None else None
    return None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
