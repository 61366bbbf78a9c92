"""Requests to change protected aliases: asked for by one person, ended once. They are rows in the store.

Who approves one claims it, changes the alias in MLflow, and ends it, so that of two who approve at the same time only
one changes anything. A claim of somebody who died in between is over after ten minutes; where MLflow had been changed
by then, the request is found stale, and the history tells who had approved it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from ...errors import Conflict, NotFound
from ...models import AliasRequest
from .alias_notices import RequestNotices

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, RowMapping

    from ...store import Store, Transaction

MOST_ENDED = 20
MOST_LISTED = 500
CLAIM = timedelta(minutes=10)

End = Literal["approved", "rejected", "withdrawn", "stale"]
MAX_ID = 2**31 - 1


class AliasRequests:
    """The table of requests. Knows nothing of MLflow."""

    def __init__(self, store: Store, notices: RequestNotices | None = None) -> None:
        self._store = store
        self._notices = notices or RequestNotices()

    def of(self, model: str) -> list[AliasRequest]:
        """Those of a model: open ones, then the 20 that ended last, each newest first."""
        from sqlalchemy import select

        from ...store.tables import alias_requests as table

        mine = select(table).where(table.c.model == model)
        with self._store.read() as connection:
            opened = connection.execute(mine.where(table.c.state == "open").order_by(table.c.id.desc())).mappings()
            rows = [*opened.all()]
            ended = mine.where(table.c.state != "open").order_by(table.c.decided_at.desc(), table.c.id.desc())
            rows += connection.execute(ended.limit(MOST_ENDED)).mappings().all()
        return [_request(row) for row in rows]

    def open(self) -> list[AliasRequest]:
        """Those of all models that are open, newest first, at most 500."""
        from sqlalchemy import select

        from ...store.tables import alias_requests as table

        query = select(table).where(table.c.state == "open").order_by(table.c.id.desc()).limit(MOST_LISTED)
        with self._store.read() as connection:
            return [_request(row) for row in connection.execute(query).mappings()]

    def get(self, model: str, id: str) -> AliasRequest:
        """One of a model's. Raises `NotFound`."""
        from sqlalchemy import select

        from ...store.tables import alias_requests as table

        with self._store.read() as connection:
            query = select(table).where(table.c.id == _number(id), table.c.model == model)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(
                f"model {model} has no request {id[:50]}", hint=f"see: jupyter mlplat models requests {model}"
            )
        return _request(row)

    def ask(
        self, kind: Literal["alias", "protection"], model: str, alias: str, version: str | None, before: str | None,
        *, by: str, why: str,
    ) -> AliasRequest:  # fmt: skip
        """Keep a request; the one that is open where the same person has asked for the same."""
        from sqlalchemy import insert, select
        from sqlalchemy.exc import IntegrityError

        from ...store.tables import alias_requests as table

        same = {"kind": kind, "model": model, "alias": alias, "version": version or "", "asked_by": by}
        asked = [table.c.state == "open", *(table.c[name] == value for name, value in same.items())]
        while True:
            try:
                with self._store.write() as transaction:
                    self.settle(transaction, model, alias, before)
                    row = transaction.connection.execute(select(table).where(*asked)).mappings().first()
                    if row is not None:
                        return _request(row)
                    new = {"before": before, "asked_at": datetime.now(UTC), "why": why, "state": "open"}
                    made = transaction.connection.execute(insert(table).values(**same, **new).returning(table))
                    request = _request(made.mappings().one())
                    self._notices.keep(transaction, request)
                    transaction.emit("runs", "*")
                self._notices.send()
                return request
            except IntegrityError:
                continue  # somebody has asked for the same at the same moment

    def settle(self, transaction: Transaction, model: str, alias: str, stands: str | None) -> None:
        """Requests that began where the alias does not stand any more are stale."""
        from sqlalchemy import func, update

        from ...store.tables import alias_requests as table

        transaction.connection.execute(
            update(table)
            .where(
                table.c.state == "open", table.c.kind == "alias", table.c.model == model, table.c.alias == alias,
                func.coalesce(table.c.before, "") != (stands or ""),
            )
            .values(state="stale", decided_at=datetime.now(UTC))
        )  # fmt: skip

    @contextmanager
    def claimed(self, request: AliasRequest) -> Iterator[Claim]:
        """Nobody else decides over the request while the block runs. Raises `Conflict` where somebody does or has."""
        now = datetime.now(UTC)
        with self._store.write() as transaction:
            if not _update(transaction, request.id, _free(now), claimed_at=now):
                raise _decided(request)
        claim = Claim(request, now)
        try:
            yield claim
        finally:
            with self._store.write() as transaction:
                _update(transaction, request.id, claim.mine, claimed_at=None)

    def end(self, request: AliasRequest, state: End, *, by: str, why: str) -> None:
        """Reject or withdraw a request. Raises `Conflict` where it is not open."""
        now = datetime.now(UTC)
        with self._store.write() as transaction:
            values = {"state": state, "decided_by": by, "decided_at": now, "decision_why": why}
            if not _update(transaction, request.id, _free(now), **values):
                raise _decided(request)
            transaction.emit("runs", "*")


class Claim:
    """The right to decide over a request."""

    def __init__(self, request: AliasRequest, at: datetime) -> None:
        self.request = request
        self._at = at

    @property
    def mine(self) -> ColumnElement[bool]:
        """What is true of its row while nobody has taken it over."""
        from ...store.tables import alias_requests as table

        return (table.c.state == "open") & (table.c.claimed_at == self._at)

    def end(self, transaction: Transaction, state: End, *, by: str | None = None, why: str = "") -> None:
        """End the request; `by` nobody where it is found stale."""
        now = datetime.now(UTC)
        values = {"state": state, "decided_by": by, "decided_at": now, "decision_why": why, "claimed_at": None}
        _update(transaction, self.request.id, self.mine, **values)


def stands(request: AliasRequest, aliases: Mapping[str, str], protected: Sequence[str]) -> bool:
    """True where what a request wants to change is as it was when it was asked for."""
    if request.kind == "protection":
        return request.alias in protected
    return aliases.get(request.alias) == request.before


def shown(requests: Sequence[AliasRequest], aliases: Mapping[str, str], protected: Sequence[str]) -> list[AliasRequest]:
    """Requests as they are shown: open ones that others have overtaken, with MLflow's own client too, are stale."""
    seen = [
        one.model_copy(update={"state": "stale"})
        if one.state == "open" and not stands(one, aliases, protected)
        else one
        for one in requests
    ]
    return sorted(seen, key=lambda one: one.state != "open")


def _update(transaction: Transaction, id: str, where: ColumnElement[bool], **values: Any) -> bool:
    from sqlalchemy import update

    from ...store.tables import alias_requests as table

    done = transaction.connection.execute(update(table).where(table.c.id == int(id), where).values(**values))
    return bool(done.rowcount)


def _free(now: datetime) -> ColumnElement[bool]:
    from ...store.tables import alias_requests as table

    return (table.c.state == "open") & (table.c.claimed_at.is_(None) | (table.c.claimed_at < now - CLAIM))


def _decided(request: AliasRequest) -> Conflict:
    return Conflict(
        f"request {request.id} has been decided, or somebody is doing so now",
        hint=f"see: jupyter mlplat models show {request.model}",
    )


def _number(id: str) -> int:
    return int(id) if id.isascii() and id.isdigit() and len(id) < 11 and int(id) <= MAX_ID else 0


def _request(row: RowMapping) -> AliasRequest:
    same = ("kind", "model", "alias", "before", "why", "state", "decided_by", "decided_at", "decision_why")
    return AliasRequest(
        id=str(row["id"]),
        version=row["version"] or None,
        by=row["asked_by"],
        at=row["asked_at"],
        **{name: row[name] for name in same},
    )
