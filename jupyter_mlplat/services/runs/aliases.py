"""Aliases of registered models: set and deleted, with who did it, when, from which version and why.

MLflow keeps aliases and no history of them: that is a tag of the registered model, so it is where the registry is.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ...errors import Conflict, Invalid, NotFound
from ...mlflow_tables import MLflowTables
from ...models import AliasChange, RegisteredModel
from .reading import usable
from .tracking import Tracking, translated

if TYPE_CHECKING:
    from ...store import Store

TAG = "mlplat.alias_history"
MOST = 50
"""Changes that are kept of a model, the newest; fewer where MLflow's 5,000 characters hold no more."""
MOST_CHARACTERS = 5000
MOST_WHY = 500


class Aliases:
    """Sets and deletes aliases. `get` reads a registered model."""

    def __init__(self, tracking: Tracking, store: Store, get: Callable[[str], RegisteredModel]) -> None:
        self._tracking = tracking
        self._store = store
        self._get = get

    def set(self, name: str, alias: str, version: str, *, by: str, why: str = "") -> RegisteredModel:
        """Have an alias stand for a version from now on; returns the model as it stands then.

        The same version again changes nothing. Raises `NotFound` for an unknown model or version, and `Invalid` for
        what cannot be an alias.
        """
        _check(alias)
        model = self._get(name)
        if version not in {one.version for one in model.versions}:
            known = ", ".join(one.version for one in model.versions[:10])
            raise NotFound(f"model {name} has no version {version}", hint=f"its versions: {known or 'none'}")
        return self._change(model, alias, version, by, why)

    def delete(self, name: str, alias: str, *, by: str, why: str = "") -> RegisteredModel:
        """Delete an alias. Raises `NotFound` for an unknown model or alias."""
        model = self._get(name)
        if alias not in model.aliases:
            known = ", ".join(model.aliases)
            raise NotFound(f"model {name} has no alias {alias}", hint=f"its aliases: {known or 'none'}")
        return self._change(model, alias, None, by, why)

    def _change(self, model: RegisteredModel, alias: str, version: str | None, by: str, why: str) -> RegisteredModel:
        if len(why) > MOST_WHY:
            raise Invalid(
                f"the reason has {len(why)} characters", hint=f"at most {MOST_WHY}", fields={"why": "too long"}
            )
        before = model.aliases.get(alias)
        if before == version:
            return model
        change = AliasChange(alias=alias, version=version, before=before, by=by, at=datetime.now(UTC), why=why)
        tables = self._tracking.registry_tables()
        if tables is not None:
            _write(tables, model.name, change)
        else:
            self._by_client(model, change)
        with self._store.write() as transaction:
            transaction.emit("runs", "*")
        return self._get(model.name)

    def _by_client(self, model: RegisteredModel, change: AliasChange) -> None:
        client = self._tracking.client()
        with translated(f"model {model.name}"):
            if change.version is None:
                client.delete_registered_model_alias(model.name, change.alias)
            else:
                client.set_registered_model_alias(model.name, change.alias, change.version)
            client.set_registered_model_tag(model.name, TAG, _told([change, *model.history]))


def _check(alias: str) -> None:
    """MLflow's rules (`_validate_model_alias_name`), and no letters beyond those of addresses."""
    wrong = None
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", alias):
        wrong = "letters, digits, - and _, at most 255"
    elif alias.lower() == "latest" or re.fullmatch(r"[vV][0-9]+", alias):
        wrong = "latest, v1, v2 and so on have a meaning of their own"
    if wrong:
        raise Invalid(f"{alias[:100]!a} cannot be an alias", hint=wrong, fields={"alias": "not an alias"})


def history_of(text: str | None) -> list[AliasChange]:
    """The changes that a model's tag tells, newest first; none where somebody else has written it."""
    try:
        return [AliasChange.model_validate(one) for one in json.loads(text or "[]")]
    except (ValueError, TypeError, ValidationError):
        return []


def _told(changes: Sequence[AliasChange]) -> str:
    kept = [change.model_dump(mode="json") for change in changes[:MOST]]
    while len(kept) > 1 and len(json.dumps(kept)) > MOST_CHARACTERS:
        kept.pop()
    return json.dumps(kept)


# --- by MLflow's tables -----------------------------------------------------------------------------


def _write(tables: MLflowTables, name: str, change: AliasChange) -> None:
    """As `set_registered_model_alias`, `delete_registered_model_alias` and `set_registered_model_tag` of MLflow do."""
    own = ("default", name, change.alias)
    with usable(), tables.transaction() as connection:
        found = connection.execute(
            "SELECT version FROM registered_model_aliases WHERE workspace = ? AND name = ? AND alias = ?", own
        ).fetchone()
        if (str(found[0]) if found else None) != change.before:
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
        told = _told([change, *history_of(history_in(connection, name))])
        connection.execute(
            "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES ('default', ?, ?, ?)"
            " ON CONFLICT (workspace, key, name) DO UPDATE SET value = excluded.value",
            (name, TAG, told),
        )


def history_in(connection: sqlite3.Connection, name: str) -> str | None:
    """The tag of a model."""
    found = connection.execute(
        "SELECT value FROM registered_model_tags WHERE workspace = 'default' AND name = ? AND key = ?", (name, TAG)
    ).fetchone()
    return found[0] if found else None
