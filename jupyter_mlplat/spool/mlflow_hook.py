"""Lets plain `mlflow.log_metric` be as quick as ours: in kernels and jobs of the platform, unless somebody says no.

MLflow asks a registry for the store of a tracking URI. Ours stands around MLflow's own there: what is logged goes to
the spool once it is known to be right, everything else goes on to MLflow, and whoever reads a run in this process has
what was logged delivered first. `mlflow.log_metric` itself takes 200 microseconds before it comes to its store (it
looks for Spark), so the two that loops call are replaced as well; for whatever is not plain they are MLflow's.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ..mlflow_base.importing import once
from ..mlflow_base.tables import making, sqlite_path
from ..spool_folder import spool_folder
from . import records
from .delivery import Outage, delivering
from .records import PARAM, TAG
from .spool import Spool, spool_of

VARIABLE = "MLPLAT_LOGGING"
"""`buffered` in the environment of our kernels and jobs; anything else is MLflow as it comes."""
SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https")
READS = re.compile(r"run|metric|tag|param|input|output")
LEAVE = re.compile(r"^_|async|trace|span|assessment|dataset")
MOST_PREFIXES = 50_000

logger = logging.getLogger("jupyter_mlplat.spool")

_buffers: dict[str, Buffer] = {}
"""By tracking URI."""


def install() -> None:
    """Called while MLflow is imported."""
    utils: Any = sys.modules.get("mlflow.tracking._tracking_service.utils")
    try:
        registry = utils._tracking_store_registry
        for scheme in SCHEMES:
            registry.register(scheme, _around(registry.get_store_builder(f"{scheme}://")))
    except Exception as error:  # noqa: BLE001 - an MLflow that is made otherwise: it logs as it always does
        logger.warning("what is logged is not buffered: %s: %s", type(error).__name__, error)
        return
    # Before `import mlflow` has returned: somebody may take `log_metric` from there at once.
    once("mlflow.tracking.fluent", "log_metrics", _replace)


def wanted() -> Path | None:
    """Where this process keeps what plain MLflow logs, None where that is not buffered."""
    return spool_folder() if os.environ.get(VARIABLE) == "buffered" else None


def _around(builder: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(builder)
    def build(store_uri: str, artifact_uri: str | None = None, **options: Any) -> Any:
        with _alone(store_uri):
            store = builder(store_uri=store_uri, artifact_uri=artifact_uri, **options)
        folder = wanted()
        if folder is not None:
            _buffers[store_uri] = Buffer(store, spool_of(folder, store_uri), whole=True)
            _replace()
        return store

    return build


def _alone(uri: str) -> AbstractContextManager[None]:
    """Where that is the platform's own MLflow: what makes its database is alone with it."""
    home, path = os.environ.get("MLPLAT_HOME"), sqlite_path(uri)
    if not home or path is None or path != sqlite_path(os.environ.get("MLFLOW_TRACKING_URI", "")):
        return nullcontext()
    return making(Path(home) / "run", path)


def buffer_of(uri: str, folder: Path) -> Buffer:
    """The one of a resolved tracking URI. Where plain MLflow is not buffered it stays as it is, but reads all of it."""
    found = _buffers.get(uri)
    if found is None:
        from mlflow.tracking._tracking_service.utils import _get_store

        store = _get_store(uri)
        # That may have made it.
        found = _buffers.get(uri) or _buffers.setdefault(uri, Buffer(store, spool_of(folder, uri), whole=False))
    return found


class Buffer:
    """MLflow's store of one tracking URI, with the spool before it: for all that is logged, or for reads alone."""

    def __init__(self, store: Any, spool: Spool, *, whole: bool) -> None:
        self.spool = spool
        self._store = store
        self._prefixes: dict[tuple[str, str], str] = {}
        self._params: dict[str, dict[str, str]] = {}
        """By run; a run is here once it is known to be there."""
        self._own = {name: getattr(store, name) for name in ("log_metric", "log_batch", "log_param", "set_tag")}
        self._get_run = store.get_run
        for name in dir(type(store)):
            if name not in self._own and READS.search(name) and not LEAVE.search(name):
                method = getattr(store, name)
                if callable(method):
                    setattr(store, name, self._flushed(method))
        for name, method in self._own.items():
            setattr(store, name, getattr(self, name) if whole else self._flushed(method))

    def _flushed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            if self.spool.pending and not delivering():
                try:
                    self.spool.flush()
                except Outage as error:
                    # It is kept; what MLflow answers now is for the caller to hear.
                    logger.debug("not delivered yet: %s", error)
            return method(*arguments, **options)

        return call

    # --- what the store's methods become --------------------------------------------------------

    def log_metric(self, run_id: str, metric: Any) -> None:
        plain = not delivering() and metric.model_id is None and metric.dataset_name is None
        if not plain or not self.metric(run_id, metric.key, metric.value, metric.timestamp, metric.step):
            self._straight("log_metric", run_id, metric)

    def log_param(self, run_id: str, param: Any) -> Any:
        if delivering() or not self._keep_texts(run_id, [param], []):
            return self._straight("log_param", run_id, param)
        return param.value

    def set_tag(self, run_id: str, tag: Any) -> None:
        if delivering() or not self._keep_texts(run_id, [], [tag]):
            self._straight("set_tag", run_id, tag)

    def log_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> None:
        if delivering() or not self._keep_batch(run_id, metrics, params, tags):
            self._straight("log_batch", run_id, metrics, params, tags)

    def _straight(self, name: str, run_id: str, *arguments: Any) -> Any:
        """MLflow's own, after what was logged before."""
        if not delivering() and self.spool.pending:
            try:
                self.spool.flush()
            except Outage as error:
                logger.debug("not delivered yet: %s", error)
        self._params.pop(run_id, None)
        return self._own[name](run_id, *arguments)

    # --- keeping --------------------------------------------------------------------------------

    def metric(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> bool:
        """Keep a point; False where it has to go to MLflow itself, which says what is wrong with it."""
        line = self._line(run_id, key, value, timestamp, step)
        return line is not None and self._keep(line)

    def metrics(self, run_id: str, metrics: Mapping[str, float], timestamp: int, step: int) -> bool:
        """Keep points of one moment: all of them, or none, where they have to go to MLflow itself."""
        lines = []
        for key, value in metrics.items():
            line = self._line(run_id, key, value, timestamp, step)
            if line is None:
                return False
            lines.append(line)
        return not lines or self._keep(b"".join(lines))

    def _line(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> bytes | None:
        prefix = self._prefixes.get((run_id, key))
        if prefix is None:
            if not self._valid(run_id, key):
                return None
            prefix = self._prefixes[run_id, key] = records.metric_prefix(run_id, key)
        if not (_is_place(timestamp) and _is_place(step)) or timestamp < 0:
            return None
        if type(value) is not float:
            value = _number(value)
            if value is None:
                return None
        return records.metric_line(prefix, value, timestamp, step)

    def _keep(self, lines: bytes) -> bool:
        try:
            self.spool.append(lines)
            return True
        except OSError as error:
            logger.warning("not kept, so it goes to MLflow itself: %s", error)
            return False

    def params(self, run_id: str, params: Mapping[str, Any]) -> bool:
        """Keep parameters; False where they have to go to MLflow itself."""
        from mlflow.entities import Param

        return self._keep_texts(run_id, [Param(key, str(value)) for key, value in params.items()], [])

    def offer(
        self,
        run_id: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        points: Sequence[tuple[str, float, int, int]],
    ) -> None:
        """Keep of a run what it has no other value of; what MLflow would not take is left out."""
        known = self._known(run_id)
        if known is None:
            return
        new = {key: value for key, value in params.items() if key not in known and _is_text(key) and _is_text(value)}
        lines = [line for point in points if (line := self._line(run_id, point[0], *point[1:])) is not None]
        lines += [records.text_line(PARAM, run_id, key, value) for key, value in new.items()]
        lines += [records.text_line(TAG, run_id, key, value) for key, value in tags.items() if _is_text(value)]
        if lines and self._keep(b"".join(lines)):
            known.update(new)

    def _valid(self, run_id: str, key: str) -> bool:
        from mlflow.exceptions import MlflowException
        from mlflow.utils.validation import _validate_metric

        try:
            _validate_metric(key, 0.0, 0, 0)
        except MlflowException:
            return False
        if len(self._prefixes) >= MOST_PREFIXES:
            self._prefixes.clear()
        return self._known(run_id) is not None

    def _known(self, run_id: str) -> dict[str, str] | None:
        """The parameters of a run that can be written to; None for any other one."""
        from mlflow.exceptions import MlflowException

        known = self._params.get(run_id)
        if known is None:
            try:
                run = self._get_run(run_id)
            except MlflowException:
                return None
            if run.info.lifecycle_stage != "active":
                return None
            known = self._params[run_id] = dict(run.data.params)
        return known

    def _keep_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> bool:
        from mlflow.exceptions import MlflowException
        from mlflow.utils.validation import _validate_batch_log_data, _validate_batch_log_limits

        try:
            metrics, params, tags = _validate_batch_log_data(metrics, params, tags)
            _validate_batch_log_limits(metrics, params, tags)
        except MlflowException:
            return False
        if len({one.key for one in params}) != len(params):
            return False
        if any(one.model_id is not None or one.dataset_name is not None for one in metrics):
            return False
        if not all(_is_place(one.timestamp) and _is_place(one.step) for one in metrics):
            return False
        lines = b"".join(
            records.metric_line(records.metric_prefix(run_id, one.key), float(one.value), one.timestamp, one.step)
            for one in metrics
        )
        return self._keep_texts(run_id, params, tags, lines)

    def _keep_texts(self, run_id: str, params: Any, tags: Any, lines: bytes = b"") -> bool:
        """Keep parameters and tags, behind `lines`; False where MLflow itself has to look at one of them."""
        from mlflow.exceptions import MlflowException
        from mlflow.utils.validation import _validate_param, _validate_tag

        known = self._known(run_id)
        if known is None:
            return False
        try:
            params = [_validate_param(one.key, one.value) for one in params]
            tags = [_validate_tag(one.key, one.value) for one in tags]
        except MlflowException:
            return False
        # MLflow's own tags mean something to it, like a run's name.
        if any(one.key.startswith("mlflow.") for one in tags):
            return False
        if any(known.get(one.key, one.value) != one.value for one in params):
            return False
        new = [one for one in params if one.key not in known]
        if not all(_is_text(one.key) and _is_text(one.value) for one in (*new, *tags)):
            return False
        lines += b"".join(records.text_line(PARAM, run_id, one.key, one.value) for one in new)
        lines += b"".join(records.text_line(TAG, run_id, one.key, one.value) for one in tags)
        if lines and not self._keep(lines):
            return False
        known.update((one.key, one.value) for one in new)
        return True


def _is_place(number: Any) -> bool:
    """True for a step or a time that every database holds."""
    return type(number) is int and -(1 << 63) <= number < 1 << 63


def _is_text(value: Any) -> bool:
    """True for what every database holds."""
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError):
        return False
    return "\0" not in value


def _number(value: Any) -> float | None:
    """An int, or what NumPy, torch and others have for one number; None where MLflow has to look at it."""
    try:
        plain = value if type(value) is int else value.item()
        return float(plain) if type(plain) in (int, float) else None
    except Exception:  # noqa: BLE001 - whatever a tensor of many says
        return None


# --- mlflow.log_metric and mlflow.log_metrics ---------------------------------------------------------


def _replace() -> None:
    """Put the quick ones in the place of MLflow's, which they call for whatever is not plain."""
    mlflow: Any = sys.modules["mlflow"]
    fluent: Any = sys.modules["mlflow.tracking.fluent"]
    for name, make in (("log_metric", _quick_metric), ("log_metrics", _quick_metrics)):
        own = getattr(fluent, name)
        if hasattr(own, "mlplat"):
            continue
        quick: Any = functools.wraps(own)(make(own, mlflow))
        quick.mlplat = True
        setattr(fluent, name, quick)
        if getattr(mlflow, name, None) is own:
            setattr(mlflow, name, quick)


def active(mlflow: Any) -> tuple[Buffer, str] | None:
    """The active run of this thread, where what is logged to it is buffered and belongs to no model."""
    run = mlflow.active_run()
    if run is None:
        return None
    buffer = _buffers.get(mlflow.get_tracking_uri())
    if buffer is None or mlflow.get_active_model_id() is not None:
        return None
    if "MLFLOW_ENABLE_ASYNC_LOGGING" in os.environ or (run.outputs and run.outputs.model_outputs):
        return None
    return buffer, run.info.run_id


def _quick_metric(own: Callable[..., Any], mlflow: Any) -> Callable[..., Any]:
    def log_metric(
        key: str,
        value: float,
        step: int | None = None,
        synchronous: bool | None = None,
        timestamp: int | None = None,
        run_id: str | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> Any:
        if synchronous is None and run_id is None and model_id is None and dataset is None:
            found = active(mlflow)
            if found is not None and found[0].metric(
                found[1], key, value, timestamp or time.time_ns() // 1_000_000, step or 0
            ):
                return None
        return own(key, value, step, synchronous, timestamp, run_id, model_id, dataset)

    return log_metric


def _quick_metrics(own: Callable[..., Any], mlflow: Any) -> Callable[..., Any]:
    def log_metrics(
        metrics: dict[str, float],
        step: int | None = None,
        synchronous: bool | None = None,
        run_id: str | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> Any:
        plain = synchronous is None and run_id is None and model_id is None and dataset is None
        if plain and type(metrics) is dict:
            found = active(mlflow)
            if found is not None and found[0].metrics(
                found[1], metrics, timestamp or time.time_ns() // 1_000_000, step or 0
            ):
                return None
        return own(metrics, step, synchronous, run_id, timestamp, model_id, dataset)

    return log_metrics
