"""Schedules from elsewhere: from what the notebooks of a folder say of themselves, and from jupyter-scheduler."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ....errors import Invalid, MLPlatError
from ....models import (
    Page,
    Schedule,
    ScheduleAction,
    ScheduleChange,
    ScheduleSpec,
    ScheduleState,
)
from ..notebookfile import read_notebook
from ..notices import shown_options
from ..submission import options_of, own_spec
from .rows import job_spec, when_of
from .service import SchedulesService

STAGING = "scheduler_staging_area"
"""Where jupyter-scheduler keeps a copy of each definition's notebook, beside its database."""


def apply_folder(schedules: SchedulesService, folder: Path, *, owner: str, check: bool) -> Page[ScheduleAction]:
    """Make the owner's schedules be as the notebooks in `folder` say; with `check` only tell what would change.

    A notebook says it in `metadata.mlplat.schedule`: the fields of `When`, `name` and `parameters`; the other
    options are those of `metadata.mlplat`. What runs is the notebook as it is now. A schedule of a notebook in
    the folder that says nothing of it is left alone and told as `unmanaged`. Nothing is changed where one of
    them is `refused`. Raises `Invalid` where it is no folder.
    """
    if not folder.is_dir():
        raise Invalid(f"{folder} is no folder", hint="give the folder with the notebooks", fields={"folder": "is none"})
    folder = folder.absolute()
    existing = _existing(schedules, folder, owner)
    plan: list[tuple[ScheduleAction, ScheduleSpec | None]] = []
    for path in sorted(folder.rglob("*.ipynb")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue  # checkpoints, and what editors leave
        found = existing.pop(str(path), [])
        try:
            spec = _wanted(path)
        except MLPlatError as error:
            plan.append((ScheduleAction(action="refused", notebook=str(path), message=error.message), None))
            continue
        if spec is None:
            plan += [(_unmanaged(one), None) for one in found]
            continue
        plan.append((_compare(schedules, spec, found[0] if found else None, owner=owner), spec))
        plan += [(_unmanaged(one), None) for one in found[1:]]
    plan += [(_unmanaged(one), None) for left in existing.values() for one in left]
    if not check and not any(action.action == "refused" for action, _ in plan):
        plan = [(_carry_out(schedules, action, spec, owner=owner), spec) for action, spec in plan]
    return Page[ScheduleAction](items=[action for action, _ in plan])


def _existing(schedules: SchedulesService, folder: Path, owner: str) -> dict[str, list[Schedule]]:
    """The owner's schedules of notebooks in the folder, by path, the oldest first."""
    found: dict[str, list[Schedule]] = {}
    cursor: str | None = None
    while True:
        page = schedules.list(limit=500, after=cursor, owner=owner)
        for one in page.items:
            if one.state is not ScheduleState.ENDED and Path(one.notebook).is_relative_to(folder):
                found.setdefault(one.notebook, []).insert(0, one)
        cursor = page.next
        if cursor is None:
            return found


def _wanted(path: Path) -> ScheduleSpec | None:
    """What a notebook says of its schedule. Raises `Invalid`."""
    own = own_spec(read_notebook(path))
    wanted = own.get("schedule")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise Invalid(f"{path}: metadata.mlplat.schedule is no mapping")
    return _spec(path, wanted)


def _spec(path: Path, fields: Mapping[str, Any]) -> ScheduleSpec:
    try:
        return ScheduleSpec.model_validate({**fields, "notebook": str(path)})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{path}: {name}: {first['msg']}", fields={name: str(first["msg"])}) from None


def _compare(schedules: SchedulesService, spec: ScheduleSpec, found: Schedule | None, *, owner: str) -> ScheduleAction:
    try:
        draft = schedules.check(spec, owner=owner)
    except MLPlatError as error:
        return ScheduleAction(action="refused", notebook=spec.notebook, message=error.message)
    if found is None:
        return ScheduleAction(action="create", notebook=spec.notebook)
    old, new = found.when.model_dump(mode="json"), when_of(spec).model_dump(mode="json")
    changes = [f"{name}: {old[name]} -> {value}" for name, value in new.items() if old[name] != value]
    before, after = found.options.model_dump(mode="json"), shown_options(draft.options).model_dump(mode="json")
    changes += [f"{name}: {before[name]} -> {value}" for name, value in after.items() if before[name] != value]
    if found.name != draft.name:
        changes.append(f"name: {found.name} -> {draft.name}")
    if found.parameters != dict(draft.parameters):
        changes.append(f"parameters: {json.dumps(found.parameters)} -> {json.dumps(dict(draft.parameters))}")
    if schedules.get(found.id).edited:
        changes.append("the notebook's code")
    action = "update" if changes else "unchanged"
    return ScheduleAction(action=action, notebook=spec.notebook, schedule_id=found.id, changes=changes)


def _unmanaged(one: Schedule) -> ScheduleAction:
    return ScheduleAction(
        action="unmanaged",
        notebook=one.notebook,
        schedule_id=one.id,
        message="the notebook does not say that it is scheduled",
    )


def _carry_out(
    schedules: SchedulesService, action: ScheduleAction, spec: ScheduleSpec | None, *, owner: str
) -> ScheduleAction:
    if spec is None or action.action not in ("create", "update"):
        return action
    if action.schedule_id is None:
        return action.model_copy(update={"schedule_id": schedules.create(spec, owner=owner).id})
    options = options_of(read_notebook(Path(spec.notebook)), job_spec(spec))
    when = when_of(spec).model_dump()
    old = schedules.get(action.schedule_id).when.model_dump()
    change = {
        "name": spec.name or Path(spec.notebook).stem[:200],
        "parameters": dict(spec.parameters),
        **options.model_dump(),
        **{name: value for name, value in when.items() if old[name] != value},
    }
    schedules.update(action.schedule_id, ScheduleChange.model_validate(change), promote=True)
    return action


# --- jupyter-scheduler ----------------------------------------------------------------------------


def import_scheduler(schedules: SchedulesService, database: Path, *, owner: str, dry_run: bool) -> Page[ScheduleAction]:
    """Make a schedule of every job definition in a database of jupyter-scheduler; with `dry_run` only tell.

    The database is only read. The notebook is the copy in the staging area beside it; a definition that is not
    active becomes a paused schedule, one that was imported before is `unchanged`. Raises `Invalid` where the
    file is no such database.
    """
    actions = []
    for row in _definitions(database):
        path = database.parent / STAGING / str(row["job_definition_id"]) / str(row["input_filename"])
        try:
            spec = _from_definition(path, row)
            schedules.check(spec, owner=owner)
        except MLPlatError as error:
            actions.append(ScheduleAction(action="refused", notebook=str(path), message=error.message))
            continue
        before = [one for found in _existing(schedules, path.parent, owner).values() for one in found]
        if before:
            actions.append(ScheduleAction(action="unchanged", notebook=str(path), schedule_id=before[0].id))
            continue
        made = None
        if not dry_run:
            made = schedules.create(spec, owner=owner)
            if not row["active"]:
                schedules.pause(made.id)
        actions.append(
            ScheduleAction(
                action="create",
                notebook=str(path),
                schedule_id=made.id if made else None,
                message=None if row["active"] else "paused, as it was",
            )
        )
    return Page[ScheduleAction](items=actions)


def _definitions(database: Path) -> list[dict[str, Any]]:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM job_definitions ORDER BY create_time")]
    except sqlite3.Error as error:
        raise Invalid(
            f"{database} is no database of jupyter-scheduler: {error}",
            hint="it is scheduler.sqlite in Jupyter's data directory",
            fields={"file": "is no such database"},
        ) from None


def _from_definition(path: Path, row: Mapping[str, Any]) -> ScheduleSpec:
    if not row.get("schedule"):
        raise Invalid(f"the definition {row['name']} has no schedule")
    fields: dict[str, Any] = {
        "name": (str(row.get("name") or "") or path.stem)[:200].replace("/", "-").replace("\\", "-"),
        "cron": row["schedule"],
        "timezone": row.get("timezone") or "UTC",
        "parameters": json.loads(row["parameters"]) if row.get("parameters") else {},
    }
    if row.get("retry_on_timeout") and row.get("max_retries"):
        fields |= {"retries": row["max_retries"], "retry_on": ["timeout"]}
    return _spec(path, fields)
