"""A sweep whose points Optuna chooses; the study outlives the engine, so that any other one goes on with it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping

from ....models import Span
from .plan import Plan
from .space import Space
from .storage import Studies

if TYPE_CHECKING:
    import optuna


class Study:
    """Optuna's study of one sweep. Importing Optuna takes a second: only the engine makes one."""

    def __init__(self, studies: Studies, sweep: RowMapping) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._states = optuna.trial.TrialState
        self._plan = plan = Plan.of(sweep)
        storage, name = studies.open(sweep)
        pruner = _pruner(plan)
        self._study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=[one.direction for one in plan.objectives],
            sampler=_sampler(plan),
            pruner=pruner,
            load_if_exists=True,
        )
        # The same study for what happens to a trial once it has its point: no sampler is asked for anything.
        self._running = optuna.load_study(
            storage=storage, study_name=name, sampler=optuna.samplers.RandomSampler(), pruner=pruner
        )

    def ask(self, space: Space, schema: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The number of the next trial and its point."""
        trial = self._study.ask()
        known = schema.get("properties", {})
        return trial.number, {
            name: _suggest(trial, name, values, known.get(name, {})) for name, values in space.items()
        }

    def open_trials(self) -> set[int]:
        """Numbers of trials that have no result yet."""
        return {one.number for one in self._study.get_trials(deepcopy=False, states=(self._states.RUNNING,))}

    def report(self, number: int, reports: Sequence[tuple[int, float]]) -> bool:
        """Keep the values that a trial reached at some steps; True where the pruner finds it hopeless.

        An attempt that runs again says again what the one before it had said: that is known, and the trial is judged
        where it comes further.
        """
        frozen = self._frozen(number)
        if frozen is None or frozen.state is not self._states.RUNNING or not reports:
            return False
        trial = self._trial(frozen)
        for step, value in dict(reports).items():
            if step not in frozen.intermediate_values:
                trial.report(value, step)
        if reports[-1][0] < max(frozen.intermediate_values, default=0):
            return False
        return bool(trial.should_prune())  # some pruners say it in numpy

    def tell(self, number: int, metrics: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """The result of a trial: its metrics, None where it failed. A pruned one has what it reported."""
        values = self._plan.values(metrics or {})
        frozen = self._frozen(number)
        if metrics is not None and frozen is not None:
            for one in self._plan.constraints:
                self._trial(frozen).set_constraint(str(one), one.violation(metrics))
        if pruned:
            self._study.tell(number, state=self._states.PRUNED)
        elif metrics is None or None in values:
            self._study.tell(number, state=self._states.FAIL)
        else:
            self._study.tell(number, [float(value) for value in values if value is not None])

    def forget(self, known: Collection[int]) -> None:
        """Fail the trials that never became a job: the engine that asked for them died."""
        for number in self.open_trials() - set(known):
            self.tell(number, None)

    def _frozen(self, number: int) -> optuna.trial.FrozenTrial | None:
        trials = self._running.get_trials(deepcopy=False)
        return trials[number] if number < len(trials) else None

    def _trial(self, frozen: optuna.trial.FrozenTrial) -> optuna.Trial:
        import optuna

        return optuna.Trial(self._running, frozen._trial_id)


def _suggest(trial: optuna.Trial, name: str, values: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(values, Span):
        if schema.get("type") == "integer":
            return trial.suggest_int(name, round(values.low), round(values.high), log=values.log)
        return trial.suggest_float(name, values.low, values.high, log=values.log)
    # Optuna keeps choices of plain kinds only; lists and mappings travel as text.
    return json.loads(trial.suggest_categorical(name, [json.dumps(value) for value in values]))


def _pruner(plan: Plan) -> optuna.pruners.BasePruner:
    from optuna import pruners

    if not plan.prunes:
        return pruners.NopPruner()
    return {
        "median": pruners.MedianPruner,
        "halving": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }[plan.pruner]()


def _sampler(plan: Plan) -> optuna.samplers.BaseSampler:
    from optuna import samplers

    made: dict[str, Any] = {
        "tpe": samplers.TPESampler,
        "random": samplers.RandomSampler,
        "gp": samplers.GPSampler,
        "cmaes": samplers.CmaEsSampler,
        "nsgaii": samplers.NSGAIISampler,
        "qmc": samplers.QMCSampler,
    }
    options = {"scramble": True} if plan.sampler == "qmc" else {}  # else its seed means nothing
    sampler: optuna.samplers.BaseSampler = made[plan.sampler](seed=plan.seed, **options)
    return sampler
