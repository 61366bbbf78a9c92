"""The plug points: what can be swapped, who calls each method, and when.

Everything here is called by the engine's process unless it says otherwise. An implementation passes
`tests/contracts/`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from .models import GPU


@dataclass(frozen=True)
class Attempt:
    """One attempt of one job, complete: a worker needs nothing else to run it.

    `folder` is a path on the host that runs it; `environment` is added to the kernel's. With
    `acknowledge` the runner ends its tree when nobody has acknowledged it for that many seconds.
    `memory_limit` (bytes) is for the kernel and all that it starts, together; `max_cell_output` and
    `max_output` (bytes) bound what one cell and all cells may leave in the notebook. `secrets` names
    parameters and where the host that runs the attempt finds their values: `env:VARIABLE` or `file:PATH`.
    `checkpoints` is the folder in which the attempt leaves its own, on the engine's host only; `resume_from`
    are folders with those of earlier attempts. `warm` says how to make a `kernel.pool.Pool` on the engine's host
    (its data directory as `home`), from which the attempt takes its kernel; None starts one plainly. `gpus` is how many
    devices it needs, for a backend that finds them itself.
    """

    job_id: str
    number: int
    notebook: str
    parameters: dict[str, object]
    folder: str
    cwd: str
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float | None = None
    cell_timeout: float | None = None
    acknowledge: float = 30.0
    memory_limit: int | None = None
    max_cell_output: int = 10 * 2**20
    max_output: int = 100 * 2**20
    secrets: dict[str, str] = field(default_factory=dict)
    checkpoints: str | None = None
    resume_from: list[str] = field(default_factory=list)
    warm: dict[str, object] | None = None
    gpus: int = 0

    @property
    def key(self) -> str:
        """Names the attempt everywhere: the fencing token of everything that it reports."""
        return f"{self.job_id}-{self.number}"


@dataclass(frozen=True)
class Report:
    """What a runner says of an attempt: that it lives, how a cell stands, or how it ended.

    `kind` is `started`, `heartbeat`, `cell`, `usage` (`metrics` at a moment, milliseconds since the epoch), `ended`
    (its exit record in `data`) or `lost` (no record and no living runner; the tree is dead).
    """

    key: str
    kind: Literal["started", "heartbeat", "cell", "usage", "ended", "lost"]
    data: dict[str, object] = field(default_factory=dict)


@runtime_checkable
class Backend(Protocol):
    """Where attempts run."""

    name: str

    def start(self, deliver: Callable[[Report], None]) -> str:
        """Make the cluster be there and connect; returns its address.

        Called before the first attempt, and again after a call raised `Unavailable`. From then on `deliver`
        gets every report, on any thread. Raises `Unavailable`.
        """
        ...

    def submit(self, attempt: Attempt) -> None:
        """Start an attempt and return at once. Called once per attempt. Raises `Unavailable`."""
        ...

    def adopt(self, attempt: Attempt) -> None:
        """Take over an attempt that an earlier engine submitted.

        Its reports follow as if it were ours; one that cannot be found is ended where it may still run,
        then reported `lost`. Called once per attempt. Raises `Unavailable`.
        """
        ...

    def acknowledge(self, keys: Collection[str]) -> None:
        """Say that these attempts are still wanted. Called every 5 seconds; never blocks for longer than that."""
        ...

    def cancel(self, key: str) -> None:
        """Ask an attempt to end: interrupt, TERM, KILL. It still reports `ended`. Called until it has."""
        ...

    def close(self, *, stop: bool) -> None:
        """Disconnect; with `stop` also end the cluster if the platform started it. Called when the engine leaves."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """What a serving target starts: a model version behind an address.

    `token_sha256` is the hash of the bearer token: the token itself never reaches the process that
    runs the model's code. `environment` is added to the process's: what shows it its devices.
    """

    name: str
    model_uri: str
    model_name: str
    version: str
    folder: str
    token_sha256: str
    tracking_uri: str
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EndpointStatus:
    """How an endpoint is doing. `handle` is what the target needs to find it again after a restart of the engine."""

    state: Literal["starting", "ready", "dead"]
    url: str | None
    handle: dict[str, object]
    message: str = ""


@runtime_checkable
class ServingTarget(Protocol):
    """Where endpoints run."""

    name: str

    def start(self, endpoint: Endpoint) -> EndpointStatus:
        """Start the endpoint's process and return at once. Raises `Unavailable`."""
        ...

    def probe(self, endpoint: Endpoint, handle: dict[str, object]) -> EndpointStatus:
        """How it is doing now. Called every second by the engine; never blocks for longer than that."""
        ...

    def stop(self, endpoint: Endpoint, handle: dict[str, object]) -> None:
        """End the process and every descendant; returns when none is left."""
        ...


@runtime_checkable
class GPUSource(Protocol):
    """What knows the devices of this machine. Called by doors and engine alike, never at import."""

    name: str

    def devices(self) -> Sequence[GPU]:
        """The devices now, by index; empty when there are none. Raises `Unavailable` with the reason."""
        ...


@runtime_checkable
class Clock(Protocol):
    """The time, so that tests can move it."""

    def now(self) -> datetime:
        """UTC, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...
