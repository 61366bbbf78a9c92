"""The short way into scikit-learn gives MLflow's own answers to the bit, or is not taken."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_mlplat.serving.data import Data
from jupyter_mlplat.serving.model import ServedModel

pytestmark = pytest.mark.filterwarnings("ignore")


def save(folder: Path, estimator: Any, inputs: Any, *, example: bool = True, **options: Any) -> str:
    """Save a fitted estimator with its signature and return where."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    mlflow.sklearn.save_model(
        estimator,
        str(folder),
        signature=infer_signature(inputs, estimator.predict(inputs)),
        input_example=inputs[:5] if example else None,
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
        **options,
    )
    return str(folder)


def frame(rows: int = 120, dtype: str = "float64") -> Any:
    import pandas as pd

    random = np.random.default_rng(5)
    return pd.DataFrame(random.normal(size=(rows, 4)) * [1, 10, 0.1, 1000], columns=["a", "b c", 'd"', "é"]).astype(
        dtype
    )


def target(inputs: Any) -> Any:
    return (inputs.to_numpy()[:, 0] + inputs.to_numpy()[:, 1] > 0).astype("int64")


def logistic() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression())


def linear() -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=10, random_state=0)


def boosted() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=10, random_state=0)


def clusters() -> Any:
    from sklearn.cluster import KMeans

    return KMeans(3, n_init=1, random_state=0)


@pytest.mark.parametrize("make", [logistic, linear, forest, boosted, clusters], ids=lambda make: make.__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_native_answers_are_mlflows_to_the_bit(tmp_path: Path, make: Callable[[], Any], dtype: str) -> None:
    inputs = frame(dtype=dtype)
    model = ServedModel.load(save(tmp_path / "model", make().fit(inputs, target(inputs)), inputs))
    assert model.native is not None
    random = np.random.default_rng(11)
    rows = (random.normal(size=(200, 4)) * [3, 30, 1, 3000]).astype(dtype)
    for start in range(0, 200, 40):
        matrix = rows[start : start + 40]
        fast = model.predict(Data(matrix=matrix))
        slow = model.pyfunc.predict(Data(matrix=matrix).for_mlflow(model.signature))
        assert fast.dtype == slow.dtype
        np.testing.assert_array_equal(fast, slow)
    if model.native.batchable:
        alone = np.concatenate([model.predict(Data(matrix=row[None])) for row in rows])
        np.testing.assert_array_equal(alone, model.predict(Data(matrix=rows)))


def test_a_model_that_takes_arrays_is_served_from_arrays(tmp_path: Path) -> None:
    inputs = frame().to_numpy()
    model = ServedModel.load(save(tmp_path / "model", forest().fit(inputs, target(frame())), inputs))
    assert model.native is not None
    assert [(each.name, each.shape) for each in model.signature.tensors] == [("input", (-1, 4))]
    read = model.reader.json(json.dumps({"inputs": inputs[:3].tolist()}).encode())
    np.testing.assert_array_equal(model.predict(read), model.pyfunc.predict(inputs[:3]))


def test_predict_proba_is_served_where_the_model_was_logged_so(tmp_path: Path) -> None:
    inputs = frame()
    source = save(tmp_path / "model", logistic().fit(inputs, target(inputs)), inputs, pyfunc_predict_fn="predict_proba")
    model = ServedModel.load(source)
    read = model.reader.json(json.dumps({"dataframe_split": inputs[:3].to_dict(orient="split")}).encode())
    assert model.predict(read).shape == (3, 2)
    np.testing.assert_array_equal(model.predict(read), model.pyfunc.predict(inputs[:3]))


def test_a_function_of_the_author_is_never_called_around_mlflow(tmp_path: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def relative(rows: Any) -> Any:
        return rows - np.asarray(rows).mean(axis=0)  # a row's answer depends on the rows beside it

    inputs = frame()
    estimator = make_pipeline(FunctionTransformer(relative), logistic()).fit(inputs, target(inputs))
    model = ServedModel.load(save(tmp_path / "model", estimator, inputs))
    assert model.native is None
    read = model.reader.json(json.dumps({"dataframe_split": inputs[:7].to_dict(orient="split")}).encode())
    np.testing.assert_array_equal(model.predict(read), model.pyfunc.predict(inputs[:7]))


def test_a_pipeline_that_wants_columns_by_name_goes_through_mlflow(tmp_path: Path) -> None:
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs = frame()
    estimator = make_pipeline(make_column_transformer((StandardScaler(), ["a", "é"])), logistic())
    model = ServedModel.load(save(tmp_path / "model", estimator.fit(inputs, target(inputs)), inputs))
    assert model.native is None
    read = model.reader.json(json.dumps({"dataframe_split": inputs[:7].to_dict(orient="split")}).encode())
    np.testing.assert_array_equal(model.predict(read), model.pyfunc.predict(inputs[:7]))


def test_whole_numbers_beyond_a_double_stay_exact_on_the_way_through_mlflow(tmp_path: Path) -> None:
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import infer_signature

    class Same(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input["n"].to_numpy()

    inputs = pd.DataFrame({"n": [1], "x": [0.5]})
    mlflow.pyfunc.save_model(
        str(tmp_path / "model"),
        python_model=Same(),
        signature=infer_signature(inputs, np.array([1])),
        pip_requirements=[],
    )
    model = ServedModel.load(str(tmp_path / "model"))
    big = 2**53 + 1
    read = model.reader.json(json.dumps({"dataframe_records": [{"n": big, "x": 0.5}]}).encode())
    assert model.predict(read).tolist() == [big]


def test_the_example_is_the_models_own_and_is_one_that_works(tmp_path: Path) -> None:
    inputs = frame()
    model = ServedModel.load(save(tmp_path / "with", forest().fit(inputs, target(inputs)), inputs))
    assert model.example == {
        "dataframe_split": {"columns": list(inputs.columns), "data": inputs[:3].to_numpy().tolist()}
    }
    assert len(model.predict(model.reader.json(json.dumps(model.example).encode()))) == 3
    without = ServedModel.load(save(tmp_path / "without", forest().fit(inputs, target(inputs)), inputs, example=False))
    assert without.example == {"dataframe_split": {"columns": list(inputs.columns), "data": [[0.0] * 4]}}
    assert len(without.predict(without.reader.json(json.dumps(without.example).encode()))) == 1


def test_metadata_names_the_inputs_and_outputs(tmp_path: Path) -> None:
    inputs = frame()
    model = ServedModel.load(save(tmp_path / "model", forest().fit(inputs, target(inputs)), inputs))
    described = model.metadata("m", "3")
    assert described["inputs"][1] == {"name": "b c", "datatype": "FP64", "shape": [-1]}
    assert described["outputs"] == [{"name": "predictions", "datatype": "INT64", "shape": [-1]}]
    assert (described["name"], described["versions"], described["platform"]) == ("m", ["3"], "mlflow_sklearn")


def test_no_warning_about_names_is_printed_for_each_prediction(tmp_path: Path) -> None:
    inputs = frame()
    model = ServedModel.load(save(tmp_path / "model", forest().fit(inputs, target(inputs)), inputs))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        model.predict(Data(matrix=inputs[:1].to_numpy()))
    assert [str(each.message) for each in caught] == []
