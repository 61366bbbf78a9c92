"""Aliases of registered models: set and deleted, with who did it, when, from which version and why.

One that is protected changes when a second person approves it; so does the end of its protection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...errors import Conflict, Denied, Invalid, NotFound
from ...models import AliasChange, AliasRequest, RegisteredModel
from .alias_notices import RequestNotices
from .alias_requests import AliasRequests, Claim, shown, stands
from .alias_tags import send_change, send_protected, write_change, write_protected
from .tracking import Tracking, translated

if TYPE_CHECKING:
    from ...store import Store

MOST_WHY = 500


class Aliases:
    """Sets, deletes and protects aliases. `get` reads a registered model."""

    def __init__(
        self,
        tracking: Tracking,
        store: Store,
        get: Callable[[str], RegisteredModel],
        notices: RequestNotices | None = None,
    ) -> None:
        self._tracking = tracking
        self._store = store
        self._get = get
        self._requests = AliasRequests(store, notices)

    def set(self, name: str, alias: str, version: str, *, by: str, why: str = "") -> RegisteredModel | AliasRequest:
        """Have an alias stand for a version from now on; returns the model as it stands then.

        For one that is protected it returns the request that this becomes, which somebody else has to approve. The
        same version again changes nothing. Raises `NotFound` for an unknown model or version, and `Invalid` for what
        cannot be an alias.
        """
        _check(alias)
        model = self._get(name)
        if not _has(model, version):
            known = ", ".join(one.version for one in model.versions[:10])
            raise NotFound(f"model {name} has no version {version}", hint=f"its versions: {known or 'none'}")
        return self._move(model, alias, version, by, why)

    def delete(self, name: str, alias: str, *, by: str, why: str = "") -> RegisteredModel | AliasRequest:
        """Delete an alias, or ask for it as `set` does. Raises `NotFound` for an unknown model or alias."""
        model = self._get(name)
        if alias not in model.aliases:
            known = ", ".join(model.aliases)
            raise NotFound(f"model {name} has no alias {alias}", hint=f"its aliases: {known or 'none'}")
        return self._move(model, alias, None, by, why)

    # --- protection -------------------------------------------------------------------------

    def protect(self, name: str, alias: str) -> RegisteredModel:
        """From now on the alias, which need not be there yet, changes when a second person approves it.

        Raises `NotFound` for an unknown model, `Invalid`.
        """
        _check(alias)
        return self._protect(self._get(name), alias, True)

    def unprotect(self, name: str, alias: str, *, by: str, why: str = "") -> RegisteredModel:
        """Ask for the end of that: somebody else has to approve it, or protection would hold up nobody.

        Returns the model, whose `requests` has the one that was made; unchanged where the alias is not protected.
        """
        model = self._get(name)
        if alias in model.protected:
            _check_why(why)
            self._requests.ask("protection", name, alias, None, model.aliases.get(alias), by=by, why=why)
        return self.shown(name)

    # --- requests ---------------------------------------------------------------------------

    def requests(self, name: str | None = None) -> list[AliasRequest]:
        """The requests of a model, or those of all models that are open, newest first. Raises `NotFound`."""
        if name is not None:
            return self.shown(name).requests
        found: list[AliasRequest] = []
        models: dict[str, RegisteredModel | None] = {}
        for one in self._requests.open():
            if one.model not in models:
                try:
                    models[one.model] = self._get(one.model)
                except NotFound:
                    models[one.model] = None
            model = models[one.model]
            if model is not None and stands(one, model.aliases, model.protected):
                found.append(one)
        return found

    def approve(self, name: str, id: str, *, by: str, why: str = "") -> RegisteredModel:
        """Do what a request wants; returns the model as it stands then. One of several who approve it does it.

        Raises `NotFound`, `Denied` for who has asked for it, and `Conflict` where it is not open, or the alias does not
        stand any more where it stood when it was asked for: then it is stale.
        """
        request = self._open(name, id, why)
        if request.by == by:
            raise Denied(
                f"request {request.id} is {by}'s own: a second person approves it",
                hint=f"somebody else runs: jupyter mlplat models approve {name} {request.id}",
            )
        with self._requests.claimed(request) as claim:
            model = self._get(name)
            gone = request.version is not None and not _has(model, request.version)
            if gone or not stands(request, model.aliases, model.protected):
                raise self._stale(claim)
            if request.kind == "protection":
                return self._protect(model, request.alias, False, claim, by, why)
            change = _change(model, request.alias, request.version, request.by, request.why, approved_by=by)
            try:
                return self._write(model, change, claim, why)
            except Conflict as error:
                raise self._stale(claim) from error

    def reject(self, name: str, id: str, *, by: str, why: str = "") -> RegisteredModel:
        """Say no to a request. Raises `NotFound`, and `Conflict` where it is not open."""
        self._requests.end(self._open(name, id, why), "rejected", by=by, why=why)
        return self.shown(name)

    def withdraw(self, name: str, id: str, *, by: str, why: str = "") -> RegisteredModel:
        """Take an own request back. Raises `NotFound`, `Denied` for one of somebody else's, and `Conflict`."""
        request = self._open(name, id, why)
        if request.by != by:
            raise Denied(
                f"request {request.id} is {request.by}'s: only who has asked for it withdraws it",
                hint=f"reject it: jupyter mlplat models reject {name} {request.id}",
            )
        self._requests.end(request, "withdrawn", by=by, why=why)
        return self.shown(name)

    def shown(self, name: str) -> RegisteredModel:
        """A registered model with the requests that there are. Raises `NotFound`."""
        model = self._get(name)
        requests = shown(self._requests.of(name), model.aliases, model.protected)
        return model.model_copy(update={"requests": requests})

    def with_open(self, models: Sequence[RegisteredModel]) -> list[RegisteredModel]:
        """Models of a list, each with those of its requests that are open."""
        opened = self._requests.open()
        return [
            model.model_copy(
                update={
                    "requests": [
                        one for one in opened if one.model == model.name and stands(one, model.aliases, model.protected)
                    ]
                }
            )
            for model in models
        ]

    # --- parts ------------------------------------------------------------------------------

    def _move(
        self, model: RegisteredModel, alias: str, version: str | None, by: str, why: str
    ) -> RegisteredModel | AliasRequest:
        _check_why(why)
        before = model.aliases.get(alias)
        if before == version:
            return self.shown(model.name)
        if alias in model.protected:
            return self._requests.ask("alias", model.name, alias, version, before, by=by, why=why)
        return self._write(model, _change(model, alias, version, by, why))

    def _write(
        self, model: RegisteredModel, change: AliasChange, claim: Claim | None = None, why: str = ""
    ) -> RegisteredModel:
        tables = self._tracking.registry_tables()
        if tables is not None:
            write_change(tables, model.name, change)
        else:
            with translated(f"model {model.name}"):
                send_change(self._tracking.client(), model.name, change, model.history)
        with self._store.write() as transaction:
            if claim is not None:
                claim.end(transaction, "approved", by=change.approved_by, why=why)
            self._requests.settle(transaction, model.name, change.alias, change.version)
            transaction.emit("runs", "*")
        return self.shown(model.name)

    def _protect(
        self, model: RegisteredModel, alias: str, on: bool, claim: Claim | None = None, by: str = "", why: str = ""
    ) -> RegisteredModel:
        def wanted(now: list[str]) -> list[str]:
            return [*{*now, alias}] if on else [one for one in now if one != alias]

        tables = self._tracking.registry_tables()
        if tables is not None:
            write_protected(tables, model.name, wanted)
        else:
            with translated(f"model {model.name}"):
                send_protected(self._tracking.client(), model.name, wanted(model.protected))
        with self._store.write() as transaction:
            if claim is not None:
                claim.end(transaction, "approved", by=by, why=why)
            transaction.emit("runs", "*")
        return self.shown(model.name)

    def _open(self, name: str, id: str, why: str) -> AliasRequest:
        """A request that is open. Raises `NotFound`, `Conflict`."""
        _check_why(why)
        request = self._requests.get(name, id)
        if request.state != "open":
            by = f" by {request.decided_by}" if request.decided_by else ""
            raise Conflict(
                f"request {request.id} is {request.state}{by}", hint=f"see: jupyter mlplat models show {name}"
            )
        return request

    def _stale(self, claim: Claim) -> Conflict:
        request = claim.request
        with self._store.write() as transaction:
            claim.end(transaction, "stale")
            transaction.emit("runs", "*")
        return Conflict(
            f"request {request.id} is stale: alias {request.alias} of model {request.model} was changed in between",
            hint="look again; who still wants it asks anew",
        )


def _change(
    model: RegisteredModel, alias: str, version: str | None, by: str, why: str, approved_by: str | None = None
) -> AliasChange:
    before = model.aliases.get(alias)
    now = datetime.now(UTC)
    return AliasChange(alias=alias, version=version, before=before, by=by, at=now, why=why, approved_by=approved_by)


def _has(model: RegisteredModel, version: str) -> bool:
    return any(one.version == version for one in model.versions)


def _check(alias: str) -> None:
    """MLflow's rules (`_validate_model_alias_name`), and no letters beyond those of addresses."""
    wrong = None
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", alias):
        wrong = "letters, digits, - and _, at most 255"
    elif alias.lower() == "latest" or re.fullmatch(r"[vV][0-9]+", alias):
        wrong = "latest, v1, v2 and so on have a meaning of their own"
    if wrong:
        raise Invalid(f"{alias[:100]!a} cannot be an alias", hint=wrong, fields={"alias": "not an alias"})


def _check_why(why: str) -> None:
    if len(why) > MOST_WHY:
        raise Invalid(f"the reason has {len(why)} characters", hint=f"at most {MOST_WHY}", fields={"why": "too long"})
