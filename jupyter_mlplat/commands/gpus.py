"""gpus: the devices of this machine, who holds them and who waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import Conflict, Invalid, Unavailable
from .blocks import Block, Bytes, Facts, Seconds, State, Table, Text, Value, written
from .grammar import Call, Command, argument
from .interrupts import interrupts_later, noticing_interrupts
from .jobs import LISTING
from .lease_words import asked_words, idle_words, waiting_words
from .values import build, count, seconds, size

if TYPE_CHECKING:
    from ..models import GPU, GPUs, GPUUsage, Lease, Page, Reservation

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
    for words in gpus.warnings(call.platform.user):
        call.report.note(words)
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


def keep(call: Call) -> Lease:
    from ..models import KeepRequest

    return call.platform.gpus.keep(call.args.id, build(KeepRequest, seconds=call.args.seconds).seconds)


def release(call: Call) -> Lease:
    return call.platform.gpus.release(call.args.id)


def usage(call: Call) -> GPUUsage | str:
    from ..models import UsageKey
    from ..services.gpus.usage import to_csv

    args = call.args
    if args.csv and args.json:
        raise Invalid("--csv and --json exclude each other", hint="give one of them", fields={"csv": "with --json"})
    try:
        since = datetime.now(UTC) - timedelta(seconds=args.since)
    except OverflowError:
        since = datetime.min.replace(tzinfo=UTC)
    found = call.platform.gpus.usage(since=since, by=UsageKey(args.by))
    if not args.csv:
        return found
    for words in found.warnings:
        call.report.note(words)
    return to_csv(found)


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
    waiting = [Text(f"{one.owner}: {waiting_words(one)}") for one in gpus.queue]
    kept = [Text(_reserved(one, gpus)) for one in gpus.reservations]
    return [table, *waiting, *kept, *map(Text, gpus.warnings)]


def _reserved(one: Reservation, gpus: GPUs) -> str:
    indices = ", ".join(str(device.index) for device in gpus.devices if device.uuid in one.devices)
    words = f"device {indices or 'that is gone'} reserved for {one.whose}"
    if one.label:
        words += f" ({one.label})"
    return f"{words} from {one.starts_at.astimezone():%F %H:%M} to {one.ends_at.astimezone():%F %H:%M}"


def _holders(one: GPU) -> str:
    if one.lease is not None:
        return one.lease.owner + (f" ({one.lease.label})" if one.lease.label else "") + _rest(one.lease)
    if one.shares:
        return ", ".join(f"{share.owner} {written(Bytes(share.memory or 0))}{_rest(share)}" for share in one.shares)
    return "in use without a lease" if one.note else "free"


def _rest(lease: Lease) -> str:
    return f", {idle_words(lease)}" if lease.idle_since is not None else ""


def show_leases(page: Page[Lease]) -> list[Block]:
    rows: list[list[Value]] = [
        [one.id, State(one.state), one.owner, one.label, asked_words(one), ", ".join(one.devices), one.position,
         idle_words(one)]
        for one in page.items
    ]  # fmt: skip
    headings = ["id", "state", "owner", "for", "asked", "devices", "position", "load"]
    return [Table(headings, rows, empty="No GPU is leased.")]


def show_lease(lease: Lease) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("lease", lease.id), ("state", State(lease.state)), ("owner", lease.owner), ("for", lease.label or lease.kind),
        ("asked", asked_words(lease)), ("devices", ", ".join(lease.devices) or None), ("position", lease.position),
        ("why", "; ".join(one for one in (lease.held_up, lease.cause) if one) or None), ("process", lease.pid),
        ("requested", lease.requested_at), ("granted", lease.granted_at), ("until", lease.ends_at),
        ("ended", lease.ended_at), ("reason", lease.reason), ("load", idle_words(lease)),
        ("idle in all", Seconds(lease.idle_seconds) if lease.idle_seconds else None),
        ("kept until", lease.kept_until), ("taken back", lease.reclaim_at),
    ]  # fmt: skip
    return [Facts(facts)]


def show_usage(usage: GPUUsage | str) -> list[Block]:
    if isinstance(usage, str):
        return [Text(usage)]
    money = f"cost {usage.currency}" if usage.currency else "cost"
    rows: list[list[Value]] = [
        [one.key, round(one.gpu_hours, 2), round(one.idle_hours, 2), _cents(one.cost), one.leases] for one in usage.rows
    ]
    if len(rows) > 1:
        total = usage.total
        rows.append(["all", round(total.gpu_hours, 2), round(total.idle_hours, 2), _cents(total.cost), total.leases])
    table = Table([usage.by.value, "gpu hours", "idle hours", money, "leases"], rows, empty="No GPU was leased.")
    blocks: list[Block] = [table]
    if usage.budgets:
        budgets: list[list[Value]] = [
            [one.whose, _cents(one.spent), _cents(one.limit), f"{one.share:.0%}"] for one in usage.budgets
        ]
        blocks.append(Table(["budget of this month", "spent", "of", "share"], budgets))
    return [*blocks, *map(Text, usage.warnings)]


def _cents(money: float | None) -> float | None:
    return None if money is None else round(money, 2)


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
    Command(
        "gpus", "usage", "GPU hours, idle hours and cost", usage, show_usage,
        (
            argument("--since", type=seconds, default="7d", metavar="TIME", help="so long up to now (7d)"),
            argument(
                "--by", choices=["user", "notebook", "job", "deployment", "type", "kind"], default="user",
                help="what they are added up by (user)",
            ),
            argument("--csv", action="store_true", help="print CSV"),
        ),
        example="jupyter mlplat gpus usage --since 30d --by notebook --csv",
    ),
    Command(
        "gpus", "keep", "let a kernel keep its devices although they rest", keep, show_lease,
        (
            LEASE_ID,
            argument("--for", dest="seconds", type=seconds, default="30m", metavar="TIME", help="how long (30m)"),
        ),
        example="jupyter mlplat gpus keep 7 --for 2h",
    ),
    Command("gpus", "release", "give devices back, or leave the queue", release, show_lease, (LEASE_ID,)),
]  # fmt: skip
