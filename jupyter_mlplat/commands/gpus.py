"""gpus: the devices of this machine and who holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .blocks import Block, Bytes, State, Table, Text, Value
from .grammar import Call, Command
from .jobs import LISTING

if TYPE_CHECKING:
    from ..models import GPUs, Lease, Page


def list_gpus(call: Call) -> GPUs:
    return call.platform.gpus.list()


def leases(call: Call) -> Page[Lease]:
    return call.platform.gpus.leases(limit=call.args.limit, after=call.args.after)


def show_gpus(gpus: GPUs) -> list[Block]:
    rows: list[list[Value]] = [
        [
            one.index, one.name, Bytes(one.memory_used_bytes), Bytes(one.memory_total_bytes),
            None if one.utilization is None else f"{one.utilization:.0%}",
            one.lease.owner if one.lease else "free", one.uuid,
        ]
        for one in gpus.devices
    ]  # fmt: skip
    table = Table(
        ["index", "name", "used", "memory", "load", "lease", "uuid"],
        rows,
        empty=gpus.message or "No GPU on this machine.",
    )
    return [table, Text(f"{len(gpus.queue)} waiting")] if gpus.queue else [table]


def show_leases(page: Page[Lease]) -> list[Block]:
    rows: list[list[Value]] = [
        [one.id, State(one.state), one.owner, ", ".join(one.devices), one.position] for one in page.items
    ]
    return [Table(["id", "state", "owner", "devices", "position"], rows, empty="No GPU is leased.")]


COMMANDS = [
    Command("gpus", "list", "the devices, and who waits for one", list_gpus, show_gpus),
    Command("gpus", "leases", "the live claims on devices", leases, show_leases, LISTING),
]
