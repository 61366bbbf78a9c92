"""Which runs stay: those of jobs that have not ended, and those whose files a registered model needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...errors import Conflict
from ...models import JobState
from .convert import JOB_TAG
from .reading import usable
from .search import quoted
from .tracking import Tracking, translated

if TYPE_CHECKING:
    from ...store import Store


def refuse_living(store: Store, id: str, tags: Mapping[str, str]) -> None:
    """Raise `Conflict` where the job of a run has not ended, or its end is still to be written into the run."""
    from sqlalchemy import select

    from ...store import tables

    job = tags.get(JOB_TAG, "")
    if not (job.isascii() and job.isdigit() and len(job) < 18):
        return
    own, attempt = tables.jobs, tables.attempts
    with store.read() as connection:
        state = connection.execute(select(own.c.state).where(own.c.id == int(job))).scalar()
        unclosed = connection.execute(
            select(attempt.c.number).where(attempt.c.job_id == int(job), ~attempt.c.run_closed, attempt.c.run_id == id)
        ).first()
    if state is not None and not JobState(state).ended:
        raise Conflict(
            f"run {id} belongs to job {job}, which is {state}",
            hint=f"wait for it, or cancel it: jupyter mlplat jobs cancel {job}",
        )
    if state is not None and unclosed is not None:
        raise Conflict(
            f"run {id} belongs to job {job}, which is {state}; its end is still being written down",
            hint="try again in a moment; an engine has to run for it: jupyter mlplat status",
        )


def refuse_with_models(tracking: Tracking, id: str) -> None:
    """Raise `Conflict` where the files of a registered model are among the artifacts of a run.

    Models that are logged with MLflow 3 have a place of their own, and stay.
    """
    tables = tracking.registry_tables()
    if tables is not None:
        query = (
            "SELECT name, version, source FROM model_versions WHERE (run_id = ? OR source LIKE ?)"
            " AND current_stage <> 'Deleted_Internal' ORDER BY name, version"
        )
        with usable(), tables.connection() as connection:
            found = connection.execute(query, (id, f"runs:/{id}/%")).fetchall()
    else:
        with translated(f"the models of run {id}"):
            versions = tracking.client().search_model_versions(f"run_id = {quoted(id)}", max_results=100)
        found = [(one.name, one.version, one.source) for one in versions]
    mine = [f"models:/{name}/{version}" for name, version, source in found if not (source or "").startswith("models:/")]
    if mine:
        raise Conflict(
            f"run {id} has the files of {', '.join(mine[:5])}",
            hint="delete these versions first, or archive the run",
        )
