"""Values against the schema of a parameters cell: JSON types and nothing else reaches a notebook."""

from __future__ import annotations

import ast
import difflib
import json
import keyword
import math
import operator
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from ....errors import Invalid
from ....languages import PYTHON
from .constants import encodable
from .languages import why_not

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
TAG_HINT = (
    "give one code cell with plain assignments the tag `parameters` "
    "(JupyterLab: property inspector, Cell Tags), and name the parameter there"
)
SECRET_HINT = "name where it is: --secret NAME=env:VARIABLE or NAME=file:PATH; only that is kept"
NO_SECRETS_HINT = "read it in the notebook, from the environment or a file of the host that runs the job"
WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
BOUNDS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", operator.ge, "at least"),
    ("exclusiveMinimum", operator.gt, "more than"),
    ("maximum", operator.le, "at most"),
    ("exclusiveMaximum", operator.lt, "less than"),
)
SIZES = {str: ("Length", "characters"), list: ("Items", "items"), dict: ("Properties", "entries")}


class Wrong(Exception):
    """Why a value does not fit."""


def validate(schema: Mapping[str, Any], values: Mapping[str, Any], *, secrets: Collection[str] = ()) -> dict[str, Any]:
    """The values as they reach the notebook: plain JSON, whole numbers as float where the parameter is one.

    `secrets` are the parameters whose values come by reference, and only that way.

    Raises `Invalid` with `parameters.<name>` -> why in its fields: a name that is no identifier or that the notebook
    does not have, a value of the wrong type, out of range, not finite, not JSON, or missing.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    language = schema.get("x-mlplat-language", PYTHON)
    wrong: dict[str, str] = {}
    hint = ""
    checked: dict[str, Any] = {}
    for name, value in values.items():
        why, advice = why_unknown(name, properties)
        if not why:
            try:
                checked[name] = _fit(_plain(value, 0), properties[name])
                if language != PYTHON:
                    why = why_not(language, checked[name])
            except Wrong as error:
                why, advice = str(error), _type_hint(properties[name])
        if why:
            wrong[f"parameters.{name}"] = why
            hint = hint or advice
    for name in secrets:
        why, advice = why_unknown(name, properties, secret=True)
        if not why and language != PYTHON:
            why, advice = "is a secret, and those reach only notebooks in Python", NO_SECRETS_HINT
        if name in values:
            why = "is given as a value and as a secret"
        if why:
            wrong[f"secrets.{name}"] = why
            hint = hint or advice
    for name in schema.get("required", []):
        if name not in values and name not in secrets:
            wrong[f"parameters.{name}"] = "has no default: give it a value"
    if not wrong and len(json.dumps(checked)) > MAX_BYTES:
        wrong["parameters"] = f"are longer than {MAX_BYTES} bytes"
        hint = "put the data into a file and give its path"
    if wrong:
        field, why = next(iter(wrong.items()))
        raise Invalid(f"{_title(field)} {why}", hint=hint, fields=wrong)
    return checked


def coerce_text(schema: Mapping[str, Any], name: str, text: str) -> Any:
    """The value of `NAME=TEXT` from a shell, read by the parameter's type.

    Text parameters take it as it is, lists, mappings and unions take JSON, all others a plain literal. Raises
    `Invalid`.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    why, hint = why_unknown(name, properties)
    if not why:
        try:
            return _fit(_plain(_read(properties[name], text), 0), properties[name])
        except Wrong as error:
            written = _json_hint(name, properties[name], text)
            why, hint = str(error), f"write {written}" if written else _type_hint(properties[name])
    raise Invalid(f"{_title(f'parameters.{name}')} {why}", hint=hint, fields={f"parameters.{name}": why})


def _title(field: str) -> str:
    return f"parameter {field.partition('.')[2][:100]}" if "." in field else field


def why_unknown(name: object, properties: Mapping[str, Any], *, secret: bool = False) -> tuple[str, str]:
    """Why no value may have this name, and what to do; empty where it may. `properties` are those of the schema."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        return "is no name that a notebook can have", "letters, digits and _, not starting with a digit"
    if not properties:
        return "is unknown: the notebook has no parameters", TAG_HINT
    if name not in properties:
        close = difflib.get_close_matches(name, properties, n=1)
        return (
            "is unknown",
            f"did you mean {close[0]}?" if close else f"the notebook's parameters are {', '.join(properties)}",
        )
    if properties[name].get("writeOnly") and not secret:
        return "is a secret and cannot be given as a value", SECRET_HINT
    return "", ""


def _type_hint(schema: Mapping[str, Any]) -> str:
    example = schema.get("default")
    return "" if example is None else f"the default is {json.dumps(example, ensure_ascii=False)[:200]}"


def _json_hint(name: str, schema: Mapping[str, Any], text: str) -> str:
    """How text, and null, are written where a parameter takes them among other values, in JSON; empty elsewhere."""
    short = text if len(text) <= 60 else "abc"
    meant = [one for one in (short, None) if fits(one, schema)]
    if meant == [None] and text.strip().lower() != "none":
        return ""
    written = (f"{name}={json.dumps(one, ensure_ascii=False)}" for one in meant)
    return " or ".join(f"-p {shlex.quote(one)}" for one in written)


def _read(schema: Mapping[str, Any], text: str) -> Any:
    types = types_of(schema)
    if types == ["string"]:
        return text
    if types == ["boolean"]:
        if text.strip().lower() not in ("true", "false"):
            raise Wrong(f"is true or false, not {text[:60]!r}")
        return text.strip().lower() == "true"
    if types in (["integer"], ["number"]):
        return _literal(schema, text)
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if not types and "anyOf" not in schema:
            return _literal(schema, text)
        raise Wrong(f"is {wanted(schema)} and takes JSON, which {text[:60]!r} is not") from error


def _literal(schema: Mapping[str, Any], text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        other = "" if types_of(schema) else '; text is written in quotes, like "abc"'
        raise Wrong(f"is {wanted(schema)}, not {text[:60]!r}{other}") from error


def _no_constant(word: str) -> Any:
    raise Wrong(f"is not finite: {word}")


def _plain(value: Any, depth: int) -> Any:
    """A copy of `value` made of JSON's own types only; anything else is pasted into code by nobody."""
    if depth > MAX_DEPTH:
        raise Wrong("is nested too deeply")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Wrong("does not fit into 64 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Wrong("is not finite")
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise Wrong("has a key that is no text")
        return {_text(key): _plain(one, depth + 1) for key, one in value.items()}
    raise Wrong(f"is a {type(value).__name__}, which JSON has not")


def _text(value: str) -> str:
    if not encodable(value):
        raise Wrong("has half of a surrogate pair, which no file can hold")
    return str.__str__(value)


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """The types that a schema names itself; none where it takes anything or is a union of schemas."""
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else [*kind]


def wanted(schema: Mapping[str, Any]) -> str:
    """What a schema takes, in words."""
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(one, ensure_ascii=False) for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(wanted(one) for one in schema["anyOf"])
    return " or ".join(WORDS[one] for one in types_of(schema)) or "any JSON value"


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """True where `value` is one that `schema` takes."""
    try:
        _fit(_plain(value, 0), schema)
    except Wrong:
        return False
    return True


def _fit(value: Any, schema: Mapping[str, Any]) -> Any:
    if "anyOf" in schema:
        value = _fit_any(value, schema)
    types = types_of(schema)
    kind = _type(value)
    if types and kind not in types:
        if kind != "integer" or "number" not in types:
            raise Wrong(f"is {wanted(schema)}, not {_shown(value)}")
        value = float(value)
    if "enum" in schema and not any(type(one) is type(value) and one == value for one in schema["enum"]):
        raise Wrong(f"is {wanted(schema)}, not {_shown(value)}")
    for why in _bounds(value, schema):
        raise Wrong(why)
    if isinstance(value, list):
        return [_inside(one, _item(schema, place), f"item {place}") for place, one in enumerate(value)]
    return _fit_entries(value, schema) if isinstance(value, dict) else value


def _fit_entries(value: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    known: Mapping[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    for key in schema.get("required", []):
        if key not in value:
            raise Wrong(f"has no {key!r}, which it needs")
    for key in value:
        if key not in known and others is False:
            close = difflib.get_close_matches(key, known, n=1)
            raise Wrong(f"has no field {key[:60]!r}: {f'did you mean {close[0]!r}?' if close else ', '.join(known)}")
    return {key: _inside(one, known.get(key, others), f"value of {key[:60]!r}") for key, one in value.items()}


def _fit_any(value: Any, schema: Mapping[str, Any]) -> Any:
    for one in schema["anyOf"]:
        try:
            return _fit(value, one)
        except Wrong:
            continue
    raise Wrong(f"is {wanted(schema)}, not {_shown(value)}")


def _item(schema: Mapping[str, Any], place: int) -> Mapping[str, Any]:
    if place < len(schema.get("prefixItems", [])):
        return dict(schema["prefixItems"][place])
    items: Mapping[str, Any] = schema.get("items", {})
    return items


def _inside(value: Any, schema: Mapping[str, Any], place: str) -> Any:
    try:
        return _fit(value, schema)
    except Wrong as error:
        raise Wrong(f"has a wrong {place}: it {error}") from error


def _bounds(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for word, inside, words in BOUNDS:
            if word in schema and not inside(value, schema[word]):
                yield f"is {words} {schema[word]}, not {_shown(value)}"
        step = schema.get("multipleOf")
        if step and not _is_multiple(value, step):
            yield f"is a multiple of {step}, not {_shown(value)}"
    if isinstance(value, str | list | dict):
        word, unit = SIZES[type(value)]
        if len(value) < schema.get(f"min{word}", 0):
            yield f"has at least {schema[f'min{word}']} {unit}, not {len(value)}"
        if len(value) > schema.get(f"max{word}", math.inf):
            yield f"has at most {schema[f'max{word}']} {unit}, not {len(value)}"
    if isinstance(value, str):
        yield from _format(value, schema.get("format"))


def _is_multiple(value: float, step: float) -> bool:
    if float(value).is_integer() and float(step).is_integer():
        return int(value) % int(step) == 0
    quotient = value / step
    # Value, step and quotient are each half a unit in the last place off at most: 0.3 / 0.1 is 2.9999999999999996.
    return math.isfinite(quotient) and abs(quotient - round(quotient)) <= 4 * math.ulp(quotient)


def _format(value: str, format: str | None) -> Iterator[str]:
    readers: dict[str | None, Callable[[str], object]] = {
        "date": date.fromisoformat,
        "date-time": datetime.fromisoformat,
        "time": time.fromisoformat,
    }
    examples: dict[str | None, str] = {"date": "2026-11-21", "date-time": "2026-11-21T08:00:00+01:00", "time": "08:00"}
    if format in readers:
        try:
            readers[format](value)
        except ValueError:
            yield f"is a {format} like {examples[format]}, not {_shown(value)}"


def _type(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _shown(value: Any) -> str:
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece
        if len(text) > 60:
            return text[:57] + "…"
    return text
