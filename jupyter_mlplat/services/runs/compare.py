"""Runs side by side, and what two of them differ in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import unified_diff
from typing import Any

from pydantic import JsonValue

from ...attempts import INJECTED_TAG
from ...errors import Invalid, MLPlatError, NotFound
from ...models import ComparedRow, ComparedRun, Difference, RunComparison, RunDetail, RunDifference
from ...provenance import FOLDER, LOCK, NOTEBOOK
from ...usage import without_system
from .artifacts import Artifacts
from .ids import run_ids

MOST_RUNS = 100
MOST_CODE = 100_000_000
"""Bytes of a notebook; its outputs are in it."""
MOST_LOCK = 1_000_000
CELL = "cell.py"
"""Where `%%mlplat run` keeps its cell."""
"""Papermill's tag of the cell that sets the parameters."""
SOURCE = {
    "git commit": "mlflow.source.git.commit",
    "git branch": "mlflow.source.git.branch",
    "repository": "mlflow.source.git.repoURL",
    "source": "mlflow.source.name",
}
_PYTHON = re.compile(r"# Python (\S+)")
_PACKAGE = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")


class Comparing:
    """Compares runs. `details` reads several, `artifacts` their files."""

    def __init__(self, details: Callable[[Sequence[str]], Sequence[RunDetail]], artifacts: Artifacts) -> None:
        self._details = details
        self._artifacts = artifacts

    def rows(self, runs: Sequence[str], *, every: bool = False) -> RunComparison:
        """From 2 to 100 runs side by side; only what differs unless `every` row is wanted.

        Raises `Invalid` for another number of different runs, `NotFound`.
        """
        found = self._details(run_ids(runs, low=2, high=MOST_RUNS))

        def rows(of: Callable[[RunDetail], Mapping[str, str | float | None]]) -> list[ComparedRow]:
            return [row for row in _rows([of(run) for run in found]) if every or row.differs]

        return RunComparison(
            runs=[compared(run) for run in found],
            source=rows(source_of),
            parameters=rows(lambda run: run.parameters),
            metrics=rows(lambda run: run.metrics if every else without_system(run.metrics)),
            data=rows(_digests),
            models=rows(_models),
            tags=rows(lambda run: {key: text for key, text in run.tags.items() if not key.startswith("mlflow.")}),
        )

    def difference(self, before: str, after: str) -> RunDifference:
        """What a run differs in from an earlier one. What cannot be compared is told in `notes`. Raises `NotFound`.

        The code is that of the executed notebook, cell by cell and without the one that papermill has put in, else of
        the cell that was run; the environment is the list of packages that a run keeps.
        """
        from ..jobs.changes import differences

        then, now = self._details(run_ids([before, after], low=2, high=2))
        notes: list[str] = []
        code, environment = "", list[Difference]()
        try:
            code = "".join(unified_diff(self._code(then), self._code(now), f"run {then.id}", f"run {now.id}"))
        except MLPlatError as error:
            notes.append(f"code: {error.message}")
        try:
            environment = differences(self._packages(then), self._packages(now))
        except MLPlatError as error:
            notes.append(f"environment: {error.message}")
        return RunDifference(
            before=compared(then),
            after=compared(now),
            source=differences(source_of(then), source_of(now)),
            parameters=differences(then.parameters, now.parameters),
            metrics=differences(without_system(then.metrics), without_system(now.metrics)),
            data=differences(_digests(then), _digests(now)),
            environment=environment,
            code=code,
            notes=notes,
        )

    # --- what a run was made of -------------------------------------------------------------

    def _code(self, run: RunDetail) -> list[str]:
        """The lines of its code. Raises `NotFound`, `Invalid`, `TooLarge`."""
        if NOTEBOOK in run.artifacts:
            name, content = self._artifacts.notebook(run.id)
            return _cells(content, f"{name} of run {run.id}")
        if CELL not in run.artifacts:
            raise NotFound(f"run {run.id} has kept neither a notebook nor {CELL}")
        text = self._artifacts.read(run.id, CELL, MOST_CODE).decode("utf-8", "replace")
        return [f"{line}\n" for line in text.splitlines()]

    def _packages(self, run: RunDetail) -> dict[str, str]:
        """Name -> version, with `python`. Raises `NotFound`."""
        if FOLDER not in run.artifacts:
            raise NotFound(f"run {run.id} has kept no list of packages")
        lines = self._artifacts.read(run.id, f"{FOLDER}/{LOCK}", MOST_LOCK).decode("utf-8", "replace").splitlines()
        python = next((found[1] for line in lines if (found := _PYTHON.match(line))), "")
        return {"python": python, **{found[1]: found[2] for line in lines if (found := _PACKAGE.match(line))}}


def _cells(content: bytes, what: str) -> list[str]:
    """The code of a notebook, line by line. Raises `Invalid` for what is none."""
    from ..jobs.notebookfile import code_lines, tags_of

    try:
        notebook = json.loads(content)
        kept = [cell for cell in notebook["cells"] if INJECTED_TAG not in tags_of(cell)]
        return code_lines({"cells": kept})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid(f"{what} is no notebook") from error


def compared(run: RunDetail) -> ComparedRun:
    """A run as comparisons name it."""
    return ComparedRun(**{name: getattr(run, name) for name in ComparedRun.model_fields})


def _rows(found: Sequence[Mapping[str, str | float | None]]) -> list[ComparedRow]:
    rows = []
    for key in sorted({key for one in found for key in one}):
        values = [one.get(key) for one in found]
        missing = len({key in one for one in found}) > 1  # a metric that is there may be null
        rows.append(ComparedRow(key=key, values=values, differs=missing or any(one != values[0] for one in values)))
    return rows


def source_of(run: RunDetail) -> dict[str, str]:
    """Commit and what was run."""
    return {name: run.tags[tag] for name, tag in SOURCE.items() if tag in run.tags}


def _digests(run: RunDetail) -> dict[str, str]:
    """Data set -> digests, those of several of one name in their order."""
    return _joined((str(one.get("name")), str(one.get("digest"))) for one in run.datasets)


def _models(run: RunDetail) -> dict[str, str]:
    """Logged model -> the versions that it became, else its own address."""
    return _joined((str(one.get("name")), _versions(one) or str(one.get("uri"))) for one in run.models)


def _versions(model: Mapping[str, JsonValue]) -> str:
    registered: Any = model.get("registered") or []
    return ", ".join(f"models:/{one['name']}/{one['version']}" for one in registered)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in pairs:
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found
