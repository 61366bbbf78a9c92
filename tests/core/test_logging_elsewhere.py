"""What is logged where MLflow is a server, or has its tables in PostgreSQL: kept, in order, each point once."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import make_url

from jupyter_mlplat.errors import Denied
from jupyter_mlplat.home import Home
from jupyter_mlplat.mlflow_base.tables import LARGEST
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.spool import Outage, deliver_left, left
from jupyter_mlplat.spool.delivery import deliver

from ..conftest import PostgreSQL
from ..mlflowserver import MLflowServer, PasswordProxy


class Elsewhere(Protocol):
    """An MLflow that can go away for a while."""

    url: str

    def stop(self) -> None: ...

    def start(self) -> None: ...


class Database:
    """A database that answers nobody while it is stopped."""

    def __init__(self, server: PostgreSQL, url: str) -> None:
        self.url = url
        self._server = server
        self._name = make_url(url).database

    def stop(self) -> None:
        self._server.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        self._server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'")

    def start(self) -> None:
        self._server.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")


@pytest.fixture(params=["server", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Elsewhere]:
    """One that answers."""
    if request.param == "server":
        with MLflowServer(tmp_path / "server") as server:
            yield server
    else:
        server = request.getfixturevalue("postgresql_server")
        yield Database(server, request.getfixturevalue("postgresql_url"))


def test_an_outage_is_waited_for_on_disk(home: Home, platform: Platform, elsewhere: Elsewhere) -> None:
    """MLflow goes away while a program logs: it logs on, and MLflow catches up."""
    logging = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import math, sys, mlflow
            active = mlflow.start_run()
            def log(steps):
                for step in steps:
                    mlflow.log_metric("m", step / 7, step=step)
            log(range(2500))
            mlflow.log_metrics({"nan": math.nan, "inf": math.inf})
            mlflow.log_params({"p": "\\u202e", "q": 2})
            assert len(mlflow.MlflowClient().get_metric_history(active.info.run_id, "m")) == 2500
            print(active.info.run_id, flush=True)
            sys.stdin.readline()
            log(range(2500, 6000))
            print("logged", flush=True)
            sys.stdin.readline()
        """)],
        env={**os.environ, **platform.environment(), "MLFLOW_TRACKING_URI": elsewhere.url}, cwd=home.root,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert logging.stdin is not None
    assert logging.stdout is not None
    with logging:
        run = logging.stdout.readline().strip()
        elsewhere.stop()
        logging.stdin.write("go\n")
        logging.stdin.flush()
        assert logging.stdout.readline() == "logged\n"
        assert len(left(home.spool)) == 1
        assert deliver_left(home.spool) == 0  # it is of a living process
        with pytest.raises(Outage):
            deliver(elsewhere.url, [["m", run, "m", 1.0, 1, 0]])
        elsewhere.start()
        theirs = RunsService(elsewhere.url, home, platform.store)
        deadline = time.monotonic() + 60
        while theirs.get(run).metrics["m"] != 5999 / 7:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        logging.kill()
    data = theirs.client().get_run(run).data
    assert data.params == {"p": "\u202e", "q": "2"}
    assert math.isnan(data.metrics["nan"])
    assert data.metrics["inf"] == LARGEST
    assert sorted(one.step for one in theirs.client().get_metric_history(run, "m")) == list(range(6000))
    assert left(home.spool) == []


def test_kill_9_loses_nothing_that_was_acknowledged(home: Home, platform: Platform, elsewhere: Elsewhere) -> None:
    logging = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import mlflow
            print(mlflow.start_run().info.run_id, flush=True)
            for step in range(1_000_000):
                mlflow.log_metric("m", step / 7, step=step)
                print(step, flush=True)
        """)],
        env={**os.environ, **platform.environment(), "MLFLOW_TRACKING_URI": elsewhere.url}, cwd=home.root,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert logging.stdout is not None
    with logging:
        run = logging.stdout.readline().strip()
        for last in range(3000):
            assert int(logging.stdout.readline()) == last
        logging.kill()
    theirs = RunsService(elsewhere.url, home, platform.store)
    assert (theirs.get(run).metrics["m"] or 0.0) >= last / 7  # whoever asks has it delivered first
    points = sorted((one.step, one.value) for one in theirs.client().get_metric_history(run, "m"))
    assert points == [(step, step / 7) for step in range(len(points))]
    assert len(points) > last
    assert left(home.spool) == []


def test_a_server_with_a_password(
    home: Home, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own variables have the credentials; they are in no file of ours."""
    password = "pass word:é"
    with MLflowServer(tmp_path / "server") as server, PasswordProxy(server.url, "mia", password) as proxy:
        theirs = RunsService(proxy.url, home, platform.store)
        with pytest.raises(Denied, match="authenticated") as denied:
            theirs.list()
        assert "MLFLOW_TRACKING_USERNAME" in str(denied.value.hint)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "mia")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent("""
                import mlflow
                with mlflow.start_run(run_name="with a password"):
                    for step in range(300):
                        mlflow.log_metric("m", step / 7, step=step)
                    mlflow.log_text("hello", "note.txt")
            """)],
            env={**os.environ, **platform.environment(), "MLFLOW_TRACKING_URI": proxy.url}, cwd=home.root,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (run,) = theirs.list().items
        assert (run.name, run.status) == ("with a password", "FINISHED")
        assert theirs.curves.get(run.id, "m").count == 300
        with theirs.artifacts.reading(run.id, "note.txt") as file:
            assert file.file.read() == b"hello"
        assert left(home.spool) == []
        said = done.stdout + done.stderr
        kept = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
        assert password not in said
        assert password.encode() not in kept
