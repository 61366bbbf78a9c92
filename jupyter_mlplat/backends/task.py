"""The side of a worker: one Dask task is one attempt, and its runner a process of its own.

`run_attempt` is the task. `command` is called by the engine on every worker, beside the tasks: it
carries acknowledgements and cancellations to the runners that this worker started.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

from ..attempts import (
    ENVIRONMENT,
    EXIT_RECORD,
    LOG,
    OUTPUT,
    RUNNER_RECORD,
    STUDY_VARIABLE,
    TOKEN_VARIABLE,
    not_started,
    read_record,
)
from ..processes import alive, host_id, kill_tree, start_time, sweep
from ..spool import Outage, deliver_left, left
from .travel import unpack

LISTEN_S = 5.0
TRAVELLING = (("output", OUTPUT), ("log", LOG), ("environment", ENVIRONMENT))
"""What comes back with the record from another host, and the files that it becomes."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
CONTINUE_S = 10.0
REST_S = 1.0
GIVE_UP_S = 180.0

logger = logging.getLogger(__name__)
_runners: dict[str, subprocess.Popen[bytes]] = {}
_lock = threading.Lock()


def run_attempt(payload: dict[str, Any], topic: str) -> dict[str, Any]:
    """Run one attempt and return its exit record.

    `payload` is an `Attempt` as a dict. With `content` (the notebook's text) in it the attempt is not on
    the engine's host: it runs in a folder of its own here, with the `files` that travelled with it, and the result
    carries what `TRAVELLING` names.
    """
    from distributed import get_worker

    worker = get_worker()

    def tell(report: dict[str, Any]) -> None:
        worker.log_event(topic, report)

    content, files = payload.pop("content", None), payload.pop("files", {})
    if content is None:
        return _attempt(payload, tell)
    folder = tempfile.mkdtemp(prefix="mlplat-")
    devices = _own_devices.take(payload["gpus"])
    try:
        if devices:
            payload["environment"] = {**payload["environment"], VISIBLE: ",".join(devices)}
        own, work, spool = Path(folder) / "attempt", Path(folder) / "work", Path(folder) / "spool"
        # There is no data directory here, and no engine that a trial could ask.
        payload["environment"] = {**payload["environment"], "MLPLAT_SPOOL": str(spool)}
        payload["environment"].pop(STUDY_VARIABLE, None)
        own.mkdir()
        work.mkdir()
        notebook = own / "submitted.ipynb"
        unpack(files, work)
        notebook.write_text(content, encoding="utf-8")
        payload.update(notebook=str(notebook), folder=str(own), cwd=str(work), checkpoints=None, warm=None)
        record = _attempt(payload, tell)
        for name, file in TRAVELLING:
            path = own / file
            record[name] = path.read_text(encoding="utf-8") if path.exists() else None
        record["spool"] = _undelivered(spool)
        return record
    finally:
        _own_devices.give_back(devices)
        shutil.rmtree(folder, ignore_errors=True)


def _undelivered(spool: Path) -> list[str]:
    """What the attempt logged and MLflow does not take now: the engine keeps it until it does."""
    try:
        deliver_left(spool)
    except (Outage, OSError) as error:
        logger.warning("MLflow does not take what was logged; the engine keeps it: %s", error)
    return [path.read_text(encoding="utf-8") for path in left(spool)]


class _Devices:
    """Those that this worker sees, and which of them its attempts have.

    The scheduler counts them by the worker's resource; which ones they are is known here alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    def take(self, count: int) -> list[str]:
        """So many that no other attempt has; none where the worker does not say which it sees, or has too few."""
        visible = [one for one in os.environ.get(VISIBLE, "").split(",") if one]
        with self._lock:
            free = [one for one in visible if one not in self._taken][:count]
            if len(free) < count:
                return []
            self._taken.update(free)
            return free

    def give_back(self, devices: list[str]) -> None:
        """The attempt has ended."""
        with self._lock:
            self._taken.difference_update(devices)


_own_devices = _Devices()


def _attempt(payload: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    folder = Path(payload["folder"])
    key = f"{payload['job_id']}-{payload['number']}"
    if read_record(folder, RUNNER_RECORD) is not None:
        # Dask runs a task again when its worker died; an attempt runs once.
        return settle(folder, key)
    token = token_hex(16)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return not_started(error)
    runner = _spare.take(json.dumps({"attempt": payload, "token": token}).encode() + b"\n")
    assert runner.stdin is not None
    assert runner.stdout is not None
    with _lock:
        _runners[key] = runner
    record: dict[str, Any] | None = None
    cold: list[str] | None = None
    silence = _Silence(runner)
    try:
        for line in runner.stdout:
            silence.broken()
            report = json.loads(line)
            if report["kind"] == "ended":
                record = report["data"]
                break
            if report["kind"] == "cold":
                cold = report["data"]["command"]
            else:
                tell(report)
    finally:
        with _lock:
            _runners.pop(key, None)
        runner.stdin.close()
        runner.wait()
        silence.end()
        runner.stdout.close()
        sweep(TOKEN_VARIABLE, token)
        if payload.get("warm"):
            _spare.later(payload, cold)
    return (
        record
        or read_record(folder, EXIT_RECORD)
        or _lost(key, silence.why or f"its runner ended ({runner.returncode})")
    )


class _Spare:
    """A runner that has imported what it needs and waits for the next attempt; and the kernels that wait for it.

    Both come a moment after an attempt has ended, also where the next one has begun by then: a queue leaves no rest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runner: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    def take(self, order: bytes) -> subprocess.Popen[bytes]:
        """A runner that has got its order."""
        with self._lock:
            runner, self._runner = self._runner, None
        if runner is not None:
            try:
                return _told(runner, order)
            except OSError:
                runner.kill()
                runner.wait()
        return _told(_start(), order)

    def later(self, payload: dict[str, Any], cold: list[str] | None) -> None:
        """Make ready after `REST_S` for attempts like this one; `cold` is the command of a kernel that was not warm."""
        with self._lock:
            if self._timer is not None and self._timer.is_alive():
                return
            self._timer = threading.Timer(REST_S, self._make_ready, (payload, cold))
            self._timer.daemon = True
            self._timer.start()

    def _make_ready(self, payload: dict[str, Any], cold: list[str] | None) -> None:
        with self._lock:
            if self._runner is None:
                self._runner = _start("--ahead")
        if cold is not None:
            from ..home import Home
            from ..kernel.pool import NotWarm, Pool

            options = {**payload["warm"]}
            try:
                Pool(Home(Path(options.pop("home"))), **options).prepare(
                    cold, env={**os.environ, **payload["environment"]}
                )
            except NotWarm as error:
                logger.warning("no kernels wait for jobs: %s", error.message)


def _start(*options: str) -> subprocess.Popen[bytes]:
    # -P: a module in the working directory is none of ours.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "jupyter_mlplat.runner", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
        start_new_session=True,
    )


def _told(runner: subprocess.Popen[bytes], order: bytes) -> subprocess.Popen[bytes]:
    assert runner.stdin is not None
    runner.stdin.write(order)
    runner.stdin.flush()
    return runner


_spare = _Spare()


class _Silence:
    """Watches a runner that says something every 3 s: one that was stopped (SIGSTOP) would hold up its job for ever.

    After `CONTINUE_S` it is continued, which does nothing to one that runs; after `GIVE_UP_S` its tree is killed.
    """

    def __init__(self, runner: subprocess.Popen[bytes]) -> None:
        self.why: str | None = None
        self._runner = runner
        self._started = start_time(runner.pid)
        self._heard = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="silence", daemon=True).start()

    def broken(self) -> None:
        """It said something."""
        self._heard = time.monotonic()

    def end(self) -> None:
        """It has ended."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(LISTEN_S):
            silent = time.monotonic() - self._heard
            if silent > GIVE_UP_S and self._started is not None:
                self.why = f"its runner said nothing for {silent:.0f} s"
                kill_tree(self._runner.pid, self._started)
                return
            if silent > CONTINUE_S:
                self._runner.send_signal(signal.SIGCONT)


def settle(folder: Path, key: str) -> dict[str, Any]:
    """The truth about an attempt that nobody watches any more, once no process of it is left.

    Its exit record where it left one, else `lost`. Only on the host where it ran.
    """
    runner = read_record(folder, RUNNER_RECORD) or {}
    same_boot = runner.get("host") == host_id()
    record = read_record(folder, EXIT_RECORD)
    if runner and same_boot:
        pid, started = int(str(runner["pid"])), float(str(runner["started"]))
        if record is None or alive(pid, started):
            kill_tree(pid, started)
            sweep(TOKEN_VARIABLE, str(runner["token"]))
            record = read_record(folder, EXIT_RECORD)
    return record or _lost(key, "its worker was lost")


def _lost(key: str, why: str) -> dict[str, Any]:
    return {"key": key, "state": "lost", "reason": "worker_lost", "message": why, "cells": None}


def command(keys: list[str], order: str) -> list[str]:
    """Tell the runners of `keys` that this worker has: `ack` or `cancel`. Returns those that it has."""
    told = []
    for key in keys:
        with _lock:
            runner = _runners.get(key)
        if runner is None or runner.stdin is None:
            continue
        try:
            runner.stdin.write(json.dumps({order: True}).encode() + b"\n")
            runner.stdin.flush()
            if order == "cancel":
                runner.send_signal(signal.SIGCONT)
            told.append(key)
        except (OSError, ValueError):
            continue  # it is ending
    return told


def version() -> str:
    """The version of the platform that this worker has."""
    from .. import __version__

    return __version__
