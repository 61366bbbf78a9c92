"""The backend contract: the same body over the embedded cluster and a Dask scheduler by its address."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from tornado.tcpclient import TCPClient

from jupyter_mlplat.attempts import ENVIRONMENT, LOG, OUTPUT, RUNNER_RECORD, read_record
from jupyter_mlplat.backends.dask import DaskBackend
from jupyter_mlplat.backends.local import LocalBackend
from jupyter_mlplat.errors import Invalid, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.processes import kill_tree, start_time
from jupyter_mlplat.protocols import Attempt, Backend, Report

BUSY = "import os, time\nopen({pid!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"


@dataclass
class Cluster:
    """A backend that works, how to make another one on the same cluster, and what it reports."""

    backend: DaskBackend
    again: Callable[[], DaskBackend]
    folder: Path
    inbox: queue.SimpleQueue[Report] = field(default_factory=queue.SimpleQueue)
    count: int = 0

    def attempt(self, *cells: str, **fields: object) -> Attempt:
        self.count += 1
        job = self.folder / str(self.count)
        job.mkdir()
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
        nbformat.write(notebook, job / "submitted.ipynb")
        return Attempt(
            job_id=str(self.count),
            number=1,
            notebook=str(job / "submitted.ipynb"),
            parameters={},
            folder=str(job / "attempt-1"),
            cwd=str(job),
            environment={"MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow.db"},
            **fields,  # type: ignore[arg-type]
        )

    def until(self, key: str, *kinds: str) -> Report:
        """The first report of `key` that is one of `kinds`, acknowledging it meanwhile."""
        return self.until_any({key}, *kinds)

    def until_any(self, keys: set[str], *kinds: str) -> Report:
        """The same of several attempts."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                report = self.inbox.get(timeout=2)
            except queue.Empty:
                self.backend.acknowledge(keys)
                continue
            if report.key in keys and report.kind in kinds:
                return report
        pytest.fail(f"no {kinds} of {keys}")


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("backend") / "mlplat").ensure()


@pytest.fixture(scope="module", params=["local", "dask"])
def cluster(request: pytest.FixtureRequest, module_home: Home) -> Iterator[Cluster]:
    folder = module_home.jobs / request.param
    folder.mkdir()
    inbox: queue.SimpleQueue[Report] = queue.SimpleQueue()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPLAT_HOME", str(module_home.root))
        if request.param == "local":
            backend: DaskBackend = LocalBackend(home=module_home)
            backend.start(inbox.put)
            yield Cluster(backend, lambda: LocalBackend(home=module_home), folder, inbox)
            backend.close(stop=True)
            return
        with dask_scheduler(folder) as address:
            backend = DaskBackend(home=module_home, address=address)
            backend.start(inbox.put)
            yield Cluster(backend, lambda: DaskBackend(home=module_home, address=address), folder, inbox)
            backend.close(stop=True)


class dask_scheduler:
    """A scheduler and a worker as their keeper would start them: processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> str:
        file = self.folder / "scheduler.json"
        log = open(self.folder / "dask.log", "ab")
        common = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL, "cwd": self.folder}
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
                 "--no-dashboard", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)],
                **common,  # type: ignore[call-overload]
            )
        ]  # fmt: skip
        self.processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "4",
                 "--no-dashboard", "--host", "127.0.0.1", "--memory-limit", "0", "--resources", "GPU=2"],
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"},
                **common,  # type: ignore[call-overload]
            )
        )  # fmt: skip
        log.close()
        import json

        from distributed import Client

        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline, (self.folder / "dask.log").read_text()
            time.sleep(0.05)
        address = str(json.loads(file.read_text())["address"])
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
        return address

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(timeout=30)


def test_the_files_that_a_notebook_names_are_beside_it(cluster: Cluster) -> None:
    attempt = cluster.attempt("assert open('table.csv').read() == 'a,b\\n1,2\\n'; open('exit.json').read(); 1/0")
    work = Path(attempt.cwd)
    (work / "table.csv").write_text("a,b\n1,2\n")
    (work / "exit.json").write_text('{"state": "succeeded"}')  # a file of the user's is no record of ours
    notebook = nbformat.read(attempt.notebook, as_version=4)
    notebook.metadata["mlplat"] = {"files": ["*.csv", "exit.json"]}
    nbformat.write(notebook, attempt.notebook)
    cluster.backend.submit(attempt)
    ended = cluster.until(attempt.key, "ended").data
    assert "ZeroDivisionError" in str(ended["message"])
    assert (Path(attempt.folder) / ENVIRONMENT).exists()


def test_attempts_have_the_devices_of_their_worker_each_its_own(cluster: Cluster) -> None:
    if not cluster.backend.carries_files:
        pytest.skip("the embedded one has leases")
    wait = "import os, time\nprint(os.environ['CUDA_VISIBLE_DEVICES'])\ntime.sleep(2)"
    first, second = (replace(cluster.attempt(wait), gpus=1) for _ in range(2))
    cluster.backend.submit(first)
    cluster.backend.submit(second)
    for _ in range(2):
        assert cluster.until_any({first.key, second.key}, "ended").data["state"] == "succeeded"
    assert sorted((Path(one.folder) / LOG).read_text().strip() for one in (first, second)) == ["GPU-a", "GPU-b"]
    both = replace(cluster.attempt("import os\nprint(os.environ['CUDA_VISIBLE_DEVICES'])"), gpus=2)
    cluster.backend.submit(both)
    assert cluster.until(both.key, "ended").data["state"] == "succeeded"
    assert (Path(both.folder) / LOG).read_text() == "GPU-a,GPU-b\n"
    with pytest.raises(Unavailable, match="no worker of the Dask cluster has 3 GPUs"):
        cluster.backend.submit(replace(both, number=9, gpus=3))


def test_a_worker_is_found_while_the_client_asks_who_is_there(cluster: Cluster) -> None:
    """The client asks for the scheduler alone every two seconds, and forgets the workers it knew."""
    if not cluster.backend.carries_files:
        pytest.skip("the embedded one has leases")
    attempt = replace(cluster.attempt("1"), gpus=2)
    with dask.config.set({"distributed.client.scheduler-info-interval": "5ms"}):
        backend = cluster.again()
        backend.start(lambda report: None)
    try:
        for _ in range(400):
            assert backend._resources(backend._connected(), attempt) == {"GPU": 2}
    finally:
        backend.close(stop=False)


def test_every_backend_is_one(cluster: Cluster) -> None:
    assert isinstance(cluster.backend, Backend)


def test_reports_and_results_of_an_attempt(cluster: Cluster) -> None:
    attempt = cluster.attempt("print('hello')", "1/0", "2")
    cluster.backend.submit(attempt)
    assert cluster.until(attempt.key, "started").data["started_at"]
    states = [cluster.until(attempt.key, "cell").data for _ in range(4)]
    assert [(cell["index"], cell["state"]) for cell in states] == [
        (0, "running"), (0, "ok"), (1, "running"), (1, "error")
    ]  # fmt: skip
    ended = cluster.until(attempt.key, "ended").data
    assert (ended["state"], ended["reason"]) == ("failed", "cell_error")
    assert (Path(attempt.folder) / LOG).read_text().startswith("hello\n")
    assert nbformat.read(Path(attempt.folder) / OUTPUT, as_version=4).cells


def test_cancel_ends_it_and_still_reports(cluster: Cluster, tmp_path: Path) -> None:
    attempt = cluster.attempt(BUSY.format(pid=str(tmp_path / "pid")))
    cluster.backend.submit(attempt)
    cluster.until(attempt.key, "cell")
    cluster.backend.cancel(attempt.key)
    ended = cluster.until(attempt.key, "ended", "lost")
    assert (ended.kind, ended.data["state"]) == ("ended", "cancelled")


def test_an_attempt_is_adopted_by_the_engine_that_comes_next(cluster: Cluster, tmp_path: Path) -> None:
    attempt = cluster.attempt("import time; time.sleep(3); print('survived')")
    cluster.backend.submit(attempt)
    cluster.until(attempt.key, "cell")
    cluster.backend.close(stop=False)
    cluster.backend = cluster.again()
    cluster.backend.start(cluster.inbox.put)
    cluster.backend.adopt(attempt)
    ended = cluster.until(attempt.key, "ended", "lost")
    assert (ended.kind, ended.data["state"]) == ("ended", "succeeded")
    assert (Path(attempt.folder) / LOG).read_text() == "survived\n"


def test_an_attempt_that_ended_while_nobody_looked_is_found(cluster: Cluster) -> None:
    attempt = cluster.attempt("print('done')")
    cluster.backend.submit(attempt)
    cluster.until(attempt.key, "cell")
    cluster.backend.close(stop=False)
    between = cluster.again()
    between.start(lambda report: None)
    cluster.backend = cluster.again()
    cluster.backend.start(cluster.inbox.put)
    between.close(stop=False)
    cluster.backend.adopt(attempt)
    ended = cluster.until(attempt.key, "ended", "lost")
    assert (ended.kind, ended.data["state"]) == ("ended", "succeeded")


def test_a_runner_that_is_killed_is_lost_and_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    attempt = cluster.attempt(BUSY.format(pid=str(tmp_path / "pid")))
    cluster.backend.submit(attempt)
    cluster.until(attempt.key, "cell")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    kernel = int((tmp_path / "pid").read_text())
    os.kill(psutil.Process(kernel).ppid(), signal.SIGKILL)
    ended = cluster.until(attempt.key, "ended", "lost")
    assert (ended.kind, ended.data["reason"]) == ("lost", "worker_lost")
    assert start_time(kernel) is None


def test_an_attempt_that_never_was_is_lost(cluster: Cluster) -> None:
    attempt = cluster.attempt("1")
    cluster.backend.adopt(attempt)
    assert cluster.until(attempt.key, "ended", "lost").kind == "lost"


def test_the_death_of_the_embedded_cluster_loses_its_attempts_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    backend = LocalBackend(home=home)
    inbox: queue.SimpleQueue[Report] = queue.SimpleQueue()
    backend.start(inbox.put)
    cluster = Cluster(backend, lambda: LocalBackend(home=home), home.jobs, inbox)
    attempt = cluster.attempt(BUSY.format(pid=str(tmp_path / "pid")))
    backend.submit(attempt)
    cluster.until(attempt.key, "cell")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    record = read_record(home.run, "cluster.json")
    assert record is not None
    for process in [psutil.Process(int(str(record["pid"])))]:
        for child in [*process.children(recursive=True), process]:
            if "jupyter_mlplat.runner" not in child.cmdline() and child.pid != int((tmp_path / "pid").read_text()):
                child.kill()
    ended = cluster.until(attempt.key, "ended", "lost")
    assert ended.data["reason"] == "worker_lost"
    runner = read_record(Path(attempt.folder), RUNNER_RECORD)
    assert runner is not None
    assert start_time(int(str(runner["pid"]))) is None
    assert start_time(int((tmp_path / "pid").read_text())) is None
    backend.start(inbox.put)  # a new cluster takes its place
    backend.close(stop=True)


def test_a_connection_that_breaks_in_the_middle_of_tls_is_followed_by_a_new_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LocalBackend(home=home)
    gone = urlsplit(backend.start(lambda report: None)).port
    connect = TCPClient.connect

    async def broken(self: TCPClient, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if port == gone:
            raise ValueError("IOStream is not idle; cannot convert to SSL")  # as Tornado says it
        return await connect(self, host, port, *args, **kwargs)

    monkeypatch.setattr(TCPClient, "connect", broken)
    record = read_record(home.run, "cluster.json")
    assert record is not None
    pid = int(str(record["pid"]))
    kill_tree(pid, start_time(pid) or 0.0)
    client = backend._client
    assert client is not None
    deadline = time.monotonic() + 20
    while client.status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert urlsplit(backend.start(lambda report: None)).port != gone
    assert client.status == "closed"
    backend.close(stop=True)


def test_what_cannot_work_is_refused_with_a_hint(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="no address") as refused:
        DaskBackend(home=home).start(lambda report: None)
    assert "c.DaskBackend.address" in refused.value.hint
    monkeypatch.setattr("jupyter_mlplat.backends.dask.CONNECT_S", 1.0)
    with pytest.raises(Unavailable, match="no Dask scheduler answers"):
        DaskBackend(home=home, address="tcp://127.0.0.1:9").start(lambda report: None)
