"""`mlplat.features`: what was known about an entity, and from when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..mlflow_plugin import session
from .current import platform

if TYPE_CHECKING:
    import pandas

    from ..models import FeatureView, FeatureViewSpec, Page


class Features:
    """Feature views: what was known about an entity, and from when."""

    def apply(self, views: Sequence[FeatureViewSpec]) -> list[FeatureView]:
        """Define feature views, all of them or none."""
        here = platform()
        return here.features.apply([_absolute(view) for view in views], owner=here.user)

    def views(self, *, limit: int = 50, after: str | None = None) -> Page[FeatureView]:
        """One page of feature views."""
        return platform().features.list(limit=limit, after=after)

    def get(self, name: str) -> FeatureView:
        """A feature view. Raises `NotFound`."""
        return platform().features.get(name)

    def materialize(self, name: str) -> FeatureView:
        """Bring the online store of a view up to date."""
        return platform().features.materialize(name)

    def online(self, view: str, entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The newest values of entities, in their order."""
        return platform().features.online(view, [dict(entity) for entity in entities])

    def historical(self, entities: pandas.DataFrame, features: Sequence[str]) -> pandas.DataFrame:
        """Values as they were known at each row's event time; `features` are `view:column`.

        The active run, and those that this process starts later, are tagged with the views.
        """
        found = platform().features.historical(entities, list(features))
        session.has_read(feature.partition(":")[0] for feature in features)
        return found


def _absolute(view: FeatureViewSpec) -> FeatureViewSpec:
    return view.model_copy(update={"source": str(Path(view.source).expanduser().absolute())})


features = Features()
