"""gpus reserve, reservations, cancel: devices that are kept for somebody for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import Invalid
from .blocks import Block, Facts, State, Table, Text, Value
from .grammar import Call, Command, argument
from .jobs import LISTING
from .values import build, count, seconds, size

if TYPE_CHECKING:
    from ..models import Page, Reservation


def reserve(call: Call) -> Reservation:
    from ..models import ReservationRequest

    args = call.args
    starts = _time(args.start, field="from") if args.start else None
    request = build(
        ReservationRequest, count=args.gpus, gpu_type=args.gpu_type, memory=args.memory, devices=args.device,
        starts_at=starts, ends_at=_end(starts, args.seconds), whose=args.user, label=args.label,
    )  # fmt: skip
    return call.platform.gpus.reservations.make(request, owner=call.platform.user)


def reservations(call: Call) -> Page[Reservation]:
    return call.platform.gpus.reservations.list(limit=call.args.limit, after=call.args.after)


def cancel(call: Call) -> Reservation:
    return call.platform.gpus.reservations.cancel(call.args.id)


def _time(text: str, *, field: str) -> datetime:
    """An instant: ISO 8601, or `14:00` for the next time that this machine's clock shows that."""
    now = datetime.now().astimezone()
    try:
        if "-" not in text:
            at = datetime.fromisoformat(f"{now:%Y-%m-%d}T{text.strip()}").astimezone()
            return at if at > now - timedelta(minutes=1) else at + timedelta(days=1)
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise Invalid(
            f"--{field} {text} is no time", hint="write 14:00 or 2026-03-29T14:00", fields={field: "is no time"}
        ) from None


def _end(starts: datetime | None, length: float) -> datetime:
    try:
        return (starts or datetime.now().astimezone()) + timedelta(seconds=length)
    except OverflowError:
        raise Invalid("--for is too long", hint="give up to 31 days", fields={"for": "too long"}) from None


def show_reservation(one: Reservation) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("reservation", one.id), ("state", State(one.state)), ("for", one.whose), ("by", one.owner),
        ("what for", one.label or None), ("from", one.starts_at), ("until", one.ends_at),
        ("devices", ", ".join(one.devices)), ("cancelled", one.cancelled_at),
    ]  # fmt: skip
    return [Facts(facts), *_in_the_way(one)]


def _in_the_way(one: Reservation) -> list[Block]:
    if not one.in_the_way:
        return []
    claims = ", ".join(one.in_the_way)
    return [Text(f"Others may still have devices of it when it begins: see jupyter mlplat gpus leases, {claims}")]


def show_reservations(page: Page[Reservation]) -> list[Block]:
    rows: list[list[Value]] = [
        [one.id, State(one.state), one.whose, one.label, len(one.devices), one.starts_at, one.ends_at,
         ", ".join(one.in_the_way) or None]
        for one in page.items
    ]  # fmt: skip
    headings = ["id", "state", "for", "what for", "devices", "from", "until", "in its way"]
    return [Table(headings, rows, empty="No GPU is reserved.")]


COMMANDS = [
    Command(
        "gpus", "reserve", "keep devices for a user or a group for a while", reserve, show_reservation,
        (
            argument("--for", dest="seconds", type=seconds, required=True, metavar="TIME", help="how long: 2h"),
            argument("--from", dest="start", metavar="TIME", help="14:00, or ISO 8601; this machine's time (now)"),
            argument("--gpus", type=count, default=1, metavar="N", help="devices (1)"),
            argument("--gpu-type", metavar="NAME", help="a part of the model's name: A100"),
            argument("--gpu-memory", dest="memory", type=size, metavar="SIZE", help="that each has at least: 32G"),
            argument("--device", action="append", metavar="UUID", help="only these"),
            argument("--user", metavar="WHO", help="whom they are kept for: a user, or @ and a group (you)"),
            argument("--label", metavar="TEXT", help="how lists show what it is for"),
        ),
        example="jupyter mlplat gpus reserve --gpus 2 --from 14:00 --for 2h --user @course",
    ),
    Command(
        "gpus", "reservations", "the devices that are or will be kept for somebody", reservations, show_reservations,
        LISTING,
    ),
    Command(
        "gpus", "cancel", "take a reservation back", cancel, show_reservation,
        (argument("id", metavar="ID", help="the reservation's id, as `gpus reservations` shows it"),),
    ),
]  # fmt: skip
