"""Jobs: executions of notebooks, with attempts and cells."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue, field_validator, model_validator

from .base import LONGEST, Model, Name
from .gpu_options import GPUOptions
from .gpus import Lease
from .notices import Notice, Notify


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
    """Why a job ended other than by running to its end; `pruned` is the only one of a job that succeeded."""

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


class JobOptions(GPUOptions):
    """How a job is run; a notebook's `metadata.mlplat` may hold any of these, and what is asked for wins."""

    priority: int = Field(0, ge=-1000, le=1000, description="higher runs first")
    timeout: float | None = Field(None, gt=0, le=LONGEST, description="seconds that one attempt may take")
    cell_timeout: float | None = Field(None, gt=0, le=LONGEST, description="seconds that one cell may take")
    deadline: float | None = Field(
        None, gt=0, le=LONGEST, description="seconds from submission in which it ends, all retries counted"
    )
    retries: int = Field(0, ge=0, le=100, description="further attempts after one that failed")
    retry_on: list[Reason] | None = Field(
        None, description="the reasons to retry on; any that a retry can help by default"
    )
    retry_delay: float = Field(30.0, ge=0, le=86400, description="seconds before the first retry, doubled each time")
    memory: int | None = Field(
        None, ge=2**20, le=2**50, description="bytes that all of its processes may have together"
    )
    interruptible: bool = Field(
        False, description="its devices can be taken back for others; it then goes on from its last checkpoint"
    )
    secrets: dict[str, SecretReference] = Field(
        default_factory=dict, description="parameter -> env:VARIABLE or file:PATH on the host that runs it"
    )
    resume: bool = Field(True, description="a retry goes on behind the last checkpoint cell that is still valid")
    autolog: bool = Field(True, description="models that it trains are logged by themselves")
    notify: list[Notify] = Field(default_factory=list, max_length=20)

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
    note: str | None = Field(None, description="from which checkpoint it went on, or why from none")


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
    gpus: int = 0
    gpu_type: str | None = None
    gpu_memory: int | None = None
    gpu_shared: bool = False
    interruptible: bool = False
    secrets: dict[str, str] = Field(default_factory=dict, description="parameter -> where its value is")
    failures: int = Field(0, description="attempts that ended badly so far")
    not_before: AwareDatetime | None = Field(None, description="when a waiting retry may start")
    retry_of: str | None = Field(None, description="the ended job that this one runs again")
    schedule_id: str | None = None
    scheduled_for: AwareDatetime | None = None
    sweep_id: str | None = None
    point: dict[str, JsonValue] | None = Field(None, description="its place in the sweep: parameter -> value")
    pipeline_id: str | None = None
    node: str | None = Field(None, description="its node of the pipeline")
    resume: bool = True
    autolog: bool = True
    notify: list[Notify] = Field(default_factory=list)
    pruned_at: int | None = Field(None, description="the step at which its sweep's study found it hopeless")
    results: dict[str, JsonValue] = Field(default_factory=dict, description="what it left with `mlplat.set_result`")
    cancel_requested: bool = False
    position: int | None = Field(None, description="place in the queue, from 1; null unless queued")
    expected_start: AwareDatetime | None = Field(None, description="an estimate, from how long such jobs took")
    lease: Lease | None = Field(None, description="its claim on GPUs: the one it waits for, or the last one it had")
    cells_done: int = 0
    cells_total: int = 0
    cells: list[Cell] = Field(default_factory=list, description="empty in lists")
    attempts: list[AttemptRecord] = Field(default_factory=list, description="empty in lists")
    notices: list[Notice] = Field(default_factory=list, description="empty in lists")
    folder: str = Field(description="where its output, log and exit record are")


class RetryRequest(Model):
    """How an ended job runs once more."""

    edited: bool = Field(False, description="the notebook as it is now, not as it was")
    from_start: bool = Field(False, description="not from its last checkpoint")


class PruneRequest(Model):
    """Which ended jobs to delete; all conditions count together, and the newest success of each notebook stays."""

    older_than: float | None = Field(None, ge=0, le=LONGEST, description="seconds since the end")
    keep: int | None = Field(None, ge=0, description="so many of the newest of each notebook stay")
    state: list[JobState] | None = Field(None, min_length=1, description="only those in one of these states")
    ids: list[str] | None = Field(None, min_length=1, max_length=1000, description="only these")
    dry_run: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> PruneRequest:
        if self.older_than is None and self.keep is None and self.ids is None:
            raise ValueError("say which: older_than, keep or ids")
        return self


class Pruned(Model):
    """What was deleted, or would be."""

    jobs: int
    bytes: int
    dry_run: bool


class Difference(Model):
    """One thing that is not as it was; null where it was not there."""

    name: str
    before: JsonValue = None
    after: JsonValue = None


class CellTiming(Model):
    """Seconds that a cell took, then and now."""

    index: int
    before: float | None = None
    after: float | None = None


class JobChanges(Model):
    """What is different from the last time that it succeeded."""

    job_id: str
    against: str | None = Field(None, description="the last success before it; null where there is none")
    parameters: list[Difference] = Field(default_factory=list)
    code: str = Field("", description="unified diff of the code cells")
    environment: list[Difference] = Field(default_factory=list, description="Python and packages")
    data: list[Difference] = Field(default_factory=list, description="digests of the MLflow data sets")
    metrics: list[Difference] = Field(default_factory=list)
    timings: list[CellTiming] = Field(default_factory=list, description="cells that both ran")
    notes: list[str] = Field(default_factory=list, description="what could not be compared, and why")


class JobLog(Model):
    """The text that a job printed; `offset` is where the next read continues."""

    text: str
    offset: int
    ended: bool
