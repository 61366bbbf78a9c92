"""Runs of a real MLflow server: everything goes through MLflow's client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_mlplat.errors import Conflict, Invalid, MLPlatError, NotFound, Stale
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import RunChange, RunsChange, RunsDeletion
from jupyter_mlplat.services.runs import RunsService, revision, scanning
from jupyter_mlplat.services.runs import artifacts as files
from jupyter_mlplat.store import Store

from ..mlflowserver import MLflowServer


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunsService]:
    root = tmp_path_factory.mktemp("remote")
    home = Home(root / "home").ensure()
    store = Store(f"sqlite:///{home.database}")
    with MLflowServer(root / "server") as server:
        yield RunsService(server.url, home, store)
    store.close()


@pytest.fixture
def run(runs: RunsService) -> str:
    from mlflow.entities import Metric

    client = runs.client()
    id = str(client.create_run("0", run_name="first", tags={"stage": "draft"}).info.run_id)
    client.log_batch(id, metrics=[Metric("train/loss", float(step % 50), step, step) for step in range(400)])
    client.log_text(id, "x = 1\n", "cell.py")
    client.log_text(id, "hello", "plots/deep er/ärger.txt")
    return id


def test_curves(runs: RunsService, run: str) -> None:
    bare = str(runs.client().create_run("0").info.run_id)
    first, second = runs.curves.some([run, bare], "train/loss", points=40).curves
    assert (first.count, first.step[0], first.step[-1], second.count) == (400, 0, 399, 0)
    assert {0.0, 49.0} <= set(first.value)
    with pytest.raises(NotFound):
        runs.curves.some([run, "f" * 32], "train/loss")


def test_edits(runs: RunsService, run: str) -> None:
    seen = revision(runs.get(run))
    changed = runs.edits.change(run, RunChange(name="best", note="why", tags={"a": "1", "stage": None}), revision=seen)
    theirs = runs.client().get_run(run)
    assert (changed.name, theirs.info.run_name) == ("best", "best")
    assert theirs.data.tags["mlflow.note.content"] == "why"
    assert "stage" not in theirs.data.tags
    with pytest.raises(Stale):
        runs.edits.change(run, RunChange(name="x"), revision=seen)
    assert runs.edits.delete(run).freed_bytes == 0
    assert run in {one.id for one in runs.list(archived=True).items}
    assert run not in {one.id for one in runs.list().items}
    assert runs.list(count=True).total is None
    assert not runs.edits.change(run, RunChange(archived=False)).archived
    done = runs.edits.change_many(RunsChange(runs=[run, "f" * 32], tags={"k": "v"}))
    assert [one.ok for one in done.items] == [True, False]


def test_nobody_deletes_for_good_from_outside(runs: RunsService, run: str) -> None:
    with pytest.raises(Conflict, match="cannot be deleted for good") as error:
        runs.edits.delete(run, permanent=True)
    assert error.value.hint.endswith(f"mlflow gc --run-ids {run}")
    assert not runs.get(run).archived
    done = runs.edits.delete_many(RunsDeletion(runs=[run], permanent=True))
    assert (done.items[0].ok, done.freed_bytes) == (False, 0)
    assert runs.artifacts.entries(run).items


def test_files_are_brought_and_forgotten(runs: RunsService, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [(one.path, one.is_dir, one.size) for one in runs.artifacts.entries(run).items] == [
        ("plots", True, None), ("cell.py", False, 6),
    ]  # fmt: skip
    path = "plots/deep er/ärger.txt"
    assert [one.path for one in runs.artifacts.entries(run, "plots/deep er").items] == [path]
    with runs.artifacts.reading(run, path) as found:
        assert (found.name, found.size, found.file.read()) == ("ärger.txt", 5, b"hello")
        left = [*runs._tracking.home.run.rglob("*.txt")]
        assert len(left) == 1
    assert not left[0].exists()
    assert [one for one in runs._tracking.home.run.iterdir() if one.is_dir() and one.name.startswith("tmp")] == []
    for wrong in ("none", "plots", "../cell.py", "/etc/passwd", "plots/../cell.py", "cell.py\x00", "x" * 5000):
        with pytest.raises(NotFound), runs.artifacts.reading(run, wrong):
            pytest.fail("it was opened")
        with pytest.raises(NotFound):
            runs.artifacts.entries(run, wrong + "/x")
    monkeypatch.setattr(files, "MOST_BYTES", 3)
    with pytest.raises(MLPlatError) as error, runs.artifacts.reading(run, path):
        pytest.fail("it was opened")
    assert error.value.status == 413


def test_comparisons(runs: RunsService, run: str) -> None:
    client = runs.client()
    other = str(client.create_run("0", run_name="other", tags={"stage": "draft"}).info.run_id)
    client.log_param(other, "lr", "0.1")
    client.log_text(other, "x = 2\n", "cell.py")
    found = runs.comparing.rows([run, other])
    assert [(row.key, row.values) for row in found.parameters] == [("lr", [None, "0.1"])]
    assert found.tags == []
    assert "-x = 1\n+x = 2" in runs.comparing.difference(run, other).code
    with pytest.raises(Invalid):
        runs.comparing.rows([run])


def test_a_filter_may_have_what_mlflows_search_has_not(runs: RunsService, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.entities import Metric, Param

    client = runs.client()
    experiment = client.create_experiment("filtered")
    ids = []
    for number in range(23):
        ids.append(client.create_run(experiment, start_time=1000 - number).info.run_id)
        metrics = [Metric("auc", number / 10, 1, 0)] if number % 4 else []
        client.log_batch(ids[-1], metrics=metrics, params=[Param("model", "forest" if number % 3 else "tree")])

    def found(filter: str, limit: int = 3) -> list[int]:
        numbers, after = [], None
        while True:
            page = runs.list(experiment="filtered", filter=filter, limit=limit, after=after)
            assert len(page.items) <= limit
            numbers += [ids.index(run.id) for run in page.items]
            after = page.next
            if after is None:
                return numbers

    either = "metrics.auc > 1.5 OR params.model = 'tree'"
    wanted = [n for n in range(23) if (n % 4 and n > 15) or n % 3 == 0]
    assert found(either) == found(either, 1000) == wanted
    assert found(f"params.model = 'tree' AND NOT ({either.partition(' OR ')[0]})") == [
        n for n in range(23) if n % 3 == 0 and not (n % 4 and n > 15)
    ]
    assert found("metrics.auc IS NULL AND params.model IN ('tree', 'forest')") == list(range(0, 23, 4))
    assert found("params.model = 'none' OR metrics.auc > 99") == []
    for most in (1, 5, 23):
        monkeypatch.setattr(scanning, "MOST_LOOKED_AT", most)
        assert found(either) == wanted
    page = runs.list(experiment="filtered", filter=either, limit=3)
    with pytest.raises(Invalid, match="another search"):
        runs.list(experiment="filtered", filter="metrics.auc > 1", limit=3, after=page.next)
    with pytest.raises(Invalid, match="the filter cannot be read"):
        runs.list(filter="metrics.auc >")
