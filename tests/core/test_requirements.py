"""A model's requirements: inferred once for an environment and its classes, and never taken where they may differ."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlplat.mlflow_plugin.requirements import _classes, key_of
from jupyter_mlplat.platform import Platform

PROGRAM = """
import json, sys, time
import numpy as np
import mlflow
import mlflow.utils.environment as environment
asked = []
import mlflow.utils.requirements_utils as utils
own = utils._capture_imported_modules
def capture(path, flavor, *rest, **options):
    asked.append(flavor)
    return own(path, flavor, *rest, **options)
utils._capture_imported_modules = capture
import jupyter_mlplat as mlplat
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
x, y = np.arange(6.0).reshape(3, 2), np.arange(3.0)
def twice(values):
    import wave
    return values * 2
models = {
    "first": LinearRegression().fit(x, y), "again": LinearRegression().fit(x, y + 1), "other": Ridge().fit(x, y),
    "own": make_pipeline(FunctionTransformer(twice), Ridge()).fit(x, y),
}
told = {}
with mlflow.start_run() as run:
    for name in sys.argv[1:]:
        before = len(asked)
        info = mlplat.log_model(models[name], name, serialization_format="cloudpickle")
        told[name] = len(asked) > before
        lines = open(mlflow.artifacts.download_artifacts(info.model_uri) + "/requirements.txt").read()
        assert "scikit-learn==" in lines, lines
        assert mlflow.sklearn.load_model(info.model_uri).predict(x).shape == (3,)
print(json.dumps(told))
"""


def test_requirements_are_inferred_once_for_an_environment_and_its_classes(platform: Platform, tmp_path: Path) -> None:
    platform.runs.prepare()

    def asked(*names: str) -> str:
        environment = {**os.environ, **platform.environment()}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *names], env=environment, cwd=tmp_path, capture_output=True, text=True,
            timeout=170, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    assert asked("first", "again", "other") == '{"first": true, "again": false, "other": true}'
    # Another process knows them, too; a function that the model brings is looked at every time.
    assert asked("first", "other", "own") == '{"first": false, "other": false, "own": true}'


class Hostile:
    """Runs a program where it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> object:
        return os.system, (f"touch {self.file}",)


def test_nothing_of_a_model_is_loaded_to_know_its_classes(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Hostile(tmp_path / "ran")))
    assert _classes(tmp_path / "model.pkl") == {"posix.system"}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x80\x04junk", b"PK\x03\x04", b"\x80\x05cno.such\nclass\n."])
def test_a_damaged_model_is_left_to_mlflow(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pkl").write_bytes(content)
    key = key_of(tmp_path / "model.pkl", "sklearn")
    assert key is None or content in (b"", b"PK\x03\x04")


def test_classes_of_no_package_are_left_to_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ours.py").write_text("class Model:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import ours  # type: ignore[import-not-found]

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(ours.Model()))
    assert key_of(tmp_path / "model.pkl", "sklearn") is None
    sys.modules.pop("ours")


def test_the_answer_is_of_one_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = key_of(tmp_path / "model.pkl", "sklearn")
    assert before is not None
    assert key_of(tmp_path / "model.pkl", "xgboost") != before
    os.utime(site, ns=(1, 1))
    assert key_of(tmp_path / "model.pkl", "sklearn") != before
