"""What is said: a subject, then plain text. No parameter, whose value may be nobody else's business, and no secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping

from ....models import NoticeEvent
from .ledger import Noun

MOST_MESSAGE = 1500
REASONS = {
    "cell_error": "a cell raised an error",
    "kernel_died": "its kernel died",
    "out_of_memory": "it ran out of memory",
    "timeout": "it took longer than it may",
    "deadline": "its deadline passed",
    "worker_lost": "what ran it is gone",
    "bad_input": "its input cannot be used",
    "backend_unavailable": "there was nothing to run it on",
}


def job_ended(job: RowMapping, event: NoticeEvent, cells: Sequence[int], schedule: str | None) -> str:
    """About a job that has ended; `cells` are those that failed, `schedule` is the name of what submitted it."""
    name = f"Job {job['id']} ({job['name']})"
    why = REASONS.get(job["reason"] or "", job["reason"])
    subject = {
        NoticeEvent.RECOVERY: f"{name} succeeded again after a failure",
        NoticeEvent.SUCCESS: f"{name} succeeded",
    }.get(event, f"{name} {'was lost' if job['state'] == 'lost' else 'failed'}" + (f": {why}" if why else ""))
    return _text(
        subject,
        job["message"] if event is NoticeEvent.FAILURE else None,
        {
            "State": f"{job['state']} ({job['reason']})" if job["reason"] else job["state"],
            "Cell": ", ".join(map(str, cells)) or None,
            "Notebook": job["notebook"],
            "Owner": job["owner"],
            "Schedule": schedule,
            "Due": _moment(job["scheduled_for"]),
            "Attempts": str(job["attempt"]) if job["attempt"] > 1 else None,
            "Took": _span(job["started_at"], job["ended_at"]),
            "Ended": _moment(job["ended_at"]),
        },
        "jobs",
        job["id"],
    )


def group_ended(
    noun: Noun,
    row: RowMapping,
    event: NoticeEvent,
    state: str,
    message: str | None,
    counts: Counter[str],
    now: datetime,
) -> str:
    """About a sweep or a pipeline that has ended; `counts` says how many of its jobs are in each state."""
    name = f"{noun.removesuffix('s').capitalize()} {row['id']} ({row['name']})"
    subject = {
        NoticeEvent.RECOVERY: f"{name} succeeded again after a failure",
        NoticeEvent.SUCCESS: f"{name} succeeded",
    }.get(event, f"{name} succeeded only in part" if state == "partial" else f"{name} failed")
    return _text(
        subject,
        message if event is NoticeEvent.FAILURE else None,
        {
            "State": state,
            "Jobs": ", ".join(f"{count} {one}" for one, count in sorted(counts.items())) or None,
            "Notebook": row.get("notebook"),
            "Owner": row["owner"],
            "Began": _moment(row["created_at"]),
            "Ended": _moment(now),
        },
        noun,
        row["id"],
    )


def too_long(noun: Noun, row: RowMapping, since: datetime, bound: float, usual: float | None, now: datetime) -> str:
    """About what still runs after `bound` seconds; `usual` is what it takes, where nobody named a bound."""
    name = f"{noun.removesuffix('s').capitalize()} {row['id']} ({row['name']})"
    why = f"It usually takes {length(usual)}." if usual is not None else f"It was to take {length(bound)} at most."
    return _text(
        f"{name} has been running for {length((now - since).total_seconds())}",
        f"{why} It goes on.",
        {"Notebook": row.get("notebook"), "Owner": row["owner"], "Began": _moment(since)},
        noun,
        row["id"],
    )


def length(seconds: float) -> str:
    """A duration in words: `4 s`, `3 m 4 s`, `2 h 5 m`, `3 d 1 h`."""
    whole = max(round(seconds), 0)
    for large, unit, small, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"


def _text(subject: str, message: str | None, facts: Mapping[str, str | None], noun: Noun, key: int) -> str:
    lines = [" ".join(subject.split()), ""]
    if message:
        said = message.strip()
        lines += [said if len(said) <= MOST_MESSAGE else said[:MOST_MESSAGE] + "…", ""]
    lines += [f"{name}: {value}" for name, value in facts.items() if value]
    return "\n".join([*lines, f"See it: jupyter mlplat {noun} show {key}"]) + "\n"


def _moment(moment: datetime | None) -> str | None:
    return f"{moment:%F %T} UTC" if moment is not None else None


def _span(begin: datetime | None, end: datetime | None) -> str | None:
    return length((end - begin).total_seconds()) if begin is not None and end is not None else None
