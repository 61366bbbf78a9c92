"""A study as pictures need it: every trial with what it reported on its way, and which parameters matter."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping

from ....models import StudyTrial, SweepStudy
from .storage import Studies, answered

if TYPE_CHECKING:
    import optuna

KEPT = 4
FEWEST = 5
"""Importance says nothing of fewer trials."""


class StudyViews:
    """Reads studies, which engines go on writing; what was read once is not read again."""

    def __init__(self, studies: Studies) -> None:
        self._lock = threading.Lock()
        self._storages = studies
        self._studies: dict[int, optuna.Study] = {}

    def get(self, sweep: RowMapping, jobs: Mapping[int, str], front: list[int]) -> SweepStudy:
        """`jobs` are the newest ones of the trials by number. Importing Optuna takes a second, the first time.

        Raises `Unavailable` where the study is in a database that does not answer.
        """
        with self._lock, answered():
            study = self._open(sweep)
            trials = study.get_trials(deepcopy=False) if study is not None else []
            importance = _importance(study, trials) if study is not None else None
        return SweepStudy(trials=[_trial(one, jobs) for one in trials], importance=importance, front=front)

    def _open(self, sweep: RowMapping) -> optuna.Study | None:
        study = self._studies.pop(sweep["id"], None)
        if study is None:
            if not self._storages.begun(sweep):
                return None
            import optuna

            storage, name = self._storages.open(sweep)
            try:
                study = optuna.load_study(study_name=name, storage=storage)
            except KeyError:
                return None  # an engine is about to write it
        self._studies[sweep["id"]] = study
        while len(self._studies) > KEPT:
            self._studies.pop(next(iter(self._studies)))
        return study


def _importance(study: optuna.Study, trials: list[optuna.trial.FrozenTrial]) -> dict[str, float] | None:
    """The share of each parameter in reaching the best values, by PED-ANOVA (https://arxiv.org/abs/2304.10255)."""
    from optuna.importance import get_param_importances
    from optuna.trial import TrialState

    if sum(1 for one in trials if one.state is TrialState.COMPLETE) < FEWEST:
        return None
    try:
        shares = get_param_importances(study)
    except ValueError:
        return None  # where all trials are the same
    return {name: share for name, share in shares.items() if math.isfinite(share)} or None


def _trial(one: optuna.trial.FrozenTrial, jobs: Mapping[int, str]) -> StudyTrial:
    return StudyTrial(
        number=one.number,
        job_id=jobs.get(one.number),
        state=one.state.name.lower(),
        values=[_finite(value) for value in one.values or ()],
        params={name: _plain(one, name, value) for name, value in one.params.items()},
        intermediate=[[step, _finite(value)] for step, value in sorted(one.intermediate_values.items())],
        duration_s=one.duration.total_seconds() if one.duration is not None else None,
    )


def _plain(one: optuna.trial.FrozenTrial, name: str, value: Any) -> Any:
    """Choices travel as text."""
    from optuna.distributions import CategoricalDistribution

    return json.loads(value) if isinstance(one.distributions[name], CategoricalDistribution) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
