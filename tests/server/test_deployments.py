"""Deployments over HTTP: a real model behind a real endpoint, and what is refused."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from jupyter_mlplat.platform import Platform

from ..gpus import fake_gpus
from .conftest import Ask


@pytest.fixture
def model(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> str:
    """A registered model that scikit-learn trained; returns its URI."""
    import mlflow
    import numpy as np
    from sklearn.linear_model import LinearRegression

    platform.runs.client()
    for name, value in platform.environment().items():
        if name != "MLPLAT_HOME":
            monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(platform.mlflow_uri)
    rows = np.array([[0.0], [1.0], [2.0]])
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            LinearRegression().fit(rows, [1.0, 3.0, 5.0]),
            name="model",
            input_example=rows,
            registered_model_name="line",
            pip_requirements=["scikit-learn"],
        )
    return "models:/line/1"


async def test_a_deployment_answers_and_is_deleted(ask: Ask, model: str) -> None:
    headers = {"Idempotency-Key": "once"}
    made = await ask("POST", "deployments", body={"name": "line", "model": model}, headers=dict(headers))
    assert made.status == 201, made.body
    assert made.headers["Location"].endswith("/deployments/line")
    again = await ask("POST", "deployments", body={"name": "line", "model": model}, headers=dict(headers))
    assert again.json["created_at"] == made.json["created_at"]
    (await ask("POST", "deployments", body={"name": "line", "model": model})).error(409)
    deadline = time.monotonic() + 120
    while (shown := (await ask("GET", "deployments", "line")).json)["state"] != "ready":
        assert shown["state"] == "starting", shown
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.1)
    answer = await ask("POST", "deployments", "line", "predict", body={"inputs": [[3.0], [4.0]]})
    assert answer.status == 200, answer.body
    assert answer.json["predictions"] == pytest.approx([7.0, 9.0])
    (await ask("POST", "deployments", "line", "predict", body={"nonsense": 1})).error(422)
    (await ask("POST", "deployments", "line", "predict", body=b'{"inputs": [[NaN]]}')).error(400)
    assert (await ask("GET", "deployments", "line", "log")).json["offset"] > 0
    assert [one["name"] for one in (await ask("GET", "deployments")).json["items"]] == ["line"]
    gone = await ask("DELETE", "deployments", "line", request_timeout=70)
    assert gone.status == 200, gone.body
    (await ask("GET", "deployments", "line")).error(404)


async def test_bad_input_is_named_and_nothing_is_written(ask: Ask) -> None:
    for body, field in (
        ({"model": "models:/m/1"}, "name"),
        ({"name": "Upper Case", "model": "models:/m/1"}, "name"),
        ({"name": "x", "model": "/path"}, "model"),
        ({"name": "x", "model": "models:/m/1", "target": "moon"}, "target"),
    ):
        assert field in (await ask("POST", "deployments", body=body)).error(422)["fields"]
    (await ask("POST", "deployments", body={"name": "x", "model": "models:/none/1"})).error(404)
    for rest in ((), ("log",)):
        (await ask("GET", "deployments", "none", *rest)).error(404)
    (await ask("DELETE", "deployments", "none")).error(404)
    (await ask("POST", "deployments", "none", "predict", body={"inputs": [[1]]})).error(404)
    assert (await ask("GET", "deployments")).json["items"] == []


async def test_the_token_of_an_endpoint_is_not_shown(ask: Ask, model: str, home: Any, platform: Platform) -> None:
    await ask("POST", "deployments", body={"name": "line", "model": model})
    shown = await ask("GET", "deployments", "line")
    token = (home.endpoints / "line" / "token").read_text().strip()
    assert token
    assert token not in shown.body.decode()
    assert (await ask("DELETE", "deployments", "line", request_timeout=70)).status == 200


async def test_gpus_that_could_never_be_had_are_refused_and_others_waited_for(ask: Ask, model: str) -> None:
    fake_gpus("2xA100-80G", gpu_quota={"*": 1})
    asked = {"name": "line", "model": model}
    for wrong, field in (
        ({"gpus": 65}, "gpus"),
        ({"gpus": 3}, "gpus"),
        ({"gpu_type": "H100"}, "gpu_type"),
        ({"gpu_memory": "90G"}, "gpu_memory"),
        ({"gpu_memory": "much"}, "gpu_memory"),
        ({"gpu_shared": True}, "gpu_shared"),
    ):
        assert field in (await ask("POST", "deployments", body={**asked, **wrong})).error(422)["fields"]
    (await ask("POST", "deployments", body={**asked, "gpus": 2})).error(409)
    assert (await ask("GET", "deployments")).json["items"] == []

    made = await ask("POST", "deployments", body={**asked, "gpu_memory": "40G"})
    assert made.status == 201, made.body
    assert (made.json["gpus"], made.json["gpu_memory"], made.json["gpu_shared"]) == (1, 40 * 2**30, False)
    deadline = time.monotonic() + 60
    while (shown := (await ask("GET", "deployments", "line")).json)["lease"] is None:
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.1)
    lease = shown["lease"]
    assert (lease["state"], lease["kind"], lease["deployment"]) == ("granted", "deployment", "line")
    assert "deployments delete line" in (await ask("DELETE", "leases", lease["id"])).error(409)["hint"]
    assert (await ask("DELETE", "deployments", "line", request_timeout=70)).status == 200
    assert (await ask("GET", "leases")).json["items"] == []
