"""Which devices CUDA sees in this process, and how much of them torch may take."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Block:
    """What one block of code has: whole devices, or `share` bytes of each; none where it runs on the CPU.

    `place` is where in the program it is: a block inside another one has the same.
    """

    place: object
    devices: Sequence[str] = ()
    share: int | None = None


class Visible:
    """The devices that this process sees: those of all its blocks of code."""

    def __init__(self) -> None:
        self._blocks: dict[object, Block] = {}
        self._before: str | None = None
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forked)

    def add(self, key: object, block: Block) -> None:
        """Let this process see the devices of a block, too."""
        with self._lock:
            if not self._blocks:
                self._before = os.environ.get(VISIBLE)
            self._blocks[key] = block
            self._set()
        if block.share is not None or (block.devices and _in_use()):
            self._hold_to_shares(block.devices)

    def remove(self, key: object) -> None:
        """Take the devices of a block away; the last one leaves the variable as the first one found it."""
        with self._lock:
            block = self._blocks.pop(key, None)
            if block is None:
                return
            self._set()
        # After an error on the device every call of CUDA fails.
        with suppress(Exception):
            if _in_use():
                self._hold_to_shares(block.devices)
                _torch().cuda.empty_cache()

    def devices(self) -> list[str]:
        """Those of all blocks, those of the oldest first."""
        return list(dict.fromkeys(uuid for block in list(self._blocks.values()) for uuid in block.devices))

    def taken(self, place: object, *, shared: bool) -> set[str]:
        """Devices of which the blocks at one place leave nothing for another block there, or no share."""
        around = [one for one in list(self._blocks.values()) if one.place == place]
        return {uuid for one in around if one.share is None or not shared for uuid in one.devices}

    def _set(self) -> None:
        if self._blocks:
            os.environ[VISIBLE] = ",".join(self.devices())
        elif self._before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = self._before

    def _forked(self) -> None:
        self._lock = threading.Lock()  # whoever held it is not in the child

    def _hold_to_shares(self, devices: Sequence[str]) -> None:
        """Let torch take what the blocks have of each device. Other libraries have to keep to it by themselves."""
        torch = _torch()
        if torch is None or not torch.cuda.is_available():
            return
        blocks = list(self._blocks.values())
        for index, (uuid, total) in enumerate(_properties(torch)):
            if uuid not in devices:
                continue
            shares = [block.share for block in blocks if uuid in block.devices]
            known = [share for share in shares if share is not None]
            most = sum(known) if known and len(known) == len(shares) else total
            torch.cuda.set_per_process_memory_fraction(min(most / total, 1.0), index)


visible = Visible()


def bound_to() -> list[str] | None:
    """The devices that CUDA in this process is bound to, by its index; None before its first use.

    Until then they can still be chosen. "" stands for one of which torch does not say which it is.
    """
    return [uuid for uuid, _ in _properties(_torch())] if _in_use() else None


def name_of(uuid: str) -> str:
    """How torch calls a device that this process sees: `cuda:0`."""
    for seen in (bound_to() or [], visible.devices()):
        if uuid in seen:
            return f"cuda:{seen.index(uuid)}"
    return "cuda"


def _torch() -> Any:
    """torch where the program has imported it; nothing here imports it."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and hasattr(torch, "cuda") else None


def _in_use() -> bool:
    torch = _torch()
    return torch is not None and bool(torch.cuda.is_initialized())


def _properties(torch: Any) -> list[tuple[str, int]]:
    """UUID and bytes of each device that torch sees."""
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return [(f"GPU-{one.uuid}" if hasattr(one, "uuid") else "", int(one.total_memory)) for one in found]
