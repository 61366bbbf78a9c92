"""Runs are renamed, noted, tagged, archived, restored and deleted; MLflow's own client sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.errors import Conflict, Invalid, MLPlatError, NotFound, Stale
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import RunChange, RunsChange, RunsDeletion
from jupyter_mlplat.services.runs import RunsService, revision
from jupyter_mlplat.services.runs import index as copies
from jupyter_mlplat.store import Store, tables

from ..conftest import copy_mlflow

NOTE = "mlflow.note.content"


@pytest.fixture(scope="module", params=["tables", "client"])
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path
) -> Iterator[RunsService]:
    """Both ways: MLflow's tables, and its client where they are not known."""
    home = Home(tmp_path_factory.mktemp(request.param) / "home with a space").ensure()
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "client":
            patch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
        yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


@pytest.fixture
def run(runs: RunsService) -> str:
    """A run with a metric, a parameter, tags and a file."""
    client = runs.client()
    id = str(client.create_run("0", run_name="first", tags={"stage": "draft"}).info.run_id)
    client.log_metric(id, "auc", 0.5)
    client.log_param(id, "lr", "0.1")
    client.log_text(id, "hello", "deep/er/note.txt")
    client.set_terminated(id)
    return id


def change(runs: RunsService, id: str, *, only_at: str | None = None, **fields: Any) -> Any:
    return runs.edits.change(id, RunChange(**fields), revision=only_at)


def listed(runs: RunsService, **search: Any) -> set[str]:
    return {one.id for one in runs.list(limit=1000, **search).items}


def emitted(runs: RunsService) -> list[tuple[str, str]]:
    return [(change.topic, change.key) for change in runs._store.changes_after(0)]


# --- changes ----------------------------------------------------------------------------------------


def test_mlflow_sees_what_was_changed(runs: RunsService, run: str) -> None:
    before = runs.client().get_run(run)
    changed = change(
        runs, run, name="best / \N{SNOWMAN}", note="# why\n<b>ärger</b>", tags={"a b/c": "1", "stage": None}
    )
    theirs = runs.client().get_run(run)
    assert theirs.info.run_name == changed.name == "best / \N{SNOWMAN}"
    assert theirs.data.tags["mlflow.runName"] == "best / \N{SNOWMAN}"
    assert theirs.data.tags[NOTE] == changed.tags[NOTE] == "# why\n<b>ärger</b>"
    assert theirs.data.tags["a b/c"] == "1"
    assert "stage" not in theirs.data.tags
    assert (theirs.info.status, theirs.info.end_time) == (before.info.status, before.info.end_time)
    assert (theirs.data.metrics, theirs.data.params) == (before.data.metrics, before.data.params)
    assert ("runs", run) in emitted(runs)
    assert run in listed(runs, filter="tags.`a b/c` = '1'")
    assert run not in listed(runs, filter="tags.stage = 'draft'")
    change(runs, run, note="", tags={"stage": None, "never was": None})
    assert NOTE not in runs.client().get_run(run).data.tags


def test_a_change_to_what_it_is_already_is_none(runs: RunsService, run: str) -> None:
    once = change(runs, run, name="same", tags={"a": "1"})
    assert change(runs, run, name="same", tags={"a": "1"}, archived=False) == once


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tags": {"mlflow.user": "eve"}}, "tags.mlflow.user"),
        ({"tags": {"mlflow.note.content": "x"}}, "tags.mlflow.note.content"),
        ({"tags": {"mlplat.job_id": None}}, "tags.mlplat.job_id"),
        ({"tags": {"": "x"}}, "tags."),
        ({"tags": {"../up": "x"}}, "tags.../up"),
        ({"tags": {"a//b": "x"}}, "tags.a//b"),
        ({"tags": {"a\n": "x"}}, "tags.a\n"),
        ({"tags": {"a;b": "x"}}, "tags.a;b"),
        ({"tags": {"x" * 251: "x"}}, "tags." + "x" * 251),
        ({"tags": {"a": "x" * 8001}}, "tags.a"),
        ({"tags": {"a": "\x00"}}, "tags.a"),
        ({"tags": {"a": "\ud800"}}, "tags.a"),
        ({"tags": {f"t{number}": "x" for number in range(101)}}, "tags"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 251}, "name"),
        ({"note": "x" * 8001}, "note"),
        ({"note": "a\x00b"}, "note"),
        ({"status": "FINISHED"}, "status"),
    ],
)
def test_what_may_not_be_changed_is_refused_and_named(fields: dict[str, Any], field: str) -> None:
    from jupyter_mlplat.commands.values import build

    with pytest.raises(Invalid) as error:
        build(RunChange, **fields)
    assert set(error.value.fields) == {field}


def test_nothing_to_change_is_said(runs: RunsService, run: str) -> None:
    with pytest.raises(Invalid, match="nothing is to be changed"):
        change(runs, run)


def test_a_change_of_what_somebody_else_changed_meanwhile_is_stale(runs: RunsService, run: str) -> None:
    seen = revision(runs.get(run))
    runs.client().log_metric(run, "auc", 0.7, step=1)
    changed = change(runs, run, name="second", only_at=seen)
    assert revision(changed) != seen
    for move in ({"name": "third"}, {"archived": True}):
        with pytest.raises(Stale, match=run):
            change(runs, run, only_at=seen, **move)
    runs.client().set_tag(run, "by", "mlflow")
    with pytest.raises(Stale):
        change(runs, run, name="third", only_at=revision(changed))
    assert change(runs, run, name="third", only_at=revision(runs.get(run))).name == "third"


@pytest.mark.parametrize("id", ["no", "f" * 32, "../../etc", "a b", "", "x" * 5000, "\udc80", "a\x00b"])
def test_an_unknown_run_is_not_found(runs: RunsService, id: str) -> None:
    for act in (
        lambda: change(runs, id, name="x"), lambda: change(runs, id, archived=True), lambda: runs.edits.delete(id),
        lambda: runs.edits.delete(id, permanent=True), lambda: runs.get(id),
    ):  # fmt: skip
        with pytest.raises(NotFound) as error:
            act()
        assert "runs list" in error.value.hint


# --- the archive ------------------------------------------------------------------------------------


def test_an_archived_run_is_out_of_the_lists_and_comes_back(runs: RunsService, run: str) -> None:
    assert not runs.get(run).archived
    assert runs.edits.delete(run).freed_bytes == 0
    assert runs.client().get_run(run).info.lifecycle_stage == "deleted"
    assert runs.get(run).archived
    assert run not in listed(runs)
    assert run in listed(runs, archived=True)
    assert {one.archived for one in runs.list(archived=True).items} == {True}
    with pytest.raises(Conflict, match="is archived") as error:
        change(runs, run, name="x")
    assert error.value.hint == f"restore it: jupyter mlplat runs restore {run}"
    back = change(runs, run, archived=False, name="back")
    assert (back.archived, back.name) == (False, "back")
    assert runs.client().get_run(run).info.lifecycle_stage == "active"
    assert run in listed(runs)
    assert run not in listed(runs, archived=True)
    assert change(runs, run, archived=True, name="gone again").archived
    assert runs.client().get_run(run).info.run_name == "gone again"


def test_a_page_says_how_many_there_are(runs: RunsService, run: str) -> None:
    change(runs, run, tags={"counted": "1"})
    other = str(runs.client().create_run("0", tags={"counted": "1"}).info.run_id)
    page = runs.list(filter="tags.counted = '1'", limit=1, count=True)
    known = runs._tracking.tables() is not None
    assert page.total == (2 if known else None)
    assert runs.list(filter="tags.counted = '1'", limit=1, after=page.next, count=True).total == page.total
    assert runs.list(limit=1).total is None
    change(runs, other, archived=True)
    assert runs.list(filter="tags.counted = '1'", archived=True, count=True).total == (1 if known else None)


def test_a_large_index_learns_a_change_at_once(runs: RunsService, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others change it finds seconds later."""
    monkeypatch.setattr(copies, "FEW_ROWS", 0)
    monkeypatch.setattr(copies, "DEEP_S", 1e9)
    runs.list()
    change(runs, run, name="learnt", tags={"stage": "now", "new tag": "x"})
    for filter in ("run_name = 'learnt'", "tags.stage = 'now'", "tags.`new tag` = 'x'"):
        assert run in listed(runs, filter=filter)
    change(runs, run, tags={"stage": None})
    assert run not in listed(runs, filter="tags.stage LIKE '%'")
    change(runs, run, archived=True)
    assert run in listed(runs, archived=True)
    change(runs, run, archived=False)
    runs.edits.delete(run, permanent=True)
    assert run not in listed(runs) | listed(runs, archived=True)
    # SQLite may give the next run the row that became free.
    fresh = str(runs.client().create_run("0", run_name="after", tags={"stage": "fresh"}).info.run_id)
    runs.client().log_metric(fresh, "auc", 0.25)
    assert fresh in listed(runs, filter="run_name = 'after' AND tags.stage = 'fresh' AND metrics.auc = 0.25")


# --- for good ---------------------------------------------------------------------------------------


def test_a_run_is_deleted_for_good_with_its_files(runs: RunsService, run: str) -> None:
    folder = Path(runs.client().get_run(run).info.artifact_uri.removeprefix("file://").replace("%20", " "))
    assert (folder / "deep/er/note.txt").is_file()
    assert runs.edits.delete(run, permanent=True).freed_bytes == len("hello")
    assert not folder.parent.exists()
    assert folder.parent.parent.is_dir()
    with pytest.raises(NotFound):
        runs.get(run)
    with closing(sqlite3.connect(runs.tracking_uri.removeprefix("sqlite:///"))) as connection:
        for table in ("runs", "metrics", "latest_metrics", "params", "tags"):
            assert connection.execute(f"SELECT 1 FROM {table} WHERE run_uuid = ?", (run,)).fetchone() is None
    with pytest.raises(NotFound):
        runs.edits.delete(run, permanent=True)


def test_a_run_without_files_is_deleted_and_an_archived_one_too(runs: RunsService) -> None:
    bare = str(runs.client().create_run("0").info.run_id)
    runs.edits.delete(bare)
    assert runs.edits.delete(bare, permanent=True).freed_bytes == 0
    with pytest.raises(NotFound):
        runs.get(bare)


def test_links_are_not_followed_when_files_are_deleted(runs: RunsService, run: str, tmp_path: Path) -> None:
    folder = Path(runs.client().get_run(run).info.artifact_uri.removeprefix("file://").replace("%20", " "))
    (tmp_path / "mine.txt").write_text("precious")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "more.txt").write_text("precious")
    (folder / "file").symlink_to(tmp_path / "mine.txt")
    (folder / "deep" / "folder").symlink_to(tmp_path / "inner")
    (folder / "deep" / "up").symlink_to("../../../..")
    assert runs.edits.delete(run, permanent=True).freed_bytes == len("hello")
    assert not folder.exists()
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert (tmp_path / "inner" / "more.txt").read_text() == "precious"


@pytest.mark.parametrize("which", ["artifacts", "run"])
def test_a_folder_that_is_a_link_is_not_entered(runs: RunsService, run: str, tmp_path: Path, which: str) -> None:
    folder = Path(runs.client().get_run(run).info.artifact_uri.removeprefix("file://").replace("%20", " "))
    place = folder if which == "artifacts" else folder.parent
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "mine.txt").write_text("precious")
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "artifacts" if which == "artifacts" else tmp_path)
    with suppress(MLPlatError):  # of a link as the outermost folder only the link is deleted
        assert runs.edits.delete(run, permanent=True).freed_bytes == 0
    assert (tmp_path / "artifacts" / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    "address", ["file:///", "/etc", "file:///tmp/other/artifacts", "s3://bucket/{id}/artifacts", "file://host/{id}/artifacts",
                "file:///{id}/artifacts", "{root}/../../{id}/artifacts", ""]
)  # fmt: skip
def test_files_that_are_not_where_the_experiment_keeps_them_are_left_alone(
    runs: RunsService, run: str, address: str
) -> None:
    root = runs._tracking.home.artifacts
    with closing(sqlite3.connect(runs.tracking_uri.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(
            "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (address.format(id=run, root=root), run)
        )
    with pytest.raises(MLPlatError) as error:
        runs.edits.delete(run, permanent=True)
    assert run in error.value.message
    assert "\n" not in error.value.message
    assert not runs.get(run).archived


def test_a_run_whose_files_a_registered_model_needs_stays(runs: RunsService, run: str) -> None:
    client = runs.client()
    client.create_registered_model(f"old {run}")
    version = client.create_model_version(f"old {run}", f"runs:/{run}/deep", run_id=run)
    with pytest.raises(Conflict, match=f"models:/old {run}/1"):
        runs.edits.delete(run, permanent=True)
    assert not runs.get(run).archived
    assert runs.artifacts.entries(run, "deep").items
    client.delete_model_version(version.name, version.version)
    assert runs.edits.delete(run, permanent=True).freed_bytes == len("hello")


def test_a_logged_model_outlives_its_run(runs: RunsService, tmp_path: Path) -> None:
    import mlflow
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    mlflow.set_tracking_uri(runs.tracking_uri)
    client = runs.client()
    id = str(client.create_run("0").info.run_id)
    model = client.create_logged_model("0", name="m", source_run_id=id)
    (tmp_path / "MLmodel").write_text("x")
    client.log_model_artifacts(model.model_id, str(tmp_path))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    client.log_outputs(id, [LoggedModelOutput(model.model_id, 0)])
    client.create_registered_model(f"new {id}")
    client.create_model_version(f"new {id}", f"models:/{model.model_id}", run_id=id)
    runs.edits.delete(id, permanent=True)
    assert client.get_logged_model(model.model_id).model_id == model.model_id
    assert runs.resolve_model(f"models:/new {id}/1").source == f"models:/{model.model_id}"
    assert "MLmodel" in [one.path for one in client.list_logged_model_artifacts(model.model_id)]


# --- the runs of jobs -------------------------------------------------------------------------------


def job(runs: RunsService, state: str, run: str, *, closed: bool = True) -> str:
    """A job in the store, with an attempt whose run this is; returns its id."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    with runs._store.write() as transaction:
        id = transaction.connection.execute(
            tables.jobs.insert().values(
                name="n", notebook="/n.ipynb", owner="ada", state=state, attempt=1, parameters={}, folder="/f",
                submitted_at=now,
            )
        ).inserted_primary_key[0]  # fmt: skip
        transaction.connection.execute(
            tables.attempts.insert().values(
                job_id=id, number=1, state=state, claimed_at=now, run_id=run, run_closed=closed
            )
        )
    return str(id)


@pytest.mark.parametrize(("state", "closed"), [("queued", False), ("running", False), ("succeeded", False)])
def test_the_run_of_a_job_that_has_not_ended_stays(runs: RunsService, run: str, state: str, closed: bool) -> None:
    id = job(runs, state, run, closed=closed)
    runs.client().set_tag(run, "mlplat.job_id", id)
    for act in (
        lambda: change(runs, run, archived=True), lambda: runs.edits.delete(run),
        lambda: runs.edits.delete(run, permanent=True),
    ):  # fmt: skip
        with pytest.raises(Conflict, match=f"job {id}, which .* {state}") as error:
            act()
        assert error.value.hint
    assert not runs.get(run).archived
    assert runs.artifacts.entries(run).items
    assert change(runs, run, name="other").name == "other"


def test_the_run_of_a_job_that_has_ended_or_is_gone_may_go(runs: RunsService, run: str) -> None:
    runs.client().set_tag(run, "mlplat.job_id", job(runs, "failed", run))
    assert change(runs, run, archived=True).archived
    other = str(runs.client().create_run("0", tags={"mlplat.job_id": "999999"}).info.run_id)
    runs.edits.delete(other, permanent=True)
    third = str(runs.client().create_run("0", tags={"mlplat.job_id": "' OR 1=1"}).info.run_id)
    assert change(runs, third, archived=True).archived


# --- many at once -----------------------------------------------------------------------------------


def test_one_that_is_refused_does_not_hold_up_the_others(runs: RunsService, run: str) -> None:
    client = runs.client()
    second, living = (str(client.create_run("0").info.run_id) for _ in range(2))
    client.set_tag(living, "mlplat.job_id", job(runs, "running", living))
    ids = [run, "f" * 32, living, second, run, "no/run"]
    done = runs.edits.change_many(RunsChange(runs=ids, archived=True))
    assert [(one.run_id, one.ok) for one in done.items] == [
        (run, True), ("f" * 32, False), (living, False), (second, True), ("no/run", False),
    ]  # fmt: skip
    assert all(one.ok is (one.message is None) for one in done.items)
    assert {run, second} <= listed(runs, archived=True)
    done = runs.edits.change_many(RunsChange(runs=[run, second], archived=False, tags={"many": "yes"}))
    assert all(one.ok for one in done.items)
    assert listed(runs, filter="tags.many = 'yes'") == {run, second}
    gone = runs.edits.delete_many(RunsDeletion(runs=[run, living, second], permanent=True))
    assert [(one.ok, one.freed_bytes) for one in gone.items] == [(True, 5), (False, 0), (True, 0)]
    assert gone.freed_bytes == 5
    assert ("runs", "*") in emitted(runs)
    with pytest.raises(Invalid):
        runs.edits.change_many(RunsChange(runs=[living]))
