"""The leases of deployments: asked for before an endpoint's process starts, given back once it is gone.

A deployment holds its lease through its row, not through a process: it outlives the engine, and the endpoint's crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, select

from ...models import GPU, HolderKind, Lease, LeaseState
from ...protocols import Clock, GPUSource
from ...store import Store, Transaction, tables
from .ledger import Ledger, end_lease, lock_devices
from .possible import refuse_impossible
from .quotas import Quotas
from .rows import LIVE, WAITING
from .shown import to_lease_now
from .wishes import request_of

T = TypeVar("T")


class DeploymentLeases:
    """The ledger of the engine's host, as deployments use it."""

    def __init__(self, store: Store, source: GPUSource, quotas: Quotas, ledger: Ledger) -> None:
        self._store = store
        self._source = source
        self._quotas = quotas
        self._ledger = ledger
        self.host = ledger.host

    def devices(self) -> Sequence[GPU]:
        """Those of this host. Raises `Unavailable` where the driver does not say."""
        return self._source.devices()

    def refuse(self, row: Mapping[Any, Any], found: Sequence[GPU]) -> None:
        """Raise `Unavailable`, `Invalid` or `Conflict` where a deployment could not have its devices now or ever."""
        request = request_of(row)
        refuse_impossible(request, found)
        self._quotas.refuse(row["owner"], request.count)

    def enter(self, row: Mapping[Any, Any], found: Sequence[GPU], claim: Callable[[Transaction], T | None]) -> T | None:
        """Bring a deployment into the queue for devices, and give it what is free. Returns what `claim` does.

        `claim` changes the deployment's row in the same transaction; where it returns None, somebody was faster.
        """
        request = request_of(row)
        values = {
            "owner": row["owner"], "host": self.host, "kind": HolderKind.DEPLOYMENT.value, "label": row["name"],
            "deployment": row["name"], "count": request.count, "gpu_type": request.gpu_type,
            "memory": request.memory, "shared": request.shared, "priority": request.priority,
        }  # fmt: skip
        with self._store.write() as transaction:
            devices = self._ledger.lock(transaction, found)
            claimed = claim(transaction)
            if claimed is not None:
                number = self._ledger.enter(transaction, values)
                granted = self._ledger.settle(transaction, found, devices)
                transaction.emit("gpus", *map(str, {number, *granted}))
            return claimed


def of_deployments(connection: Connection, names: Sequence[str], now: datetime | None = None) -> dict[str, Lease]:
    """What each of these deployments has of the ledger, or waits for, by its name; see `shown.of_jobs`."""
    if not names:
        return {}
    table = tables.leases
    rows = connection.execute(select(table).where(table.c.state.in_(LIVE), table.c.deployment.in_(names))).mappings()
    return {row["deployment"]: to_lease_now(connection, row, now) for row in rows.all()}


def locked_lease(transaction: Transaction, name: str) -> RowMapping | None:
    """What a deployment has of the ledger, which is locked: before the deployment's row, as everybody does."""
    table, connection = tables.leases, transaction.connection
    live = select(table).where(table.c.deployment == name, table.c.state.in_(LIVE))
    row = connection.execute(live).mappings().first()
    if row is None:
        return None
    lock_devices(connection, row["host"])
    return connection.execute(live).mappings().first()


def give_back(transaction: Transaction, lease: RowMapping, clock: Clock) -> None:
    """End what `locked_lease` found: nothing of the deployment runs any more."""
    reason = "cancelled" if lease["state"] == WAITING else "released"
    if end_lease(transaction.connection, lease, LeaseState.RELEASED, reason, clock.now()):
        transaction.emit("gpus", str(lease["id"]))
