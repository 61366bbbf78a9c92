"""The ledger of notices: written in the transaction of what they are about, read and settled by who sends them.

A notice is `pending` until it is `sent` or `failed`. It is sent at least once: whoever dies between sending it and
writing that down leaves it pending, and the next engine sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from ....models import Notice, NoticeEvent, NoticeState, Notify
from ....protocols import Clock
from ....store import Store, Transaction, tables
from .targets import shown

MOST_TRIES = 8
FIRST_DELAY_S = 10
LONGEST_DELAY_S = 3600
ORPHAN_AGE = timedelta(days=1)

Noun = Literal["jobs", "sweeps", "pipelines", "models"]


@dataclass(frozen=True)
class About:
    """What a notice is about: the number `key` of a noun, and whose it is."""

    noun: Noun
    key: int
    owner: str


def enqueue(
    transaction: Transaction,
    about: About,
    notify: Iterable[Notify],
    events: Sequence[NoticeEvent],
    text: Callable[[NoticeEvent], str],
    now: datetime,
) -> int:
    """Keep what is to be said; returns how many are told.

    `events` are what happened, the most telling one first: each target is told once, of the first that it wants.
    """
    wanted: dict[str, NoticeEvent] = {}
    for event in events:
        for one in notify:
            if event in one.on:
                wanted.setdefault(one.to, event)
    keep(transaction, about, [(target, event.value, text(event)) for target, event in wanted.items()], now)
    return len(wanted)


def keep(transaction: Transaction, about: About, said: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Keep what is to be said: target, event and text of each."""
    rows: list[dict[str, Any]] = [
        {
            "noun": about.noun,
            "key": about.key,
            "owner": about.owner,
            "event": event,
            "target": target,
            "text": text,
            "state": NoticeState.PENDING.value,
            "tries": 0,
            "created_at": now,
        }
        for target, event, text in said
    ]
    if rows:
        transaction.connection.execute(insert(tables.notices), rows)


def told(connection: Connection, about: About, event: NoticeEvent) -> set[str]:
    """The targets that are, or were, told of this event."""
    table = tables.notices
    return set(
        connection.execute(
            select(table.c.target).where(
                table.c.noun == about.noun, table.c.key == about.key, table.c.event == event.value
            )
        ).scalars()
    )


def notices_of(connection: Connection, noun: Noun, key: int) -> list[Notice]:
    """The notices about one thing, the oldest first."""
    table = tables.notices
    rows = connection.execute(
        select(table).where(table.c.noun == noun, table.c.key == key).order_by(table.c.id)
    ).mappings()
    return [to_notice(row) for row in rows]


def to_notice(row: RowMapping) -> Notice:
    """A notice as doors show it."""
    return Notice(
        id=str(row["id"]),
        to=shown(row["target"]),
        **{name: row[name] for name in ("event", "state", "tries", "message", "created_at", "sent_at")},
    )


def failed_since(connection: Connection, moment: datetime) -> int:
    """How many notices of that time will never arrive."""
    table = tables.notices
    query = select(func.count()).where(table.c.state == NoticeState.FAILED.value, table.c.created_at >= moment)
    return int(connection.execute(query).scalar() or 0)


def forget(transaction: Transaction, noun: Noun, keys: Collection[int]) -> None:
    """Delete the notices about things that are being deleted, but for those still to be sent."""
    table = tables.notices
    transaction.connection.execute(
        delete(table).where(table.c.noun == noun, table.c.key.in_(keys), table.c.state != NoticeState.PENDING.value)
    )


def delay_after(tries: int) -> timedelta:
    """How long a notice waits after so many tries: 10 s, doubled by each, an hour at most."""
    return timedelta(seconds=min(FIRST_DELAY_S * 2 ** (min(tries, 30) - 1), LONGEST_DELAY_S))


class NoticeLedger:
    """What is to be sent, and what became of it; only the process that holds the engine's lease uses it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def pending(self) -> int:
        """How many are neither sent nor given up."""
        table = tables.notices
        with self._store.read() as connection:
            query = select(func.count()).where(table.c.state == NoticeState.PENDING.value)
            return int(connection.execute(query).scalar() or 0)

    def due(self, limit: int, *, without: Collection[int] = ()) -> list[RowMapping]:
        """Notices to send now, the oldest first."""
        table = tables.notices
        now = self._clock.now()
        with self._store.read() as connection:
            query = (
                select(table)
                .where(
                    table.c.state == NoticeState.PENDING.value,
                    or_(table.c.not_before.is_(None), table.c.not_before <= now),
                    table.c.id.not_in(list(without)),
                )
                .order_by(table.c.id)
                .limit(limit)
            )
            return list(connection.execute(query).mappings().all())

    def settle(self, row: RowMapping, problem: str | None, *, again: bool = False) -> NoticeState:
        """Write down what one try came to: `problem` is why it did not arrive, `again` whether another may help."""
        tries = row["tries"] + 1
        now = self._clock.now()
        values: dict[str, Any] = {"tries": tries, "message": problem and problem[:1000], "not_before": None}
        if problem is None:
            state = NoticeState.SENT
            values["sent_at"] = now
        elif again and tries < MOST_TRIES:
            state = NoticeState.PENDING
            values["not_before"] = now + delay_after(tries)
        else:
            state = NoticeState.FAILED
        table = tables.notices
        with self._store.write() as transaction:
            written = transaction.connection.execute(
                update(table)
                .where(
                    table.c.id == row["id"],
                    table.c.state == NoticeState.PENDING.value,
                    table.c.tries == row["tries"],
                )
                .values(state=state.value, **values)
            )
            if written.rowcount:
                transaction.emit(row["noun"], str(row["key"]))
        return state

    def forget_orphans(self) -> int:
        """Delete notices about jobs that are gone; returns how many."""
        table = tables.notices
        with self._store.write() as transaction:
            result = transaction.connection.execute(
                delete(table).where(
                    table.c.noun == "jobs",
                    table.c.state != NoticeState.PENDING.value,
                    table.c.created_at < self._clock.now() - ORPHAN_AGE,
                    table.c.key.not_in(select(tables.jobs.c.id)),
                )
            )
            return int(result.rowcount)
