"""Why a notice did not arrive. Never says an address, which may be a secret."""

from __future__ import annotations


class Undelivered(Exception):
    """It did not arrive; another try may help."""


class Undeliverable(Undelivered):
    """It will never arrive as things are; `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
