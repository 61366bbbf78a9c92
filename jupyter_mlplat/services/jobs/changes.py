"""What is different from the last time that a job succeeded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, select

from ...attempts import ENVIRONMENT
from ...errors import MLPlatError
from ...models import Cell, CellTiming, Difference, JobChanges, JobState, RunDetail
from ...store import Store, tables
from ...usage import without_system
from ..rows import first
from .notebookfile import code_lines, read_notebook
from .rows import SUBMITTED, attempt_folder, cells_of, find


class Changes:
    """Compares a job with the last success before it: of its schedule, else of its notebook, by its owner.

    `run` reads an MLflow run by its id.
    """

    def __init__(self, store: Store, run: Callable[[str], RunDetail]) -> None:
        self._store = store
        self._run = run

    def of(self, job_id: str) -> JobChanges:
        """What changed since. What cannot be compared is told in `notes`. Raises `NotFound`."""
        with self._store.read() as connection:
            row = find(connection, job_id)
            before = _last_success(connection, row)
            cells = cells_of(connection, row)
            earlier = cells_of(connection, before) if before is not None else []
        if before is None:
            return JobChanges(job_id=job_id, notes=["it has never succeeded before"])
        notes: list[str] = []
        old, new = _sources(before, notes), _sources(row, notes)
        return JobChanges(
            job_id=job_id,
            against=str(before["id"]),
            parameters=differences(before["parameters"], row["parameters"]),
            code=_difference(before, old, row, new) if old is not None and new is not None else "",
            environment=_environments(before, row, notes),
            **self._logged(before, row, notes),
            timings=_timings(earlier, cells, _same_cells(old, new)),
            notes=notes,
        )

    def _logged(self, before: RowMapping, row: RowMapping, notes: list[str]) -> dict[str, list[Difference]]:
        """What MLflow knows of both: data sets and metrics."""
        try:
            then, now = (self._run(one["run_id"]) if one["run_id"] else None for one in (before, row))
        except MLPlatError as error:
            notes.append(f"data and metrics: {error.message}")
            return {}
        if then is None or now is None:
            notes.append("data and metrics: one of the two has no MLflow run")
            return {}
        return {
            "data": differences(_digests(then.datasets), _digests(now.datasets)),
            "metrics": differences(without_system(then.metrics), without_system(now.metrics)),
        }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The names whose values are not the same, in order."""
    return [
        Difference(name=name, before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _last_success(connection: Connection, row: RowMapping) -> RowMapping | None:
    table = tables.jobs
    query = select(table).where(table.c.id < row["id"], table.c.state == JobState.SUCCEEDED.value)
    if row["schedule_id"] is not None:
        query = query.where(table.c.schedule_id == row["schedule_id"])
    else:
        query = query.where(table.c.notebook == row["notebook"], table.c.owner == row["owner"])
    return first(connection, query.order_by(table.c.id.desc()).limit(1))


def _sources(row: RowMapping, notes: list[str]) -> dict[str, Any] | None:
    try:
        return read_notebook(Path(row["folder"]) / SUBMITTED)
    except MLPlatError:
        notes.append(f"code: the notebook of job {row['id']} is no longer there")
        return None


def _difference(before: RowMapping, old: dict[str, Any], row: RowMapping, new: dict[str, Any]) -> str:
    return "".join(unified_diff(code_lines(old), code_lines(new), f"job {before['id']}", f"job {row['id']}"))


def _environments(before: RowMapping, row: RowMapping, notes: list[str]) -> list[Difference]:
    then, now = _environment(before), _environment(row)
    if then is None or now is None:
        notes.append("environment: one of the two has left no record of it")
        return []
    return differences(then, now)


def _environment(row: RowMapping) -> dict[str, str] | None:
    try:
        found = json.loads((attempt_folder(row) / ENVIRONMENT).read_text(encoding="utf-8"))
        return {"python": str(found["python"]), **found["packages"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digests(datasets: Iterable[Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    return {str(one.get("name")): one.get("digest") for one in datasets}


def _same_cells(old: dict[str, Any] | None, new: dict[str, Any] | None) -> set[int]:
    """Positions at which both have the same cell."""
    if old is None or new is None:
        return set()
    pairs = enumerate(zip(old["cells"], new["cells"], strict=False))
    return {index for index, (then, now) in pairs if then.get("source") == now.get("source")}


def _timings(before: Iterable[Cell], after: Iterable[Cell], same: set[int]) -> list[CellTiming]:
    then = {cell.index: _seconds(cell) for cell in before}
    return [
        CellTiming(index=cell.index, before=then[cell.index], after=_seconds(cell))
        for cell in after
        if cell.index in same and then.get(cell.index) is not None and _seconds(cell) is not None
    ]


def _seconds(cell: Cell) -> float | None:
    if cell.started_at is None or cell.ended_at is None:
        return None
    return (cell.ended_at - cell.started_at).total_seconds()
