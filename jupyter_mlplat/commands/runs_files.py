"""runs metric, artifacts, download: what a run has left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import Invalid
from .blocks import Block, Bytes, Facts, Table, Text, Value
from .grammar import Call, Command, argument
from .jobs_shown import show_submitted
from .runs_changes import ID

if TYPE_CHECKING:
    from ..models import ArtifactPage, Job, RunCurve

SHOWN_POINTS = 20


def metric(call: Call) -> RunCurve:
    return call.platform.runs.curves.get(call.args.id, call.args.key, points=call.args.points)


def artifacts(call: Call) -> ArtifactPage:
    return call.platform.runs.artifacts.entries(call.args.id, call.args.folder or "")


def download(call: Call) -> dict[str, Any]:
    args = call.args
    with call.platform.runs.artifacts.reading(args.id, args.path) as found:
        target = _write(args.to, found.name, lambda file: shutil.copyfileobj(found.file, file))
        return {"path": str(target), "size": found.size}


def _write(to: str | None, name: str, fill: Callable[[BinaryIO], object]) -> Path:
    """Write a file, called `name` where `to` is a folder or nothing. Raises `Invalid`."""
    target = Path(to or name).expanduser().absolute()
    if target.is_dir():
        target = target / name
    try:
        with open(target, "wb") as file:
            fill(file)
    except OSError as error:
        raise Invalid(
            f"{target} cannot be written: {error.strerror or error}",
            hint="give the path of a file in a folder that is there: --to FILE",
            fields={"to": "cannot be written"},
        ) from None
    return target


def notebook(call: Call) -> dict[str, Any]:
    args = call.args
    name, content = call.platform.runs.artifacts.notebook(args.id)
    return {"path": str(_write(args.to, name, lambda file: file.write(content))), "size": len(content)}


def rerun(call: Call) -> Job:
    return call.platform.reruns.submit(call.args.id, owner=call.platform.user)


def show_curve(curve: RunCurve) -> list[Block]:
    if not curve.count:
        return [Text(f"run {curve.run_id} has no metric {curve.key}")]
    rows: list[list[Value]] = [
        [step, datetime.fromtimestamp(time / 1000, UTC), value]
        for step, time, value in zip(curve.step, curve.time, curve.value, strict=True)
    ]
    more = f"{len(rows)} of {curve.count} points: --points N" if len(rows) < curve.count else None
    return [
        Facts([("run", curve.run_id), ("metric", curve.key), ("points", curve.count)]),
        Table(["step", "time", "value"], rows, more=more),
    ]


def show_artifacts(page: ArtifactPage) -> list[Block]:
    rows: list[list[Value]] = [
        [f"{one.path}/" if one.is_dir else one.path, None if one.size is None else Bytes(one.size)]
        for one in page.items
    ]
    return [Table(["path", "size"], rows, empty="There are no files.")]


def show_downloaded(result: dict[str, Any]) -> list[Block]:
    return [Text(result["path"])]


TO = argument("--to", metavar="FILE", help="file or folder to write it to (its own name, here)")

COMMANDS = [
    Command(
        "runs", "metric", "one metric of a run over its steps", metric, show_curve,
        (
            ID,
            argument("key", metavar="KEY", help="the metric's name"),
            argument(
                "--points", type=int, default=SHOWN_POINTS, metavar="N",
                help=f"at most so many, from 10 on ({SHOWN_POINTS}); no peak is lost",
            ),
        ),
        example="jupyter mlplat runs metric ID loss --points 200",
    ),
    Command(
        "runs", "artifacts", "the files of a run", artifacts, show_artifacts,
        (ID, argument("folder", nargs="?", metavar="FOLDER", help="only what is in this folder of them")),
    ),
    Command(
        "runs", "download", "write a file of a run to this machine's disk", download, show_downloaded,
        (
            ID,
            argument("path", metavar="PATH", help="its path, as `runs artifacts` shows it"),
            TO,
        ),
    ),
    Command(
        "runs", "notebook", "write the notebook of a run, as it was executed, to this machine's disk", notebook,
        show_downloaded, (ID, TO),
    ),
    Command(
        "runs", "rerun", "run again what a run ran, with its parameters, as a job", rerun, show_submitted, (ID,),
    ),
]  # fmt: skip
