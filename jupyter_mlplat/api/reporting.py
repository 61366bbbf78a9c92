"""`mlplat.report(…)`: how a trial gets on, and its end where the study of its sweep finds it hopeless."""

from __future__ import annotations

import json
import logging
import operator
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from ..attempts import METRIC_VARIABLE, PRUNED, RESULTS_VARIABLE, STUDY_VARIABLE, write_atomically
from ..errors import Invalid
from .logging import log_metric

ANSWER_S = 2.0
"""The engine answers in milliseconds; a trial waits no longer for one that does not."""
REST_S = 10.0
TAG = "mlplat.pruned"

logger = logging.getLogger(__name__)


class Pruned(BaseException):
    """Ends the cell in which a trial was found hopeless. No `Exception`: code that expects those does not stop it."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: where it happened is of no interest."""
        return [str(self)]


class _Trial:
    """What the engine was not told yet, and since when it does not answer."""

    def __init__(self) -> None:
        self.untold: list[tuple[int, float]] = []
        self.rests_until = 0.0
        self.pruned_at: int | None = None


_trials: dict[str, _Trial] = {}
"""By attempt: a kernel has one, a process that was forked from another one's may have the next."""


def report(value: float, step: int, *, metric: str | None = None) -> None:
    """Log `value` as the metric that the sweep compares, and end the cell here where its trial is hopeless.

    `step` counts from 0 and means the same in every trial: an epoch, or a number of rows. Whether to go on is decided
    by the sweep's pruner before this returns. `metric` is the sweep's, else the one that the notebook marks as its own,
    else `value`; another one is logged and nothing more, and so is everything outside of a sweep by Optuna. Raises
    `Invalid` for a step that is no whole number from 0, and `Pruned`, which ends the notebook.
    """
    number = _checked(step)
    own = os.environ.get(METRIC_VARIABLE)
    name = metric or own or "value"
    log_metric(name, value, number)
    study = os.environ.get(STUDY_VARIABLE)
    if study is None or name != own:
        return
    key = f"{os.environ['MLPLAT_JOB_ID']}-{os.environ['MLPLAT_ATTEMPT']}"
    trial = _trials.setdefault(key, _Trial())
    trial.untold.append((number, float(value)))
    place = json.loads(study)
    if trial.pruned_at is None and _hopeless(place["socket"], key, trial):
        trial.pruned_at = number
        _mark(number, place.get("run"))
    if trial.pruned_at is not None:
        raise Pruned(f"pruned at step {trial.pruned_at}: other trials were better by then")


def _checked(step: int) -> int:
    try:
        number = operator.index(step)
    except TypeError:
        number = -1
    if number < 0:
        raise Invalid(f"{step!r} is no step", hint="a step is a whole number from 0, like an epoch")
    return number


def _hopeless(path: str, key: str, trial: _Trial) -> bool:
    """What the study says; False where nobody answers, and then it is told with the next report."""
    if time.monotonic() < trial.rests_until:
        return False
    try:
        answer = _ask(path, {"attempt": key, "reports": trial.untold})
    except (TimeoutError, ValueError):
        trial.rests_until = time.monotonic() + REST_S
        logger.warning("the engine did not say whether this trial goes on, so it does")
        return False
    except OSError as error:
        logger.debug("nobody says whether this trial goes on, so it does: %s", error)
        return False
    trial.untold.clear()
    return bool(answer.get("prune"))


def _ask(path: str, question: dict[str, object]) -> dict[str, object]:
    place = Path(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_S)
        folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Paths of sockets are short; that of a folder's descriptor always is.
            connection.connect(f"/proc/self/fd/{folder}/{place.name}")
        finally:
            os.close(folder)
        connection.sendall(json.dumps(question).encode() + b"\n")
        with connection.makefile("rb") as answer:
            found = json.loads(answer.readline())
    return found if isinstance(found, dict) else {}


def _mark(step: int, run: str | None) -> None:
    """Say it where the runner looks, and in MLflow; the notebook may stop the exception, but not the end."""
    write_atomically(Path(os.environ[RESULTS_VARIABLE]).with_name(PRUNED), {"step": step})
    sys.stderr.write(f"pruned at step {step}\n")
    if run is not None:
        import mlflow

        with suppress(mlflow.MlflowException):  # the job's own record says it in any case
            mlflow.MlflowClient().set_tag(run, TAG, str(step))
