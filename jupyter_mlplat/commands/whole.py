"""The commands about the platform as a whole: demo, status, scheduler, stop."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .blocks import Block, Facts, State, Table, Text, Value
from .grammar import Call, Command, argument

if TYPE_CHECKING:
    from ..models import Status


def demo(call: Call) -> dict[str, Any]:
    from ..demo import open_lab, run_demo

    result = run_demo(call.platform, call.report.note)
    if call.args.open and result["ok"]:
        call.report.note(open_lab(call.platform, result["notebook"]))
    return result


def status(call: Call) -> Status:
    return call.platform.status()


def scheduler(call: Call) -> dict[str, Any]:
    from ..engine import run_engine

    call.report.note("the engine runs here until Ctrl-C")
    return {"exit_status": run_engine(call.platform, detached=False)}


def cluster(call: Call) -> dict[str, Any]:
    from ..dask_cluster import described

    return described()


def stop(call: Call) -> dict[str, Any]:
    from ..engine import request_stop
    from ..kernel.pool import Pool

    stopped: dict[str, Any] = request_stop(call.platform, jobs=call.args.jobs)
    Pool(call.platform.home).stop()
    return stopped


def show_demo(result: dict[str, Any]) -> list[Block]:
    rows: list[list[Value]] = [
        [one["step"], State("ok" if one["ok"] else "failed"), one["result"], one["seconds"]] for one in result["steps"]
    ]
    blocks: list[Block] = [Table(["step", "state", "result", "seconds"], rows)]
    if result["error"]:
        blocks.append(Text(f"{result['error']['step']} failed: {result['error']['message']}"))
    if result["look"]:
        blocks.append(Table(["look at", "with"], [[one["what"], one["command"]] for one in result["look"]]))
    blocks.append(Text(f"{'all steps ok' if result['ok'] else 'not all steps ok'}, {result['seconds']:.1f} s"))
    return blocks


def show_status(status: Status) -> list[Block]:
    engine = status.engine
    running = ", ".join(f"{number} {what}" for what, number in status.running.items()) or "nothing"
    facts: list[tuple[str, Value]] = [
        ("version", f"{status.version} (Python {status.python}, {status.platform})"),
        ("data", status.home),
        ("store", status.store),
        ("MLflow", status.tracking_uri),
        ("backend", status.backend),
        ("owner", status.owner),
        ("engine", f"process {engine.get('pid')}, since {engine.get('since')}" if engine else "not running"),
        ("running", running),
    ]
    rows: list[list[Value]] = [
        [one.name, State("ok" if one.available else "not available"), one.detail, one.hint] for one in status.parts
    ]
    return [Facts(facts), Table(["part", "state", "detail", "hint"], rows)]


def show_cluster(answer: dict[str, Any]) -> list[Block]:
    if not answer:
        return [Text("This notebook has no Dask cluster: client = mlplat.cluster(), or mlplat.cluster(gpus=2)")]
    rows: list[list[Value]] = [
        [one["name"], one["threads"], "yes" if one["gpu"] else "no"] for one in answer["workers"]
    ]
    dashboard = answer["dashboard"] if _has_bokeh() else "needs bokeh: pip install bokeh"
    return [
        Facts([("scheduler", answer["address"]), ("dashboard", dashboard)]),
        Table(["worker", "threads", "GPU"], rows, empty="No worker yet."),
    ]


def _has_bokeh() -> bool:
    from importlib.util import find_spec

    return find_spec("bokeh") is not None


def show_stopped(answer: dict[str, Any]) -> list[Block]:
    return [Facts([(name.replace("_", " "), _short(value)) for name, value in answer.items()])]


def _short(value: Any) -> Value:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return value if value is None or isinstance(value, str | int | float) else str(value)


def show_scheduler(answer: dict[str, Any]) -> list[Block]:
    return [Text("the engine has ended")]


def demo_outcome(result: dict[str, Any], args: argparse.Namespace) -> int:
    """1 where a step failed."""
    return 0 if result["ok"] else 1


def engine_outcome(answer: dict[str, Any], args: argparse.Namespace) -> int:
    """The engine's own exit status."""
    return int(answer["exit_status"])


COMMANDS = [
    Command(
        "", "demo", "the whole loop on real data: train, serve, predict, features, drift", demo, show_demo,
        (argument("--open", action="store_true", help="open JupyterLab on what it made"),),
        demo_outcome,
    ),
    Command("", "status", "versions, data, what runs, what is not available and why", status, show_status),
    Command(
        "", "scheduler", "the engine in the foreground, as a service", scheduler, show_scheduler, (), engine_outcome
    ),
    Command("", "cluster", "the Dask cluster that `mlplat.cluster()` opened here", cluster, show_cluster),
    Command(
        "", "stop", "end the engine with its clusters, warm kernels and endpoints", stop, show_stopped,
        (
            argument(
                "--jobs", choices=["wait", "cancel"], metavar="wait|cancel",
                help="what becomes of running jobs; without it a running job is a conflict",
            ),
        ),
    ),
]  # fmt: skip
