"""Asks an endpoint over HTTP, with its token."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from ...errors import BackendFailed, Invalid, MLPlatError, TooLarge, Unavailable

PREDICT_SECONDS = 60.0
ANSWER_BYTES = 256 * 2**20


def predict(name: str, url: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer of `POST /invocations`.

    Raises `Invalid` with the endpoint's own words for a body that the model cannot use, `TooLarge`,
    `Unavailable` where nothing answers, and `BackendFailed` where the model failed.
    """
    try:
        data = json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Invalid(f"the request is not strict JSON: {error}", hint="NaN and infinities have no JSON form") from None
    status, answer = _request(name, url, token, "POST", "/invocations", data, PREDICT_SECONDS)
    if status != 200:
        raise _refusal(name, status, answer)
    if not isinstance(answer, dict):
        raise BackendFailed(f"endpoint {name} answered with something that is no JSON object", hint=_logs(name))
    return answer


def example(name: str, url: str, token: str, model: str) -> dict[str, Any] | None:
    """One valid `/invocations` body, as the endpoint's metadata has it; None where it has none."""
    status, answer = _request(name, url, token, "GET", f"/v2/models/{quote(model, safe='')}", None, 2.0)
    if status != 200 or not isinstance(answer, dict):
        return None
    parameters = answer.get("parameters")
    found = parameters.get("example") if isinstance(parameters, dict) else None
    return found if isinstance(found, dict) else None


def _request(
    name: str, url: str, token: str, method: str, path: str, body: bytes | None, timeout: float
) -> tuple[int, Any]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        data = response.read(ANSWER_BYTES + 1)
    except TimeoutError:
        raise Unavailable(f"endpoint {name} did not answer within {timeout:g} s", hint=_logs(name)) from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"endpoint {name} does not answer: {error or type(error).__name__}", hint=_logs(name)
        ) from None
    finally:
        connection.close()
    if len(data) > ANSWER_BYTES:
        raise BackendFailed(f"endpoint {name} answered with more than {ANSWER_BYTES} bytes", hint="ask for fewer rows")
    try:
        return response.status, json.loads(data)
    except ValueError:
        return response.status, None


def _refusal(name: str, status: int, answer: Any) -> MLPlatError:
    said = answer if isinstance(answer, dict) else {}
    words = str(said.get("message") or said.get("error") or f"status {status}")
    hint = str(said.get("hint") or "")
    fields = said.get("fields")
    fields = {str(key): str(value) for key, value in fields.items()} if isinstance(fields, dict) else {}
    if status == 413:
        return TooLarge(words, hint=hint)
    if status == 503:
        return Unavailable(f"endpoint {name}: {words}", hint=hint)
    if status in (400, 415, 422):
        return Invalid(
            words, hint=hint or f"see: jupyter mlplat deployments show {name} --json (example)", fields=fields
        )
    if status in (401, 403):
        return BackendFailed(
            f"endpoint {name} refused its own token", hint=f"delete it and create it again, or see: {_logs(name)}"
        )
    return BackendFailed(f"endpoint {name}: {words}", hint=_logs(name))


def _logs(name: str) -> str:
    return f"jupyter mlplat deployments logs {name}"
