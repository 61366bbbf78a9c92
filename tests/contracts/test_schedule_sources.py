"""Schedules that come from a folder of notebooks and from jupyter-scheduler, over SQLite and PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.home import Home
from jupyter_mlplat.services.jobs import JobsService, SchedulesService
from jupyter_mlplat.services.jobs.schedules.sources import apply_folder, import_scheduler
from jupyter_mlplat.store import Store

from .conftest import ManualClock


@pytest.fixture
def schedules(store: Store, home: Home, clock: ManualClock, jobs: JobsService) -> SchedulesService:
    return SchedulesService(store, home, clock, jobs, lambda: None)


def write(path: Path, schedule: object = None, *, parameter: str = "x", code: str = "print(x)", **own: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell(f"{parameter}: int = 1", metadata={"tags": ["parameters"]}), new_code_cell(code)]
    made = new_notebook(cells=cells)
    if schedule is not None:
        own["schedule"] = schedule
    if own:
        made.metadata["mlplat"] = own
    nbformat.write(made, path)


def applied(schedules: SchedulesService, folder: Path, *, check: bool = False) -> dict[str, tuple[str, list[str]]]:
    page = apply_folder(schedules, folder, owner="ada", check=check)
    return {Path(one.notebook).name: (one.action, one.changes) for one in page.items}


def test_a_folder_says_what_is_scheduled(schedules: SchedulesService, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    write(folder / "a.ipynb", {"cron": "0 6 * * *", "timezone": "Europe/Berlin", "parameters": {"x": 2}}, retries=3)
    write(folder / "deep" / "b.ipynb", {"every": 3600, "name": "hourly"})
    write(folder / "plain.ipynb")
    for left in (".#a.ipynb", ".ipynb_checkpoints/a-checkpoint.ipynb", ".cache/b.ipynb"):
        (folder / left).parent.mkdir(exist_ok=True)
        (folder / left).write_text("what an editor left")
    expected: dict[str, tuple[str, list[str]]] = {"a.ipynb": ("create", []), "b.ipynb": ("create", [])}
    assert applied(schedules, folder, check=True) == expected
    assert schedules.list().items == []
    assert applied(schedules, folder) == expected
    made = {one.name: one for one in schedules.list().items}
    assert (made["a"].parameters, made["a"].options.retries, made["hourly"].when.every) == ({"x": 2}, 3, 3600)
    assert applied(schedules, folder) == {"a.ipynb": ("unchanged", []), "b.ipynb": ("unchanged", [])}

    # A parameter that goes together with the code that takes it, another time, an option: one change.
    write(folder / "a.ipynb", {"cron": "0 7 * * *", "parameters": {"y": 5}}, parameter="y", code="print(y)", retries=1)
    (folder / "deep" / "b.ipynb").unlink()
    action, changes = applied(schedules, folder, check=True)["a.ipynb"]
    assert action == "update"
    assert sorted(change.partition(":")[0] for change in changes) == [
        "cron", "parameters", "retries", "the notebook's code", "timezone",
    ]  # fmt: skip
    assert applied(schedules, folder)["b.ipynb"] == ("unmanaged", [])
    after = schedules.get(made["a"].id)
    assert (after.parameters, after.options.retries, after.when.cron, after.edited) == ({"y": 5}, 1, "0 7 * * *", False)
    assert schedules.get(made["hourly"].id).state == "active"
    assert applied(schedules, folder)["a.ipynb"] == ("unchanged", [])


@pytest.mark.parametrize(
    "wrong",
    [{"cron": "0 0 31 2 *"}, {"cron": "0 6 * * *", "when": 1}, {}, "daily", {"every": 60, "parameters": {"z": 1}}],
)
def test_one_wrong_notebook_refuses_all(schedules: SchedulesService, tmp_path: Path, wrong: Any) -> None:
    write(tmp_path / "a.ipynb", {"every": 60})
    write(tmp_path / "b.ipynb", wrong)
    (tmp_path / "c.ipynb").write_text("no notebook")
    found = applied(schedules, tmp_path)
    assert {name: action for name, (action, _) in found.items()} == {
        "a.ipynb": "create",
        "b.ipynb": "refused",
        "c.ipynb": "refused",
    }
    assert schedules.list().items == []


def test_no_folder(schedules: SchedulesService, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        apply_folder(schedules, tmp_path / "none", owner="ada", check=False)


def old_database(folder: Path, definitions: list[dict[str, Any]]) -> Path:
    """As jupyter-scheduler 2.12 makes it, with the columns that say something."""
    database = folder / "scheduler.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute(
            "CREATE TABLE job_definitions (runtime_environment_name VARCHAR(256) NOT NULL, input_filename VARCHAR(256) "
            "NOT NULL, name VARCHAR(256), parameters VARCHAR(1024), max_retries INTEGER, retry_on_timeout BOOLEAN, "
            "job_definition_id VARCHAR(36) NOT NULL PRIMARY KEY, schedule VARCHAR(256), timezone VARCHAR(36), "
            "create_time INTEGER, active BOOLEAN)"
        )
        for number, one in enumerate(definitions):
            row = {"runtime_environment_name": "env", "input_filename": "nb.ipynb", "job_definition_id": f"id-{number}"}
            row |= {"name": "old", "active": True, "create_time": number, **one}
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO job_definitions ({', '.join(row)}) VALUES ({marks})", list(row.values()))
            write(folder / "scheduler_staging_area" / f"id-{number}" / "nb.ipynb")
    connection.close()
    return database


def test_the_definitions_of_jupyter_scheduler(schedules: SchedulesService, tmp_path: Path) -> None:
    database = old_database(
        tmp_path,
        [
            {"schedule": "0 6 * * *", "timezone": "Europe/Berlin", "parameters": json.dumps({"x": 4}), "name": "a/b"},
            {"schedule": "*/5 * * * *", "active": False, "max_retries": 2, "retry_on_timeout": True},
            {"schedule": "0 0 31 2 *"},
            {"schedule": None},
        ],
    )
    before = database.read_bytes()
    told = [one.action for one in import_scheduler(schedules, database, owner="ada", dry_run=True).items]
    assert told == ["create", "create", "refused", "refused"]
    assert schedules.list().items == []
    assert [one.action for one in import_scheduler(schedules, database, owner="ada", dry_run=False).items] == told
    second, first = schedules.list().items
    assert (first.name, first.when.cron, first.when.timezone, first.parameters) == (
        "a-b", "0 6 * * *", "Europe/Berlin", {"x": 4},
    )  # fmt: skip
    assert (second.state, second.options.retries, second.options.retry_on) == ("paused", 2, ["timeout"])
    again = [one.action for one in import_scheduler(schedules, database, owner="ada", dry_run=False).items]
    assert again == ["unchanged", "unchanged", "refused", "refused"]
    assert len(schedules.list().items) == 2
    assert database.read_bytes() == before


def test_a_file_that_is_no_such_database(schedules: SchedulesService, tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"no database" * 100)
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    for name in ("x.sqlite", "empty.sqlite"):
        with pytest.raises(Invalid, match="no database of jupyter-scheduler"):
            import_scheduler(schedules, tmp_path / name, owner="ada", dry_run=False)
