"""`mlplat.runs`: what MLflow has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .current import platform

if TYPE_CHECKING:
    from ..models import Page, RegisteredModel, Run, RunDetail


class Runs:
    """MLflow's runs, experiments and registered models."""

    def list(
        self,
        *,
        experiment: str | None = None,
        filter: str | None = None,
        order_by: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[Run]:
        """One page of runs, the newest first unless `order_by` says otherwise."""
        return platform().runs.list(experiment=experiment, filter=filter, order_by=order_by, limit=limit, after=after)

    def get(self, run_id: str) -> RunDetail:
        """A run. Raises `NotFound`."""
        return platform().runs.get(run_id)

    def models(self, *, limit: int = 50, after: str | None = None) -> Page[RegisteredModel]:
        """One page of registered models."""
        return platform().runs.models(limit=limit, after=after)

    def model(self, name: str) -> RegisteredModel:
        """A registered model with its versions. Raises `NotFound`."""
        return platform().runs.model(name)


runs = Runs()
