"""Registered models, their versions and aliases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...errors import Invalid, NotFound
from ...models import ModelVersion, Page, RegisteredModel
from . import convert, table_registry
from .alias_tags import HISTORY, PROTECTED, history_of, protected_of
from .search import check_limit, mlflow_exception, quoted, search_errors
from .tracking import Tracking, translated

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MLflowVersion
    from mlflow.entities.model_registry import RegisteredModel as MLflowModel

MAX_VERSIONS = 1000
URI_HINT = "like models:/classifier/3, models:/classifier@champion or models:/classifier/latest"


class Registry:
    """MLflow's model registry, read."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def page(self, *, limit: int, after: str | None) -> Page[RegisteredModel]:
        """See `RunsService.models`."""
        check_limit(limit)
        tables = self._tracking.registry_tables()
        if tables is not None:
            return table_registry.page(tables, limit=limit, after=after)
        client = self._tracking.client()
        with search_errors(None, [], after), translated("the model registry"):
            found = client.search_registered_models(max_results=limit, page_token=after or None)
            items = [_model(model, self._versions(model.name)) for model in found]
        return Page[RegisteredModel](items=items, next=found.token or None)

    def get(self, name: str) -> RegisteredModel:
        """See `RunsService.model`."""
        tables = self._tracking.registry_tables()
        if tables is not None:
            own = table_registry.get(tables, name)
            if own is None:
                raise self._no_model(name)
            return own
        client = self._tracking.client()
        with translated(f"model {name}"):
            try:
                found = client.get_registered_model(name)
            except mlflow_exception() as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                raise self._no_model(name) from error
            model = _model(found, self._versions(name))
            return model.model_copy(update={"history": history_of(found.tags.get(HISTORY))})

    def resolve(self, uri: str) -> ModelVersion:
        """See `RunsService.resolve_model`."""
        name, version, alias = parse_model_uri(uri)
        model = self.get(name)
        if alias:
            if alias not in model.aliases:
                known = ", ".join(f"@{one}" for one in model.aliases)
                raise NotFound(
                    f"model {name} has no alias {alias}", hint=f"its aliases: {known}" if known else "it has none"
                )
            version = model.aliases[alias]
        if not model.versions:
            raise NotFound(f"model {name} has no versions", hint="log one: log_model(…, registered_model_name=…)")
        if version == "latest":
            return model.versions[0]
        for one in model.versions:
            if one.version == version:
                return one
        if len(model.versions) >= MAX_VERSIONS:
            with translated(f"model {name}"):
                return convert.to_version(self._tracking.client().get_model_version(name, version))
        known = ", ".join(one.version for one in model.versions[:10])
        raise NotFound(f"model {name} has no version {version}", hint=f"its versions: {known}")

    def _versions(self, name: str) -> list[MLflowVersion]:
        found = self._tracking.client().search_model_versions(
            f"name = {quoted(name)}", max_results=MAX_VERSIONS, order_by=["version_number DESC"]
        )
        return [*found]

    def _no_model(self, name: str) -> NotFound:
        names = [model.name for model in self.page(limit=10, after=None).items]
        hint = f"there are: {', '.join(names)}" if names else "none is registered yet"
        return NotFound(f"no registered model is called {name}", hint=hint)


def _model(found: MLflowModel, versions: list[MLflowVersion]) -> RegisteredModel:
    protected = protected_of((found.tags or {}).get(PROTECTED))
    return convert.to_model(found, versions).model_copy(update={"protected": protected})


def parse_model_uri(uri: str) -> tuple[str, str, str]:
    """Name, version and alias of a model URI; one of the last two is empty. Raises `Invalid`."""
    wrong = Invalid(f"{uri[:200]} names no registered version", hint=URI_HINT, fields={"model": "not a model URI"})
    if not uri.startswith("models:/"):
        raise wrong
    rest = uri.removeprefix("models:/").lstrip("/")
    if "/" not in rest and "@" in rest:
        name, _, alias = rest.rpartition("@")
        if not name or not alias:
            raise wrong
        return name, "", alias
    name, _, version = rest.partition("/")
    if name and version.lower() == "latest":
        return name, "latest", ""
    if not name or not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise wrong
    return name, version, ""
