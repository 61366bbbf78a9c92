"""What the platform says about itself: versions, where data lives, what runs, what is missing and why."""

from __future__ import annotations

import platform as machine
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sqlalchemy import Table, func, select

from .. import __version__
from ..errors import MLPlatError
from ..models import DeploymentState, JobState, LeaseState, Part, Status
from ..processes import alive, host_id
from ..store import Store, tables, without_password
from .jobs.notices.ledger import failed_since

if TYPE_CHECKING:
    from datetime import datetime

    from ..platform import Platform

EXTRAS = {
    "torch": ("torch", "notebooks that use PyTorch", "pip install 'jupyter_mlplat[torch]'"),
    "dask-cuda": ("dask_cuda", "a Dask worker per GPU", "pip install 'jupyter_mlplat[gpu]'"),
    "postgresql": ("psycopg", "a store on PostgreSQL", "pip install 'jupyter_mlplat[postgresql]'"),
}


@dataclass(frozen=True)
class LivingEngine:
    """The process that moves jobs, as its lease in the store names it."""

    pid: int
    host: str
    since: datetime


@dataclass(frozen=True)
class Counts:
    """How many rows of the store stand in each state, zeros included."""

    jobs: dict[str, int]
    deployments: dict[str, int]
    leases: dict[str, int]


def read_status(platform: Platform) -> Status:
    """Versions, paths, what runs and what is not available. Imports nothing heavy, starts nothing.

    Never raises for a part that is missing: the part says so. Only a data directory or a configuration
    that cannot be used raises.
    """
    parts = [_operating_system()]
    engine: LivingEngine | None = None
    running: dict[str, int] = {}
    try:
        store = platform.store
        engine = living_engine(store, now=platform.clock.now())
        running = _running(read_counts(store))
        parts.append(Part(name="store", available=True, detail=store.display_url))
    except MLPlatError as error:
        parts.append(Part(name="store", available=False, detail=error.message, hint=error.hint))
    parts.append(_notifications(platform))
    parts.append(_engine_part(engine))
    parts.append(_backend_part(platform.backend))
    parts.append(_gpu_part(platform))
    for name, (module, what, hint) in EXTRAS.items():
        found = find_spec(module) is not None
        parts.append(Part(name=name, available=found, detail=what, hint="" if found else hint))
    return Status(
        version=__version__,
        python=machine.python_version(),
        platform=machine.platform(),
        home=str(platform.home.root),
        store=_without_password(platform.store_url),
        tracking_uri=_without_password(platform.mlflow_uri),
        backend=platform.backend,
        owner=platform.user,
        engine={"pid": engine.pid, "host": engine.host, "since": engine.since.isoformat()} if engine else None,
        running=running,
        parts=parts,
    )


def read_counts(store: Store) -> Counts:
    """Rows by state, one grouped query per table."""
    with store.read() as connection:

        def count(table: Table, states: type[JobState] | type[DeploymentState] | type[LeaseState]) -> dict[str, int]:
            rows = connection.execute(select(table.c.state, func.count()).group_by(table.c.state)).all()
            return {**dict.fromkeys((str(state) for state in states), 0), **{str(row[0]): int(row[1]) for row in rows}}

        return Counts(
            jobs=count(tables.jobs, JobState),
            deployments=count(tables.deployments, DeploymentState),
            leases=count(tables.leases, LeaseState),
        )


def living_engine(store: Store, *, now: datetime) -> LivingEngine | None:
    """The engine that lives now, or None. On this host its process decides, elsewhere its lease."""
    with store.read() as connection:
        row = connection.execute(select(tables.engine)).mappings().first()
    if row is None:
        return None
    here = row["host"] == host_id()
    if not (alive(row["pid"], row["pid_started"]) if here else row["expires"] > now):
        return None
    return LivingEngine(pid=row["pid"], host=row["host"].partition(":")[0], since=row["since"])


def engine_died(store: Store, *, now: datetime) -> bool:
    """True where an engine left its lease behind without giving it back, and no other has taken over."""
    with store.read() as connection:
        left_behind = connection.execute(select(tables.engine.c.stop_requested)).first()
    return left_behind is not None and left_behind[0] is None and living_engine(store, now=now) is None


def _running(counts: Counts) -> dict[str, int]:
    return {
        "jobs": counts.jobs[JobState.STARTING] + counts.jobs[JobState.RUNNING],
        "queued": counts.jobs[JobState.QUEUED],
        "deployments": counts.deployments[DeploymentState.READY] + counts.deployments[DeploymentState.DEGRADED],
        "leases": counts.leases[LeaseState.GRANTED],
    }


def _engine_part(engine: LivingEngine | None) -> Part:
    if engine is None:
        return Part(
            name="engine",
            available=True,
            detail="not running; whatever submits or deploys starts it",
            hint="jupyter mlplat scheduler keeps one in the foreground",
        )
    return Part(name="engine", available=True, detail=f"process {engine.pid} on {engine.host}")


@cache
def _backends() -> list[str]:
    # Reads the metadata of every installed package: once per process is enough.
    return sorted(point.name for point in entry_points(group="jupyter_mlplat.backends"))


def _backend_part(name: str) -> Part:
    known = _backends()
    if name in known:
        return Part(name="backend", available=True, detail=name)
    return Part(
        name="backend",
        available=False,
        detail=f"no backend is called {name}",
        hint=f"c.Platform.backend is one of {', '.join(known)}",
    )


def _gpu_part(platform: Platform) -> Part:
    try:
        devices = platform.gpus_source.devices()
    except MLPlatError as error:
        return Part(name="gpus", available=False, detail=f"No GPU: {error.message}", hint=error.hint)
    if not devices:
        return Part(name="gpus", available=False, detail="No GPU: the driver reports no device")
    return Part(name="gpus", available=True, detail=", ".join(device.name for device in devices))


def _notifications(platform: Platform) -> Part:
    channels = platform.channels
    ways = ["webhooks", f"mail by {channels.mail_server}" if channels.mail_server else "no mail server"]
    if channels.named:
        ways.append("named: " + ", ".join(f"@{name}" for name in sorted(channels.named)))
    try:
        with platform.store.read() as connection:
            failed = failed_since(connection, platform.clock.now() - timedelta(days=1))
    except MLPlatError:
        failed = 0  # the store's own part says so
    hint = "" if channels.mail_server else "for mail set c.Platform.smtp_url and c.Platform.mail_from"
    if failed:
        ways.append(f"{failed} did not arrive in the last day")
        hint = "jupyter mlplat jobs show ID says why"
    return Part(name="notifications", available=not failed, detail="; ".join(ways), hint=hint)


def _operating_system() -> Part:
    system = machine.system()
    if system == "Linux":
        return Part(name="system", available=True, detail="Linux")
    if system == "Darwin":
        return Part(name="system", available=True, detail="macOS: works without warm kernels, and is not tested")
    return Part(name="system", available=False, detail=f"{system} is not supported", hint="on Windows use WSL")


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return without_password(make_url(url))
    except (SQLAlchemyError, ValueError):
        return url
