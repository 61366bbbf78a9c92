"""Who may be the engine: one row in the store, renewed while its holder lives."""

from __future__ import annotations

import logging
import os
import signal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from .errors import MLPlatError
from .processes import alive, host_id, start_time
from .store import Store, tables

LEASE = timedelta(seconds=10)
logger = logging.getLogger("jupyter_mlplat.engine")


@dataclass(frozen=True)
class Holder:
    """The process that holds the lease."""

    host: str
    pid: int
    pid_started: float
    since: datetime
    expires: datetime

    @property
    def here(self) -> bool:
        """True where it runs on this boot of this machine, so that its pid says whether it lives."""
        return self.host == host_id()

    def nudge(self) -> None:
        """Continue one that was stopped (SIGSTOP) and so has not renewed its lease; a running one takes no notice."""
        if self.here and self.expires < datetime.now(UTC):
            try:
                os.kill(self.pid, signal.SIGCONT)
            except OSError:
                logger.warning("the engine, process %s, does not renew its lease and is another user's", self.pid)

    def lives(self) -> bool:
        """False once the process is gone, or, on another machine, once its lease has run out."""
        return alive(self.pid, self.pid_started) if self.here else self.expires > datetime.now(UTC)


class EngineLease:
    """The engine's lease: 10 s, renewed every 3 s. `lost` is set when somebody else has it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._id = token_hex(16)
        self.lost = threading.Event()

    def acquire(self) -> bool:
        """Take the lease where nobody has it or its holder does not live: on this host only its process says so."""
        now = datetime.now(UTC)
        pid = os.getpid()
        values = {
            "holder": self._id,
            "host": host_id(),
            "pid": pid,
            "pid_started": start_time(pid) or 0.0,
            "since": now,
            "expires": now + LEASE,
            "stop_requested": None,
        }
        table = tables.engine
        try:
            with self._store.write() as transaction:
                row = transaction.connection.execute(select(table).where(table.c.id == 1)).mappings().first()
                if row is None:
                    transaction.connection.execute(insert(table).values(id=1, **values))
                    return True
                holder = Holder(row["host"], row["pid"], row["pid_started"], row["since"], row["expires"])
                if holder.lives():
                    return False
                taken = transaction.connection.execute(
                    update(table).where(table.c.id == 1, table.c.holder == row["holder"]).values(**values)
                )
                return taken.rowcount == 1
        except IntegrityError:
            return False

    def renew(self) -> None:
        """Keep it. A store that does not answer for longer than the lease lasts loses it."""
        table = tables.engine
        try:
            with self._store.write() as transaction:
                kept = transaction.connection.execute(
                    update(table)
                    .where(table.c.id == 1, table.c.holder == self._id)
                    .values(expires=datetime.now(UTC) + LEASE)
                )
                if kept.rowcount == 0:
                    self.lost.set()
        except MLPlatError as error:
            logger.warning("the lease could not be renewed: %s", error.message)

    def release(self) -> None:
        """Give it back, where it is still ours."""
        table = tables.engine
        try:
            with self._store.write() as transaction:
                transaction.connection.execute(delete(table).where(table.c.id == 1, table.c.holder == self._id))
        except MLPlatError as error:
            logger.warning("the lease could not be released: %s", error.message)

    def holder(self) -> Holder | None:
        """Who has it and lives, or None."""
        table = tables.engine
        with self._store.read() as connection:
            row = connection.execute(select(table).where(table.c.id == 1)).mappings().first()
        if row is None:
            return None
        holder = Holder(row["host"], row["pid"], row["pid_started"], row["since"], row["expires"])
        return holder if holder.lives() else None

    def request_stop(self, jobs: str) -> None:
        """Ask the holder to leave; `jobs` is what becomes of running ones, `wait` or `cancel`."""
        with self._store.write() as transaction:
            transaction.connection.execute(
                update(tables.engine).where(tables.engine.c.id == 1).values(stop_requested=jobs)
            )

    def is_ending(self) -> bool:
        """True where whoever has it was asked to stop."""
        table = tables.engine
        with self._store.read() as connection:
            query = select(table.c.id).where(table.c.id == 1, table.c.stop_requested.is_not(None))
            return connection.execute(query).first() is not None

    def stop_requested(self) -> str | None:
        """What somebody asked of us, or None."""
        table = tables.engine
        with self._store.read() as connection:
            value = connection.execute(
                select(table.c.stop_requested).where(table.c.id == 1, table.c.holder == self._id)
            ).scalar()
        return str(value) if value is not None else None
