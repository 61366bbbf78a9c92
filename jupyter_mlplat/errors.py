"""Every error that a door may show: what happened, to what, and what to do next.

A service raises one of these; a door turns it into a status (HTTP) or an exit code (shell) in one place.
"""

from __future__ import annotations

from collections.abc import Mapping


class MLPlatError(Exception):
    """Something the user can read and act on.

    `message` names what happened and to which id, `hint` says what to do next, `fields` maps a
    field of the request to what is wrong with it.
    """

    status = 500
    exit_code = 1
    reason = "error"

    def __init__(self, message: str, *, hint: str = "", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())
        self.fields = dict(fields or {})

    def to_dict(self) -> dict[str, object]:
        """The wire form, the same over HTTP and with `--json`."""
        return {"message": self.message, "reason": self.reason, "hint": self.hint, "fields": self.fields}


class Malformed(MLPlatError):
    """The request cannot be read at all (HTTP 400)."""

    status = 400
    exit_code = 2
    reason = "malformed"


class Invalid(MLPlatError):
    """The request was read, and a value in it is wrong (HTTP 422)."""

    status = 422
    exit_code = 2
    reason = "invalid"


class Denied(MLPlatError):
    """The caller may not do this (HTTP 403)."""

    status = 403
    exit_code = 4
    reason = "denied"


class NotFound(MLPlatError):
    """No such thing (HTTP 404)."""

    status = 404
    exit_code = 3
    reason = "not_found"


class Conflict(MLPlatError):
    """The thing is not in a state that allows this (HTTP 409)."""

    status = 409
    exit_code = 4
    reason = "conflict"


class Stale(MLPlatError):
    """Somebody else changed it in between (HTTP 412)."""

    status = 412
    exit_code = 4
    reason = "stale"


class TooLarge(MLPlatError):
    """The request is over a limit (HTTP 413)."""

    status = 413
    exit_code = 2
    reason = "too_large"


class BackendFailed(MLPlatError):
    """A service that we depend on answered with an error (HTTP 502)."""

    status = 502
    exit_code = 5
    reason = "backend_failed"


class Unavailable(MLPlatError):
    """A service or device that this needs is not there (HTTP 503)."""

    status = 503
    exit_code = 5
    reason = "unavailable"
