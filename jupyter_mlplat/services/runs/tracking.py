"""Opens MLflow so that every process finds the same database, and its artifacts in the data directory."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import BackendFailed, Denied, Invalid, MLPlatError, NotFound, Unavailable
from ...home import Home
from ...loading import quick_imports
from ...mlflow_base.client import open_client
from ...mlflow_base.tables import MLflowTables, making, sqlite_path
from ...spool import Outage, deliver_left, left

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
"""MLflow puts the artifacts of new experiments here; without it, into ./mlruns of the working directory."""

DATABASES = ("sqlite:", "postgresql", "mysql", "mssql")
logger = logging.getLogger("jupyter_mlplat.runs")
NOISY = ("mlflow.store.db.utils", "alembic", "alembic.runtime.migration")


def absolute_uri(uri: str) -> str:
    """`uri` with the path of an SQLite file made absolute."""
    path = sqlite_path(uri)
    return uri if path is None else f"sqlite:///{path}"


class Tracking:
    """MLflow's client, opened once in a process, and the version of its database."""

    def __init__(self, uri: str, home: Home) -> None:
        self.uri = absolute_uri(uri)
        self.home = home
        self.path = sqlite_path(self.uri)
        self._client: MlflowClient | None = None
        self._lock = threading.Lock()
        self._version = DataVersion(self.path) if self.path else None

    def client(self) -> MlflowClient:
        """A client of the tracking URI and its registry. Raises `Unavailable` where it cannot be opened.

        What processes that are gone had logged is delivered before.
        """
        self.deliver_left()
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._open()
        return self._client

    def tables(self) -> MLflowTables | None:
        """MLflow's own tables, where they are in a file and of a revision that we know."""
        found = MLflowTables(self.path) if self.path is not None else None
        return found if found is not None and found.known() else None

    def registry_tables(self) -> MLflowTables | None:
        """The same for registered models, which may live elsewhere."""
        return None if os.environ.get("MLFLOW_REGISTRY_URI", self.uri) != self.uri else self.tables()

    def prepare(self) -> None:
        """Open what the runs of jobs need: MLflow itself only where its tables are not enough, or are not there."""
        if self.tables() is None:
            self.client()

    def deliver_left(self, *, light: bool = False) -> bool:
        """See `RunsService.deliver_left`."""
        if not left(self.home.spool):
            return True
        try:
            deliver_left(self.home.spool, light=light)
            return True
        except (Outage, OSError) as error:
            if not light:
                logger.warning("MLflow does not take what was logged; it is kept in %s: %s", self.home.spool, error)
            return False

    def version_token(self) -> str | None:
        """See `RunsService.version_token`."""
        return self._version.token() if self._version else None

    def _open(self) -> MlflowClient:
        if self.uri.startswith(DATABASES):
            os.environ[ARTIFACT_ROOT] = self.home.artifacts.as_uri()
        else:
            # MLflow's default is seven tries over minutes, too long for somebody who waits for a list.
            os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        with translated("MLflow"), quick_imports(), making(self.home.run, self.path), _quiet():
            client = open_client(self.uri, os.environ.get("MLFLOW_REGISTRY_URI") or self.uri)
            if self.path:
                client.search_experiments(max_results=1)
                client.search_registered_models(max_results=1)
        return client


class DataVersion:
    """A cheap token of an SQLite file that changes when any other connection has committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, ...] = ()
        self._abandoned: list[sqlite3.Connection] = []

    def token(self) -> str:
        """`PRAGMA data_version` of one connection that stays open; "none" while there is no file."""
        with self._lock:
            try:
                stat = self._path.stat()
            except OSError:
                self._forget()
                return "none"
            identity = (os.getpid(), stat.st_dev, stat.st_ino)
            try:
                if self._connection is None or identity != self._identity:
                    self._forget()
                    self._connection = sqlite3.connect(
                        f"{self._path.as_uri()}?mode=rw", uri=True, timeout=1.0, check_same_thread=False
                    )
                    self._identity = identity
                version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error:
                self._forget()
                return f"{stat.st_mtime_ns}-{stat.st_size}"
            return f"{stat.st_ino}-{version}"

    def _forget(self) -> None:
        if self._connection is not None:
            if self._identity[:1] == (os.getpid(),):
                self._connection.close()
            else:
                # Opened before a fork: closing it here would touch the parent's locks.
                self._abandoned.append(self._connection)
            self._connection = None


@contextmanager
def translated(what: str, missing: NotFound | None = None) -> Iterator[None]:
    """Turn MLflow's exceptions into ours, in MLflow's own words; `what` names the thing that was asked for.

    `missing` is raised where there is no such thing.
    """
    with quick_imports():
        from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if missing is not None and error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise missing from error
        raise _translate(error, what) from error
    except (ImportError, OSError, sqlite3.Error) as error:
        raise Unavailable(f"{what} cannot be used: {error}", hint="see MLFLOW_TRACKING_URI") from error


def _translate(error: MlflowException, what: str) -> MLPlatError:
    words = str(error.message)
    code = str(error.error_code)
    if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "ENDPOINT_NOT_FOUND"):
        return NotFound(words)
    if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS"):
        return Invalid(words)
    if code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
        return Denied(words, hint="see MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD")
    if code == "TEMPORARILY_UNAVAILABLE" or "out-of-date database schema" in words or "HTTPConnectionPool" in words:
        return Unavailable(f"{what} cannot be used: {words}", hint="see that MLFLOW_TRACKING_URI is right and answers")
    return BackendFailed(f"{what} failed: {words}", hint="see the log of the MLflow server")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what MLflow says of its migrations off the terminal."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
