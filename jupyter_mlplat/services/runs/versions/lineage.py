"""Where a version comes from and where it is served, as a graph: data, features, notebook, job, run, version, endpoint.

Nothing of it is kept: it is read from what runs, jobs and deployments say of themselves.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ....mlflow_base.artifacts import folder_of
from ....models import Lineage, LineageEdge, LineageNode, ModelVersion, RunDetail
from ....provenance import FEATURES
from ..convert import JOB_TAG
from .serving import deployments_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ....store import Store

SOURCE = "mlflow.source.name"
COMMIT = "mlflow.source.git.commit"
ORIGINS = (("sweep", "mlplat.sweep_id"), ("pipeline", "mlplat.pipeline_id"), ("schedule", "mlplat.schedule_id"))


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[LineageNode] = []
        self._edges: list[LineageEdge] = []

    def add(self, node: LineageNode, *sources: LineageNode) -> LineageNode:
        self.nodes.append(node)
        self._edges += [LineageEdge(source=source.id, target=node.id) for source in sources]
        return node

    def made(self) -> Lineage:
        return Lineage(nodes=self.nodes, edges=self._edges)


class Tracing:
    """Draws the graph."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def trace(self, version: ModelVersion, run: RunDetail | None) -> Lineage:
        """The graph of a version, of which `run` is the run where it is still there; nodes are in order, left first."""
        graph = _Graph()
        before: list[LineageNode] = []
        if run is not None:
            with self._store.read() as connection:
                before = _inputs(graph, connection, run)
                source = _source(run)
                before = [graph.add(source, *before)] if source is not None else before
                job = _job(connection, run)
                before = [graph.add(job, *before)] if job is not None else before
        if version.run_id is not None:
            before = [graph.add(_run(version.run_id, run), *before)]
        own = graph.add(
            LineageNode(
                id=f"version:{version.name}/{version.version}",
                kind="version",
                label=f"{version.name} {version.version}",
                detail=", ".join(f"@{alias}" for alias in version.aliases),
                target=f"{version.name}/{version.version}",
            ),
            *before,
        )
        for one in deployments_of(self._store, version):
            detail = f"{one.state}, {one.traffic} % of the traffic"
            graph.add(
                LineageNode(
                    id=f"deployment:{one.name}", kind="deployment", label=one.name, detail=detail, target=one.name
                ),
                own,
            )
        return graph.made()


def _inputs(graph: _Graph, connection: Connection, run: RunDetail) -> list[LineageNode]:
    """Data sets and feature views; returns those from which there is a way on.

    A feature view is one that the run names, or whose source file a data set of the run is.
    """
    from sqlalchemy import select

    from ....store.tables import feature_views as table

    named = [name for name in run.tags.get(FEATURES, "").split(",") if name]
    known = {row.name: row for row in connection.execute(select(table.c.name, table.c.source, table.c.entities))}
    ends: list[LineageNode] = []
    data: dict[str, list[LineageNode]] = {}
    for number, one in enumerate(run.datasets):
        node = graph.add(_data(number, one))
        views = [name for name, row in known.items() if _path(one.get("source")) == row.source]
        for name in views:
            data.setdefault(name, []).append(node)
        if not views:
            ends.append(node)
    for name in dict.fromkeys([*named, *data]):
        row = known.get(name)
        detail = f"of {', '.join(row.entities)}" if row is not None else "not there any more"
        node = LineageNode(
            id=f"features:{name}", kind="features", label=name, detail=detail, target=name if row is not None else None
        )
        ends.append(graph.add(node, *data.get(name, ())))
    return ends


def _data(number: int, one: dict[str, Any]) -> LineageNode:
    name = str(one.get("name"))
    parts: Sequence[str | None] = (
        one.get("context"),
        f"{one['rows']} rows" if one.get("rows") is not None else None,
        f"digest {one.get('digest')}",
    )
    detail = ", ".join(part for part in parts if part)
    return LineageNode(id=f"data:{number}", kind="data", label=name, detail=detail, target=name)


def _path(source: Any) -> str | None:
    """The file that MLflow's source of a data set names: an address, or JSON with it."""
    text = str(source or "")
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            return None
        text = str(found.get("uri") or found.get("url") or found.get("path") or "")
    path = folder_of(text) if text else None
    return str(path) if path is not None else None


def _source(run: RunDetail) -> LineageNode | None:
    """What was run: a notebook, or a program."""
    path = run.tags.get(SOURCE)
    if not path:
        return None
    commit = run.tags.get(COMMIT)
    return LineageNode(
        id=f"notebook:{path}",
        kind="notebook",
        label=posixpath.basename(path) or path,
        detail=f"commit {commit[:12]}" if commit else "",
        target=path,
    )


def _job(connection: Connection, run: RunDetail) -> LineageNode | None:
    from sqlalchemy import select

    from ....store.tables import jobs as table

    id = run.tags.get(JOB_TAG, "")
    if not (id.isascii() and id.isdigit() and len(id) < 18):
        return None
    row = connection.execute(select(table.c.name, table.c.state).where(table.c.id == int(id))).first()
    parts = [f"job {id}", *(f"{word} {run.tags[tag]}" for word, tag in ORIGINS if tag in run.tags)]
    parts.append(str(row.state) if row is not None else "not there any more")
    return LineageNode(
        id=f"job:{id}",
        kind="job",
        label=str(row.name) if row is not None else f"job {id}",
        detail=", ".join(parts),
        target=id if row is not None else None,
    )


def _run(id: str, run: RunDetail | None) -> LineageNode:
    if run is None:
        return LineageNode(id=f"run:{id}", kind="run", label=id, detail="not there any more")
    detail = ", ".join([run.experiment, run.status, *(["archived"] if run.archived else [])])
    return LineageNode(id=f"run:{id}", kind="run", label=run.name, detail=detail, target=id)
