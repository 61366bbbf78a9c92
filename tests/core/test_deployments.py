"""Deployments with real models, real processes and real HTTP: they come up, come back, and leave nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sqlalchemy import select

from jupyter_mlplat import processes
from jupyter_mlplat.backends.endpoints import LocalTarget
from jupyter_mlplat.errors import BackendFailed, Invalid, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Deployment, DeploymentSpec
from jupyter_mlplat.platform import SystemClock
from jupyter_mlplat.services.deployments import DeploymentsService
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store, tables

from ..endpoints import gpus_of, save_code
from ..mlflowserver import MLflowServer

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

READY_SECONDS = 120.0

BROKEN = """
import mlflow.pyfunc
class Broken(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        raise RuntimeError("the weights are for another planet")
    def predict(self, context, model_input, params=None):
        return model_input
mlflow.models.set_model(Broken())
"""

FORKING = """
import os, subprocess, sys, mlflow.pyfunc
class Forking(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    def predict(self, context, model_input, params=None):
        return [sorted(name for name in os.environ if "TOKEN" in name or "SECRET" in name)] * len(model_input)
mlflow.models.set_model(Forking())
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The tracking URI of an MLflow with real models: `line` (scikit-learn), `broken` and `forking` (pyfunc)."""
    import mlflow.pyfunc
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("mlflow")
    inputs = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 0.0, 1.0, 0.0]})
    line = LogisticRegression().fit(inputs, [0, 0, 1, 1])
    signature = infer_signature(inputs, line.predict(inputs))
    mlflow.sklearn.save_model(
        line,
        str(folder / "line"),
        signature=signature,
        input_example=inputs[:2],
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",  # skops imports all of scikit-learn: seconds more for each start
    )
    for name, code in (("broken", BROKEN), ("forking", FORKING)):
        (folder / f"{name}.py").write_text(code)
        (folder / name).mkdir()
    store = Store(f"sqlite:///{folder}/mlplat.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = RunsService(uri, Home(folder / "home").ensure(), store).client()
    for name in ("broken", "forking"):
        save_code(folder / name, folder / f"{name}.py", signature)
    for name in ("line", "broken", "forking"):
        client.create_registered_model(name)
        client.create_model_version(name, str(folder / name))
    yield uri
    store.close()


class Engine:
    """What the engine's process does for deployments, in a thread of the test."""

    def __init__(self, home: Home, tracking_uri: str) -> None:
        self.store = Store(f"sqlite:///{home.database}")
        clock, runs = SystemClock(), RunsService(tracking_uri, home, self.store)
        gpus = gpus_of(self.store, home, clock)
        self.service = DeploymentsService(self.store, home, clock, runs, lambda: None, gpus)
        self.target = LocalTarget()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._left.wait(0.1):
            self.service.supervise(lambda name: self.target)

    def leave(self) -> None:
        """End without a word to the endpoints, as a killed engine does."""
        self._left.set()
        self._thread.join()
        self.store.close()

    def stop(self) -> None:
        """End every endpoint, then leave."""
        self._left.set()
        self._thread.join()
        self.service.stop_all(lambda name: self.target)
        self.store.close()

    def up(self, name: str, model: str) -> Deployment:
        self.service.create(DeploymentSpec(name=name, model=model), owner="ann")
        return self.service.wait_ready(name, timeout=READY_SECONDS)

    def handle(self, name: str) -> dict[str, Any]:
        with self.store.read() as connection:
            found = connection.execute(select(tables.deployments.c.handle).where(tables.deployments.c.name == name))
            return dict(found.scalar_one()["target"])


@pytest.fixture
def engine(home: Home, registry: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("JUPYTER_TOKEN", "do-not-tell-1")
    monkeypatch.setenv("JPY_API_TOKEN", "do-not-tell-2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell-3")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:do-not-tell-4@proxy.example")
    made = Engine(home, registry)
    yield made
    made.stop()


def until(condition: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def test_a_deployed_model_answers_by_service_and_by_http_with_its_token_only(engine: Engine, home: Home) -> None:
    made = engine.up("line", "models:/line/1")
    assert made.example == {"dataframe_split": {"columns": ["x", "y"], "data": [[0.0, 1.0], [1.0, 0.0]]}}
    assert engine.service.predict("line", made.example) == {"predictions": [0, 0]}
    with pytest.raises(Invalid) as caught:
        engine.service.predict("line", {"dataframe_records": [{"x": "much", "y": 1}]})
    assert caught.value.message == "column 'x', row 0: a number is needed, not 'much'"

    token = Path(str(made.token_file)).read_text()
    sent = json.dumps(made.example).encode()
    assert _post(f"{made.url}/invocations", sent, token) == (200, {"predictions": [0, 0]})
    assert _post(f"{made.url}/invocations", sent, "wrong")[0] == 401
    assert _post(f"{made.url}/invocations", sent, None)[0] == 401

    # No secret of ours or of the engine is where the model's code could read it by accident.
    pid = int(engine.handle("line")["pid"])
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    config = (home.endpoints / "line" / "config.json").read_bytes()
    for secret in (b"do-not-tell", token.encode()):
        assert secret not in environment
        assert secret not in command
        assert secret not in config
    assert os.getsid(pid) == pid, "it has a session of its own"
    listening = [each.laddr for each in psutil.Process(pid).net_connections() if each.status == psutil.CONN_LISTEN]
    assert [each.ip for each in listening] == ["127.0.0.1"]
    assert "GET" not in engine.service.log("line").text

    engine.service.delete("line")
    assert processes.start_time(pid) is None
    assert not (home.endpoints / "line").exists()
    with pytest.raises(NotFound):
        engine.service.get("line")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{made.url}/v2/health/live", timeout=2)


def test_a_killed_endpoint_comes_back_at_the_same_address(engine: Engine) -> None:
    made = engine.up("line", "models:/line/1")
    pid = int(engine.handle("line")["pid"])
    os.kill(pid, signal.SIGKILL)
    until(lambda: engine.service.get("line").restarts == 1, "the restart is counted")
    again = engine.service.wait_ready("line", timeout=READY_SECONDS)
    assert (again.url, again.restarts, again.message) == (made.url, 1, None)
    assert int(engine.handle("line")["pid"]) != pid
    assert engine.service.predict("line", dict(made.example or {})) == {"predictions": [0, 0]}


def test_the_next_engine_finds_a_living_endpoint_and_leaves_it_alone(home: Home, registry: str) -> None:
    first = Engine(home, registry)
    made = first.up("line", "models:/line/1")
    handle = first.handle("line")
    first.leave()
    second = Engine(home, registry)
    try:
        assert second.service.predict("line", dict(made.example or {})) == {"predictions": [0, 0]}
        looks = 0

        def looked() -> bool:
            nonlocal looks
            looks += second.service.supervise(lambda name: second.target)
            return looks > 3

        until(looked, "some looks")
        assert second.handle("line") == handle
        assert second.service.get("line").restarts == 0
    finally:
        second.stop()
    assert not processes.alive(int(handle["pid"]), float(handle["started"]))


def test_a_process_that_an_engine_started_and_did_not_record_is_ended_before_another_starts(
    home: Home, registry: str
) -> None:
    first = Engine(home, registry)
    made = first.up("line", "models:/line/1")
    handle = first.handle("line")
    first.leave()
    store = Store(f"sqlite:///{home.database}")
    with store.write() as transaction:  # as if the engine had died between its two writes
        transaction.connection.execute(tables.deployments.update().values(handle={"port": handle["port"]}))
    store.close()
    second = Engine(home, registry)
    try:
        until(lambda: not processes.alive(int(handle["pid"]), float(handle["started"])), "the old process has ended")
        until(lambda: "target" in _row(second)["handle"], "a new one is recorded")
        assert second.handle("line")["port"] == handle["port"]
        assert made.url == f"http://127.0.0.1:{handle['port']}"
    finally:
        second.stop()


def _row(engine: Engine) -> dict[str, Any]:
    with engine.store.read() as connection:
        return dict(connection.execute(select(tables.deployments)).mappings().one())


def test_a_model_that_cannot_be_loaded_fails_with_the_reason_and_leaves_nothing(engine: Engine) -> None:
    engine.service.create(DeploymentSpec(name="broken", model="models:/broken/1"), owner="ann")
    with pytest.raises(BackendFailed) as caught:
        engine.service.wait_ready("broken", timeout=READY_SECONDS)
    assert "RuntimeError: the weights are for another planet" in caught.value.message
    assert "deployments logs broken" in caught.value.hint
    found = engine.service.get("broken")
    assert found.state == "failed"
    assert "the weights are for another planet" in str(found.message)
    assert "Traceback" in engine.service.log("broken").text
    assert engine.service.log("broken").ended
    engine.service.delete("broken")


@pytest.mark.parametrize("end", ["delete", "kill"])
def test_what_the_models_code_started_ends_with_it(engine: Engine, end: str) -> None:
    engine.up("forking", "models:/forking/1")
    pid = int(engine.handle("forking")["pid"])
    children = psutil.Process(pid).children(recursive=True)
    assert len(children) == 2
    assert engine.service.predict("forking", {"dataframe_records": [{"x": 1, "y": 1}]}) == {"predictions": [[]]}
    if end == "delete":
        engine.service.delete("forking")
    else:
        os.kill(pid, signal.SIGKILL)
        until(lambda: engine.service.get("forking").restarts == 1, "the restart is counted")
    assert [child for child in children if processes.living(child)] == []


def test_a_taken_port_is_not_waited_for(engine: Engine) -> None:
    import socket

    made = engine.up("line", "models:/line/1")
    port = int(engine.handle("line")["port"])
    pid = int(engine.handle("line")["pid"])
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(pid, signal.SIGKILL)

        def taken() -> bool:
            try:
                squatter.bind(("127.0.0.1", port))
                squatter.listen()
            except OSError:
                return engine.service.get("line").restarts > 0  # the engine was faster
            return True

        until(taken, "the port is taken")
        again = engine.service.wait_ready("line", timeout=READY_SECONDS) if _wait_restart(engine) else made
        assert engine.service.predict("line", dict(again.example or {})) == {"predictions": [0, 0]}


def _wait_restart(engine: Engine) -> bool:
    until(lambda: engine.service.get("line").restarts == 1, "the restart is counted")
    return True


def test_predictions_by_http_are_the_models_own(engine: Engine, registry: str) -> None:
    import mlflow.pyfunc

    made = engine.up("line", "models:/line/1")
    mlflow.set_tracking_uri(registry)
    model = mlflow.pyfunc.load_model("models:/line/1")
    import pandas as pd

    rows = pd.DataFrame(np.random.default_rng(3).normal(size=(500, 2)) * 3, columns=["x", "y"])
    answer = engine.service.predict("line", {"dataframe_split": rows.to_dict(orient="split")})
    assert answer["predictions"] == model.predict(rows).tolist()
    token = Path(str(made.token_file)).read_text()
    tensors = [{"name": name, "shape": [500], "datatype": "FP64", "data": rows[name].tolist()} for name in ("x", "y")]
    status, inferred = _post(f"{made.url}/v2/models/line/infer", json.dumps({"inputs": tensors}).encode(), token)
    assert status == 200
    assert inferred["outputs"][0]["data"] == answer["predictions"]


def _post(url: str, body: bytes, token: str | None) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """An MLflow server of its own: models are behind HTTP, not on a disk that the endpoint can read."""
    with MLflowServer(tmp_path / "server") as server:
        yield server.url


def test_a_model_behind_http_is_downloaded_with_credentials_that_the_model_never_sees(
    home: Home, mlflow_server: str, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    source = Path(
        RunsService(registry, home, Store(f"sqlite:///{home.root}/x.db")).resolve_model("models:/forking/1").source
        or ""
    )
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "do-not-tell-5")
    mlflow.set_tracking_uri(mlflow_server)
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(source), "model")
    client = mlflow.MlflowClient(mlflow_server)
    client.create_registered_model("far")
    client.create_model_version("far", f"{run.info.artifact_uri}/model", run.info.run_id)
    engine = Engine(home, mlflow_server)
    try:
        engine.up("far", "models:/far/1")
        pid = int(engine.handle("far")["pid"])
        assert b"do-not-tell" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert b"serving.fetch" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert engine.service.predict("far", {"dataframe_records": [{"x": 1, "y": 1}]}) == {"predictions": [[]]}
        assert (home.endpoints / "far" / "model" / "1" / "MLmodel").is_file()
        started = processes.start_time(pid)
        os.kill(pid, signal.SIGKILL)
        until(lambda: processes.start_time(pid) != started, "it is dead")
        until(lambda: engine.service.get("far").restarts == 1, "the restart is counted")
        engine.service.wait_ready("far", timeout=READY_SECONDS)
        assert engine.service.log("far").text.count("downloading models:/far/1") == 1
    finally:
        engine.stop()
        mlflow.set_tracking_uri(registry)
