"""From the store's rows to pipelines and their nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ....models import Pipeline, PipelineNodeRun, PipelineState
from ....store import Transaction, tables
from ...rows import find_in

WAITING = "waiting"
SHOWN = ("id", "pipeline_id", "node", "state", "message", "started_at", "ended_at")

Node = Mapping[str, Any]
"""A node as the store keeps it; `after` is the number of the job that a retry has put aside, if any."""


def find(connection: Connection, pipeline_id: str) -> RowMapping:
    """The row of a pipeline. Raises `NotFound`."""
    return find_in(connection, tables.pipelines, pipeline_id)


def lock(transaction: Transaction, pipeline_id: str) -> RowMapping:
    """The row of a pipeline that nobody else changes before the transaction ends. Raises `NotFound`."""
    return find_in(transaction.connection, tables.pipelines, pipeline_id, lock=True)


def jobs_of(
    connection: Connection, rows: Sequence[RowMapping], *, columns: Sequence[str] = SHOWN
) -> dict[int, dict[str, RowMapping]]:
    """Pipeline -> node -> the newest job that counts, with these `columns`; a node that waits has none."""
    table = tables.jobs
    numbers = [row["id"] for row in rows]
    after = {row["id"]: {node["name"]: node.get("after") or 0 for node in row["nodes"]} for row in rows}
    found: dict[int, dict[str, RowMapping]] = {number: {} for number in numbers}
    query = select(*(table.c[name] for name in columns)).where(table.c.pipeline_id.in_(numbers)).order_by(table.c.id)
    for job in connection.execute(query).mappings():
        if job["id"] > after[job["pipeline_id"]].get(job["node"], 0):
            found[job["pipeline_id"]][job["node"]] = job
    return found


def to_pipeline(row: RowMapping, jobs: Mapping[str, RowMapping]) -> Pipeline:
    """A pipeline as doors show it; `jobs` are its newest ones by node."""
    nodes = [_node_run(node, jobs.get(node["name"])) for node in row["nodes"]]
    counts = Counter(one.state.value if one.state else WAITING for one in nodes)
    if row["state"] != PipelineState.RUNNING:
        counts.pop(WAITING, None)  # its job was deleted since
    return Pipeline(
        id=str(row["id"]),
        counts=dict(counts),
        nodes=nodes,
        **{name: row[name] for name in ("name", "owner", "state", "parameters", "message", "created_at", "ended_at")},
    )


def _node_run(node: Node, job: RowMapping | None) -> PipelineNodeRun:
    shown: dict[str, Any] = {name: node[name] for name in ("name", "notebook", "needs", "run_if")}
    if job is not None:
        shown |= {name: job[name] for name in ("state", "message", "started_at", "ended_at")}
        shown["job_id"] = str(job["id"])
    return PipelineNodeRun(**shown)
