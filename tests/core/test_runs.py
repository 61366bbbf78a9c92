"""Runs, experiments and models, read through a real MLflow on SQLite."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.errors import Invalid, MLPlatError, NotFound, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.mlflow_base.tables import REVISIONS, MLflowTables
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store

from ..conftest import copy_mlflow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunsService]:
    """One MLflow database for this module: making one takes seconds."""
    home = Home(tmp_path_factory.mktemp("runs") / "home with a space").ensure()
    store = Store(f"sqlite:///{home.database}")
    yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


@pytest.fixture(scope="module")
def seeded(runs: RunsService) -> dict[str, Any]:
    """Five runs in two experiments and a registered model with two versions."""
    client = runs.client()
    first, second = client.create_experiment("first"), client.create_experiment("42")
    ids = []
    for number in range(5):
        run = client.create_run(first if number < 3 else second, run_name=f"run {number}", start_time=1000 + number)
        client.log_metric(run.info.run_id, "auc", number / 10)
        client.log_param(run.info.run_id, "kind", "even" if number % 2 == 0 else "odd")
        ids.append(run.info.run_id)
    client.log_metric(ids[0], "broken", float("nan"))
    client.log_metric(ids[0], "endless", float("-inf"))
    client.create_registered_model("iris", description="flowers")
    for run_id in ids[:2]:
        client.create_model_version("iris", f"runs:/{run_id}/model", run_id=run_id)
    client.set_registered_model_alias("iris", "champion", "1")
    client.create_registered_model("empty")
    return {"ids": ids, "first": first, "second": second}


def emitted(runs: RunsService) -> list[tuple[str, str]]:
    return [(change.topic, change.key) for change in runs._store.changes_after(0)]


# --- lists ------------------------------------------------------------------------------------------


def test_a_list_pages_through_every_run_once(runs: RunsService, seeded: dict[str, Any]) -> None:
    found, after = [], None
    while True:
        page = runs.list(order_by="attributes.start_time ASC", limit=2, after=after)
        found += [run.id for run in page.items]
        after = page.next
        if after is None:
            break
    assert [id for id in found if id in seeded["ids"]] == seeded["ids"]
    assert len(found) == len(set(found))


def test_a_list_filters_and_orders_as_mlflow_does(runs: RunsService, seeded: dict[str, Any]) -> None:
    page = runs.list(filter="metrics.auc > 0.05 AND params.kind = 'even'", order_by="metrics.auc DESC")
    assert [run.metrics["auc"] for run in page.items] == [0.4, 0.2]
    assert [run.experiment for run in page.items] == ["42", "first"]
    assert page.next is None


def test_an_experiment_is_found_by_its_name_before_its_id(runs: RunsService, seeded: dict[str, Any]) -> None:
    assert {run.name for run in runs.list(experiment="first").items} == {"run 0", "run 1", "run 2"}
    assert {run.name for run in runs.list(experiment=seeded["first"]).items} == {"run 0", "run 1", "run 2"}
    assert {run.name for run in runs.list(experiment="42").items} == {"run 3", "run 4"}


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"filter": "auc is good"}, "filter", "the filter cannot be read"),
        ({"filter": "metrics.auc >> 1"}, "filter", "compared with a number, not '>'"),
        ({"filter": "x.auc > 1"}, "filter", "the filter cannot be read"),
        ({"order_by": "what ever it is"}, "order_by", "the order cannot be read"),
        ({"order_by": ["metrics.auc SIDEWAYS"]}, "order_by", "the order cannot be read"),
        ({"after": "nonsense"}, "after", "the cursor cannot be read"),
        ({"limit": 0}, "limit", "from 1 to 1000"),
        ({"limit": 100_000}, "limit", "from 1 to 1000"),
    ],
)
def test_a_search_that_mlflow_cannot_read_is_refused_in_its_words(
    runs: RunsService, arguments: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Invalid) as error:
        runs.list(**arguments)
    assert set(error.value.fields) == {field}
    assert words in error.value.message
    if field in ("filter", "order_by"):
        assert error.value.hint.startswith("for example: metrics.auc")


def test_an_unknown_experiment_is_not_found_and_the_known_ones_are_named(
    runs: RunsService, seeded: dict[str, Any]
) -> None:
    for name in ("third", "999999"):
        with pytest.raises(NotFound, match=name) as error:
            runs.list(experiment=name)
        assert "first" in error.value.hint


def test_experiments_are_listed_in_pages(runs: RunsService, seeded: dict[str, Any]) -> None:
    first = runs.experiments(limit=1)
    assert first.next is not None
    second = runs.experiments(limit=100, after=first.next)
    names = {one.name for one in (*first.items, *second.items)}
    assert {"Default", "first", "42"} <= names


# --- one run ----------------------------------------------------------------------------------------


def test_a_metric_that_is_not_finite_is_null(runs: RunsService, seeded: dict[str, Any]) -> None:
    found = runs.get(seeded["ids"][0])
    assert found.metrics == {"auc": 0.0, "broken": None, "endless": None}
    assert runs.metrics(found.id) == {"auc": 0.0}
    assert json.loads(found.model_dump_json())["metrics"]["broken"] is None


def test_a_run_shows_its_data_artifacts_and_models(runs: RunsService, tmp_path: Path) -> None:
    import mlflow
    import pandas as pd

    client = runs.client()
    run_id = client.create_run("0", run_name="detail").info.run_id
    (tmp_path / "note.txt").write_text("hello")
    client.log_artifact(run_id, str(tmp_path / "note.txt"), "deep")
    client.log_artifact(run_id, str(tmp_path / "note.txt"))
    table = mlflow.data.from_pandas(pd.DataFrame({"a": [1.0, 2.0]}), name="two rows")
    from mlflow.entities import DatasetInput, InputTag

    client.log_inputs(run_id, [DatasetInput(table._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")])])
    found = runs.get(run_id)
    assert sorted(found.artifacts) == ["deep", "note.txt"]
    (dataset,) = found.datasets
    assert (dataset["name"], dataset["context"], dataset["rows"], dataset["columns"]) == ("two rows", "training", 2, 1)
    assert found.models == []


def test_data_sets_are_in_the_order_in_which_they_were_logged(runs: RunsService) -> None:
    import mlflow
    import pandas as pd
    from mlflow.entities import DatasetInput

    client = runs.client()
    run_id = client.create_run("0").info.run_id
    names = ["d", "a", "e", "c", "b", "z"]
    for name in names:
        table = mlflow.data.from_pandas(pd.DataFrame({name: [1.0]}), name=name)
        client.log_inputs(run_id, [DatasetInput(table._to_mlflow_entity(), [])])
    assert [one["name"] for one in runs.get(run_id).datasets] == names


@pytest.mark.parametrize("id", ["no", "f" * 32, "../../etc", "a b", "", "x" * 5000])
def test_an_unknown_run_is_not_found(runs: RunsService, id: str) -> None:
    for look in (runs.get, runs.metrics):
        with pytest.raises(NotFound) as error:
            look(id)
        assert "runs list" in error.value.hint


# --- models -----------------------------------------------------------------------------------------


def test_models_show_versions_and_aliases(runs: RunsService, seeded: dict[str, Any]) -> None:
    page = runs.models()
    assert [model.name for model in page.items] == ["empty", "iris"]
    iris = runs.model("iris")
    assert page.items[1] == iris
    assert iris.description == "flowers"
    assert iris.aliases == {"champion": "1"}
    assert [(one.version, one.aliases, one.run_id) for one in iris.versions] == [
        ("2", [], seeded["ids"][1]),
        ("1", ["champion"], seeded["ids"][0]),
    ]
    assert runs.models(limit=1).next is not None


def test_a_model_uri_is_resolved(runs: RunsService, seeded: dict[str, Any]) -> None:
    for uri, version in (
        ("models:/iris/1", "1"),
        ("models:/iris/2", "2"),
        ("models:/iris/latest", "2"),
        ("models:/iris@champion", "1"),
    ):
        found = runs.resolve_model(uri)
        assert (found.name, found.version, found.uri) == ("iris", version, f"models:/iris/{version}")


@pytest.mark.parametrize(
    ("uri", "words", "hint"),
    [
        ("models:/iris/3", "no version 3", "its versions: 2, 1"),
        ("models:/iris@beta", "no alias beta", "its aliases: @champion"),
        ("models:/rose/1", "no registered model is called rose", "there are: empty, iris"),
        ("models:/rose@x", "no registered model is called rose", "there are: empty, iris"),
        ("models:/empty/latest", "no versions", "log one"),
        ("models:/empty@x", "no alias x", "it has none"),
    ],
)
def test_a_model_that_is_not_there_is_not_found(
    runs: RunsService, seeded: dict[str, Any], uri: str, words: str, hint: str
) -> None:
    with pytest.raises(NotFound, match=words) as error:
        runs.resolve_model(uri)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "iris",
        "runs:/abc/model",
        "models:/",
        "models:/iris",
        "models:/iris/",
        "models:/iris/Production",
        "models:/iris/0",
        "models:/iris/-1",
        "models:/iris/1/2",
        "models:/@x",
        "models:/iris@",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_model_uri_is_refused_with_an_example(runs: RunsService, uri: str) -> None:
    with pytest.raises(Invalid) as error:
        runs.resolve_model(uri)
    assert set(error.value.fields) == {"model"}
    assert "models:/classifier@champion" in error.value.hint


# --- both ways to read ------------------------------------------------------------------------------


def test_the_tables_say_what_mlflow_says(runs: RunsService, seeded: dict[str, Any], tmp_path: Path) -> None:
    """Everything that can be read, from MLflow's tables and through its client."""
    import mlflow
    import pandas as pd
    from mlflow.entities import DatasetInput, InputTag
    from sklearn.linear_model import LinearRegression

    client = runs.client()
    mlflow.set_tracking_uri(runs.tracking_uri)
    with mlflow.start_run(experiment_id=seeded["first"], run_name="\N{SNOWMAN} <b>") as active:
        id = active.info.run_id
        mlflow.log_metrics({"a": 1.0, "nan": float("nan"), "inf": float("inf")})
        mlflow.log_params({"p": "x", "q": "\u202e"})
        mlflow.sklearn.log_model(
            LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), name="model", registered_model_name="line",
            pip_requirements=[],
        )  # fmt: skip
        mlflow.log_text("hello", "deep/er/note.txt")
        mlflow.log_text("hello", "note.txt")
        table = mlflow.data.from_pandas(pd.DataFrame({"a": [1.0, 2.0]}), name="two rows")
        client.log_inputs(id, [DatasetInput(table._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")])])
    for _ in range(12):
        client.create_model_version("line", f"runs:/{id}/model", run_id=id)
    client.set_registered_model_alias("line", "b", "11")
    client.set_registered_model_alias("line", "a", "11")
    client.delete_model_version("line", "3")
    client.set_model_version_tag("line", "2", "k", "v")
    mlflow.genai.register_prompt(name="a-prompt", template="hello {{name}}")
    gone = client.create_experiment("gone soon")
    client.delete_experiment(gone)

    def read() -> list[Any]:
        experiments = runs.experiments(limit=2)
        more = runs.experiments(limit=100, after=experiments.next)
        models = runs.models(limit=1)
        rest = runs.models(limit=100, after=models.next)
        found: list[Any] = [
            runs.get(id), runs.get(seeded["ids"][0]), runs.metrics(id), runs.model("line"),
            runs.resolve_model("models:/line@a"),
            runs.list(order_by="attributes.start_time DESC", limit=1000).items, [*models.items, *rest.items], rest.next,
            sorted(one.name for one in (*experiments.items, *more.items)), more.next,
        ]  # fmt: skip
        for wrong in (
            lambda: runs.model("a-model"), lambda: runs.get("f" * 32), lambda: runs.get("../x"),
            lambda: runs.list(experiment="?"), lambda: runs.models(after="?"), lambda: runs.experiments(after="?"),
            lambda: runs.resolve_model("models:/line/3"),
        ):  # fmt: skip
            with pytest.raises(MLPlatError) as error:
                wrong()
            found.append((type(error.value), set(error.value.fields)))
        return found

    by_tables = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
        by_client = read()
    for ours, mlflows in zip(by_tables, by_client, strict=True):
        assert ours == mlflows
    assert by_tables[0].models[0]["registered"] == [{"name": "line", "version": "1"}]


# --- the run of a job -------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["tables", "client"])
def job_runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path
) -> Iterator[RunsService]:
    """Both ways of writing: into MLflow's tables, and through its client where they are not known."""
    home = Home(tmp_path_factory.mktemp(request.param) / "home with a space").ensure()
    copy_mlflow(mlflow_database, home)
    store = Store(f"sqlite:///{home.database}")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "client":
            patch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
        yield RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    store.close()


def start(job_runs: RunsService, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "job_id": "7",
        "attempt": 1,
        "name": "nightly",
        "notebook": "/data/train.ipynb",
        "experiment": "jobs",
        "owner": "ada",
        "parameters": {"lr": 0.1},
    }
    return job_runs.start_job_run(**{**arguments, **changes})


def test_the_run_of_a_job_is_linked_with_it(job_runs: RunsService) -> None:
    run_id = start(job_runs)
    found = job_runs.get(run_id)
    assert (found.name, found.experiment, found.status, found.owner, found.job_id) == (
        "nightly",
        "jobs",
        "RUNNING",
        "ada",
        "7",
    )
    assert found.tags["mlplat.attempt"] == "1"
    assert (found.tags["mlflow.source.name"], found.tags["mlflow.source.type"]) == ("/data/train.ipynb", "NOTEBOOK")
    assert found.parameters == {}
    assert ("runs", run_id) in emitted(job_runs)


def test_a_finished_job_leaves_parameters_notebook_status_and_metrics(job_runs: RunsService, tmp_path: Path) -> None:
    run_id = start(job_runs, job_id="8")
    client = job_runs.client()
    client.log_param(run_id, "lr", "0.10")
    client.log_metric(run_id, "auc", 0.9)
    client.log_metric(run_id, "loss", float("nan"))
    output = tmp_path / "output.ipynb"
    output.write_text('{"nbformat": 4}')
    parameters = {"lr": 0.1, "name": "a", "layers": [1, 2], "flag": True, "long": "x" * 10_000}
    many = {f"p{number}": number for number in range(250)}
    metrics = job_runs.finish_job_run(run_id, status="FINISHED", notebook=output, parameters={**parameters, **many})
    assert metrics == {"auc": 0.9}
    found = job_runs.get(run_id)
    assert found.status == "FINISHED"
    assert found.ended_at is not None
    assert found.parameters["lr"] == "0.10"
    assert (found.parameters["name"], found.parameters["layers"], found.parameters["flag"]) == ("a", "[1, 2]", "true")
    assert len(found.parameters["long"]) == 6000
    assert found.parameters["p249"] == "249"
    assert [item.path for item in client.list_artifacts(run_id, "notebook")] == ["notebook/train.ipynb"]
    assert not list(job_runs._tracking.home.run.glob("tmp*"))


def test_finishing_twice_changes_nothing_the_second_time(job_runs: RunsService, tmp_path: Path) -> None:
    run_id = start(job_runs, job_id="9")
    output = tmp_path / "output.ipynb"
    output.write_text("{}")
    for _ in range(2):
        job_runs.finish_job_run(run_id, status="FAILED", notebook=output, parameters={"a": 1})
        if "ended" not in locals():
            ended, told = job_runs.get(run_id), len(emitted(job_runs))
    assert job_runs.get(run_id) == ended
    assert len(emitted(job_runs)) == told
    assert ended.status == "FAILED"


def test_the_job_has_the_last_word_on_the_status(job_runs: RunsService) -> None:
    run_id = start(job_runs, job_id="10")
    job_runs.client().set_terminated(run_id, "FINISHED")  # the notebook ended it, then a later cell failed
    job_runs.finish_job_run(run_id, status="FAILED", notebook=None, parameters={})
    assert job_runs.get(run_id).status == "FAILED"


def test_runs_that_the_notebook_left_running_end_with_the_job(job_runs: RunsService) -> None:
    run_id = start(job_runs, job_id="11", attempt=2)
    client = job_runs.client()
    tags = {"mlplat.job_id": "11", "mlplat.attempt": "2"}
    other = client.create_experiment("elsewhere")
    left, done = (client.create_run(other, tags=tags).info.run_id for _ in range(2))
    earlier = client.create_run(other, tags={**tags, "mlplat.attempt": "1"}).info.run_id
    client.set_terminated(done, "FINISHED")
    client.log_metric(left, "auc", 0.7)
    metrics = job_runs.finish_job_run(run_id, status="KILLED", notebook=None, parameters={})
    assert [job_runs.get(id).status for id in (run_id, left, done, earlier)] == [
        "KILLED",
        "KILLED",
        "FINISHED",
        "RUNNING",
    ]
    assert metrics == {"auc": 0.7}


def test_a_metric_is_the_jobs_own_else_that_of_the_newest_run_of_its_notebook(job_runs: RunsService) -> None:
    run_id = start(job_runs, job_id="12")
    client = job_runs.client()
    tags = {"mlplat.job_id": "12", "mlplat.attempt": "1"}
    older, newer = (client.create_run("0", tags=tags, start_time=when).info.run_id for when in (1, 2))
    logged = {
        run_id: {"loss_step": 0.1},
        older: {"auc": 0.7, "f1": 0.5, "loss_step": 3},
        newer: {"auc": 0.8, "bad": math.nan},
    }
    for run, metrics in logged.items():
        for key, value in metrics.items():
            client.log_metric(run, key, value)
    ended = job_runs.finish_job_run(run_id, status="FINISHED", notebook=None, parameters={})
    assert ended == {"loss_step": 0.1, "auc": 0.8, "f1": 0.5} == job_runs.job_metrics(run_id)


def test_a_deleted_experiment_is_refused_with_the_way_back(job_runs: RunsService) -> None:
    client = job_runs.client()
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(Invalid, match="experiment gone is deleted") as error:
        start(job_runs, experiment="gone")
    assert "mlflow experiments restore" in error.value.hint


def test_both_ways_leave_the_same_rows(home: Home, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_mlflow(mlflow_database, home)
    (home.root / "output.ipynb").write_text("{}")
    store = Store(f"sqlite:///{home.database}")
    service = RunsService(f"sqlite:///{home.mlflow_database}", home, store)
    left: list[Any] = []
    for revisions in (REVISIONS, frozenset()):
        monkeypatch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", revisions)
        notebook = "/data/\u202e'x.ipynb"
        run = start(service, experiment=f"new {len(left)}", name="\N{SNOWMAN} 'night'", notebook=notebook)
        service.finish_job_run(
            run, status="FAILED", notebook=home.root / "output.ipynb", parameters={"a": [1], "b": "x"}
        )
        with MLflowTables(home.mlflow_database).connection() as connection:
            connection.row_factory = sqlite3.Row
            (row,) = map(dict, connection.execute("SELECT * FROM runs WHERE run_uuid = ?", (run,)))
            number = row["experiment_id"]
            (experiment,) = map(
                dict, connection.execute("SELECT * FROM experiments WHERE experiment_id = ?", (number,))
            )
            texts = [
                sorted(map(tuple, connection.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run,))))
                for table in ("tags", "params", "latest_metrics")
            ]
        assert row["start_time"] <= row["end_time"]
        assert Path(row["artifact_uri"].replace("file://", "").replace("%20", " ")).is_dir()
        written = json.dumps([row, experiment, texts], sort_keys=True, default=str).replace(run, "RUN")
        for key in ("start_time", "end_time", "creation_time", "last_update_time"):
            written = written.replace(str({**row, **experiment}[key]), "TIME")
        left.append(written.replace(f"artifacts/{number}", "artifacts/N").replace(f"new {len(left)}", "new"))
        left[-1] = left[-1].replace(f'"experiment_id": {number}', '"experiment_id": N')
    assert left[0] == left[1]
    store.close()


def test_the_runs_of_jobs_need_no_import_of_mlflow(platform: Platform) -> None:
    code = """if True:
        import sys
        from jupyter_mlplat.platform import Platform
        runs = Platform().runs
        runs.prepare()
        job = {"job_id": "1", "attempt": 1, "name": "n", "notebook": "n.ipynb", "owner": "o", "parameters": {}}
        id = runs.start_job_run(experiment="e", **job)
        runs.finish_job_run(id, status="FINISHED", notebook=None, parameters={"a": 1})
        print("mlflow" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- where things are -------------------------------------------------------------------------------


def test_artifacts_land_in_the_data_directory(runs: RunsService, seeded: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    runs.client().log_artifact(seeded["ids"][0], str(tmp_path / "note.txt"))
    assert list(runs._tracking.home.artifacts.rglob("note.txt"))
    assert not Path("mlruns").exists()


def test_the_version_token_changes_when_another_process_writes_and_only_then(
    runs: RunsService, seeded: dict[str, Any]
) -> None:
    before = runs.version_token()
    runs.list()
    assert runs.version_token() == before
    runs.client().log_metric(seeded["ids"][4], "auc", 0.4)
    after = runs.version_token()
    assert after != before
    assert runs.version_token() == after


def test_a_tracking_server_has_no_version_token(home: Home) -> None:
    service = RunsService("http://127.0.0.1:9", home, Store(f"sqlite:///{home.database}"))
    assert service.version_token() is None


def test_a_relative_sqlite_path_is_made_absolute(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.root)
    service = RunsService("sqlite:///own.db", home, Store(f"sqlite:///{home.database}"))
    assert service.tracking_uri == f"sqlite:///{home.root}/own.db"
    assert service.version_token() == "none"


def test_making_the_service_and_asking_for_its_version_imports_no_mlflow(home: Home) -> None:
    program = (
        "import sys; from jupyter_mlplat.platform import Platform; p = Platform(); p.runs.version_token();"
        "sys.exit('mlflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "MLPLAT_HOME": str(home.root)})


def test_a_server_that_does_not_answer_is_unavailable(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    service = RunsService("http://127.0.0.1:9", home, Store(f"sqlite:///{home.database}"))
    with pytest.raises(MLPlatError) as error:
        service.list()
    assert isinstance(error.value, Unavailable)
    assert error.value.exit_code == 5


def test_processes_that_open_a_new_database_at_the_same_time_all_succeed(home: Home) -> None:
    program = (
        "from jupyter_mlplat.platform import Platform; p = Platform();"
        "print(len(p.runs.experiments().items), p.runs.client().get_experiment('0').artifact_location)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert output.split() == ["1", f"{home.artifacts.as_uri()}/0"]
    import sqlite3

    with sqlite3.connect(home.mlflow_database) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
