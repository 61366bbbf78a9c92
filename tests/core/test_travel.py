"""Files of a notebook on their way to a worker on another host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_notebook

from jupyter_mlplat.backends import travel
from jupyter_mlplat.errors import Invalid


def notebook(folder: Path, files: Any) -> Path:
    made = new_notebook()
    made.metadata["mlplat"] = {"files": files}
    nbformat.write(made, folder / "n.ipynb")
    return folder / "n.ipynb"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    (folder / "tool.py").write_text("x = 1")
    (folder / "data" / "a.csv").write_bytes(b"\x00a")
    (folder / "data" / "b.csv").write_bytes(b"b")
    (tmp_path / "secret").write_text("s")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "away").symlink_to(tmp_path)
    return folder


def test_named_files_arrive_where_they_were(work: Path, tmp_path: Path) -> None:
    packed = travel.pack(notebook(work, ["tool.py", "data/*.csv", "data/a.csv"]), work)
    assert packed == {"tool.py": b"x = 1", "data/a.csv": b"\x00a", "data/b.csv": b"b"}
    target = tmp_path / "there"
    target.mkdir()
    travel.unpack(packed, target)
    assert {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()} == set(packed)
    assert travel.pack(notebook(work, []), work) == {}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ("tool.py", "no list of names"),
        ([1], "no list of names"),
        ([""], "no list of names"),
        (["none.py"], "is not there"),
        (["data"], "is not there"),
        (["../secret"], "not below its folder"),
        (["data/../../secret"], "not below its folder"),
        (["/etc/passwd"], "not below its folder"),
        (["link"], "leads out of its folder"),
        (["away/secret"], "leads out of its folder"),
        (["away/*"], "leads out of its folder"),
        (["a\0b"], "not below its folder"),
    ],
)
def test_what_lies_elsewhere_does_not_travel(work: Path, files: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        travel.pack(notebook(work, files), work)


def test_too_much_is_refused(work: Path) -> None:
    with open(work / "large.bin", "wb") as file:
        os.truncate(file.fileno(), travel.LARGEST + 1)
    with pytest.raises(Invalid, match="more than 64 MiB"):
        travel.pack(notebook(work, ["large.bin"]), work)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", ""])
def test_nothing_is_written_elsewhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        travel.unpack({name: b"x"}, tmp_path)
