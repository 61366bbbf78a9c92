"""The endpoint's HTTP interface, as a plain ASGI application (asgi.readthedocs.io, HTTP connection scope)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from ..errors import Denied, Malformed, MLPlatError, NotFound, TooLarge, Unavailable
from . import page
from .config import Config
from .model import ServedModel
from .worker import ModelError, Work, Workers

log = logging.getLogger("jupyter_mlplat.serving")

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[bytes, bytes]

OPEN = frozenset({"/v2/health/live", "/v2/health/ready"})
"""The only addresses that need no token: they say nothing about the model."""

JSON = b"application/json"
ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    404: "RESOURCE_DOES_NOT_EXIST",
    503: "TEMPORARILY_UNAVAILABLE",
}
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Unauthenticated(Denied):
    """No token, or not the right one (HTTP 401)."""

    status = 401
    reason = "unauthenticated"


class NotAllowed(MLPlatError):
    """The address is there, the method is not (HTTP 405)."""

    status = 405
    reason = "method_not_allowed"


class UnsupportedMedia(Malformed):
    """A body of a type that is not read here (HTTP 415)."""

    status = 415
    reason = "unsupported_media_type"


class Answer(msgspec.Struct):
    """Status, body and headers of a response."""

    body: bytes
    content_type: bytes = JSON
    status: int = 200
    headers: list[tuple[bytes, bytes]] = []


class Application:
    """Answers for one model. Before `ready` is called, only the health checks, with "not yet"."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model: ServedModel | None = None
        self.workers: Workers | None = None
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "mlplat_serving_requests", "Requests, by route and status", ["route", "code"], registry=self.registry
        )
        self._errors = Counter(
            "mlplat_serving_errors", "Requests that were answered with an error", ["route"], registry=self.registry
        )
        self._seconds = Histogram(
            "mlplat_serving_request_seconds",
            "Seconds from a request's first byte to its answer",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._of_route: dict[str, Any] = {}
        self._of_code: dict[tuple[str, int], Any] = {}

    def ready(self, model: ServedModel) -> None:
        """Take requests from now on. Called on the loop's thread."""
        self.workers = Workers(model, self.config.threads, self.config.waiting)
        self.model = model

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        path: str = scope["path"]
        route = _route(path)
        try:
            answer = await self._answer(scope, path, route, receive)
        except MLPlatError as error:
            answer = _error(error, route)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a request to %s failed", route)
            answer = _error(MLPlatError("the endpoint failed", hint="see its log"), route)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    (b"content-type", answer.content_type),
                    (b"content-length", str(len(answer.body)).encode()),
                    *answer.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer.body})
        self._count(route, answer.status, time.perf_counter() - began)

    def _count(self, route: str, status: int, seconds: float) -> None:
        histogram = self._of_route.get(route)
        if histogram is None:
            histogram = self._of_route[route] = self._seconds.labels(route)
        histogram.observe(seconds)
        counter = self._of_code.get((route, status))
        if counter is None:
            counter = self._of_code[route, status] = self._requests.labels(route, str(status))
        counter.inc()
        if status >= 400 and route not in OPEN:
            self._errors.labels(route).inc()

    async def _answer(self, scope: MutableMapping[str, Any], path: str, route: str, receive: Receive) -> Answer:
        method: str = scope["method"]
        headers: Headers = dict(scope["headers"])
        if path in OPEN:
            _only(method, "GET")
            if path.endswith("/live"):
                return Answer(b'{"live":true}')
            if self.model is None:
                return Answer(b'{"ready":false}', status=503, headers=[(b"retry-after", b"1")])
            return Answer(b'{"ready":true}')
        self._check_token(headers, method, route)
        if route == "unknown":
            raise NotFound(f"there is nothing at {path[:200]}", hint="GET /docs lists the addresses")
        _only(method, "POST" if route in ("/invocations", "/v2/models/{name}/infer") else "GET")
        if route == "/metrics":
            return Answer(generate_latest(self.registry), b"text/plain; version=0.0.4; charset=utf-8")
        if route == "/version":
            return Answer(_mlflow_version().encode(), b"text/plain; charset=utf-8")
        if route == "/v2":
            return Answer(_json({"name": "jupyter_mlplat", "version": _version(), "extensions": []}))
        model, workers = self.model, self.workers
        if model is None or workers is None:
            raise Unavailable("the model is still loading", hint="wait until GET /v2/health/ready answers 200")
        if route in ("/ping", "/health"):
            return Answer(b"\n")
        if route == "/invocations":
            form = _form(headers)
            body = await self._body(headers, receive)
            return Answer(await self._predict(workers, Work(form, body, _future())))
        if route == "/docs":
            host = headers.get(b"host", b"127.0.0.1").decode("latin-1")
            described = model.metadata(self.config.model_name, self.config.version)
            return Answer(
                page.render(self.config.name, f"http://{host}", described),
                b"text/html; charset=utf-8",
                headers=page.HEADERS,
            )
        name, version = self._named(path)
        if route == "/v2/models/{name}/ready":
            return Answer(_json({"name": name, "ready": True}))
        if route == "/v2/models/{name}/infer":
            if b"inference-header-content-length" in headers:
                raise Malformed("the binary tensor extension is not offered", hint="send the tensors as JSON")
            body = await self._body(headers, receive)
            return Answer(await self._predict(workers, Work("infer", body, _future(), name, version)))
        return Answer(_json(model.metadata(name, version)))

    async def _predict(self, workers: Workers, work: Work) -> bytes:
        return await workers.predict(work)

    def _named(self, path: str) -> tuple[str, str]:
        """The model's name and version in the path; the endpoint's own name is another name of the model."""
        parts = path.split("/")[3:]
        name = parts[0]
        if name not in (self.config.model_name, self.config.name):
            raise NotFound(
                f"no model is called {name[:200]!r} here", hint=f"this endpoint serves {self.config.model_name}"
            )
        if len(parts) > 2 and parts[1] == "versions" and parts[2] != self.config.version:
            raise NotFound(
                f"version {parts[2][:50]} of {name} is not served here", hint=f"version {self.config.version} is"
            )
        return name, self.config.version

    def _check_token(self, headers: Headers, method: str, route: str) -> None:
        scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
        token = b""
        if scheme.lower() == b"bearer":
            token = credentials.strip()
        elif scheme.lower() == b"basic" and route == "/docs" and method == "GET":
            # A browser can ask for a password and not for a bearer token; for this page only.
            try:
                token = base64.b64decode(credentials, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                token = b""
        known = hmac.compare_digest(hashlib.sha256(token).hexdigest(), self.config.token_sha256)
        if not token or not known:
            raise Unauthenticated(
                "a bearer token is needed" if not token else "this is not the endpoint's token",
                hint="send Authorization: Bearer with what is in the deployment's token_file",
                fields={"authorization": "missing" if not token else "wrong"},
            )

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        limit = self.config.max_body_bytes
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > limit):
            raise TooLarge(f"the body is over the limit of {limit} bytes", hint="send the rows in several requests")
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Malformed("the client went away before its request was complete")
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise TooLarge(f"the body is over the limit of {limit} bytes", hint="send the rows in several requests")
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


ROUTES = frozenset({"/v2", "/invocations", "/metrics", "/docs", "/ping", "/health", "/version", *OPEN})


def _route(path: str) -> str:
    """The route of a path, with placeholders: what metrics are counted by."""
    if path in ROUTES:
        return path
    parts = path.split("/")
    if parts[:3] == ["", "v2", "models"] and len(parts) > 3 and parts[3]:
        rest = parts[4:]
        if len(rest) >= 2 and rest[0] == "versions" and rest[1]:
            rest = rest[2:]
        if rest == []:
            return "/v2/models/{name}"
        if rest in (["infer"], ["ready"]):
            return f"/v2/models/{{name}}/{rest[0]}"
    return "unknown"


def _only(method: str, allowed: str) -> None:
    if method != allowed:
        raise NotAllowed(f"the method must be {allowed}, not {method[:20]}")


def _form(headers: Headers) -> Any:
    """Which of the bodies that `/invocations` reads this is; without a content type it is JSON."""
    given = headers.get(b"content-type", JSON).decode("latin-1").lower()
    kind, _, rest = given.partition(";")
    for part in rest.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8"):
            raise UnsupportedMedia("the body must be UTF-8")
    if kind.strip() in ("application/json", ""):
        return "json"
    if kind.strip() == "text/csv":
        return "csv"
    raise UnsupportedMedia(f"a body of type {kind.strip()[:100]} is not read", hint="send application/json or text/csv")


def _error(error: MLPlatError, route: str) -> Answer:
    """The one place where an error becomes a response, in both protocols' form: `error` and `message` are the same."""
    headers: list[tuple[bytes, bytes]] = []
    if error.status == 401:
        asks = b'Basic realm="the token is the password"' if route == "/docs" else b'Bearer realm="endpoint"'
        headers.append((b"www-authenticate", asks))
    if error.status == 503:
        headers.append((b"retry-after", b"1"))
    code = ERROR_CODES.get(error.status, "INTERNAL_ERROR" if error.status >= 500 else "BAD_REQUEST")
    body = _json(
        {
            "error": error.message,
            "error_code": code,
            "message": error.message,
            "hint": error.hint,
            "fields": error.fields,
        }
    )
    return Answer(body, status=error.status, headers=headers)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _future() -> asyncio.Future[bytes]:
    return asyncio.get_running_loop().create_future()


def _version() -> str:
    from .. import __version__

    return __version__


def _mlflow_version() -> str:
    from importlib.metadata import version

    return version("mlflow")


__all__ = ["Application", "ModelError"]
