"""The engine's side of deployments: what should run runs, what should not does not."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from ...errors import MLPlatError
from ...models import DeploymentState
from ...protocols import Clock, EndpointStatus, ServingTarget
from ...store import Store
from . import asking
from .rows import TABLE, Row, endpoint_of, move, read_token

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

    def __init__(self, store: Store, clock: Clock, tracking_uri: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._tracking_uri = tracking_uri
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
            rows = self._rows()
            self._working = {name: future for name, future in self._working.items() if not future.done()}
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
        handle = row["handle"].get("target")
        if row["state"] == DeploymentState.STOPPED or handle is None:
            if self._due(row):
                self._start(row, make_target)
            return
        target = make_target(row["target"])
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

    def _due(self, row: Row) -> bool:
        after = row["handle"].get("next")
        return after is None or self._clock.now() >= datetime.fromisoformat(after)

    def _start(self, row: Row, make_target: MakeTarget) -> None:
        """Claim the start, start, write down what was started. Who loses a claim ends what it started."""
        target = make_target(row["target"])
        handle = {name: row["handle"][name] for name in ("port", "failures") if name in row["handle"]}
        stopped = row["state"] == DeploymentState.STOPPED
        restarts = row["restarts"] + (1 if row["handle"].get("died") else 0)
        claimed = self._move(
            row,
            to=DeploymentState.STARTING if stopped else None,
            handle=handle,
            restarts=restarts,
            message=None if stopped else row["message"],
        )
        if claimed is None:
            return
        endpoint = endpoint_of(claimed, self._tracking_uri())
        try:
            status = target.start(endpoint)
        except MLPlatError as error:
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
                row, to=DeploymentState.FAILED, handle=handle, message=f"given up after {failures} tries: {message}"
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
            handle={"port": row["handle"].get("port")},
            message="stopped with the engine; it starts again with the next one",
        )

    def _remove(self, row: Row, make_target: MakeTarget) -> None:
        """End what runs, then the folder with its token, and the row last: while it is there, the name is taken."""
        self._end(row, make_target)
        shutil.rmtree(row["folder"], ignore_errors=True)
        with self._store.write() as transaction:
            transaction.connection.execute(
                delete(TABLE).where(TABLE.c.name == row["name"], TABLE.c.created_at == row["created_at"])
            )
            transaction.emit("deployments", row["name"])
        self._silent_since.pop(row["name"], None)

    def _end(self, row: Row, make_target: MakeTarget) -> None:
        target = make_target(row["target"])
        target.stop(endpoint_of(row, self._tracking_uri()), row["handle"].get("target") or {})

    def _move(self, row: Row, *, to: DeploymentState | None = None, **values: Any) -> Row | None:
        return move(self._store, self._clock, row, to=to, **values)
