"""Estimators with scikit-learn's interface: scikit-learn's own, XGBoost's, LightGBM's.

Every class that has a `fit` of its own gets one that logs, when it is made; those of a notebook stay as they are,
and so do fits inside of fits (pipelines, searches, cross-validation).
"""

from __future__ import annotations

import functools
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import FunctionType
from typing import Any

from .fits import Fit, harmless, inside, start

LIBRARIES = ("sklearn", "xgboost", "lightgbm")
SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")

LOOKED_AT = 100
"""So many rows tell how long it takes to predict all of them."""
SHARE, AT_LEAST_S = 0.1, 0.2
"""A score of the training data takes at most this part of the fit, or so many seconds."""
MOST_CELLS = 20_000_000
HASHED = 2 << 20
OWN_DATA = ("copy", "copy_X", "copy_x")
"""Parameters that let a fit write into the data that it was given."""


def change_estimators() -> None:
    """Every class that there is or will be gets a `fit` that logs, where it has one of its own."""
    base: Any = sys.modules["sklearn.base"].BaseEstimator
    own = base.__dict__.get("__init_subclass__")

    def made(kind: Any, /, **options: Any) -> None:
        if own is not None:
            own.__func__(kind, **options)
        else:
            super(base, kind).__init_subclass__(**options)
        with harmless():
            _change(kind)

    for kind in [base, *_below(base)]:
        _change(kind)
    base.__init_subclass__ = classmethod(made)


def _below(kind: Any) -> Iterator[Any]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _change(kind: Any) -> None:
    own = kind.__dict__.get("fit")
    if not isinstance(own, FunctionType) or hasattr(own, "mlplat"):
        return
    if kind.__module__.partition(".")[0] in LIBRARIES:
        changed: Any = _logging(own)
        changed.mlplat = True
        kind.fit = changed


def _logging(own: Any) -> Any:
    @functools.wraps(own)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        note = _begin(self)
        if note is None:
            return own(self, *args, **kwargs)
        began = time.perf_counter()
        try:
            with inside():
                result = own(self, *args, **kwargs)
        except BaseException:
            note.keep("FAILED")
            raise
        took = time.perf_counter() - began
        with inside(), harmless():
            _results(note, self, args, kwargs, took)
        note.keep("FINISHED")
        return result

    return fit


def change_parallel() -> None:
    """What scikit-learn has other threads do, or does itself over and over, is part of something larger."""
    wrapper: Any = sys.modules["sklearn.utils.parallel"]._FuncWrapper
    own = wrapper.__call__

    @functools.wraps(own)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with inside():
            return own(self, *args, **kwargs)

    wrapper.__call__ = call


def _library(thing: Any) -> str:
    """That of the nearest class which is not the notebook's."""
    return next((name for kind in type(thing).__mro__ if (name := kind.__module__.partition(".")[0]) in LIBRARIES), "")


def _begin(model: Any) -> Fit | None:
    """None for what only prepares data, and inside of another fit."""
    note = None
    with harmless():
        if hasattr(model, "transform") and not hasattr(model, "predict"):
            return None
        note = start(_library(model), type(model).__name__)
        if note is not None:
            note.params = model.get_params(deep=type(model).__name__ not in SEARCHES)
            note.tags = {
                "estimator_name": type(model).__name__,
                "estimator_class": f"{type(model).__module__}.{type(model).__name__}",
            }
    return note


def _results(note: Fit, model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], took: float) -> None:
    data, target = (args[at] if len(args) > at else kwargs.get(name) for at, name in ((0, "X"), (1, "y")))
    with harmless():
        note.tags["mlplat.data"] = described(data)
    with harmless():
        _of_search(note, model)
    with harmless():
        curves(note, _evaluations(model))
    with harmless():
        score = _score(note, model, data, target, kwargs.get("sample_weight"), took)
        if score is not None:
            note.metrics["training_score"] = score


def _of_search(note: Fit, model: Any) -> None:
    """The best point of a search, and the score of each point by its number."""
    if type(model).__name__ not in SEARCHES:
        return
    if hasattr(model, "best_params_"):
        note.params |= {f"best_{key}": value for key, value in model.best_params_.items()}
        note.metrics["best_cv_score"] = float(model.best_score_)
    scores = model.cv_results_.get("mean_test_score", ())
    note.points += [("mean_test_score", float(score), note.began + at, at) for at, score in enumerate(scores)]


def _evaluations(model: Any) -> Mapping[str, Mapping[str, Any]]:
    """What XGBoost and LightGBM found on the data that they were given to evaluate."""
    found = getattr(model, "evals_result_", None)  # of both, once it is fitted with such data
    return found if isinstance(found, Mapping) else {}


def curves(note: Fit, evaluations: Mapping[str, Mapping[str, Any]]) -> None:
    """Data set -> metric -> its value after each round, as MLflow names them: `validation_0-logloss`."""
    for data, metrics in evaluations.items():
        for metric, values in metrics.items():
            note.points += [(f"{data}-{metric}", float(value), note.began + at, at) for at, value in enumerate(values)]


def _score(note: Fit, model: Any, data: Any, target: Any, weight: Any, took: float) -> float | None:
    """`model.score` of the training data; None where that would take long, say something, or be of other data."""
    known, params = (type(model), *map(type, note.params.values())), note.params
    foreign = any(hasattr(kind, "fit") and kind.__module__.partition(".")[0] not in LIBRARIES for kind in known)
    if target is None or foreign or not hasattr(model, "score") or not hasattr(model, "predict"):
        return None
    verbose = params.get("verbose") or 0
    if not isinstance(verbose, (int, float)) or verbose > 0:  # LightGBM is quiet at -1
        return None
    if any(key.rpartition("__")[2] in OWN_DATA and params[key] is False for key in params):
        return None
    rows = data.shape[0] if hasattr(data, "shape") else len(data)
    if getattr(data, "size", rows) > MOST_CELLS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        model.predict((data.iloc if hasattr(data, "iloc") else data)[:LOOKED_AT])
        per_row = (time.perf_counter() - began) / min(rows, LOOKED_AT)
        if per_row * rows > max(SHARE * took, AT_LEAST_S):
            return None
        return float(model.score(data, target, **({} if weight is None else {"sample_weight": weight})))


def described(data: Any) -> str:
    """Rows, columns, and a digest of the first 2 MiB of them, where they are numbers."""
    size = " x ".join(map(str, data.shape)) if hasattr(data, "shape") else str(len(data))
    if hasattr(data, "iloc"):
        if any(kind.kind not in "biuf" for kind in data.dtypes):
            return size
        names = ",".join(map(str, data.columns))
        data = data.iloc[: max(HASHED // max(8 * data.shape[1], 1), 1)].to_numpy()
    elif type(data).__name__ == "ndarray" and data.dtype.kind in "biuf" and data.size:
        names = ""
        data = data[: max(HASHED * len(data) // data.nbytes, 1)]
    else:
        return size
    digest = sha256(names.encode() + data.tobytes()).hexdigest()[:12]
    return f"{size} {digest}"
