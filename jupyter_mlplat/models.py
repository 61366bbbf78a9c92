"""What crosses a door: frozen models, and states with a table of their legal moves.

Times are UTC, durations seconds, sizes bytes, ids strings. `src/types.ts` is generated from this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")]
"""A display name: one line, no path separators."""

Slug = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")]
"""A name that becomes part of an address or a file name: lower case letters, digits, `.`, `_`, `-`."""


class Model(BaseModel):
    """Base of everything below: immutable, and an unknown field is an error.

    Validators are built at a model's first use, which spares the first request 0.2 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


T = TypeVar("T")


class Page(Model, Generic[T]):
    """One page of a list; `next` is the cursor of the following page, or null on the last."""

    items: list[T]
    next: str | None = None


# --- jobs ---------------------------------------------------------------------------------------


class JobState(StrEnum):
    """Where one execution of a notebook stands."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"

    @property
    def ended(self) -> bool:
        """True when no further move is legal."""
        return not JOB_MOVES[self]


JOB_MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.STARTING, JobState.CANCELLED, JobState.FAILED, JobState.SKIPPED}),
    JobState.STARTING: frozenset(
        {JobState.RUNNING, JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST}
    ),
    JobState.RUNNING: frozenset(
        {JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST}
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.LOST: frozenset(),
    JobState.SKIPPED: frozenset(),
}


class Reason(StrEnum):
    """Why a job ended other than by succeeding."""

    CELL_ERROR = "cell_error"
    KERNEL_DIED = "kernel_died"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    PREEMPTED = "preempted"
    PRUNED = "pruned"
    WORKER_LOST = "worker_lost"
    BAD_INPUT = "bad_input"
    BACKEND_UNAVAILABLE = "backend_unavailable"


class CellState(StrEnum):
    """Where one code cell of a job stands."""

    NOT_RUN = "not_run"
    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    TIMEOUT = "timeout"
    KERNEL_DIED = "kernel_died"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Cell(Model):
    """One code cell as submitted; `index` is its position in the submitted notebook, counted from 0."""

    index: int
    state: CellState = CellState.NOT_RUN
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    error: str | None = None
    peak_rss: int | None = Field(None, description="most memory that the job's processes had together, bytes")
    peak_gpu_memory: int | None = Field(None, description="bytes; null where no GPU was seen")


RETRYABLE = (
    Reason.CELL_ERROR,
    Reason.KERNEL_DIED,
    Reason.OUT_OF_MEMORY,
    Reason.TIMEOUT,
    Reason.WORKER_LOST,
    Reason.BACKEND_UNAVAILABLE,
)
"""Reasons that another attempt may help."""


SecretReference = Annotated[str, Field(max_length=1000, pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
"""Where a secret is; never the secret itself."""


class JobOptions(Model):
    """How a job is run; a notebook's `metadata.mlplat` may hold any of these, and what is asked for wins."""

    priority: int = Field(0, ge=-1000, le=1000, description="higher runs first")
    timeout: float | None = Field(None, gt=0, description="seconds that one attempt may take")
    cell_timeout: float | None = Field(None, gt=0, description="seconds that one cell may take")
    deadline: float | None = Field(
        None, gt=0, description="seconds from submission in which it ends, all retries counted"
    )
    retries: int = Field(0, ge=0, le=100, description="further attempts after one that failed")
    retry_on: list[Reason] | None = Field(
        None, description="the reasons to retry on; any that a retry can help by default"
    )
    retry_delay: float = Field(30.0, ge=0, le=86400, description="seconds before the first retry, doubled each time")
    memory: int | None = Field(
        None, ge=2**20, le=2**50, description="bytes that all of its processes may have together"
    )
    secrets: dict[str, SecretReference] = Field(
        default_factory=dict, description="parameter -> env:VARIABLE or file:PATH on the host that runs it"
    )

    @field_validator("retry_on")
    @classmethod
    def _only_what_a_retry_helps(cls, value: list[Reason] | None) -> list[Reason] | None:
        for reason in value or ():
            if reason not in RETRYABLE:
                raise ValueError(f"{reason} is no reason to retry on: one of {', '.join(RETRYABLE)}")
        return value


class JobSpec(JobOptions):
    """What somebody asks for when they run a notebook as a job."""

    notebook: str = Field(min_length=1, max_length=4096, description="path of the notebook")
    name: Name | None = Field(None, description="how lists show it; the notebook's name by default")
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="values of the parameters cell")


class AttemptRecord(Model):
    """One attempt of a job."""

    number: int
    state: JobState
    reason: Reason | None = None
    message: str | None = None
    claimed_at: AwareDatetime
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    run_id: str | None = None
    peak_rss: int | None = Field(None, description="most memory that its processes had together, bytes")


class Job(Model):
    """One execution of a notebook: the record that cannot lie."""

    id: str
    name: str
    notebook: str
    owner: str
    state: JobState
    attempt: int = Field(description="number of the current attempt, from 1; 0 before the first")
    parameters: dict[str, JsonValue]
    submitted_at: AwareDatetime
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    reason: Reason | None = None
    message: str | None = Field(None, description="the reason in words, with the failing cell's error")
    run_id: str | None = Field(None, description="the MLflow run of the current attempt")
    metric: dict[str, float] = Field(default_factory=dict, description="the metric that the notebook marks as its own")
    backend: str = "local"
    priority: int = 0
    timeout: float | None = None
    cell_timeout: float | None = None
    deadline_at: AwareDatetime | None = None
    retries: int = 0
    retry_on: list[Reason] | None = None
    retry_delay: float = 30.0
    memory: int | None = None
    secrets: dict[str, str] = Field(default_factory=dict, description="parameter -> where its value is")
    failures: int = Field(0, description="attempts that ended badly so far")
    not_before: AwareDatetime | None = Field(None, description="when a waiting retry may start")
    retry_of: str | None = Field(None, description="the ended job that this one runs again")
    schedule_id: str | None = None
    scheduled_for: AwareDatetime | None = None
    sweep_id: str | None = None
    point: dict[str, JsonValue] | None = Field(None, description="its place in the sweep: parameter -> value")
    cancel_requested: bool = False
    position: int | None = Field(None, description="place in the queue, from 1; null unless queued")
    expected_start: AwareDatetime | None = Field(None, description="an estimate, from how long such jobs took")
    cells_done: int = 0
    cells_total: int = 0
    cells: list[Cell] = Field(default_factory=list, description="empty in lists")
    attempts: list[AttemptRecord] = Field(default_factory=list, description="empty in lists")
    folder: str = Field(description="where its output, log and exit record are")


class ScheduleState(StrEnum):
    """Where a schedule stands; an ended one has no instant left."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Overlap(StrEnum):
    """What becomes of a due instant while an earlier job of the schedule has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"
    REPLACE = "replace"


class CatchUp(StrEnum):
    """Which instants still run that were due while no engine lived."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class OccurrenceState(StrEnum):
    """What became of a due instant."""

    RAN = "ran"
    CAUGHT_UP = "caught_up"
    SKIPPED = "skipped"
    MISSED = "missed"


class When(Model):
    """When a schedule is due, by one of `cron`, `every` and `at`, and what it does when things get in the way."""

    cron: str | None = Field(None, max_length=200, description="five fields: minute hour day month weekday")
    timezone: str = Field("UTC", max_length=64, description="IANA zone in which cron is read, like Europe/Berlin")
    every: float | None = Field(None, ge=1, le=366 * 86400, description="seconds between two instants")
    at: AwareDatetime | None = Field(None, description="one instant")
    overlap: Overlap = Field(Overlap.QUEUE, description="while an earlier job of it has not ended")
    catch_up: CatchUp = Field(CatchUp.LATEST, description="instants that were due while nothing could run them")
    catch_up_limit: int = Field(100, ge=1, le=1000, description="with catch_up all, at most so many of the newest")
    max_lateness: float | None = Field(None, gt=0, description="seconds after which an instant is missed")


class ScheduleSpec(JobSpec, When):
    """A notebook, what its jobs are asked for, and when."""


class ScheduleChange(JobOptions, When):
    """What to change of a schedule; what is absent stays as it is."""

    name: Name | None = None
    parameters: dict[str, JsonValue] | None = None


class Occurrence(Model):
    """What became of one due instant: each has exactly one."""

    scheduled_for: AwareDatetime
    state: OccurrenceState
    reason: str | None = None
    job_id: str | None = None
    decided_at: AwareDatetime


class Schedule(Model):
    """A notebook that runs at certain instants, as it was when it was scheduled or last promoted."""

    id: str
    name: str
    owner: str
    state: ScheduleState
    revision: int
    notebook: str
    parameters: dict[str, JsonValue]
    options: JobOptions
    when: When
    next_at: AwareDatetime | None = None
    last: Occurrence | None = Field(None, description="the newest occurrence")
    edited: bool | None = Field(
        None, description="the notebook has other code than what runs; null where it was not looked at or is gone"
    )
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ScheduleAction(Model):
    """What becomes, or would become, of one notebook's schedule when schedules come from elsewhere."""

    action: Literal["create", "update", "unchanged", "unmanaged", "refused"]
    notebook: str
    schedule_id: str | None = None
    changes: list[str] = Field(default_factory=list)
    message: str | None = None


class FireTime(Model):
    """A future instant, in UTC and in the schedule's zone."""

    utc: AwareDatetime
    local: str = Field(description="ISO 8601 with the zone's offset")


class SweepState(StrEnum):
    """Where a sweep stands; `partial` has points that succeeded and points that did not."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Span(Model):
    """A range of numbers, both ends included; `log` spreads points evenly over orders of magnitude."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _has_room(self) -> Span:
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.log and self.low <= 0:
            raise ValueError("a log range begins above 0")
        return self


class SweepSpec(JobOptions):
    """A notebook, and the points of a space of its parameters at which it runs."""

    notebook: str = Field(min_length=1, max_length=4096, description="path of the notebook")
    name: Name | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="values that all points share")
    space: dict[str, Span | list[JsonValue]] = Field(min_length=1, description="parameter -> its values, or a range")
    strategy: Literal["grid", "random", "optuna"] = "grid"
    trials: int | None = Field(None, ge=1, le=1000, description="how many points; a grid has all of them")
    metric: str | None = Field(None, max_length=250, description="what the best point is the best of")
    direction: Literal["minimize", "maximize"] = "maximize"
    parallel: int | None = Field(None, ge=1, le=1000, description="points that run at the same time")
    seed: int = Field(0, ge=0, le=2**31 - 1)


class SweepPoint(Model):
    """One point of a sweep, and the newest job that ran it."""

    job_id: str
    state: JobState
    point: dict[str, JsonValue]
    value: float | None = Field(None, description="of the sweep's metric")


class Sweep(Model):
    """A notebook at many points of its parameters, one job for each."""

    id: str
    name: str
    owner: str
    state: SweepState
    notebook: str
    parameters: dict[str, JsonValue]
    options: JobOptions
    space: dict[str, Span | list[JsonValue]]
    strategy: Literal["grid", "random", "optuna"]
    trials: int
    metric: str | None = None
    direction: Literal["minimize", "maximize"]
    parallel: int | None = None
    message: str | None = None
    counts: dict[str, int] = Field(description="job state -> points")
    best: SweepPoint | None = None
    points: list[SweepPoint] = Field(default_factory=list, description="empty in lists")
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class JobLog(Model):
    """The text that a job printed; `offset` is where the next read continues."""

    text: str
    offset: int
    ended: bool


# --- runs and models ----------------------------------------------------------------------------


class Experiment(Model):
    """An MLflow experiment."""

    id: str
    name: str


class Run(Model):
    """An MLflow run as lists show it."""

    id: str
    name: str
    experiment_id: str
    experiment: str
    status: str = Field(description="MLflow's RUNNING, SCHEDULED, FINISHED, FAILED or KILLED")
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    owner: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(
        default_factory=dict, description="last values; one that is not finite is null"
    )
    tags: dict[str, str] = Field(default_factory=dict)
    job_id: str | None = None


class RunDetail(Run):
    """A run with what hangs on it."""

    datasets: list[dict[str, JsonValue]] = Field(default_factory=list)
    artifacts: list[str] = Field(default_factory=list)
    models: list[dict[str, JsonValue]] = Field(default_factory=list)


class ModelVersion(Model):
    """One version of a registered model."""

    name: str
    version: str
    uri: str = Field(description="models:/name/version")
    run_id: str | None = None
    source: str | None = None
    aliases: list[str] = Field(default_factory=list)
    created_at: AwareDatetime | None = None
    status: str = "READY"


class RegisteredModel(Model):
    """A registered model and its versions, newest first."""

    name: str
    description: str = ""
    aliases: dict[str, str] = Field(default_factory=dict, description="alias -> version")
    versions: list[ModelVersion] = Field(default_factory=list)
    updated_at: AwareDatetime | None = None


# --- deployments --------------------------------------------------------------------------------


class DeploymentState(StrEnum):
    """Where an endpoint stands."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    STOPPED = "stopped"


DEPLOYMENT_MOVES: Mapping[DeploymentState, frozenset[DeploymentState]] = {
    DeploymentState.STARTING: frozenset({DeploymentState.READY, DeploymentState.FAILED, DeploymentState.STOPPED}),
    DeploymentState.READY: frozenset({DeploymentState.DEGRADED, DeploymentState.FAILED, DeploymentState.STOPPED}),
    DeploymentState.DEGRADED: frozenset(
        {DeploymentState.READY, DeploymentState.STARTING, DeploymentState.FAILED, DeploymentState.STOPPED}
    ),
    DeploymentState.FAILED: frozenset({DeploymentState.STARTING, DeploymentState.STOPPED}),
    DeploymentState.STOPPED: frozenset({DeploymentState.STARTING}),
}


class DeploymentSpec(Model):
    """What somebody asks for when they deploy a model."""

    name: Slug
    model: str = Field(pattern=r"^models:/.+", max_length=500, description="models:/name/version or models:/name@alias")
    target: Literal["local"] = "local"


class DeployedVersion(Model):
    """A model version behind an endpoint, with its share of the traffic in percent."""

    model: str
    version: str
    uri: str
    run_id: str | None = None
    traffic: int = Field(100, ge=0, le=100)


class Deployment(Model):
    """A served model: its address, and what stands behind it."""

    name: str
    owner: str
    target: str
    state: DeploymentState
    url: str | None = Field(None, description="the endpoint's own base")
    token_file: str | None = Field(None, description="a file that holds the bearer token and nothing else")
    versions: list[DeployedVersion]
    example: dict[str, JsonValue] | None = Field(None, description="one valid /invocations body")
    message: str | None = None
    restarts: int = 0
    created_at: AwareDatetime
    updated_at: AwareDatetime


# --- features -----------------------------------------------------------------------------------


class FeatureField(Model):
    """A column of a feature view and its type as the source has it."""

    name: str
    type: str


class FeatureViewSpec(Model):
    """A table whose rows say what was known about an entity, and from when."""

    name: Slug
    source: str = Field(min_length=1, description="parquet or csv file; a relative path starts at the definition")
    entities: list[str] = Field(min_length=1, description="columns that identify a row's entity")
    timestamp: str = Field(min_length=1, description="column with the event time")
    features: list[str] = Field(default_factory=list, description="columns to serve; all others of the source if empty")
    ttl: float | None = Field(None, gt=0, description="seconds after which a value is too old to use")
    description: str = ""


class FeatureView(Model):
    """A feature view as it stands in the store."""

    name: str
    owner: str
    source: str
    entities: list[str]
    timestamp: str
    features: list[FeatureField]
    ttl: float | None = None
    description: str = ""
    rows: int | None = Field(None, description="rows of the source when it was last materialized")
    materialized_at: AwareDatetime | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class FeatureViewsRequest(Model):
    """Several feature views defined at once: all of them or none."""

    views: list[FeatureViewSpec] = Field(min_length=1, max_length=500)


class MaterializeRequest(Model):
    """Which feature view to load into the online store."""

    view: Slug


class OnlineRequest(Model):
    """Whose latest values to read."""

    view: Slug
    entities: list[dict[str, JsonValue]] = Field(
        min_length=1, max_length=10_000, description="one object per entity, entity column -> value"
    )


class HistoricalRequest(Model):
    """Which values to join to which rows, as they were known at each row's `event_time`."""

    entities: list[dict[str, JsonValue]] = Field(
        min_length=1, max_length=100_000, description="the entity columns of every view, and `event_time` (ISO 8601)"
    )
    features: list[str] = Field(min_length=1, description="view:column")


class FeatureRows(Model):
    """Rows of features in the order of the entities asked for; a value that is not known is null."""

    rows: list[dict[str, JsonValue]]


# --- drift --------------------------------------------------------------------------------------


class DriftColumn(Model):
    """How far one column moved: its score against the threshold of its method."""

    column: str
    method: str
    score: float | None
    threshold: float
    drifted: bool
    reference_missing: float = Field(description="share of missing values, 0 to 1")
    current_missing: float
    note: str = ""


class DriftReport(Model):
    """The outcome of one drift check."""

    drift: bool
    columns: list[DriftColumn]
    drifted_columns: list[str]
    reference: str
    current: str
    reference_rows: int
    current_rows: int
    checked_at: AwareDatetime
    report_uri: str | None = Field(None, description="Evidently's HTML report, an MLflow artifact")
    run_id: str | None = None


class DriftCheckRequest(Model):
    """Which tables to compare: parquet or csv files or Delta folders."""

    reference: str = Field(min_length=1, max_length=4096)
    current: str = Field(min_length=1, max_length=4096)
    columns: list[str] | None = Field(None, min_length=1, description="the columns to compare; all that both have")
    report: bool = Field(False, description="keep Evidently's HTML report as an MLflow artifact")


# --- gpus ---------------------------------------------------------------------------------------


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


# --- what a user reads about the platform itself ---------------------------------------------------


class Part(Model):
    """One thing that `status` reports on."""

    name: str
    available: bool
    detail: str
    hint: str = ""


class Status(Model):
    """Versions, where data lives, what runs, and what is not available and why."""

    version: str
    api: int = Field(1, description="version of the HTTP interface; front and back compare it")
    python: str
    platform: str
    home: str
    store: str
    tracking_uri: str
    backend: str
    owner: str
    engine: dict[str, JsonValue] | None = Field(None, description="pid, host and since of the living engine")
    running: dict[str, int]
    parts: list[Part]


Topic = Literal["jobs", "schedules", "sweeps", "runs", "models", "deployments", "features", "drift", "gpus"]
"""What can change, as events name it."""


class Change(Model):
    """An outbox row: something changed, fetch it again. Never carries data."""

    id: int
    topic: Topic
    key: str
    at: AwareDatetime
