"""What users do with deployments: create, look, ask, delete. Only the engine starts and ends their processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import BackendFailed, Conflict, Invalid, MLPlatError, Unavailable
from ...home import Home
from ...models import Deployment, DeploymentSpec, DeploymentState, JobLog, Page
from ...protocols import Clock, ServingTarget
from ...store import Store
from ..gpus import GPUsService
from ..gpus.of_deployments import of_deployments
from ..gpus.wishes import columns_of, named_as_asked, request_of
from . import asking, logs
from .rows import LOG, TABLE, TOKEN, Row, find, read_token, to_deployment, write_token
from .served import served_version
from .supervisor import Supervisor

if TYPE_CHECKING:
    from ..runs import RunsService

LOOK_EVERY_S = 0.1
WAKE_EVERY_S = 5.0
DELETE_SECONDS = 60.0
MAX_LIMIT = 1000


class DeploymentsService:
    """Deployments in the store; each has a folder with its token, its configuration and its log."""

    def __init__(
        self,
        store: Store,
        home: Home,
        clock: Clock,
        runs: RunsService,
        wake: Callable[[], None],
        gpus: GPUsService,
    ) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._runs = runs
        self._wake = wake
        self._gpus = gpus
        self._supervisor = Supervisor(store, clock, lambda: runs.tracking_uri, gpus)

    def create(self, spec: DeploymentSpec, *, owner: str, idempotency_key: str | None = None) -> Deployment:
        """Deploy a model version; the engine starts it. Returns at once, in state starting.

        An alias becomes the version that it points at now. With an `idempotency_key` a second call gives the
        first one's deployment. Raises `NotFound` for the model, `Conflict` for a name that is taken, and what
        `GPUsService.refuse` raises for GPUs that it could never have.
        """
        key = f"{owner}:{idempotency_key}" if idempotency_key else None
        again = self._same_request(key, spec)
        if again is not None:
            return again
        if spec.devices:
            with named_as_asked():
                self._gpus.refuse(request_of(columns_of(spec)), owner)
        served = served_version(self._runs, spec.model)
        folder = self._home.endpoints / spec.name
        now = self._clock.now()
        try:
            with self._store.write() as transaction:
                transaction.connection.execute(
                    insert(TABLE).values(
                        name=spec.name,
                        owner=owner,
                        target=spec.target,
                        state=DeploymentState.STARTING.value,
                        revision=1,
                        versions=[served],
                        token_file=str(folder / TOKEN),
                        folder=str(folder),
                        handle={},
                        **columns_of(spec),
                        created_at=now,
                        updated_at=now,
                        idempotency_key=key,
                    )
                )
                # The name is ours from here on; the token is there before anybody can see the row.
                self._make_folder(folder)
                transaction.emit("deployments", spec.name)
        except IntegrityError:
            again = self._same_request(key, spec)
            if again is not None:
                return again
            raise self._taken(spec.name) from None
        self._wake()
        return self.get(spec.name)

    def list(self, *, limit: int = 50, after: str | None = None) -> Page[Deployment]:
        """Deployments by name; `after` is the `next` of the page before."""
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"the limit must be 1 to {MAX_LIMIT}, not {limit}", fields={"limit": "out of range"})
        query = select(TABLE).order_by(TABLE.c.name).limit(limit + 1)
        if after:
            query = query.where(TABLE.c.name > after)
        with self._store.read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            leases = of_deployments(connection, [row["name"] for row in rows if row["gpus"]])
        found = [to_deployment(row, leases.get(row["name"])) for row in rows]
        return Page[Deployment](items=found[:limit], next=found[limit - 1].name if len(found) > limit else None)

    def get(self, name: str) -> Deployment:
        """A deployment. Raises `NotFound`."""
        with self._store.read() as connection:
            return self._shown(connection, find(connection, name))

    def delete(self, name: str) -> Deployment:
        """End a deployment and return, as it was, when none of its processes is left.

        Raises `NotFound`, and `Unavailable` where its end takes longer than a minute; it goes on then.
        """
        with self._store.write() as transaction:
            row = find(transaction.connection, name)
            if not row["stop_requested"]:
                transaction.connection.execute(
                    update(TABLE)
                    .where(TABLE.c.name == name)
                    .values(stop_requested=True, revision=TABLE.c.revision + 1, updated_at=self._clock.now())
                )
                transaction.emit("deployments", name)
        for _ in self._looks(DELETE_SECONDS):
            with self._store.read() as connection:
                left = connection.execute(select(TABLE.c.created_at).where(TABLE.c.name == name)).scalar()
            if left is None or left != row["created_at"]:
                return to_deployment({**row, "state": DeploymentState.STOPPED, "message": "deleted"})
        raise Unavailable(
            f"deployment {name} has not ended after {DELETE_SECONDS:g} s; it will",
            hint=f"see {self._home.log / 'engine.log'}",
        )

    def wait_ready(
        self, name: str, *, timeout: float = 60.0, on_change: Callable[[Deployment], None] | None = None
    ) -> Deployment:
        """Return when the endpoint answers; `on_change` hears of every other state and message until then.

        Raises `BackendFailed` with the end of its log where it failed, `Unavailable` where it takes longer
        than `timeout` seconds, and `NotFound`.
        """
        found = self.get(name)
        said = (found.state, found.message)
        for _ in self._looks(timeout):
            found = self.get(name)
            if found.state is DeploymentState.READY:
                return found
            if on_change is not None and said != (found.state, found.message):
                said = (found.state, found.message)
                on_change(found)
            if found.state is DeploymentState.FAILED:
                raise BackendFailed(
                    self._with_tail(f"deployment {name} failed: {found.message}", name), hint=_logs(name)
                )
        raise Unavailable(
            self._with_tail(f"deployment {name} is {found.state} after {timeout:g} s{_why(found)}", name),
            hint=f"it goes on; see: {_logs(name)}",
        )

    def predict(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """The endpoint's answer to an `/invocations` body.

        Raises `Invalid` for a body that the model cannot use, `Conflict` where the deployment has failed,
        `Unavailable` where it does not answer, `BackendFailed` where the model's code fails.
        """
        found = self.get(name)
        if found.state is DeploymentState.FAILED:
            raise Conflict(f"deployment {name} has failed: {found.message}", hint=_logs(name))
        if found.url is None or found.state in (DeploymentState.STARTING, DeploymentState.STOPPED):
            self._wake()
            raise Unavailable(f"deployment {name} is {found.state}{_why(found)}", hint="try again when it is ready")
        return asking.predict(name, found.url, read_token(Path(found.token_file or "")), body)

    def log(self, name: str, *, offset: int = 0) -> JobLog:
        """What the endpoint's process printed, from byte `offset` on. Raises `NotFound`."""
        with self._store.read() as connection:
            row = find(connection, name)
        text, end = logs.read(Path(row["folder"]) / LOG, offset)
        return JobLog(text=text, offset=end, ended=row["state"] in (DeploymentState.FAILED, DeploymentState.STOPPED))

    # --- the engine -------------------------------------------------------------------------

    def supervise(self, make_target: Callable[[str], ServingTarget]) -> int:
        """One look at every deployment: start, restart, adopt, end. Called by the engine about every second.

        Returns how many want to live or are still to be ended. Never raises for one bad deployment.
        """
        return self._supervisor.look(make_target)

    def stop_all(self, make_target: Callable[[str], ServingTarget]) -> None:
        """End every endpoint's process and keep the wish: the next engine starts them again.

        This service supervises no more afterwards.
        """
        self._supervisor.stop_all(make_target)

    # --- parts ------------------------------------------------------------------------------

    def _same_request(self, key: str | None, spec: DeploymentSpec) -> Deployment | None:
        """The deployment that an earlier request with this key made. Raises `Conflict` where it was another request."""
        if key is None:
            return None
        with self._store.read() as connection:
            row = connection.execute(select(TABLE).where(TABLE.c.idempotency_key == key)).mappings().first()
        if row is None:
            return None
        asked = {"name": spec.name, "target": spec.target, "model": spec.model, **columns_of(spec)}
        made = {**row, "model": row["versions"][0].get("asked")}
        if any(made[name] != value for name, value in asked.items()):
            raise Conflict(
                f"the idempotency key was used for deployment {row['name']}, which is another request",
                hint="use a new key for a new request",
            )
        with self._store.read() as connection:
            return self._shown(connection, dict(row))

    def _shown(self, connection: Connection, row: Row) -> Deployment:
        leases = of_deployments(connection, [row["name"]] if row["gpus"] else [], self._clock.now())
        return to_deployment(row, leases.get(row["name"]))

    def _taken(self, name: str) -> MLPlatError:
        with self._store.read() as connection:
            row = connection.execute(select(TABLE).where(TABLE.c.name == name)).mappings().first()
        if row is not None and row["stop_requested"]:
            return Conflict(
                f"deployment {name} is being deleted", hint="try again in a moment", fields={"name": "taken"}
            )
        return Conflict(
            f"a deployment is called {name} already",
            hint=f"take another name, or delete it: jupyter mlplat deployments delete {name}",
            fields={"name": "taken"},
        )

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chmod(folder, 0o700)
            write_token(folder / TOKEN)
        except OSError as error:
            raise Unavailable(
                f"the deployment's folder {folder} cannot be written: {error.strerror}",
                hint="free some space, or set MLPLAT_HOME to another disk",
            ) from error

    def _looks(self, timeout: float) -> Any:
        """Yields at once and then ten times a second until the time is over, and sees that an engine lives."""
        began = time.monotonic()
        woken = -WAKE_EVERY_S
        while True:
            waited = time.monotonic() - began
            if waited - woken >= WAKE_EVERY_S:
                self._wake()
                woken = waited
            yield waited
            if waited >= timeout:
                return
            time.sleep(LOOK_EVERY_S)

    def _with_tail(self, message: str, name: str) -> str:
        with self._store.read() as connection:
            folder = connection.execute(select(TABLE.c.folder).where(TABLE.c.name == name)).scalar()
        last = logs.tail(Path(folder) / LOG) if folder else ""
        return f"{message}; the end of its log: {last}" if last else message


def _why(one: Deployment) -> str:
    return f": {one.message}" if one.message else ""


def _logs(name: str) -> str:
    return f"jupyter mlplat deployments logs {name}"
