"""What papermill makes of a value is that value, and never code."""

from __future__ import annotations

import ast
import math
from typing import Any

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from jupyter_mlplat.services.jobs.parameters import schema, validate

NOTEBOOK = {
    "nbformat": 4,
    "metadata": {},
    "cells": [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "from typing import Any\nx: Any = 0"}
    ],
}
TEXT = st.text(max_size=60) | st.sampled_from(
    ['"', "'", "\\", '\\"', '"""', "\n", "\r", "\x00", "\u2028", "{x}", '"; import os; "', "\\N{DASH}", "'''"]
)
NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


@seed(20261121)
@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_a_value_comes_out_of_the_injected_cell_as_it_went_in(value: Any) -> None:
    from papermill.translators import PythonTranslator

    checked = validate(schema(NOTEBOOK), {"x": value})
    source = PythonTranslator.codify(checked)
    tree = ast.parse(source)
    # One assignment of a literal to the name: literal_eval takes nothing that could run.
    (statement,) = tree.body
    assert isinstance(statement, ast.Assign)
    assert ast.unparse(statement.targets[0]) == "x"
    assert same(ast.literal_eval(statement.value), value)


def same(one: Any, other: Any) -> bool:
    """Equal and of the same types all the way down; -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)
