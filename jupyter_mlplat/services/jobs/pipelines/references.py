"""What a parameter of a node says: a value, or where the value comes from.

`{"from": "prepare.results.path"}` is a reference, `{"value": X}` is X, and so is anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import Invalid

OWN = "parameters"
"""Where a pipeline's own parameters are found; no node may have this name."""

KEYED = frozenset({"results", "metrics", "parameters"})
ALONE = frozenset({"run_id", "output", "job_id"})
HINT = "one of parameters.KEY, NODE.results.KEY, NODE.metrics.KEY, NODE.parameters.KEY, NODE.run_id, NODE.output, " + (
    "NODE.job_id; a mapping that only looks like a reference is written as {value: …}"
)


@dataclass(frozen=True)
class Given:
    """A value that is known from the start."""

    value: Any


@dataclass(frozen=True)
class Reference:
    """Something that a node leaves; without a `node`, a parameter of the pipeline."""

    node: str
    kind: str
    key: str

    def __str__(self) -> str:
        return ".".join(filter(None, (self.node, self.kind, self.key)))


def read(parameter: str, value: Any) -> Given | Reference:
    """What the value of a parameter means. Raises `Invalid` for a reference that cannot be read."""
    if isinstance(value, Mapping) and set(value) == {"value"}:
        return Given(value["value"])
    if not isinstance(value, Mapping) or set(value) != {"from"}:
        return Given(value)
    text = value["from"]
    node, _, rest = text.partition(".") if isinstance(text, str) else ("", "", "")
    if node == OWN and rest:
        return Reference("", OWN, rest)
    kind, dot, key = rest.partition(".")
    if node and ((kind in KEYED and key) or (kind in ALONE and not dot)):
        return Reference(node, kind, key)
    raise Invalid(
        f"parameter {parameter} has a reference that cannot be read: {str(text)[:100]!r}",
        hint=HINT,
        fields={f"parameters.{parameter}": "is no reference"},
    )


def split(parameters: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Reference]]:
    """The values that are known from the start, and what nodes must leave first.

    `own` are the pipeline's parameters. Raises `Invalid` for a reference that cannot be read, or that is to a
    parameter that the pipeline does not have.
    """
    known: dict[str, Any] = {}
    later: dict[str, Reference] = {}
    for parameter, value in parameters.items():
        match read(parameter, value):
            case Given(given):
                known[parameter] = given
            case Reference(node="", key=key):
                if key not in own:
                    raise Invalid(
                        f"parameter {parameter} refers to parameters.{key}, which the pipeline does not have",
                        hint=f"its parameters are {', '.join(own)}" if own else f"give it: -p {key}=VALUE",
                        fields={f"parameters.{parameter}": "refers to an unknown parameter"},
                    )
                known[parameter] = own[key]
            case reference:
                later[parameter] = reference
    return known, later
