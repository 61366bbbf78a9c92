"""Who comes before whom, and who gets what: the rules of the ledger, without a store.

The queue is a list. Whoever comes walks from its end towards its head and goes past those that it outranks; nothing
else ever changes the order, so that a position rises only where somebody came, and that one is named. One that has
waited for `PATIENCE` is not overtaken any more: nobody starves.

Devices are given out from the head. One that has to wait keeps the free devices that it could take from those behind
it, so that small requests do not hold up a large one for ever; behind it only such devices are given out that it
cannot use or does not need. One that waits for its owner's quota keeps nothing.

A reserved device is given to nobody else while its window is open, and before it only to those that will be gone by
then, or that can be cut short. (Slurm, which knows how long every job may take, does the same by `backfill`.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

PATIENCE = timedelta(minutes=10)
BY_THE_WAY = 2**30
"""Bytes, or a twentieth of its memory, that a device may have in use and still is free: what a display takes."""
WORTH_S = 300.0
"""For less nobody is given a device that is taken away again."""
AHEAD_S = 86400.0
"""So long before its window a device is kept from those whose end nobody knows and that cannot be cut short."""


@dataclass(frozen=True)
class Window:
    """A time for which a device is reserved, in seconds from now on: 0 or less is in the past."""

    users: frozenset[str]
    starts: float
    ends: float
    words: str = ""

    @property
    def open(self) -> bool:
        return self.starts <= 0 < self.ends


@dataclass
class Device:
    """One device: what it has, what is in use of it, and who has it."""

    uuid: str
    name: str
    memory: int
    used: int
    lease: int | None = None
    shared: int = 0
    windows: Sequence[Window] = ()

    @property
    def free(self) -> bool:
        """True where the whole of it can be had."""
        return self.lease is None and self.shared == 0 and self.used <= max(BY_THE_WAY, self.memory // 20)

    @property
    def room(self) -> int:
        """Bytes that shares can still have."""
        return 0 if self.lease is not None else self.memory - max(self.shared, self.used)


@dataclass(frozen=True)
class Request:
    """What one that waits asks for."""

    id: int
    owner: str
    count: int = 1
    gpu_type: str | None = None
    memory: int | None = None
    wanted: Sequence[str] | None = None
    shared: bool = False
    seconds: float | None = None
    """It is held for so long at the most."""
    lasting: bool = False
    """It cannot be cut short when somebody's reservation begins."""

    def suits(self, device: Device) -> bool:
        """True where the device is of the kind that is asked for, whether it is free or not."""
        return (
            (self.wanted is None or device.uuid in self.wanted)
            and (self.gpu_type is None or self.gpu_type.casefold() in device.name.casefold())
            and device.memory >= (self.memory or 1)
        )

    def kept_out(self, device: Device, after: float = 0.0) -> Window | None:
        """The reservation of others for which it cannot have the device, or could not `after` so many seconds."""
        for window in device.windows:
            if self.owner in window.users or window.ends <= after:
                continue
            before = window.starts - after
            needed = AHEAD_S if self.lasting else WORTH_S
            if before <= 0 or before < (needed if self.seconds is None else min(self.seconds, needed)):
                return window
        return None

    def can_have(self, device: Device) -> bool:
        """True where it could have (its share of) the device now."""
        if not self.suits(device) or self.kept_out(device) is not None:
            return False
        return device.room >= (self.memory or 1) if self.shared else device.free


@dataclass(frozen=True)
class Rank:
    """What the place in the queue comes from."""

    owner: str
    priority: int
    load: float
    interruptible: bool = False
    """What it gets could be taken back at once for one of its priority that is not."""
    waited: bool = False
    """So long that nobody overtakes it any more."""

    def outranks(self, other: Rank) -> bool:
        """True where it goes before one that came earlier.

        By priority, else as the one that is not interruptible, else by fewer devices that its owner has.
        """
        if other.waited:
            return False
        mine, theirs = (self.priority, not self.interruptible), (other.priority, not other.interruptible)
        return mine > theirs or (mine == theirs and self.owner != other.owner and self.load < other.load)


def overtaken(new: Rank, backwards: Iterable[Rank]) -> int:
    """How many at the end of the queue `new` goes past; `backwards` is the queue from its end on."""
    passed = 0
    for one in backwards:
        if not new.outranks(one):
            break
        passed += 1
    return passed


def why_before(number: int, new: Rank, other: Rank) -> str:
    """In words, for the one that request `number` has overtaken."""
    if new.priority != other.priority:
        why = f"priority {new.priority}"
    elif new.interruptible != other.interruptible:
        why = "it is not interruptible"
    else:
        why = f"{new.owner} has fewer devices"
    return f"request {number} of {new.owner} came before it: {why}"


@dataclass
class Decision:
    """What comes of a look at the queue: devices for some, and what each waits for beside its turn."""

    granted: dict[int, list[str]] = field(default_factory=dict)
    held_up: dict[int, str | None] = field(default_factory=dict)


def decide(
    queue: Iterable[Request], devices: Sequence[Device], over_quota: Callable[[Request, Mapping[str, int]], str | None]
) -> Decision:
    """Give the free devices to those that wait, the head first.

    `devices` are changed as they are given out. `over_quota` says which quota a request is over, given the number of
    devices that each owner was granted in this decision.
    """
    made = Decision()
    kept: set[str] = set()
    more: dict[str, int] = {}
    left = [device for device in devices if device.lease is None]
    for one in queue:
        made.held_up[one.id] = over_quota(one, more)
        if made.held_up[one.id] is not None or not left:
            continue
        fitting = [device for device in left if one.can_have(device)]
        # What is reserved for its owner, then the smallest that suffices: large devices, and whole ones, stay for
        # those that need them.
        fitting.sort(key=lambda device: (not _is_its_own(one, device), device.room if one.shared else device.memory))
        if len(fitting) < one.count:
            made.held_up[one.id] = _reserved(one, left)
            kept.update(device.uuid for device in fitting)
            kept.update(_coming(one, devices, kept)[: one.count - len(fitting)])
        else:
            for device in fitting[: one.count]:
                if one.shared:
                    device.shared += one.memory or 0
                else:
                    device.lease = one.id
            made.granted[one.id] = [device.uuid for device in fitting[: one.count]]
            more[one.owner] = more.get(one.owner, 0) + one.count
        left = [device for device in left if device.lease is None and device.uuid not in kept]
    return made


def _coming(one: Request, devices: Sequence[Device], kept: set[str]) -> list[str]:
    """Devices that it can have once the shares of others end, the one with the most room first."""
    shared = [
        device
        for device in devices
        if device.uuid not in kept
        and one.suits(device)
        and device.room > 0
        and device.shared > 0
        and one.kept_out(device) is None
    ]
    return [device.uuid for device in sorted(shared, key=lambda device: -device.room)]


def _is_its_own(one: Request, device: Device) -> bool:
    return any(window.open and one.owner in window.users for window in device.windows)


def _reserved(one: Request, devices: Iterable[Device]) -> str | None:
    """For whom those devices are reserved that it could have otherwise, in words; None where there are none."""
    windows = (one.kept_out(device) for device in devices if one.suits(device) and device.free)
    return next((window.words for window in windows if window is not None), None)


@dataclass(frozen=True)
class Held:
    """A lease that can be taken back: `share` is bytes of each device, None the whole of it."""

    id: int
    devices: Sequence[str]
    priority: int
    share: int | None = None
    asked: int | None = None
    """The request for which it is going already."""
    owner: str = ""


def give_way(
    queue: Iterable[tuple[Request, int, bool]], devices: Sequence[Device], leases: Sequence[Held]
) -> dict[int, int]:
    """Which leases have to go, and for which request.

    `queue` has each request with its priority and whether it could be taken back itself: such a one takes nothing from
    those of its own priority. Whoever it is, it takes the devices that are reserved for it. `leases` stand in the order
    in which they go. None goes where what could go would not be enough.
    """
    chosen: dict[int, int] = {}
    kept: set[str] = set()
    for one, priority, interruptible in queue:
        going = [lease for lease in leases if lease.asked == one.id]
        others = [
            lease
            for lease in leases
            if lease.asked is None
            and lease.id not in chosen
            and (
                lease.priority < priority
                or (lease.priority == priority and not interruptible)
                or any(device.uuid in lease.devices and _in_its_way(one, lease, device) for device in devices)
            )
        ]
        room = {
            device.uuid: device
            for device in devices
            if one.suits(device) and one.kept_out(device) is None and device.uuid not in kept
        }
        goes: list[Held] = []
        while len(had := [uuid for uuid, device in room.items() if _free_after(one, device, [*going, *goes])]) < (
            one.count
        ):
            useful = next((lease for lease in others if any(uuid in room for uuid in lease.devices)), None)
            if useful is None:
                break
            others.remove(useful)
            goes.append(useful)
        else:
            needed = had[: one.count]
            kept.update(needed)
            chosen.update({lease.id: one.id for lease in goes if any(uuid in needed for uuid in lease.devices)})
    return chosen


def _in_its_way(one: Request, lease: Held, device: Device) -> bool:
    return any(
        window.open and one.owner in window.users and lease.owner not in window.users for window in device.windows
    )


def _free_after(one: Request, device: Device, gone: Sequence[Held]) -> bool:
    """True where a request could have (its share of) a device once some leases are gone, with what they use of it."""
    mine = [lease for lease in gone if device.uuid in lease.devices]
    whole = any(lease.share is None for lease in mine)
    left = Device(
        device.uuid,
        device.name,
        device.memory,
        used=0 if mine else device.used,
        lease=None if whole else device.lease,
        shared=device.shared - sum(lease.share or 0 for lease in mine),
    )
    return one.can_have(left)
