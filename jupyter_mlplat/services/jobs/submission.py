"""How a job comes into being: one row, its cells, and a folder with the notebook as it was then."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import insert, update

from ...attempts import INJECTED_TAG
from ...errors import Invalid, Unavailable
from ...home import Home
from ...languages import SUPPORTED, language_of
from ...models import JobOptions, JobState
from ...store import Transaction, tables
from ..gpus.wishes import columns_of
from .notebookfile import source_of, tags_of
from .rows import SUBMITTED

OWN = frozenset(JobOptions.model_fields)
OTHERS = frozenset({"metric", "files", "schedule"})
"""What `metadata.mlplat` may hold beside the options of a job."""


@dataclass(frozen=True)
class Draft:
    """A job that is about to be queued. `columns` are further columns of its row."""

    name: str
    path: Path
    notebook: dict[str, Any]
    parameters: Mapping[str, Any]
    options: JobOptions
    owner: str
    backend: str
    columns: Mapping[str, Any] = field(default_factory=dict)


def check_language(notebook: Mapping[str, Any]) -> None:
    """Raises `Invalid` for a notebook in a language that does not run as a job."""
    language = language_of(notebook)
    if language not in SUPPORTED:
        raise Invalid(
            f"a notebook in {language[:40]} does not run as a job: nobody has shown that its parameters stay values",
            hint="Python, R, Julia and Scala do",
            fields={"notebook": f"is in {language[:40]}"},
        )


def options_of(notebook: Mapping[str, Any], asked: JobOptions) -> JobOptions:
    """What `metadata.mlplat` of the notebook says, and over it what was asked for. Raises `Invalid`."""
    _refuse_unknown(notebook.get("metadata", {}).get("mlplat", {}))
    wanted = {name: getattr(asked, name) for name in asked.model_fields_set & OWN}
    own = {name: value for name, value in own_spec(notebook).items() if name in OWN}
    try:
        return JobOptions.model_validate({**own, **wanted})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            f"the notebook's metadata.mlplat has a wrong {name}: {first['msg']}",
            hint="mend it in the notebook's advanced metadata",
            fields={name: str(first["msg"])},
        ) from None


def _refuse_unknown(own: object) -> None:
    """Raise `Invalid` for a `metadata.mlplat` that says what nobody would read: a mistyped option is no option."""
    if not isinstance(own, dict):
        raise Invalid(
            "the notebook's metadata.mlplat is no mapping",
            hint="mend it in the notebook's advanced metadata",
            fields={"mlplat": "no mapping"},
        )
    known = OWN | OTHERS
    for name in own:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            raise Invalid(
                f"the notebook's metadata.mlplat has {str(name)[:80]!r}, which says nothing",
                hint=f"did you mean {near[0]}?" if near else f"it takes {', '.join(sorted(known))}",
                fields={str(name)[:80]: "unknown"},
            )


def own_spec(notebook: Mapping[str, Any]) -> Mapping[str, Any]:
    """`metadata.mlplat` of a notebook."""
    own = notebook.get("metadata", {}).get("mlplat")
    return own if isinstance(own, dict) else {}


def insert_job(transaction: Transaction, home: Home, now: datetime, draft: Draft) -> int:
    """Queue a job; returns its number. Raises `Unavailable` where its folder cannot be written."""
    table = tables.jobs
    options = draft.options
    metric = own_spec(draft.notebook).get("metric")
    codes = [index for index, cell in enumerate(draft.notebook["cells"]) if is_own_code(cell)]
    inserted = transaction.connection.execute(
        insert(table).values(
            name=draft.name,
            notebook=str(draft.path),
            notebook_hash=content_hash(draft.notebook),
            owner=draft.owner,
            state=JobState.QUEUED.value,
            attempt=0,
            parameters=dict(draft.parameters),
            folder="",
            backend=draft.backend,
            timeout=options.timeout,
            cell_timeout=options.cell_timeout,
            deadline_at=now + timedelta(seconds=options.deadline) if options.deadline is not None else None,
            retries=options.retries,
            retry_on=options.retry_on,
            retry_delay=options.retry_delay,
            memory=options.memory,
            **gpu_columns(options),
            interruptible=options.interruptible,
            secrets=dict(options.secrets),
            resume=options.resume,
            autolog=options.autolog,
            notify=[one.model_dump(mode="json") for one in options.notify],
            submitted_at=now,
            metric={},
            metric_name=metric if isinstance(metric, str) else None,
            cells_total=len(codes),
            **draft.columns,
        )
    ).inserted_primary_key
    assert inserted is not None
    number = int(inserted[0])
    folder = home.jobs / str(number)
    write_notebook(folder / SUBMITTED, draft.notebook)
    transaction.connection.execute(update(table).where(table.c.id == number).values(folder=str(folder)))
    if codes:
        transaction.connection.execute(
            insert(tables.cells),
            [{"job_id": number, "attempt": 1, "index": index, "state": "not_run"} for index in codes],
        )
    transaction.emit("jobs", str(number))
    return number


def gpu_columns(options: JobOptions) -> dict[str, Any]:
    """Which devices each attempt needs."""
    return {**columns_of(options), "priority": options.priority}


def write_notebook(path: Path, notebook: Mapping[str, Any]) -> None:
    """A private copy without outputs, in a folder of its own. Raises `Unavailable` where it cannot be written."""
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else cell
        for cell in notebook["cells"]
    ]
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(json.dumps({**notebook, "cells": cells}), encoding="utf-8")
    except OSError as error:
        raise Unavailable(
            f"the folder {path.parent} cannot be written: {error.strerror}",
            hint="free some space, or set MLPLAT_HOME to another disk",
        ) from error


def content_hash(notebook: Mapping[str, Any]) -> str:
    """SHA-256 of what a run depends on: the code cells with their tags, and the kernel."""
    cells = [
        {"source": source_of(cell), "tags": tags_of(cell)}
        for cell in notebook["cells"]
        if cell.get("cell_type") == "code"
    ]
    kernel = notebook.get("metadata", {}).get("kernelspec")
    name = kernel.get("name") if isinstance(kernel, dict) else None
    return hashlib.sha256(json.dumps([name, cells], sort_keys=True).encode()).hexdigest()


def is_own_code(cell: dict[str, Any]) -> bool:
    """True for a code cell that papermill has not added."""
    return cell.get("cell_type") == "code" and INJECTED_TAG not in tags_of(cell)
