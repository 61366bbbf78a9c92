"""What a notebook gets of a value is that value, and never code: through the store, the runner's line and papermill."""

from __future__ import annotations

import ast
import json
import keyword
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.attempts import OUTPUT
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.services.jobs.parameters import schema, validate

from .test_runner import Run, notebook_at, runs  # noqa: F401 - the fixture `run`

CASES = 2000
PAYLOADS = [
    "boom()", "__import__('os').system('true')", "'+boom()+'", '"+boom()+"', "');boom();('", '");boom();("',
    "'''+boom()+'''", '"""\nboom()\n"""', "\\'+boom()+\\'", '\\"+boom()+\\"', "\\", "\\\\", "\\\\'", "'", '"', "'''",
    '"""', "\n", "\r", "\r\nboom()\r\n", "\nboom()\n", "x\n# ", "#", ";boom()", "{boom()}", "{x}", "{0}", "{{", "}}",
    "%s", "%(x)s", "%%", "$x", "${x}", "`boom()`", "!boom", "%run boom", "\x00", "\x0bboom()", "\x0cboom()",
    "\x1aboom()", "\x85boom()", "\u2028boom()", "\u2029boom()", "\u202e)(moob", "\ufeff", "\\N{DASH}", "\\x41",
    "\\u0041", "\\101", "\N{GRINNING FACE}", "ß", "e\u0301", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "None", "True",
    "float('nan')", "nan", "-inf", "0x10", "1_000", "1e5", "b'x'", "f'{boom()}'",
]  # fmt: skip
NUMBERS = [
    0, -1, 1, 2**31, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63) + 1, 0.0, -0.0, 0.1, 1e-7, 1e16,
    1e22, 1e308, -1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 1.0, 123456789.123456789,
]  # fmt: skip
CHARACTERS = [*range(0xD800), *range(0xE000, 0x11000)]
REFUSED = [
    float("nan"), float("inf"), float("-inf"), 2**63, -(2**63) - 1, 10**400, "\ud800", "a\udfff", b"bytes", {1},
    (object(),), {1: "a"}, {None: 1}, 1j, lambda: None,
]  # fmt: skip


def text(dice: random.Random) -> str:
    """Hostile pieces one behind the other; now and then very many of them."""
    pieces = dice.choices(PAYLOADS, k=dice.choice([0, 1, 1, 1, 2, 3, 8]))
    pieces += [chr(dice.choice(CHARACTERS)) for _ in range(dice.randrange(3))]
    dice.shuffle(pieces)
    made = "".join(pieces)
    return made * (20_000 // len(made)) if made and dice.random() < 0.01 else made


def value(dice: random.Random, depth: int = 0) -> Any:
    """A value of any kind that JSON has."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: dice.random() < 0.5,
        lambda: dice.choice(NUMBERS),
        lambda: dice.randint(-(2**63) + 1, 2**63 - 1),
        lambda: math.ldexp(dice.uniform(-1, 1), dice.randint(-1070, 1023)),
        lambda: text(dice),
        lambda: text(dice),
    ]
    if depth < 5:
        kinds += [
            lambda: [value(dice, depth + 1) for _ in range(dice.randrange(4))],
            lambda: {text(dice): value(dice, depth + 1) for _ in range(dice.randrange(4))},
        ]
    return dice.choice(kinds)()


def injected(parameters: dict[str, Any]) -> str:
    """The source of the cell that papermill adds, as the runner lets it be added."""
    from papermill.parameterize import parameterize_notebook

    names = "\n".join(f"{name}: Any = 0" for name in parameters)
    notebook = new_notebook(
        cells=[new_code_cell(f"from typing import Any\n{names}", metadata={"tags": ["parameters"]})]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
    checked = validate(schema(notebook), parameters)
    # The store keeps them as strict JSON, and the runner reads them from a line of it.
    line = json.dumps(json.loads(json.dumps(checked, allow_nan=False)))
    made = parameterize_notebook(
        nbformat.from_dict({**notebook, "metadata": {**notebook.metadata, "papermill": {}}}),
        json.loads(line),
        kernel_name="python3",
        language="python",
        engine_name="mlplat",
    )
    (cell,) = [one for one in made.cells if "injected-parameters" in one.metadata.get("tags", [])]
    return str(cell.source)


def test_two_thousand_values_come_out_as_they_went_in_and_none_runs() -> None:
    seed = int(os.environ.get("MLPLAT_SEED", "20261121"))
    print(f"MLPLAT_SEED={seed}")  # noqa: T201 - a failure is repeated with it
    dice = random.Random(seed)
    for _ in range(CASES):
        given = {f"x{number}": value(dice) for number in range(dice.randint(1, 3))}
        source = injected(given)
        # Plain assignments of literals, one for each name: literal_eval takes nothing that could run.
        tree = ast.parse(source)
        assert [ast.unparse(one.targets[0]) for one in tree.body if isinstance(one, ast.Assign)] == list(given)
        assert len(tree.body) == len(given)
        for one in tree.body:
            assert isinstance(one, ast.Assign)
            ast.literal_eval(one.value)
        found: dict[str, Any] = {"__builtins__": {}}  # a call of anything ends the test
        exec(compile(source, "cell", "exec"), found)
        for name, expected in given.items():
            assert same(found[name], expected), (name, expected, found[name])


@pytest.mark.parametrize("wrong", REFUSED, ids=lambda one: repr(one)[:20])
def test_what_is_no_json_never_comes_so_far(wrong: object) -> None:
    for nested in (wrong, [wrong], {"a": [wrong]}):
        with pytest.raises(Invalid) as refused:
            injected({"x": nested})
        assert list(refused.value.fields) == ["parameters.x"]


def test_a_name_that_is_no_name_is_refused() -> None:
    dice = random.Random(20261121)
    names = {
        "", " ", "x y", "x;boom()", "x=1;boom()", "x\nboom()", "x\rboom()", "x#", "x.y", "x[0]", "x,y", "*x", "(x)",
        "x:=1", "1x",
        "x\x00", "x\u2028boom()", "\uff58", "x ", " x", "x\t", "\\x", "'x'", '"x"', "{x}", "%x", "!x", "$x", "x-y",
        "\ud800",
        *keyword.kwlist, *PAYLOADS,
        *(f"{text(dice)}x{text(dice)}=" for _ in range(500)),
    }  # fmt: skip
    document = schema(
        {"nbformat": 4, "metadata": {}, "cells": [new_code_cell("x = 1", metadata={"tags": ["parameters"]})]}
    )
    for name in names:
        with pytest.raises(Invalid):
            validate(document, {name: 1})


def test_a_kernel_gets_them_as_they_are(tmp_path: Path, run: Run) -> None:
    dice = random.Random(20261121)
    given = {
        "strings": PAYLOADS, "numbers": NUMBERS, "long": "'\"\\\n" * 50_000, "nested": {"'": [{'"': [None, [True,
        {"\\": -0.0}]]}]},
        "mixed": [value(dice) for _ in range(100)],
    }  # fmt: skip
    cell = (
        "import json\nwith open('found.json', 'w') as file:\n"
        "    json.dump([strings, numbers, long, nested, mixed], file, allow_nan=False)"
    )
    names = "\n".join(f"{name} = None" for name in given)
    notebook = notebook_at(tmp_path / "nb.ipynb", cell, parameters=names)
    attempted = run(notebook, parameters=given)
    assert attempted.wait()["state"] == "succeeded"
    assert same(json.loads((tmp_path / "found.json").read_text()), list(given.values()))
    executed = nbformat.read(attempted.folder / OUTPUT, as_version=4)
    assert [one.metadata.get("tags") for one in executed.cells[:2]] == [["parameters"], ["injected-parameters"]]


def same(one: Any, other: Any) -> bool:
    """Equal and of the same types all the way down; -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)
