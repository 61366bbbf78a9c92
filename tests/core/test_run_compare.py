"""Runs side by side, and what two of them differ in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlplat.errors import Invalid, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import ComparedRow
from jupyter_mlplat.provenance import FOLDER, LOCK
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store

from ..conftest import copy_mlflow


@pytest.fixture(scope="module", params=["tables", "client"])
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path
) -> Iterator[RunsService]:
    """Both ways: MLflow's tables, and its client where they are not known."""
    home = Home(tmp_path_factory.mktemp(request.param)).ensure()
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "client":
            patch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
        yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


def make(runs: RunsService, name: str, **logged: Any) -> str:
    client = runs.client()
    id = str(client.create_run("0", run_name=name, tags=logged.get("tags", {})).info.run_id)
    for key, value in logged.get("params", {}).items():
        client.log_param(id, key, value)
    for key, value in logged.get("metrics", {}).items():
        client.log_metric(id, key, value)
    for path, text in logged.get("files", {}).items():
        client.log_text(id, text, path)
    return id


def data(runs: RunsService, run: str, name: str, digest: str) -> None:
    from mlflow.entities import Dataset, DatasetInput

    runs.client().log_inputs(run, [DatasetInput(Dataset(name, digest, "local", "{}"), [])])


def notebook(*sources: str, injected: str | None = None) -> str:
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_markdown_cell("# text"), *(nbformat.v4.new_code_cell(source) for source in sources)]
    if injected is not None:
        made.cells.insert(2, nbformat.v4.new_code_cell(injected, metadata={"tags": ["injected-parameters"]}))
    return nbformat.writes(made)


def shown(rows: list[ComparedRow]) -> dict[str, tuple[list[Any], bool]]:
    return {row.key: (row.values, row.differs) for row in rows}


def test_only_what_differs_is_shown(runs: RunsService) -> None:
    tags = {
        "mlflow.source.git.commit": "a" * 40,
        "mlflow.source.name": "train.ipynb",
        "team": "x",
        "mlflow.note.content": "n",
    }
    first = make(runs, "one", params={"lr": "0.1", "depth": "3"}, metrics={"auc": 0.5, "loss": 1.0}, tags=tags)
    second = make(
        runs, "two", params={"lr": "0.2", "depth": "3"}, metrics={"auc": 0.5, "loss": 2.0},
        tags={**tags, "mlflow.source.git.commit": "b" * 40, "team": "y"},
    )  # fmt: skip
    third = make(runs, "three", params={"lr": "0.2"}, metrics={"auc": 0.5, "loss": float("nan"), "new": float("nan")})
    for run, digest in ((first, "d1"), (second, "d2"), (third, "d1")):
        data(runs, run, "people", digest)
        data(runs, run, "places", "same")
    runs.client().delete_run(third)
    found = runs.comparing.rows([second, first, third])
    assert [(run.id, run.name, run.archived) for run in found.runs] == [
        (second, "two", False), (first, "one", False), (third, "three", True),
    ]  # fmt: skip
    assert shown(found.source) == {
        "git commit": (["b" * 40, "a" * 40, None], True), "source": (["train.ipynb", "train.ipynb", None], True),
    }  # fmt: skip
    assert shown(found.parameters) == {"depth": (["3", "3", None], True), "lr": (["0.2", "0.1", "0.2"], True)}
    assert shown(found.metrics) == {"loss": ([2.0, 1.0, None], True), "new": ([None, None, None], True)}
    assert shown(found.data) == {"people": (["d2", "d1", "d1"], True)}
    assert shown(found.tags) == {"team": (["y", "x", None], True)}
    every = runs.comparing.rows([second, first, third], every=True)
    assert shown(every.metrics)["auc"] == ([0.5, 0.5, 0.5], False)
    assert shown(every.data)["places"] == (["same"] * 3, False)
    assert {row.key: row for row in every.parameters}.items() >= {row.key: row for row in found.parameters}.items()


def test_from_two_to_a_hundred_runs_are_compared(runs: RunsService) -> None:
    ids = [make(runs, f"r{number}", params={"n": str(number)}) for number in range(12)]
    found = runs.comparing.rows(ids)
    assert found.parameters[0].values == [str(number) for number in range(12)]
    for wrong in ([], ids[:1], [ids[0], ids[0]], [f"{number:032x}" for number in range(101)]):
        with pytest.raises(Invalid, match="from 2 to 100") as error:
            runs.comparing.rows(wrong)
        assert set(error.value.fields) == {"run"}
    for unknown in ("f" * 32, "../x", "\udc80"):
        with pytest.raises(NotFound):
            runs.comparing.rows([ids[0], unknown])
        with pytest.raises(NotFound):
            runs.comparing.difference(ids[0], unknown)


def test_two_runs_differ_in_parameters_metrics_packages_and_cells(runs: RunsService) -> None:
    before = make(
        runs, "before", params={"lr": "0.1"}, metrics={"auc": 0.5, "same": 1.0},
        files={
            "notebook/train.ipynb": notebook("lr = 0.5", "model = fit(lr)", "print(model)", injected="lr = 0.1"),
            f"{FOLDER}/{LOCK}": "# Python 3.11.7\nnumpy==1.0\npandas==2.2\n",
        },
    )  # fmt: skip
    after = make(
        runs, "after", params={"lr": "0.2", "new": "x"}, metrics={"auc": 0.7, "same": 1.0},
        files={
            "notebook/other name.ipynb": notebook("lr = 0.5", "model = fit(2 * lr)", "print(model)", injected="lr = 9"),
            f"{FOLDER}/{LOCK}": "# Python 3.12.1\nnumpy==2.0\npandas==2.2\ntorch==2.9\n",
        },
    )  # fmt: skip
    found = runs.comparing.difference(before, after)
    assert (found.before.name, found.after.name) == ("before", "after")
    assert [(one.name, one.before, one.after) for one in found.parameters] == [
        ("lr", "0.1", "0.2"), ("new", None, "x"),
    ]  # fmt: skip
    assert [(one.name, one.before, one.after) for one in found.metrics] == [("auc", 0.5, 0.7)]
    assert [(one.name, one.before, one.after) for one in found.environment] == [
        ("numpy", "1.0", "2.0"), ("python", "3.11.7", "3.12.1"), ("torch", None, "2.9"),
    ]  # fmt: skip
    changed = [line for line in found.code.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["-model = fit(lr)", "+model = fit(2 * lr)"]
    assert " # cell 1" in found.code.splitlines()
    assert found.notes == []
    assert runs.comparing.difference(after, before).parameters[0].before == "0.2"


def test_a_cell_s_text_is_the_code_of_a_run_without_a_notebook(runs: RunsService) -> None:
    before, after = (make(runs, "cell", files={"cell.py": text}) for text in ("a = 1\nb = 2", "a = 1\nb = 3"))
    found = runs.comparing.difference(before, after)
    assert "-b = 2\n+b = 3" in found.code
    assert [note.partition(":")[0] for note in found.notes] == ["environment"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"cells": 1}', '{"cells": [1]}', '{"cells": [{"cell_type": "code", "source": 1}]}',
     '{"cells": [{"cell_type": "code", "metadata": []}]}', "[" * 100_000, "\ufeff"],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_cannot_be_compared_is_noted(runs: RunsService, text: str) -> None:
    good = make(runs, "good", files={"notebook/n.ipynb": notebook("1")})
    bad = make(runs, "bad", files={"notebook/n.ipynb": text})
    found = runs.comparing.difference(good, bad)
    assert found.code == ""
    assert any(note.startswith("code: ") and bad in note for note in found.notes)


def test_a_comparison_is_strict_json(runs: RunsService) -> None:
    ids = [make(runs, "\N{SNOWMAN}\u202e", metrics={"m": value}) for value in (float("inf"), 1.0)]
    json.loads(runs.comparing.rows(ids).model_dump_json(), parse_constant=pytest.fail)
