"""Runs, experiments and models over HTTP, against what MLflow's own client wrote."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlplat.platform import Platform
from jupyter_mlplat.server.app import MLPlatExtension

from .conftest import Ask


@pytest.fixture
def written(home: Any) -> dict[str, str]:
    """Three runs and a registered model, written by MLflow alone."""
    import mlflow

    platform = Platform()
    client: mlflow.MlflowClient = platform.runs.client()
    experiment = client.create_experiment("ctr")
    ids = {}
    for name, loss in (("good", 0.1), ("bad", 0.9), ("broken", float("nan"))):
        run = client.create_run(experiment, run_name=name)
        client.log_metric(run.info.run_id, "loss", loss)
        client.set_terminated(run.info.run_id)
        ids[name] = run.info.run_id
    client.create_registered_model("odd name")
    platform.close()
    return ids


async def test_runs_are_listed_filtered_and_shown(
    ask: Ask, written: dict[str, str], extension: MLPlatExtension
) -> None:
    listed = (await ask("GET", "runs", params={"experiment": "ctr"})).json["items"]
    assert {run["name"] for run in listed} == {"good", "bad", "broken"}
    filtered = (await ask("GET", "runs", params={"filter": "metrics.loss < 0.5"})).json["items"]
    assert [run["id"] for run in filtered] == [written["good"]]
    best = (await ask("GET", "runs", params={"order_by": "metrics.loss DESC", "limit": "1"})).json
    assert best["next"]
    shown = (await ask("GET", "runs", written["good"])).json
    assert shown["metrics"] == {"loss": 0.1}
    assert (await ask("GET", "runs", written["broken"])).json["metrics"] == {"loss": None}
    assert "ctr" in [one["name"] for one in (await ask("GET", "experiments")).json["items"]]


async def test_a_filter_that_cannot_be_read_is_named(ask: Ask, written: dict[str, str]) -> None:
    assert "filter" in (await ask("GET", "runs", params={"filter": "loss <"})).error(422)["fields"]
    assert "order_by" in (await ask("GET", "runs", params={"order_by": "no such thing"})).error(422)["fields"]
    assert "after" in (await ask("GET", "runs", params={"after": "not a cursor"})).error(422)["fields"]


async def test_models_are_listed_and_shown(ask: Ask, written: dict[str, str]) -> None:
    assert [one["name"] for one in (await ask("GET", "models")).json["items"]] == ["odd name"]
    assert (await ask("GET", "models", "odd name")).json["versions"] == []
    (await ask("GET", "models", "none")).error(404)
    (await ask("GET", "runs", "0" * 32)).error(404)


async def test_an_alias_is_set_and_deleted(ask: Ask, written: dict[str, str]) -> None:
    platform = Platform()
    platform.runs.client().create_model_version("odd name", "mlflow-artifacts:/nowhere")
    platform.close()
    at = ("models", "odd name", "aliases", "champion")
    answer = await ask("PUT", *at, body={"version": "1", "why": "the first"})
    assert answer.status == 200, answer.body
    assert answer.json["aliases"] == {"champion": "1"}
    (change,) = answer.json["history"]
    assert (change["before"], change["version"], change["why"]) == (None, "1", "the first")
    for body, field in (({"version": 1}, "version"), ({"version": "x"}, "version"), ({}, "version")):
        refused = await ask("PUT", *at, body=body)
        assert refused.status == 422, refused.body
        assert field in refused.json["fields"]
    assert (await ask("PUT", *at, body={"version": "2"})).status == 404
    assert (await ask("PUT", "models", "odd name", "aliases", "latest", body={"version": "1"})).status == 422
    assert (await ask("DELETE", *at)).json["aliases"] == {}
    assert (await ask("DELETE", *at)).status == 404
