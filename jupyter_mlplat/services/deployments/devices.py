"""The devices that deployments wait for before their processes start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...errors import MLPlatError, Unavailable
from ...models import GPU, DeploymentState, Lease, LeaseState
from ...protocols import Clock
from ...store import Store, Transaction
from ..gpus import GPUsService
from ..gpus.of_deployments import of_deployments
from ..gpus.of_jobs import WAITS
from ..gpus.visible import environment_of
from ..gpus.words import place_words
from .rows import Row, move, move_in

BACK_TO_START = (DeploymentState.STOPPED, DeploymentState.DEGRADED)


class Devices:
    """Asks for them, says how long it takes, and shows a process its own."""

    def __init__(self, store: Store, clock: Clock, gpus: GPUsService) -> None:
        self._store = store
        self._clock = clock
        self._gpus = gpus
        self._leases = gpus.of_deployments

    def look(self, rows: Sequence[Row]) -> bool:
        """Bring those that could start and need devices into the queue, and let each say what it waits for.

        True where a row has changed. One that cannot have any leaves the queue, says why, and asks again at each look.
        """
        wanting = sorted((row for row in rows if row["gpus"]), key=lambda row: (row["created_at"], row["name"]))
        if not wanting:
            return False
        try:
            found = self._leases.devices()
        except Unavailable as error:
            return sum(self._say(row, error.message) for row in wanting) > 0
        self._gpus.settle(found)
        has = self._has(wanting)
        return sum(self._one(row, has.get(row["name"]), found) for row in wanting) > 0

    def _one(self, row: Row, lease: Lease | None, found: Sequence[GPU]) -> bool:
        granted = lease is not None and lease.state is LeaseState.GRANTED
        try:
            self._leases.refuse(row, found)
        except Unavailable as error:
            return self._say(row, error.message)
        except MLPlatError as error:
            return not granted and self._say(row, error.message, gives_back=lease is not None)
        if granted:
            return False
        entered = None
        if lease is None:
            entered = self._leases.enter(row, found, partial(self._back_to_start, row))
            if entered is None:
                return False
            row, lease = entered, self._has([entered]).get(row["name"])
        said = lease is not None and lease.state is LeaseState.QUEUED and self._say(row, place_words(lease))
        return said or entered is not None

    def environment(self, row: Row, end: Callable[[], None]) -> dict[str, str] | None:
        """What shows a deployment its devices and no others; None while it has none.

        Devices that are no longer there, or are another host's, are given back: `end` ends what may still run.
        """
        lease = self._has([row]).get(row["name"])
        if lease is None or lease.state is not LeaseState.GRANTED:
            return None
        try:
            found = self._leases.devices()
        except Unavailable:
            return None
        if not found:
            return None
        if lease.host != self._leases.host or not set(lease.devices) <= {one.uuid for one in found}:
            end()
            self._say(row, "those that it had are no longer there", gives_back=True)
            return None
        return environment_of(lease, found)

    def _has(self, rows: Sequence[Row]) -> dict[str, Lease]:
        with self._store.read() as connection:
            return of_deployments(connection, [row["name"] for row in rows], self._clock.now())

    def _back_to_start(self, row: Row, transaction: Transaction) -> Row | None:
        return move_in(transaction, self._clock, row, to=_to_start(row))

    def _say(self, row: Row, why: str, *, gives_back: bool = False) -> bool:
        """True where the row has changed."""
        message, to = f"{WAITS} {why}", _to_start(row)
        if row["message"] == message and to is None and not gives_back:
            return False
        return move(self._store, self._clock, row, to=to, gives_back=gives_back, message=message) is not None


def _to_start(row: Row) -> DeploymentState | None:
    return DeploymentState.STARTING if row["state"] in BACK_TO_START else None
