"""Which version of a model an endpoint serves, and where its files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import Conflict, NotFound
from ...models import ModelVersion

if TYPE_CHECKING:
    from ..runs import RunsService


def served_version(runs: RunsService, asked: str) -> dict[str, Any]:
    """What a row says of the one version that gets all of the traffic.

    Raises `NotFound` for the model or its files, `Conflict` for a version that is not ready.
    """
    version = runs.resolve_model(asked)
    if version.status != "READY":
        raise Conflict(
            f"version {version.version} of model {version.name} is {version.status.lower().replace('_', ' ')}",
            hint="wait until it is ready",
        )
    return {
        "model": version.name,
        "version": version.version,
        "uri": version.uri,
        "run_id": version.run_id,
        "traffic": 100,
        "asked": asked,
        "source": _local_files(runs, version),
    }


def _local_files(runs: RunsService, version: ModelVersion) -> str | None:
    """The folder of a model's files where it is on this machine; None where they must be downloaded."""
    from ..runs.tracking import translated

    with translated(f"model {version.name}"):
        location = str(runs.client().get_model_version_download_uri(version.name, version.version))
    path = Path(location.removeprefix("file://"))
    if not path.is_absolute():
        return None
    if not (path / "MLmodel").is_file():
        raise NotFound(
            f"the files of version {version.version} of model {version.name} are not there: {path}",
            hint="log the model again, or deploy another version",
            fields={"model": "files missing"},
        )
    return str(path)
