"""GPUs, and claims on them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from .base import Model


class LeaseState(StrEnum):
    """Where a claim on GPUs stands."""

    QUEUED = "queued"
    GRANTED = "granted"
    RELEASED = "released"
    EXPIRED = "expired"


LEASE_MOVES: Mapping[LeaseState, frozenset[LeaseState]] = {
    LeaseState.QUEUED: frozenset({LeaseState.GRANTED, LeaseState.RELEASED, LeaseState.EXPIRED}),
    LeaseState.GRANTED: frozenset({LeaseState.RELEASED, LeaseState.EXPIRED}),
    LeaseState.RELEASED: frozenset(),
    LeaseState.EXPIRED: frozenset(),
}


class Lease(Model):
    """A claim on GPUs."""

    id: str
    state: LeaseState
    owner: str
    devices: list[str] = Field(default_factory=list, description="UUIDs")
    position: int | None = None


class GPU(Model):
    """A device as its driver reports it."""

    index: int
    uuid: str
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    utilization: float | None = Field(None, description="0 to 1")
    lease: Lease | None = None


class GPUs(Model):
    """The devices of this machine, and who waits for one."""

    source: str
    message: str | None = Field(None, description="why there are none, when there are none")
    devices: list[GPU]
    queue: list[Lease]
