"""The graph of a pipeline: in which order its nodes may run, and whose turn it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ....errors import Invalid
from ....models import JobState, RunIf

BAD = (JobState.FAILED.value, JobState.LOST.value)


def ordered(needs: Mapping[str, Collection[str]]) -> list[str]:
    """The names so that each comes after all that it needs, else as they are written.

    Raises `Invalid` where some wait for each other.
    """
    left = dict(needs)
    order: list[str] = []
    while left:
        free = next((name for name, before in left.items() if not any(one in left for one in before)), None)
        if free is None:
            raise _no_order(left)
        order.append(free)
        del left[free]
    return order


def _no_order(left: Mapping[str, Collection[str]]) -> Invalid:
    walk = [next(iter(left))]
    while True:
        following = next(one for one in left[walk[-1]] if one in left)
        if following in walk:
            break
        walk.append(following)
    circle = walk[walk.index(following) :]
    begin = circle.index(min(circle, key=list(left).index))
    circle = [*circle[begin:], *circle[:begin]]
    told = ", ".join(f"{one} needs {other}" for one, other in zip(circle, [*circle[1:], circle[0]], strict=True))
    return Invalid(
        f"the nodes wait for each other: {told}",
        hint="take away one of these needs, or a reference that stands for it",
        fields={f"nodes.{circle[0]}.needs": "part of a cycle"},
    )


def why_skipped(
    node: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]], states: Mapping[str, str]
) -> str | None:
    """Why a node does not run though all that it needs has ended; None where it runs.

    `nodes` are all nodes by name, `states` how those that have ended did. A node that was skipped because of a
    failure counts as that failure for `any_failed`.
    """
    needs = node["needs"]
    match RunIf(node["run_if"]):
        case RunIf.ALL_SUCCEEDED:
            other = next((name for name in needs if states[name] != JobState.SUCCEEDED), None)
            return None if other is None else f"{other} {_told(states[other])}"
        case RunIf.ANY_SUCCEEDED:
            return None if any(states[name] == JobState.SUCCEEDED for name in needs) else "nothing before it succeeded"
        case RunIf.ANY_FAILED:
            return None if any(_went_wrong(name, nodes, states) for name in needs) else "nothing before it failed"
        case RunIf.ALL_ENDED:
            return None


def _went_wrong(name: str, nodes: Mapping[str, Mapping[str, Any]], states: Mapping[str, str]) -> bool:
    if states[name] == JobState.SKIPPED:
        return any(_went_wrong(one, nodes, states) for one in nodes[name]["needs"])
    return states[name] in BAD


def _told(state: str) -> str:
    return f"was {state}" if state in (JobState.SKIPPED, JobState.CANCELLED, JobState.LOST) else state
