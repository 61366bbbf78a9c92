"""How many devices a user, or a group of users, may have at a time; and whose bounds hold for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ...errors import Conflict
from .queue import Request

EVERYBODY = "*"
GROUP = "@"

T = TypeVar("T", bound=float)


@dataclass(frozen=True)
class Quotas:
    """`limits` is devices by user, by `@group` for all of its users together, and by `*` for each user without one."""

    limits: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def refuse(self, owner: str, count: int) -> None:
        """Raise `Conflict` where the owner could never have so many."""
        for whose, limit, _ in self._of(owner):
            if count > limit:
                raise Conflict(
                    f"{count} devices are more than the quota of {whose}: {limit}", hint="ask for fewer devices"
                )

    def limit_of(self, whose: str) -> int | None:
        """Devices that a user, or an `@group`, may have at a time."""
        return self.limits.get(whose, None if whose.startswith(GROUP) else self.limits.get(EVERYBODY))

    def over(self, held: Mapping[str, int], request: Request, more: Mapping[str, int]) -> str | None:
        """Which quota a request would go over now, in words; None where it would not.

        `held` and `more` are devices by owner: those of the ledger, and those just granted beside it.
        """
        for whose, limit, users in self._of(request.owner):
            has = sum(held.get(user, 0) + more.get(user, 0) for user in users)
            if has + request.count > limit:
                return f"{whose} has {has} of the {limit} devices of its quota"
        return None

    def _of(self, owner: str) -> Iterator[tuple[str, int, Sequence[str]]]:
        return bounds(self.limits, self.groups, owner)


def bounds(
    limits: Mapping[str, T], groups: Mapping[str, Sequence[str]], owner: str
) -> Iterator[tuple[str, T, Sequence[str]]]:
    """The bounds that an owner is under: whose it is, in words, the bound, and the users that count together."""
    limit = limits.get(owner, limits.get(EVERYBODY))
    if limit is not None:
        yield owner, limit, [owner]
    for group, users in groups.items():
        if owner in users and GROUP + group in limits:
            yield f"group {group}", limits[GROUP + group], users
