"""runs compare, runs diff, runs importance: several runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .blocks import Block, Facts, State, Table, Text, Value
from .grammar import Call, Command, argument
from .jobs_changes import differences_table

if TYPE_CHECKING:
    from ..models import RunComparison, RunDifference, RunImportance

PARTS = (
    ("source", "source"), ("parameters", "parameter"), ("metrics", "metric"), ("data", "data set"),
    ("models", "model"), ("tags", "tag"),
)  # fmt: skip


def compare(call: Call) -> RunComparison:
    return call.platform.runs.comparing.rows(call.args.ids, every=call.args.all)


def diff(call: Call) -> RunDifference:
    return call.platform.runs.comparing.difference(call.args.before, call.args.after)


def importance(call: Call) -> RunImportance:
    args, runs = call.args, call.platform.runs
    ids = args.ids or [run.id for run in runs.list(experiment=args.experiment, filter=args.filter, limit=1000).items]
    return runs.importance.of(ids, args.metric)


def show_comparison(comparison: RunComparison) -> list[Block]:
    runs = comparison.runs
    letters = [f"run {number}" for number in range(1, len(runs) + 1)]
    blocks: list[Block] = [
        Table(
            ["", "id", "name", "experiment", "status", "started"],
            [
                [letter, run.id, run.name, run.experiment, State(run.status), run.started_at]
                for letter, run in zip(letters, runs, strict=True)
            ],
        )
    ]
    for part, heading in PARTS:
        rows: list[list[Value]] = [[row.key, *row.values] for row in getattr(comparison, part)]
        if rows:
            blocks.append(Table([heading, *letters], rows))
    if len(blocks) == 1:
        blocks.append(Text("They do not differ. Everything: --all"))
    return blocks


def show_difference(difference: RunDifference) -> list[Block]:
    before, after = difference.before, difference.after
    blocks: list[Block] = [Facts([("then", f"{before.id} ({before.name})"), ("now", f"{after.id} ({after.name})")])]
    for heading, found in (
        ("source", difference.source),
        ("parameter", difference.parameters),
        ("metric", difference.metrics),
        ("data set", difference.data),
        ("environment", difference.environment),
    ):
        if found:
            blocks.append(differences_table(heading, found))
    if difference.code:
        blocks.append(Text(difference.code.rstrip("\n")))
    elif not any(note.startswith("code:") for note in difference.notes):
        blocks.append(Text("The code is the same."))
    if difference.notes:
        blocks.append(Text("\n".join(f"not compared: {note}" for note in difference.notes)))
    return blocks


def show_importance(found: RunImportance) -> list[Block]:
    explained = f"{max(0.0, found.explained):.0%}" if found.explained is not None else None
    rows: list[list[Value]] = [
        [one.name, f"{one.share:.1%}", None if one.correlation is None else f"{one.correlation:+.2f}"]
        for one in found.parameters
    ]
    return [
        Facts([("metric", found.metric), ("runs", found.runs), ("foretold by them", explained)]),
        Table(["parameter", "importance", "correlation"], rows, empty=found.message or "No parameter."),
    ]


COMMANDS = [
    Command(
        "runs", "compare", "runs side by side: what differs", compare, show_comparison,
        (
            argument("ids", nargs="+", metavar="ID", help="two runs or more"),
            argument("--all", action="store_true", help="what is the same, too"),
        ),
        example="jupyter mlplat runs compare RUN RUN RUN",
    ),
    Command(
        "runs", "importance", "how much each parameter has to do with a metric", importance, show_importance,
        (
            argument("ids", nargs="*", metavar="ID", help="five runs or more; by default the newest 1000"),
            argument("--metric", required=True, metavar="M", help="what the parameters have to do with"),
            argument("--experiment", metavar="E", help="without ids: name or id of an experiment"),
            argument("--filter", metavar="F", help="without ids: MLflow's search syntax"),
        ),
        example="jupyter mlplat runs importance --experiment ctr --metric auc",
    ),
    Command(
        "runs", "diff", "what is new in a run: parameters, metrics, packages, code", diff, show_difference,
        (
            argument("before", metavar="BEFORE", help="the run that it is compared with"),
            argument("after", metavar="AFTER", help="the run"),
        ),
    ),
]  # fmt: skip
