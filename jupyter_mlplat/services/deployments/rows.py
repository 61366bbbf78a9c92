"""Rows of the deployments table, and moves that only the one who saw the newest row can make."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select, update

from ...errors import NotFound
from ...models import DEPLOYMENT_MOVES, DeployedVersion, Deployment, DeploymentState, Lease
from ...protocols import Clock, Endpoint
from ...store import Store, Transaction, tables
from ..gpus.of_deployments import give_back, locked_lease

Row = dict[str, Any]

TABLE = tables.deployments
TOKEN = "token"
LOG = "log.txt"


def to_deployment(row: Row, lease: Lease | None = None) -> Deployment:
    """A row as it crosses a door; `lease` is what it has of the GPUs' ledger."""
    return Deployment(
        name=row["name"],
        owner=row["owner"],
        target=row["target"],
        state=DeploymentState(row["state"]),
        url=row["url"],
        token_file=row["token_file"],
        versions=[
            DeployedVersion.model_validate({key: one[key] for key in DeployedVersion.model_fields if key in one})
            for one in row["versions"]
        ],
        example=row["example"],
        message=row["message"],
        restarts=row["restarts"],
        gpus=row["gpus"],
        gpu_type=row["gpu_type"],
        gpu_memory=row["gpu_memory"],
        gpu_shared=row["gpu_shared"],
        lease=lease,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def find(connection: Connection, name: str) -> Row:
    """The row of a deployment. Raises `NotFound`."""
    row = connection.execute(select(TABLE).where(TABLE.c.name == name)).mappings().first()
    if row is None:
        known = connection.execute(select(TABLE.c.name).order_by(TABLE.c.name).limit(8)).scalars().all()
        raise NotFound(
            f"no deployment is called {name[:200]}",
            hint=f"there are: {', '.join(known)}" if known else "there is none yet",
        )
    return dict(row)


def move(
    store: Store,
    clock: Clock,
    row: Row,
    *,
    to: DeploymentState | None = None,
    gives_back: bool = False,
    **values: Any,
) -> Row | None:
    """Change a row if it is still the one that was read, and say so; None where somebody was faster.

    With `gives_back` its GPUs, or its place in the queue for them, go in the same transaction: nothing of it runs.
    Raises `ValueError` for a move that is not legal: that is a mistake of ours.
    """
    with store.write() as transaction:
        lease = locked_lease(transaction, row["name"]) if gives_back and row["gpus"] else None
        moved = move_in(transaction, clock, row, to=to, **values)
        if moved is not None and lease is not None:
            give_back(transaction, lease, clock)
        return moved


def move_in(
    transaction: Transaction, clock: Clock, row: Row, *, to: DeploymentState | None = None, **values: Any
) -> Row | None:
    """The same as a part of a transaction."""
    now = DeploymentState(row["state"])
    if to is not None and to is not now:
        if to not in DEPLOYMENT_MOVES[now]:
            raise ValueError(f"deployment {row['name']} cannot move from {now} to {to}")
        values["state"] = to.value
    done = transaction.connection.execute(
        update(TABLE)
        .where(TABLE.c.name == row["name"], TABLE.c.revision == row["revision"])
        .where(TABLE.c.created_at == row["created_at"])
        .values(revision=row["revision"] + 1, updated_at=clock.now(), **values)
    )
    if done.rowcount != 1:
        return None
    transaction.emit("deployments", row["name"])
    return find(transaction.connection, row["name"])


def remove(store: Store, clock: Clock, row: Row) -> None:
    """Delete a row of which nothing runs any more, with what it has of the GPUs' ledger, and say so."""
    with store.write() as transaction:
        lease = locked_lease(transaction, row["name"]) if row["gpus"] else None
        gone = transaction.connection.execute(
            delete(TABLE).where(TABLE.c.name == row["name"], TABLE.c.created_at == row["created_at"])
        )
        if lease is not None and gone.rowcount == 1:
            give_back(transaction, lease, clock)
        transaction.emit("deployments", row["name"])


def endpoint_of(row: Row, tracking_uri: str) -> Endpoint:
    """What a serving target is asked to start for a row."""
    version = row["versions"][0]
    token = read_token(Path(row["token_file"])) or write_token(Path(row["token_file"]))
    port = row["handle"].get("port")
    return Endpoint(
        name=row["name"],
        model_uri=version.get("source") or version["uri"],
        model_name=version["model"],
        version=version["version"],
        folder=row["folder"],
        token_sha256=hashlib.sha256(token.encode()).hexdigest(),
        tracking_uri=tracking_uri,
        port=port if isinstance(port, int) else None,
    )


def write_token(path: Path) -> str:
    """A new bearer token of 256 random bits in `path`, readable by its owner only, and nothing else in the file."""
    token = secrets.token_urlsafe(32)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token)
    os.replace(beside, path)
    return token


def read_token(path: Path) -> str:
    """The token in `path`, empty where there is none."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
