"""sweeps: one notebook at many points of its parameters."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from .blocks import Block, Facts, State, Table, Value
from .grammar import Call, Command, Stopped, argument
from .interrupts import noticing_interrupts
from .jobs import GIVEN, JOB_ARGUMENTS, LISTING, secrets
from .notify import notify_words, wishes
from .values import build, count, existing_file, read_mapping, split_pair, words

if TYPE_CHECKING:
    from ..models import Page, Sweep, SweepPoint, SweepStudy

SWEEP_ID = argument("id", metavar="ID", help="the sweep's id, as `sweeps list` shows it")


def run(call: Call) -> Sweep:
    from ..models import SweepSpec

    args = call.args
    notebook = existing_file(args.notebook, "the notebook", field="notebook")
    parameters, space = _parameters(call)
    strategy = "random" if args.random else "optuna" if args.optuna else "grid"
    fields = {
        "notebook": str(notebook),
        "parameters": parameters,
        "space": space,
        "strategy": strategy,
        "trials": args.random or args.optuna,
        **_objectives(args.metric or [], args.direction or []),
        "constraints": args.constraint,
        "sampler": args.sampler,
        "pruner": args.pruner,
        "parallel": args.parallel,
        "seed": args.seed,
        "retry_on": words(args.retry_on),
        "secrets": secrets(call),
        "notify": wishes(args.notify),
        **{name: getattr(args, name) for name in GIVEN},
    }
    spec = build(SweepSpec, **{name: value for name, value in fields.items() if value is not None})
    made = call.platform.sweeps.create(spec, owner=call.platform.user)
    return _follow(call, made.id) if args.wait else made


def _objectives(metrics: list[str], directions: list[str]) -> dict[str, Any]:
    """One metric, or several, each with its own direction or all with the same."""
    if len(directions) > 1 and len(directions) != len(metrics):
        raise Invalid(
            f"{len(metrics)} metrics have {len(directions)} directions",
            hint="give --direction once for all, or once after each --metric",
            fields={"direction": f"{len(directions)} of {len(metrics)}"},
        )
    if len(metrics) < 2:
        return {"metric": next(iter(metrics), None), "direction": next(iter(directions), None)}
    each = directions if len(directions) > 1 else (directions or ["maximize"]) * len(metrics)
    return {"objectives": [{"metric": one, "direction": way} for one, way in zip(metrics, each, strict=True)]}


def _parameters(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that all points share, and the space: what `-p` gives as a list, and every `--range`."""
    from ..services.jobs.parameters import coerce_text

    args = call.args
    schema = call.platform.jobs.schema(existing_file(args.notebook, "the notebook", field="notebook"))
    known = schema.get("properties", {})
    parameters = read_mapping(args.file) if args.file else {}
    space: dict[str, Any] = {}
    for pair in args.parameter or ():
        name, text = split_pair(pair, option="-p", field="parameters")
        values = _list(text)
        if values is None:
            parameters[name] = coerce_text(schema, name, text)
        else:
            space[name] = values
    for text in args.range or ():
        name, _, bounds = text.partition("=")
        low, _, high = bounds.partition(":")
        high, _, scale = high.partition(":")
        try:
            space[name] = {"low": float(low), "high": float(high), "log": {"": False, "log": True}[scale]}
        except (ValueError, KeyError):
            raise Invalid(
                f"--range: {text} is no range", hint="write NAME=LOW:HIGH, or NAME=LOW:HIGH:log", fields={"range": text}
            ) from None
    if not space and not args.optuna:
        raise Invalid(
            "there is nothing to sweep over",
            hint=f"give a list: -p '{next(iter(known), 'lr')}=[1, 2]'",
            fields={"parameters": "no list"},
        )
    return parameters, space


def _list(text: str) -> list[Any] | None:
    """A list in JSON, or one of bare words as YAML writes it; None where it is no list."""
    try:
        values = json.loads(text)
    except ValueError:
        if not (text.startswith("[") and text.endswith("]")):
            return None
        import yaml  # type: ignore[import-untyped]

        try:
            values = yaml.safe_load(text)
        except yaml.YAMLError:
            return None
    return values if isinstance(values, list) else None


def _follow(call: Call, sweep_id: str) -> Sweep:
    """Wait until a sweep has ended, telling how it gets on."""
    try:
        with noticing_interrupts() as pause:
            return call.platform.sweeps.wait(
                sweep_id,
                on_change=lambda sweep: call.report.note(f"sweep {sweep.id} {sweep.state}: {_counts(sweep)}"),
                pause=pause,
            )
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped waiting; sweep {sweep_id} goes on", hint=f"cancel it: jupyter mlplat sweeps cancel {sweep_id}"
        ) from None


def list_sweeps(call: Call) -> Page[Sweep]:
    args = call.args
    owner = call.platform.user if args.mine else None
    return call.platform.sweeps.list(limit=args.limit, after=args.after, owner=owner)


def show(call: Call) -> Sweep:
    return call.platform.sweeps.get(call.args.id)


def study(call: Call) -> SweepStudy:
    return call.platform.sweeps.study(call.args.id)


def cancel(call: Call) -> Sweep:
    return call.platform.sweeps.cancel(call.args.id)


def retry(call: Call) -> Sweep:
    made = call.platform.sweeps.retry(call.args.id)
    return _follow(call, made.id) if call.args.wait else made


def outcome(sweep: Sweep, args: argparse.Namespace) -> int:
    """0 where nobody waited or every point succeeded, else 1."""
    return 1 if args.wait and sweep.state != "succeeded" else 0


# --- how it looks -------------------------------------------------------------------------------


def _counts(sweep: Sweep) -> str:
    told = ", ".join(f"{count} {state}" for state, count in sweep.counts.items())
    return f"{told or 'no point yet'} of {sweep.trials}"


def _point(point: SweepPoint | None) -> str | None:
    if point is None:
        return None
    place = ", ".join(f"{name}={value!r}" for name, value in point.point.items())
    return place if point.value is None else f"{place} ({point.value:.4g}, job {point.job_id})"


def show_sweeps(page: Page[Sweep]) -> list[Block]:
    rows: list[list[Value]] = [
        [one.id, one.name, State(one.state), _counts(one), _point(one.best), one.created_at, one.owner]
        for one in page.items
    ]
    return [
        Table(
            ["id", "name", "state", "points", "best", "created", "owner"],
            rows,
            empty="No sweeps yet. Make one: jupyter mlplat sweeps run NB -p 'lr=[0.1, 0.01]'",
            more=f"more: jupyter mlplat sweeps list --after {page.next}" if page.next else None,
        )
    ]


def show_sweep(one: Sweep) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("sweep", one.id),
        ("name", one.name),
        ("state", State(one.state)),
        ("message", one.message),
        ("notebook", one.notebook),
        ("points", _counts(one)),
        ("strategy", _strategy(one)),
        ("metric", ", ".join(f"{each.direction} {each.metric}" for each in one.objectives) or None),
        ("constraints", ", ".join(one.constraints) or None),
        ("at a time", one.parallel),
        ("best", _point(one.best)),
        ("study", one.study_code),
        ("dashboard", one.study_dashboard),
        ("owner", one.owner),
        ("tells", notify_words(one.options.notify)),
    ]
    rows: list[list[Value]] = [
        [
            each.job_id,
            State(each.state),
            *map(_cell, each.point.values()),
            *(each.values if len(one.objectives) > 1 else [each.value]),
            _mark(one, each),
        ]
        for each in one.points
    ]
    names = list(one.points[0].point) if one.points else []
    metrics = [each.metric for each in one.objectives] or ["metric"]
    return [Facts(facts), Table(["job", "state", *names, *metrics, ""], rows, empty="No point yet.")]


def show_study(one: SweepStudy) -> list[Block]:
    shares = sorted((one.importance or {}).items(), key=lambda each: -each[1])
    names = list(dict.fromkeys(name for trial in one.trials for name in trial.params))
    metrics = max((len(trial.values) for trial in one.trials), default=0)
    rows: list[list[Value]] = [
        [
            str(trial.number),
            State(trial.state),
            trial.job_id,
            *(_cell(trial.params[name]) if name in trial.params else None for name in names),
            *(trial.values or [None] * metrics),
            len(trial.intermediate) or None,
            "best" if trial.number in one.front else None,
        ]
        for trial in one.trials
    ]
    values = ["value"] if metrics < 2 else [f"value {at}" for at in range(1, metrics + 1)]
    return [
        Table(
            ["parameter", "importance"],
            [[name, f"{share:.1%}"] for name, share in shares],
            empty="Importance takes five trials that ran to their end, and that differ.",
        ),
        Table(["trial", "state", "job", *names, *values[:metrics], "reports", ""], rows, empty="No trial yet."),
    ]


def _strategy(one: Sweep) -> str:
    if one.strategy != "optuna":
        return one.strategy
    return f"optuna, sampler {one.sampler}" + ("" if one.pruner == "none" else f", pruner {one.pruner}")


def _cell(value: object) -> str | int | float:
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _mark(one: Sweep, point: SweepPoint) -> str | None:
    if one.best is not None and point.job_id == one.best.job_id:
        return "best"
    if point.front:
        return "front"
    if point.pruned_at is not None:
        return f"at step {point.pruned_at}"
    return "breaks a constraint" if point.feasible is False else None


COMMANDS = [
    Command(
        "sweeps", "run", "run a notebook at many points of its parameters", run, show_sweep,
        (
            *JOB_ARGUMENTS,
            argument("--grid", action="store_true", help="every combination of the lists that -p gives (the default)"),
            argument("--random", type=count, metavar="N", help="N points of them"),
            argument("--optuna", type=count, metavar="N", help="N points that Optuna chooses by --metric"),
            argument("--range", action="append", metavar="NAME=LOW:HIGH[:log]", help="a range, for --random, --optuna"),
            argument("--metric", action="append", metavar="M", help="what the best is the best of; several times"),
            argument(
                "--direction", action="append", choices=("minimize", "maximize"),
                help="which values are better (maximize); once, or for each metric",
            ),
            argument("--constraint", action="append", metavar="BOUND", help="what good points keep: 'latency <= 0.2'"),
            argument(
                "--sampler", choices=("tpe", "random", "gp", "cmaes", "nsgaii", "qmc"), help="how Optuna chooses (tpe)"
            ),
            argument(
                "--pruner", choices=("median", "halving", "hyperband", "none"),
                help="which points mlplat.report ends early, with --optuna (median)",
            ),
            argument("--parallel", type=count, metavar="K", help="points that run at the same time"),
            argument("--seed", type=int, metavar="N", help="of --random and --optuna (0)"),
            argument("--wait", action="store_true", help="wait until it has ended; exit status 1 unless all succeeded"),
        ),
        outcome,
        "jupyter mlplat sweeps run train.ipynb -p 'lr=[0.1, 0.01]' -p 'layers=[1, 2]' --metric auc",
    ),
    Command(
        "sweeps", "list", "the sweeps, newest first", list_sweeps, show_sweeps,
        (*LISTING, argument("--mine", action="store_true", help="only your own")),
    ),
    Command("sweeps", "show", "one sweep with its points and the best one", show, show_sweep, (SWEEP_ID,)),
    Command("sweeps", "study", "its trials in Optuna, and which parameters matter", study, show_study, (SWEEP_ID,)),
    Command("sweeps", "cancel", "end all of its jobs", cancel, show_sweep, (SWEEP_ID,)),
    Command(
        "sweeps", "retry", "run the points again that did not succeed", retry, show_sweep,
        (SWEEP_ID, argument("--wait", action="store_true", help="wait until it has ended")),
        outcome,
    ),
]  # fmt: skip
