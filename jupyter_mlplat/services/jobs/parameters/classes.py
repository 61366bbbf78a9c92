"""The classes that type a notebook's parameters, read from the syntax tree: fields of records, members of enumerations.

A record is a dataclass, a pydantic model or a typed mapping. Only classes of the notebook's own cells are known:
nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .code import Code

ENUMERATIONS = frozenset({"Enum", "StrEnum", "IntEnum"})
MODELS = frozenset({"BaseModel", "BaseSettings"})
MAPPINGS = frozenset({"TypedDict"})
DATACLASS = "dataclass"
FIELD_CALLS = frozenset({"Field", "field"})
FACTORIES = {
    "list": "[]",
    "set": "[]",
    "tuple": "[]",
    "dict": "{}",
    "str": "''",
    "int": "0",
    "float": "0.0",
    "bool": "False",
}
MAX_FIELDS = 5000
MAX_BASES = 20


class NotRead(Exception):
    """A class that is not understood; the message says why."""


@dataclass(frozen=True)
class Field:
    """A field of a record: what types it, what it is without a value, and its limits in a call of `Field`."""

    name: str
    annotation: ast.expr
    default: ast.expr | None
    required: bool
    limits: ast.Call | None
    help: str


class Classes:
    """The classes of some cells by name; a later definition replaces an earlier one."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[ast.ClassDef, Code]] = {}
        self._left = MAX_FIELDS

    def learn(self, code: Code) -> None:
        """Remember the classes that a cell defines at its top level."""
        for statement in code.tree.body:
            if isinstance(statement, ast.ClassDef):
                self._found[statement.name] = statement, code

    def is_record(self, name: str) -> bool:
        """True for a dataclass, a pydantic model and a typed mapping."""
        return self._is_model(name) or self._comes_from(name, MAPPINGS) or self._is_dataclass(name)

    def is_enumeration(self, name: str) -> bool:
        """True for a class made from `Enum`."""
        return self._comes_from(name, ENUMERATIONS)

    def makes_objects(self, name: str) -> bool:
        """True where what a record makes is no mapping."""
        return self.is_record(name) and not self._comes_from(name, MAPPINGS)

    def takes_positions(self, name: str) -> bool:
        """True where a record is made from values without names, too."""
        return not (self._is_model(name) or self._comes_from(name, MAPPINGS))

    def about(self, name: str) -> str:
        """The first paragraph of the class's docstring."""
        text = ast.get_docstring(self._found[name][0]) or ""
        return " ".join(text.split("\n\n")[0].split())[:1000]

    def fields(self, name: str) -> list[Field]:
        """The fields of a record, those of its bases first. Raises `NotRead` where all that were read are too many."""
        found: dict[str, Field] = {}
        for one in self._line(name):
            for field in self._own_fields(one):
                found[field.name] = field
        self._left -= len(found) + 1
        if self._left < 0:
            raise NotRead("the classes have too many fields together")
        return [*found.values()]

    def members(self, name: str) -> dict[str, ast.expr]:
        """The members of an enumeration by name, `auto()` replaced by what it gives."""
        found: dict[str, ast.expr] = {}
        texts = self._comes_from(name, frozenset({"StrEnum"}))
        last = 0
        for one in self._line(name):
            for statement in self._found[one][0].body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id=member)], value=value) if not member.startswith("_"):
                        if isinstance(value, ast.Call) and word(value.func) == "auto":
                            value = ast.Constant(member.lower() if texts else last + 1)
                        if isinstance(value, ast.Constant) and type(value.value) is int:
                            last = max(last, value.value)
                        found[member] = value
        return found

    def _bases(self, name: str) -> list[str]:
        return [word(base) for base in self._found[name][0].bases] if name in self._found else []

    def _line(self, name: str) -> list[str]:
        """A class of the cells and its bases that are, the farthest first."""
        line: list[str] = []
        todo = [name]
        while todo and len(line) <= MAX_BASES:
            one = todo.pop(0)
            if one in self._found and one not in line:
                line.append(one)
                todo += self._bases(one)
        return line[::-1]

    def _comes_from(self, name: str, roots: frozenset[str]) -> bool:
        return any(base in roots and base not in self._found for one in self._line(name) for base in self._bases(one))

    def _is_model(self, name: str) -> bool:
        return self._comes_from(name, MODELS)

    def _is_dataclass(self, name: str) -> bool:
        return name in self._found and any(word(one) == DATACLASS for one in self._found[name][0].decorator_list)

    def _own_fields(self, name: str) -> Iterator[Field]:
        node, code = self._found[name]
        mapping = self._comes_from(name, MAPPINGS)
        optional = mapping and any(
            one.arg == "total" and isinstance(one.value, ast.Constant) and not one.value.value for one in node.keywords
        )
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=own), annotation=annotation, value=value):
                    marked = {word(one) for one in ast.walk(annotation) if isinstance(one, ast.Name | ast.Attribute)}
                    private = own.startswith("_") and not mapping
                    if private or not marked.isdisjoint({"ClassVar", "KW_ONLY"}) or own == "model_config":
                        continue
                    field = Field(own, annotation, value, value is None, None, code.help(statement))
                    if mapping:
                        required = "Required" in marked or not (optional or "NotRequired" in marked)
                        field = replace(field, required=required)
                    elif isinstance(value, ast.Call) and word(value.func) in FIELD_CALLS:
                        made = _called(field, value)
                        if made is None:
                            continue
                        field = made
                    yield field


def _called(field: Field, call: ast.Call) -> Field | None:
    """A field whose value is a call of `field` or `Field`; None where it is none of those that are given."""
    words = {one.arg: one.value for one in call.keywords if one.arg}
    init, alias = words.get("init"), words.get("alias")
    if isinstance(init, ast.Constant) and init.value is False:
        return None
    if isinstance(alias, ast.Constant) and isinstance(alias.value, str):
        field = replace(field, name=alias.value)
    default = words.get("default", call.args[0] if call.args else None)
    factory = words.get("default_factory", words.get("factory"))
    required = (default is None and factory is None) or (isinstance(default, ast.Constant) and default.value is ...)
    if factory is not None:
        default = _factory(factory)
    told = {"default", "default_factory", "factory", "alias", "repr", "init", "kw_only", "compare", "hash", "metadata"}
    limits = [one for one in call.keywords if one.arg not in told]
    kept = ast.Call(func=call.func, args=[], keywords=limits) if limits else None
    return replace(field, default=None if required else default, required=required, limits=kept)


def _factory(node: ast.expr) -> ast.expr:
    """The expression that a factory stands for."""
    if isinstance(node, ast.Lambda):
        return node.body
    if isinstance(node, ast.Name) and node.id in FACTORIES:
        return ast.parse(FACTORIES[node.id], mode="eval").body
    return ast.Call(func=node, args=[], keywords=[])


def word(node: ast.expr) -> str:
    """The last name of an expression: of `Enum`, `enum.Enum`, `dataclass(frozen=True)`, `Generic[T]`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return word(inner)
    return ""
