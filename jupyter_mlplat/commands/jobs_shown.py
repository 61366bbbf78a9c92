"""jobs: how they look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .blocks import Block, Bytes, Facts, Seconds, State, Table, Text, Value, written
from .lease_words import gpu_words, waiting_words
from .notify import notice_table, notify_words

if TYPE_CHECKING:
    from ..models import AttemptRecord, Job, JobLog, Page


def took(job: Job) -> Seconds | None:
    """How long the job has been at work."""
    if job.started_at is None:
        return None
    return Seconds(((job.ended_at or datetime.now(UTC)) - job.started_at).total_seconds())


def metric(job: Job) -> str | None:
    """The metric that the notebook marks as its own, as `auc 0.913`."""
    return ", ".join(f"{name} {value:.4g}" for name, value in job.metric.items()) or None


def progress_line(job: Job, separator: str = " · ") -> str:
    """How a job stands, on one line."""
    parts = [f"job {job.id} {job.state}"]
    if job.lease is not None and job.lease.position is not None:
        parts.append(waiting_words(job.lease))
    elif job.cells_total:
        parts.append(f"cell {job.cells_done}/{job.cells_total}")
    if job.state.ended and (length := took(job)) is not None:
        parts.append(written(length))
    if job.state.ended and job.message:
        parts.append(job.message.strip().splitlines()[-1])
    return separator.join(parts)


def show_jobs(page: Page[Job]) -> list[Block]:
    rows: list[list[Value]] = [
        [
            job.id, job.name, State(job.state), f"{job.cells_done}/{job.cells_total}" if job.cells_total else None,
            job.submitted_at, took(job), metric(job), job.owner,
        ]
        for job in page.items
    ]  # fmt: skip
    return [
        Table(
            ["id", "name", "state", "cells", "submitted", "took", "metric", "owner"],
            rows,
            empty="No jobs yet. Run a notebook as one: jupyter mlplat jobs run NB",
            more=f"more: jupyter mlplat jobs list --after {page.next}" if page.next else None,
        )
    ]


def show_job(job: Job) -> list[Block]:
    state = State(job.state)
    facts: list[tuple[str, Value]] = [
        ("job", job.id),
        ("name", job.name),
        ("state", state),
        ("reason", job.reason and str(job.reason)),
        ("message", job.message),
        ("notebook", job.notebook),
        ("attempt", _attempt(job)),
        ("position", job.position),
        ("GPUs", gpu_words(job)),
        ("expected", job.expected_start),
        ("retry after", job.not_before),
        ("deadline", job.deadline_at),
        ("priority", job.priority or None),
        ("retry of", job.retry_of),
        ("schedule", job.schedule_id),
        ("due", job.scheduled_for),
        ("sweep", job.sweep_id),
        ("pipeline", job.pipeline_id),
        ("node", job.node),
        ("cells", f"{job.cells_done} of {job.cells_total}" if job.cells_total else None),
        ("parameters", ", ".join(f"{name}={value!r}" for name, value in job.parameters.items()) or None),
        ("results", ", ".join(f"{name}={value!r}" for name, value in job.results.items()) or None),
        ("submitted", job.submitted_at),
        ("took", took(job)),
        ("metric", metric(job)),
        ("run", job.run_id),
        ("owner", job.owner),
        ("tells", notify_words(job.notify)),
        ("folder", job.folder),
    ]
    if len(job.attempts) == 1:
        facts.append(("checkpoint", job.attempts[0].note))
    blocks: list[Block] = [Facts(facts)]
    if job.cells and job.attempt:
        blocks += show_cells({"items": job.cells})
    if len(job.attempts) > 1:
        rows: list[list[Value]] = [
            [
                one.number,
                State(one.state),
                one.claimed_at,
                _length(one),
                one.run_id,
                _last_line(one.message or one.note),
            ]
            for one in job.attempts
        ]
        blocks.append(Table(["attempt", "state", "began", "took", "run", "message"], rows))
    if job.notices:
        blocks.append(notice_table(job.notices))
    return blocks


def _attempt(job: Job) -> str | None:
    if not job.attempt:
        return None
    return f"{job.attempt} (at most {job.retries + 1} that fail)" if job.retries else str(job.attempt)


def _length(one: AttemptRecord) -> Seconds | None:
    return Seconds((one.ended_at - one.started_at).total_seconds()) if one.ended_at and one.started_at else None


def _last_line(text: str | None) -> str:
    return (text or "").strip().rpartition("\n")[2]


def show_submitted(job: Job) -> list[Block]:
    if job.state.ended:
        return show_job(job)
    return [Text(f"job {job.id} is {job.state}; watch it: jupyter mlplat jobs watch {job.id}")]


def show_cells(answer: dict[str, Any]) -> list[Block]:
    rows: list[list[Value]] = []
    for cell in answer["items"]:
        took_s = ((cell.ended_at or datetime.now(UTC)) - cell.started_at).total_seconds() if cell.started_at else None
        peak = None if cell.peak_rss is None else Bytes(cell.peak_rss)
        rows.append(
            [cell.index, State(cell.state), None if took_s is None else Seconds(took_s), peak, _last_line(cell.error)]
        )
    return [Table(["cell", "state", "took", "memory", "error"], rows, empty="The notebook has no code cells.")]


def show_log(log: JobLog) -> list[Block]:
    return [Text(log.text)] if log.text else []


def show_output(answer: dict[str, Any]) -> list[Block]:
    return [Text(answer["path"] or answer["html"])]


def show_schema(document: dict[str, Any]) -> list[Block]:
    rows: list[list[Value]] = []
    for name, one in document.get("properties", {}).items():
        kind = one.get("type")
        default = repr(one["default"]) if "default" in one else None
        limits = _limits(one)
        rows.append([name, "/".join(kind) if isinstance(kind, list) else kind, default, limits, one.get("description")])
    return [
        Table(
            ["parameter", "type", "default", "values", "description"],
            rows,
            empty="The notebook has no parameters: give one of its cells the tag parameters.",
        )
    ]


def _limits(one: dict[str, Any]) -> str | None:
    if "enum" in one:
        return ", ".join(str(value) for value in one["enum"])
    low, high = one.get("minimum"), one.get("maximum")
    if low is None and high is None:
        return None
    return f"{'' if low is None else low} – {'' if high is None else high}".strip()
