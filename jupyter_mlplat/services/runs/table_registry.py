"""Registered models from MLflow's tables where we know their revision."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ...mlflow_base.tables import MLflowTables, rows_of
from ...models import ModelVersion, Page, RegisteredModel
from .alias_tags import HISTORY, PROTECTED, history_of, protected_of, tags_in
from .convert import time_of
from .cursors import read_cursor, write_cursor
from .reading import usable

PROMPT = "mlflow.prompt.is_prompt"
"""MLflow keeps prompts as registered models, and does not list them as such."""
_PLAIN = (
    "NOT EXISTS (SELECT 1 FROM registered_model_tags tags WHERE tags.workspace = registered_models.workspace"
    f" AND tags.name = registered_models.name AND key = '{PROMPT}' AND lower(value) = 'true')"
)
_COLUMNS = "SELECT name, description, last_updated_time FROM registered_models WHERE workspace = 'default'"


def page(tables: MLflowTables, *, limit: int, after: str | None) -> Page[RegisteredModel]:
    """See `RunsService.models`."""
    (last,) = read_cursor(after, str) if after is not None else ("",)
    with usable(), tables.connection() as connection:
        connection.execute("BEGIN")
        rows = connection.execute(
            f"{_COLUMNS} AND {_PLAIN} AND name > ? ORDER BY name LIMIT ?", (last, limit + 1)
        ).fetchall()
        items = _models(connection, rows[:limit])
    return Page[RegisteredModel](items=items, next=write_cursor(rows[limit - 1][0]) if len(rows) > limit else None)


def get(tables: MLflowTables, name: str) -> RegisteredModel | None:
    """A registered model, None where there is none of that name."""
    with usable(), tables.connection() as connection:
        connection.execute("BEGIN")
        found = _models(connection, connection.execute(f"{_COLUMNS} AND name = ?", (name,)).fetchall())
        if not found:
            return None
        return found[0].model_copy(update={"history": history_of(tags_in(connection, name).get(HISTORY))})


def _models(
    connection: sqlite3.Connection, rows: Sequence[tuple[str, str | None, int | None]]
) -> list[RegisteredModel]:
    names = [name for name, _, _ in rows]
    aliases: dict[str, dict[str, str]] = {name: {} for name in names}
    for name, alias, version in rows_of(
        connection,
        "SELECT name, alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name IN ids"
        " ORDER BY alias",
        names,
    ):
        aliases[name][alias] = str(version)
    versions: dict[str, list[ModelVersion]] = {name: [] for name in names}
    for name, version, created, source, run, status in rows_of(
        connection,
        "SELECT name, version, creation_time, source, run_id, status FROM model_versions WHERE workspace = 'default'"
        " AND current_stage <> 'Deleted_Internal' AND name IN ids ORDER BY version DESC",
        names,
    ):
        versions[name].append(
            ModelVersion(
                name=name,
                version=str(version),
                uri=f"models:/{name}/{version}",
                run_id=run or None,
                source=source or None,
                aliases=[alias for alias, number in aliases[name].items() if number == str(version)],
                created_at=time_of(created),
                status=status or "READY",
            )
        )
    protected = dict(
        rows_of(
            connection,
            f"SELECT name, value FROM registered_model_tags WHERE workspace = 'default' AND key = '{PROTECTED}'"
            " AND name IN ids",
            names,
        )
    )
    return [
        RegisteredModel(
            name=name,
            description=description or "",
            aliases=aliases[name],
            versions=versions[name],
            protected=protected_of(protected.get(name)),
            updated_at=time_of(updated),
        )
        for name, description, updated in rows
    ]
