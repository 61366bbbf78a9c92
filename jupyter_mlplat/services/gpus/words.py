"""A place in the queue in words."""

from __future__ import annotations

from ...models import Lease


def place_words(lease: Lease) -> str:
    """`number 2 in the queue, about 14:05`, and why."""
    words = f"number {lease.position} in the queue"
    if lease.expected_start is not None:
        words += f", about {lease.expected_start.astimezone():%H:%M}"
    why = [one for one in (lease.held_up, lease.cause) if one]
    return f"{words} ({'; '.join(why)})" if why else words
