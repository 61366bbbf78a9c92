"""Jobs and deployments that need devices: how they call what a lease asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...errors import MLPlatError
from ...models import GPUOptions, LeaseRequest

_FIELDS = {"count": "gpus", "memory": "gpu_memory"}


def columns_of(options: GPUOptions) -> dict[str, Any]:
    """Which devices it needs, as its row has it."""
    return {
        "gpus": options.devices,
        "gpu_type": options.gpu_type,
        "gpu_memory": options.gpu_memory,
        "gpu_shared": options.gpu_shared,
    }


def request_of(row: Mapping[Any, Any]) -> LeaseRequest:
    """What a job or a deployment asks for. `row` is its own; without a priority it has 0."""
    return LeaseRequest.model_validate(
        {"count": row["gpus"], "gpu_type": row["gpu_type"], "memory": row["gpu_memory"], "shared": row["gpu_shared"],
         "priority": row.get("priority", 0)}
    )  # fmt: skip


@contextmanager
def named_as_asked() -> Iterator[None]:
    """Errors about a lease name the fields of the job or the deployment that it is for."""
    try:
        yield
    except MLPlatError as error:
        error.fields = {_FIELDS.get(name, name): why for name, why in error.fields.items()}
        raise
