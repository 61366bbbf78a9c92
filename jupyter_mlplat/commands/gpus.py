"""gpus: the devices of this machine, who holds them and who waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Conflict, Unavailable
from .blocks import Block, Bytes, Facts, State, Table, Text, Value, written
from .grammar import Call, Command, argument
from .interrupts import interrupts_later, noticing_interrupts
from .jobs import LISTING
from .values import build, count, seconds, size

if TYPE_CHECKING:
    from ..models import GPU, GPUs, Lease, Page

GIVEN = ("gpu_type", "memory", "shared", "priority", "seconds", "label")


def list_gpus(call: Call) -> GPUs:
    return call.platform.gpus.list()


def leases(call: Call) -> Page[Lease]:
    return call.platform.gpus.leases(limit=call.args.limit, after=call.args.after)


def show(call: Call) -> Lease:
    return call.platform.gpus.get(call.args.id)


def acquire(call: Call) -> Lease:
    from ..models import LeaseRequest

    args, gpus = call.args, call.platform.gpus
    asked = {name: getattr(args, name) for name in GIVEN if getattr(args, name) is not None}
    # A parent that this process cannot see, outside of its container, has no number.
    pid = args.pid if args.pid is not None else call.asker or None
    request = build(LeaseRequest, count=args.gpus, devices=args.device, pid=pid, **asked)
    lease = None
    try:
        with interrupts_later():
            lease = gpus.acquire(request, owner=call.platform.user)
        if lease.position is None or args.no_wait:
            return lease
        with noticing_interrupts() as pause:
            lease = gpus.wait(
                lease.id, timeout=args.timeout, on_change=lambda one: call.report.note(waiting_words(one)), pause=pause
            )
    except BaseException:
        if lease is not None:
            gpus.release(lease.id)
        raise
    if lease.position is not None:
        gpus.release(lease.id)
        raise Unavailable(
            f"no GPU became free within {args.timeout:g} s; it was number {lease.position} in the queue",
            hint="see who has them: jupyter mlplat gpus list",
        )
    if lease.state != "granted":
        raise Conflict(f"lease {lease.id} ended before it was granted: {lease.reason}", hint="ask again")
    return lease


def release(call: Call) -> Lease:
    return call.platform.gpus.release(call.args.id)


def waiting_words(lease: Lease) -> str:
    """Where one that waits stands, in one line."""
    words = f"waiting for {asked_words(lease)}: number {lease.position} in the queue"
    if lease.expected_start is not None:
        words += f", about {lease.expected_start.astimezone():%H:%M}"
    why = [one for one in (lease.held_up, lease.cause) if one]
    return f"{words} ({'; '.join(why)})" if why else words


def asked_words(lease: Lease) -> str:
    """What somebody asked for: `2 × A100, 16.0 GiB of each`."""
    words = f"{lease.count} × {lease.gpu_type or 'GPU'}"
    if lease.memory is None:
        return words
    return f"{words}, {written(Bytes(lease.memory))} {'of each' if lease.shared else 'or more'}"


def show_gpus(gpus: GPUs) -> list[Block]:
    rows: list[list[Value]] = [
        [
            one.index, one.name, Bytes(one.memory_used_bytes), Bytes(one.memory_total_bytes),
            None if one.utilization is None else f"{one.utilization:.0%}", _holders(one), one.uuid,
        ]
        for one in gpus.devices
    ]  # fmt: skip
    table = Table(
        ["index", "name", "used", "memory", "load", "lease", "uuid"],
        rows,
        empty=gpus.message or "No GPU on this machine.",
    )
    return [table, *(Text(f"{one.owner}: {waiting_words(one)}") for one in gpus.queue)]


def _holders(one: GPU) -> str:
    if one.lease is not None:
        return one.lease.owner + (f" ({one.lease.label})" if one.lease.label else "")
    if one.shares:
        return ", ".join(f"{share.owner} {written(Bytes(share.memory or 0))}" for share in one.shares)
    return "in use without a lease" if one.note else "free"


def show_leases(page: Page[Lease]) -> list[Block]:
    rows: list[list[Value]] = [
        [one.id, State(one.state), one.owner, one.label, asked_words(one), ", ".join(one.devices), one.position]
        for one in page.items
    ]
    return [Table(["id", "state", "owner", "for", "asked", "devices", "position"], rows, empty="No GPU is leased.")]


def show_lease(lease: Lease) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("lease", lease.id), ("state", State(lease.state)), ("owner", lease.owner), ("for", lease.label or lease.kind),
        ("asked", asked_words(lease)), ("devices", ", ".join(lease.devices) or None), ("position", lease.position),
        ("why", "; ".join(one for one in (lease.held_up, lease.cause) if one) or None), ("process", lease.pid),
        ("requested", lease.requested_at), ("granted", lease.granted_at), ("until", lease.ends_at),
        ("ended", lease.ended_at), ("reason", lease.reason),
    ]  # fmt: skip
    return [Facts(facts)]


LEASE_ID = argument("id", metavar="ID", help="the lease's id, as `gpus leases` shows it")

COMMANDS = [
    Command("gpus", "list", "the devices, and who waits for one", list_gpus, show_gpus),
    Command("gpus", "leases", "the live claims on devices", leases, show_leases, LISTING),
    Command("gpus", "show", "one claim on devices", show, show_lease, (LEASE_ID,)),
    Command(
        "gpus", "acquire", "wait for devices and hold them", acquire, show_lease,
        (
            argument("--gpus", type=count, default=1, metavar="N", help="devices (1)"),
            argument("--gpu-type", metavar="NAME", help="a part of the model's name: A100"),
            argument("--gpu-memory", dest="memory", type=size, metavar="SIZE", help="that each has at least: 32G"),
            argument("--shared", action="store_true", default=None, help="only --gpu-memory of each, not the whole"),
            argument("--device", action="append", metavar="UUID", help="only these"),
            argument("--priority", type=int, metavar="N", help="higher comes first (0)"),
            argument("--for", dest="seconds", type=seconds, metavar="TIME", help="how long they may be held: 2h"),
            argument("--label", metavar="TEXT", help="how lists show what it is for"),
            argument("--pid", type=int, metavar="PID", help="the process that they are for; this shell, or the kernel"),
            argument("--timeout", type=seconds, metavar="TIME", help="how long to wait"),
            argument("--no-wait", action="store_true", help="return at once, with a place in the queue"),
        ),
        example="jupyter mlplat gpus acquire --gpu-type A100 --gpu-memory 32G --timeout 10m",
    ),
    Command("gpus", "release", "give devices back, or leave the queue", release, show_lease, (LEASE_ID,)),
]  # fmt: skip
