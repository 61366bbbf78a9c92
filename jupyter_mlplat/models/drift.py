"""Drift checks."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Model


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
