"""Fixtures that all tests share: a data directory of their own, a platform on it, a real PostgreSQL.

No test sees the user's home, configuration or data, and none leaves a process behind: what a test
starts inherits `MLPLAT_HOME`, and that is how it is found again.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mlplat.home import Home
from jupyter_mlplat.mlflow_plugin import session
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.processes import kill_tree, start_time
from jupyter_mlplat.store import Store

pytest_plugins = ["pytest_jupyter.jupyter_server"]

_UNSET = (
    "MLPLAT_DB_URL",
    "MLFLOW_TRACKING_URI",
    "MLPLAT_LOGGING",
    "MLPLAT_SPOOL",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_RUN_ID",
    "_MLFLOW_SERVER_ARTIFACT_ROOT",
    "JUPYTERHUB_USER",
    "JUPYTER_PATH",
    "JUPYTER_TOKEN",
    "JPY_PARENT_PID",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
)


# Every process that a test starts would compile what it imports, each time anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Two processes run the tests: threads of OpenMP that wait for each other would take the processor from the other one.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# --- two processes run the tests ------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C is an exception here as everywhere: a process that works for another one ignores it."""
    if hasattr(config, "workerinput"):
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests stay together; so do all that share a browser and a server, or a warm engine."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = file.rpartition("/")[0]
            return folder if folder.endswith(("/browser", "/faults")) else file

    return ByFile(config, log)


# --- no process is left behind --------------------------------------------------------------------


def living_under(root: Path) -> list[psutil.Process]:
    """Processes that were started with a data directory inside `root`; never the one that asks.

    Nor multiprocessing's resource tracker, which each process that needs one keeps until it ends.
    """
    inside = str(root) + os.sep
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            home = process.environ().get("MLPLAT_HOME", "")
            if not (home + os.sep).startswith(inside) or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.ppid() == os.getpid() and "multiprocessing.resource_tracker" in " ".join(process.cmdline()):
                continue
            found.append(process)
        except psutil.Error:
            continue
    return found


def fail_on_leftovers(root: Path, *, within: float = 10.0) -> None:
    """Give what is ending under `root` some seconds, then kill and name what is still there."""
    deadline = time.monotonic() + within
    while left := living_under(root):  # one that ends may be followed by another
        if time.monotonic() > deadline:
            break
        psutil.wait_procs(left, timeout=max(deadline - time.monotonic(), 0.0))
    else:
        return
    lines = []
    for process in sorted(left, key=lambda one: one.pid):
        try:
            lines.append(f"{process.pid} (child of {process.ppid()}): {' '.join(process.cmdline())}")
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=5.0)
    if lines:
        pytest.fail("processes were left behind:\n  " + "\n  ".join(lines), pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def few_warm_kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines of tests start kernels plainly: each has a data directory of its own, and imports take ten seconds."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "jupyter_mlplat_config.json").write_text('{"Platform": {"warm_kernels": 0}}')
    before = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = str(folder)
    yield
    if before is None:
        del os.environ["JUPYTER_CONFIG_PATH"]
    else:
        os.environ["JUPYTER_CONFIG_PATH"] = before


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    fail_on_leftovers(tmp_path_factory.getbasetemp())


# --- data directory and platform ------------------------------------------------------------------


@pytest.fixture(autouse=True)
def mlflow_forgets() -> Iterator[None]:
    """What a test told MLflow in this process, and what runs are tagged with, is gone with the test."""
    yield
    if "mlflow" in sys.modules:
        import mlflow

        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
    session._views.clear()


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home, configuration and data directories inside `tmp_path`; returns the future data directory."""
    for name in _UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, folder in (
        ("HOME", "user"),
        ("JUPYTER_CONFIG_DIR", "user/.jupyter"),
        ("JUPYTER_DATA_DIR", "user/.local/share/jupyter"),
        ("JUPYTER_RUNTIME_DIR", "user/runtime"),
        ("IPYTHONDIR", "user/.ipython"),
    ):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(tmp_path / folder))
    data = tmp_path / "mlplat"
    monkeypatch.setenv("MLPLAT_HOME", str(data))
    return data


@pytest.fixture
def beacon() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on loopback, and the paths that anybody asked it for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(isolated_environment: Path) -> Home:
    """An empty data directory that every process of this test uses."""
    return Home(isolated_environment).ensure()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its schema and nothing in it: its migrations take a third of a second."""
    made = tmp_path_factory.mktemp("store") / "mlplat.db"
    Store(f"sqlite:///{made}").close()
    return made


@pytest.fixture
def sqlite_url(home: Home, empty_database: Path) -> str:
    """The URL of a store of this test in its data directory."""
    shutil.copyfile(empty_database, home.database)
    return f"sqlite:///{home.database}"


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh database of MLflow, whose migrations take four seconds."""
    root = tmp_path_factory.mktemp("mlflow")
    program = "from jupyter_mlplat.platform import Platform; Platform().runs.client()"
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    environment["MLPLAT_HOME"] = str(root)
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=170)
    return root / "mlflow.db"


def copy_mlflow(database: Path, home: Home) -> None:
    """Give `home` a copy of a database of MLflow, as if it had been made there."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(home.mlflow_database)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = WAL")
        with target:
            target.execute(
                "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)",
                (str(database.parent), str(home.root)),
            )


@pytest.fixture
def platform(home: Home, sqlite_url: str, mlflow_database: Path) -> Iterator[Platform]:
    """A platform on `home`; its engine, if one was started, is stopped, and nothing may stay alive."""
    copy_mlflow(mlflow_database, home)
    made = Platform()
    yield made
    try:
        stop_engine(made)
    finally:
        made.close()
    fail_on_leftovers(home.root)


def stop_engine(platform: Platform) -> None:
    """End the engine of `platform` with all that it keeps; an engine that is only just starting too."""
    if not living_under(platform.home.root):
        return
    from jupyter_mlplat.engine import request_stop

    request_stop(platform, jobs="cancel")
    deadline = time.monotonic() + 30.0
    while engines := _engines(platform.home.root):
        if time.monotonic() > deadline:
            for process in engines:
                started = start_time(process.pid)
                if started is not None:
                    kill_tree(process.pid, started)
            return
        psutil.wait_procs(engines, timeout=1.0)
        # One that had not taken its lease when the stop was asked for has not heard it.
        if _engines(platform.home.root):
            request_stop(platform, jobs="cancel")


def _engines(root: Path) -> list[psutil.Process]:
    found = []
    for process in living_under(root):
        try:
            if "jupyter_mlplat.engine" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


# --- PostgreSQL -----------------------------------------------------------------------------------


class PostgreSQL:
    """A cluster of its own, reached by a Unix socket only; durable for nobody, so quick."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Sockets have short paths, and the server's user must be able to enter: not under pytest's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="mlplat-pg-"))
        self.user: str | None = None
        if os.geteuid() == 0:
            self.user = pwd.getpwnam("postgres").pw_name
            shutil.chown(self.folder, self.user, self.user)
        self._data = self.folder / "data"
        self._run("initdb", "-D", self._data, "-U", "mlplat", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-locale")
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}'"
        options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=100"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://mlplat@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(f"host={self.folder} user=mlplat dbname=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, *, like: str = "template1") -> Iterator[str]:
        """The URL of a new database, a copy of another one; dropped afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        try:
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        # Not through a pipe: the server would inherit it and never close it.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [self._programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                check=False,
            )
            output.seek(0)
            if done.returncode:
                pytest.fail(f"{program} failed: {output.read().decode(errors='replace')}", pytrace=False)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for all tests that want one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        programs = found[-1].parent
    elif on_path := shutil.which("initdb"):
        programs = Path(on_path).resolve().parent
    else:
        pytest.fail(
            "PostgreSQL is not installed; install it (Debian: apt-get install postgresql) and run `make setup`",
            pytrace=False,
        )
    server = PostgreSQL(programs)
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL) -> Iterator[str]:
    """The URL of an empty database that is dropped afterwards."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def empty_postgresql(postgresql_server: PostgreSQL) -> str:
    """The name of a database with the store's schema and nothing in it."""
    postgresql_server.execute("CREATE DATABASE with_schema")
    Store(postgresql_server.url("with_schema")).close()
    return "with_schema"


@pytest.fixture
def postgresql_store_url(postgresql_server: PostgreSQL, empty_postgresql: str) -> Iterator[str]:
    """The URL of a store of this test."""
    with postgresql_server.database(like=empty_postgresql) as url:
        yield url
