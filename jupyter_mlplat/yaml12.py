"""YAML with the words of its version 1.2: `on` is text, `1e-3` a number, a date the text that it is.

PyYAML reads 1.1, where `on:` is the key True. A key that stands twice is refused, and aliases cannot blow a file up.
"""

from __future__ import annotations

import re
from typing import Any

import yaml  # type: ignore[import-untyped]

from .errors import Invalid

MOST_VALUES = 100_000

# The core schema, https://yaml.org/spec/1.2.2/#103-core-schema, and the merge key.
WORDS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", "~nN"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": (r"<<", "<"),
}
PREFIX = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def compose_mapping_node(self, anchor: str | None) -> Any:
        # Here and not where the mapping is made: a merged key may be there again.
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{PREFIX}merge":
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node

    def construct_whole_number(self, node: Any) -> int:
        text = str(self.construct_scalar(node))
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


for _kind, (_pattern, _first) in WORDS.items():
    _Loader.add_implicit_resolver(
        PREFIX + _kind, re.compile(rf"(?:{_pattern})\Z"), [*_first, *([""] if _kind == "null" else [])]
    )
_Loader.add_constructor(f"{PREFIX}int", _Loader.construct_whole_number)


def load(text: str, what: str) -> Any:
    """The value of a YAML document. Raises `Invalid`, with the line, for what is none; `what` is how it is called."""
    try:
        value = yaml.load(text, Loader=_Loader)  # a SafeLoader
        _check(value)
        return value
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if isinstance(error, RecursionError):
            problem = "it is nested too deeply"
        raise Invalid(f"{what}{where}: {problem}", hint="mend it there", fields={"file": str(problem)}) from None


def _check(value: Any) -> None:
    """Raise `ValueError` for a key that is no text, and where aliases make more of it than a file should say."""
    left = [value]
    for _ in range(MOST_VALUES):
        if not left:
            return
        one = left.pop()
        if isinstance(one, dict):
            wrong = next((key for key in one if not isinstance(key, str)), None)
            if wrong is not None or None in one:
                raise ValueError(f"the key {wrong} is no text; write it in quotes")
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    raise ValueError(f"it has more than {MOST_VALUES} values")
