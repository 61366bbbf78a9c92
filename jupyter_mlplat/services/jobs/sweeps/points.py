"""A point of a sweep becomes a job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, update

from ....home import Home
from ....models import JobOptions
from ....store import Transaction, tables
from ..rows import SUBMITTED
from ..service import JobsService
from ..submission import insert_job


def insert_point(
    transaction: Transaction,
    jobs: JobsService,
    home: Home,
    now: datetime,
    row: RowMapping,
    trial: int,
    point: Mapping[str, Any],
    *,
    retry_of: int | None = None,
) -> None:
    """Queue the job of one point; with `retry_of` once more."""
    draft = jobs.pinned_draft(
        name=row["name"],
        path=Path(row["notebook"]),
        pinned=Path(row["folder"]) / SUBMITTED,
        parameters={**row["job"]["parameters"], **point},
        options=JobOptions(**row["job"]["options"]),
        owner=row["owner"],
        columns={
            "sweep_id": row["id"],
            "point": dict(point),
            "trial": trial,
            "retry_of": retry_of,
            "lane": f"sweep:{row['id']}" if row["parallel"] else None,
            "lane_limit": row["parallel"],
        },
    )
    number = insert_job(transaction, home, now, draft)
    if row["metric"] is not None:
        transaction.connection.execute(
            update(tables.jobs).where(tables.jobs.c.id == number).values(metric_name=row["metric"])
        )
