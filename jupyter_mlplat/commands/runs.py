"""runs: MLflow's runs as the platform shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..usage import without_system
from .blocks import Block, Facts, Seconds, State, Table, Text, Value
from .grammar import Call, Command, argument
from .jobs import LISTING

if TYPE_CHECKING:
    from ..models import Run, RunDetail, RunPage

SHOWN_METRICS = 4


def list_runs(call: Call) -> RunPage:
    args = call.args
    return call.platform.runs.list(
        experiment=args.experiment, filter=args.filter, order_by=args.order_by, limit=args.limit, after=args.after,
        archived=args.archived, count=args.count,
    )  # fmt: skip


def show(call: Call) -> RunDetail:
    return call.platform.runs.get(call.args.id)


def took(run: Run) -> Seconds | None:
    """How long the run took, once it has ended."""
    if run.started_at is None or run.ended_at is None:
        return None
    return Seconds((run.ended_at - run.started_at).total_seconds())


def show_runs(page: RunPage) -> list[Block]:
    names = list(dict.fromkeys(name for run in page.items for name in without_system(run.metrics)))[:SHOWN_METRICS]
    rows: list[list[Value]] = [
        [
            run.id, run.name, run.experiment, State(run.status), run.started_at, took(run),
            *(run.metrics.get(name) for name in names),
        ]
        for run in page.items
    ]  # fmt: skip
    blocks: list[Block] = [
        Table(
            ["id", "name", "experiment", "status", "started", "took", *names],
            rows,
            empty="No runs yet. Make one: %%mlplat run in a notebook, or jupyter mlplat jobs run NB",
            more=f"more: jupyter mlplat runs list --after {page.next}" if page.next else None,
        )
    ]
    if page.total is not None:
        blocks.append(Text(f"{page.total} in all"))
    return blocks


def show_run(run: Run) -> list[Block]:
    blocks: list[Block] = [
        Facts(
            [
                ("run", run.id),
                ("name", run.name),
                ("experiment", run.experiment),
                ("status", State(run.status)),
                ("started", run.started_at),
                ("took", took(run)),
                ("owner", run.owner),
                ("job", run.job_id),
                ("archived", "yes" if run.archived else None),
                ("note", run.tags.get("mlflow.note.content")),
            ]
        )
    ]
    if run.metrics:
        blocks.append(Table(["metric", "last value"], sorted(run.metrics.items())))
    if run.parameters:
        blocks.append(Table(["parameter", "value"], sorted(run.parameters.items())))
    tags = sorted((key, value) for key, value in run.tags.items() if not key.startswith(("mlflow.", "mlplat.")))
    if tags:
        blocks.append(Table(["tag", "value"], tags))
    datasets = getattr(run, "datasets", [])
    if datasets:
        blocks.append(
            Table(["data set", "used for"], [[_text(one, "name"), _text(one, "context")] for one in datasets])
        )
    logged = getattr(run, "models", [])
    if logged:
        blocks.append(Table(["model", "registered as"], [[_text(one, "uri"), _registered(one)] for one in logged]))
    artifacts = getattr(run, "artifacts", [])
    if artifacts:
        blocks.append(Table(["artifact"], [[path] for path in artifacts]))
    return blocks


def _text(one: Mapping[str, Any], name: str) -> str | None:
    value = one.get(name)
    return None if value is None else str(value)


def _registered(one: Mapping[str, Any]) -> str | None:
    return ", ".join(f"models:/{each['name']}/{each['version']}" for each in one.get("registered", ())) or None


COMMANDS = [
    Command(
        "runs", "list", "the runs, newest first", list_runs, show_runs,
        (
            argument("--experiment", metavar="E", help="only those of this experiment"),
            argument("--filter", metavar="F", help="MLflow's filter, OR, NOT, IN and () too: \"metrics.auc > 0.9\""),
            argument("--order-by", metavar="O", help="MLflow's order, like \"metrics.auc DESC\""),
            argument("--archived", action="store_true", help="those that are archived, not the others"),
            argument("--count", action="store_true", help="say how many there are, too"),
            *LISTING,
        ),
        example="jupyter mlplat runs list --filter 'metrics.accuracy > 0.9' --order-by 'metrics.accuracy DESC'",
    ),
    Command(
        "runs", "show", "one run with its metrics, parameters, data and models", show, show_run,
        (argument("id", metavar="ID", help="the run's id"),),
    ),
]  # fmt: skip
