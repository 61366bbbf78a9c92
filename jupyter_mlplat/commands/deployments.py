"""deployments: models behind an address."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from ..errors import Conflict, Invalid, Unavailable
from .blocks import Block, Facts, State, Table, Text, Value
from .gpu_arguments import GPU_ARGUMENTS, given
from .grammar import Call, Command, Stopped, argument
from .jobs import FOLLOW_S, LISTING, whole_log
from .jobs_shown import show_log
from .lease_words import asked_words, gpu_words
from .values import build, existing_file, plain, read_json, read_text, seconds

if TYPE_CHECKING:
    from ..models import Deployment, JobLog, Page

DEPLOYMENT = argument("name", metavar="NAME", help="the deployment's name")


def create(call: Call) -> Deployment:
    from ..models import DeploymentSpec

    args = call.args
    if args.target in ("docker", "kubernetes"):
        raise Unavailable(f"the serving target {args.target} is not in this version", hint="use --target local")
    spec = build(DeploymentSpec, name=args.name, model=args.model, target=args.target, **given(args))
    made = call.platform.deployments.create(spec, owner=call.platform.user)
    if args.no_wait:
        return made
    call.report.note(_standing(made))
    try:
        return call.platform.deployments.wait_ready(
            made.name, timeout=args.timeout, on_change=lambda one: call.report.note(_standing(one))
        )
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped waiting; deployment {made.name} goes on",
            hint=f"delete it: jupyter mlplat deployments delete {made.name}",
        ) from None


def _standing(one: Deployment) -> str:
    return f"deployment {one.name} is {one.state}" + (f": {one.message}" if one.message else "")


def list_deployments(call: Call) -> Page[Deployment]:
    return call.platform.deployments.list(limit=call.args.limit, after=call.args.after)


def show(call: Call) -> Deployment:
    return call.platform.deployments.get(call.args.name)


def delete(call: Call) -> Deployment:
    name = call.args.name
    found = call.platform.deployments.get(name)
    question = f"Delete deployment {name}? {found.url or 'Its address'} stops answering; the model stays."
    if not call.args.yes and not call.report.confirm(question):
        raise Conflict(f"deployment {name} was not deleted", hint="say yes, or give --yes")
    return call.platform.deployments.delete(name)


def predict(call: Call) -> dict[str, Any]:
    args = call.args
    answer: dict[str, Any] = call.platform.deployments.predict(args.name, _body(call))
    return answer


def _body(call: Call) -> dict[str, Any]:
    args = call.args
    if args.example:
        body: Any = call.platform.deployments.get(args.name).example
        if body is None:
            raise Invalid(f"deployment {args.name} has no example", hint="give a body with --data or --file")
        return dict(body)
    if args.data is not None:
        text = args.data
    elif args.file == "-":
        text = sys.stdin.read()
    else:
        text = read_text(existing_file(args.file, "the request", field="file"), "the request", field="file")
    body = read_json(text, "the request", field="data")
    if not isinstance(body, dict):
        raise Invalid(
            "the request is no JSON object",
            hint='write {"dataframe_records": [{"column": 1}]}, or try --example',
            fields={"data": "no object"},
        )
    return body


def logs(call: Call) -> JobLog:
    deployments, args = call.platform.deployments, call.args
    if not args.follow:
        return whole_log(lambda offset: deployments.log(args.name, offset=offset))
    offset = 0
    try:
        while True:
            log = deployments.log(args.name, offset=offset)
            offset = log.offset
            if log.text:
                call.report.log(log.text)
            elif log.ended:
                break
            else:
                time.sleep(FOLLOW_S)
    except KeyboardInterrupt:
        raise Stopped(f"stopped reading; deployment {args.name} goes on") from None
    return whole_log(lambda offset: deployments.log(args.name, offset=offset)) if args.json else log


# --- how it looks -------------------------------------------------------------------------------


def _versions(one: Deployment) -> str:
    return ", ".join(f"{version.model}/{version.version} {version.traffic}%" for version in one.versions)


def _gpus(one: Deployment) -> str | None:
    """What it has, or its place in the queue."""
    if one.lease is not None and one.lease.position is not None:
        return f"number {one.lease.position} in the queue"
    return asked_words(one.lease) if one.lease is not None else gpu_words(one)


def show_deployments(page: Page[Deployment]) -> list[Block]:
    rows: list[list[Value]] = [
        [one.name, State(one.state), one.url, _versions(one), _gpus(one), one.restarts, one.created_at, one.owner]
        for one in page.items
    ]
    return [
        Table(
            ["name", "state", "url", "versions", "GPUs", "restarts", "created", "owner"],
            rows,
            empty="No deployments yet. Make one: jupyter mlplat deployments create NAME --model models:/m/1",
            more=f"more: jupyter mlplat deployments list --after {page.next}" if page.next else None,
        )
    ]


def show_deployment(one: Deployment) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("deployment", one.name),
        ("state", State(one.state)),
        ("message", one.message),
        ("url", one.url),
        ("token file", one.token_file),
        ("versions", _versions(one)),
        ("GPUs", gpu_words(one)),
        ("target", one.target),
        ("restarts", one.restarts or None),
        ("created", one.created_at),
        ("owner", one.owner),
    ]
    blocks: list[Block] = [Facts(facts)]
    if one.state == "ready":
        blocks.append(Text(f"try it: jupyter mlplat deployments predict {one.name} --example"))
    return blocks


def show_deleted(one: Deployment) -> list[Block]:
    return [Text(f"deployment {one.name} is deleted")]


def show_prediction(answer: dict[str, Any]) -> list[Block]:
    predictions = answer["predictions"] if set(answer) == {"predictions"} else None
    if isinstance(predictions, list) and all(isinstance(one, str | int | float) for one in predictions):
        return [Table(["prediction"], [[one] for one in predictions])]
    return [Text(json.dumps(plain(answer), indent=2, allow_nan=False))]


def failed_outcome(one: Deployment, args: argparse.Namespace) -> int:
    """1 where the endpoint did not come up."""
    return 1 if one.state in ("failed", "stopped") else 0


COMMANDS = [
    Command(
        "deployments", "create", "serve a registered model", create, show_deployment,
        (
            DEPLOYMENT,
            argument("--model", required=True, metavar="URI", help="models:/name/version or models:/name@alias"),
            *GPU_ARGUMENTS,
            argument("--target", default="local", metavar="TARGET", help="where it runs: local"),
            argument("--no-wait", action="store_true", help="return before it answers"),
            argument("--timeout", type=seconds, default=120.0, metavar="TIME", help="how long to wait for it (2m)"),
        ),
        failed_outcome,
        "jupyter mlplat deployments create churn --model models:/churn@champion",
    ),
    Command("deployments", "list", "the deployments", list_deployments, show_deployments, LISTING),
    Command("deployments", "show", "one deployment: address, state, versions", show, show_deployment, (DEPLOYMENT,)),
    Command("deployments", "delete", "end a deployment and forget it", delete, show_deleted, (DEPLOYMENT,)),
    Command(
        "deployments", "predict", "ask a deployment for predictions", predict, show_prediction,
        (DEPLOYMENT,),
        example="jupyter mlplat deployments predict churn --example",
        one_of=(
            argument("--data", metavar="JSON", help="the /invocations body"),
            argument("--file", metavar="FILE", help="a file with it; - is stdin"),
            argument("--example", action="store_true", help="the deployment's own example"),
        ),
    ),
    Command(
        "deployments", "logs", "what an endpoint printed", logs, show_log,
        (DEPLOYMENT, argument("--follow", action="store_true", help="go on until it ends")),
    ),
]  # fmt: skip
