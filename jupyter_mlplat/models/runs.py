"""Runs: as they stand, side by side, and what is changed of them."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue

from .base import Model, Page
from .jobs import Difference

_TAG = re.compile(r"[/\w.\- :]+")
RESERVED = ("mlflow.", "mlplat.")
"""Tags that begin so are MLflow's and the platform's own."""


def plain(text: str) -> str:
    """Text that a database can keep."""
    if "\x00" in text:
        raise ValueError("has a NUL character")
    return text


def _run_name(name: str) -> str:
    if not name.strip() or any(not char.isprintable() and char != " " for char in name):
        raise ValueError("must be one line that can be read")
    return name


def _tag(key: str) -> str:
    """As MLflow has it (`_validate_tag_name` in mlflow/utils/validation.py)."""
    if not _TAG.fullmatch(key):
        raise ValueError("a tag has letters, digits, spaces and _ - . : / only")
    if posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/")):
        raise ValueError("a tag's name is no path with . or .. in it")
    if key.startswith(RESERVED):
        raise ValueError("tags that begin with mlflow. or mlplat. are not changed here")
    return key


RunName = Annotated[str, Field(min_length=1, max_length=250), AfterValidator(_run_name)]
TagName = Annotated[str, Field(min_length=1, max_length=250), AfterValidator(_tag)]
TagText = Annotated[str, Field(max_length=8000), AfterValidator(plain)]
RunIds = Annotated[list[Annotated[str, Field(max_length=256)]], Field(min_length=1, max_length=1000)]


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
    archived: bool = Field(False, description="MLflow's deleted: out of the lists, and can be restored")


class RunPage(Page[Run]):
    """One page of runs."""

    total: int | None = Field(
        None, description="how many all pages have; null where that was not asked for, or only MLflow could count them"
    )


class RunDetail(Run):
    """A run with what hangs on it."""

    datasets: list[dict[str, JsonValue]] = Field(default_factory=list)
    artifacts: list[str] = Field(default_factory=list)
    models: list[dict[str, JsonValue]] = Field(default_factory=list)


class RunCurve(Model):
    """One metric of a run over its steps, by step and time; as many of each list."""

    run_id: str
    key: str
    count: int = Field(description="points that the run has; more than these where they were sampled")
    step: list[int] = Field(default_factory=list)
    time: list[int] = Field(default_factory=list, description="milliseconds since the epoch")
    value: list[float | None] = Field(default_factory=list, description="one that is not finite is null")


class RunCurves(Model):
    """One metric of several runs, in the order in which they were asked for."""

    key: str
    curves: list[RunCurve]


class RunChange(Model):
    """What to change of a run; what is null stays as it is."""

    name: RunName | None = None
    note: TagText | None = Field(None, description="Markdown; an empty one is taken away")
    tags: dict[TagName, TagText | None] | None = Field(None, max_length=100, description="null takes a tag away")
    archived: bool | None = None


class RunsChange(RunChange):
    """The same change of several runs."""

    runs: RunIds


class RunsDeletion(Model):
    """Which runs to delete, and whether for good."""

    runs: RunIds
    permanent: bool = Field(False, description="with artifacts, never to be restored; else they are archived")


class RunDeleted(Model):
    """What a deletion has freed."""

    freed_bytes: int = Field(description="of artifacts; 0 for a run that was archived")


class RunDone(Model):
    """What became of one of several runs."""

    run_id: str
    ok: bool
    message: str | None = Field(None, description="why not")
    freed_bytes: int = 0


class RunsDone(Model):
    """What became of each run, in the order in which they were named."""

    items: list[RunDone]
    freed_bytes: int = 0


class Artifact(Model):
    """A file or folder of a run."""

    path: str = Field(description="within the run's artifacts, with / between folders")
    is_dir: bool
    size: int | None = Field(None, description="bytes; null for a folder")


class ArtifactPage(Page[Artifact]):
    """What is in a folder: folders first, by name."""


class TableColumn(Model):
    """A column of a table."""

    name: str
    type: str


class ArtifactTable(Model):
    """The first rows of a parquet file; each value as text, null where there is none."""

    columns: list[TableColumn]
    rows: list[list[str | None]]
    count: int = Field(description="rows of the whole file")
    more_columns: int = Field(0, description="columns that are not here")


class ComparedRun(Model):
    """One of the runs that are compared."""

    id: str
    name: str
    experiment: str
    status: str
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    archived: bool = False


class ComparedRow(Model):
    """One name, and what each run has for it; null where a run has none."""

    key: str
    values: list[str | float | None]
    differs: bool


class RunComparison(Model):
    """Several runs side by side; `values` of each row are in the order of `runs`."""

    runs: list[ComparedRun]
    source: list[ComparedRow] = Field(default_factory=list, description="git commit, branch, and what was run")
    parameters: list[ComparedRow] = Field(default_factory=list)
    metrics: list[ComparedRow] = Field(default_factory=list, description="last values")
    data: list[ComparedRow] = Field(default_factory=list, description="digests of the data sets")
    models: list[ComparedRow] = Field(default_factory=list, description="what each logged model was registered as")
    tags: list[ComparedRow] = Field(default_factory=list, description="all but MLflow's own")


class RunDifference(Model):
    """What two runs differ in."""

    before: ComparedRun
    after: ComparedRun
    source: list[Difference] = Field(default_factory=list)
    parameters: list[Difference] = Field(default_factory=list)
    metrics: list[Difference] = Field(default_factory=list)
    data: list[Difference] = Field(default_factory=list, description="digests of the data sets")
    environment: list[Difference] = Field(default_factory=list, description="Python and packages")
    code: str = Field("", description="unified diff of the code cells")
    notes: list[str] = Field(default_factory=list, description="what could not be compared, and why")


class ImportanceRequest(Model):
    """The runs whose parameters are weighed, and by which metric."""

    runs: RunIds
    metric: str = Field(min_length=1, max_length=1000)


class ParameterImportance(Model):
    """How much a parameter has to do with a metric."""

    name: str
    share: float = Field(description="of what all parameters explain, from 0 to 1")
    correlation: float | None = Field(None, description="Spearman's, from -1 to 1, of a parameter that is a number")


class RunImportance(Model):
    """How much each parameter of some runs has to do with a metric, the weightiest first."""

    metric: str
    runs: int = Field(description="those that have the metric")
    explained: float | None = Field(
        None, description="share of the metric's variance, by rank, that the parameters foretell; below 0: none"
    )
    parameters: list[ParameterImportance] = Field(default_factory=list, description="those that differ")
    message: str | None = Field(None, description="why nothing was weighed")
