"""GPUs, and claims on them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from ..sizes import parse_size
from .base import LONGEST, Model, Name


class LeaseState(StrEnum):
    """Where a claim on GPUs stands."""

    QUEUED = "queued"
    GRANTED = "granted"
    RELEASED = "released"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """True when no further move is legal."""
        return not LEASE_MOVES[self]


LEASE_MOVES: Mapping[LeaseState, frozenset[LeaseState]] = {
    LeaseState.QUEUED: frozenset({LeaseState.GRANTED, LeaseState.RELEASED, LeaseState.EXPIRED}),
    LeaseState.GRANTED: frozenset({LeaseState.RELEASED, LeaseState.EXPIRED}),
    LeaseState.RELEASED: frozenset(),
    LeaseState.EXPIRED: frozenset(),
}


class HolderKind(StrEnum):
    """What a claim is for."""

    PROCESS = "process"
    KERNEL = "kernel"
    JOB = "job"
    DEPLOYMENT = "deployment"


class DeviceRequest(Model):
    """Which devices of one host somebody asks for."""

    count: int = Field(1, ge=1, le=64, description="devices")
    gpu_type: str | None = Field(None, min_length=1, max_length=100, description="a part of the model's name: A100")
    memory: int | None = Field(
        None, ge=2**20, le=2**50, description="bytes that each device has at least; of a share, its size"
    )
    devices: list[str] | None = Field(None, min_length=1, max_length=64, description="only these, by UUID")

    @field_validator("memory", mode="before")
    @classmethod
    def _as_written(cls, memory: object) -> object:
        return parse_size(memory) if isinstance(memory, str) else memory

    @field_validator("devices")
    @classmethod
    def _enough(cls, devices: list[str] | None, known: ValidationInfo) -> list[str] | None:
        if devices is not None and len(set(devices)) < known.data.get("count", 1):
            raise ValueError(f"{known.data['count']} devices cannot be had of {len(set(devices))} named ones")
        return devices


class LeaseRequest(DeviceRequest):
    """What somebody asks for when they want GPUs of one host."""

    shared: bool = Field(False, description="a share of each device, not the whole of it")
    priority: int = Field(0, ge=-1000, le=1000, description="higher comes first")
    seconds: float | None = Field(None, gt=0, le=LONGEST, description="how long it may be held")
    label: Name | None = Field(None, description="how lists show what it is for")
    notebook: str | None = Field(
        None, min_length=1, max_length=4096, description="path of the notebook whose next kernel takes it over"
    )
    pid: int | None = Field(None, ge=1, description="process of this host that it is for; it ends with that process")
    idle_limit: float | None = Field(
        None, ge=0, le=LONGEST, description="seconds of rest after which a kernel's user is asked; 0: never"
    )

    @field_validator("shared")
    @classmethod
    def _has_a_size(cls, shared: bool, known: ValidationInfo) -> bool:
        if shared and known.data.get("memory", 0) is None:
            raise ValueError("a share needs its size: give memory")
        return shared


class KeepRequest(Model):
    """For how long a kernel shall keep its devices although it does nothing."""

    seconds: float = Field(1800, gt=0, le=86400, description="from now on")


class Lease(Model):
    """A claim on GPUs."""

    id: str
    state: LeaseState
    owner: str
    devices: list[str] = Field(default_factory=list, description="UUIDs")
    position: int | None = Field(None, description="place in the queue, from 1; null unless queued")
    cause: str | None = Field(None, description="what came before it in the queue last")
    held_up: str | None = Field(None, description="what it waits for beside its turn: a quota, a budget, a reservation")
    expected_start: AwareDatetime | None = Field(None, description="an estimate, from how long such claims were held")
    host: str = ""
    kind: HolderKind = HolderKind.PROCESS
    label: str = ""
    notebook: str | None = None
    job_id: str | None = None
    deployment: str | None = None
    pid: int | None = None
    count: int = 1
    gpu_type: str | None = None
    memory: int | None = Field(None, description="bytes, of each device")
    shared: bool = False
    priority: int = 0
    interruptible: bool = Field(False, description="it can be taken back for one that ranks higher")
    wanted_by: str | None = Field(None, description="the claim for which it is being taken back")
    requested_at: AwareDatetime
    granted_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = Field(
        None, description="it is taken back then: its time is up, or others have reserved the devices"
    )
    ended_at: AwareDatetime | None = None
    reason: str | None = Field(
        None, description="why it ended: released, cancelled, owner_gone, time_up, preempted, idle"
    )
    idle_since: AwareDatetime | None = Field(None, description="its devices have had no load since then")
    idle_seconds: float = Field(0, description="without load, all together")
    idle_limit: float | None = Field(None, description="seconds of rest after which its user is asked; null: never")
    kept_until: AwareDatetime | None = Field(None, description="its user wants it that long, at rest or not")
    asked_at: AwareDatetime | None = Field(
        None, description="its user is asked since then whether it is still wanted; null while nothing is asked"
    )
    reclaim_at: AwareDatetime | None = Field(
        None, description="its kernel is shut down then, unless somebody keeps or uses it"
    )


class ReservationState(StrEnum):
    """Where a reservation stands. Time moves it; nothing but `cancelled` is written down."""

    UPCOMING = "upcoming"
    OPEN = "open"
    ENDED = "ended"
    CANCELLED = "cancelled"


class ReservationRequest(DeviceRequest):
    """Which devices shall be kept for whom, and when."""

    starts_at: AwareDatetime | None = Field(None, description="now")
    ends_at: AwareDatetime
    whose: str | None = Field(
        None, min_length=1, max_length=201, pattern=r"^[^\x00-\x1f]+$", description="a user, or @ and a group; you"
    )
    label: Name | None = Field(None, description="how lists show what it is for")


class Reservation(Model):
    """Devices that are kept for somebody for a while."""

    id: str
    state: ReservationState
    owner: str = Field(description="who made it")
    whose: str = Field(description="a user, or @ and a group")
    users: list[str] = Field(description="who may have the devices: the group as it was then")
    host: str
    devices: list[str] = Field(description="UUIDs")
    label: str = ""
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    created_at: AwareDatetime
    cancelled_at: AwareDatetime | None = None
    in_the_way: list[str] = Field(
        default_factory=list, description="claims of others, by id, that may go on after its begin"
    )


class GPU(Model):
    """A device as its driver reports it."""

    index: int
    uuid: str
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    utilization: float | None = Field(None, description="0 to 1")
    power_watts: float | None = None
    lease: Lease | None = None
    shares: list[Lease] = Field(default_factory=list, description="claims on a part of it")
    note: str | None = Field(None, description="why it is not offered although nobody has a claim on it")


class WarmKernels(Model):
    """The kernels of one environment that wait to be taken, and the program that they come from."""

    python: str
    preloaded: list[str] = Field(description="modules that it has imported")
    left_out: dict[str, str] = Field(description="modules that it has not, and why")
    waiting: int
    keep: int = Field(description="how many shall wait")
    handed_over: int
    refuses: str = Field(description="why there are none, or nothing")
    memory: int = Field(description="bytes of the program itself")
    waiting_memory: int = Field(description="bytes of those that wait; what they share is counted once")
    max_memory: int = Field(description="bytes that both may have together")


class GPUs(Model):
    """The devices of this machine, and who waits for one."""

    source: str
    message: str | None = Field(None, description="why there are none, when there are none")
    devices: list[GPU]
    queue: list[Lease]
    reservations: list[Reservation] = Field(default_factory=list, description="open and upcoming ones")
    warnings: list[str] = Field(default_factory=list, description="budgets that are (nearly) spent; a wrong price file")


class UsageKey(StrEnum):
    """What GPU hours are added up by."""

    USER = "user"
    NOTEBOOK = "notebook"
    JOB = "job"
    DEPLOYMENT = "deployment"
    TYPE = "type"
    KIND = "kind"


class GPUUsageRequest(Model):
    """Which leases are added up, and by what."""

    since: AwareDatetime | None = Field(None, description="a week before until")
    until: AwareDatetime | None = Field(None, description="now")
    by: UsageKey = UsageKey.USER


class GPUUsageRow(Model):
    """What the leases of one user, notebook, … took."""

    key: str | None = Field(None, description="null for leases that belong to none")
    gpu_hours: float = Field(description="a share counts as that part of its device")
    idle_hours: float = Field(description="of them without load, as far as somebody looked")
    cost: float | None = Field(None, description="null where no lease had a price")
    leases: int


class GPUBudget(Model):
    """What somebody may spend in this month, and has."""

    whose: str = Field(description="a user, or group and its name")
    spent: float
    limit: float
    share: float = Field(description="of the limit")
    currency: str


class GPUUsage(Model):
    """GPU hours, idle hours and cost inside a window of time."""

    since: AwareDatetime
    until: AwareDatetime
    by: UsageKey
    currency: str | None = Field(None, description="null without a price file")
    rows: list[GPUUsageRow]
    total: GPUUsageRow
    budgets: list[GPUBudget]
    warnings: list[str]
