"""What the tables of all nouns share: ids and cursors, pages, and requests that come twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, RowMapping, Select, Table, select

from ..errors import Conflict, Invalid, NotFound


def number_of(id: str, noun: str = "job") -> int:
    """The row's number behind an id. Raises `NotFound` for anything that never was an id."""
    if not _is_number(id):
        raise unknown(id, noun)
    return int(id)


def cursor_of(after: str) -> int:
    """The row's number behind the `next` of a page. Raises `Invalid` for anything that never was one."""
    if not _is_number(after):
        raise no_cursor()
    return int(after)


def no_cursor() -> Invalid:
    return Invalid(
        "after is no cursor of this list",
        hint="pass the `next` of the page before",
        fields={"after": "not a cursor"},
    )


def unknown(id: str, noun: str = "job") -> NotFound:
    listed = {"lease": "gpus leases", "reservation": "gpus reservations"}.get(noun, f"{noun}s list")
    return NotFound(f"no {noun} has the id {id[:80]!r}", hint=f"see them: jupyter mlplat {listed}")


def noun_of(table: Table) -> str:
    return table.name.removesuffix("s")


def first(connection: Connection, query: Select[Any]) -> RowMapping | None:
    """The first row of a query, by column name; None where it has none."""
    return connection.execute(query).mappings().first()


@dataclass(frozen=True)
class Asked:
    """A request that may come twice: the client's key, which is no other user's, and a hash of what is asked for."""

    idempotency_key: str | None
    request: str | None

    @classmethod
    def of(cls, spec: BaseModel, owner: str, key: str | None) -> Asked:
        if not key:
            return cls(None, None)
        content = json.dumps(spec.model_dump(mode="json"), sort_keys=True)
        return cls(f"{owner}:{key}", hashlib.sha256(content.encode()).hexdigest())

    @property
    def columns(self) -> dict[str, str | None]:
        return {"idempotency_key": self.idempotency_key, "request": self.request}


def made_before(connection: Connection, table: Table, asked: Asked) -> RowMapping | None:
    """What the same request has made, if anything. Raises `Conflict` where its key was used for another one."""
    key = asked.idempotency_key
    row = first(connection, select(table).where(table.c.idempotency_key == key)) if key else None
    if row is not None and row["request"] not in (None, asked.request):
        raise Conflict(
            f"the idempotency key was used for {noun_of(table)} {row['id']}, which is another request",
            hint="use a new key for a new request",
        )
    return row


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


def find_in(connection: Connection, table: Table, id: str, *, lock: bool = False) -> RowMapping:
    """The row behind an id; with `lock` nobody else changes it before the transaction ends. Raises `NotFound`."""
    noun = noun_of(table)
    query = select(table).where(table.c.id == number_of(id, noun))
    row = first(connection, query.with_for_update() if lock else query)
    if row is None:
        raise unknown(id, noun)
    return row


def newest_first(table: Table, *, limit: int, after: str | None, owner: str | None) -> Select[Any]:
    """One row more than a page of `limit` rows behind the cursor `after`. Raises `Invalid` for no cursor."""
    query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(table.c.id < cursor_of(after))
    if owner is not None:
        query = query.where(table.c.owner == owner)
    return query
