"""A claim on GPUs in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .blocks import Bytes, span, written

if TYPE_CHECKING:
    from ..models import Deployment, Job, Lease


def waiting_words(lease: Lease) -> str:
    """Where one that waits stands, in one line."""
    from ..services.gpus.words import place_words

    return f"waiting for {asked_words(lease)}: {place_words(lease)}"


def gpu_words(one: Job | Deployment) -> str | None:
    """What it asked for, and what it has or had; None where it asked for none."""
    lease = one.lease
    if lease is None:
        return f"{one.gpus} × {one.gpu_type or 'GPU'}" if one.gpus else None
    if lease.position is not None:
        return waiting_words(lease)
    return ": ".join(part for part in (asked_words(lease), ", ".join(lease.devices)) if part)


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
