"""`mlplat.sweeps`: one notebook at many points of its parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .arguments import job_fields, to_model
from .current import platform

if TYPE_CHECKING:
    from ..models import Page, Sweep, SweepStudy


class Sweeps:
    """One notebook at many points of its parameters, one job for each."""

    def run(
        self,
        notebook: str | os.PathLike[str],
        space: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        wait: bool = False,
        **options: Any,
    ) -> Sweep:
        """Queue a job for every point; with `wait` return when all have ended.

        `space` maps a parameter to the list of its values or to a range, `{"low": 1e-4, "high": 1, "log": True}`;
        without one "optuna" takes the parameters to which the notebook itself gives limits. `parameters` are the same
        for all points. `options` are `strategy` ("grid", "random", "optuna"), `trials`, `metric` and `direction`, or
        `objectives`, a list of `{"metric": "loss", "direction": "minimize"}`, `constraints` (["latency <= 0.2"]),
        `sampler`, `pruner`, `parallel` and `seed`, and those of `models.JobOptions`. Raises `Invalid` for what cannot
        be used.
        """
        from ..models import SweepSpec

        here = platform()
        spec = to_model(SweepSpec, **job_fields(notebook, parameters, name), space=dict(space or {}), **options)
        made = here.sweeps.create(spec, owner=here.user)
        return here.sweeps.wait(made.id) if wait else made

    def list(self, *, limit: int = 50, after: str | None = None) -> Page[Sweep]:
        """One page of sweeps, the newest first, without their points."""
        return platform().sweeps.list(limit=limit, after=after)

    def get(self, sweep_id: str) -> Sweep:
        """A sweep with its points and the best one. Raises `NotFound`."""
        return platform().sweeps.get(sweep_id)

    def study(self, sweep_id: str) -> SweepStudy:
        """The trials of a sweep by Optuna, and which parameters matter. Raises `NotFound`, for other sweeps, too."""
        return platform().sweeps.study(sweep_id)

    def wait(
        self, sweep_id: str, timeout: float | None = None, *, on_change: Callable[[Sweep], None] | None = None
    ) -> Sweep:
        """Wait until the sweep has ended, or for `timeout` seconds; returns it as it is then. Raises `NotFound`."""
        return platform().sweeps.wait(sweep_id, timeout=timeout, on_change=on_change)

    def cancel(self, sweep_id: str) -> Sweep:
        """Ask for the end of all its jobs. Raises `NotFound`, `Conflict`."""
        return platform().sweeps.cancel(sweep_id)

    def retry(self, sweep_id: str) -> Sweep:
        """Run the points again that did not succeed. Raises `NotFound`, `Conflict`."""
        return platform().sweeps.retry(sweep_id)


sweeps = Sweeps()
