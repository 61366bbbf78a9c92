"""Versions of registered models in the shell and in Python: shown, compared, traced."""

from __future__ import annotations

import json

import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat.platform import Platform

from ..registered import deploy, register
from ..shell import here


@pytest.fixture
def churn(platform: Platform) -> Platform:
    """Two versions of a model, of which the first is served."""
    register(platform, tags={"mlflow.source.name": "/data/train.ipynb", "mlplat.job_id": "12"})
    register(platform, columns=("age",), requirements=["scikit-learn==1.6"], parameters={"C": 2.0})
    deploy(platform, "live", "1")
    platform.runs.aliases.set("churn", "champion", "1", by="ada")
    return platform


def test_a_version_is_shown_compared_and_traced(churn: Platform) -> None:
    shown = here("models", "show", "churn", "--version", "1").stdout
    for word in (
        "models:/churn/1",
        "@champion",
        "train churn",
        "live (ready, 100 %)",
        "double",
        "auc",
        "scikit-learn==1.5",
    ):
        assert word in shown, word
    assert json.loads(here("models", "show", "churn", "--version", "1", "--json").stdout)["flavors"][-1] == "sklearn"
    compared = here("models", "compare", "churn", "1", "2").stdout
    for word in ("models:/churn/1", "input calls", "scikit-learn", "1.6", "KiB -> ", "C"):
        assert word in compared, word
    assert json.loads(here("models", "compare", "churn", "1", "2", "--json").stdout)["after"]["version"] == "2"
    lines = here("models", "lineage", "churn", "1").stdout.splitlines()
    assert [line.strip().removeprefix("-> ").split(" (")[0].rstrip() for line in lines] == [
        "data customers", "notebook train.ipynb", "job job 12", "run train churn", "version churn 1", "endpoint live",
    ]  # fmt: skip
    indents = [len(line) - len(line.lstrip()) for line in lines]
    assert indents == [0, 0, 3, 6, 9, 12]
    graph = json.loads(here("models", "lineage", "churn", "1", "--json").stdout)
    assert graph["nodes"][1]["target"] == "/data/train.ipynb"
    for words in (
        ["show", "churn", "--version", "9"],
        ["compare", "churn", "1", "9"],
        ["lineage", "none", "1"],
        ["card", "churn", "x"],
    ):
        done = here("models", *words)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (3, 2), words


def test_python_has_the_same_words(churn: Platform) -> None:
    assert mlplat.runs.version("churn", 1).aliases == ["champion"]
    assert [one.name for one in mlplat.runs.compare_versions("churn", 1, 2).signature] == ["input calls"]
    assert mlplat.runs.lineage("churn", 1).nodes[-1].target == "live"
    assert mlplat.runs.card("churn", 1).generated
    assert mlplat.runs.write_card("churn", 1, "mine").markdown == "mine"
