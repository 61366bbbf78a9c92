"""What becomes of the due instants of a schedule, by its catch-up policy alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ....models import CatchUp, OccurrenceState, When
from .timing import Timing

ON_TIME = timedelta(seconds=60)
"""An instant that is decided within this time ran; later it was caught up. The next engine takes over within 15 s."""

LONGEST_STEP = 1000
"""How many instants are decided in one transaction; the others follow in the next ones."""


@dataclass(frozen=True)
class Firing:
    """One due instant and what shall become of it, before it is known whether an earlier job is in the way."""

    instant: datetime
    state: OccurrenceState
    reason: str | None = None


def fire(timing: Timing, when: When, first: datetime, now: datetime) -> list[Firing]:
    """Decide the oldest due instants from `first` to `now`, at most `LONGEST_STEP` of them; never none.

    One that is on time runs. Of the late ones run: none with `skip`; the newest, where no later one is due,
    with `latest`; the newest `catch_up_limit` with `all`; and none that is later than `max_lateness`.
    """
    after = first - timedelta(microseconds=1)
    due = timing.between(after, now, LONGEST_STEP) or [first]
    wanted = {CatchUp.SKIP: 0, CatchUp.LATEST: 1, CatchUp.ALL: when.catch_up_limit}[when.catch_up]
    _, newest = timing.newest(after, now, wanted) if wanted else (0, [])
    caught_up = set(newest)
    bound = timedelta(seconds=when.max_lateness) if when.max_lateness is not None else None
    return [_one(instant, now, bound, instant in caught_up, when.catch_up) for instant in due]


def _one(instant: datetime, now: datetime, bound: timedelta | None, wanted: bool, policy: CatchUp) -> Firing:
    late = now - instant
    if bound is not None and late > bound:
        return Firing(instant, OccurrenceState.MISSED, f"nothing ran it within {bound.total_seconds():g} s")
    if late <= ON_TIME:
        return Firing(instant, OccurrenceState.RAN)
    if wanted:
        return Firing(instant, OccurrenceState.CAUGHT_UP, f"{_length(late)} late")
    why = {
        CatchUp.SKIP: "nothing ran it in time",
        CatchUp.LATEST: "nothing ran it in time, and a later one is due",
        CatchUp.ALL: "nothing ran it in time, and enough later ones are due",
    }[policy]
    return Firing(instant, OccurrenceState.MISSED, why)


def _length(late: timedelta) -> str:
    seconds = int(late.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
