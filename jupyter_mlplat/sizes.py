"""Sizes as people write them."""

from __future__ import annotations

import re


def parse_size(text: str) -> int:
    """Bytes as the contract writes them: `16G`, `500M`, or plain bytes; G is 2^30. Raises `ValueError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(f"{text[:80]!r} is no size; write 16G, 500M or bytes")
    amount = float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ")
    if amount >= 2**63:
        raise ValueError(f"{text[:40]!r} is more than there is anywhere")
    return int(amount)
