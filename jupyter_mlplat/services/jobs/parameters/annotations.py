"""Type annotations as JSON Schema, read from the syntax tree; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .constants import NotConstant, as_json, constant

SCALARS: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "NoneType": {"type": "null"},
    "Any": {},
    "object": {},
    "Path": {"type": "string", "format": "path"},
    "PurePath": {"type": "string", "format": "path"},
    "PosixPath": {"type": "string", "format": "path"},
    "FilePath": {"type": "string", "format": "path"},
    "DirectoryPath": {"type": "string", "format": "path"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "SecretStr": {"type": "string", "format": "password", "writeOnly": True},
    "Decimal": {"type": "number"},
    "PositiveInt": {"type": "integer", "exclusiveMinimum": 0},
    "NonNegativeInt": {"type": "integer", "minimum": 0},
    "PositiveFloat": {"type": "number", "exclusiveMinimum": 0},
    "NonNegativeFloat": {"type": "number", "minimum": 0},
}
ARRAYS = frozenset({"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection"})
SETS = frozenset({"set", "Set", "frozenset", "FrozenSet", "AbstractSet"})
TUPLES = frozenset({"tuple", "Tuple"})
OBJECTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min": "minimum",
    "max": "maximum",
    "minimum": "minimum",
    "maximum": "maximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
}
POSITIONAL = {
    "Range": ("ge", "le"),
    "Ge": ("ge",),
    "Gt": ("gt",),
    "Le": ("le",),
    "Lt": ("lt",),
    "MultipleOf": ("multiple_of",),
    "MinLen": ("min_length",),
    "MaxLen": ("max_length",),
    "Len": ("min_length", "max_length"),
}
CONSTRAINTS = frozenset({*POSITIONAL, "Field", "Interval", "FieldInfo", "Param", "Parameter"})


def annotated(node: ast.expr, note: Callable[[str], None], depth: int = 0) -> dict[str, Any]:
    """The JSON Schema of an annotation; what is not understood is told to `note` and constrains nothing."""
    if depth > 20:
        note("the annotation is nested too deeply")
        return {}
    deeper = depth + 1
    match node:
        case ast.Constant(value=None):
            return {"type": "null"}
        case ast.Constant(value=str(text)):
            try:
                return annotated(ast.parse(text.strip(), mode="eval").body, note, deeper)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                note(f"the annotation {text[:60]!r} is not understood")
                return {}
        case ast.Name() | ast.Attribute():
            return _named(node, note)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return union([annotated(one, note, deeper) for one in (left, right)])
        case ast.Subscript(value=value, slice=inside):
            arguments = [*inside.elts] if isinstance(inside, ast.Tuple) else [inside]
            return _generic(_name(value), arguments, node, note, deeper)
    note(f"the annotation {ast.unparse(node)[:60]} is not understood")
    return {}


def union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """A schema that takes what one of `parts` takes: a list of types where that says it, else `anyOf`."""
    flat: list[dict[str, Any]] = []
    for part in parts:
        for one in part["anyOf"] if set(part) == {"anyOf"} else [part]:
            if one not in flat:
                flat.append(one)
    if {} in flat:
        return {}
    others = [one for one in flat if one != {"type": "null"}]
    if len(others) == len(flat) - 1 and len(others) == 1:
        only = others[0]
        if "enum" in only:
            return {**only, "type": [*_types(only), "null"], "enum": [*only["enum"], None]}
        if isinstance(only.get("type"), str):
            return {**only, "type": [only["type"], "null"]}
    if all(set(one) == {"type"} for one in flat):
        types = [kind for one in flat for kind in _types(one)]
        return {"type": types[0] if len(types) == 1 else types}
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _types(schema: dict[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else [*kind]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _named(node: ast.expr, note: Callable[[str], None]) -> dict[str, Any]:
    name = _name(node)
    if name in SCALARS:
        return dict(SCALARS[name])
    if name in ARRAYS or name in SETS or name in TUPLES:
        return {"type": "array"}
    if name in OBJECTS:
        return {"type": "object"}
    note(f"the annotation {ast.unparse(node)[:60]} is not understood")
    return {}


def _generic(
    name: str, arguments: list[ast.expr], node: ast.expr, note: Callable[[str], None], depth: int
) -> dict[str, Any]:
    if name == "Literal":
        return _literal(arguments, note)
    if name == "Annotated":
        return _constrained(arguments, note, depth)
    if name in ("Final", "ClassVar", "Required", "NotRequired"):
        return annotated(arguments[0], note, depth)
    if name in TUPLES and not (len(arguments) == 2 and _is_ellipsis(arguments[1])):
        items = [annotated(one, note, depth) for one in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    inner = [annotated(one, note, depth) for one in arguments if not _is_ellipsis(one)]
    if name == "Optional":
        return union([inner[0], {"type": "null"}])
    if name == "Union":
        return union(inner)
    if name in ARRAYS or name in TUPLES or name in SETS:
        return {"type": "array", **({"items": inner[0]} if inner and inner[0] else {})}
    if name in OBJECTS:
        values = inner[1] if len(inner) > 1 else {}
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    note(f"the annotation {ast.unparse(node)[:60]} is not understood")
    return {}


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _literal(arguments: list[ast.expr], note: Callable[[str], None]) -> dict[str, Any]:
    try:
        values = [as_json(constant(one)) for one in arguments]
    except NotConstant as error:
        note(f"a Literal is not understood: {error}")
        return {}
    names = {bool: "boolean", int: "integer", str: "string", type(None): "null", float: "number"}
    if not all(type(value) in names for value in values):
        note("a Literal is not understood")
        return {}
    types = list(dict.fromkeys(names[type(value)] for value in values))
    return {"type": types[0] if len(types) == 1 else types, "enum": values}


def _constrained(arguments: list[ast.expr], note: Callable[[str], None], depth: int) -> dict[str, Any]:
    schema = annotated(arguments[0], note, depth)
    for extra in arguments[1:]:
        if isinstance(extra, ast.Constant) and isinstance(extra.value, str):
            schema["description"] = extra.value
        elif isinstance(extra, ast.Call) and _name(extra.func) in CONSTRAINTS:
            _constrain(schema, extra, note)
        else:
            note(f"{ast.unparse(extra)[:60]} in the annotation is not understood")
    return schema


def _constrain(schema: dict[str, Any], call: ast.Call, note: Callable[[str], None]) -> None:
    name = _name(call.func)
    given = [*zip(POSITIONAL.get(name, ()), call.args, strict=False)]
    given += [(word.arg or "**", word.value) for word in call.keywords]
    for key, node in given:
        try:
            value = as_json(constant(node))
        except NotConstant as error:
            note(f"{key} in the annotation is not understood: {error}")
            continue
        if key in ("description", "title") and isinstance(value, str):
            schema[key] = value
        elif key in BOUNDS and isinstance(value, int | float) and not isinstance(value, bool):
            word = BOUNDS[key]
            if "array" in _types(schema):
                word = {"minLength": "minItems", "maxLength": "maxItems"}.get(word, word)
            schema[word] = value
        elif value is not None:
            note(f"{key} in the annotation is not understood")
