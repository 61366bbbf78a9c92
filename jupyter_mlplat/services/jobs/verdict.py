"""What the end of an attempt means for its job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping

from ...models import RETRYABLE, JobState, Reason

LONGEST_DELAY = timedelta(hours=1)
UNREACHABLE = timedelta(seconds=45)
"""A host that cannot be asked has ended what it ran by then: its runners end unacknowledged trees after 30 s."""


@dataclass(frozen=True)
class Verdict:
    """What an attempt's end means for its job: an end of its own, or a retry at `retry_at`."""

    state: JobState
    reason: Reason | None
    message: str | None
    retry_at: datetime | None = None


def judge(row: RowMapping, record: dict[str, Any], now: datetime) -> Verdict:
    """What becomes of a job whose attempt left `record`.

    The attempt that was cancelled because of a deadline is a failure; one that failed for a reason to retry
    on is retried while retries are left and the deadline allows it, after a delay that each failure doubles.
    One whose devices were taken back goes on as soon as it has some again: that is no failure of its own.
    """
    state = JobState(record["state"])
    reason = Reason(record["reason"]) if record.get("reason") else None
    message = (record.get("message") or "")[:4000] or None
    preempted = row["cancel_reason"] == Reason.PREEMPTED
    if preempted and state in (JobState.CANCELLED, JobState.LOST):
        return Verdict(JobState.QUEUED, None, "its GPUs were taken back; it goes on when it has some again", now)
    if state is JobState.CANCELLED and row["cancel_reason"]:
        reason = Reason(row["cancel_reason"])
        if reason is Reason.DEADLINE:
            return Verdict(JobState.FAILED, reason, f"it had not ended by its deadline, {row['deadline_at']:%F %T} UTC")
        return Verdict(state, reason, f"ended: {reason}")
    if state not in (JobState.FAILED, JobState.LOST) or (row["cancel_requested"] and not preempted):
        return Verdict(state, reason, message)
    wanted = RETRYABLE if row["retry_on"] is None else row["retry_on"]
    if reason not in wanted or row["failures"] >= row["retries"]:
        return Verdict(state, reason, message)
    at = now + min(timedelta(seconds=row["retry_delay"] * 2 ** min(row["failures"], 30)), LONGEST_DELAY)
    if record.get("unreachable") and row["seen_at"] is not None:
        at = max(at, row["seen_at"] + UNREACHABLE)
    if row["deadline_at"] is not None and at >= row["deadline_at"]:
        return Verdict(state, reason, f"{message or reason} (no retry: the deadline comes first)"[:4000])
    return Verdict(
        JobState.QUEUED,
        None,
        f"attempt {row['attempt']} of at most {row['retries'] + 1}: {message or reason}"[:4000],
        at,
    )
