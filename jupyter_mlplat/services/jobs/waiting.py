"""Waiting for something that the engine moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.1
WAKE_EVERY_S = 5.0


def wait_for(
    get: Callable[[], T],
    ended: Callable[[T], bool],
    wake: Callable[[], None],
    *,
    timeout: float | None = None,
    on_change: Callable[[T], None] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> T:
    """Return what `get` gives once it has `ended`, or as it stands after `timeout` seconds.

    `on_change` gets it whenever something about it changed; `pause` is called with the seconds between two
    looks. Keeps an engine alive meanwhile.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    seen: T | None = None
    woken = time.monotonic()
    while True:
        found = get()
        if found != seen and on_change is not None:
            on_change(found)
        seen = found
        if ended(found) or (deadline is not None and time.monotonic() >= deadline):
            return found
        if time.monotonic() - woken > WAKE_EVERY_S:
            wake()
            woken = time.monotonic()
        pause(LOOK_S)
