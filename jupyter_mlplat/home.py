"""The data directory: where everything that the platform writes lives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import Invalid


@dataclass(frozen=True)
class Home:
    """Paths inside one data directory. Nothing is written outside of it."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        """`$MLPLAT_HOME`, else `mlplat` in Jupyter's data directory."""
        named = os.environ.get("MLPLAT_HOME")
        if named:
            return cls(Path(named).expanduser().absolute())
        from jupyter_core.paths import jupyter_data_dir

        return cls(Path(jupyter_data_dir()).absolute() / "mlplat")

    def ensure(self) -> Home:
        """Create what is missing, readable by its owner only. Raises `Invalid` where that cannot be done."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (
                self.artifacts,
                self.jobs,
                self.schedules,
                self.sweeps,
                self.pipelines,
                self.features,
                self.spool,
                self.log,
                self.run,
                self.endpoints,
            ):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Invalid(
                f"the data directory {self.root} cannot be used: {error.strerror}",
                hint="set MLPLAT_HOME to a folder that you may write to",
            ) from error
        return self

    @property
    def database(self) -> Path:
        return self.root / "mlplat.db"

    @property
    def mlflow_database(self) -> Path:
        return self.root / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def schedules(self) -> Path:
        """One folder per schedule: the notebook that runs."""
        return self.root / "schedules"

    @property
    def sweeps(self) -> Path:
        """One folder per sweep: the notebook that runs, and Optuna's journal."""
        return self.root / "sweeps"

    @property
    def pipelines(self) -> Path:
        """One folder per pipeline: the notebook of each node."""
        return self.root / "pipelines"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def kernels(self) -> Path:
        """One folder per notebook: what its kernel held in memory when it was shut down."""
        return self.root / "kernels"

    @property
    def index(self) -> Path:
        """Finds runs: a cache, made anew where it is missing."""
        return self.root / "index.db"

    @property
    def points(self) -> Path:
        """The points of metrics by run: a cache, made anew where it is missing."""
        return self.root / "points.db"

    @property
    def spool(self) -> Path:
        """What was logged and MLflow may not have yet."""
        return self.root / "spool"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def run(self) -> Path:
        """Sockets, tokens and process ids."""
        return self.root / "run"

    @property
    def endpoints(self) -> Path:
        """One folder per deployment: token, configuration, log."""
        return self.root / "run" / "endpoints"

    @property
    def reports(self) -> Path:
        """The socket on which the engine says whether a trial goes on."""
        return self.root / "run" / "reports.sock"

    @property
    def wake(self) -> Path:
        """The pipe that wakes the engine."""
        return self.root / "run" / "engine.wake"
