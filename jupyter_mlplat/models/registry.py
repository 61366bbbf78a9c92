"""Registered models: versions, aliases and who may move them, cards, and where a version comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue

from .base import Model
from .deployments import DeploymentState
from .jobs import Difference
from .runs import ComparedRun, RunDifference, plain

MOST_WHY = 500
MOST_CARD = 100_000
"""Characters: what MLflow keeps in a tag of a version (`MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH`)."""

Why = Annotated[str, Field(max_length=MOST_WHY)]


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


class AliasChange(Model):
    """An alias that stands for another version than before."""

    alias: str
    version: str | None = Field(None, description="the version since then; null: it was deleted")
    before: str | None = Field(None, description="the version until then")
    by: str = Field(description="who changed it; of one that was approved, who asked for it")
    at: AwareDatetime
    why: str = ""
    approved_by: str | None = None


class AliasTarget(Model):
    """The version that an alias is to stand for."""

    version: str = Field(pattern=r"^[1-9][0-9]{0,8}$")
    why: Why = ""


class AliasRequest(Model):
    """What somebody wants of a protected alias, and what a second person said to it."""

    id: str
    kind: Literal["alias", "protection"] = Field(
        "alias", description="what is to change: what the alias stands for, or that it is protected, which ends"
    )
    model: str
    alias: str
    version: str | None = Field(None, description="what the alias is to stand for; null: it is to be deleted")
    before: str | None = Field(None, description="what it stood for when this was asked for")
    by: str
    at: AwareDatetime
    why: str = ""
    state: Literal["open", "approved", "rejected", "withdrawn", "stale"] = Field(
        description="stale: the alias was changed in between"
    )
    decided_by: str | None = None
    decided_at: AwareDatetime | None = None
    decision_why: str = ""


class RequestDecision(Model):
    """Why a request is approved, rejected or withdrawn."""

    why: Why = ""


class RegisteredModel(Model):
    """A registered model and its versions, newest first."""

    name: str
    description: str = ""
    aliases: dict[str, str] = Field(default_factory=dict, description="alias -> version")
    versions: list[ModelVersion] = Field(default_factory=list)
    history: list[AliasChange] = Field(
        default_factory=list, description="changes of aliases made here, newest first; empty in lists"
    )
    protected: list[str] = Field(default_factory=list, description="aliases that change when a second person approves")
    requests: list[AliasRequest] = Field(
        default_factory=list,
        description="open ones first, newest first, and the 20 that ended last; in lists the open ones only",
    )
    updated_at: AwareDatetime | None = None


class ModelField(Model):
    """A column or tensor of a model's signature."""

    name: str
    type: str
    required: bool = True
    shape: list[int] | None = Field(None, description="of a tensor, -1 for any number; null for a column")


class VersionDeployment(Model):
    """A deployment that serves a version."""

    name: str
    state: DeploymentState
    traffic: int = Field(description="percent")


class ModelVersionDetail(ModelVersion):
    """A version with what it was made of, what it takes and gives, and where it is served."""

    description: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    run: ComparedRun | None = None
    parameters: dict[str, str] = Field(default_factory=dict, description="of its run")
    metrics: dict[str, float | None] = Field(default_factory=dict, description="of its run, last values")
    datasets: list[dict[str, JsonValue]] = Field(default_factory=list, description="of its run")
    inputs: list[ModelField] | None = Field(None, description="of MLflow's signature; null where it has none")
    outputs: list[ModelField] | None = None
    flavors: list[str] = Field(default_factory=list)
    size: int | None = Field(None, description="bytes")
    requirements: list[str] = Field(default_factory=list)
    python: str | None = None
    deployments: list[VersionDeployment] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list, description="what could not be read, and why")


class VersionComparison(Model):
    """What a version of a model differs in from another."""

    before: ModelVersion
    after: ModelVersion
    signature: list[Difference] = Field(default_factory=list)
    requirements: list[Difference] = Field(default_factory=list)
    size: list[int | None] = Field(description="bytes of both")
    run: RunDifference | None = Field(None, description="null where a run is not known, or both are of one run")
    notes: list[str] = Field(default_factory=list, description="what could not be compared, and why")


class LineageNode(Model):
    """One thing on the way from data to an endpoint."""

    id: str
    kind: Literal["data", "features", "notebook", "job", "run", "version", "deployment"]
    label: str
    detail: str = ""
    target: str | None = Field(
        None,
        description="what it opens: the name of data set, feature view or deployment, a notebook's path, the id of "
        "a job or run, name/version; null where there is nothing to open",
    )


class LineageEdge(Model):
    """From the id of a node to that of one made of it."""

    source: str
    target: str


class Lineage(Model):
    """Where a version comes from and where it is served, left to right."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]


class ModelCard(Model):
    """What there is to know of a version before it is used, after Mitchell et al. 2019, "Model Cards"."""

    name: str
    version: str
    markdown: str
    generated: bool = Field(description="false: somebody has written it, here or in MLflow")
    edited_by: str | None = Field(None, description="null too where it was written in MLflow")
    edited_at: AwareDatetime | None = None
    data: dict[str, JsonValue] = Field(description="the facts that a card is generated from")


class CardChange(Model):
    """The text of a card."""

    markdown: Annotated[str, Field(max_length=MOST_CARD), AfterValidator(plain)] = Field(
        description="Markdown; an empty one brings the generated card back"
    )
