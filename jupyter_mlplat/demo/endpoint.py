"""Asking an endpoint over HTTP, as a program of somebody else would."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .steps import StepFailed

if TYPE_CHECKING:
    import pandas

    from ..models import Deployment

HTTP_TIMEOUT_S = 30.0


def predict(endpoint: Deployment, rows: pandas.DataFrame) -> list[int]:
    """The endpoint's classes for some rows: asked by both protocols, which must agree, and refused without a token.

    Raises `StepFailed`.
    """
    assert endpoint.url is not None
    assert endpoint.token_file is not None
    token = Path(endpoint.token_file).read_text().strip()
    split = {"columns": list(rows.columns), "data": rows.to_numpy().tolist()}
    answered = _post(f"{endpoint.url}/invocations", token, {"dataframe_split": split})
    mlflow_predictions = [int(value) for value in answered["predictions"]]
    base = f"{endpoint.url}/v2/models/{endpoint.name}"
    wanted = {one["name"]: one["datatype"] for one in _get(base, token)["inputs"]}
    tensors = [
        {"name": name, "datatype": datatype, "shape": [len(rows)], "data": rows[name].tolist()}
        for name, datatype in wanted.items()
    ]
    answered = _post(f"{base}/infer", token, {"inputs": tensors})
    infer_predictions = [int(value) for value in answered["outputs"][0]["data"]]
    _refused_without_token(f"{endpoint.url}/invocations", {"dataframe_split": split})
    if mlflow_predictions != infer_predictions:
        raise StepFailed("the two protocols gave different predictions")
    return mlflow_predictions


def _get(url: str, token: str) -> dict[str, Any]:
    return _ask(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"}))


def _post(url: str, token: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _ask(urllib.request.Request(url, json.dumps(body, allow_nan=False).encode(), headers))


def _ask(request: urllib.request.Request) -> dict[str, Any]:
    try:
        # An endpoint of this machine is not asked through a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=HTTP_TIMEOUT_S) as response:
            answered: dict[str, Any] = json.load(response)
            return answered
    except urllib.error.HTTPError as error:
        said = error.read(500).decode("utf-8", "replace")
        raise StepFailed(f"{request.full_url} answered {error.code}: {said}") from error
    except (OSError, ValueError) as error:
        raise StepFailed(f"{request.full_url} did not answer: {error}") from error


def _refused_without_token(url: str, body: Mapping[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        _ask(request)
    except StepFailed as error:
        if " answered 401" in str(error):
            return
        raise
    raise StepFailed(f"{url} answers without a token")
