"""GPU hours, idle hours and cost: the ledger's past, added up in the database.

A share of a device counts as that part of it. What a lease cost follows from the price that was written at its grant.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    RowMapping,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from ...models import GPUUsage, GPUUsageRow, HolderKind, UsageKey
from ...store import tables
from ...store.tables import UTCDateTime

HOUR_S = 3600.0
FORMULA = tuple("=+-@＝＋－＠")
"""What a spreadsheet takes for the begin of a formula."""


class _Elapsed(GenericFunction[float]):
    """Seconds from one time to another."""

    type = Float()
    inherit_cache = True


@compiles(_Elapsed)
def _subtracted(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(one, **options) for one in element.clauses)
    return f"EXTRACT(EPOCH FROM {end} - {start})"


@compiles(_Elapsed, "sqlite")
def _subtracted_as_days(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(one, **options) for one in element.clauses)
    return f"((julianday({end}) - julianday({start})) * 86400.0)"


_LEASES = tables.leases.c
_SINCE, _UNTIL, _NOW = (bindparam(name, type_=UTCDateTime()) for name in ("since", "until", "now"))
_STOP = func.coalesce(_LEASES.ended_at, _NOW)
_START = case((_LEASES.granted_at < _SINCE, _SINCE), else_=_LEASES.granted_at)
_END = case((_STOP > _UNTIL, _UNTIL), else_=_STOP)
_INSIDE = _Elapsed(_START, _END)
_WHOLE = func.nullif(_Elapsed(_LEASES.granted_at, _STOP), 0.0)
_SECONDS = func.sum(_LEASES.count * _INSIDE)
# When it was idle is not kept, only how long: the window has its part of that.
_IDLE = func.sum(_LEASES.count * _LEASES.idle_seconds * _INSIDE / _WHOLE)
_COST = func.sum(_LEASES.price * _LEASES.count * _INSIDE) / HOUR_S


def _inside(query: Select[Any]) -> Select[Any]:
    return query.where(_LEASES.granted_at < _UNTIL, or_(_LEASES.ended_at.is_(None), _LEASES.ended_at > _SINCE))


_KEYS: Mapping[UsageKey, ColumnElement[Any]] = {
    # Not the bare column: SQLite would walk its index, which leads to a row here and a row there.
    UsageKey.USER: cast(_LEASES.owner, Text),
    UsageKey.NOTEBOOK: _LEASES.notebook,
    UsageKey.JOB: cast(_LEASES.job_id, Text),
    UsageKey.DEPLOYMENT: case((_LEASES.kind == HolderKind.DEPLOYMENT.value, _LEASES.label)),
    UsageKey.TYPE: cast(null(), Text),
    UsageKey.KIND: _LEASES.kind,
}


def _grouped(by: UsageKey) -> Select[Any]:
    uuids = cast(_LEASES.devices, Text)
    return _inside(
        select(
            _KEYS[by].label("whose"),
            (uuids if by is UsageKey.TYPE else case((_LEASES.shared, uuids))).label("uuids"),
            case((_LEASES.shared, _LEASES.memory)).label("part"),
            _SECONDS.label("seconds"),
            _IDLE.label("idle"),
            _COST.label("cost"),
            func.count().label("leases"),
        )
    ).group_by("whose", "uuids", "part")


_GROUPED = {by: _grouped(by) for by in UsageKey}
_SPENT = select(_KEYS[UsageKey.USER].label("whose"), _COST).where(_LEASES.price.is_not(None)).group_by("whose")
_SPENT_BY_ALL = _inside(_SPENT)
# Each of the two is a range of the index of owner and end.
_SPENT_BY_SOME = [
    _SPENT.where(_LEASES.owner.in_(bindparam("users", expanding=True)), which)
    for which in (_LEASES.ended_at > _SINCE, _LEASES.ended_at.is_(None) & _LEASES.granted_at.is_not(None))
]


@dataclass
class Sum:
    """What is added up: seconds of devices, seconds without load, money; None where nothing had a price."""

    seconds: float = 0.0
    idle: float = 0.0
    cost: float | None = None
    leases: int = 0

    def add(self, row: RowMapping, part: float = 1.0) -> None:
        """Add `part` of a group of leases of which each has that part of its devices."""
        self.seconds += part * row["seconds"]
        self.idle += part * (row["idle"] or 0.0)
        self.leases += row["leases"]

    def pay(self, cost: float | None) -> None:
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost

    def row(self, key: str | None) -> GPUUsageRow:
        hours, idle = self.seconds / HOUR_S, self.idle / HOUR_S
        return GPUUsageRow(key=key, gpu_hours=hours, idle_hours=idle, cost=self.cost, leases=self.leases)


def sums_by(
    connection: Connection, by: UsageKey, since: datetime, until: datetime, now: datetime
) -> tuple[dict[str | None, Sum], Sum]:
    """What the leases took inside a window, by a key of theirs (None for those that have none) and in total."""
    table = tables.devices
    known = {row.uuid: row for row in connection.execute(select(table.c.uuid, table.c.name, table.c.memory))}
    found: dict[str | None, Sum] = {}
    total = Sum()
    for row in connection.execute(_GROUPED[by], {"since": since, "until": until, "now": now}).mappings():
        uuids = json.loads(row["uuids"]) if row["uuids"] is not None else []
        shares = [row["part"] / known[uuid].memory for uuid in uuids if uuid in known] if row["part"] else []
        part = sum(shares) / len(shares) if shares else 1.0
        total.add(row, part)
        total.pay(row["cost"])
        keys = [row["whose"]]
        if by is UsageKey.TYPE:
            keys = [known[uuid].name if uuid in known else None for uuid in uuids]
        for key in dict.fromkeys(keys):
            # A lease on devices of several models is divided among these.
            weight = keys.count(key) / len(keys)
            one = found.setdefault(key, Sum())
            one.add(row, part * weight)
            one.pay(None if row["cost"] is None else row["cost"] * weight)
    return found, total


def spent_since(
    connection: Connection, since: datetime, now: datetime, users: Sequence[str] | None = None
) -> dict[str, float]:
    """What each user, or each of these, has spent since then; those that spent nothing are left out."""
    window = {"since": since, "until": now, "now": now}
    if users is None:
        return {owner: float(cost) for owner, cost in connection.execute(_SPENT_BY_ALL, window)}
    spent: dict[str, float] = {}
    for query in _SPENT_BY_SOME:
        for owner, cost in connection.execute(query, {**window, "users": users}):
            spent[owner] = spent.get(owner, 0.0) + float(cost)
    return spent


def to_csv(usage: GPUUsage) -> str:
    """The rows as CSV (RFC 4180) with a line of names; no cell is a formula to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([usage.by.value, "gpu_hours", "idle_hours", "cost", "currency", "leases"])
    for one in usage.rows:
        writer.writerow(
            [
                _cell(one.key or ""),
                f"{one.gpu_hours:.6f}",
                f"{one.idle_hours:.6f}",
                "" if one.cost is None else f"{one.cost:.6f}",
                usage.currency or "",
                one.leases,
            ]
        )
    return text.getvalue()


def _cell(text: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in text)
    return f"'{plain}" if plain.lstrip().startswith(FORMULA) else plain


def rows_of(sums: Iterable[tuple[str | None, Sum]]) -> list[GPUUsageRow]:
    """The largest first, what belongs to nothing last."""
    ordered = sorted(sums, key=lambda one: (one[0] is None, -one[1].seconds, one[0] or ""))
    return [one.row(key) for key, one in ordered]
