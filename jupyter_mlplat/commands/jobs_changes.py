"""jobs changes: what is different from the last success, how it looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .blocks import Block, Facts, Seconds, Table, Text, Value

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ..models import Difference, JobChanges

MOST = 30
"""Rows of a table; the rest is counted."""


def show_changes(changes: JobChanges) -> list[Block]:
    if changes.against is None:
        return [Text("\n".join(changes.notes))]
    blocks: list[Block] = [Facts([("job", changes.job_id), ("last success", f"job {changes.against}")])]
    for heading, found in (
        ("parameter", changes.parameters),
        ("environment", changes.environment),
        ("data set", changes.data),
        ("metric", changes.metrics),
    ):
        if found:
            blocks.append(differences_table(heading, found))
    slower = sorted(changes.timings, key=lambda one: -abs((one.after or 0.0) - (one.before or 0.0)))[:MOST]
    if slower:
        rows: list[list[Value]] = [[one.index, Seconds(one.before or 0.0), Seconds(one.after or 0.0)] for one in slower]
        blocks.append(Table(["cell", "then", "now"], rows))
    blocks.append(Text(changes.code.rstrip("\n") if changes.code else "The code cells are the same."))
    if changes.notes:
        blocks.append(Text("\n".join(f"not compared: {note}" for note in changes.notes)))
    return blocks


def differences_table(heading: str, found: list[Difference]) -> Table:
    """Names with what they were and are."""
    rows: list[list[Value]] = [[one.name, _written(one.before), _written(one.after)] for one in found[:MOST]]
    more = f"and {len(found) - MOST} more: --json" if len(found) > MOST else None
    return Table([heading, "then", "now"], rows, more=more)


def _written(value: JsonValue) -> Value:
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value)
