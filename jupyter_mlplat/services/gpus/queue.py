"""Who comes before whom, and who gets what: the rules of the ledger, without a store.

The queue is a list. Whoever comes walks from its end towards its head and goes past those that it outranks; nothing
else ever changes the order, so that a position rises only where somebody came, and that one is named. One that has
waited for `PATIENCE` is not overtaken any more: nobody starves.

Devices are given out from the head. One that has to wait keeps the free devices that it could take from those behind
it, so that small requests do not hold up a large one for ever; behind it only such devices are given out that it
cannot use or does not need. One that waits for its owner's quota keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

PATIENCE = timedelta(minutes=10)
BY_THE_WAY = 2**30
"""Bytes, or a twentieth of its memory, that a device may have in use and still is free: what a display takes."""


@dataclass
class Device:
    """One device: what it has, what is in use of it, and who has it."""

    uuid: str
    name: str
    memory: int
    used: int
    lease: int | None = None
    shared: int = 0

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

    def suits(self, device: Device) -> bool:
        """True where the device is of the kind that is asked for, whether it is free or not."""
        return (
            (self.wanted is None or device.uuid in self.wanted)
            and (self.gpu_type is None or self.gpu_type.casefold() in device.name.casefold())
            and device.memory >= (self.memory or 1)
        )

    def can_have(self, device: Device) -> bool:
        """True where it could have (its share of) the device now."""
        if not self.suits(device):
            return False
        return device.room >= (self.memory or 1) if self.shared else device.free


@dataclass(frozen=True)
class Rank:
    """What the place in the queue comes from."""

    priority: int
    load: float
    waited: bool = False
    """So long that nobody overtakes it any more."""

    def outranks(self, other: Rank) -> bool:
        """True where it goes before one that came earlier: by priority, else by fewer devices that its owner has."""
        return not other.waited and (self.priority, -self.load) > (other.priority, -other.load)


def overtaken(new: Rank, backwards: Iterable[Rank]) -> int:
    """How many at the end of the queue `new` goes past; `backwards` is the queue from its end on."""
    passed = 0
    for one in backwards:
        if not new.outranks(one):
            break
        passed += 1
    return passed


def why_before(number: int, owner: str, new: Rank, other: Rank) -> str:
    """In words, for the one that request `number` has overtaken."""
    if new.priority != other.priority:
        return f"request {number} of {owner} came before it: priority {new.priority}"
    return f"request {number} of {owner} came before it: {owner} has fewer devices"


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
        # The smallest that suffices: large devices, and whole ones, stay for those that need them.
        fitting.sort(key=lambda device: device.room if one.shared else device.memory)
        if len(fitting) < one.count:
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
        if device.uuid not in kept and one.suits(device) and device.room > 0 and device.shared > 0
    ]
    return [device.uuid for device in sorted(shared, key=lambda device: -device.room)]
