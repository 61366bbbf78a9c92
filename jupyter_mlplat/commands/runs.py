"""runs: MLflow's runs as the platform shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .blocks import Block, Facts, Seconds, State, Table, Value
from .grammar import Call, Command, argument
from .jobs import LISTING

if TYPE_CHECKING:
    from ..models import Page, Run, RunDetail

SHOWN_METRICS = 4


def list_runs(call: Call) -> Page[Run]:
    args = call.args
    return call.platform.runs.list(
        experiment=args.experiment, filter=args.filter, order_by=args.order_by, limit=args.limit, after=args.after
    )


def show(call: Call) -> RunDetail:
    return call.platform.runs.get(call.args.id)


def took(run: Run) -> Seconds | None:
    """How long the run took, once it has ended."""
    if run.started_at is None or run.ended_at is None:
        return None
    return Seconds((run.ended_at - run.started_at).total_seconds())


def show_runs(page: Page[Run]) -> list[Block]:
    names = list(dict.fromkeys(name for run in page.items for name in run.metrics))[:SHOWN_METRICS]
    rows: list[list[Value]] = [
        [
            run.id, run.name, run.experiment, State(run.status), run.started_at, took(run),
            *(run.metrics.get(name) for name in names),
        ]
        for run in page.items
    ]  # fmt: skip
    return [
        Table(
            ["id", "name", "experiment", "status", "started", "took", *names],
            rows,
            empty="No runs yet. Make one: %%mlplat run in a notebook, or jupyter mlplat jobs run NB",
            more=f"more: jupyter mlplat runs list --after {page.next}" if page.next else None,
        )
    ]


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
            ]
        )
    ]
    if run.metrics:
        blocks.append(Table(["metric", "last value"], sorted(run.metrics.items())))
    if run.parameters:
        blocks.append(Table(["parameter", "value"], sorted(run.parameters.items())))
    for heading, values in (
        ("data set", [str(one.get("name", one)) for one in getattr(run, "datasets", [])]),
        ("model", [str(one.get("uri") or one.get("name") or one) for one in getattr(run, "models", [])]),
        ("artifact", getattr(run, "artifacts", [])),
    ):
        if values:
            blocks.append(Table([heading], [[value] for value in values]))
    return blocks


COMMANDS = [
    Command(
        "runs", "list", "the runs, newest first", list_runs, show_runs,
        (
            argument("--experiment", metavar="E", help="only those of this experiment"),
            argument("--filter", metavar="F", help="MLflow's filter, like \"metrics.auc > 0.9\""),
            argument("--order-by", metavar="O", help="MLflow's order, like \"metrics.auc DESC\""),
            *LISTING,
        ),
        example="jupyter mlplat runs list --filter 'metrics.accuracy > 0.9' --order-by 'metrics.accuracy DESC'",
    ),
    Command(
        "runs", "show", "one run with its metrics, parameters, data and models", show, show_run,
        (argument("id", metavar="ID", help="the run's id"),),
    ),
]  # fmt: skip
