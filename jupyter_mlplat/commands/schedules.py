"""schedules: notebooks that run at certain instants, and what became of each."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ..errors import Conflict, Invalid
from .blocks import Block, Facts, Seconds, State, Table, Text, Value, span
from .grammar import Call, Command, argument
from .jobs import JOB_ARGUMENTS, LISTING, NOTEBOOK, job_fields
from .jobs_shown import show_submitted
from .notify import notify_words
from .values import build, count, existing_file, seconds

if TYPE_CHECKING:
    from ..models import FireTime, Job, Occurrence, Page, Schedule, ScheduleAction, When

SCHEDULE_ID = argument("id", metavar="ID", help="the schedule's id, as `schedules list` shows it")
CRON = argument("--cron", metavar="EXPR", help="five fields: minute hour day month weekday")
EVERY = argument("--every", type=seconds, metavar="TIME", help="an interval: 15m, 2h")
AT = argument("--at", metavar="TIME", help="once, at an ISO 8601 time; without an offset it is in --timezone")
ZONE = argument("--timezone", metavar="Z", help="IANA zone of --cron and --at, like Europe/Berlin (UTC)")
POLICIES = (
    argument(
        "--overlap", choices=("skip", "queue", "allow", "replace"), help="while an earlier job has not ended (queue)"
    ),
    argument("--catch-up", choices=("skip", "latest", "all"), help="instants that nothing ran in time (latest)"),
    argument("--catch-up-limit", type=count, metavar="N", help="with --catch-up all, at most so many (100)"),
    argument("--max-lateness", type=seconds, metavar="TIME", help="a later instant is missed"),
)
WHEN = ("cron", "every", "timezone", "overlap", "catch_up", "catch_up_limit", "max_lateness")


def _when_fields(call: Call) -> dict[str, Any]:
    """What the user gave of a timing and its policies."""
    args = call.args
    fields = {name: getattr(args, name, None) for name in WHEN}
    fields["at"] = _time(args.at, args.timezone, field="at") if getattr(args, "at", None) else None
    return {name: value for name, value in fields.items() if value is not None}


def _time(text: str, zone: str | None, *, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            f"{text} is no time", hint="write it like 2026-03-29T02:30", fields={field: "must be ISO 8601"}
        ) from None
    if moment.tzinfo is not None:
        return moment
    try:
        return moment.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    except (KeyError, ValueError, OSError):
        raise Invalid(
            f"no time zone is called {zone}", hint="an IANA name like Europe/Berlin", fields={"timezone": "unknown"}
        ) from None


def preview(call: Call) -> Page[FireTime]:
    from ..models import When

    args = call.args
    after = _time(args.after, args.timezone, field="after") if args.after else None
    return call.platform.schedules.preview(build(When, **_when_fields(call)), after=after, count=args.n)


def create(call: Call) -> Schedule:
    from ..models import ScheduleSpec

    spec = build(ScheduleSpec, **job_fields(call), **_when_fields(call))
    return call.platform.schedules.create(spec, owner=call.platform.user)


def list_schedules(call: Call) -> Page[Schedule]:
    args = call.args
    owner = call.platform.user if args.mine else None
    return call.platform.schedules.list(limit=args.limit, after=args.after, state=args.state, owner=owner)


def show(call: Call) -> Schedule:
    return call.platform.schedules.get(call.args.id)


def update(call: Call) -> Schedule:
    from ..models import ScheduleChange

    schedules = call.platform.schedules
    call.args.notebook = str(Path(schedules.pinned(call.args.id)))
    fields = job_fields(call)
    del fields["notebook"]
    if not fields["parameters"]:
        del fields["parameters"]
    else:
        fields["parameters"] = {**schedules.get(call.args.id).parameters, **fields["parameters"]}
    fields |= _when_fields(call)
    if not fields:
        raise Invalid("nothing to change was given", hint="see jupyter mlplat schedules update --help")
    return schedules.update(call.args.id, build(ScheduleChange, **fields))


def pause(call: Call) -> Schedule:
    return call.platform.schedules.pause(call.args.id)


def resume(call: Call) -> Schedule:
    return call.platform.schedules.resume(call.args.id)


def trigger(call: Call) -> Job:
    return call.platform.schedules.trigger(call.args.id, owner=call.platform.user)


def promote(call: Call) -> Schedule:
    return call.platform.schedules.promote(call.args.id)


def difference(call: Call) -> dict[str, str]:
    return {"text": call.platform.schedules.difference(call.args.id)}


def delete(call: Call) -> Schedule:
    found = call.platform.schedules.get(call.args.id)
    question = f"Delete schedule {found.id} ({found.name})? Its ledger is lost; its jobs stay."
    if not call.args.yes and not call.report.confirm(question):
        raise Conflict(f"schedule {found.id} was not deleted", hint="say yes, or give --yes")
    return call.platform.schedules.delete(found.id)


def occurrences(call: Call) -> Page[Occurrence]:
    args = call.args
    return call.platform.schedules.occurrences(args.id, limit=args.limit, after=args.after)


def apply(call: Call) -> Page[ScheduleAction]:
    from ..services.jobs.schedules.sources import apply_folder

    args = call.args
    folder = Path(args.folder).expanduser().absolute()
    return apply_folder(call.platform.schedules, folder, owner=call.platform.user, check=args.check)


def bring(call: Call) -> Page[ScheduleAction]:
    from ..services.jobs.schedules.sources import import_scheduler

    args = call.args
    database = existing_file(args.file, "the database", field="file")
    return import_scheduler(call.platform.schedules, database, owner=call.platform.user, dry_run=args.dry_run)


def brought(page: Page[ScheduleAction], args: argparse.Namespace) -> int:
    """1 where one was refused, and with --check where something would change."""
    actions = {one.action for one in page.items}
    waiting = getattr(args, "check", False) and actions & {"create", "update"}
    return 1 if "refused" in actions or waiting else 0


# --- how it looks -------------------------------------------------------------------------------


def timing_words(when: When) -> str:
    """When a schedule is due, on one line."""
    if when.cron is not None:
        return f"{when.cron} {when.timezone}"
    if when.every is not None:
        return f"every {span(when.every)}"
    return f"once at {when.at:%F %H:%M %Z}"


def show_schedules(page: Page[Schedule]) -> list[Block]:
    rows: list[list[Value]] = [
        [
            one.id, one.name, State(one.state), timing_words(one.when), one.next_at,
            f"{one.last.state.value} {one.last.job_id or ''}".strip() if one.last else None, one.owner,
        ]
        for one in page.items
    ]  # fmt: skip
    return [
        Table(
            ["id", "name", "state", "when", "next", "last", "owner"],
            rows,
            empty='No schedules yet. Make one: jupyter mlplat schedules create NB --cron "0 6 * * *" --timezone Z',
            more=f"more: jupyter mlplat schedules list --after {page.next}" if page.next else None,
        )
    ]


def show_schedule(one: Schedule) -> list[Block]:
    edited = {True: f"yes; see it: jupyter mlplat schedules diff {one.id}", False: None, None: "cannot be read now"}
    facts: list[tuple[str, Value]] = [
        ("schedule", one.id),
        ("name", one.name),
        ("state", State(one.state)),
        ("when", timing_words(one.when)),
        ("next", one.next_at),
        ("notebook", one.notebook),
        ("edited since", edited[one.edited]),
        ("parameters", ", ".join(f"{name}={value!r}" for name, value in one.parameters.items()) or None),
        ("overlap", one.when.overlap.value),
        ("catch up", one.when.catch_up.value),
        ("max lateness", None if one.when.max_lateness is None else Seconds(one.when.max_lateness)),
        ("retries", one.options.retries or None),
        ("tells", notify_words(one.options.notify)),
        ("owner", one.owner),
        ("revision", one.revision),
    ]
    blocks: list[Block] = [Facts(facts)]
    if one.last:
        blocks.append(_occurrence_table([one.last]))
    return blocks


def show_occurrences(page: Page[Occurrence]) -> list[Block]:
    return [_occurrence_table(page.items)]


def _occurrence_table(items: list[Occurrence]) -> Table:
    rows: list[list[Value]] = [[one.scheduled_for, State(one.state), one.job_id, one.reason] for one in items]
    return Table(["due", "state", "job", "reason"], rows, empty="None of its instants has come yet.")


def show_actions(page: Page[ScheduleAction]) -> list[Block]:
    rows: list[list[Value]] = [
        [State(one.action), one.schedule_id, one.notebook, "; ".join(one.changes) or one.message] for one in page.items
    ]
    return [Table(["action", "schedule", "notebook", "what"], rows, empty="No notebook there says a schedule.")]


def show_preview(page: Page[FireTime]) -> list[Block]:
    rows: list[list[Value]] = [[f"{one.utc:%FT%TZ}", one.local] for one in page.items]
    return [Table(["utc", "local"], rows, empty="It never fires.")]


def show_difference(answer: dict[str, str]) -> list[Block]:
    return [Text(answer["text"] or "nothing was edited since")]


def show_deleted(one: Schedule) -> list[Block]:
    return [Text(f"schedule {one.id} is deleted")]


COMMANDS = [
    Command(
        "schedules", "preview", "the next instants of a timing, without creating anything", preview, show_preview,
        (
            ZONE,
            argument("--after", metavar="TIME", help="the first instant after this one (now)"),
            argument("-n", type=count, default=5, metavar="N", help="how many (5)"),
        ),
        one_of=(CRON, EVERY, AT),
        example='jupyter mlplat schedules preview --cron "30 2 * * *" --timezone Europe/Berlin',
    ),
    Command(
        "schedules", "create", "run a notebook at certain instants", create, show_schedule,
        (*JOB_ARGUMENTS, ZONE, *POLICIES),
        one_of=(CRON, EVERY, AT),
        example='jupyter mlplat schedules create etl.ipynb --cron "0 6 * * 1-5" --timezone Europe/Berlin --retries 2',
    ),
    Command(
        "schedules", "list", "the schedules, newest first", list_schedules, show_schedules,
        (
            *LISTING,
            argument("--state", metavar="STATE", help="only those in this state"),
            argument("--mine", action="store_true", help="only your own"),
        ),
    ),
    Command("schedules", "show", "one schedule", show, show_schedule, (SCHEDULE_ID,)),
    Command(
        "schedules", "update", "change a schedule; what is not given stays", update, show_schedule,
        (SCHEDULE_ID, *(one for one in JOB_ARGUMENTS if one is not NOTEBOOK), CRON, EVERY, AT, ZONE, *POLICIES),
    ),
    Command("schedules", "pause", "let nothing be due until it is resumed", pause, show_schedule, (SCHEDULE_ID,)),
    Command("schedules", "resume", "let instants be due again", resume, show_schedule, (SCHEDULE_ID,)),
    Command("schedules", "trigger", "run it once now", trigger, show_submitted, (SCHEDULE_ID,)),
    Command(
        "schedules", "promote", "run the notebook as it is now from now on", promote, show_schedule, (SCHEDULE_ID,)
    ),
    Command(
        "schedules", "diff", "what was edited in the notebook since", difference, show_difference, (SCHEDULE_ID,)
    ),
    Command("schedules", "delete", "delete a schedule; its jobs stay", delete, show_deleted, (SCHEDULE_ID,)),
    Command(
        "schedules", "occurrences", "what became of its instants, newest first", occurrences, show_occurrences,
        (SCHEDULE_ID, *LISTING),
    ),
    Command(
        "schedules", "apply", "make schedules be as the notebooks of a folder say", apply, show_actions,
        (
            argument("folder", metavar="DIR", help="the folder; notebooks say it in metadata.mlplat.schedule"),
            argument("--check", action="store_true", help="only tell what would change; exit status 1 if anything"),
        ),
        brought,
        "jupyter mlplat schedules apply notebooks --check",
    ),
    Command(
        "schedules", "import", "make schedules of the job definitions of jupyter-scheduler", bring, show_actions,
        (
            argument("file", metavar="FILE", help="its database, scheduler.sqlite in Jupyter's data directory"),
            argument("--dry-run", action="store_true", help="only tell what would be made"),
        ),
        brought,
    ),
]  # fmt: skip
