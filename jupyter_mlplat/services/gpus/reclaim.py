"""When the devices of a kernel that rests are taken back: its user is asked first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...errors import Unavailable
from ...models import GPU, HolderKind, Lease, LeaseRequest, LeaseState
from ...protocols import Clock, GPUSource
from .queue import BY_THE_WAY


@dataclass(frozen=True)
class IdleRule:
    """What holds for kernels that ask for nothing else, in seconds; 0 is never."""

    limit: float = 0.0
    """Of rest, after which the user is asked."""
    grace: float = 0.0
    """So long the question stands."""

    def limit_of(self, request: LeaseRequest, kind: HolderKind) -> float | None:
        """The limit that a lease gets; None where nobody is ever asked."""
        limit = self.limit if request.idle_limit is None else request.idle_limit
        return limit or None if kind is HolderKind.KERNEL else None


def asked_from(since: datetime | None, limit: float | None, kept_until: datetime | None) -> datetime | None:
    """From when on the user of a lease that rests since then is asked; None where never."""
    if since is None or limit is None:
        return None
    at = since + timedelta(seconds=limit)
    return at if kept_until is None else max(at, kept_until)


class Reclaim:
    """Says of leases whether their users are asked, and when they end without an answer."""

    def __init__(self, source: GPUSource, clock: Clock, rule: IdleRule) -> None:
        self.rule = rule
        self._source = source
        self._clock = clock

    def shown(self, lease: Lease, found: Sequence[GPU] | None = None) -> Lease:
        """The lease with `asked_at` and `reclaim_at`; `found` are the devices where the source was just asked."""
        if lease.state is not LeaseState.GRANTED:
            return lease
        at = asked_from(lease.idle_since, lease.idle_limit, lease.kept_until)
        if at is None or self._clock.now() < at or (lease.shared and not self._holds_memory(lease, found)):
            return lease
        ends = at + timedelta(seconds=self.rule.grace) if self.rule.grace else None
        return lease.model_copy(update={"asked_at": at, "reclaim_at": ends})

    def _holds_memory(self, lease: Lease, found: Sequence[GPU] | None) -> bool:
        try:
            devices: Mapping[str, GPU] = {one.uuid: one for one in found or self._source.devices()}
        except Unavailable:
            return False
        used = [devices[uuid] for uuid in lease.devices if uuid in devices]
        return any(one.memory_used_bytes > max(BY_THE_WAY, one.memory_total_bytes // 20) for one in used)
