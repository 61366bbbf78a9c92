"""The parameters of a notebook: its cell tagged `parameters`, read from the syntax tree as JSON Schema.

papermill puts a cell with the given values behind that cell, and pastes their names into code: so names are checked
and values are plain JSON.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from ....languages import PYTHON, SUPPORTED, language_of
from ..notebookfile import source_of, tags_of
from .annotations import SCALARS, annotated, with_default
from .classes import Classes
from .code import parse
from .constants import Constants, NotConstant, encodable
from .languages import read
from .values import types_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TAG = "parameters"
MAX_SOURCE = 200_000
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


NAMED_SECRET = re.compile(
    r"(?:passwords?|passwd|passphrases?"
    r"|(?:^|_)(?:pwd|secrets?|token|bearer|credentials?|(?:api|access|private|secret)_?keys?))(?:_value)?[_\d]*$"
)
"""Ends a name that is in small letters, with _ between its words."""

WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
SECRET = SCALARS["SecretStr"]


def schema(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema document of a notebook's parameters; what could not be read is told in `x-mlplat-notes`.

    `notebook` is the notebook's JSON. Types come from annotations, else from defaults; a trailing comment is the
    description; an annotation without a value is a required parameter.
    """
    notes: list[str] = []
    cell = _Cell(notes)
    language = language_of(notebook)
    place = _place(notebook, language, notes)
    if place is not None:
        source = source_of(notebook["cells"][place])
        if language != PYTHON:
            cell.properties = read(language, source)
            cell.hide_secrets()
        else:
            for one in notebook["cells"][:place]:
                if one.get("cell_type") == "code":
                    cell.learn(source_of(one))
            cell.read(source)
    title = notebook.get("metadata", {}).get("title")
    return {
        "$schema": DIALECT,
        "type": "object",
        "title": title if isinstance(title, str) and title and encodable(title) else "Parameters",
        "properties": cell.properties,
        "required": [name for name in cell.properties if name in cell.required],
        "additionalProperties": False,
        "x-mlplat-language": language,
        "x-mlplat-notes": notes,
    }


def _place(notebook: Mapping[str, Any], language: str, notes: list[str]) -> int | None:
    """Which cell is the parameters cell; None, with a note, where there is none to be used."""
    tagged = [(place, cell) for place, cell in enumerate(notebook.get("cells", [])) if TAG in tags_of(cell)]
    if not tagged:
        notes.append("no cell has the tag parameters: the notebook takes none")
        return None
    if language not in SUPPORTED:
        notes.append(f"the parameters of a notebook in {language} cannot be read")
        return None
    place, cell = tagged[0]
    if cell.get("cell_type") != "code":
        notes.append(
            f"cell {place} has the tag parameters and is no code cell: values would be put behind it, before the "
            "defaults; move the tag to the code cell with the assignments"
        )
        return None
    for other, _ in tagged[1:]:
        notes.append(f"cell {other} has the tag parameters too: only the first one, cell {place}, counts")
    source = source_of(cell)
    if not encodable(source):
        notes.append("the parameters cell has half of a surrogate pair, which no file can hold")
        return None
    if len(source) > MAX_SOURCE:
        notes.append("the parameters cell is too long to be read")
        return None
    return place


class _Cell:
    """Reads the statements of a parameters cell into properties."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.properties: dict[str, dict[str, Any]] = {}
        self.required: set[str] = set()
        self._classes = Classes()
        self._constants = Constants(self._classes)

    def learn(self, source: str) -> None:
        """Know the classes of a cell before; one that cannot be parsed, or is too long, has none."""
        if "class " not in source or len(source) > MAX_SOURCE:
            return
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            self._classes.learn(parse(source))

    def read(self, source: str) -> None:
        """Add the parameters of `source`, in the order of the cell."""
        try:
            self._code = parse(source)
        except SyntaxError as error:
            self.notes.append(f"the parameters cell cannot be read: line {error.lineno}: {error.msg}")
            return
        except (ValueError, RecursionError, MemoryError) as error:
            self.notes.append(f"the parameters cell cannot be read: {type(error).__name__}")
            return
        self._classes.learn(self._code)
        for statement in self._code.tree.body:
            self._statement(statement)

    def hide_secrets(self) -> None:
        """Make the parameters that are named like secrets such: no other language is given one."""
        for name, made in self.properties.items():
            if _named_secret(name) and _holds_text(made):
                self.properties[name] = {key: made[key] for key in ("description",) if key in made} | SECRET
                self.notes.append(f"{name}: a secret, by its name: only notebooks in Python are given one")

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                self._declare(name, annotation, value, statement)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, statement)
            case ast.AugAssign(target=ast.Name(id=name)):
                self._forget_default(name, "it is changed after its assignment")
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        self.properties.pop(target.id, None)
            case ast.Import() | ast.ImportFrom() | ast.ClassDef() | ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                self.notes.append(f"line {statement.lineno} is no plain assignment: it names no parameter")

    def _assign(self, target: ast.expr, value: ast.expr, statement: ast.stmt) -> None:
        if isinstance(target, ast.Name):
            self._declare(target.id, self._type_comment(statement), value, statement)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target, value, statement)
        else:
            self.notes.append(f"line {statement.lineno} assigns to no plain name: it names no parameter")

    def _unpack(self, target: ast.Tuple | ast.List, value: ast.expr, statement: ast.stmt) -> None:
        starred = any(isinstance(one, ast.Starred) for one in target.elts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) and not starred:
            for one, part in zip(target.elts, value.elts, strict=True):
                self._assign(one, part, statement)
            return
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                self._declare(node.id, None, value, statement, unpacked=True)

    def _declare(
        self,
        name: str,
        annotation: ast.expr | None,
        value: ast.expr | None,
        statement: ast.stmt,
        *,
        unpacked: bool = False,
    ) -> None:
        def note(words: str) -> None:
            self.notes.append(f"{name}: {words}")

        before = len(self.notes)
        made = annotated(annotation, note, self._constants) if annotation is not None else {}
        # An annotation that is not understood leaves the type to the default; Any does not.
        untyped = not made and (annotation is None or len(self.notes) > before)
        self.required.discard(name)
        if value is None:
            self.required.add(name)
        else:
            try:
                if unpacked:
                    raise NotConstant("it is unpacked")
                made = _with_default(made, self._constants.json(value), note, untyped=untyped)
            except NotConstant as error:
                note(f"no default is shown: {error}")
                kind = _kind_of(value)
                if untyped and kind:
                    made["type"] = kind
        by_type = _holds_secret(made)
        if by_type or (_named_secret(name) and _holds_text(made)):
            # The notes before may tell a part of the value.
            del self.notes[before:]
            made = {key: made[key] for key in ("title", "description") if key in made} | SECRET
            if value is not None or not by_type:
                note(f"a secret, by its {'type' if by_type else 'name'}: it has no default, and its value is text")
        elif isinstance(annotation, ast.Name) and self._classes.makes_objects(annotation.id):
            note(f"its value comes as a mapping: {annotation.id}(**{name}) makes a {annotation.id} of it")
        help = self._code.help(statement)
        if help:
            made["description"] = help
        self.properties.pop(name, None)
        self.properties[name] = made

    def _forget_default(self, name: str, why: str) -> None:
        if name in self.properties and self.properties[name].pop("default", None) is not None:
            self.notes.append(f"{name}: no default is shown: {why}")

    def _type_comment(self, statement: ast.stmt) -> ast.expr | None:
        """The annotation in papermill's old form: `x = 1  # type: int  help`."""
        found = re.match(r"type:\s*(\S+)", self._code.comment(statement))
        if not found or found[1] == "ignore":
            return None
        return ast.Constant(value=found[1])


def _with_default(made: dict[str, Any], default: Any, note: Callable[[str], None], *, untyped: bool) -> dict[str, Any]:
    """`made` with its default; typed by it where there is no annotation."""
    if untyped:
        kind = TYPES.get(type(default))
        return {**({"type": kind} if kind else {}), "default": default}
    return with_default(made, default, note)


def _named_secret(name: str) -> bool:
    return NAMED_SECRET.search(WORD_ENDS.sub("_", name).lower()) is not None


def _parts(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas in a schema: of what it is a union of, and of what is in its lists and mappings."""
    inner = [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), Mapping)]
    return [*schema.get("anyOf", []), *schema.get("prefixItems", []), *inner, *schema.get("properties", {}).values()]


def _holds_secret(schema: Mapping[str, Any]) -> bool:
    """True where a value is a secret or has one in it: by type, or by the name of a field of a record."""
    fields: Mapping[str, Any] = schema.get("properties", {})
    named = any(_named_secret(name) and _holds_text(field) for name, field in fields.items())
    return bool(schema.get("writeOnly")) or named or any(map(_holds_secret, _parts(schema)))


def _holds_text(schema: Mapping[str, Any]) -> bool:
    """True where a value may be text, or have text in it."""
    types, parts = types_of(schema), _parts(schema)
    if parts:
        return "string" in types or any(map(_holds_text, parts))
    return not types or not {"string", "array", "object"}.isdisjoint(types)


def _kind_of(value: ast.expr) -> str | None:
    """The type that an expression surely has, though its value is not known here."""
    match value:
        case ast.JoinedStr():
            return "string"
        case ast.List() | ast.Tuple() | ast.ListComp():
            return "array"
        case ast.Dict() | ast.DictComp():
            return "object"
        case ast.UnaryOp(op=ast.Not()):
            return "boolean"
        case ast.Constant(value=float()):
            return "number"
    return None
