"""MLflow's entities as the platform's models."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ...models import ModelVersion, RegisteredModel, Run

if TYPE_CHECKING:
    from mlflow.entities import Dataset, DatasetInput
    from mlflow.entities import Run as MLflowRun
    from mlflow.entities.model_registry import ModelVersion as MLflowVersion
    from mlflow.entities.model_registry import RegisteredModel as MLflowModel

JOB_TAG = "mlplat.job_id"
ATTEMPT_TAG = "mlplat.attempt"


def time_of(milliseconds: int | None) -> datetime | None:
    """MLflow's milliseconds since the epoch as UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def run_fields(run: MLflowRun, experiment: str) -> dict[str, Any]:
    """The fields of a `Run`; `experiment` is the name of its experiment."""
    info, data = run.info, run.data
    tags = {str(key): str(value) for key, value in data.tags.items()}
    return {
        "id": info.run_id,
        "name": info.run_name or info.run_id,
        "experiment_id": str(info.experiment_id),
        "experiment": experiment,
        "status": info.status,
        "started_at": time_of(info.start_time),
        "ended_at": time_of(info.end_time),
        "owner": tags.get("mlflow.user") or info.user_id or None,
        "parameters": {str(key): str(value) for key, value in data.params.items()},
        "metrics": {str(key): finite(value) for key, value in data.metrics.items()},
        "tags": tags,
        "job_id": tags.get(JOB_TAG),
        "archived": info.lifecycle_stage == "deleted",
    }


def to_run(run: MLflowRun, experiment: str) -> Run:
    """A `Run` of MLflow's run."""
    return Run.model_validate(run_fields(run, experiment))


def finite(value: float) -> float | None:
    """`value`, or None where it is NaN or infinite: strict JSON has neither.

    MLflow's databases keep an infinite metric as the largest float.
    """
    return float(value) if math.isfinite(value) and abs(value) < sys.float_info.max else None


def to_dataset(entry: DatasetInput) -> dict[str, JsonValue]:
    """An input data set of MLflow's; see `dataset`."""
    one: Dataset = entry.dataset
    context = next((tag.value for tag in entry.tags if tag.key == "mlflow.data.context"), None)
    return dataset(one.name, one.digest, one.source_type, str(one.source), one.schema, one.profile, context)


def dataset(
    name: str,
    digest: str,
    source_type: str,
    source: str,
    schema: str | None,
    profile: str | None,
    context: str | None,
) -> dict[str, JsonValue]:
    """An input data set: name, digest, source, its context (training, …), rows and columns where MLflow knows them."""
    shape, described = _json(profile), _json(schema)
    columns = described.get("mlflow_colspec") if isinstance(described, dict) else None
    return {
        "name": name,
        "digest": digest,
        "source_type": source_type,
        "source": source[:2000],
        "context": context,
        "rows": shape.get("num_rows") if isinstance(shape, dict) else None,
        "columns": len(columns) if isinstance(columns, list) else None,
    }


def to_version(version: MLflowVersion) -> ModelVersion:
    """A `ModelVersion` of MLflow's."""
    return ModelVersion(
        name=version.name,
        version=str(version.version),
        uri=f"models:/{version.name}/{version.version}",
        run_id=version.run_id or None,
        source=version.source or None,
        aliases=sorted(version.aliases or []),
        created_at=time_of(version.creation_timestamp),
        status=version.status or "READY",
    )


def to_model(model: MLflowModel, versions: list[MLflowVersion]) -> RegisteredModel:
    """A `RegisteredModel` with its versions, newest first, each with its aliases."""
    aliases = {str(alias): str(version) for alias, version in (model.aliases or {}).items()}
    made = []
    for version in sorted(versions, key=lambda one: int(one.version), reverse=True):
        known = sorted(alias for alias, number in aliases.items() if number == str(version.version))
        made.append(to_version(version).model_copy(update={"aliases": known}))
    return RegisteredModel(
        name=model.name,
        description=model.description or "",
        aliases=dict(sorted(aliases.items())),
        versions=made,
        updated_at=time_of(model.last_updated_timestamp),
    )


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
