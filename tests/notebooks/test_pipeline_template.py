"""The pipeline among the templates runs as it is, and its last notebook says what the others found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.jobs.parameters import schema

TEMPLATE = Path(__file__).parents[2] / "notebooks" / "templates" / "pipeline"


@pytest.mark.parametrize("notebook", sorted(TEMPLATE.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_committed_clean_and_explains_its_parameters(notebook: Path) -> None:
    found = json.loads(notebook.read_text(encoding="utf-8"))
    nbformat.validate(found)
    for cell in found["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    document = schema(found)
    assert document["x-mlplat-notes"] == []
    for name, property in document["properties"].items():
        assert property["type"], name
        assert property["description"], name


@pytest.mark.timeout(400)
def test_the_pipeline_runs_to_its_report(platform: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    shutil.copytree(TEMPLATE, folder)
    done = mlplat.pipelines.run(folder / "pipeline.yaml", {"dataset": "iris"}, wait=True)
    assert [(one.name, one.state, one.message) for one in done.nodes] == [
        (name, "succeeded", None) for name in ("prepare", "train", "report")
    ]
    assert done.state == "succeeded"
    prepare, train, report = (platform.jobs.get(str(one.job_id)) for one in done.nodes)
    assert prepare.results == {"path": str(folder / "data" / "iris.parquet"), "rows": 149}
    assert train.metric["accuracy"] > 0.85
    assert report.parameters["accuracy"] == train.metric["accuracy"]
    assert report.parameters["run_id"] == train.run_id
    shown = platform.jobs.output(report.id).read_text(encoding="utf-8")
    assert f"iris: {train.metric['accuracy']:.1%} right" in shown
