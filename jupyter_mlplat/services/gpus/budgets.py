"""What users have spent of what they may spend in a month."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from ...models import GPUBudget
from ...protocols import Clock
from .prices import PriceFile, PriceList
from .quotas import EVERYBODY, GROUP, bounds
from .usage import spent_since

COUNTED_AGAIN_S = 10.0
"""What is spent grows with time alone, so a number may be so old."""


class Budgets:
    """The budgets of the price file, and what the ledger says of them. A month is a calendar month in UTC."""

    def __init__(self, prices: PriceFile, groups: Mapping[str, Sequence[str]], clock: Clock) -> None:
        self._prices = prices
        self._groups = groups
        self._clock = clock
        self._month: datetime | None = None
        self._known: dict[str, tuple[float, float]] = {}
        self._all_known = float("-inf")

    def over(self, connection: Connection, owners: Iterable[str]) -> dict[str, str]:
        """Those of these owners that get nothing any more this month, and why, in words."""
        prices = self._prices.now
        if prices is None or not prices.budgets:
            return {}
        asked = set(owners)
        spent, found = self._spent(connection, self._with_groups(asked, prices)), {}
        for owner in asked:
            for one in self._of(owner, prices, spent):
                if one.spent >= one.limit:
                    found[owner] = _in_words(one)
                    break
        return found

    def standing(self, connection: Connection, owner: str | None = None) -> list[GPUBudget]:
        """How the budgets stand of those who have one of their own or have spent something, or of one owner."""
        prices = self._prices.now
        if prices is None or not prices.budgets:
            return []
        if owner is not None:
            owners = [owner]
            spent = self._spent(connection, self._with_groups(owners, prices))
        else:
            spent = self._spent(connection, None)
            named = {user for user in prices.budgets if user != EVERYBODY and not user.startswith(GROUP)}
            owners = sorted(named | {user for user, money in spent.items() if money})
        found = {one.whose: one for user in owners for one in self._of(user, prices, spent)}
        return sorted(found.values(), key=lambda one: (-one.share, one.whose))

    def warnings(self, connection: Connection, owner: str | None = None) -> list[str]:
        """What is wrong with the price file, and which budgets are spent or nearly so, of everybody or of one owner."""
        prices, error = self._prices.now, self._prices.error
        if prices is None:
            return [error] if error else []
        return [
            _in_words(one) + (": new requests wait" if one.spent >= one.limit else "")
            for one in self.standing(connection, owner)
            if one.share >= prices.warn_at
        ]

    def _of(self, owner: str, prices: PriceList, spent: Mapping[str, float]) -> Iterable[GPUBudget]:
        for whose, limit, users in bounds(prices.budgets, self._groups, owner):
            so_far = sum(spent.get(user, 0.0) for user in users)
            yield GPUBudget(
                whose=whose,
                spent=so_far,
                limit=limit,
                share=so_far / limit if limit else 1.0,
                currency=prices.currency,
            )

    def _with_groups(self, owners: Iterable[str], prices: PriceList) -> set[str]:
        """All whose spending counts for one of these."""
        return {
            user for owner in owners for _, _, users in bounds(prices.budgets, self._groups, owner) for user in users
        }

    def _spent(self, connection: Connection, users: Collection[str] | None) -> Mapping[str, float]:
        now, moment = self._clock.now(), self._clock.monotonic()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if month != self._month:
            self._month, self._known, self._all_known = month, {}, float("-inf")
        known, late = self._known, moment - COUNTED_AGAIN_S
        if self._all_known <= late:
            asked = None if users is None else [user for user in users if known.get(user, (late, 0))[0] <= late]
            if asked is None or asked:
                found = spent_since(connection, month, now, asked)
                known |= {user: (moment, found.get(user, 0.0)) for user in {*found, *(asked or ())}}
            if asked is None:
                self._all_known = moment
        return {user: spent for user, (_, spent) in known.copy().items()}


def _in_words(one: GPUBudget) -> str:
    return f"{one.whose} has spent {amount(one.spent)} of the {amount(one.limit)} {one.currency} of this month"


def amount(money: float) -> str:
    """Money as people say it: 102, 12.5, 0.03."""
    return f"{money:.0f}" if money >= 100 else f"{money:.2f}".rstrip("0").rstrip(".")
