"""What a job trains is logged by itself, below its run; code that logs for itself is left alone."""

from __future__ import annotations

import ast
import json
import time
from pathlib import Path

import nbformat
import pytest

from jupyter_mlplat.models import Job, JobSpec
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.spool import deliver_left, records
from jupyter_mlplat.spool.delivery import deliver

from ..mlflowserver import MLflowServer
from .conftest import Train, below

# --- scikit-learn -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cold", [True, False])
def test_a_fit_becomes_a_run_below_the_jobs_and_mlflow_is_not_imported(
    platform: Platform, train: Train, job_run: str, cold: bool
) -> None:
    runs = train(
        """
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler
    StandardScaler().fit(X)
    LogisticRegression(C=2).fit(X, y)
    try:
        LogisticRegression(C="wrong").fit(X, y)
    except ValueError:
        pass
    assert "mlflow" not in sys.modules
    """,
        cold=cold,
    )
    good, bad = below(runs, job_run)
    assert (good.name, good.status, good.parameters["C"]) == ("LogisticRegression", "FINISHED", "2")
    assert good.metrics.keys() == {"training_score"}
    assert 0.7 < (good.metrics["training_score"] or 0) <= 1
    assert good.tags["estimator_class"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert good.tags["mlflow.autologging"] == "sklearn"
    assert good.tags["mlflow.source.name"] == "/n/train.ipynb"
    assert good.tags["mlplat.data"].startswith("300 x 5 ")
    assert good.experiment_id == platform.runs.get(job_run).experiment_id
    assert (bad.status, bad.parameters["C"], bad.metrics) == ("FAILED", "wrong", {})
    mother = platform.runs.get(job_run)
    assert (mother.status, mother.metrics, mother.parameters) == ("RUNNING", {}, {})
    assert platform.runs.client().get_run(good.id).info.artifact_uri.endswith(f"/{good.id}/artifacts")


def test_a_fit_inside_of_another_is_part_of_that(train: Train, job_run: str) -> None:
    runs = train("""
    from concurrent.futures import ThreadPoolExecutor
    from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    cross_val_score(LogisticRegression(), X, y)
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    RandomForestClassifier(5, n_jobs=2).fit(X, y)
    BaggingClassifier(LogisticRegression(), 4, n_jobs=2).fit(X, y)
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1, 10]}).fit(X, y)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda strength: LogisticRegression(C=strength).fit(X, y), [1, 2]))
    """)
    found = below(runs, job_run)
    names = [run.name for run in found]
    assert names[:4] == ["Pipeline", "RandomForestClassifier", "BaggingClassifier", "GridSearchCV"]
    assert sorted(run.parameters["C"] for run in found[4:]) == ["1", "2"]
    search = found[3]
    assert search.parameters["best_C"] in ("0.1", "1", "10")
    assert search.metrics.keys() == {"best_cv_score", "mean_test_score", "training_score"}
    assert found[0].parameters["logisticregression__C"] == "1.0"


def test_boosted_trees_have_the_curves_of_what_they_were_evaluated_on(
    platform: Platform, train: Train, job_run: str
) -> None:
    runs = train("""
    import lightgbm, xgboost
    data = xgboost.DMatrix(X[:200], y[:200]), xgboost.DMatrix(X[200:], y[200:])
    found = {}
    xgboost.train({"max_depth": 2, "objective": "binary:logistic", "eval_metric": ["logloss", "auc"]}, data[0], 7,
                  evals=[(data[1], "valid")], evals_result=found)
    own = found["valid"]["logloss"]
    xgboost.XGBClassifier(n_estimators=6, max_depth=2).fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])],
                                                         verbose=False)
    first = lightgbm.Dataset(X[:200], y[:200])
    lightgbm.train({"objective": "binary", "verbose": -1, "num_leaves": 4}, first, 9,
                   valid_sets=[first.create_valid(X[200:], y[200:])],
                   callbacks=[lightgbm.early_stopping(3, verbose=False)])
    lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, y)
    xgboost.cv({"max_depth": 2}, data[0], 3)
    assert "mlflow" not in sys.modules
    open("own", "w").write(repr(own))
    """)
    found = below(runs, job_run)
    assert [one.name for one in found[:4]] == ["xgboost.train", "XGBClassifier", "lightgbm.train", "LGBMRegressor"]
    assert all(one.status == "FINISHED" for one in found)
    trained, classifier, light, regressor = found[:4]
    assert (trained.parameters["max_depth"], trained.parameters["num_boost_round"]) == ("2", "7")
    assert trained.metrics.keys() == {"valid-logloss", "valid-auc"}
    own = ast.literal_eval((platform.home.root / "own").read_text())
    points = platform.runs.client().get_metric_history(trained.id, "valid-logloss")
    assert [(point.step, point.value) for point in points] == list(enumerate(own))
    assert classifier.parameters["n_estimators"] == "6"
    assert classifier.metrics.keys() == {"validation_0-logloss", "training_score"}
    assert light.parameters["num_leaves"] == "4"
    assert 1 <= light.metrics["best_iteration"] <= 9
    assert "valid_0-binary_logloss" in light.metrics
    assert regressor.parameters["n_estimators"] == "5"
    assert regressor.metrics.keys() == {"training_score"}


def test_a_run_that_the_notebook_opened_gets_what_is_fitted_in_it(
    platform: Platform, train: Train, job_run: str
) -> None:
    runs = train("""
    import mlflow
    with mlflow.start_run():  # the job's own
        LogisticRegression(C=2, max_iter=50).fit(X, y)
        LogisticRegression(C=3, max_iter=60).fit(X, y)
        mlflow.log_metric("mine", 1)
    LogisticRegression(C=4).fit(X, y)
    with mlflow.start_run(run_name="second") as second:
        LogisticRegression(C=5).fit(X, y)
    """)
    mother = platform.runs.get(job_run)
    assert mother.parameters["max_iter"] == "50"
    assert "C" not in mother.parameters, "a parameter of the job keeps its value"
    assert mother.metrics.keys() == {"mine", "training_score"}
    assert [run.parameters["C"] for run in below(runs, job_run)] == ["4"]
    (second,) = (run for run in runs if run.name == "second")
    assert (second.status, second.parameters["C"]) == ("FINISHED", "5")
    assert platform.runs.finish_job_run(job_run, status="FINISHED", notebook=None, parameters={"C": 5})
    assert platform.runs.get(job_run).parameters["C"] == "5"


def test_the_classes_are_as_they_were(train: Train, job_run: str) -> None:
    runs = train("""
    import inspect, pickle, os
    from sklearn.base import BaseEstimator, ClassifierMixin, clone
    from sklearn.neighbors import KNeighborsClassifier

    model = clone(LogisticRegression(C=2))
    assert list(inspect.signature(model.fit).parameters) == ["X", "y", "sample_weight"]
    assert LogisticRegression.fit.__qualname__ == "LogisticRegression.fit"
    assert model.fit(X, y) is model
    assert (pickle.loads(pickle.dumps(model)).predict(X) == model.predict(X)).all()

    class Own(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.inner_ = LogisticRegression(C=3).fit(X, y)
            return self
    assert Own().fit(X, y).inner_ and not hasattr(Own.fit, "__wrapped__")

    class Slow(KNeighborsClassifier):
        def predict(self, X):
            raise AssertionError("of the notebook's own model nothing is asked")
    Slow().fit(X, y)
    if os.fork() == 0:
        LogisticRegression(C=9).fit(X, y)
        os._exit(0)
    os.wait()
    """)
    assert [(run.name, run.parameters.get("C")) for run in below(runs, job_run)] == [
        ("LogisticRegression", "2"), ("LogisticRegression", "3"), ("Slow", None)
    ]  # fmt: skip


def test_no_score_is_worth_a_long_wait(train: Train, job_run: str) -> None:
    (run,) = below(
        train("""
        import numpy, time
        from sklearn.neighbors import KNeighborsClassifier
        points = numpy.random.default_rng(0).normal(size=(60_000, 30))
        began = time.perf_counter()
        KNeighborsClassifier(algorithm="brute").fit(points, points[:, 0] > 0)
        assert time.perf_counter() - began < 3
        """),
        job_run,
    )
    assert run.metrics == {}
    assert run.tags["mlplat.data"].startswith("60000 x 30 ")


# --- MLflow's own -------------------------------------------------------------------------------------


def test_where_the_notebook_calls_mlflows_own_that_logs_and_does_not_end_the_jobs_run(
    platform: Platform, train: Train, job_run: str
) -> None:
    runs = train("""
    import os, mlflow
    mlflow.sklearn.autolog(log_models=False, log_datasets=False)
    LogisticRegression(C=2).fit(X, y)
    LogisticRegression(C=3).fit(X, y)
    assert mlflow.active_run() is None
    assert os.environ["MLFLOW_RUN_ID"] == os.environ["MLPLAT_RUN"]
    with mlflow.start_run() as run:
        assert run.info.run_id == os.environ["MLPLAT_RUN"]
        LogisticRegression(C=4).fit(X, y)
    """)
    found = below(runs, job_run)
    assert [(run.name, run.status, run.parameters["C"]) for run in found] == [
        ("LogisticRegression", "FINISHED", "2"), ("LogisticRegression", "FINISHED", "3")
    ]  # fmt: skip
    assert all("training_accuracy_score" in run.metrics for run in found)
    assert platform.runs.get(job_run).parameters["C"] == "4"
    assert len(runs) == 3


def test_a_notebook_that_switches_it_off_gets_none(train: Train, job_run: str) -> None:
    runs = train("""
    import mlflow
    mlflow.autolog(disable=True)
    LogisticRegression().fit(X, y)
    """)
    assert [run.id for run in runs] == [job_run]


# --- whoever dies, whatever does not answer ---------------------------------------------------------------


def test_a_kernel_that_is_killed_has_logged_what_it_fitted(platform: Platform, train: Train, job_run: str) -> None:
    runs = train("import os, signal\nLogisticRegression().fit(X, y)\nos.kill(os.getpid(), signal.SIGKILL)", status=-9)
    assert [run.status for run in below(runs, job_run)] == ["FINISHED"]


def test_a_server_that_does_not_answer_holds_up_no_fit(train: Train, platform: Platform, job_run: str) -> None:
    train(
        """
        import time, mlflow
        LogisticRegression().fit(X, y)
        began = time.perf_counter()
        LogisticRegression().fit(X, y)
        assert time.perf_counter() - began < 2
        """,
        MLFLOW_TRACKING_URI="http://127.0.0.1:9",
    )
    (file,) = platform.home.spool.glob("*.spool")
    assert file.read_bytes().count(b'["r", ') == 2, "kept for when it does"


def test_a_server_gets_each_fit_once(platform: Platform, tmp_path: Path) -> None:
    import mlflow

    with MLflowServer(tmp_path / "server") as server:
        client = mlflow.MlflowClient(tracking_uri=server.url)
        parent = client.create_run("0", tags={"mlflow.user": "ana"}).info.run_id
        made = {
            "parent": parent, "name": "LogisticRegression", "start": 1000, "end": 2000, "status": "FINISHED",
            "tags": {"estimator_name": "LogisticRegression"}, "params": {"C": "2"},
            "metrics": [["training_score", 0.9, 2000, 0]],
        }  # fmt: skip
        (record,) = records.read(records.run_line("ab12", made))
        (lost,) = records.read(records.run_line("cd34", {**made, "parent": "0" * 32}))
        for _ in range(2):
            refused = deliver(server.url, [record, lost])
            assert [one for one, _ in refused] == [lost]
        (child,) = client.search_runs(["0"], f"tags.`mlflow.parentRunId` = '{parent}'")
        assert (child.info.run_name, child.info.status, child.info.start_time) == (
            "LogisticRegression",
            "FINISHED",
            1000,
        )
        assert (child.info.end_time, child.data.params, child.data.metrics) == (
            2000, {"C": "2"}, {"training_score": 0.9}
        )  # fmt: skip
        assert child.data.tags["mlflow.user"] == "ana"


def test_a_fit_whose_job_has_no_run_any_more_is_refused(platform: Platform) -> None:
    platform.home.spool.mkdir(exist_ok=True)
    made = {"parent": "0" * 32, "name": "x", "start": 1, "end": 2, "status": "FINISHED"}
    line = records.run_line("ab12", {**made, "tags": {}, "params": {}, "metrics": []})
    (platform.home.spool / "1-dead.spool").write_bytes(records.head(platform.mlflow_uri) + line)
    deliver_left(platform.home.spool)
    refused = json.loads((platform.home.spool / "refused.jsonl").read_text())
    assert refused["why"] == "the run that it belongs to is gone"


# --- jobs ---------------------------------------------------------------------------------------------


GIVEN = {"C": 5, "data": "all"}


def test_the_jobs_run_has_what_its_one_fit_has_and_nothing_of_its_own_is_changed(
    platform: Platform, train: Train, job_run: str
) -> None:
    (fit,) = below(train("LogisticRegression(C=2, tol=0.01).fit(X, y)"), job_run)
    for _ in range(2):
        platform.runs.finish_job_run(job_run, status="FINISHED", notebook=None, parameters=GIVEN)
        own = platform.runs.get(job_run)
        assert (fit.parameters["C"], own.parameters["C"], own.parameters["data"]) == ("2", "5", "all")
        assert own.parameters == {**fit.parameters, "C": "5", "data": "all"}
        assert own.metrics == fit.metrics
        assert len(platform.runs.client().get_metric_history(job_run, "training_score")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "LogisticRegression(C=2).fit(X, y)\nLogisticRegression(C=3).fit(X, y)",
        "import mlflow\nwith mlflow.start_run() as run:\n    pass\n",
        "import mlflow, os\ndel os.environ['MLFLOW_RUN_ID']\nLogisticRegression(C=3).fit(X, y)\n"
        "with mlflow.start_run():\n    mlflow.log_metric('accuracy', 0.5)",
    ],
    ids=["two fits", "no fit", "a run of the notebook's own"],
)
def test_where_it_is_not_one_fit_the_jobs_run_has_none(
    platform: Platform, train: Train, job_run: str, code: str
) -> None:
    train(code)
    platform.runs.finish_job_run(job_run, status="FINISHED", notebook=None, parameters=GIVEN)
    own = platform.runs.get(job_run)
    assert own.parameters == {"C": "5", "data": "all"}
    assert "training_score" not in own.metrics


def run_job(
    platform: Platform, folder: Path, *cells: str, own: dict[str, object] | None = None, **options: object
) -> Job:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["mlplat"] = own or {}
    path = folder / "train.ipynb"
    nbformat.write(notebook, path)
    spec = JobSpec.model_validate({"notebook": str(path), **options})
    return platform.jobs.wait(platform.jobs.submit(spec, owner="ana").id, timeout=120)


FIT = (
    "from sklearn.linear_model import LogisticRegression\nfrom sklearn.datasets import make_classification",
    "model = LogisticRegression(C=2).fit(*make_classification(random_state=0))",
    "sorted(name for name in globals() if 'mlplat' in name or 'autolog' in name)",
)


def test_jobs_log_what_they_train_unless_they_are_told_not_to(platform: Platform, tmp_path: Path) -> None:
    began = time.time()
    job = run_job(platform, tmp_path, *FIT)
    assert job.state == "succeeded", job.message
    assert job.autolog
    assert job.run_id is not None
    (fit,) = below(platform.runs.list().items, job.run_id)
    assert fit.parameters["C"] == "2"
    assert fit.started_at is not None
    assert fit.started_at.timestamp() > began
    own = platform.runs.get(job.run_id)
    assert own.parameters == fit.parameters
    assert own.metrics["training_score"] == fit.metrics["training_score"]
    assert job.metric == {}, "the notebook names none as its own"
    output = nbformat.read(Path(job.folder) / "attempt-1" / "output.ipynb", as_version=4)
    assert output.cells[-1].outputs[0]["data"]["text/plain"] == "[]"
    for options in ({"autolog": False}, {"own": {"autolog": False}}):
        quiet = run_job(platform, tmp_path, *FIT, **options)  # type: ignore[arg-type]
        assert (quiet.state, quiet.autolog) == ("succeeded", False)
        assert quiet.run_id is not None
        assert below(platform.runs.list().items, quiet.run_id) == []
