"""One fit as it is logged: into the run that the notebook has opened, else as a run of its own below the job's."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import autolog
from ..attempts import GIVEN_TAG
from ..spool import records

if TYPE_CHECKING:
    from ..spool.mlflow_hook import Buffer

MOST_FITS = 1000
"""A notebook that fits more often than this tries something out, or trains in a loop of its own."""
LONGEST_NAME = 250
LONGEST_TEXT = 6000
"""MLflow's bounds on a parameter."""

_NO_KEY = re.compile(r"[^/\w.\- :]", re.ASCII)

logger = logging.getLogger("jupyter_mlplat.autolog")

Point = tuple[str, float, int, int]
"""Key, value, milliseconds since the epoch, step."""


class _Here(threading.local):
    depth: int = 0
    """Fits in which this thread is."""


_here = _Here()


@dataclass
class Fit:
    """A fit that is going on: what is known of it, and where that goes."""

    name: str
    flavor: str
    run: Any
    """MLflow's active run when it began, or None."""
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    began: int = field(default_factory=lambda: now())

    def all_points(self, end: int) -> list[Point]:
        """The curves, and what was found at the end."""
        found = [*self.points, *((key, value, end, 0) for key, value in self.metrics.items())]
        return [(key_of(key), value, when, step) for key, value, when, step in found]

    def keep(self, status: str) -> None:
        """Log it; it has ended now. What cannot be logged is not, whatever the reason."""
        with harmless():
            if self.run is not None:
                _into(self.run, self)
            elif autolog.job is not None:
                _below(autolog.job, self, status)


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _ours() -> autolog.Job | None:
    """The job of this process; None in those that it forks."""
    job = autolog.job
    return job if job is not None and job.pid == os.getpid() else None


def logged(flavor: str) -> bool:
    """True where what happens now is for us to log: in a job's own process, in no fit that is logged as a whole."""
    return _ours() is not None and not _here.depth and not mlflow_does(flavor)


def start(flavor: str, name: str) -> Fit | None:
    """A fit that begins now; None where it is not logged by us."""
    job = _ours()
    if job is None or not logged(flavor) or job.fits >= MOST_FITS:
        return None
    job.fits += 1
    if job.fits == MOST_FITS:
        logger.warning("no further fit is logged by itself: there were %s", MOST_FITS)
    return Fit(name, flavor, active_run())


def mlflow_does(flavor: str) -> bool:
    """True where the notebook has told MLflow's own autologging what it wants, be it nothing."""
    utils: Any = sys.modules.get("mlflow.utils.autologging_utils")
    told: Mapping[str, Any] = getattr(utils, "AUTOLOGGING_INTEGRATIONS", None) or {}
    return bool(told.get("mlflow") or told.get(flavor))


def active_run() -> Any:
    """MLflow's active run of this thread; None where there is none, or nobody has imported MLflow."""
    mlflow: Any = sys.modules.get("mlflow")
    return mlflow.active_run() if hasattr(mlflow, "active_run") else None


def run_here() -> str:
    """The run that points go to: the active one, else the job's own; "" in no job."""
    run, job = active_run(), _ours()
    return str(run.info.run_id) if run is not None else "" if job is None else job.run


@contextmanager
def inside() -> Iterator[None]:
    """What is fitted in here belongs to a fit that is logged as a whole."""
    _here.depth += 1
    try:
        yield
    finally:
        _here.depth -= 1


@contextmanager
def harmless() -> Iterator[None]:
    """Whatever goes wrong with logging is no matter of the notebook's."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a library that is made otherwise than those we know
        logger.debug("not logged: %s: %s", type(error).__name__, error)


def replace(module: ModuleType, name: str, make: Callable[[Any], Any], *packages: str) -> None:
    """Put what `make` makes of a module's function in its place, also where packages have taken it from there."""
    own = getattr(module, name)
    if hasattr(own, "mlplat"):
        return
    made: Any = functools.wraps(own)(make(own))
    made.mlplat = True
    for place in (module, *map(sys.modules.get, packages)):
        if getattr(place, name, None) is own:
            setattr(place, name, made)


# --- where it goes ----------------------------------------------------------------------------------


def _below(job: autolog.Job, fit: Fit, status: str) -> None:
    from ..spool.spool import spool_of

    end = now()
    made = {
        "parent": job.run,
        "name": fit.name,
        "start": fit.began,
        "end": end,
        "status": status,
        "tags": {**fit.tags, "mlflow.autologging": fit.flavor},
        "params": texts(fit.params),
        "metrics": fit.all_points(end),
    }
    spool_of(job.folder, job.uri).append(records.run_line(uuid.uuid4().hex, made))


def _into(run: Any, fit: Fit) -> None:
    """As MLflow's autologging does; a parameter that the run or its job has already keeps its value."""
    job, buffer = _ours(), _buffer()
    if job is None or buffer is None:
        return
    given = json.loads(run.data.tags.get(GIVEN_TAG, "{}")) if run.info.run_id == job.run else {}
    params = {key: value for key, value in texts(fit.params).items() if key not in given}
    buffer.offer(run.info.run_id, params, fit.tags, fit.all_points(now()))


def _buffer() -> Buffer | None:
    """What stands before the MLflow that the notebook logs to; None where that is none that we know."""
    from ..spool.mlflow_hook import SCHEMES, buffer_of

    mlflow: Any = sys.modules["mlflow"]
    uri, job = mlflow.get_tracking_uri(), _ours()
    if job is None or uri.partition(":")[0].partition("+")[0] not in SCHEMES:
        return None
    return buffer_of(uri, job.folder)


def log_point(key: str, value: float, step: int) -> None:
    """One point of a curve, into the run that is active, else into the job's own."""
    from ..spool.spool import spool_of

    job, run = _ours(), active_run()
    if run is not None and job is not None:
        _offer(run, {}, [(key_of(key), value, now(), step)])
    elif job is not None:
        line = records.metric_line(records.metric_prefix(job.run, key_of(key)), value, now(), step)
        spool_of(job.folder, job.uri).append(line)


def log_params(params: Mapping[str, Any]) -> None:
    """Parameters whose names are ours alone, into the run that is active, else into the job's own."""
    from ..spool.spool import spool_of

    job, run, made = _ours(), active_run(), texts(params)
    if run is not None and job is not None:
        _offer(run, made, [])
    elif job is not None:
        lines = [records.text_line(records.PARAM, job.run, key, value) for key, value in made.items()]
        spool_of(job.folder, job.uri).append(b"".join(lines))


def _offer(run: Any, params: Mapping[str, str], points: Sequence[Point]) -> None:
    buffer = _buffer()
    if buffer is not None:
        buffer.offer(run.info.run_id, params, {}, points)


def key_of(name: Any) -> str:
    """A name as MLflow takes it."""
    return _NO_KEY.sub("_", str(name))[:LONGEST_NAME]


def texts(params: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as MLflow takes them."""
    return {key_of(key): text_of(value)[:LONGEST_TEXT] for key, value in params.items()}


def text_of(value: Any) -> str:
    """A parameter's value in short: of an estimator its class, of an array its shape."""
    if value is None or isinstance(value, (str, int, float)):
        return str(value)
    if hasattr(value, "get_params"):
        return f"{type(value).__name__}()"
    if hasattr(value, "shape") and getattr(value, "shape", ()) != ():
        return f"{type(value).__name__} {tuple(value.shape)}"
    if isinstance(value, (list, tuple)) and len(value) <= 100:
        inner = ", ".join(map(text_of, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, dict) and len(value) <= 100:
        return "{" + ", ".join(f"{text_of(key)}: {text_of(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple, dict, set, frozenset)) and len(value) > 100:
        return f"{type(value).__name__} of {len(value)}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return str(value)
