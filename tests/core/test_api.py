"""The Python door: `import jupyter_mlplat as mlplat`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat.errors import Conflict, Invalid, NotFound
from jupyter_mlplat.platform import Platform


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    made = nbformat.v4.new_notebook()
    made.cells = [
        nbformat.v4.new_code_cell("alpha: float = 0.5\nfail = False", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print('alpha is', alpha)\nassert not fail, 'as asked'"),
    ]
    path = tmp_path / "train.ipynb"
    nbformat.write(made, path)
    return path


def test_a_job(platform: Platform, notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(notebook.parent)
    seen = []
    handle = mlplat.jobs.run("train.ipynb", parameters={"alpha": 0.25}, name="mine")
    job = handle.wait(60, on_change=lambda one: seen.append(one.state))
    assert job.state == handle.state == "succeeded"
    assert seen[-1] == "succeeded"
    assert "alpha is 0.25" in handle.log()
    assert handle.output().name.endswith(".ipynb")
    assert repr(handle) == f"<job {handle.id}>"
    assert mlplat.jobs.get(handle.id).job == job
    assert [one.name for one in mlplat.jobs.list().items] == ["mine"]
    assert mlplat.jobs.schema("train.ipynb")["properties"]["alpha"]["type"] == "number"
    with pytest.raises(Conflict):
        handle.cancel()
    failed = mlplat.jobs.run(notebook, {"fail": True}, wait=True, notify=[{"to": "env:NOBODY"}])
    assert failed.state == "failed"
    assert [one.to for one in failed.job.notices] == ["env:NOBODY"]
    assert mlplat.jobs.prune(older_than=0, dry_run=True).jobs == 1
    assert mlplat.jobs.prune(keep=0, state=["failed", "lost"]).jobs == 1
    assert [one.id for one in mlplat.jobs.list().items] == [handle.id]
    with pytest.raises(Invalid):
        mlplat.jobs.prune()


def test_bad_input(platform: Platform, notebook: Path) -> None:
    with pytest.raises(Invalid):
        mlplat.jobs.run("none.ipynb")
    with pytest.raises(Invalid) as caught:
        mlplat.jobs.run(notebook, parameters={"alpha": "fast"})
    assert "parameters.alpha" in caught.value.fields
    with pytest.raises(Invalid) as caught:
        mlplat.jobs.run(notebook, timeout=-1)
    assert "timeout" in caught.value.fields
    with pytest.raises(NotFound):
        mlplat.jobs.get("99")
    with pytest.raises(NotFound):
        mlplat.deployments.get("nobody")
    assert mlplat.jobs.list().items == []


def test_features_and_drift(platform: Platform, tmp_path: Path) -> None:
    import pandas

    table = pandas.DataFrame(
        {
            "customer": range(200),
            "at": pandas.Timestamp("2026-01-01", tz="UTC") + pandas.to_timedelta(range(200), unit="h"),
            "age": [20 + (7 * row) % 50 for row in range(200)],
        }
    )
    table.to_parquet(tmp_path / "customers.parquet")
    (view,) = mlplat.features.apply(
        [
            mlplat.FeatureView(
                name="customers", source=tmp_path / "customers.parquet", entities="customer", timestamp="at"
            )
        ]
    )
    assert [one.name for one in view.features] == ["age"]
    assert mlplat.features.materialize("customers").rows == 200
    assert mlplat.features.online("customers", [{"customer": 3}]) == [{"customer": 3, "age": 41}]
    asked = pandas.DataFrame({"customer": [3], "event_time": pandas.to_datetime(["2027-01-01"], utc=True)})
    assert mlplat.features.historical(asked, ["customers:age"])["age"].tolist() == [41]
    assert [one.name for one in mlplat.features.views().items] == ["customers"]

    table.assign(age=table["age"] + 40).to_parquet(tmp_path / "later.parquet")
    report = mlplat.drift.check(tmp_path / "customers.parquet", tmp_path / "later.parquet", columns=["age"])
    assert report.drifted_columns == ["age"]


def test_what_is_here_and_what_is_not(platform: Platform) -> None:
    assert mlplat.gpus.list().devices == platform.gpus.list().devices
    assert mlplat.status().home == str(platform.home.root)
    assert mlplat.__version__ == mlplat.status().version
    assert mlplat.Platform is Platform
    assert set(mlplat.__all__) <= set(dir(mlplat))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        mlplat.nonsense  # noqa: B018


def test_a_plain_import_sets_nothing_and_writes_nothing(isolated_environment: Path) -> None:
    code = "import os; before = dict(os.environ); import jupyter_mlplat as m; m.jobs; assert dict(os.environ) == before"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not isolated_environment.exists()
