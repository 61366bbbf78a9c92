"""What MLflow keeps of aliases: what each stands for, and two tags of the registered model, for it keeps no more.

One tag is the history of changes, the other the list of aliases that are protected, so both are where the registry is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ...errors import Conflict, Invalid
from ...mlflow_base.tables import MLflowTables
from ...models import AliasChange
from .reading import usable

if TYPE_CHECKING:
    from mlflow import MlflowClient

HISTORY = "mlplat.alias_history"
PROTECTED = "mlplat.protected_aliases"
MOST = 50
"""Changes that are kept of a model, the newest; fewer where MLflow's 5,000 characters hold no more."""
MOST_CHARACTERS = 5000


def history_of(text: str | None) -> list[AliasChange]:
    """The changes that a model's tag tells, newest first; none where somebody else has written it."""
    try:
        return [AliasChange.model_validate(one) for one in json.loads(text or "[]")]
    except (ValueError, TypeError, ValidationError):
        return []


def protected_of(text: str | None) -> list[str]:
    """The aliases that a model's tag names, in order; none where somebody else has written it."""
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return sorted({one for one in found if isinstance(one, str)}) if isinstance(found, list) else []


def told(changes: Sequence[AliasChange]) -> str:
    """The tag of the history; `history_of` reads it."""
    kept = [change.model_dump(mode="json", exclude_defaults=True) for change in changes[:MOST]]
    while len(kept) > 1 and len(json.dumps(kept)) > MOST_CHARACTERS:
        kept.pop()
    return json.dumps(kept)


def named(aliases: Sequence[str]) -> str:
    """The tag of protected aliases. Raises `Invalid` for more than MLflow can keep."""
    text = json.dumps(sorted(aliases))
    if len(text) > MOST_CHARACTERS:
        raise Invalid(f"{len(aliases)} protected aliases are too many", hint="protect fewer", fields={"alias": "full"})
    return text


# --- by MLflow's tables -----------------------------------------------------------------------------


def write_change(tables: MLflowTables, name: str, change: AliasChange) -> None:
    """As `set_registered_model_alias`, `delete_registered_model_alias` and `set_registered_model_tag` of MLflow do.

    Raises `Conflict` where the alias does not stand where the change begins, and where it is protected and nobody has
    approved the change.
    """
    own = ("default", name, change.alias)
    with usable(), tables.transaction() as connection:
        found = connection.execute(
            "SELECT version FROM registered_model_aliases WHERE workspace = ? AND name = ? AND alias = ?", own
        ).fetchone()
        tags = tags_in(connection, name)
        late = change.approved_by is None and change.alias in protected_of(tags.get(PROTECTED))
        if late or (str(found[0]) if found else None) != change.before:
            raise Conflict(f"alias {change.alias} of model {name} was changed in between", hint="look again")
        if change.version is None:
            connection.execute(
                "DELETE FROM registered_model_aliases WHERE workspace = ? AND name = ? AND alias = ?", own
            )
        else:
            connection.execute(
                "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version",
                (*own, int(change.version)),
            )
        _write_tag(connection, name, HISTORY, told([change, *history_of(tags.get(HISTORY))]))


def write_protected(tables: MLflowTables, name: str, change: Callable[[list[str]], list[str]]) -> None:
    """Change which aliases are protected; `change` has those that are. Raises `Invalid`."""
    with usable(), tables.transaction() as connection:
        now = protected_of(tags_in(connection, name).get(PROTECTED))
        _write_tag(connection, name, PROTECTED, named(change(now)))


def _write_tag(connection: sqlite3.Connection, name: str, key: str, value: str) -> None:
    connection.execute(
        "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES ('default', ?, ?, ?)"
        " ON CONFLICT (workspace, key, name) DO UPDATE SET value = excluded.value",
        (name, key, value),
    )


def tags_in(connection: sqlite3.Connection, name: str) -> Mapping[str, str | None]:
    """The two tags of a model that are ours."""
    return dict(
        connection.execute(
            "SELECT key, value FROM registered_model_tags WHERE workspace = 'default' AND name = ? AND key IN (?, ?)",
            (name, HISTORY, PROTECTED),
        ).fetchall()
    )


# --- by MLflow's client -----------------------------------------------------------------------------


def send_change(client: MlflowClient, name: str, change: AliasChange, history: Sequence[AliasChange]) -> None:
    """The same by MLflow's client, one call after the other; `history` is what there is of it."""
    if change.version is None:
        client.delete_registered_model_alias(name, change.alias)
    else:
        client.set_registered_model_alias(name, change.alias, change.version)
    client.set_registered_model_tag(name, HISTORY, told([change, *history]))


def send_protected(client: MlflowClient, name: str, aliases: Sequence[str]) -> None:
    """The same by MLflow's client. Raises `Invalid`."""
    client.set_registered_model_tag(name, PROTECTED, named(aliases))
