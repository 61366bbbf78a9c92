"""GPUs: the devices of this machine, and the claims on them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from ..errors import Invalid, Unavailable
from ..models import GPUs, Lease, LeaseState, Page
from ..protocols import GPUSource
from ..store import Store, tables

LIVE = (LeaseState.QUEUED.value, LeaseState.GRANTED.value)


class GPUsService:
    """What devices there are, who holds them and who waits."""

    def __init__(self, store: Store, source: GPUSource) -> None:
        self._store = store
        self._source = source

    def list(self) -> GPUs:
        """The devices with their leases; where there are none, `message` says why. Never raises for lack of a GPU."""
        message = None
        try:
            devices = list(self._source.devices())
        except Unavailable as error:
            devices, message = [], f"No GPU: {error.message}"
        if not devices and message is None:
            message = "No GPU: the driver reports no device"
        leases = self._live()
        holder = {device: lease for lease in leases if lease.state is LeaseState.GRANTED for device in lease.devices}
        return GPUs(
            source=self._source.name,
            message=message,
            devices=[device.model_copy(update={"lease": holder.get(device.uuid)}) for device in devices],
            queue=[lease for lease in leases if lease.state is LeaseState.QUEUED],
        )

    def leases(self, *, limit: int = 50, after: str | None = None) -> Page[Lease]:
        """The live leases, oldest first. Raises `Invalid` where `after` is no cursor of this list."""
        if after is not None and not (after.isascii() and after.isdigit()):
            raise Invalid(
                "after is no cursor of this list",
                hint="pass the `next` of the page before",
                fields={"after": "not a cursor"},
            )
        found = [lease for lease in self._live() if after is None or int(lease.id) > int(after)]
        page = found[:limit]
        return Page[Lease](items=page, next=page[-1].id if len(found) > limit else None)

    def _live(self) -> Sequence[Lease]:
        table = tables.leases
        with self._store.read() as connection:
            rows = connection.execute(select(table).where(table.c.state.in_(LIVE)).order_by(table.c.id)).mappings()
            found = []
            waiting = 0
            for row in rows:
                state = LeaseState(row["state"])
                waiting += state is LeaseState.QUEUED
                found.append(
                    Lease(
                        id=str(row["id"]),
                        state=state,
                        owner=row["owner"],
                        devices=list(row["devices"]),
                        position=waiting if state is LeaseState.QUEUED else None,
                    )
                )
        return found
