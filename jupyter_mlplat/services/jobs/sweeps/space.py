"""The points of a sweep: a grid, a random sample, or what Optuna asks for."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Any

from ....errors import Invalid
from ....models import Span

MOST_POINTS = 1000

Space = Mapping[str, Span | Sequence[Any]]


def check_space(space: Space, schema: Mapping[str, Any], *, grid: bool, fixed: Collection[str] = ()) -> None:
    """Raise `Invalid` for a parameter that the notebook has not, no values, or a range where none can be.

    `fixed` are the parameters that have one value for all points: none of them is in the space.
    """
    known = schema.get("properties", {})
    for name, values in space.items():
        field = f"space.{name}"
        if name not in known:
            raise Invalid(
                f"the notebook has no parameter {name}",
                hint=f"one of {', '.join(known) or 'none: it has no parameters cell'}",
                fields={field: "unknown"},
            )
        if name in fixed:
            raise Invalid(
                f"{name} has a fixed value and is in the space, too", hint="leave one out", fields={field: "fixed, too"}
            )
        if isinstance(values, Span):
            if grid:
                raise Invalid(
                    f"a grid cannot have a range for {name}",
                    hint="list its values, or use random or optuna",
                    fields={field: "a range"},
                )
            if known[name].get("type") not in ("integer", "number"):
                raise Invalid(f"{name} is no number", hint="list its values", fields={field: "a range"})
            if known[name].get("type") == "integer" and math.ceil(values.low) > math.floor(values.high):
                raise Invalid(
                    f"{name} is a whole number, and there is none from {values.low:g} to {values.high:g}",
                    hint="widen the range",
                    fields={field: "no whole number in it"},
                )
        elif not values:
            raise Invalid(f"{name} has no values", hint="give at least one", fields={field: "empty"})


def default_space(schema: Mapping[str, Any], *, fixed: Collection[str] = ()) -> dict[str, Span | list[Any]]:
    """Every parameter that the notebook itself gives choices, or a lower and an upper limit.

    Limits from above 0 on that are a factor of 1000 or more apart are orders of magnitude.
    """
    space: dict[str, Span | list[Any]] = {}
    for name, one in schema.get("properties", {}).items():
        low, high = one.get("minimum"), one.get("maximum")
        if name in fixed:
            continue
        if one.get("enum"):
            space[name] = list(one["enum"])
        elif one.get("type") in ("integer", "number") and low is not None and high is not None and low < high:
            space[name] = Span(low=low, high=high, log=low > 0 and high / low >= 1000)
    return space


def grid_points(space: Space) -> list[dict[str, Any]]:
    """Every combination, the last parameter varying fastest. Raises `Invalid` over 1000 points."""
    values = [list(one) for one in space.values() if not isinstance(one, Span)]
    count = math.prod(map(len, values))
    if count > MOST_POINTS:
        raise Invalid(
            f"the grid has {count} points, more than {MOST_POINTS}",
            hint="list fewer values, or try a random sample of it",
            fields={"space": f"{count} points"},
        )
    return [dict(zip(space, point, strict=True)) for point in product(*values)]


def random_points(space: Space, trials: int, seed: int, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`trials` different points drawn evenly; fewer where the space has no more."""
    dice = random.Random(seed)
    known = schema.get("properties", {})
    if not any(isinstance(one, Span) for one in space.values()):
        sizes = [len(one) for one in space.values() if not isinstance(one, Span)]
        chosen = dice.sample(range(math.prod(sizes)), min(trials, math.prod(sizes)))
        return [_point_number(space, number) for number in chosen]
    points: dict[str, dict[str, Any]] = {}
    for _ in range(trials * 20):
        point = {name: _draw(dice, values, known.get(name, {})) for name, values in space.items()}
        points.setdefault(json.dumps(point), point)
        if len(points) == trials:
            break
    return list(points.values())


def _point_number(space: Space, number: int) -> dict[str, Any]:
    point = {}
    for name, values in reversed(list(space.items())):
        assert not isinstance(values, Span)
        number, place = divmod(number, len(values))
        point[name] = values[place]
    return {name: point[name] for name in space}


def _draw(dice: random.Random, values: Span | Sequence[Any], schema: Mapping[str, Any]) -> Any:
    if not isinstance(values, Span):
        return dice.choice(values)
    whole = schema.get("type") == "integer"
    if values.log:
        drawn = math.exp(dice.uniform(math.log(values.low), math.log(values.high)))
        drawn = min(max(drawn, values.low), values.high)
        return min(max(round(drawn), math.ceil(values.low)), math.floor(values.high)) if whole else drawn
    return (
        dice.randint(math.ceil(values.low), math.floor(values.high)) if whole else dice.uniform(values.low, values.high)
    )
