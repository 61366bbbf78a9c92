"""The composition root: configuration -> store, MLflow, backend, services."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Dict, Float, Integer, List, Unicode, validate
from traitlets.config import Config, LoggingConfigurable

from .errors import Invalid, Unavailable
from .home import Home
from .sizes import parse_size

if TYPE_CHECKING:
    from .models import Status
    from .protocols import Backend, GPUSource, ServingTarget
    from .services.deployments import DeploymentsService
    from .services.drift import DriftService
    from .services.features import FeaturesService
    from .services.gpus import GPUsService
    from .services.jobs import Changes, JobsService, PipelinesService, SchedulesService, SweepsService
    from .services.jobs.notices import Channels
    from .services.runs import RunsService
    from .store import Store


WAITING_S = 15.0
"""An engine that finds another one waits for longer than this until the other has left."""


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Platform(LoggingConfigurable):
    """Everything that a door needs, built once from one configuration file.

    Services are made when they are first asked for, so that a door which needs one noun pays for one.
    """

    home_dir = Unicode(help="Data directory. Default: $MLPLAT_HOME, else mlplat in Jupyter's data directory.").tag(
        config=True
    )
    db_url = Unicode(
        help="SQLAlchemy URL of the store (SQLite or PostgreSQL). Default: $MLPLAT_DB_URL, else mlplat.db in the "
        "data directory."
    ).tag(config=True)
    tracking_uri = Unicode(
        help="MLflow tracking URI. Default: $MLFLOW_TRACKING_URI, else mlflow.db in the data directory."
    ).tag(config=True)
    backend = Unicode("local", help="Where jobs run: an entry point of jupyter_mlplat.backends (local, dask).").tag(
        config=True
    )
    gpu_source = Unicode(
        "nvml", help="What knows the GPUs of this machine: nvml, or fake:4xA100-80G for four that are not there."
    ).tag(config=True)
    gpu_quota = Dict(
        help="Devices that may be had at a time: by user, by @group for all of its users together, and by * for each "
        "user without a number of their own."
    ).tag(config=True)
    gpu_prices = Unicode(
        help="YAML or JSON file with what devices cost and what users may spend; a relative path is in the data "
        "directory."
    ).tag(config=True)
    gpu_idle_limit = Float(
        1800.0,
        min=0.0,
        max=366 * 86400.0,
        help="Seconds without load after which a kernel's user is asked whether it still wants its GPUs; 0 never asks.",
    ).tag(config=True)
    gpu_idle_grace = Float(
        600.0,
        min=0.0,
        max=366 * 86400.0,
        help="Seconds that this question stands before the kernel is shut down; 0 waits for an answer for ever.",
    ).tag(config=True)
    warm_kernels = Integer(
        2, min=0, max=64, help="Kernels that wait, initialised, in each environment in use; 0 starts each one plainly."
    ).tag(config=True)
    warm_imports = List(
        Unicode(),
        ["numpy", "pandas", "sklearn", "torch", "mlflow"],
        help="Modules that waiting kernels have imported, where they are installed; beside those of the notebooks.",
    ).tag(config=True)
    warm_memory = Unicode(
        "4G", help="What the waiting kernels of an environment and what they come from may use together."
    ).tag(config=True)
    buffered_logging = Bool(
        True,
        help="In kernels and jobs what plain mlflow.log_metric logs is kept on disk and delivered in batches, too; "
        "MLPLAT_LOGGING=direct in the environment says no for one process.",
    ).tag(config=True)
    owner = Unicode(help="Whom new rows belong to. Default: JUPYTERHUB_USER, else the login.").tag(config=True)
    max_parallel_jobs = Integer(0, help="Jobs that run at the same time; 0 means one per CPU.").tag(config=True)
    max_parallel_jobs_per_user = Integer(0, help="Jobs of one owner that run at the same time; 0 means no bound.").tag(
        config=True
    )
    idle_seconds = Float(600.0, help="The engine leaves after this many seconds with nothing to do.").tag(config=True)
    groups = Dict(help="Group name -> list of users.").tag(config=True)
    smtp_url = Unicode(help="Where mail goes out: smtp://user@host:587 (with STARTTLS) or smtps://user@host:465.").tag(
        config=True
    )
    smtp_password = Unicode(help="Where the mail server's password is: env:NAME or file:PATH.").tag(config=True)
    mail_from = Unicode(help="The sender of mail. Default: the user of smtp_url, where that is an address.").tag(
        config=True
    )
    notify_targets = Dict(
        help="Name -> target of notices, for --notify @NAME: mailto:ADDRESS, a webhook's address, or env:NAME or "
        "file:PATH that holds one."
    ).tag(config=True)
    notify_requests = List(
        Unicode(),
        help="Whom to tell when somebody wants to change a protected alias of a model: mailto:ADDRESS, a webhook's "
        "address, env:NAME or file:PATH that holds one, or @NAME of notify_targets.",
    ).tag(config=True)
    notify_hosts = List(
        Unicode(),
        help="Hosts of webhooks that need not be on the public Internet, as host or host:port. Whoever submits a job "
        "can send requests to them.",
    ).tag(config=True)
    keep_jobs_days = Float(
        0.0, min=0.0, help="The engine deletes jobs that ended more than so many days ago; 0 keeps them for ever."
    ).tag(config=True)
    keep_jobs = Integer(
        0,
        min=0,
        help="The engine deletes jobs but for so many of the newest of each notebook; 0 keeps all. With keep_jobs_days "
        "only those are deleted that neither keeps.",
    ).tag(config=True)

    _started_beside = float("-inf")

    @classmethod
    def load(cls, config: Config | None = None) -> Platform:
        """Build the platform from `jupyter_mlplat_config.{py,json}` on Jupyter's configuration path.

        `config` wins over the files. Raises `Invalid` where a file cannot be read.
        """
        merged = read_config()
        if config is not None:
            merged.merge(config)
        return cls(config=merged)

    @validate("backend")
    def _known_backend(self, proposal: dict[str, str]) -> str:
        return proposal["value"].strip() or "local"

    @cached_property
    def home(self) -> Home:
        """The data directory, created if it was missing."""
        return (Home(Path(self.home_dir).expanduser().absolute()) if self.home_dir else Home.default()).ensure()

    @cached_property
    def clock(self) -> SystemClock:
        return SystemClock()

    @cached_property
    def user(self) -> str:
        """Whom new rows belong to when the door brings no identity of its own."""
        return self.owner or os.environ.get("JUPYTERHUB_USER") or getpass.getuser()

    @cached_property
    def store_url(self) -> str:
        return self.db_url or os.environ.get("MLPLAT_DB_URL") or f"sqlite:///{self.home.database}"

    @cached_property
    def mlflow_uri(self) -> str:
        """MLflow's tracking URI, always absolute: a kernel and the engine have other working directories."""
        from .services.runs.tracking import absolute_uri

        named = self.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        return absolute_uri(named or f"sqlite:///{self.home.mlflow_database}")

    @cached_property
    def store(self) -> Store:
        from .store import Store

        return Store(self.store_url)

    @property
    def slots(self) -> int:
        """How many jobs run at the same time."""
        return self.max_parallel_jobs or os.cpu_count() or 1

    @property
    def leases_gpus(self) -> bool:
        """True where jobs hold leases on devices; the workers of a cluster elsewhere say themselves what they have."""
        return self.backend == "local"

    # --- plug points ------------------------------------------------------------------------

    def make_backend(self) -> Backend:
        """The configured backend, not yet started. Raises `Invalid` where nothing has that name."""
        from importlib.metadata import entry_points

        found = {point.name: point for point in entry_points(group="jupyter_mlplat.backends")}
        if self.backend not in found:
            raise Invalid(
                f"no backend is called {self.backend}", hint=f"c.Platform.backend is one of {', '.join(sorted(found))}"
            )
        made: Backend = found[self.backend].load()(parent=self, home=self.home)
        return made

    def make_serving_target(self, name: str) -> ServingTarget:
        """The serving target `name`. Raises `Invalid` where nothing has that name."""
        if name != "local":
            raise Invalid(f"no serving target is called {name}", hint="use local", fields={"target": "unknown"})
        from .backends.endpoints import LocalTarget

        return LocalTarget()

    @cached_property
    def gpus_source(self) -> GPUSource:
        """What knows the devices. Raises `Invalid` where nothing has that name."""
        kind, _, spec = self.gpu_source.partition(":")
        if kind == "fake":
            from .backends.fake_gpus import FakeSource

            return FakeSource(spec, self.home.run / "fake-gpus.json")
        if self.gpu_source != "nvml":
            raise Invalid(
                f"no GPU source is called {self.gpu_source}",
                hint="c.Platform.gpu_source is nvml or like fake:4xA100-80G",
            )
        from .backends.nvml import NVMLSource

        return NVMLSource()

    # --- services ---------------------------------------------------------------------------

    @cached_property
    def runs(self) -> RunsService:
        from .services.runs import RequestNotices, RunsService

        notices = RequestNotices([str(one) for one in self.notify_requests], self.wake_engine)
        return RunsService(self.mlflow_uri, self.home, self.store, notices)

    @cached_property
    def jobs(self) -> JobsService:
        from .services.jobs import JobsService

        return JobsService(
            self.store,
            self.home,
            self.clock,
            self.wake_engine,
            backend=self.backend,
            slots=self.slots,
            channels=self.channels,
            refuse_gpus=self.gpus.refuse if self.leases_gpus else None,
        )

    @cached_property
    def channels(self) -> Channels:
        """How notices get out."""
        from .services.jobs.notices import Channels

        return Channels(
            smtp_url=self.smtp_url,
            smtp_password=self.smtp_password,
            mail_from=self.mail_from,
            named={str(name).removeprefix("@"): str(target) for name, target in self.notify_targets.items()},
            hosts=frozenset(self.notify_hosts),
        )

    @cached_property
    def changes(self) -> Changes:
        from .services.jobs import Changes

        return Changes(self.store, self.runs.get)

    @cached_property
    def schedules(self) -> SchedulesService:
        from .services.jobs import SchedulesService

        return SchedulesService(self.store, self.home, self.clock, self.jobs, self.wake_engine)

    @cached_property
    def sweeps(self) -> SweepsService:
        from .services.jobs import SweepsService

        return SweepsService(self.store, self.home, self.clock, self.jobs, self.wake_engine)

    @cached_property
    def pipelines(self) -> PipelinesService:
        from .services.jobs import PipelinesService

        return PipelinesService(self.store, self.home, self.clock, self.jobs, self.wake_engine)

    @cached_property
    def deployments(self) -> DeploymentsService:
        from .services.deployments import DeploymentsService

        return DeploymentsService(self.store, self.home, self.clock, self.runs, self.wake_engine, self.gpus)

    @cached_property
    def features(self) -> FeaturesService:
        from .services.features import FeaturesService

        return FeaturesService(self.store, self.home, self.clock)

    @cached_property
    def drift(self) -> DriftService:
        from .services.drift import DriftService

        return DriftService(self.home, self.clock, self.runs)

    @cached_property
    def gpus(self) -> GPUsService:
        from .services.gpus import GPUsService, IdleRule, PriceFile, Quotas

        groups = {str(name): [str(user) for user in users] for name, users in self.groups.items()}
        limits = {str(whose): int(limit) for whose, limit in self.gpu_quota.items()}
        prices = PriceFile(self.home.root / os.path.expanduser(self.gpu_prices) if self.gpu_prices else None)
        quotas = Quotas(limits, groups)
        idle = IdleRule(self.gpu_idle_limit, self.gpu_idle_grace)
        return GPUsService(self.store, self.gpus_source, self.clock, quotas, self.wake_engine, prices, idle)

    def status(self) -> Status:
        """Versions, where data lives, what is running, and what is not available and why."""
        from .services.status import read_status

        return read_status(self)

    @property
    def warm(self) -> dict[str, Any]:
        """How `kernel.pool.Pool` keeps warm kernels. Raises `Invalid` where the size is none."""
        try:
            memory = parse_size(self.warm_memory)
        except ValueError as error:
            raise Invalid(f"c.Platform.warm_memory: {error}", hint="write 4G") from None
        return {"preload": tuple(self.warm_imports), "keep": self.warm_kernels, "max_memory": memory}

    @property
    def warm_attempts(self) -> dict[str, object] | None:
        """The same with the data directory, for attempts of jobs; None where none shall wait."""
        return {"home": str(self.home.root), **self.warm} if self.warm_kernels else None

    # --- the environment of kernels and jobs -----------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Variables that make MLflow in another process write where the platform reads."""
        variables = {"MLPLAT_HOME": str(self.home.root), "MLFLOW_TRACKING_URI": self.mlflow_uri}
        if self.mlflow_uri.startswith(("sqlite:", "postgresql")):
            # Without it MLflow puts the artifacts of a new experiment into ./mlruns of the working directory.
            variables["_MLFLOW_SERVER_ARTIFACT_ROOT"] = self.home.artifacts.as_uri()
        if self.buffered_logging:
            variables["MLPLAT_LOGGING"] = "buffered"
        return variables

    # --- the engine -------------------------------------------------------------------------

    def wake_engine(self) -> None:
        """Make sure that an engine is alive and looks at the store now. Returns at once."""
        from .engine_lease import EngineLease

        # A process that is being killed still has its end of the pipe: only the lease says that it lives.
        rung, holder = self.ring(), EngineLease(self.store).holder()
        if holder is not None:
            holder.nudge()
            # It is about to leave, or has another data directory: one that waits for its lease is enough.
            if rung or time.monotonic() - self._started_beside < WAITING_S:
                return
            self._started_beside = time.monotonic()
        self._start_engine()

    def ring(self) -> bool:
        """Write into the engine's pipe; False where nobody has the other end."""
        try:
            pipe = os.open(self.home.wake, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            os.write(pipe, b"\n")
        except BlockingIOError:
            pass  # a full pipe wakes as well as one more byte
        except OSError:
            return False
        finally:
            os.close(pipe)
        return True

    def _start_engine(self) -> None:
        environment = {**os.environ, "MLPLAT_HOME": str(self.home.root), "MLPLAT_DB_URL": self.store_url}
        environment["MLFLOW_TRACKING_URI"] = self.mlflow_uri
        for name in ("JPY_API_TOKEN", "JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN", "MLFLOW_RUN_ID", "JPY_PARENT_PID",
                     "MLPLAT_LOGGING"):  # fmt: skip
            environment.pop(name, None)
        with open(self.home.log / "engine.log", "ab") as log:
            try:
                # The shell leaves at once, so that the engine is nobody's child and never a zombie here.
                subprocess.run(
                    ["/bin/sh", "-c", '"$@" &', "sh", sys.executable, "-m", "jupyter_mlplat.engine", "--detached"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=environment,
                    start_new_session=True,
                    check=True,
                )
            except (OSError, subprocess.CalledProcessError) as error:
                raise Unavailable(
                    f"the engine could not be started: {error}", hint="start it: jupyter mlplat scheduler"
                ) from error

    def close(self) -> None:
        """Give back what this process holds."""
        if "store" in self.__dict__:
            self.store.close()


def read_config() -> Config:
    """`jupyter_mlplat_config.py` and `.json` on Jupyter's configuration path, the most specific last."""
    from jupyter_core.paths import jupyter_config_path
    from traitlets.config.loader import ConfigFileNotFound, JSONFileConfigLoader, PyFileConfigLoader

    merged = Config()
    for folder in reversed(jupyter_config_path()):
        for loader in (PyFileConfigLoader, JSONFileConfigLoader):
            suffix = "py" if loader is PyFileConfigLoader else "json"
            try:
                merged.merge(loader(f"jupyter_mlplat_config.{suffix}", path=folder).load_config())
            except ConfigFileNotFound:
                continue
            except Exception as error:
                raise Invalid(
                    f"{folder}/jupyter_mlplat_config.{suffix} cannot be read: {error}",
                    hint="mend the file or move it away",
                ) from error
    return merged
