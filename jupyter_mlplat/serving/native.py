"""A shorter way into a scikit-learn model, taken only where its answers are the same to the bit.

MLflow's `pyfunc.predict` builds a data frame and checks every column of it for each request. A model that is
made of scikit-learn's own parts can take the same numbers as one array. Whether it answers the same is tried
when it is loaded, on the model's example and on rows made from it; where anything differs this way is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from .data import Data
from .schema import Signature

log = logging.getLogger("jupyter_mlplat.serving")

PROBE_ROWS = 24
BATCHES = (1, 2, 3, 5, 8, 13, 24)


class Native:
    """Predicts from an array of numbers, a row per line.

    `batchable` is true where rows of several requests may be predicted together: every row's answer was the
    same alone and in company.
    """

    def __init__(self, function: Callable[[Any], Any], batchable: bool) -> None:
        self.predict = function
        self.batchable = batchable


def find_native(pyfunc: Any, signature: Signature, examples: Sequence[Data]) -> Native | None:
    """The short way into `pyfunc`, or None where there is none that gives the same answers."""
    kind = signature.matrix_type
    flavors = pyfunc.metadata.flavors or {}
    if kind is None or "sklearn" not in flavors or flavors["python_function"].get("loader_module") != "mlflow.sklearn":
        return None
    if flavors["python_function"].get("code"):
        return None  # the author's own modules came along
    try:
        estimator = pyfunc.get_raw_model()
    except NotImplementedError:
        return None
    if not made_of_sklearn(estimator):
        return None
    function = getattr(estimator, flavors["python_function"].get("predict_fn") or "predict", None)
    if function is None:
        return None
    matrix = _probe_rows(kind, signature, examples)
    tried = [Data(matrix=matrix), Data(matrix=matrix[:1]), *examples]
    try:
        answers = [pyfunc.predict(data.for_mlflow(signature)) for data in tried]
        for ordered in (_by_row(function), _by_column(function)):
            if all(_same(ordered(data.matrix), answer) for data, answer in zip(tried, answers, strict=True)):
                native = Native(ordered, _answers_alone(ordered, matrix))
                log.info("predictions go straight to scikit-learn%s", ", together" if native.batchable else "")
                return native
    except Exception as error:  # noqa: BLE001 - whatever the model raises means that this way is not open
        log.info("predictions go through MLflow: %s", error)
        return None
    log.info("predictions go through MLflow: the answers differ")
    return None


def _by_row(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return function


def _by_column(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """As a data frame lays its numbers out; matrix products round differently by layout."""
    import numpy as np

    return lambda matrix: function(np.asfortranarray(matrix))


def made_of_sklearn(part: Any) -> bool:
    """True where an estimator and all that it is made of are scikit-learn's own, without a function of the author."""
    from sklearn.base import BaseEstimator
    from sklearn.preprocessing import FunctionTransformer

    if not type(part).__module__.startswith("sklearn.") or isinstance(part, FunctionTransformer):
        return False
    for value in part.get_params(deep=True).values():
        if isinstance(value, BaseEstimator) and (
            not type(value).__module__.startswith("sklearn.") or isinstance(value, FunctionTransformer)
        ):
            return False
        if callable(value) and not isinstance(value, (BaseEstimator, type)):
            return False
    return True


def _probe_rows(kind: Any, signature: Signature, examples: Sequence[Data]) -> Any:
    """Rows to try: the example's, and others around them (seeded)."""
    import numpy as np

    random = np.random.default_rng(20261121)
    width = len(signature.columns) or signature.tensors[0].shape[1]
    given = [data.matrix for data in examples if data.matrix is not None]
    base = np.concatenate(given) if given else np.zeros((1, width), dtype=kind)
    base = np.nan_to_num(base)[:PROBE_ROWS].astype("float64")
    spread = np.maximum(np.abs(base).max(axis=0), 1.0)
    made = base[random.integers(0, len(base), PROBE_ROWS)] + random.normal(size=(PROBE_ROWS, width)) * spread
    rows = np.concatenate([base, made])[:PROBE_ROWS]
    if kind.kind == "i":
        limits = np.iinfo(np.int32)
        return np.clip(np.rint(rows), limits.min, limits.max).astype(kind)
    whole = [index for index, column in enumerate(signature.columns) if column.type in ("long", "integer")]
    rows[:, whole] = np.rint(rows[:, whole])
    return rows.astype(kind)


def _same(one: Any, other: Any) -> bool:
    """True where two predictions are the same type, shape and bits."""
    import numpy as np

    if type(one) is not type(other):
        return False
    if not isinstance(one, np.ndarray) or one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _answers_alone(function: Callable[[Any], Any], matrix: Any) -> bool:
    """True where each row's answer does not depend, not in one bit, on the rows beside it."""
    import numpy as np

    alone = np.concatenate([function(row[np.newaxis, :]) for row in matrix])
    for size in BATCHES:
        parts = [function(matrix[start : start + size]) for start in range(0, len(matrix), size)]
        if not _same(np.concatenate(parts), alone):
            return False
    return bool(len(alone) == len(matrix))
