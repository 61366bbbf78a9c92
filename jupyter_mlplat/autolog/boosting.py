"""`xgboost.train` and `lightgbm.train`: their parameters, and what each round reached."""

from __future__ import annotations

import sys
from typing import Any

from .estimators import curves
from .fits import Fit, harmless, inside, replace, start

ROUNDS = "num_boost_round"


def change_xgboost() -> None:
    """Called while it is imported."""
    replace(sys.modules["xgboost.training"], "train", _train_xgboost, "xgboost", "xgboost.sklearn")


def change_lightgbm() -> None:
    """Called while it is imported."""
    replace(sys.modules["lightgbm.engine"], "train", _train_lightgbm, "lightgbm", "lightgbm.sklearn")


def _begin(flavor: str, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Fit | None:
    note = None
    with harmless():
        note = start(flavor, f"{flavor}.train")
        if note is not None:
            note.params = dict(params)
            note.params[ROUNDS] = args[1] if len(args) > 1 else kwargs.get(ROUNDS)
            note.params = {key: value for key, value in note.params.items() if value is not None}
            early = kwargs.get("early_stopping_rounds")
            if early is not None:
                note.params["early_stopping_rounds"] = early
    return note


def _train_xgboost(own: Any) -> Any:
    def train(params: Any, *args: Any, **kwargs: Any) -> Any:
        note = _begin("xgboost", params, args, kwargs)
        if note is None:
            return own(params, *args, **kwargs)
        found = kwargs.get("evals_result")
        if found is None and kwargs.get("evals"):
            found = kwargs["evals_result"] = {}
        return _run(note, own, (params, *args), kwargs, found)

    return train


def _train_lightgbm(own: Any) -> Any:
    def train(params: Any, *args: Any, **kwargs: Any) -> Any:
        note = _begin("lightgbm", params, args, kwargs)
        if note is None:
            return own(params, *args, **kwargs)
        found: dict[str, Any] = {}
        if kwargs.get("valid_sets"):
            with harmless():
                record: Any = sys.modules["lightgbm.callback"]
                kwargs["callbacks"] = [*(kwargs.get("callbacks") or ()), record.record_evaluation(found)]
        return _run(note, own, (params, *args), kwargs, found)

    return train


def _run(note: Fit, own: Any, args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> Any:
    try:
        with inside():
            model = own(*args, **kwargs)
    except BaseException:
        note.keep("FAILED")
        raise
    with harmless():
        curves(note, found or {})
        best = getattr(model, "best_iteration", None)
        if kwargs.get("early_stopping_rounds") is not None or (best and best > 0):
            note.metrics["best_iteration"] = float(best or 0)
    note.keep("FINISHED")
    return model
