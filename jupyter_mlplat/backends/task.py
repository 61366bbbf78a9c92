"""The side of a worker: one Dask task is one attempt, and its runner a process of its own.

`run_attempt` is the task. `command` is called by the engine on every worker, beside the tasks: it
carries acknowledgements and cancellations to the runners that this worker started.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

from ..attempts import EXIT_RECORD, LOG, OUTPUT, RUNNER_RECORD, TOKEN_VARIABLE, read_record
from ..processes import alive, host_id, kill_tree, sweep

_runners: dict[str, subprocess.Popen[bytes]] = {}
_lock = threading.Lock()


def run_attempt(payload: dict[str, Any], topic: str) -> dict[str, Any]:
    """Run one attempt and return its exit record.

    `payload` is an `Attempt` as a dict. With `content` (the notebook's text) in it the attempt is not on
    the engine's host: it runs in a folder of its own here, and the result carries `output` and `log`.
    """
    from distributed import get_worker

    worker = get_worker()

    def tell(report: dict[str, Any]) -> None:
        worker.log_event(topic, report)

    content = payload.pop("content", None)
    if content is None:
        return _attempt(payload, tell)
    folder = tempfile.mkdtemp(prefix="mlplat-")
    try:
        notebook = Path(folder) / "submitted.ipynb"
        notebook.write_text(content, encoding="utf-8")
        payload.update(notebook=str(notebook), folder=folder, cwd=folder)
        record = _attempt(payload, tell)
        for name, file in (("output", OUTPUT), ("log", LOG)):
            path = Path(folder) / file
            record[name] = path.read_text(encoding="utf-8") if path.exists() else None
        return record
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _attempt(payload: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    folder = Path(payload["folder"])
    key = f"{payload['job_id']}-{payload['number']}"
    if read_record(folder, RUNNER_RECORD) is not None:
        # Dask runs a task again when its worker died; an attempt runs once.
        return settle(folder, key)
    folder.mkdir(parents=True, exist_ok=True)
    token = token_hex(16)
    with open(folder / "runner.log", "ab") as errors:
        runner = subprocess.Popen(
            [sys.executable, "-m", "jupyter_mlplat.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=payload["cwd"] if os.path.isdir(payload["cwd"]) else folder,
            env={**os.environ, TOKEN_VARIABLE: token},
            start_new_session=True,
        )
    assert runner.stdin is not None
    assert runner.stdout is not None
    runner.stdin.write(json.dumps(payload).encode() + b"\n")
    runner.stdin.flush()
    with _lock:
        _runners[key] = runner
    record: dict[str, Any] | None = None
    try:
        for line in runner.stdout:
            report = json.loads(line)
            if report["kind"] == "ended":
                record = report["data"]
                break
            tell(report)
    finally:
        with _lock:
            _runners.pop(key, None)
        runner.stdin.close()
        runner.wait()
        runner.stdout.close()
        sweep(TOKEN_VARIABLE, token)
    return record or read_record(folder, EXIT_RECORD) or _lost(key, f"its runner ended ({runner.returncode})")


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
            told.append(key)
        except (OSError, ValueError):
            continue  # it is ending
    return told


def version() -> str:
    """The version of the platform that this worker has."""
    from .. import __version__

    return __version__
