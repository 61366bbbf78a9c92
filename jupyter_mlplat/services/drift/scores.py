"""How far a column moved, and whether chance could have moved it that far.

A column has drifted when both are true: its score reaches the threshold (it matters), and the difference is
significant (it is there). The first alone raises alarms on small tables, the second on large ones.

Numbers and times: the two-sample Kolmogorov-Smirnov distance, the largest difference between the shares of
values below any point; 0 to 1. It uses ranks only, so that no outlier can hide or fake a shift, and no bins.
A shift by one standard deviation of a normal column is 0.38, by a quarter 0.10. Its p-value is twice the smaller
of two: Kolmogorov's limit distribution with Stephens' correction for finite samples (M. A. Stephens, JRSS B 32
(1970) 115-122; Press et al., Numerical Recipes, 14.3), which sees any change, and the Mann-Whitney test (Ann.
Math. Statist. 18 (1947) 50-60; normal approximation), which sees a shift in far fewer rows. Ties make both larger.

Categories (text, booleans): the Jensen-Shannon distance to base 2 (J. Lin, IEEE Trans. Inf. Theory 37 (1991)
145-151; the root, Endres and Schindelin 2003), over the categories of both tables, so that one which only the
current table has counts; 0 to 1. Categories that are expected fewer than five times in either table are taken
together (W. G. Cochran, Biometrics 10 (1954) 417-451). Its p-value is Pearson's chi-square test on the same
counts, and Fisher's exact test for two categories.

The share of missing values of any column is compared like a column with two categories.

All tests of one check share an error rate of `ALPHA` by Holm's procedure (S. Holm, Scand. J. Statist. 6 (1979)
65-70): a check of two samples of the same data reports drift at most once in a thousand times, however many
columns it has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing

    Array = numpy.typing.NDArray[Any]

ALPHA = 0.001
THRESHOLD = 0.1
"""Both scores: a normal column's shift by a quarter of its standard deviation, a category's 12 % up from 50 %,
or 2 % of missing values where there were none."""

_MIN_EXPECTED = 5.0


@dataclass(frozen=True)
class Score:
    """A difference between two samples: how large (0 to 1), and how likely by chance at least as large."""

    method: str
    value: float
    p: float
    rare: int = 0


def kolmogorov_smirnov(reference: Array, current: Array) -> Score:
    """Compare two samples of finite or infinite numbers without NaN, neither empty."""
    import numpy as np

    left, right = np.sort(reference), np.sort(current)
    n, m = len(left), len(right)
    # The distance is reached at a value of `left` or just below one: there, how many of `right` are not above.
    at = np.searchsorted(right, left, side="right")
    same = right[np.maximum(at - 1, 0)] == left
    step = np.arange(n + 1) / n
    above = float(np.max(step[1:] - at / m))
    wins = float(at.sum())
    if same.any():
        at[same] = np.searchsorted(right, left[same], side="left")
    below = float(np.max(at / m - step[:-1]))
    wins = (wins + float(at.sum())) / 2
    distance = max(above, below)
    p = 2 * min(_kolmogorov(distance, n, m), _mann_whitney(wins, n, m))
    return Score("kolmogorov_smirnov", distance, min(1.0, p))


def categories(reference: Array, current: Array) -> Score:
    """Compare the counts of the same categories in two samples, each with at least one value."""
    import numpy as np

    counts = np.stack([reference, current]).astype("float64")
    if counts.shape[1] > 2:
        counts, pooled = _pool(counts)
    else:
        pooled = 0
    return Score("jensen_shannon", _jensen_shannon(counts), _independence(counts), pooled)


def significant(p_values: Sequence[float], alpha: float = ALPHA) -> list[bool]:
    """Holm's procedure: which of these tests are significant when all of them together may err with `alpha`."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > alpha / (len(p_values) - rank):
            break
        found[index] = True
    return found


def _kolmogorov(distance: float, left: int, right: int) -> float:
    from scipy.special import kolmogorov  # type: ignore[import-untyped]

    root = (left * right / (left + right)) ** 0.5
    return float(kolmogorov((root + 0.12 + 0.11 / root) * distance))


def _pool(counts: Array) -> tuple[Array, int]:
    """Take the rare categories together, and with the rarest of the others while they are still too few."""
    import numpy as np

    sizes = counts.sum(axis=1)
    needed = _MIN_EXPECTED * sizes.sum() / sizes.min()
    counts = counts[:, np.argsort(counts.sum(axis=0), kind="stable")]
    totals = counts.sum(axis=0)
    rare = int((totals < needed).sum())
    if rare == 0:
        return counts, 0
    join = rare if totals[:rare].sum() >= needed else min(rare + 1, len(totals))
    together = counts[:, :join].sum(axis=1, keepdims=True)
    return np.concatenate([together, counts[:, join:]], axis=1), rare


def _mann_whitney(wins: float, left: int, right: int) -> float:
    deviation = (left * right * (left + right + 1) / 12) ** 0.5
    return math.erfc(max(abs(wins - left * right / 2) - 0.5, 0.0) / deviation / 2**0.5)


def _jensen_shannon(counts: Array) -> float:
    import numpy as np

    shares = counts / counts.sum(axis=1, keepdims=True)
    middle = shares.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares / middle), 0.0)
    return float(np.sqrt(max(terms.sum() / 2, 0.0)))


def _independence(counts: Array) -> float:
    from scipy.special import chdtrc

    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return 1.0
    if counts.shape[1] == 2:
        return _fisher(counts)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    return float(chdtrc(counts.shape[1] - 1, ((counts - expected) ** 2 / expected).sum()))


def _fisher(counts: Array) -> float:
    """Fisher's exact test of a 2 x 2 table, two-sided: all tables with these sums that are as unlikely."""
    import numpy as np
    from scipy.special import gammaln

    (a, _), (_, _) = counts
    rows, columns, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    possible = np.arange(max(0.0, columns[0] - rows[1]), min(rows[0], columns[0]) + 1)

    def log_choose(n: Any, k: Any) -> Any:
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)

    logs = log_choose(columns[0], possible) + log_choose(columns[1], rows[0] - possible) - log_choose(total, rows[0])
    own = logs[int(a - possible[0])]
    return min(1.0, float(np.exp(logs[logs <= own + 1e-7]).sum()))
