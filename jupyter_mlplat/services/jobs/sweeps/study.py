"""A sweep whose points Optuna chooses; the study lives in the sweep's folder, so any engine can go on with it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....models import Span
from .space import Space

if TYPE_CHECKING:
    import optuna

JOURNAL = "study.jsonl"


class Study:
    """Optuna's study of one sweep. Importing Optuna takes a second: only the engine makes one."""

    def __init__(self, folder: Path, *, direction: str, seed: int) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._states = optuna.trial.TrialState
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
            study_name="sweep",
            direction=direction,
            sampler=optuna.samplers.TPESampler(seed=seed),
            load_if_exists=True,
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

    def tell(self, number: int, value: float | None) -> None:
        """The result of a trial; None where it has none."""
        if value is None:
            self._study.tell(number, state=self._states.FAIL)
        else:
            self._study.tell(number, value)

    def forget(self, known: Collection[int]) -> None:
        """Fail the trials that never became a job: the engine that asked for them died."""
        for number in self.open_trials() - set(known):
            self.tell(number, None)


def _suggest(trial: optuna.Trial, name: str, values: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(values, Span):
        if schema.get("type") == "integer":
            return trial.suggest_int(name, round(values.low), round(values.high), log=values.log)
        return trial.suggest_float(name, values.low, values.high, log=values.log)
    # Optuna keeps choices of plain kinds only; lists and mappings travel as text.
    return json.loads(trial.suggest_categorical(name, [json.dumps(value) for value in values]))
