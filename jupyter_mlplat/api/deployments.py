"""`mlplat.deployments`: models behind an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .arguments import to_model
from .current import platform

if TYPE_CHECKING:
    from ..models import Deployment, Page


class Deployments:
    """Models behind an address."""

    def create(self, name: str, *, model: str, wait: bool = True, timeout: float = 120.0, **options: Any) -> Deployment:
        """Serve `model` (`models:/name/version` or `models:/name@alias`); with `wait` return when it answers.

        `options` are the GPUs that it waits for: `gpus`, `gpu_type`, `gpu_memory` (bytes, or like `16G`), `gpu_shared`.
        Raises `Invalid`, `Conflict` or `Unavailable` for GPUs that it could never have.
        """
        from ..models import DeploymentSpec

        here = platform()
        made = here.deployments.create(to_model(DeploymentSpec, name=name, model=model, **options), owner=here.user)
        return here.deployments.wait_ready(made.name, timeout=timeout) if wait else made

    def list(self, *, limit: int = 50, after: str | None = None) -> Page[Deployment]:
        """One page of deployments."""
        return platform().deployments.list(limit=limit, after=after)

    def get(self, name: str) -> Deployment:
        """A deployment. Raises `NotFound`."""
        return platform().deployments.get(name)

    def predict(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send an `/invocations` body to a deployment and return its answer."""
        return platform().deployments.predict(name, dict(body))

    def delete(self, name: str) -> Deployment:
        """End a deployment and forget it."""
        return platform().deployments.delete(name)


deployments = Deployments()
