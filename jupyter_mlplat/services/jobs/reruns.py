"""A job that runs again what a run ran: the notebook as it was then, with the parameters that it had."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...attempts import GIVEN_TAG
from ...errors import Conflict, Invalid, NotFound
from ...home import Home
from ...models import Job, JobOptions, RunDetail
from ..runs import RunsService
from .notebookfile import read_notebook
from .parameters import coerce_text, validate
from .parameters import schema as schema_of
from .service import JobsService
from .submission import check_language, options_of


class Reruns:
    """Makes jobs of runs."""

    def __init__(self, home: Home, jobs: JobsService, runs: RunsService) -> None:
        self._home = home
        self._jobs = jobs
        self._runs = runs

    def submit(self, run_id: str, *, owner: str, within: Path | None = None) -> Job:
        """Queue a job of what a run ran, in the folder in which it ran.

        Where the job of the run is still there, it is that one's options, too. Raises `NotFound` for an unknown run
        and for one that has kept no notebook, `Conflict` where its job has not ended, and where its folder is gone or,
        with `within`, not in that one; `Invalid` where the notebook does not take its parameters.
        """
        run = self._runs.get(run_id)
        job = self._job_of(run)
        if job is not None:
            return self._jobs.retry(job.id, owner=owner, from_start=True)
        _, content = self._runs.artifacts.notebook(run_id)
        path = _place(run, within)
        with tempfile.NamedTemporaryFile(dir=self._home.run, suffix=".ipynb") as pinned:
            pinned.write(content)
            pinned.flush()
            notebook = read_notebook(Path(pinned.name))
            check_language(notebook)
            schema = schema_of(notebook)
            draft = self._jobs.pinned_draft(
                name=run.name[:200] or path.stem[:200],
                path=path,
                pinned=Path(pinned.name),
                parameters=validate(schema, _parameters(run, schema)),
                options=options_of(notebook, JobOptions()),
                owner=owner,
                columns={},
            )
        return self._jobs.submit_draft(draft)

    def _job_of(self, run: RunDetail) -> Job | None:
        try:
            return self._jobs.get(run.job_id) if run.job_id else None
        except (Invalid, NotFound):
            return None


def _place(run: RunDetail, within: Path | None) -> Path:
    """Where its notebook was."""
    path = Path(run.tags.get("mlflow.source.name", ""))
    try:
        there = path.is_absolute() and path.parent.is_dir()
        allowed = within is None or path.parent.resolve().is_relative_to(within.resolve())
    except (OSError, ValueError):
        there = allowed = False
    if not there or not allowed:
        raise Conflict(
            f"the folder in which run {run.id} ran is not {'here' if allowed else 'one that this server serves'}",
            hint=f"write its notebook where it is to run: runs notebook {run.id} --to FILE; then jobs run FILE",
        )
    return path


def _parameters(run: RunDetail, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a job was given; of a run that tells only texts, those that the notebook takes."""
    try:
        given = json.loads(run.tags.get(GIVEN_TAG, ""))
    except ValueError:
        given = None
    if isinstance(given, dict):
        return given
    known = schema.get("properties", {})
    return {name: _value(schema, name, text) for name, text in run.parameters.items() if name in known}


def _value(schema: Mapping[str, Any], name: str, text: str) -> Any:
    """A text of a union stands there as it is."""
    try:
        return coerce_text(schema, name, text)
    except Invalid:
        return text
