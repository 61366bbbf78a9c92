"""Checkpoints: a retry goes on behind the last one that holds, with what was there, or says why it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.attempts import OUTPUT

from .test_runner import Run, runs

__all__ = ["runs"]

SETUP = """
import random
import numpy as np
from collections import Counter
made = []
class Model:
    def __init__(self): self.weights = shared
    def predict(self, x): return x * factor
def double(x):
    return factor * x
shared = [1.0, 2.0]
factor = 2
model = Model()
random.seed(1); np.random.seed(1)
first = (random.random(), float(np.random.rand()))
print("set up")
"""
AFTER = """
assert model.weights is shared
factor = 3
assert (double(2), model.predict(2), type(model) is Model) == (6, 6, True)
assert Counter("aa")["a"] == 2 and np.arange(3).sum() == 3
drawn = (random.random(), float(np.random.rand()))
import json, pathlib
pathlib.Path("drawn.json").write_text(json.dumps(drawn))
"""


def make(path: Path, *cells: str | tuple[str, str]) -> Path:
    """A notebook; a cell given with a tag has it."""
    notebook = new_notebook()
    for cell in cells:
        source, tags = (cell, []) if isinstance(cell, str) else (cell[0], [cell[1]])
        notebook.cells.append(new_code_cell(source, metadata={"tags": tags}))
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "python3"}
    nbformat.write(notebook, path)
    return path


def kept(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    folder = str(tmp_path / "checkpoints")
    return {"checkpoints": folder, "resume_from": [folder], "cwd": str(tmp_path), **fields}


def test_a_retry_goes_on_behind_the_checkpoint_with_everything_that_was_there(run: Run, tmp_path: Path) -> None:
    fails_once = "import pathlib\nflag = pathlib.Path('again')\nif not flag.exists():\n    flag.touch(); 1 / 0"
    notebook = make(
        tmp_path / "n.ipynb", ("x = 1", "parameters"), (SETUP, "mlplat:checkpoint"), "y = x + 1", AFTER, fails_once
    )
    first = run(notebook, **kept(tmp_path, parameters={"x": 5}))
    assert first.wait()["reason"] == "cell_error"
    assert "[checkpoint behind cell 1: " in first.log
    drawn = (tmp_path / "drawn.json").read_text()
    assert (tmp_path / "checkpoints").stat().st_mode & 0o77 == 0

    second = run(notebook, number=2, **kept(tmp_path, parameters={"x": 5}))
    record = second.wait()
    assert record["state"] == "succeeded", second.log
    assert record["note"] == "went on behind cell 1 from the checkpoint of attempt 1: 2 cells not run again"
    assert record["note"] in second.log
    assert second.states == {0: "skipped", 1: "skipped", 2: "ok", 3: "ok", 4: "ok"}
    assert (tmp_path / "drawn.json").read_text() == drawn  # the random generators went on, too
    output = nbformat.read(second.folder / OUTPUT, as_version=4)
    assert "set up" in json.dumps(output.cells)
    assert not (tmp_path / "checkpoints").exists()


def test_what_was_edited_before_the_checkpoint_runs_again(run: Run, tmp_path: Path) -> None:
    cells = ["a = 1", ("b = a + 1", "mlplat:checkpoint"), "c = b + 1", ("d = c", "mlplat:checkpoint"), "1 / (d - 4)"]
    first = run(make(tmp_path / "n.ipynb", *cells, "assert False"), **kept(tmp_path))
    assert first.wait()["state"] == "failed"

    cells[2] = "c = b + 2"
    second = run(make(tmp_path / "n.ipynb", *cells, "assert c == 4"), number=2, **kept(tmp_path))
    record = second.wait()
    assert record["note"] == "went on behind cell 1 from the checkpoint of attempt 1: 2 cells not run again"
    assert second.states[2] == "ok"

    cells[0] = "a = 10"
    third = run(make(tmp_path / "n.ipynb", *cells, "assert d == 13"), number=3, **kept(tmp_path))
    record = third.wait()
    assert record["note"] == "from the start: cell 0 was changed since the checkpoint behind cell 3"
    assert set(third.states.values()) == {"ok"}, third.log


def test_other_parameters_are_another_run(run: Run, tmp_path: Path) -> None:
    notebook = make(tmp_path / "n.ipynb", ("x = 1", "parameters"), ("y = x", "mlplat:checkpoint"), "assert y == 2, y")
    assert run(notebook, **kept(tmp_path, parameters={"x": 1})).wait()["state"] == "failed"
    again = run(notebook, number=2, **kept(tmp_path, parameters={"x": 2})).wait()
    assert again["state"] == "succeeded"
    assert again["note"] == "from the start: the parameter x was changed since the checkpoint behind cell 1"


def test_what_cannot_be_saved_and_is_needed_makes_no_checkpoint(run: Run, tmp_path: Path) -> None:
    cells: list[str | tuple[str, str]] = [
        "import threading\nlock = threading.Lock()\nloose = threading.Lock()",
        ("def locked():\n    with lock:\n        return 1", "mlplat:checkpoint"),
        "with open('n.ipynb') as loose:\n    pass\nlocked()",
        ("del lock, locked", "mlplat:checkpoint"),
        "1 / 0",
    ]
    first = run(make(tmp_path / "n.ipynb", *cells), **kept(tmp_path))
    first.wait()
    assert "[no checkpoint behind cell 1: lock cannot be saved (TypeError: cannot pickle" in first.log
    assert "and cell 2 uses it]" in first.log
    assert "[checkpoint behind cell 3: " in first.log
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


def test_named_variables(run: Run, tmp_path: Path) -> None:
    magic = "%load_ext jupyter_mlplat\nbig, df = list(range(10)), {'a': 1}\n%mlplat checkpoint df"
    notebook = make(tmp_path / "n.ipynb", magic, "df['a'] += 1", "assert 'big' not in globals()")
    first = run(notebook, **kept(tmp_path))
    assert first.wait()["state"] == "failed"
    assert "[checkpoint behind cell 0: 1 variables, " in first.log
    assert run(notebook, number=2, **kept(tmp_path)).wait()["state"] == "succeeded"

    uses_more = make(tmp_path / "m.ipynb", magic, "print(big)", "1 / 0")
    other = run(uses_more, number=3, **kept(tmp_path))
    other.wait()
    assert "[no checkpoint behind cell 0: big is not among the names to save, and cell 1 uses it]" in other.log


def test_a_damaged_checkpoint_is_no_checkpoint(run: Run, tmp_path: Path) -> None:
    notebook = make(
        tmp_path / "n.ipynb", ("x = [1] * 1000", "mlplat:checkpoint"), "import os; assert os.path.exists('go')"
    )
    assert run(notebook, **kept(tmp_path)).wait()["state"] == "failed"
    (values,) = (tmp_path / "checkpoints").glob("*/values.pickle")
    damaged = bytearray(values.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    values.write_bytes(bytes(damaged))
    (tmp_path / "go").touch()
    again = run(notebook, number=2, **kept(tmp_path)).wait()
    assert (again["state"], again["note"]) == (
        "succeeded", "from the start: the checkpoint behind cell 0: RuntimeError: its file is damaged",
    )  # fmt: skip


def test_where_the_last_one_is_damaged_the_one_before_it_serves(run: Run, tmp_path: Path) -> None:
    cells = [
        ("x = 1", "mlplat:checkpoint"),
        ("y = x + 1", "mlplat:checkpoint"),
        "import os; assert os.path.exists('go')",
    ]
    notebook = make(tmp_path / "n.ipynb", *cells)
    assert run(notebook, **kept(tmp_path)).wait()["state"] == "failed"
    (tmp_path / "checkpoints" / "7-1-1" / "values.pickle").write_bytes(b"no pickle")
    (tmp_path / "go").touch()
    again = run(notebook, number=2, **kept(tmp_path))
    record = again.wait()
    assert record["note"] == "went on behind cell 0 from the checkpoint of attempt 1: 1 cells not run again"
    assert again.states == {0: "skipped", 1: "ok", 2: "ok"}


def test_set_up_that_always_runs(run: Run, tmp_path: Path) -> None:
    notebook = make(
        tmp_path / "n.ipynb",
        ("import os\nos.environ['SET_UP'] = 'yes'", "mlplat:always"),
        ("x = 1", "mlplat:checkpoint"),
        "assert os.environ['SET_UP'] == 'yes'\nassert os.path.exists('go')",
    )
    assert run(notebook, **kept(tmp_path)).wait()["state"] == "failed"
    (tmp_path / "go").touch()
    again = run(notebook, number=2, **kept(tmp_path))
    assert again.wait()["state"] == "succeeded", again.log
    assert again.states == {0: "ok", 1: "skipped", 2: "ok"}


def test_no_secret_is_in_a_checkpoint(run: Run, tmp_path: Path) -> None:
    notebook = make(
        tmp_path / "n.ipynb",
        ("token: str = ''", "parameters"),
        ("def use():\n    return token", "mlplat:checkpoint"),
        "assert use() == 'swordfish-7'\nimport os; assert os.path.exists('go')",
    )
    fields = kept(tmp_path, secrets={"token": "env:MY_TOKEN"})
    host = {"MY_TOKEN": "swordfish-7"}
    first = run(notebook, host=host, **fields)
    assert first.wait()["state"] == "failed"
    assert "[checkpoint behind cell 1" in first.log
    (values,) = (tmp_path / "checkpoints").glob("*/values.pickle")
    assert b"swordfish" not in values.read_bytes()
    (tmp_path / "go").touch()
    again = run(notebook, host=host, number=2, **fields)
    assert again.wait()["state"] == "succeeded", again.log
    assert again.states[1] == "skipped"


def test_results_are_in_the_record_and_survive_the_cells_that_left_them(run: Run, tmp_path: Path) -> None:
    leaves = "import jupyter_mlplat as mlplat\nmlplat.set_result('rows', 3)\nmlplat.set_result('path', 'a/b')"
    notebook = make(
        tmp_path / "n.ipynb",
        (leaves, "mlplat:checkpoint"),
        "mlplat.set_result('rows', 4)",
        "import os; assert os.path.exists('go')",
    )
    assert run(notebook, **kept(tmp_path)).wait()["results"] == {"rows": 4, "path": "a/b"}
    (tmp_path / "go").touch()
    assert run(notebook, number=2, **kept(tmp_path)).wait()["results"] == {"rows": 4, "path": "a/b"}
    bad = make(tmp_path / "b.ipynb", "import jupyter_mlplat as mlplat\nmlplat.set_result('x', float('nan'))")
    record = run(bad, number=3, cwd=str(tmp_path)).wait()
    assert "the result x is no JSON" in record["message"]
