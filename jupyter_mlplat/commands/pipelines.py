"""pipelines: a graph of notebooks, each of which runs as a job."""

from __future__ import annotations

import argparse
import difflib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from .blocks import Block, Facts, Seconds, State, Table, Value
from .grammar import Call, Command, Stopped, argument
from .interrupts import noticing_interrupts
from .jobs import LISTING
from .values import existing_file, split_pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..models import Page, Pipeline, PipelineNodeRun, PipelineSpec

PIPELINE_ID = argument("id", metavar="ID", help="the pipeline's id, as `pipelines list` shows it")


def run(call: Call) -> Pipeline | dict[str, Any]:
    args = call.args
    spec = read_spec(call)
    if args.check:
        nodes = call.platform.pipelines.check(spec)
        return {"name": spec.name, "parameters": spec.parameters, "nodes": nodes}
    made = call.platform.pipelines.create(spec, owner=call.platform.user)
    return _follow(call, made.id) if args.wait else made


def read_spec(call: Call) -> PipelineSpec:
    """The pipeline in the file, with the name and the parameters that were given beside it. Raises `Invalid`."""
    from ..services.jobs.pipelines import read_pipeline, with_given

    args = call.args
    spec = read_pipeline(existing_file(args.file, "the pipeline file", field="file"))
    pairs = dict(split_pair(pair, option="-p", field="parameters") for pair in args.parameter or ())
    if not pairs:
        return with_given(spec, args.name, {})
    known = call.platform.pipelines.schema(spec)
    return with_given(spec, args.name, {name: _value(known, name, text) for name, text in pairs.items()})


def _value(schema: Mapping[str, Any], name: str, text: str) -> Any:
    from ..services.jobs.parameters import coerce_text

    known = schema["properties"]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        raise Invalid(
            f"no node refers to the parameter {name!r}",
            hint=f"did you mean {close[0]}?"
            if close
            else f"the pipeline's parameters are {', '.join(known) or 'none'}",
            fields={f"parameters.{name}": "is not used"},
        )
    return coerce_text(schema, name, text)


def _follow(call: Call, pipeline_id: str) -> Pipeline:
    """Wait until a pipeline has ended, telling how it gets on."""
    said = ""

    def tell(pipeline: Pipeline) -> None:
        nonlocal said
        line = f"pipeline {pipeline.id} {pipeline.state}: {_counts(pipeline)}"
        if line != said:
            call.report.note(line)
        said = line

    try:
        with noticing_interrupts() as pause:
            return call.platform.pipelines.wait(pipeline_id, on_change=tell, pause=pause)
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped waiting; pipeline {pipeline_id} goes on",
            hint=f"cancel it: jupyter mlplat pipelines cancel {pipeline_id}",
        ) from None


def list_pipelines(call: Call) -> Page[Pipeline]:
    args = call.args
    owner = call.platform.user if args.mine else None
    return call.platform.pipelines.list(limit=args.limit, after=args.after, owner=owner)


def show(call: Call) -> Pipeline:
    return call.platform.pipelines.get(call.args.id)


def cancel(call: Call) -> Pipeline:
    return call.platform.pipelines.cancel(call.args.id)


def retry(call: Call) -> Pipeline:
    made = call.platform.pipelines.retry(call.args.id)
    return _follow(call, made.id) if call.args.wait else made


def outcome(value: Pipeline | dict[str, Any], args: argparse.Namespace) -> int:
    """0 where nobody waited or the pipeline succeeded, else 1."""
    return 1 if args.wait and not isinstance(value, dict) and value.state != "succeeded" else 0


# --- how it looks -------------------------------------------------------------------------------


def _counts(pipeline: Pipeline) -> str:
    return ", ".join(f"{count} {state}" for state, count in pipeline.counts.items()) or "nothing yet"


def _took(one: PipelineNodeRun) -> Seconds | None:
    if one.started_at is None:
        return None
    return Seconds(((one.ended_at or datetime.now(UTC)) - one.started_at).total_seconds())


def show_pipelines(page: Page[Pipeline]) -> list[Block]:
    rows: list[list[Value]] = [
        [one.id, one.name, State(one.state), _counts(one), one.message, one.created_at, one.owner] for one in page.items
    ]
    return [
        Table(
            ["id", "name", "state", "nodes", "message", "created", "owner"],
            rows,
            empty="No pipelines yet. Run one: jupyter mlplat pipelines run FILE.yaml",
            more=f"more: jupyter mlplat pipelines list --after {page.next}" if page.next else None,
        )
    ]


def show_run(value: Pipeline | dict[str, Any]) -> list[Block]:
    return show_check(value) if isinstance(value, dict) else show_pipeline(value)


def show_check(value: dict[str, Any]) -> list[Block]:
    nodes: Sequence[PipelineNodeRun] = value["nodes"]
    rows: list[list[Value]] = [[one.name, _needs(one), _run_if(one), one.notebook] for one in nodes]
    facts: list[tuple[str, Value]] = [
        ("pipeline", value["name"]),
        ("parameters", _parameters(value["parameters"])),
        ("state", "can run; nothing was started"),
    ]
    return [Facts(facts), Table(["node", "needs", "runs if", "notebook"], rows)]


def show_pipeline(one: Pipeline) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("pipeline", one.id),
        ("name", one.name),
        ("state", State(one.state)),
        ("message", one.message),
        ("nodes", _counts(one)),
        ("parameters", _parameters(one.parameters)),
        ("created", one.created_at),
        ("took", Seconds((one.ended_at - one.created_at).total_seconds()) if one.ended_at else None),
        ("owner", one.owner),
    ]
    rows: list[list[Value]] = [
        [
            each.name, State(each.state or "waiting"), _needs(each), _run_if(each), _took(each), each.job_id,
            (each.message or "").strip().rpartition("\n")[2],
        ]
        for each in one.nodes
    ]  # fmt: skip
    return [Facts(facts), Table(["node", "state", "needs", "runs if", "took", "job", "message"], rows)]


def _needs(node: PipelineNodeRun) -> str | None:
    return ", ".join(node.needs) or None


def _run_if(node: PipelineNodeRun) -> str | None:
    return str(node.run_if).replace("_", " ") if node.needs else None


def _parameters(parameters: Mapping[str, Any]) -> str | None:
    return ", ".join(f"{name}={value!r}" for name, value in parameters.items()) or None


COMMANDS = [
    Command(
        "pipelines", "run", "run a graph of notebooks", run, show_run,
        (
            argument("file", metavar="FILE", help="path of the YAML file with the nodes"),
            argument("-p", "--parameter", action="append", metavar="NAME=VALUE", help="value of a parameter"),
            argument("--name", metavar="N", help="how lists show it (the name in the file, or the file's)"),
            argument("--check", action="store_true", help="start nothing: say whether it can run, and in which order"),
            argument("--wait", action="store_true", help="wait until it has ended; exit status 1 unless it succeeded"),
        ),
        outcome,
        "jupyter mlplat pipelines run pipeline.yaml -p dataset=wine --wait",
    ),
    Command(
        "pipelines", "list", "the pipelines, newest first", list_pipelines, show_pipelines,
        (*LISTING, argument("--mine", action="store_true", help="only your own")),
    ),
    Command("pipelines", "show", "one pipeline with its nodes", show, show_pipeline, (PIPELINE_ID,)),
    Command(
        "pipelines", "cancel", "end its jobs and start no more", cancel, show_pipeline, (PIPELINE_ID,),
    ),
    Command(
        "pipelines", "retry", "run the nodes again that did not succeed", retry, show_pipeline,
        (PIPELINE_ID, argument("--wait", action="store_true", help="wait until it has ended")),
        outcome,
    ),
]  # fmt: skip
