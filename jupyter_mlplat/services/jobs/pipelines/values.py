"""The values of a node's parameters once all that it needs has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from ....attempts import OUTPUT
from ....errors import Invalid, NotFound
from ....models import JobState
from ..notebookfile import read_notebook
from ..parameters import schema, validate
from ..rows import attempt_folder
from .references import Reference, split
from .rows import Node

MetricsOf = Callable[[str], Mapping[str, float]]
"""The last metrics of a job by the id of its MLflow run; raises `NotFound` where that run is gone."""


class Missing(Exception):
    """What a reference names is not there; says why."""


def needs_metrics_of(node: Node, own: Mapping[str, Any]) -> set[str]:
    """The nodes whose metrics this one refers to: it waits until their MLflow runs are closed."""
    return {one.node for one in split(node["parameters"], own)[1].values() if one.kind == "metrics"}


def known_values(node: Node, own: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a node that no other one must leave."""
    return split(node["parameters"], own)[0]


def resolved(
    node: Node, own: Mapping[str, Any], jobs: Mapping[str, RowMapping], pinned: Path, metrics_of: MetricsOf
) -> dict[str, Any]:
    """All values of a node, as its notebook takes them; `jobs` are those of the nodes that it needs.

    Raises `Missing` with a sentence that names parameter and reference where a value is not there or does not fit.
    """
    known, later = split(node["parameters"], own)
    found: dict[str, Any] = {}
    for parameter, reference in later.items():
        try:
            found[parameter] = _value(reference, jobs[reference.node], pinned.parent, metrics_of)
        except Missing as error:
            raise Missing(f"parameter {parameter} comes from {reference}: {error}") from None
    try:
        return validate(schema(read_notebook(pinned)), {**known, **found}, secrets=node["options"]["secrets"])
    except Invalid as error:
        parameter = next(iter(error.fields), "").removeprefix("parameters.")
        origin = f" (it comes from {later[parameter]})" if parameter in later else ""
        raise Missing(f"{error.message}{origin}") from None


def _value(reference: Reference, job: RowMapping, folder: Path, metrics_of: MetricsOf) -> Any:
    name = reference.node
    if job["state"] == JobState.SKIPPED:
        raise Missing(f"{name} was skipped")
    match reference.kind:
        case "job_id":
            return str(job["id"])
        case "run_id":
            return _there(job["run_id"], f"{name} has no MLflow run")
        case "output":
            output = attempt_folder(job) / OUTPUT
            return _there(str(output) if output.exists() else None, f"{name} left no executed notebook")
        case "parameters":
            return _parameter(reference, job, folder / f"{name}.ipynb")
        case "results":
            return _named(reference, job["results"] or {}, "result")
        case _:
            run = _there(job["run_id"], f"{name} has no MLflow run")
            try:
                return _named(reference, metrics_of(run), "finite metric")
            except NotFound:
                raise Missing(f"the MLflow run of {name} is gone") from None


def _parameter(reference: Reference, job: RowMapping, pinned: Path) -> Any:
    """What a node was given, or what its notebook takes where nothing is given."""
    if reference.key in job["parameters"]:
        return job["parameters"][reference.key]
    try:
        return schema(read_notebook(pinned))["properties"][reference.key]["default"]
    except (Invalid, KeyError):
        raise Missing(f"{reference.node} was given no {reference.key}, and its default is not known") from None


def _there(value: str | None, why: str) -> str:
    if value is None:
        raise Missing(why)
    return value


def _named(reference: Reference, found: Mapping[str, Any], what: str) -> Any:
    if reference.key not in found:
        others = ", ".join(sorted(found)[:20])
        raise Missing(
            f"{reference.node} left no {what} {reference.key}, " + (f"only {others}" if others else "nor any")
        )
    return found[reference.key]
