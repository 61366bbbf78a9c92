"""jobs: run a notebook, watch it, read what it left."""

from __future__ import annotations

import argparse
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from .gpu_arguments import GPU_ARGUMENTS, GPU_FIELDS
from .grammar import Call, Command, Stopped, argument
from .interrupts import noticing_interrupts
from .jobs_changes import show_changes
from .jobs_shown import (
    show_cells,
    show_job,
    show_jobs,
    show_log,
    show_output,
    show_schema,
    show_submitted,
)
from .notify import NOTIFY, wishes
from .prune import ARGUMENTS as DELETE_ARGUMENTS
from .prune import delete, show_deleted
from .values import build, count, delay, existing_file, read_mapping, seconds, size, split_pair, words

if TYPE_CHECKING:
    from ..models import Job, JobChanges, JobLog, Page

FOLLOW_S = 0.25

JOB_ID = argument("id", metavar="ID", help="the job's id, as `jobs list` shows it")
NOTEBOOK = argument("notebook", metavar="NB", help="path of the notebook")
GIVEN = (
    "name", "timeout", "cell_timeout", "deadline", "priority", "retries", "retry_delay", "memory", "resume", "autolog",
    "interruptible", *GPU_FIELDS,
)  # fmt: skip
JOB_ARGUMENTS = (
    NOTEBOOK,
    argument("-p", "--parameter", action="append", metavar="NAME=VALUE", help="value of a parameter"),
    argument("-f", "--file", metavar="FILE", help="parameters as JSON or YAML; -p wins"),
    argument("--name", metavar="N", help="how lists show it (the notebook's name)"),
    argument("--timeout", type=seconds, metavar="TIME", help="how long an attempt may take: 2h, 10m, 30s"),
    argument("--cell-timeout", type=seconds, metavar="TIME", help="how long a cell may take"),
    argument("--deadline", type=seconds, metavar="TIME", help="how long it may take from submission, with all retries"),
    argument("--priority", type=int, metavar="N", help="higher runs first (0)"),
    argument("--retries", type=int, metavar="N", help="further attempts after one that failed (0)"),
    argument("--retry-delay", type=delay, metavar="TIME", help="before the first retry; doubles each time (30s)"),
    argument("--memory", type=size, metavar="SIZE", help="that all of its processes may have together: 16G, 500M"),
    *GPU_ARGUMENTS,
    argument(
        "--interruptible",
        action="store_true",
        default=None,
        help="its devices may be taken back; it goes on from its last checkpoint",
    ),
    argument(
        "--secret", action="append", metavar="NAME=REF", help="a secret parameter: NAME=env:VAR or NAME=file:PATH"
    ),
    argument("--retry-on", action="append", metavar="REASON", help="retry on these reasons only"),
    argument("--no-resume", dest="resume", action="store_false", default=None, help="retries use no checkpoint"),
    argument(
        "--no-autolog", dest="autolog", action="store_false", default=None, help="models are not logged by themselves"
    ),
    NOTIFY,
)
"""A notebook, and how it is run."""

LISTING = (
    argument("--limit", type=count, default=50, metavar="N", help="at most this many (50)"),
    argument("--after", metavar="CURSOR", help="go on where the list before ended: its `next`"),
)


def run(call: Call) -> Job:
    from ..models import JobSpec

    args = call.args
    spec = build(JobSpec, **job_fields(call))
    job = call.platform.jobs.submit(spec, owner=call.platform.user)
    if args.wait or args.stream:
        call.report.note(f"job {job.id} is {job.state}")
        return follow(call, job.id, stream=args.stream)
    return job


def job_fields(call: Call) -> dict[str, Any]:
    """What a job is asked for, from `JOB_ARGUMENTS`: only what the user gave, so that the notebook's own stays."""
    args = call.args
    notebook = existing_file(args.notebook, "the notebook", field="notebook")
    fields = {
        "notebook": str(notebook),
        "parameters": _parameters(call, notebook),
        "retry_on": words(args.retry_on),
        "secrets": secrets(call),
        "notify": wishes(args.notify),
        **{name: getattr(args, name) for name in GIVEN},
    }
    return {name: value for name, value in fields.items() if value is not None}


def secrets(call: Call) -> dict[str, str] | None:
    """Where the secrets are, by parameter; None where none was given."""
    found: dict[str, str] = {}
    for pair in call.args.secret or ():
        name, equals, where = pair.partition("=")
        if not equals or not where.startswith(("env:", "file:")):
            # Not repeated: it may be the secret itself.
            raise Invalid(
                "--secret says where a secret is, never what it is",
                hint="write --secret NAME=env:VARIABLE or --secret NAME=file:PATH",
                fields={"secrets": "no reference"},
            )
        found[name.strip()] = where
    return found or None


def _parameters(call: Call, notebook: Path) -> dict[str, Any]:
    args = call.args
    parameters = read_mapping(args.file) if args.file else {}
    if args.parameter:
        from ..services.jobs.parameters import coerce_text

        schema = call.platform.jobs.schema(notebook)
        for pair in args.parameter:
            name, text = split_pair(pair, option="-p", field="parameters")
            parameters[name] = coerce_text(schema, name, text)
    return parameters


def follow(call: Call, job_id: str, *, stream: bool = False) -> Job:
    """Report every change of a job, with `stream` its log instead, until it has ended. Raises `Stopped` on Ctrl-C."""
    jobs = call.platform.jobs
    jobs.get(job_id)
    left = threading.Event()
    copier = threading.Thread(target=_copy_log, args=(call, job_id, left), name="log", daemon=True)
    try:
        with noticing_interrupts() as pause:
            if not stream:
                return jobs.wait(job_id, on_change=call.report.job, pause=pause)
            copier.start()
            job = jobs.wait(job_id, pause=pause)
            copier.join()
            return job
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped waiting; job {job_id} goes on", hint=f"cancel it: jupyter mlplat jobs cancel {job_id}"
        ) from None
    finally:
        left.set()


def _copy_log(call: Call, job_id: str, left: threading.Event) -> None:
    offset = 0
    while not left.is_set():
        log = call.platform.jobs.log(job_id, offset=offset)
        offset = log.offset
        if log.text:
            call.report.log(log.text)
        elif log.ended:
            return
        else:
            left.wait(FOLLOW_S)


def list_jobs(call: Call) -> Page[Job]:
    args = call.args
    owner = call.platform.user if args.mine else None
    return call.platform.jobs.list(
        limit=args.limit,
        after=args.after,
        state=args.state,
        owner=owner,
        schedule=args.schedule,
        sweep=args.sweep,
        pipeline=args.pipeline,
        name=args.name,
    )


def show(call: Call) -> Job:
    return call.platform.jobs.get(call.args.id)


def retry(call: Call) -> Job:
    args = call.args
    job = call.platform.jobs.retry(args.id, owner=call.platform.user, edited=args.edited, from_start=args.from_start)
    if call.args.wait or call.args.stream:
        call.report.note(f"job {job.id} is {job.state}")
        return follow(call, job.id, stream=call.args.stream)
    return job


def cancel(call: Call) -> Job:
    job = call.platform.jobs.cancel(call.args.id)
    return follow(call, job.id) if call.args.wait else job


def logs(call: Call) -> JobLog:
    if call.args.follow:
        follow(call, call.args.id, stream=True)
        if not call.args.json:
            return call.platform.jobs.log(call.args.id, offset=1 << 62)
    return whole_log(lambda offset: call.platform.jobs.log(call.args.id, offset=offset))


def whole_log(read: Callable[[int], JobLog]) -> JobLog:
    """A log from its beginning to where it ends now, however many reads that takes."""
    texts: list[str] = []
    offset = 0
    while True:
        log = read(offset)
        offset = log.offset
        texts.append(log.text)
        if not log.text:
            return log.model_copy(update={"text": "".join(texts)})


def cells(call: Call) -> dict[str, Any]:
    return {"items": call.platform.jobs.get(call.args.id).cells, "next": None}


def output(call: Call) -> dict[str, Any]:
    args = call.args
    jobs = call.platform.jobs
    if args.pdf and args.html:
        raise Invalid("a page is either HTML or PDF", hint="give one of --html and --pdf")
    if args.pdf:
        if not args.to:
            raise Invalid("a PDF goes into a file", hint="--to FILE.pdf", fields={"to": "is missing"})
        return {"path": str(_save(args.to, jobs.pdf(args.id)))}
    if args.html:
        text = jobs.html(args.id)
        if not args.to:
            return {"path": None, "html": text}
        return {"path": str(_save(args.to, text.encode("utf-8")))}
    path = jobs.output(args.id)
    if not args.to:
        return {"path": str(path)}
    return {"path": str(_save(args.to, path))}


def changes(call: Call) -> JobChanges:
    return call.platform.changes.of(call.args.id)


def _save(to: str, content: bytes | Path) -> Path:
    target = Path(to).expanduser().absolute()
    try:
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copyfile(content, target)
    except OSError as error:
        raise Invalid(
            f"{to} cannot be written: {error.strerror or error}",
            hint="give the path of a file in a folder that is there",
            fields={"to": "cannot be written"},
        ) from None
    return target


def watch(call: Call) -> Job:
    return follow(call, call.args.id, stream=call.args.stream)


def schema(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = call.platform.jobs.schema(
        existing_file(call.args.notebook, "the notebook", field="notebook")
    )
    return found


def job_outcome(job: Job, args: argparse.Namespace) -> int:
    """0 where nobody waited or the job succeeded, else 1."""
    waited = getattr(args, "wait", True) or args.stream
    return 1 if waited and job.state != "succeeded" else 0


COMMANDS = [
    Command(
        "jobs", "run", "run a notebook as a job", run, show_submitted,
        (
            *JOB_ARGUMENTS,
            argument("--wait", action="store_true", help="wait until it has ended; the exit status is the job's"),
            argument("--stream", action="store_true", help="wait, and copy the job's log to stderr as it grows"),
        ),
        job_outcome,
        "jupyter mlplat jobs run train.ipynb -p alpha=0.1 --wait",
    ),
    Command(
        "jobs", "list", "the jobs, newest first", list_jobs, show_jobs,
        (
            *LISTING,
            argument("--state", metavar="STATE", help="only those in this state; several with commas between"),
            argument("--schedule", metavar="ID", help="only those of this schedule"),
            argument("--sweep", metavar="ID", help="only those of this sweep"),
            argument("--pipeline", metavar="ID", help="only those of this pipeline"),
            argument("--name", metavar="TEXT", help="only those whose name has this in it"),
            argument("--mine", action="store_true", help="only your own"),
        ),
    ),
    Command("jobs", "show", "one job with its cells", show, show_job, (JOB_ID,)),
    Command(
        "jobs", "cancel", "end a job", cancel, show_submitted,
        (JOB_ID, argument("--wait", action="store_true", help="wait until it has ended")),
    ),
    Command(
        "jobs", "retry", "run an ended job once more, as a new job", retry, show_submitted,
        (
            JOB_ID,
            argument("--edited", action="store_true", help="with the notebook as it is now, not as it was"),
            argument("--from-start", action="store_true", help="not behind its last checkpoint"),
            argument("--wait", action="store_true", help="wait until it has ended; the exit status is the job's"),
            argument("--stream", action="store_true", help="wait, and copy the job's log to stderr as it grows"),
        ),
        job_outcome,
    ),
    Command(
        "jobs", "delete", "delete ended jobs, their outputs and their logs", delete, show_deleted, DELETE_ARGUMENTS,
        example="jupyter mlplat jobs delete --older-than 30d --keep 100 --state failed,lost --dry-run",
    ),
    Command(
        "jobs", "logs", "what a job printed", logs, show_log,
        (JOB_ID, argument("--follow", action="store_true", help="go on until the job has ended")),
    ),
    Command("jobs", "cells", "how the cells of a job stand", cells, show_cells, (JOB_ID,)),
    Command(
        "jobs", "output", "the executed notebook of a job", output, show_output,
        (
            JOB_ID,
            argument("--html", action="store_true", help="as an HTML page"),
            argument("--pdf", action="store_true", help="as PDF; needs a Chromium browser or LaTeX"),
            argument("--to", metavar="FILE", help="write it to this file"),
        ),
    ),
    Command(
        "jobs", "changes", "what changed since a notebook last succeeded", changes, show_changes, (JOB_ID,)
    ),
    Command(
        "jobs", "watch", "follow a job until it has ended", watch, show_job,
        (JOB_ID, argument("--stream", action="store_true", help="copy its log to stderr as it grows")),
        job_outcome,
    ),
    Command("jobs", "schema", "the parameters that a notebook takes", schema, show_schema, (NOTEBOOK,)),
]  # fmt: skip
