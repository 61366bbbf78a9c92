"""The files of runs: listed and read, and never anything outside of a run's own folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_mlplat.errors import Invalid, MLPlatError, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store

from ..conftest import copy_mlflow


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
    client = runs.client()
    id = str(client.create_run("0").info.run_id)
    client.log_text(id, "hello", "note.txt")
    client.log_text(id, "1,2", "plots/deep er/ärger \N{SNOWMAN}.csv")
    client.log_text(id, "<b>", "plots/%2e%2e.html")
    return id


def folder_of(runs: RunsService, run: str) -> Path:
    found = runs.artifacts._folder(run)
    assert found is not None
    return found


def read(runs: RunsService, run: str, path: str) -> bytes:
    with runs.artifacts.reading(run, path) as found:
        content = found.file.read()
        assert found.size == len(content)
        assert found.name == path.rpartition("/")[2]
        return content


def test_folders_come_first_then_files_by_name(runs: RunsService, run: str) -> None:
    runs.client().log_text(run, "x" * 1000, "a.txt")
    page = runs.artifacts.entries(run)
    assert [(one.path, one.is_dir, one.size) for one in page.items] == [
        ("plots", True, None), ("a.txt", False, 1000), ("note.txt", False, 5),
    ]  # fmt: skip
    assert page.next is None
    assert [one.path for one in runs.artifacts.entries(run, "plots").items] == ["plots/deep er", "plots/%2e%2e.html"]
    assert [one.path for one in runs.artifacts.entries(run, "plots/deep er").items] == [
        "plots/deep er/ärger \N{SNOWMAN}.csv"
    ]


def test_a_file_is_read_as_it_was_written(runs: RunsService, run: str) -> None:
    assert read(runs, run, "note.txt") == b"hello"
    assert read(runs, run, "plots/deep er/ärger \N{SNOWMAN}.csv") == b"1,2"
    assert read(runs, run, "plots/%2e%2e.html") == b"<b>"


def test_a_run_without_files_has_an_empty_folder(runs: RunsService) -> None:
    bare = str(runs.client().create_run("0").info.run_id)
    assert runs.artifacts.entries(bare).items == []
    runs.client().delete_run(bare)
    assert runs.artifacts.entries(bare).items == []


WRONG = [
    "none.txt", "note.txt/", "note.txt/x", "plots", "/etc/passwd", "//etc/passwd", "../artifacts/note.txt", "..", ".",
    "./note.txt", "plots/../note.txt", "plots//x", "plots/..", "\x00", "note.txt\x00", "a\x00/b", "x" * 255, "x" * 5000,
    "x/" * 2500, "\udc80", "..\\note.txt", "%2e%2e/note.txt", "file:///etc/passwd", "~/x", "note.txt\n", "",
]  # fmt: skip


@pytest.mark.parametrize("path", WRONG, ids=lambda path: ascii(path[:20]))
def test_what_is_no_file_inside_is_not_found(runs: RunsService, run: str, path: str) -> None:
    with pytest.raises(NotFound) as error, runs.artifacts.reading(run, path):
        pytest.fail("it was opened")
    for message in (error.value.message, error.value.hint):
        assert message.isascii()
        assert "\n" not in message
        assert len(message) < 400


@pytest.mark.parametrize("path", [one for one in WRONG if one not in ("plots", "")], ids=lambda path: ascii(path[:20]))
def test_what_is_no_folder_inside_is_not_found(runs: RunsService, run: str, path: str) -> None:
    with pytest.raises(NotFound):
        runs.artifacts.entries(run, path)


def test_no_link_is_followed(runs: RunsService, run: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = folder_of(runs, run)
    (folder / "file").symlink_to(tmp_path / "secret.txt")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "inside").symlink_to("note.txt")
    (folder / "round").symlink_to("round")
    (folder / "plots" / "up").symlink_to("../../../../..")
    assert [one.path for one in runs.artifacts.entries(run).items] == ["plots", "note.txt"]
    assert "plots/up" not in [one.path for one in runs.artifacts.entries(run, "plots").items]
    for path in ("file", "folder/secret.txt", "inside", "round", "plots/up", "plots/up/mlflow.db"):
        with pytest.raises(NotFound), runs.artifacts.reading(run, path):
            pytest.fail("it was opened")
    for path in ("folder", "plots/up"):
        with pytest.raises(NotFound):
            runs.artifacts.entries(run, path)


@pytest.mark.parametrize("which", ["artifacts", "run"])
def test_a_folder_that_is_a_link_is_not_entered(runs: RunsService, run: str, tmp_path: Path, which: str) -> None:
    folder = folder_of(runs, run)
    place = folder if which == "artifacts" else folder.parent
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "note.txt").write_text("secret")
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "artifacts" if which == "artifacts" else tmp_path)
    with pytest.raises(NotFound), runs.artifacts.reading(run, "note.txt"):
        pytest.fail("it was opened")
    with pytest.raises(NotFound):
        runs.artifacts.entries(run)


def test_what_is_no_regular_file_is_neither_shown_nor_waited_for(runs: RunsService, run: str) -> None:
    folder = folder_of(runs, run)
    os.mkfifo(folder / "pipe")
    (folder / os.fsdecode(b"\xff.txt")).write_text("no UTF-8")
    assert [one.path for one in runs.artifacts.entries(run).items] == ["plots", "note.txt"]
    with pytest.raises(NotFound), runs.artifacts.reading(run, "pipe"):
        pytest.fail("it was opened")


@pytest.mark.parametrize(
    "address",
    ["file:///", "/", "", "file:///etc/artifacts", "etc", "{id}/artifacts", "file:///tmp/../{id}/artifacts",
     "file:///tmp/{id}/artifacts/.."],
)  # fmt: skip
def test_a_folder_that_is_not_the_run_s_own_is_not_read(runs: RunsService, run: str, address: str) -> None:
    """An MLflow server says where files are: it may not choose any place of this machine."""
    with closing(sqlite3.connect(runs.tracking_uri.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (address.format(id=run), run))
    for act in (lambda: runs.artifacts.entries(run), lambda: runs.artifacts.reading(run, "passwd").__enter__()):
        with pytest.raises(NotFound, match=run):
            act()
    assert runs.get(run).id == run


def test_a_place_that_cannot_be_asked_is_said(runs: RunsService, run: str) -> None:
    with closing(sqlite3.connect(runs.tracking_uri.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (f"s3://none/{run}/artifacts", run))
    with pytest.raises(MLPlatError) as error:
        runs.artifacts.entries(run)
    assert error.value.status >= 500
    assert runs.get(run).artifacts == []


@pytest.mark.parametrize("id", ["no", "f" * 32, "../../etc", "a b", "", "x" * 5000, "\udc80", "a\x00b"])
def test_an_unknown_run_is_not_found(runs: RunsService, id: str) -> None:
    for act in (lambda: runs.artifacts.entries(id), lambda: runs.artifacts.reading(id, "note.txt").__enter__()):
        with pytest.raises(NotFound):
            act()


# --- tables -----------------------------------------------------------------------------------------


def test_the_first_rows_of_a_parquet_file(runs: RunsService, run: str, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {"id": [*range(999), None], "words": ["<b>"] * 999 + ["x" * 900], "many": [[1, 2]] * 1000}
    wide = {f"c{number}": [0.5] * 1000 for number in range(70)}
    pyarrow.parquet.write_table(pyarrow.table(columns | wide), tmp_path / "scores.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"id": pyarrow.array([], "int8")}), tmp_path / "empty.parquet")
    for name in ("scores", "empty"):
        runs.client().log_artifact(run, str(tmp_path / f"{name}.parquet"), "tables")
    found = runs.table(run, "tables/scores.parquet")
    assert [(one.name, one.type) for one in found.columns[:3]] == [
        ("id", "int64"), ("words", "string"), ("many", "list<element: int64>"),
    ]  # fmt: skip
    assert (found.count, len(found.rows), len(found.columns), found.more_columns) == (1000, 200, 60, 13)
    assert found.rows[7][:4] == ["7", "<b>", "[1, 2]", "0.5"]
    empty = runs.table(run, "tables/empty.parquet")
    assert (empty.count, empty.rows, [one.name for one in empty.columns]) == (0, [], ["id"])


def test_what_is_no_table_is_said(runs: RunsService, run: str, tmp_path: Path) -> None:
    runs.client().log_text(run, "", "nothing.parquet")
    runs.client().log_text(run, "PAR1" + "x" * 5000 + "PAR1", "broken.parquet")
    for path in ("note.txt", "nothing.parquet", "broken.parquet"):
        with pytest.raises(Invalid, match="cannot be read as a table"):
            runs.table(run, path)
    for path in ("none.parquet", "../note.txt", "plots"):
        with pytest.raises(NotFound):
            runs.table(run, path)
