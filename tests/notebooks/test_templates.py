"""Every template runs, in plain Jupyter and as a job would run it, and leaves in MLflow what it promises."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.home import Home
from jupyter_mlplat.services.jobs.notebookfile import read_notebook
from jupyter_mlplat.services.jobs.parameters import schema, validate
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store

TEMPLATES = Path(__file__).parents[2] / "notebooks" / "templates"
TRAIN = TEMPLATES / "train_classifier.ipynb"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunsService]:
    """One MLflow database for this module: making one takes seconds."""
    home = Home(tmp_path_factory.mktemp("templates")).ensure()
    store = Store(f"sqlite:///{home.database}")
    service = RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    service.client()
    yield service
    store.close()


@pytest.fixture
def execute(runs: RunsService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a template with papermill in an empty folder; MLflow is where `runs` looks."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", runs.tracking_uri)
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", runs._tracking.home.artifacts.as_uri())

    def run(template: Path, parameters: dict[str, Any], **environment: str) -> Any:
        import papermill

        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        checked = validate(schema(read_notebook(template)), parameters)
        folder = tmp_path / "empty"
        folder.mkdir(exist_ok=True)
        output = tmp_path / "output.ipynb"
        done = papermill.execute_notebook(template, output, parameters=checked, cwd=folder, progress_bar=False)
        assert list(folder.iterdir()) == []
        return done

    return run


def printed(notebook: Any) -> str:
    """What the cells wrote to stderr: warnings that a reader would stumble over."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stderr")


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_template_is_committed_clean_and_explains_its_parameters(template: Path) -> None:
    import nbformat

    notebook = json.loads(template.read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert notebook["metadata"]["mlplat"]["metric"]
    document = schema(notebook)
    assert document["x-mlplat-notes"] == []
    assert document["required"] == []
    for name, found in document["properties"].items():
        assert found["type"], name
        assert found["description"], name
        assert "default" in found, name
    assert {template.name for template in TEMPLATES.glob("*.ipynb")} == {TRAIN.name}, "add a test that executes it"


def test_as_a_job_it_fills_the_run_that_was_made_for_it(runs: RunsService, execute: Any, tmp_path: Path) -> None:
    import mlflow
    import pandas as pd

    run_id = runs.start_job_run(
        job_id="1", attempt=1, name="train", notebook=str(TRAIN), experiment="templates", owner="ada", parameters={}
    )
    done = execute(TRAIN, {}, MLFLOW_RUN_ID=run_id, MLPLAT_JOB_ID="1", MLPLAT_ATTEMPT="1")
    assert "Warning" not in printed(done)
    metrics = runs.finish_job_run(run_id, status="FINISHED", notebook=tmp_path / "output.ipynb", parameters={})
    assert [run.id for run in runs.list(experiment="templates").items] == [run_id]
    found = runs.get(run_id)
    assert found.status == "FINISHED"
    assert metrics.keys() == {"accuracy", "f1", "auc", "log_loss"}
    assert metrics["accuracy"] > 0.95
    assert found.parameters["C"] == "1.0"
    assert {"confusion_matrix.png", "data", "notebook"} <= set(found.artifacts)
    assert [(one["name"], one["context"]) for one in found.datasets] == [
        ("breast_cancer", "training"),
        ("breast_cancer", "evaluation"),
    ]
    version = runs.resolve_model("models:/breast_cancer-classifier@challenger")
    assert (version.run_id, version.version) == (run_id, "1")
    assert found.models[0]["registered"] == [{"name": "breast_cancer-classifier", "version": "1"}]

    folder = Path(runs.client().download_artifacts(run_id, "data", str(tmp_path)))
    train, heldout = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "heldout.parquet")
    assert (len(train), len(heldout)) == (426, 143)
    assert all(column.isidentifier() for column in train.columns)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(runs.tracking_uri)
    try:
        model = mlflow.pyfunc.load_model(version.uri)
    finally:
        mlflow.set_tracking_uri(before)
    assert model.metadata.signature is not None
    assert model.input_example is not None
    right = (model.predict(heldout.drop(columns="target")) == heldout["target"]).mean()
    assert right == pytest.approx(metrics["accuracy"])


@pytest.mark.parametrize(
    ("dataset", "model", "accuracy"),
    [
        pytest.param("digits", "forest", 0.94, marks=pytest.mark.long),
        pytest.param("wine", "boosted", 0.9, marks=pytest.mark.long),
        ("diabetes", "logistic", 0.65),
    ],
)
def test_it_learns_every_bundled_data_set(
    runs: RunsService, execute: Any, dataset: str, model: str, accuracy: float
) -> None:
    execute(TRAIN, {"dataset": dataset, "model": model, "n_estimators": 60, "seed": 7, "alias": "fresh"})
    version = runs.resolve_model(f"models:/{dataset}-classifier@fresh")
    found = runs.get(str(version.run_id))
    assert found.parameters["model"] == model
    assert (found.metrics["accuracy"] or 0) > accuracy
    assert found.status == "FINISHED"


def test_it_learns_your_own_table_with_words_and_gaps(runs: RunsService, execute: Any, tmp_path: Path) -> None:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(20261121)
    table = pd.DataFrame({"size (cm)": random.normal(size=400), "colour": random.choice(["red", "green"], 400)})
    likes = np.where((table["size (cm)"] > 0) ^ (table["colour"] == "red"), "yes", "no")
    table["bought"] = np.where(table["colour"] == "red", "yes", likes)
    table.loc[::10, "size (cm)"] = np.nan
    path = tmp_path / "shop.csv"
    table.to_csv(path, index=False)
    before = len(runs.models().items)
    execute(TRAIN, {"data_path": str(path), "target": "bought", "model": "forest", "register_as": "", "alias": ""})
    found = runs.list(filter="params.dataset = 'shop'").items[0]
    assert (found.metrics["accuracy"] or 0) > 0.8
    assert os.fspath(path) in str(runs.get(found.id).datasets[0]["source"])
    assert len(runs.models().items) == before
