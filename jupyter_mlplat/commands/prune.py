"""jobs delete: one job, several, or those that are not to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Conflict, Invalid
from .blocks import Block, Text, size
from .grammar import Call, argument
from .values import build, seconds, words

if TYPE_CHECKING:
    from ..models import Job, Pruned

ARGUMENTS = (
    argument("ids", nargs="*", metavar="ID", help="their ids, as `jobs list` shows them"),
    argument("--older-than", type=seconds, metavar="TIME", help="your jobs that ended longer ago: 30d, 12h"),
    argument("--keep", type=int, metavar="N", help="of each notebook the N newest stay"),
    argument("--state", action="append", metavar="STATE", help="only those in this state; several with commas between"),
    argument("--dry-run", action="store_true", help="only say how many, and how much space they take"),
)


def delete(call: Call) -> Job | Pruned:
    from ..models import PruneRequest

    args, jobs, owner = call.args, call.platform.jobs, call.platform.user
    given = {"ids": args.ids or None, "older_than": args.older_than, "keep": args.keep, "state": words(args.state)}
    fields = {name: value for name, value in given.items() if value is not None}
    if not fields.keys() & {"ids", "older_than", "keep"}:
        raise Invalid(
            "it is not said which jobs to delete",
            hint="give ids, --older-than 30d or --keep 100",
            fields={"ids": "missing"},
        )
    if list(fields) == ["ids"] and len(args.ids) == 1 and not args.dry_run:
        return _delete_one(call, args.ids[0])
    request = build(PruneRequest, **fields)
    would = (
        None if args.yes and not args.dry_run else jobs.prune(request.model_copy(update={"dry_run": True}), owner=owner)
    )
    if args.dry_run and would is not None:
        return would
    if would is not None and would.jobs:
        question = f"Delete {_count(would)}? Their records, outputs and logs are lost; their MLflow runs stay."
        if not call.report.confirm(question):
            raise Conflict(f"{_count(would)} were not deleted", hint="say yes, or give --yes")
    return jobs.prune(request, owner=owner)


def _delete_one(call: Call, job_id: str) -> Job:
    job = call.platform.jobs.get(job_id)
    question = f"Delete job {job.id} ({job.name})? Its record, output and log are lost; its MLflow run stays."
    if not call.args.yes and not call.report.confirm(question):
        raise Conflict(f"job {job.id} was not deleted", hint="say yes, or give --yes")
    return call.platform.jobs.delete(job.id)


def _count(pruned: Pruned) -> str:
    return f"{pruned.jobs} {'job' if pruned.jobs == 1 else 'jobs'} ({size(pruned.bytes)})"


def show_deleted(gone: Job | Pruned) -> list[Block]:
    from ..models import Pruned

    if not isinstance(gone, Pruned):
        return [Text(f"job {gone.id} is deleted")]
    return [Text(f"{'would delete' if gone.dry_run else 'deleted'} {_count(gone)}")]
