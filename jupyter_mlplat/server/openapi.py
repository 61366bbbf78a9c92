"""The OpenAPI 3.1 document of the REST interface, made from the route table and the models.

Specification: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__, models
from .base import MAX_LIMIT, PREFIX, Operation, Route
from .routes import ROUTES

REF = "#/components/schemas/{model}"
ALWAYS = (400, 401, 403, 404, 413, 422, 503)
ERRORS = {
    400: "The request cannot be read",
    401: "Not logged in",
    403: "Not logged in, not allowed, or without the XSRF header that a cookie needs",
    404: "No such thing",
    409: "The thing is not in a state that allows this",
    412: "It was changed since the revision that If-Match names",
    413: "The body is over the limit",
    422: "A value is wrong; `fields` names it",
    502: "A service that this depends on failed",
    503: "A service or device that this needs is not there",
}
STRING = {"type": "string"}
FLAG = {"type": "boolean", "default": False}
MANY = {"type": "array", "items": STRING}
QUERY: dict[str, tuple[str, dict[str, Any]]] = {
    "limit": ("How many at most", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50}),
    "after": ("The `next` of the page before", STRING),
    "state": ("Only those in this state; of jobs several with commas between", STRING),
    "schedule": ("Only jobs of the schedule with this id", STRING),
    "sweep": ("Only jobs of the sweep with this id", STRING),
    "pipeline": ("Only jobs of the pipeline with this id", STRING),
    "name": ("Only those whose name has this in it, in any case", STRING),
    "alone": (
        "1: only jobs that belong to no sweep and no pipeline",
        {"type": "integer", "enum": [0, 1], "default": 0},
    ),
    "cron": ("Five fields: minute hour day month weekday", STRING),
    "timezone": ("IANA zone of cron", STRING),
    "every": ("Seconds between two instants", {"type": "number", "minimum": 1}),
    "at": ("One instant, ISO 8601 with a zone", {"type": "string", "format": "date-time"}),
    "n": ("How many instants", {"type": "integer", "minimum": 1, "maximum": 100, "default": 5}),
    "owner": ("Only those of this user", STRING),
    "since": ("From then on; a week before until by default", {"type": "string", "format": "date-time"}),
    "until": ("Up to then; now by default", {"type": "string", "format": "date-time"}),
    "by": (
        "What is added up by",
        {"enum": ["user", "notebook", "job", "deployment", "type", "kind"], "default": "user"},
    ),
    "offset": ("Where to read on: the `offset` of the answer before", {"type": "integer", "minimum": 0, "default": 0}),
    "path": ("Path of the notebook, relative to the server's root; of artifacts the folder, within the run's", STRING),
    "experiment": ("Only runs of the experiment with this name or id", STRING),
    "filter": ("MLflow's filter, like `metrics.auc > 0.9`", STRING),
    "order_by": ("MLflow's order, like `metrics.auc DESC`; several times for several fields", MANY),
    "archived": ("true: only those that are archived, instead of the others", FLAG),
    "count": ("true: say how many all pages have", FLAG),
    "run": ("Id of a run; several times for several", MANY),
    "key": ("Name of the metric", STRING),
    "points": (
        "How many points at most; no peak is lost",
        {"type": "integer", "minimum": 10, "maximum": 20000, "default": 1000},
    ),
    "all": ("true: what is the same as well", FLAG),
    "permanent": ("true: for good, with its artifacts", FLAG),
    "why": ("Kept with the change, or with the request", STRING),
    "version": ("Number of a version; twice for two", MANY),
    "format": ("markdown: the text alone, to be saved", {"enum": ["json", "markdown"], "default": "json"}),
    "download": ("true: the browser saves it, and does not show it", FLAG),
}
REQUIRED = {
    "/notebooks/schema": {"path"},
    "/runs/curves": {"run", "key"},
    "/runs/compare": {"run"},
    "/runs/diff": {"run"},
    "/models/{name}/compare": {"version"},
}
ERROR = {
    "title": "Error",
    "description": "What happened, why, and what to do next.",
    "type": "object",
    "additionalProperties": False,
    "required": ["message", "reason", "hint", "fields"],
    "properties": {
        "message": {"type": "string"},
        "reason": {"type": "string"},
        "hint": {"type": "string"},
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "field of the request -> what is wrong with it",
        },
    },
}


def document(base_url: str) -> dict[str, Any]:
    """The whole document for a server at `base_url`."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        names = re.findall(r"\{(\w+)\}", route.path)
        item: dict[str, Any] = {
            method: _operation(route, method, operation) for method, operation in route.operations.items()
        }
        if names:
            item["parameters"] = [{"name": name, "in": "path", "required": True, "schema": STRING} for name in names]
        if route.prefix != PREFIX:
            item["servers"] = [{"url": base_url.rstrip("/") + route.prefix}]
        paths[route.path] = item
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyter_mlplat",
            "version": __version__,
            "description": "The ML platform inside JupyterLab. Errors have one form; lists page by cursor.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": base_url.rstrip("/") + PREFIX}],
        "security": [{"token": []}, {"cookie": [], "xsrf": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR, **_schemas()},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token …`: the token of the Jupyter server",
                },
                "cookie": {"type": "apiKey", "in": "cookie", "name": "jupyter-session"},
                "xsrf": {"type": "apiKey", "in": "header", "name": "X-XSRFToken"},
            },
        },
    }


def _operation(route: Route, method: str, operation: Operation) -> dict[str, Any]:
    noun = route.path.split("/")[1].removesuffix(".json")
    words = re.sub(r"[{}.]", "", route.path).split("/")[1:]
    made: dict[str, Any] = {
        "operationId": method + "".join(word[:1].upper() + word[1:] for word in words),
        "summary": operation.summary,
        "tags": [noun],
        "responses": {str(operation.status): _success(operation)},
    }
    if operation.accepted is not None:
        made["responses"]["202"] = {
            "description": "Asked for: a second person has to approve it",
            "content": {"application/json": {"schema": _schema(operation.accepted)}},
        }
    for status in sorted({*ALWAYS, *operation.errors}):
        made["responses"][str(status)] = {
            "description": ERRORS[status],
            "content": {"application/json": {"schema": {"$ref": REF.format(model="Error")}}},
        }
    parameters = [_query(name, required=name in REQUIRED.get(route.path, ())) for name in operation.query]
    if operation.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "A request repeated with the same key makes nothing new",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        )
    if parameters:
        made["parameters"] = parameters
    if operation.request is not None:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(operation.request)}},
        }
    return made


def _success(operation: Operation) -> dict[str, Any]:
    schema = _schema(operation.response) if operation.response is not None else STRING
    made: dict[str, Any] = {
        "description": "Made" if operation.status == 201 else "Done",
        "content": {operation.media_type: {"schema": schema}},
    }
    if operation.status == 201:
        made["headers"] = {"Location": {"description": "Address of what was made", "schema": STRING}}
    return made


def _query(name: str, *, required: bool) -> dict[str, Any]:
    description, schema = QUERY[name]
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def _schema(name: str) -> dict[str, Any]:
    if " | " in name:
        return {"anyOf": [_schema(part) for part in name.split(" | ")]}
    if name == "object":
        return {"type": "object"}
    if page := re.fullmatch(r"Page\[(\w+)\]", name):
        return {
            "type": "object",
            "required": ["items", "next"],
            "additionalProperties": False,
            "properties": {
                "items": {"type": "array", "items": _schema(page[1])},
                "next": {"type": ["string", "null"], "description": "cursor of the next page"},
            },
        }
    return {"$ref": REF.format(model=name)}


def _schemas() -> dict[str, Any]:
    asked: set[str] = set()
    answered: set[str] = set()
    for route in ROUTES:
        for operation in route.operations.values():
            for found, text in (
                (asked, operation.request), (answered, operation.response), (answered, operation.accepted)
            ):  # fmt: skip
                found.update(re.findall(r"\b(?!Page\b|object\b)\w+", text or ""))
    both = asked & answered
    assert not both, f"{both} would need two schemas"
    pairs: list[tuple[type[BaseModel], Any]] = [(getattr(models, name), "validation") for name in sorted(asked)]
    pairs += [(getattr(models, name), "serialization") for name in sorted(answered)]
    _, schema = models_json_schema(pairs, ref_template=REF)
    definitions: dict[str, Any] = schema["$defs"]
    return definitions
