"""Where Optuna keeps the study of a sweep: a journal in its folder, or a schema beside a store on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from sqlalchemy import URL, RowMapping, text
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError

from ....errors import BackendFailed, Unavailable
from ....store import Store, without_password

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

JOURNAL = "study.jsonl"
JOURNAL_STUDY = "sweep"
LOCKED_S = 3
"""An engine that was killed while it wrote a line of a journal holds up the next one no longer."""

SCHEMA = "optuna"
"""Of the store's database; its `alembic_version` and the store's own are not the same."""
WAITS_S = 15
MAKING = 0x6F7074756E61
"""The advisory lock of whoever makes Optuna's tables."""


@dataclass(frozen=True)
class StudyPlace:
    """Where the study of one sweep is, and its name there."""

    name: str
    journal: Path | None = None
    url: URL | None = None

    @property
    def shown(self) -> str:
        """The journal's path, or the URL without its password."""
        return str(self.journal) if self.url is None else without_password(self.url)

    @property
    def code(self) -> str:
        """How Optuna itself opens it."""
        storage = repr(self.shown) if self.url is not None else f"JournalStorage(JournalFileBackend({self.shown!r}))"
        return f"optuna.load_study(study_name={self.name!r}, storage={storage})"

    @property
    def dashboard(self) -> str:
        return f"optuna-dashboard {quote(self.shown)}"


def place_of(sweep: RowMapping, store: URL) -> StudyPlace:
    """Where that is for a row of sweeps in the store at that URL."""
    journal = Path(sweep["folder"]) / JOURNAL
    if store.get_backend_name() == "sqlite" or journal.exists():  # it began before studies were in PostgreSQL
        return StudyPlace(JOURNAL_STUDY, journal=journal)
    # With the time, since a store that is begun anew counts from 1 again.
    name = f"sweep-{sweep['id']}-{sweep['created_at'].astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return StudyPlace(name, url=_with_option(store, f"search_path={SCHEMA}"))


def _with_option(url: URL, setting: str) -> URL:
    own = url.query.get("options", ())
    given = [own] if isinstance(own, str) else own
    return url.update_query_dict({"options": " ".join([*given, f"-c{setting}"])})


class Studies:
    """Opens Optuna's storages for the sweeps of one store; what the database needs is kept open. Safe among threads.

    Importing Optuna takes a second: the first that is opened does it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._database: RDBStorage | None = None

    def begun(self, sweep: RowMapping) -> bool:
        """False where an engine is still to write the first of a sweep's journal."""
        journal = place_of(sweep, self._store.address).journal
        return journal is None or (journal.is_file() and journal.stat().st_size > 0)

    def open(self, sweep: RowMapping) -> tuple[BaseStorage, str]:
        """The storage of a sweep's study, and the study's name; what is missing is made.

        Raises `BackendFailed` where the database refuses Optuna's tables; see `answered` for one that does not answer.
        """
        from optuna.storages import JournalStorage, get_storage
        from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

        place = place_of(sweep, self._store.address)
        if place.url is None:
            file = str(place.journal)
            lock = JournalFileSymlinkLock(file, grace_period=LOCKED_S)
            return JournalStorage(JournalFileBackend(file, lock)), place.name
        with self._lock:
            if self._database is None:
                self._database = self._made(place.url)
            # Each with a memory of its own, which ends with the study.
            return get_storage(self._database), place.name

    def _made(self, url: URL) -> RDBStorage:
        from optuna.storages import RDBStorage
        from sqlalchemy import create_engine

        url = _with_option(url, f"lock_timeout={WAITS_S * 1000}")
        patience = {"connect_timeout": 10}
        engine = create_engine(url, connect_args=patience, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MAKING})
                # Whoever may not make a schema may use one that is there.
                known = "SELECT 1 FROM pg_namespace WHERE nspname = :name"
                if connection.execute(text(known), {"name": SCHEMA}).scalar() is None:
                    connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
                return RDBStorage(
                    url.render_as_string(hide_password=False),
                    {"connect_args": patience, "pool_pre_ping": True, "pool_timeout": WAITS_S, "pool_size": 1},
                )
        except ProgrammingError as error:
            raise BackendFailed(
                f"Optuna's tables cannot be made beside the store: {_first_line(error)}",
                hint=f"have the database's owner say: CREATE SCHEMA {SCHEMA} AUTHORIZATION {url.username or 'user'}",
            ) from error
        except RuntimeError as error:  # tables of another Optuna
            raise BackendFailed(f"Optuna's tables beside the store do not fit: {error}") from error
        finally:
            engine.dispose()


@contextmanager
def answered() -> Iterator[None]:
    """Raises `Unavailable` where Optuna's database does not answer in here."""
    try:
        yield
    except Exception as error:
        cause = error if isinstance(error, SQLAlchemyError) else error.__cause__
        if isinstance(cause, OperationalError | InterfaceError):
            raise Unavailable(
                f"Optuna's studies cannot be reached: {_first_line(cause)}", hint="see that PostgreSQL runs"
            ) from error
        raise


def _first_line(error: SQLAlchemyError) -> str:
    words = str(getattr(error, "orig", None) or error).strip().splitlines()
    return words[0] if words else type(error).__name__
