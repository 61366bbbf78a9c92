"""Ids of runs as they come: whatever is none belongs to no run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import Invalid, NotFound

_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")


def no_run(id: str) -> NotFound:
    """What is said where there is no such run."""
    return NotFound(f"no run has the id {id[:100]!a}", hint="list them: jupyter mlplat runs list")


def run_id(id: str) -> str:
    """`id`, where a run could have it. Raises `NotFound`."""
    if not _ID.fullmatch(id):
        raise no_run(id)
    return id


def run_ids(ids: Sequence[str], *, low: int, high: int) -> list[str]:
    """`ids`, each once. Raises `Invalid` where there are fewer than `low` or more than `high`, `NotFound`."""
    found = list(dict.fromkeys(ids))
    if not low <= len(found) <= high:
        raise Invalid(
            f"from {low} to {high} runs are taken, not {len(found)}",
            hint="name the runs: run=ID&run=ID",
            fields={"run": f"from {low} to {high} different ones"},
        )
    return [run_id(id) for id in found]
