"""The engine's side of deployments: what should run runs, what should not does not."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ...errors import MLPlatError
from ...models import DeploymentState
from ...protocols import Clock, EndpointStatus, ServingTarget
from ...store import Store
from ..gpus import GPUsService
from ..gpus.of_jobs import WAITS
from . import asking
from .devices import Devices
from .rows import TABLE, Row, endpoint_of, move, read_token, remove

log = logging.getLogger("jupyter_mlplat.deployments")

MakeTarget = Callable[[str], ServingTarget]

LOOK_SECONDS = 2.0
"""How long one look waits for slow endpoints; they go on in the background and are skipped meanwhile."""

QUICK_SECONDS = 10.0
"""A process that ends before it was ready this long has failed quickly."""

MAX_FAILURES = 5
MAX_FINAL_FAILURES = 2
BACKOFF_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
UNANSWERED_SECONDS = 5.0

LIVING = (DeploymentState.STARTING, DeploymentState.READY, DeploymentState.DEGRADED)


class Supervisor:
    """Looks at every deployment and moves it one step.

    A row's `handle` has `target` (how the target finds the process; absent while there is none), `port`,
    `failures` in a row, `next` (not before this time), `ready_at`, and `died` until the next start.
    """

    def __init__(self, store: Store, clock: Clock, tracking_uri: Callable[[], str], gpus: GPUsService) -> None:
        self._store = store
        self._clock = clock
        self._tracking_uri = tracking_uri
        self._devices = Devices(store, clock, gpus)
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._working: dict[str, Future[None]] = {}
        self._silent_since: dict[str, float] = {}
        self._stopped = False

    def look(self, make_target: MakeTarget) -> int:
        """See `DeploymentsService.supervise`."""
        with self._lock:
            if self._stopped:
                return 0
            self._working = {name: future for name, future in self._working.items() if not future.done()}
            rows = self._rows()
            if self._ask_for_devices([row for row in rows if row["name"] not in self._working]):
                rows = self._rows()
            for row in rows:
                if row["name"] not in self._working and (row["stop_requested"] or row["state"] != "failed"):
                    self._working[row["name"]] = self._executor().submit(self._guarded, self._step, row, make_target)
            wait(self._working.values(), timeout=LOOK_SECONDS)
            return sum(row["stop_requested"] or row["state"] != "failed" for row in rows)

    def stop_all(self, make_target: MakeTarget) -> None:
        """See `DeploymentsService.stop_all`."""
        with self._lock:
            self._stopped = True
            wait(self._working.values())
            ends = [
                self._executor().submit(
                    self._guarded, self._remove if row["stop_requested"] else self._stop, row, make_target
                )
                for row in self._rows()
                if row["stop_requested"] or row["state"] in LIVING
            ]
            wait(ends)
            self._executor().shutdown()
            self._pool = None

    def _ask_for_devices(self, rows: Sequence[Row]) -> bool:
        try:
            return self._devices.look([row for row in rows if self._could_start(row)])
        except MLPlatError as error:
            log.warning("deployments cannot ask for GPUs: %s", error.message)
        except Exception:
            log.exception("deployments cannot ask for GPUs")
        return True

    def _executor(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="deployments")
        return self._pool

    def _rows(self) -> list[Row]:
        with self._store.read() as connection:
            return [dict(row) for row in connection.execute(select(TABLE).order_by(TABLE.c.name)).mappings()]

    def _guarded(self, act: Callable[[Row, MakeTarget], None], row: Row, make_target: MakeTarget) -> None:
        try:
            act(row, make_target)
        except MLPlatError as error:
            log.warning("deployment %s: %s", row["name"], error.message)
        except Exception:
            log.exception("deployment %s could not be looked after", row["name"])

    # --- one deployment ---------------------------------------------------------------------

    def _step(self, row: Row, make_target: MakeTarget) -> None:
        if row["stop_requested"]:
            self._remove(row, make_target)
            return
        if self._could_start(row):
            self._start(row, make_target)
        if not _has_process(row):
            return
        target, handle = make_target(row["target"]), row["handle"]["target"]
        status = target.probe(endpoint_of(row, self._tracking_uri()), handle)
        if status.state == "dead":
            self._died(row, status, target)
        elif status.state == "ready":
            self._silent_since.pop(row["name"], None)
            if row["state"] != DeploymentState.READY:
                self._ready(row, status)
        elif row["state"] == DeploymentState.READY:
            silent = time.monotonic() - self._silent_since.setdefault(row["name"], time.monotonic())
            if silent > UNANSWERED_SECONDS:
                message = f"its process lives, but has not answered the health check for {silent:.0f} s"
                self._move(row, to=DeploymentState.DEGRADED, message=message)

    def _could_start(self, row: Row) -> bool:
        """True where it is to run, has no process, and is due."""
        if row["stop_requested"] or row["state"] == DeploymentState.FAILED or _has_process(row):
            return False
        after = row["handle"].get("next")
        return after is None or self._clock.now() >= datetime.fromisoformat(after)

    def _start(self, row: Row, make_target: MakeTarget) -> None:
        """Claim the start, start, write down what was started. Who loses a claim ends what it started.

        One that needs devices starts when it has them.
        """
        target = make_target(row["target"])
        shown: dict[str, str] | None = {}
        if row["gpus"]:
            shown = self._devices.environment(row, lambda: self._end(row, make_target))
        if shown is None:
            return
        handle = {name: row["handle"][name] for name in ("port", "failures") if name in row["handle"]}
        stopped = row["state"] == DeploymentState.STOPPED
        restarts = row["restarts"] + (1 if row["handle"].get("died") else 0)
        claimed = self._move(
            row,
            to=DeploymentState.STARTING if stopped else None,
            handle=handle,
            restarts=restarts,
            message=None if stopped or (row["message"] or "").startswith(WAITS) else row["message"],
        )
        if claimed is None:
            return
        endpoint = replace(endpoint_of(claimed, self._tracking_uri()), environment=shown)
        try:
            status = target.start(endpoint)
        except MLPlatError as error:
            target.stop(endpoint, {})
            self._failed(claimed, error.message, final=False)
            return
        port = status.handle.get("port")
        started = self._move(claimed, url=status.url, handle={**handle, "target": status.handle, "port": port})
        if started is None:
            target.stop(endpoint, status.handle)

    def _ready(self, row: Row, status: EndpointStatus) -> None:
        example = row["example"]
        if example is None and status.url:
            try:
                token = read_token(Path(row["token_file"]))
                example = asking.example(row["name"], status.url, token, row["versions"][0]["model"])
            except MLPlatError as error:
                log.warning("deployment %s: no example: %s", row["name"], error.message)
        handle = {**row["handle"], "ready_at": self._clock.now().isoformat()}
        self._move(row, to=DeploymentState.READY, url=status.url, message=None, example=example, handle=handle)

    def _died(self, row: Row, status: EndpointStatus, target: ServingTarget) -> None:
        # The process is gone; what it started may not be.
        target.stop(endpoint_of(row, self._tracking_uri()), row["handle"]["target"])
        log.warning("deployment %s: %s", row["name"], status.message)
        self._failed(row, status.message or "the process ended", final=bool(status.handle.get("final")))

    def _failed(self, row: Row, message: str, *, final: bool) -> None:
        """Try again later, or give up: after 5 quick failures, or when the model could not be loaded twice."""
        self._silent_since.pop(row["name"], None)
        now = self._clock.now()
        ready_at = row["handle"].get("ready_at")
        quick = ready_at is None or now - datetime.fromisoformat(ready_at) < timedelta(seconds=QUICK_SECONDS)
        failures = (int(row["handle"].get("failures", 0)) + 1) if quick else 1
        handle: dict[str, Any] = {"port": row["handle"].get("port"), "failures": failures, "died": True}
        if failures >= (MAX_FINAL_FAILURES if final else MAX_FAILURES):
            self._move(
                row,
                to=DeploymentState.FAILED,
                gives_back=True,
                handle=handle,
                message=f"given up after {failures} tries: {message}",
            )
            return
        handle["next"] = (now + timedelta(seconds=BACKOFF_SECONDS[failures - 1])).isoformat()
        state = DeploymentState.DEGRADED if row["state"] == DeploymentState.READY else None
        self._move(row, to=state, handle=handle, message=f"{message}; it is started again")

    def _stop(self, row: Row, make_target: MakeTarget) -> None:
        self._end(row, make_target)
        self._move(
            row,
            to=DeploymentState.STOPPED,
            gives_back=True,
            handle={"port": row["handle"].get("port")},
            message="stopped with the engine; it starts again with the next one",
        )

    def _remove(self, row: Row, make_target: MakeTarget) -> None:
        """End what runs, then the folder with its token, and the row last: while it is there, the name is taken."""
        self._end(row, make_target)
        shutil.rmtree(row["folder"], ignore_errors=True)
        remove(self._store, self._clock, row)
        self._silent_since.pop(row["name"], None)

    def _end(self, row: Row, make_target: MakeTarget) -> None:
        target = make_target(row["target"])
        target.stop(endpoint_of(row, self._tracking_uri()), row["handle"].get("target") or {})

    def _move(
        self, row: Row, *, to: DeploymentState | None = None, gives_back: bool = False, **values: Any
    ) -> Row | None:
        return move(self._store, self._clock, row, to=to, gives_back=gives_back, **values)


def _has_process(row: Row) -> bool:
    """True where one was started and nobody has seen its end."""
    return row["state"] != DeploymentState.STOPPED and row["handle"].get("target") is not None
