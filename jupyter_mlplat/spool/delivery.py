"""Brings what was logged to MLflow: this process's own, and what processes that died have left."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..mlflow_base.client import open_client
from ..mlflow_base.tables import MLflowTables, sqlite_path, stages, write_metrics, write_params, write_tags
from . import records, whole_runs
from .records import METRIC, PARAM, RUN, TAG, Record

OWN: set[str] = set()
"""Files of this process. To open and close one of them would let go of its lock."""
SUFFIX = ".spool"
CHUNK = 1 << 20
MOST_METRICS = 1000
MOST_TEXTS = 100
"""MLflow's bounds on one batch."""
FINAL = frozenset({"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE", "BAD_REQUEST"})
"""What MLflow says of a record that it will never take."""

LOG_BATCH = "/api/2.0/mlflow/runs/log-batch"
ANSWER_S = 30

Send = Callable[[str, Sequence[Record]], None]

_here = threading.local()
_left = threading.Lock()


class Outage(Exception):
    """MLflow does not take anything now."""


def delivering() -> bool:
    """True on a thread that brings records to MLflow."""
    return getattr(_here, "delivering", False)


@contextmanager
def as_delivery() -> Iterator[None]:
    """What this thread says to MLflow meanwhile goes straight there."""
    before = delivering()
    _here.delivering = True
    try:
        yield
    finally:
        _here.delivering = before


def deliver(uri: str, batch: Sequence[Record]) -> list[tuple[Record, str]]:
    """Write records to MLflow; what is there already stays as it is.

    Returns those that it will never take, with the reason. Raises `Outage`.
    """
    if not batch:
        return []
    tables = _tables_of(uri)
    if tables is not None:
        return _to_tables(tables, batch)
    with as_delivery():
        return _to_mlflow(uri, batch)


def _tables_of(uri: str) -> MLflowTables | None:
    path = sqlite_path(uri)
    tables = MLflowTables(path) if path is not None else None
    return tables if tables is not None and tables.known() else None


def _to_tables(tables: MLflowTables, batch: Sequence[Record]) -> list[tuple[Record, str]]:
    import sqlite3

    refused: list[tuple[Record, str]] = []
    try:
        with tables.transaction() as connection:
            whole = [one for one in batch if one[0] == RUN]
            gone = [(one, whole_runs.write(connection, one)) for one in whole]
            refused += [(one, why) for one, why in gone if why is not None]
            parts = [one for one in batch if one[0] != RUN]
            stage = stages(connection, (one[1] for one in parts))
            taken = []
            for one in parts:
                found = stage.get(one[1])
                if found == "active":
                    taken.append(one)
                else:
                    refused.append((one, "the run is deleted" if found else "there is no such run"))
            write_metrics(connection, [(one[1], one[2], one[3], one[4], one[5]) for one in taken if one[0] == METRIC])
            params = [(one[1], one[2], one[3]) for one in taken if one[0] == PARAM]
            refused += [([PARAM, *row], f"it is {kept!r} already") for row, kept in write_params(connection, params)]
            write_tags(connection, [(one[1], one[2], one[3]) for one in taken if one[0] == TAG])
        return refused
    except (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError) as error:
        return _halves(tables, batch, error)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return _halves(tables, batch, error)
    except (sqlite3.Error, OSError) as error:
        raise Outage(str(error)) from error


def _halves(tables: MLflowTables, batch: Sequence[Record], error: Exception) -> list[tuple[Record, str]]:
    """One of them is nothing that a database could hold: each half alone, until it is found."""
    if len(batch) == 1:
        return [(batch[0], f"{type(error).__name__}: {error}")]
    half = len(batch) // 2
    return _to_tables(tables, batch[:half]) + _to_tables(tables, batch[half:])


def _to_mlflow(uri: str, batch: Sequence[Record]) -> list[tuple[Record, str]]:
    try:
        if uri.startswith(("http://", "https://")):
            from mlflow.utils.credentials import get_default_host_creds

            credentials = get_default_host_creds(uri)
            send: Send = partial(_post, credentials)
            mlflow: whole_runs.Server | whole_runs.Database = whole_runs.Server(credentials, ANSWER_S)
        else:
            client = _client(uri)
            send, mlflow = partial(_log, client), whole_runs.Database(client)
    except ImportError as error:
        raise Outage(f"MLflow cannot be imported: {error}") from error
    except Exception as error:
        raise Outage(f"{type(error).__name__}: {error}") from error
    refused: list[tuple[Record, str]] = []
    for run in dict.fromkeys(one[1] for one in batch):
        mine = [one for one in batch if one[1] == run]
        for kind, most in ((METRIC, MOST_METRICS), (PARAM, MOST_TEXTS), (TAG, MOST_TEXTS)):
            some = [one for one in mine if one[0] == kind]
            for start in range(0, len(some), most):
                refused += _batch(send, run, some[start : start + most])
    for one in batch:
        if one[0] == RUN:
            refused += _whole(mlflow, send, one)
    return refused


def _whole(mlflow: whole_runs.Server | whole_runs.Database, send: Send, record: Record) -> list[tuple[Record, str]]:
    """A run that is over; what MLflow will never take of it is left out."""

    def log(run: str, some: Sequence[Record]) -> list[tuple[Record, str]]:
        most = MOST_METRICS if some and some[0][0] == METRIC else MOST_TEXTS
        parts = [some[start : start + most] for start in range(0, len(some), most)]
        return [one for part in parts for one in _batch(send, run, part)]

    try:
        return whole_runs.send(mlflow, log, record)
    except Exception as error:
        why = _final(error)
        if why is None:
            raise Outage(f"{type(error).__name__}: {error}") from error
        return [(record, why)]


def _final(error: Exception) -> str | None:
    """What MLflow says, where it will never take that; None where it may another time."""
    from mlflow.exceptions import MlflowException

    return str(error.message) if isinstance(error, MlflowException) and error.error_code in FINAL else None


def _batch(send: Send, run: str, batch: Sequence[Record]) -> list[tuple[Record, str]]:
    """One call; where MLflow refuses it, the halves of it alone, until the culprit is found."""
    try:
        send(run, batch)
        return []
    except Exception as error:
        why = _final(error)
        if why is None:
            raise Outage(f"{type(error).__name__}: {error}") from error
        if len(batch) == 1:
            return [(batch[0], why)]
        half = len(batch) // 2
        return _batch(send, run, batch[:half]) + _batch(send, run, batch[half:])


@cache
def _client(uri: str) -> Any:
    return open_client(uri)


def _log(client: Any, run: str, batch: Sequence[Record]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    client.log_batch(
        run,
        metrics=[Metric(one[2], one[3], one[4], one[5]) for one in batch if one[0] == METRIC],
        params=[Param(one[2], one[3]) for one in batch if one[0] == PARAM],
        tags=[RunTag(one[2], one[3]) for one in batch if one[0] == TAG],
    )


def _post(credentials: Any, run: str, batch: Sequence[Record]) -> None:
    """`runs/log-batch` of MLflow's REST API, without its objects: a program that logs waits for what they cost.

    https://mlflow.org/docs/latest/api_reference/rest-api.html#log-batch; numbers as protobuf's JSON has them.
    """
    from mlflow.utils.rest_utils import http_request, verify_rest_response

    body = {
        "run_id": run,
        "metrics": [
            {"key": one[2], "value": _double(one[3]), "timestamp": one[4], "step": one[5]}
            for one in batch
            if one[0] == METRIC
        ],
        "params": [{"key": one[2], "value": one[3]} for one in batch if one[0] == PARAM],
        "tags": [{"key": one[2], "value": one[3]} for one in batch if one[0] == TAG],
    }
    # It is tried again by us: whoever waits for it meanwhile is not held up for MLflow's minutes.
    answer = http_request(credentials, LOG_BATCH, "POST", json=body, max_retries=0, timeout=ANSWER_S)
    verify_rest_response(answer, LOG_BATCH)


def _double(value: float) -> float | str:
    if value - value == 0.0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def note_refused(folder: Path, uri: str, refused: Sequence[tuple[Record, str]]) -> None:
    """Keep what MLflow will never take where somebody finds it: `refused.jsonl` beside the spool."""
    with open(folder / "refused.jsonl", "a", encoding="utf-8") as file:
        for record, why in refused:
            file.write(json.dumps({"uri": uri.rpartition("@")[2], "why": why, "record": record}) + "\n")


# --- what the dead have left ------------------------------------------------------------------------


def left(folder: Path) -> list[Path]:
    """Files of other processes, alive or not; those of the dead hold what MLflow may not have."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names) if name not in OWN]


def deliver_left(folder: Path, *, light: bool = False, within: float = 10.0) -> int:
    """Deliver what processes that are gone have left in `folder`; how many records that were.

    Files of living processes are theirs. With `light` only what needs no import of MLflow. Ends after about `within`
    seconds. Raises `Outage` once every file was tried, also where `light` left something.
    """
    deadline = time.monotonic() + within
    count, outage = 0, None
    for path in left(folder):
        if time.monotonic() > deadline:
            break
        try:
            # One thread at a time: a second one of this process would get the lock as well.
            with _left:
                count += _deliver_file(path, light=light)
        except Outage as error:
            outage = error
        except FileNotFoundError:
            continue
    if outage is not None:
        raise outage
    return count


def take_over(folder: Path, name: str, text: str) -> None:
    """Keep a file that a process on another host has left."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f"{name}.new"
    with open(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(fresh.with_suffix(SUFFIX))


def _deliver_file(path: Path, *, light: bool) -> int:
    if path.name in OWN:
        return 0
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        return _empty(path, file, light=light)
    finally:
        os.close(file)


def _empty(path: Path, file: int, *, light: bool) -> int:
    try:
        done, uri, _ = records.read_head(os.pread(file, CHUNK, 0))
    except ValueError:
        path.replace(path.with_suffix(".unreadable"))
        return 0
    count = 0
    if light and not _tables_of(uri):
        raise Outage("it needs MLflow itself")
    while data := os.pread(file, CHUNK, done):
        lines = data[: data.rfind(b"\n") + 1]
        if not lines:
            break
        try:
            batch = records.read(lines)
        except ValueError:
            path.replace(path.with_suffix(".unreadable"))
            return count
        refused = deliver(uri, batch)
        if refused:
            note_refused(path.parent, uri, refused)
        count += len(batch)
        done += len(lines)
        os.pwrite(file, records.mark(done), 0)
    path.unlink(missing_ok=True)
    return count
