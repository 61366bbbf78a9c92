"""How much each parameter of some runs has to do with a metric.

A random forest learns the metric from the parameters, and a parameter counts for as much as the forest loses when its
values are shuffled over the runs (Breiman: Random Forests, Machine Learning 45, 2001), told by those trees that have
not seen the run. Numbers and the metric go in by their rank, as in Spearman's correlation: one run that diverged, or
values over orders of magnitude, do not decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import Invalid
from ...models import ParameterImportance, Run, RunImportance
from .ids import run_ids

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEWEST = 5
MOST_RUNS = 1000
MOST_PARAMETERS = 100
TREES = 100
SHUFFLES = 5
SEED = 0


class Importance:
    """Weighs parameters. `some` reads several runs."""

    def __init__(self, some: Callable[[Sequence[str]], Sequence[Run]]) -> None:
        self._some = some

    def of(self, runs: Sequence[str], metric: str) -> RunImportance:
        """Of from 2 to 1000 runs; those without a finite value of the metric are left out.

        With fewer than 5 of them, or where nothing varies, it says so and weighs nothing. Raises `Invalid`, `NotFound`.
        """
        if not metric:
            raise Invalid("metric is empty", hint="name a metric that the runs have", fields={"metric": "is empty"})
        return importance(self._some(run_ids(runs, low=2, high=MOST_RUNS)), metric)


def importance(runs: Sequence[Run], metric: str) -> RunImportance:
    """See `Importance.of`. The first call in a process imports scikit-learn, which takes a second."""
    valued = [(run, value) for run in runs if (value := run.metrics.get(metric)) is not None and math.isfinite(value)]
    found = RunImportance(metric=metric, runs=len(valued))
    if len(valued) < FEWEST:
        message = f"{len(valued)} of {len(runs)} runs have {metric}; it takes {FEWEST}"
        return found.model_copy(update={"message": message})
    columns = _columns([run for run, _ in valued])
    if not columns:
        return found.model_copy(update={"message": f"no parameter differs between the {len(valued)} runs"})
    target = _ranks([value for _, value in valued])
    if target.min() == target.max():
        return found.model_copy(update={"message": f"{metric} is the same in all {len(valued)} runs"})
    explained, drops = _drops(list(columns.values()), target)
    whole = sum(drops)
    parameters = [
        ParameterImportance(
            name=name,
            share=drop / whole if whole > 0 else 0.0,
            correlation=_correlation(numbers, target) if numeric else None,
        )
        for (name, (numbers, numeric)), drop in zip(columns.items(), drops, strict=True)
    ]
    parameters.sort(key=lambda one: (-one.share, one.name))
    return found.model_copy(update={"parameters": parameters, "explained": explained})


def _columns(runs: Sequence[Run]) -> dict[str, tuple[Numbers, bool]]:
    """Parameters that differ as numbers, NaN where a run has none, and whether they are numbers of themselves."""
    columns = {}
    for name in sorted({name for run in runs for name in run.parameters}):
        texts = [run.parameters.get(name) for run in runs]
        if len(set(texts)) > 1:
            columns[name] = _column(texts)
    # Those that fewest runs lack; a thousand names of which each run has one say nothing.
    widest = sorted(columns, key=lambda name: sum(math.isnan(value) for value in columns[name][0]))[:MOST_PARAMETERS]
    return {name: columns[name] for name in widest}


def _column(texts: Sequence[str | None]) -> tuple[Numbers, bool]:
    try:
        numbers = [math.nan if text is None else float(text) for text in texts]
    except ValueError:
        import numpy as np

        places = {text: float(place) for place, text in enumerate(sorted({text or "" for text in texts}))}
        return np.array([places[text or ""] for text in texts]), False
    return _ranks(numbers), True


def _ranks(values: Sequence[float]) -> Numbers:
    """From 1 for the least on, the mean of their places for those that are equal; NaN stays."""
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    ranks: Numbers = rankdata(values, nan_policy="omit")
    return ranks


def _correlation(ranks: Numbers, target: Numbers) -> float | None:
    """Spearman's, over the runs that have the parameter; None where nothing varies there."""
    import numpy as np

    known = ~np.isnan(ranks)
    own, theirs = _ranks(ranks[known].tolist()), _ranks(target[known].tolist())
    if len(own) < FEWEST or own.min() == own.max() or theirs.min() == theirs.max():
        return None
    return float(np.corrcoef(own, theirs)[0, 1])


def _drops(columns: Sequence[tuple[Numbers, bool]], target: Numbers) -> tuple[float, list[float]]:
    """The share of the metric's variance that the forest explains, and what is lost of it without each column."""
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    table = np.column_stack([numbers for numbers, _ in columns])
    forest = RandomForestRegressor(n_estimators=TREES, max_features=max(1, len(columns) // 3), random_state=SEED)
    forest.fit(table, target)
    everyone = np.arange(len(target))
    unseen = [np.setdiff1d(everyone, drawn) for drawn in forest.estimators_samples_]

    def score(fitted: Any, shuffled: Numbers, truth: Numbers) -> float:
        sums, votes = np.zeros(len(truth)), np.zeros(len(truth))
        small = shuffled.astype(np.float32)
        for tree, rows in zip(fitted.estimators_, unseen, strict=True):
            sums[rows] += tree.tree_.predict(small[rows]).ravel()
            votes[rows] += 1
        told = votes > 0
        errors = truth[told] - sums[told] / votes[told]
        return float(1 - np.mean(errors**2) / np.var(truth[told]))

    lost = permutation_importance(forest, table, target, scoring=score, n_repeats=SHUFFLES, random_state=SEED)
    return score(forest, table, target), [max(0.0, float(mean)) for mean in lost.importances_mean]
