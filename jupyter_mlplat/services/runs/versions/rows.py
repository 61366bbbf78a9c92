"""Versions as MLflow has them, read and described: by its tables where we know them, else by its client."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....errors import NotFound
from ....mlflow_base.tables import MLflowTables
from ....models import ModelVersion
from .. import convert
from ..reading import usable
from ..search import mlflow_exception
from ..tracking import Tracking, translated

if TYPE_CHECKING:
    from mlflow import MlflowClient

VERSION = re.compile(r"[1-9][0-9]{0,8}")
_RUN = re.compile(r"runs:/+([0-9a-f]{32})/")
_KEY = "workspace = 'default' AND name = ? AND version = ?"


@dataclass(frozen=True)
class Row:
    """A version, and what lists do not show of it."""

    shown: ModelVersion
    description: str
    tags: Mapping[str, str]
    location: str
    """Where its files are."""
    user: str | None


@dataclass(frozen=True)
class Description:
    """A new description, with tags that are set or, where they are null, taken away."""

    text: str
    tags: Mapping[str, str | None]


Plan = Callable[[str, Mapping[str, str]], Description]
"""What to write, by the description and the tags that there are. Raises `MLPlatError` to refuse."""


class VersionRows:
    """Reads versions and writes their descriptions."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def get(self, name: str, version: str) -> Row:
        """A version. Raises `NotFound`."""
        if not VERSION.fullmatch(version):
            raise _none(name, version)
        tables = self._tracking.registry_tables()
        if tables is None:
            return _asked(self._tracking.client(), name, version)
        with usable(), tables.connection() as connection:
            connection.execute("BEGIN")
            return _found(connection, name, version)

    def describe(self, name: str, version: str, plan: Plan) -> None:
        """Write the description of a version. Raises `NotFound`, and what `plan` does."""
        tables = self._tracking.registry_tables()
        if tables is not None:
            _write(tables, name, version, plan)
            return
        client = self._tracking.client()
        row = _asked(client, name, version)
        wanted = plan(row.description, row.tags)
        with translated(f"version {version} of model {name}"):
            client.update_model_version(name, version, wanted.text)
            for key, value in wanted.tags.items():
                if value is not None:
                    client.set_model_version_tag(name, version, key, value)
                elif key in row.tags:
                    client.delete_model_version_tag(name, version, key)


def _none(name: str, version: str) -> NotFound:
    return NotFound(
        f"model {name} has no version {version[:50]}, or there is no such model", hint="see: jupyter mlplat models list"
    )


def _run_of(run: str | None, source: str | None) -> str | None:
    """The run of a version; one that was registered from a run's artifacts need not name it otherwise."""
    named = _RUN.match(source or "")
    return run or (named[1] if named else None)


# --- by MLflow's tables -----------------------------------------------------------------------------


def _found(connection: sqlite3.Connection, name: str, version: str) -> Row:
    own = (name, int(version))
    row = connection.execute(
        "SELECT creation_time, source, storage_location, run_id, status, description, user_id FROM model_versions"
        f" WHERE {_KEY} AND current_stage <> 'Deleted_Internal'",
        own,
    ).fetchone()
    if row is None:
        raise _none(name, version)
    created, source, location, run, status, description, user = row
    aliases = connection.execute(f"SELECT alias FROM registered_model_aliases WHERE {_KEY} ORDER BY alias", own)
    tags = connection.execute(f"SELECT key, value FROM model_version_tags WHERE {_KEY} ORDER BY key", own)
    return Row(
        shown=ModelVersion(
            name=name,
            version=version,
            uri=f"models:/{name}/{version}",
            run_id=_run_of(run, source),
            source=source or None,
            aliases=[alias for (alias,) in aliases],
            created_at=convert.time_of(created),
            status=status or "READY",
        ),
        description=description or "",
        tags={key: value or "" for key, value in tags},
        location=location or source or "",
        user=user or None,
    )


def _write(tables: MLflowTables, name: str, version: str, plan: Plan) -> None:
    """As `update_model_version`, `set_model_version_tag` and `delete_model_version_tag` of MLflow do."""
    own = (name, int(version))
    with usable(), tables.transaction() as connection:
        row = _found(connection, name, version)
        wanted = plan(row.description, row.tags)
        connection.execute(
            f"UPDATE model_versions SET description = ?, last_updated_time = ? WHERE {_KEY}",
            (wanted.text, time.time_ns() // 1_000_000, *own),
        )
        for key, value in wanted.tags.items():
            connection.execute(f"DELETE FROM model_version_tags WHERE {_KEY} AND key = ?", (*own, key))
            if value is not None:
                connection.execute(
                    "INSERT INTO model_version_tags (workspace, name, version, key, value)"
                    " VALUES ('default', ?, ?, ?, ?)",
                    (*own, key, value),
                )


# --- by MLflow's client -----------------------------------------------------------------------------


def _asked(client: MlflowClient, name: str, version: str) -> Row:
    with translated(f"version {version} of model {name}"):
        try:
            found = client.get_model_version(name, version)
            location = str(client.get_model_version_download_uri(name, version))
        except mlflow_exception() as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise _none(name, version) from error
    shown = convert.to_version(found)
    return Row(
        shown=shown.model_copy(update={"run_id": _run_of(shown.run_id, shown.source)}),
        description=found.description or "",
        tags={str(key): str(value) for key, value in sorted(found.tags.items())},
        location=location,
        user=found.user_id or None,
    )
