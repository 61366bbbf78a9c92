"""A claim on GPUs in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .blocks import Bytes, span, written

if TYPE_CHECKING:
    from ..models import Lease


def waiting_words(lease: Lease) -> str:
    """Where one that waits stands, in one line."""
    words = f"waiting for {asked_words(lease)}: number {lease.position} in the queue"
    if lease.expected_start is not None:
        words += f", about {lease.expected_start.astimezone():%H:%M}"
    why = [one for one in (lease.held_up, lease.cause) if one]
    return f"{words} ({'; '.join(why)})" if why else words


def idle_words(lease: Lease) -> str | None:
    """`idle 35 m`; None for one that works, or of which nobody knows."""
    if lease.idle_since is None:
        return None
    return f"idle {span((datetime.now(UTC) - lease.idle_since).total_seconds())}"


def asked_words(lease: Lease) -> str:
    """What somebody asked for: `2 × A100, 16.0 GiB of each`."""
    words = f"{lease.count} × {lease.gpu_type or 'GPU'}"
    if lease.memory is None:
        return words
    return f"{words}, {written(Bytes(lease.memory))} {'of each' if lease.shared else 'or more'}"
