"""runs tag, note, rename, archive, restore, delete: what can be changed of a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import Conflict, Invalid
from .blocks import Block, Table, Text, size
from .grammar import Call, Command, argument
from .values import build, split_pair

if TYPE_CHECKING:
    from ..models import RunDeleted, RunDetail, RunsDone

ID = argument("id", metavar="ID", help="the run's id, as `runs list` shows it")
IDS = argument("ids", nargs="+", metavar="ID", help="their ids, as `runs list` shows them")


def tag(call: Call) -> RunDetail:
    args = call.args
    tags: dict[str, str | None] = dict(split_pair(text, option="", field="tags") for text in args.tags)
    tags |= dict.fromkeys(args.remove or ())
    if not tags:
        raise Invalid("no tag is given", hint="write NAME=VALUE, or --remove NAME", fields={"tags": "missing"})
    return _change(call, tags=tags)


def note(call: Call) -> RunDetail:
    return _change(call, note=call.args.text)


def rename(call: Call) -> RunDetail:
    return _change(call, name=call.args.name)


def archive(call: Call) -> RunDetail | RunsDone:
    return _each(call, archived=True)


def restore(call: Call) -> RunDetail | RunsDone:
    return _each(call, archived=False)


def delete(call: Call) -> RunDeleted | RunsDone:
    from ..models import RunsDeletion

    args, edits = call.args, call.platform.runs.edits
    request = build(RunsDeletion, runs=args.ids, permanent=args.permanent)
    if args.permanent and not args.yes:
        what = _count(args.ids)
        question = f"Delete {what} for good? Their metrics, parameters, tags and files are lost; models stay."
        if not call.report.confirm(question):
            raise Conflict(f"{what} were not deleted", hint="say yes, or give --yes")
    if len(args.ids) == 1:
        return edits.delete(args.ids[0], permanent=args.permanent)
    return edits.delete_many(request)


def _change(call: Call, **fields: object) -> RunDetail:
    from ..models import RunChange

    return call.platform.runs.edits.change(call.args.id, build(RunChange, **fields))


def _each(call: Call, *, archived: bool) -> RunDetail | RunsDone:
    from ..models import RunChange, RunsChange

    edits, ids = call.platform.runs.edits, call.args.ids
    if len(ids) == 1:
        return edits.change(ids[0], RunChange(archived=archived))
    return edits.change_many(build(RunsChange, runs=ids, archived=archived))


def _count(ids: Sequence[str]) -> str:
    return f"{len(ids)} {'run' if len(ids) == 1 else 'runs'}"


def show_changed(run: RunDetail) -> list[Block]:
    return [Text(f"run {run.id} ({run.name}) is {'archived' if run.archived else 'changed'}")]


def show_done(done: RunDetail | RunDeleted | RunsDone) -> list[Block]:
    from ..models import RunDeleted, RunDetail

    if isinstance(done, RunDetail):
        return [Text(f"run {done.id} ({done.name}) is {'archived' if done.archived else 'restored'}")]
    freed = f"; {size(done.freed_bytes)} are free" if done.freed_bytes else ""
    if isinstance(done, RunDeleted):
        return [Text(f"the run is deleted{freed}")]
    refused = [one for one in done.items if not one.ok]
    blocks: list[Block] = [Text(f"{_count([one.run_id for one in done.items if one.ok])} done{freed}")]
    if refused:
        blocks.append(Table(["run", "refused because"], [[one.run_id, one.message] for one in refused]))
    return blocks


def all_done(done: RunDetail | RunDeleted | RunsDone, args: argparse.Namespace) -> int:
    """1 where one of several was refused."""
    return int(not all(one.ok for one in getattr(done, "items", ())))


COMMANDS = [
    Command(
        "runs", "tag", "set tags of a run, or take them away", tag, show_changed,
        (
            ID,
            argument("tags", nargs="*", metavar="NAME=VALUE", help="a tag and its value"),
            argument("--remove", action="append", metavar="NAME", help="a tag to take away"),
        ),
        example="jupyter mlplat runs tag ID stage=candidate --remove draft",
    ),
    Command(
        "runs", "note", "write a run's note; an empty one takes it away", note, show_changed,
        (ID, argument("text", metavar="TEXT", help="the note, in Markdown")),
    ),
    Command(
        "runs", "rename", "give a run another name", rename, show_changed,
        (ID, argument("name", metavar="NAME", help="its new name")),
    ),
    Command("runs", "archive", "take runs out of the lists, to be restored", archive, show_done, (IDS,), all_done),
    Command("runs", "restore", "put archived runs back into the lists", restore, show_done, (IDS,), all_done),
    Command(
        "runs", "delete", "archive runs, or delete them for good", delete, show_done,
        (IDS, argument("--permanent", action="store_true", help="for good, with their artifacts; asks before")),
        all_done,
    ),
]  # fmt: skip
