"""--notify: whom to tell of what, and how notices look."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .blocks import State, Table, Value, span
from .grammar import argument
from .values import seconds

if TYPE_CHECKING:
    from ..models import Notice, Notify

EVENTS = ("failure", "recovery", "too_long", "success")
TARGETS = ("mailto:", "https://", "http://", "env:", "file:", "@")


def wish(text: str) -> list[dict[str, Any]]:
    """`[EVENTS=]TARGET` as a field of `JobOptions.notify`; `none` tells nobody.

    A target is never repeated in an error: it may be a secret.
    """
    if text == "none":
        return []
    events, equals, target = ("", "", text) if text.startswith(TARGETS) else text.partition("=")
    if (equals or not events) and target.startswith(TARGETS):
        return [{"to": target, **(_events(events) if equals else {})}]
    raise argparse.ArgumentTypeError(
        "not [EVENTS=]TARGET, where TARGET is mailto:ADDRESS, https://…, env:VARIABLE, file:PATH or @NAME"
    )


def _events(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {"on": []}
    for word in text.split(","):
        name, colon, bound = word.strip().partition(":")
        if name not in EVENTS or (colon and name != "too_long"):
            raise argparse.ArgumentTypeError(f"{word.strip()[:40]!r} is no event; one of {', '.join(EVENTS)}:2h")
        if colon:
            found["after"] = seconds(bound)
        if name not in found["on"]:
            found["on"].append(name)
    return found


def wishes(given: Sequence[list[dict[str, Any]]] | None) -> list[dict[str, Any]] | None:
    """What all `--notify` say together; None where none was given."""
    return None if given is None else [one for each in given for one in each]


NOTIFY = argument(
    "--notify",
    action="append",
    type=wish,
    metavar="[EVENTS=]TARGET",
    help="whom to tell: mailto:ADDRESS, https://…, env:VAR, file:PATH or @NAME; EVENTS are failure, recovery, "
    "too_long[:2h], success with commas between (failure,recovery); none tells nobody",
)


def notify_words(notify: Sequence[Notify]) -> str | None:
    """Who is told of what, on one line; None where nobody is."""
    told = []
    for one in notify:
        bound = f":{span(one.after)}" if one.after is not None else ""
        events = [event.value + (bound if event.value == "too_long" else "") for event in one.on]
        told.append(f"{one.to} of {', '.join(events)}")
    return "; ".join(told) or None


def notice_table(notices: Sequence[Notice]) -> Table:
    """What was said to whom, and whether it arrived."""
    rows: list[list[Value]] = [
        [one.event.value, one.to, State(one.state), one.tries, one.sent_at or one.created_at, one.message]
        for one in notices
    ]
    return Table(["told of", "to", "state", "tries", "when", "message"], rows, empty="Nobody was told.")
