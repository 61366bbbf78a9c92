"""The ETag of what can be changed, and what `If-Match` says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import Invalid


def revision_in(headers: Mapping[str, str], *, of: str) -> str | None:
    """The revision that a change is meant for; None where the caller does not care. Raises `Invalid`."""
    header = headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    found = re.fullmatch(r'\s*"([0-9a-f]{16})"\s*', header)
    if found is None:
        raise Invalid("If-Match cannot be read", hint=f"send the ETag of {of}", fields={"If-Match": f"no ETag of {of}"})
    return found[1]
