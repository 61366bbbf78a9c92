"""Feature views, and rows of features."""

from __future__ import annotations

from pydantic import AwareDatetime, Field, JsonValue

from .base import Model, Slug


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
