"""One row of the demo's table, and what it is when it goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class StepFailed(Exception):
    """A step did something else than it should: the text says what."""


@dataclass
class Step:
    """One row of the demo's table."""

    step: str
    ok: bool = False
    result: str = ""
    seconds: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)
