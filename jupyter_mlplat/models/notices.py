"""Notices: who is told what when something ends, and whether it reached them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from .base import LONGEST, Model

Target = Annotated[
    str,
    Field(
        max_length=1000,
        pattern=r"^(mailto:[^\s@,;<>\"]+@[^\s@,;<>\"]+|https?://\S+|env:[A-Za-z_][A-Za-z0-9_]*|file:[^\s].*|@[a-z0-9][a-z0-9._-]*)$",
        description="mailto:ADDRESS, a webhook's address, env:VARIABLE or file:PATH that holds one, or @NAME of "
        "c.Platform.notify_targets",
    ),
]


class NoticeEvent(StrEnum):
    """What somebody wants to be told of; `recovery` is the first success after a failure."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    TOO_LONG = "too_long"
    SUCCESS = "success"


class Notify(Model):
    """Whom to tell of what."""

    to: Target
    on: list[NoticeEvent] = Field(
        default_factory=lambda: [NoticeEvent.FAILURE, NoticeEvent.RECOVERY], min_length=1, max_length=4
    )
    after: float | None = Field(
        None, gt=0, le=LONGEST, description="seconds that are too long; twice what it usually takes by default"
    )


class NoticeState(StrEnum):
    """Where a notice stands."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class Notice(Model):
    """One message to one target."""

    id: str
    event: NoticeEvent
    to: str = Field(description="an address of a webhook without its path, which may be a secret")
    state: NoticeState
    tries: int = 0
    message: str | None = Field(None, description="why it did not arrive yet, or never will")
    created_at: AwareDatetime
    sent_at: AwareDatetime | None = None
