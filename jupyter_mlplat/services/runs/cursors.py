"""Cursors of pages: where the next one begins, as text that nobody needs to read."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from ...errors import Invalid


def mark_of(*asked: Any) -> str:
    """A few letters that are those of one search: a cursor has them."""
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def write_cursor(*place: Any) -> str:
    """A cursor that says `place`."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def read_cursor(cursor: str, *kinds: type) -> list[Any]:
    """What a cursor says, a value of each of `kinds`. Raises `Invalid` for one that says something else."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if not isinstance(place, list) or len(place) != len(kinds):
            raise ValueError
        if not all(isinstance(one, kind) for one, kind in zip(place, kinds, strict=True)):
            raise ValueError
    except (ValueError, TypeError):
        raise no_cursor("it is none of ours") from None
    return place


def no_cursor(why: str) -> Invalid:
    """What is said of one that cannot be read."""
    return Invalid(
        f"the cursor cannot be read: {why}", hint="take `next` of the page before", fields={"after": "not a cursor"}
    )
