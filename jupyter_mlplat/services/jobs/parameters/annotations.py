"""Type annotations as JSON Schema, read from the syntax tree; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .classes import Field, NotRead
from .constants import Constants, NotConstant, encodable, words
from .values import fits, types_of

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
QUALIFIERS = frozenset({"Final", "ClassVar", "Required", "NotRequired"})
ONE_ARGUMENT = frozenset({"Optional", *QUALIFIERS, *ARRAYS, *SETS})
MAX_ALTERNATIVES = 100
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
}
SIZES = {"min_length": "min", "max_length": "max"}
SIZED = {"string": "Length", "array": "Items", "object": "Properties"}
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
LITERALS = {bool: "boolean", int: "integer", str: "string", type(None): "null", float: "number"}
CONSTRAINTS = frozenset({*POSITIONAL, "Field", "Interval", "FieldInfo", "Param", "Parameter"})


def annotated(node: ast.expr, note: Callable[[str], None], constants: Constants) -> dict[str, Any]:
    """The JSON Schema of an annotation; what is not understood is told to `note` and constrains nothing.

    `constants` reads what a Literal or a limit holds, and knows the classes of the notebook.
    """
    return _Reader(note, constants).schema(node, 0)


def union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """A schema that takes what one of `parts` takes: a list of types where that says it, else `anyOf`."""
    flat: list[dict[str, Any]] = []
    for part in parts:
        for one in part["anyOf"] if set(part) == {"anyOf"} else [part]:
            if one not in flat:
                flat.append(one)
    if {} in flat:
        return {}
    if len(flat) == 1:
        return flat[0]
    others = [one for one in flat if one != {"type": "null"}]
    if len(others) == len(flat) - 1 and len(others) == 1:
        only = others[0]
        if "enum" in only:
            return {**only, **_enumeration([*only["enum"], None])}
        if isinstance(only.get("type"), str):
            return {**only, "type": [only["type"], "null"]}
    if all(set(one) == {"type"} for one in flat):
        return _typed([kind for one in flat for kind in types_of(one)])
    return {"anyOf": flat}


def with_default(made: dict[str, Any], default: Any, note: Callable[[str], None]) -> dict[str, Any]:
    """The schema `made` with a default where that fits; None makes the value optional."""
    if default is None and not fits(None, made):
        # `x: int = None` is what people write for an optional value.
        types = types_of(made)
        made = (
            {**made, "type": [*types, "null"]} if types else {"anyOf": [*made.get("anyOf", [made]), {"type": "null"}]}
        )
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    if not fits(default, made):
        note("no default is shown: it does not fit the annotation")
        return made
    return {**made, "default": default}


def _typed(types: list[str]) -> dict[str, Any]:
    each = list(dict.fromkeys(types))
    return {"type": each[0] if len(each) == 1 else each}


def _enumeration(values: list[Any]) -> dict[str, Any]:
    """The schema of some scalars; 1, 1.0 and true are three."""
    each = [*{(type(value), value): value for value in values}.values()]
    return {**_typed([LITERALS[type(value)] for value in each]), "enum": each}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


@dataclass(frozen=True)
class _Reader:
    """Reads the annotation of one parameter."""

    note: Callable[[str], None]
    constants: Constants
    inside: tuple[str, ...] = ()
    """The records that the annotation is in, the outermost first."""

    def schema(self, node: ast.expr, depth: int) -> dict[str, Any]:
        if depth > 20:
            self.note("the annotation is nested too deeply")
            return {}
        deeper = depth + 1
        match node:
            case ast.Constant(value=None):
                return {"type": "null"}
            case ast.Constant(value=str(text)):
                try:
                    return self.schema(ast.parse(text.strip(), mode="eval").body, deeper)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return self._unknown(node)
            case ast.Name() | ast.Attribute():
                return self._named(node)
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return union([self.schema(one, deeper) for one in (left, right)])
            case ast.Subscript(value=value, slice=inside):
                arguments = [*inside.elts] if isinstance(inside, ast.Tuple) else [inside]
                return self._generic(_name(value), arguments, node, deeper)
        return self._unknown(node)

    def _unknown(self, node: ast.expr) -> dict[str, Any]:
        self.note(f"the annotation {words(node)} is not understood")
        return {}

    def _named(self, node: ast.expr) -> dict[str, Any]:
        name = _name(node)
        if self.constants.classes.is_enumeration(name):
            return self._members(name)
        if self.constants.classes.is_record(name):
            return self._record(name)
        if name in SCALARS:
            return dict(SCALARS[name])
        if name in ARRAYS or name in SETS or name in TUPLES:
            return {"type": "array"}
        if name in OBJECTS:
            return {"type": "object"}
        return self._unknown(node)

    def _generic(self, name: str, arguments: list[ast.expr], node: ast.expr, depth: int) -> dict[str, Any]:
        if not arguments or (name in ONE_ARGUMENT and len(arguments) > 1) or (name in OBJECTS and len(arguments) > 2):
            return self._unknown(node)
        if name == "Literal":
            return self._literal(arguments)
        if name == "Annotated":
            return self._constrained(arguments, depth)
        if name == "Union" and len(arguments) > MAX_ALTERNATIVES:
            self.note(f"a union of more than {MAX_ALTERNATIVES} is not read")
            return {}
        endless = name in TUPLES and len(arguments) == 2 and _is_ellipsis(arguments[1])
        inner = [self.schema(one, depth) for one in (arguments[:1] if endless else arguments)]
        if name in QUALIFIERS:
            return inner[0]
        if name == "Optional":
            return union([inner[0], {"type": "null"}])
        if name == "Union":
            return union(inner)
        if name in ARRAYS or name in SETS or endless:
            return {"type": "array", **({"items": inner[0]} if inner[0] else {})}
        if name in TUPLES:
            return {"type": "array", "prefixItems": inner, "minItems": len(inner), "maxItems": len(inner)}
        if name in OBJECTS:
            values = inner[1] if len(inner) > 1 else {}
            return {"type": "object", **({"additionalProperties": values} if values else {})}
        return self._unknown(node)

    def _literal(self, arguments: list[ast.expr]) -> dict[str, Any]:
        try:
            values = [self.constants.json(one) for one in arguments]
        except NotConstant as error:
            self.note(f"a Literal is not understood: {error}")
            return {}
        if not all(type(value) in LITERALS for value in values):
            self.note("a Literal is not understood")
            return {}
        return _enumeration(values)

    def _members(self, name: str) -> dict[str, Any]:
        try:
            values = [self.constants.json(one) for one in self.constants.classes.members(name).values()]
        except NotConstant as error:
            self.note(f"{name} is not understood: {error}")
            return {}
        if not values or not all(type(value) in LITERALS for value in values):
            self.note(f"{name} is not understood: its members are no text, numbers or booleans")
            return {}
        return _enumeration(values)

    def _record(self, name: str) -> dict[str, Any]:
        """The schema of a mapping with the fields of a record."""
        if name in self.inside:
            self.note(f"{name} holds itself: what is inside is not checked")
            return {"type": "object"}
        try:
            fields = self.constants.classes.fields(name)
        except NotRead as error:
            self.note(f"{name} is not understood: {error}")
            return {"type": "object"}
        about = self.constants.classes.about(name)
        required = [field.name for field in fields if field.required]
        return {
            "type": "object",
            **({"description": about} if about and encodable(about) else {}),
            "properties": {field.name: self._field(name, field) for field in fields},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }

    def _field(self, record: str, field: Field) -> dict[str, Any]:
        def note(told: str) -> None:
            self.note(f"{field.name}: {told}")

        reader = replace(self, note=note, inside=(*self.inside, record))
        made = reader.schema(field.annotation, len(self.inside) + 1)
        if field.limits is not None:
            reader.constrain(made, field.limits)
        if field.default is not None:
            try:
                default = self.constants.json(field.default)
            except NotConstant as error:
                note(f"no default is shown: {error}")
            else:
                made = with_default(made, default, note)
        if field.help:
            made["description"] = field.help
        return made

    def _constrained(self, arguments: list[ast.expr], depth: int) -> dict[str, Any]:
        schema = self.schema(arguments[0], depth)
        for extra in arguments[1:]:
            if isinstance(extra, ast.Constant) and isinstance(extra.value, str) and encodable(extra.value):
                schema["description"] = extra.value
            elif isinstance(extra, ast.Call) and _name(extra.func) in CONSTRAINTS:
                self.constrain(schema, extra)
            else:
                self.note(f"{words(extra)} in the annotation is not understood")
        return schema

    def constrain(self, schema: dict[str, Any], call: ast.Call) -> None:
        """Add to a schema what a call like `Field(ge=1)` says of its values."""
        given = [*zip(POSITIONAL.get(_name(call.func), ()), call.args, strict=False)]
        given += [(word.arg or "**", word.value) for word in call.keywords]
        for key, node in given:
            try:
                value = self.constants.json(node)
            except NotConstant as error:
                self.note(f"{key} in the annotation is not understood: {error}")
                continue
            limits = _limits(key, value, types_of(schema))
            schema.update(limits)
            if not limits and value is not None:
                self.note(f"{key} in the annotation is not understood")


def _limits(key: str, value: Any, types: list[str]) -> dict[str, Any]:
    """What a word of an annotation says in JSON Schema, of a value of these types; nothing where it says nothing."""
    if key in ("description", "title") and isinstance(value, str):
        return {key: value}
    if type(value) not in (int, float):
        return {}
    if key in SIZES and type(value) is int and value >= 0:
        return {SIZES[key] + word: value for kind, word in SIZED.items() if kind in types or not types}
    if key in BOUNDS and (key != "multiple_of" or value > 0):
        return {BOUNDS[key]: value}
    return {}
