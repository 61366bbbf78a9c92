"""The parameters cell: what is read from it, and which values it takes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.errors import Invalid, MLPlatError
from jupyter_mlplat.services.jobs.notebookfile import read_notebook
from jupyter_mlplat.services.jobs.parameters import coerce_text, schema, validate


def cell(source: str | list[str], *tags: str, kind: str = "code") -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {"tags": list(tags)}, "source": source}


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


def read(source: str) -> dict[str, Any]:
    return schema(notebook(cell(source, "parameters")))


def notes(document: dict[str, Any]) -> str:
    return "\n".join(document["x-mlplat-notes"])


NO_DEFAULT = [
    ("x = compute()", {}),
    ("x = y", {}),
    ("x = 10**10**10", {}),
    ("x = 2 << 10**9", {}),
    ("x = 'a' * 10**9", {}),
    ("x = [0] * 10**9", {}),
    ("x = '%1000000000d' % 1", {}),
    ("x = f'{1:1000000000}'", {"type": "string"}),
    ("x = 1 / 0", {}),
    ("x = 1e999", {"type": "number"}),
    ("x = 2**63", {}),
    ("x = b'bytes'", {}),
    ("x = {1, 2}", {}),
    ("x = {1: 'a'}", {"type": "object"}),
    ("x = [i for i in range(3)]", {"type": "array"}),
    ("x = list(range(3))", {}),
    ("x = dict(**{'a': 1})", {}),
    ("x = lambda: 1", {}),
    ("x = (yield)", {}),
    ("x = 1j", {}),
    ("x = ...", {}),
    ("x = __import__('os').system('true')", {}),
    ("x: int = compute()", {"type": "integer"}),
    ("x: int = 'a'", {"type": "integer"}),
    ("x: bool = 1", {"type": "boolean"}),
    ("x: SecretStr = 'hush'", {"type": "string", "format": "password", "writeOnly": True}),
    ("x: date = date(2026, 1, 1)", {"type": "string", "format": "date"}),
    ("x = 1\nx += 1", {"type": "integer"}),
]


@pytest.mark.parametrize(("source", "expected"), NO_DEFAULT)
def test_what_only_running_can_tell_has_no_default_and_a_note(source: str, expected: dict[str, Any]) -> None:
    started = time.monotonic()
    document = read(source)
    assert document["properties"] == {"x": expected}
    assert notes(document).startswith("x: ")
    assert document["required"] == []
    assert time.monotonic() - started < 1.0


READ = [
    ("x = 1", {"type": "integer", "default": 1}),
    ("x = -1", {"type": "integer", "default": -1}),
    ("x = 1e-3", {"type": "number", "default": 0.001}),
    ("x = True", {"type": "boolean", "default": True}),
    ("x = 'a'", {"type": "string", "default": "a"}),
    ("x = '''a\nb'''", {"type": "string", "default": "a\nb"}),
    ("x = None", {"default": None}),
    ("x = [1, 'a', None]", {"type": "array", "default": [1, "a", None]}),
    ("x = (1, 2)", {"type": "array", "default": [1, 2]}),
    ("x = {'a': [1, {'b': 2.5}]}", {"type": "object", "default": {"a": [1, {"b": 2.5}]}}),
    ("x = 2 * 60 * 60", {"type": "integer", "default": 7200}),
    ("x = 2**10 + 1", {"type": "integer", "default": 1025}),
    ("x = 7 // 2 - 7 % 3", {"type": "integer", "default": 2}),
    ("x = 1 << 20", {"type": "integer", "default": 1 << 20}),
    ("x = 1 / 4", {"type": "number", "default": 0.25}),
    ("x = not True", {"type": "boolean", "default": False}),
    ("x = 'a' 'b'", {"type": "string", "default": "ab"}),
    ("x = 'a' + 'b'", {"type": "string", "default": "ab"}),
    ("x = '-' * 3", {"type": "string", "default": "---"}),
    ("x = f'v{1 + 1}{\"a\"!r}'", {"type": "string", "default": "v2'a'"}),
    ("x = dict(a=1, b=[2])", {"type": "object", "default": {"a": 1, "b": [2]}}),
    ("x = dict([('a', 1)], b=2)", {"type": "object", "default": {"a": 1, "b": 2}}),
    ("x = list((1, 2))", {"type": "array", "default": [1, 2]}),
    ("x = tuple([1])", {"type": "array", "default": [1]}),
    ("x = list()", {"type": "array", "default": []}),
    ("x: int = 1", {"type": "integer", "default": 1}),
    ("x: float = 1", {"type": "number", "default": 1}),
    ("x: str = 'a'", {"type": "string", "default": "a"}),
    ("x: 'int' = 1", {"type": "integer", "default": 1}),
    ("x: typing.List[int] = [1]", {"type": "array", "items": {"type": "integer"}, "default": [1]}),
    ("x: list[list[float]] = []", {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}),
    ("x: dict[str, int] = {'a': 1}", {"type": "object", "additionalProperties": {"type": "integer"}}),
    ("x: dict = {}", {"type": "object", "default": {}}),
    ("x: tuple[int, str] = (1, 'a')", {"type": "array", "minItems": 2, "maxItems": 2, "default": [1, "a"]}),
    ("x: tuple[int, ...] = (1, 2)", {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}),
    ("x: Optional[int] = None", {"type": ["integer", "null"], "default": None}),
    ("x: int | None = 3", {"type": ["integer", "null"], "default": 3}),
    ("x: int = None", {"type": ["integer", "null"], "default": None}),
    ("x: Union[int, str] = 'a'", {"type": ["integer", "string"], "default": "a"}),
    ("x: int | list[int] = 1", {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
    ("x: Literal['a', 'b'] = 'a'", {"type": "string", "enum": ["a", "b"], "default": "a"}),
    ("x: Literal[1, 'a'] = 1", {"type": ["integer", "string"], "enum": [1, "a"]}),
    ("x: Optional[Literal['a']] = None", {"type": ["string", "null"], "enum": ["a", None], "default": None}),
    ("x: Annotated[int, Field(ge=1, le=9)] = 3", {"type": "integer", "minimum": 1, "maximum": 9, "default": 3}),
    ("x: Annotated[float, Field(gt=0, lt=1)] = 0.5", {"exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    ("x: Annotated[int, Range(1, 9)] = 3", {"minimum": 1, "maximum": 9}),
    ("x: Annotated[int, Ge(1), Le(9)] = 3", {"minimum": 1, "maximum": 9}),
    ("x: Annotated[str, 'the help'] = 'a'", {"type": "string", "description": "the help"}),
    ("x: Annotated[str, Field(min_length=1)] = 'a'", {"minLength": 1}),
    ("x: Annotated[list[int], Field(max_length=3)] = [1]", {"maxItems": 3}),
    ("x: Path = 'data'", {"type": "string", "format": "path", "default": "data"}),
    ("x: date = '2026-11-21'", {"type": "string", "format": "date", "default": "2026-11-21"}),
    ("x: datetime.datetime = '2026-11-21T08:00:00'", {"type": "string", "format": "date-time"}),
    ("x: Any = 3", {"default": 3}),
    ("x: np.ndarray = [1]", {"type": "array", "default": [1]}),
    ("x = 1  # how many", {"type": "integer", "default": 1, "description": "how many"}),
    ("x = [\n  1,  # one\n]  # the list", {"description": "the list"}),
    ("x = '# no comment'  # help", {"default": "# no comment", "description": "help"}),
    ("x = 1  # type: float  the rate", {"type": "number", "default": 1, "description": "the rate"}),
    ("%matplotlib inline\n!true\nx = 1", {"default": 1}),
    ("'''docs'''\nimport os\nfrom a import b\nx = 1", {"default": 1}),
    ("y = x = 1", {"default": 1}),
    ("x, y = 1, 'a'", {"type": "integer", "default": 1}),
    ("(x, [y, z]) = [1, (2, 3)]", {"type": "integer", "default": 1}),
    ("x = 1; y = 2", {"default": 1}),
    ("x = 1\nx = 'a'", {"type": "string", "default": "a"}),
    ("überzahl = 1\nx = 'ß\\u2028'", {"default": "ß\u2028"}),
    ("x = 1\r\ny = 2", {"default": 1}),
]


@pytest.mark.parametrize(("source", "expected"), READ)
def test_a_parameter_is_read_from_the_syntax_tree(source: str, expected: dict[str, Any]) -> None:
    document = read(source)
    found = document["properties"]["x"]
    assert {key: found.get(key, "absent") for key in expected} == expected
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_the_schema_is_a_json_schema_document() -> None:
    import jsonschema

    document = read("\n".join(f"{source}".replace("x", f"x{i}", 1) for i, (source, _) in enumerate(READ[:30])))
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["type"] == "object"
    assert document["additionalProperties"] is False
    for name, found in document["properties"].items():
        if "default" in found:
            jsonschema.validate({name: found["default"]}, {**document, "required": []})


def test_an_annotation_without_a_value_is_required() -> None:
    document = read("x: int\ny: int = 1")
    assert document["required"] == ["x"]
    with pytest.raises(Invalid) as error:
        validate(document, {})
    assert error.value.fields == {"parameters.x": "has no default: give it a value"}
    assert validate(document, {"x": 2}) == {"x": 2}


def test_parameters_keep_the_order_of_the_cell() -> None:
    assert list(read("b = 1\na = 2\nc, d = 1, 2")["properties"]) == ["b", "a", "c", "d"]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (notebook(cell("x = 1")), "no cell has the tag"),
        (notebook(cell("x = 1", "parameters", kind="markdown"), cell("x = 1", "parameters")), "is no code cell"),
        (notebook(cell("x = (", "parameters")), "cannot be read: line 1"),
        (notebook(cell("x=1", "parameters"), kernelspec={"name": "bash", "language": "bash"}), "in bash"),
        (notebook(cell("#" * 300_000, "parameters")), "too long"),
        (notebook(cell("x = " + "(" * 5000 + ")" * 5000, "parameters")), "cannot be read"),
        (notebook(cell("x = " + "-" * 200_000 + "1", "parameters")), "too long"),
        (notebook(cell("if True:\n    x = 1", "parameters")), "line 1 is no plain assignment"),
        (notebook(cell("a.b = 1\nc[0] = 2", "parameters")), "line 2 assigns to no plain name"),
    ],
)
def test_a_cell_that_cannot_be_used_gives_no_parameters_and_a_note(made: dict[str, Any], words: str) -> None:
    document = schema(made)
    assert document["properties"] == {}
    assert words in notes(document)


def test_only_the_first_of_two_tagged_cells_counts() -> None:
    document = schema(notebook(cell("x = 1", "parameters"), cell("y = 1", "parameters")))
    assert list(document["properties"]) == ["x"]
    assert "cell 1 has the tag parameters too" in notes(document)


def test_a_source_of_lines_is_read_as_one_text() -> None:
    assert list(schema(notebook(cell(["x = 1\n", "y = 2"], "parameters")))["properties"]) == ["x", "y"]


# --- values -----------------------------------------------------------------------------------------

DOCUMENT = read(
    """
lr: float = 0.1
n = 10
flag = False
name = "a"
kind: Literal["a", "b"] = "a"
size: Annotated[int, Field(ge=1, le=9)] = 3
rate: Annotated[float, Field(gt=0, lt=1)] = 0.5
maybe: int | None = None
items: list[int] = []
table: dict[str, list[float]] = {}
pair: tuple[int, str] = (1, "a")
either: int | list[int] = 1
since: date = "2026-11-21"
anything = None
secret: SecretStr = "x"
"""
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"lr": 1}, {"lr": 1.0}),
        ({"n": 3, "flag": True, "name": ""}, {"n": 3, "flag": True, "name": ""}),
        ({"kind": "b", "size": 9, "rate": 0.99}, {"kind": "b", "size": 9, "rate": 0.99}),
        ({"maybe": None}, {"maybe": None}),
        ({"items": [1, 2], "table": {"a": [1]}}, {"items": [1, 2], "table": {"a": [1.0]}}),
        ({"pair": (2, "b")}, {"pair": [2, "b"]}),
        ({"either": [1]}, {"either": [1]}),
        ({"since": "2026-01-31"}, {"since": "2026-01-31"}),
        ({"anything": {"a": [None, True]}}, {"anything": {"a": [None, True]}}),
    ],
)
def test_values_that_fit_are_taken(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = validate(DOCUMENT, given)
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in expected.items()}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("lr", "0.1", 'is a number, not "0.1"'),
        ("lr", True, "is a number, not true"),
        ("lr", float("nan"), "is not finite"),
        ("lr", float("inf"), "is not finite"),
        ("lr", 10**400, "does not fit into 64 bits"),
        ("n", True, "is a whole number, not true"),
        ("n", 1.5, "is a whole number, not 1.5"),
        ("n", "1", 'is a whole number, not "1"'),
        ("n", None, "is a whole number, not null"),
        ("flag", 1, "is true or false, not 1"),
        ("name", 1, "is text, not 1"),
        ("name", b"a", "is a bytes, which JSON has not"),
        ("name", "\ud800", "has half of a surrogate pair, which no file can hold"),
        ("kind", "c", 'is one of "a", "b", not "c"'),
        ("size", 0, "is at least 1, not 0"),
        ("size", 10, "is at most 9, not 10"),
        ("rate", 0, "is more than 0, not 0.0"),
        ("rate", 1.0, "is less than 1, not 1.0"),
        ("items", [1, "a"], 'has a wrong item 1: it is a whole number, not "a"'),
        ("items", 1, "is a list, not 1"),
        ("table", {"a": ["b"]}, "has a wrong value of 'a': it has a wrong item 0: it is a number, not \"b\""),
        ("table", {1: [1.0]}, "has a key that is no text"),
        ("pair", [1], "has at least 2 items, not 1"),
        ("either", "a", 'is a whole number or a list, not "a"'),
        ("since", "yesterday", 'is a date like 2026-11-21, not "yesterday"'),
        ("anything", object(), "is a object, which JSON has not"),
        ("anything", {1, 2}, "is a set, which JSON has not"),
        ("secret", "x", "is a secret and cannot be given as a value"),
        ("nn", 1, "is unknown"),
        ("a b", 1, "is no name that a notebook can have"),
        ("class", 1, "is no name that a notebook can have"),
        ("x=1;import os", 1, "is no name that a notebook can have"),
        ("", 1, "is no name that a notebook can have"),
        (1, 1, "is no name that a notebook can have"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(name: Any, value: Any, why: str) -> None:
    with pytest.raises(Invalid) as error:
        validate(DOCUMENT, {name: value})
    assert error.value.fields == {f"parameters.{name}": why}
    assert str(name) in error.value.message


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(Invalid) as error:
        validate(DOCUMENT, {"n": "a", "flag": 2, "lr": 0.5})
    assert set(error.value.fields) == {"parameters.n", "parameters.flag"}


def test_an_unknown_name_brings_the_nearest_one_as_a_hint() -> None:
    with pytest.raises(Invalid) as error:
        validate(DOCUMENT, {"kindd": "a"})
    assert error.value.hint == "did you mean kind?"


def test_a_notebook_without_a_parameters_cell_refuses_any_value_and_says_how_to_tag_one() -> None:
    document = schema(notebook(cell("x = 1")))
    assert validate(document, {}) == {}
    with pytest.raises(Invalid, match="has no parameters") as error:
        validate(document, {"x": 1})
    assert "tag `parameters`" in error.value.hint


def test_values_over_a_megabyte_are_refused() -> None:
    with pytest.raises(Invalid) as error:
        validate(DOCUMENT, {"name": "a" * 1_000_001})
    assert set(error.value.fields) == {"parameters"}


def test_a_value_nested_without_end_is_refused() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(Invalid, match="nested too deeply"):
        validate(DOCUMENT, {"anything": value})


# --- text from a shell ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("name", "1", "1"),
        ("name", "", ""),
        ("name", '"q" = x', '"q" = x'),
        ("kind", "b", "b"),
        ("since", "2026-01-31", "2026-01-31"),
        ("lr", "1e-3", 0.001),
        ("lr", "1", 1.0),
        ("n", "-5", -5),
        ("n", "1_000", 1000),
        ("flag", "true", True),
        ("flag", "False", False),
        ("items", "[1, 2]", [1, 2]),
        ("table", '{"a": [1]}', {"a": [1.0]}),
        ("maybe", "null", None),
        ("maybe", "3", 3),
        ("either", "[1]", [1]),
        ("anything", '"a"', "a"),
        ("anything", "'a'", "a"),
        ("anything", "None", None),
    ],
)
def test_text_is_read_by_the_type_of_the_parameter(name: str, text: str, expected: Any) -> None:
    found = coerce_text(DOCUMENT, name, text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lr", "fast"),
        ("lr", "nan"),
        ("lr", "1e999"),
        ("lr", "0.1 + 1"),
        ("n", "1.5"),
        ("n", "__import__('os')"),
        ("flag", "1"),
        ("flag", "yes"),
        ("kind", "c"),
        ("items", "1,2"),
        ("items", "[NaN]"),
        ("maybe", "none"),
        ("anything", "plain"),
        ("secret", "x"),
        ("unknown", "1"),
    ],
)
def test_text_that_does_not_fit_is_refused(name: str, text: str) -> None:
    with pytest.raises(Invalid) as error:
        coerce_text(DOCUMENT, name, text)
    assert set(error.value.fields) == {f"parameters.{name}"}


# --- files ------------------------------------------------------------------------------------------


def test_a_notebook_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(cell("x = 1", "parameters"))))
    assert list(schema(read_notebook(path))["properties"]) == ["x"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is not JSON"),
        (b"x = 1", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "is no notebook"),
        (b"{}", "is no notebook"),
        (b'{"nbformat": 3, "worksheets": []}', "has notebook format 3"),
        (b'{"nbformat": 4}', "cells cannot be read"),
        (b'{"nbformat": 4, "metadata": [], "cells": []}', "cells cannot be read"),
        (b'{"nbformat": 4, "metadata": {}, "cells": [1]}', "cells cannot be read"),
        (b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": 1}]}', "cells cannot be read"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=words) as error:
        read_notebook(path)
    assert set(error.value.fields) == {"notebook"}
    assert error.value.hint


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "is a directory"), (tmp_path / "no.ipynb", "there is no notebook")):
        with pytest.raises(MLPlatError, match=words) as error:
            read_notebook(path)
        assert error.value.exit_code == 2
        assert error.value.status == 422
