"""Fewer points of a curve, so that a chart looks as if it had every one.

Sampling is M4 (Jugel, Jerzak, Hackenbroich, Markl: M4: A Visualization-Oriented Time Series Data Aggregation, PVLDB
7(10), 2014): the points stand in buckets, and each bucket keeps its first, smallest, largest and last one. A line
through what is kept covers the pixels that the line through all of them covers, as long as a bucket is no wider than a
pixel; no peak is lost, however narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ...mlflow_base.tables import LARGEST
from ...models import RunCurve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Steps = NDArray[np.int64]
    Times = NDArray[np.int64]
    Values = NDArray[np.float64]

Point = tuple[int, int, float | None]
"""Step, milliseconds since the epoch, value; None for one that is not finite."""


def sample(points: Iterable[Point], count: int, most: int) -> list[Point]:
    """At most `most` of `count` points, in their order: see the top of this module. They are held bucket by bucket."""
    if count <= most:
        return list(points)
    width = width_of(count, most)
    kept: list[Point] = []
    points = iter(points)
    while bucket := list(islice(points, width)):
        finite = [(value, at) for at, (_, _, value) in enumerate(bucket) if value is not None]
        places = {0, len(bucket) - 1}
        if finite:
            places |= {min(finite, key=itemgetter(0))[1], max(finite, key=itemgetter(0))[1]}
        kept += [bucket[at] for at in sorted(places)]
    return kept


def width_of(count: int, most: int) -> int:
    """How many of `count` points stand in a bucket."""
    return -(-count // (most // 4))


def curve(run: str, key: str, count: int, points: Sequence[Point]) -> RunCurve:
    """`points`, which stand for `count` of them, as they cross a door."""
    steps, times, values = zip(*points, strict=True) if points else ((), (), ())
    return RunCurve(run_id=run, key=key, count=count, step=list(steps), time=list(times), value=list(values))


def curve_of_columns(run: str, key: str, steps: Steps, times: Times, values: Values, most: int) -> RunCurve:
    """The same of all points in any order, sampled as `sample` does, a hundred times as fast.

    A value is as MLflow keeps it (`LARGEST` for an infinite one), and infinite where it is not a number.
    """
    import numpy as np

    count = len(steps)
    if not (steps[1:] > steps[:-1]).all():
        # MLflow keeps 0 for what is not a number.
        order = np.lexsort((np.where(np.isinf(values), 0.0, values), times, steps))
        steps, times, values = steps[order], times[order], values[order]
    finite = np.abs(values) < LARGEST
    if count > most:
        kept = _kept(values, finite, width_of(count, most))
        steps, times, values, finite = steps[kept], times[kept], values[kept], finite[kept]
    shown: list[Any] = values.tolist()
    for at in np.flatnonzero(~finite).tolist():
        shown[at] = None
    return RunCurve(run_id=run, key=key, count=count, step=steps.tolist(), time=times.tolist(), value=shown)


def _kept(values: Values, finite: NDArray[np.bool_], width: int) -> NDArray[np.intp]:
    """The places of what `sample` keeps."""
    import numpy as np

    count = len(values)
    starts = np.arange(0, count, width)
    kept = np.zeros(count, np.bool_)
    kept[starts] = True
    kept[starts[1:] - 1] = True
    kept[-1] = True
    every = bool(finite.all())
    whole = count // width * width
    # Where a bucket has no finite value, its first place is found, which is kept anyway.
    for sign in (1.0, -1.0):
        rising = sign * values if every else np.where(finite, sign * values, np.inf)
        kept[starts[: whole // width] + rising[:whole].reshape(-1, width).argmin(1)] = True
        if whole < count:
            kept[whole + rising[whole:].argmin()] = True
    return np.flatnonzero(kept)
