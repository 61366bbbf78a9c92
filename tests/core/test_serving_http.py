"""The model server's process over real HTTP: both protocols, the token, the limits, the way it ends."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

TOKEN = "a-token-of-the-test"
COMMAND = [sys.executable, "-P", "-m", "jupyter_mlplat.serving", "--config"]

SLOW = """
import time, mlflow.pyfunc
class Slow(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        factor = (params or {}).get("factor", 1.0)
        if "sleep" in model_input and float(model_input["sleep"].max()) > 0:
            time.sleep(float(model_input["sleep"].max()))
        if (model_input["city"] == "crash").any():
            raise RuntimeError("the model's own mistake")
        if (model_input["city"] == "nan").any():
            return [float("nan"), float("inf"), 1.0]
        if (model_input["city"] == "odd").any():
            return [object()]
        return (model_input["sleep"] * 0 + len(model_input)) * factor
mlflow.models.set_model(Slow())
"""


class Server:
    """A model server's process, and a client of it."""

    def __init__(self, folder: Path, source: str, **options: Any) -> None:
        folder.mkdir(exist_ok=True)
        config = {
            "name": "endpoint",
            "model_name": "the model",
            "version": "3",
            "source": source,
            "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
            **options,
        }
        (folder / "config.json").write_text(json.dumps(config))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            with open(folder / "log.txt", "wb") as log:
                self.process = subprocess.Popen(
                    [*COMMAND, str(folder / "config.json"), "--fd", str(listening.fileno())],
                    pass_fds=(listening.fileno(),),
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env={**os.environ, "MLPLAT_HOME": str(folder)},
                )
        deadline = time.monotonic() + 150
        while self.get("/v2/health/ready", token=None)[0] != 200:
            assert self.process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def request(
        self, method: str, path: str, body: bytes | None = None, *, token: str | None = TOKEN, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def get(self, path: str, *, token: str | None = TOKEN) -> tuple[int, Any]:
        status, headers, body = self.request("GET", path, token=token)
        return status, json.loads(body) if headers["content-type"] == "application/json" and body.strip() else body

    def post(self, path: str, value: Any, **options: Any) -> tuple[int, Any]:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        status, _, answer = self.request("POST", path, body, **options)
        return status, json.loads(answer, parse_constant=pytest.fail)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A small forest of scikit-learn on two columns of numbers."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.tree import DecisionTreeClassifier

    folder = tmp_path_factory.mktemp("tree")
    inputs = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0.0, 5.0, 1.0, 0.0]})
    tree = DecisionTreeClassifier(random_state=0).fit(inputs, [0, 0, 1, 1])
    mlflow.sklearn.save_model(
        tree,
        str(folder / "model"),
        signature=infer_signature(inputs, tree.predict(inputs)),
        input_example=inputs[:2],
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
    )
    made = Server(folder / "server", str(folder / "model"), max_body_bytes=100_000)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model of an author's own code, with a string column and a parameter, two threads and a short queue."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    folder = tmp_path_factory.mktemp("slow")
    (folder / "model").mkdir()
    (folder / "model" / "model.py").write_text(SLOW)
    (folder / "model" / "requirements.txt").write_text("mlflow\n")
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", "sleep"), ColSpec("string", "city")]),
        outputs=Schema([ColSpec("double")]),
        params=ParamSchema([ParamSpec("factor", "double", 1.0)]),
    )
    model = Model(signature=signature)
    model.add_flavor(
        "python_function",
        loader_module="mlflow.pyfunc.model",
        python_model=None,
        model_code_path="model.py",
        artifacts={},
        python_version="3",
    )
    model.save(str(folder / "model" / "MLmodel"))
    made = Server(folder / "server", str(folder / "model"), waiting=4)
    yield made
    made.stop()


ROWS = {"dataframe_split": {"columns": ["x", "y"], "data": [[0.0, 0.0], [3.0, 0.0]]}}


def test_health_is_open_and_everything_else_wants_the_token(server: Server) -> None:
    assert server.get("/v2/health/live", token=None) == (200, {"live": True})
    assert server.get("/v2/health/ready", token=None) == (200, {"ready": True})
    paths = ["/v2", "/v2/models/endpoint", "/v2/models/endpoint/versions/3", "/v2/models/endpoint/ready"]
    paths += ["/metrics", "/docs", "/ping", "/health", "/version", "/invocations", "/", "/nothing"]
    paths += ["/v2/models/endpoint/infer", "/v2/health/live/", "/V2/health/live", "//v2/health/live"]
    for path in paths:
        for method in ("GET", "POST"):
            for wrong in (None, "", "x" * 5000, TOKEN + "x", TOKEN[:-1], TOKEN.upper()):
                status, headers, body = server.request(method, path, b"{}", token=wrong)
                assert status == 401, (method, path, wrong)
                assert headers["www-authenticate"].startswith("Basic" if path == "/docs" else "Bearer")
                assert TOKEN.encode() not in body
    assert server.request("GET", "/v2", token=None, Authorization=TOKEN)[0] == 401
    assert server.request("GET", "/v2", token=None, Authorization=f"bearer {TOKEN}")[0] == 200


def test_a_password_opens_the_page_for_people_and_nothing_else(server: Server) -> None:
    import base64

    basic = "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()
    status, headers, page = server.request("GET", "/docs", token=None, Authorization=basic)
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in headers["content-security-policy"]
    text = page.decode()
    assert "the model" in text
    assert "FP64" in text
    assert "<script" not in text
    assert " src=" not in text
    assert server.request("POST", "/invocations", b"{}", token=None, Authorization=basic)[0] == 401
    assert server.request("GET", "/docs", token=None, Authorization="Basic %%%")[0] == 401


def test_the_protocols_metadata(server: Server) -> None:
    assert server.get("/v2")[1]["name"] == "jupyter_mlplat"
    for path in ("/v2/models/the%20model", "/v2/models/the%20model/versions/3", "/v2/models/endpoint"):
        status, told = server.get(path)
        assert status == 200
        assert told["name"] in ("the model", "endpoint")
        assert told["versions"] == ["3"]
        assert told["inputs"] == [{"name": name, "datatype": "FP64", "shape": [-1]} for name in ("x", "y")]
        assert told["outputs"] == [{"name": "predictions", "datatype": "INT64", "shape": [-1]}]
        assert server.post("/invocations", told["parameters"]["example"]) == (200, {"predictions": [0, 0]})
    assert server.get("/v2/models/endpoint/versions/3/ready") == (200, {"name": "endpoint", "ready": True})
    for path in ("/v2/models/other", "/v2/models/endpoint/versions/4", "/v2/models/endpoint/x", "/v2/models", "/v3"):
        status, told = server.get(path)
        assert status == 404, path
        assert isinstance(told["error"], str)
    for method, path in (
        ("POST", "/v2"),
        ("GET", "/invocations"),
        ("DELETE", "/v2/models/endpoint"),
        ("POST", "/docs"),
    ):
        assert server.request(method, path)[0] == 405


def test_inference_as_the_protocol_says(server: Server) -> None:
    request = {
        "id": "42",
        "parameters": {"whatever": 1},
        "inputs": [
            {"name": "x", "shape": [2], "datatype": "FP64", "data": [0, 3]},
            {"name": "y", "shape": [2, 1], "datatype": "FP32", "data": [0, 0]},
        ],
        "outputs": [{"name": "predictions"}],
    }
    expected = {"name": "predictions", "datatype": "INT64", "shape": [2], "data": [0, 1]}
    for path in ("/v2/models/endpoint/infer", "/v2/models/endpoint/versions/3/infer"):
        assert server.post(path, request) == (
            200,
            {"model_name": "endpoint", "model_version": "3", "id": "42", "outputs": [expected]},
        )
    assert server.post("/v2/models/endpoint/versions/9/infer", request)[0] == 404
    status, told = server.post("/v2/models/endpoint/infer", {**request, "outputs": [{"name": "x"}]})
    assert (status, told["error"]) == (400, "the model has no output 'x'")
    status, told = server.post("/v2/models/endpoint/infer", {"inputs": request["inputs"][:1]})  # type: ignore[index]
    assert (status, told["error"]) == (400, "missing columns: 'y'")
    status, told = server.post("/v2/models/endpoint/infer", request, Inference_Header_Content_Length="10")
    assert (status, "binary" in told["error"]) == (400, True)


def test_mlflows_forms_and_csv(server: Server) -> None:
    assert server.post("/invocations", ROWS) == (200, {"predictions": [0, 1]})
    assert server.post("/invocations", {"instances": [{"y": 0, "x": 3}]}) == (200, {"predictions": [1]})
    assert server.post("/invocations", {"inputs": {"x": [3], "y": [0]}})[1] == {"predictions": [1]}
    assert server.post("/invocations", b"y,x\n0,3\n", Content_Type="text/csv; charset=utf-8")[1] == {"predictions": [1]}
    assert server.post("/invocations", b"{}", Content_Type="application/xml")[0] == 415
    assert server.post("/invocations", b"{}", Content_Type="application/json; charset=latin-1")[0] == 415
    assert server.get("/ping")[0] == 200
    assert server.get("/version")[0] == 200


def test_what_the_model_cannot_use_is_the_callers_mistake(server: Server) -> None:
    # The tree takes no infinity; both ways in say so, and one bad request spoils no other beside it.
    bad = {"dataframe_split": {"columns": ["x", "y"], "data": [[1e300, 0.0]]}}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: server.post("/invocations", bad if n % 3 == 0 else ROWS), range(120)))
    for number, (status, told) in enumerate(answers):
        if number % 3 == 0:
            assert status == 400
            assert told["error"].startswith("the model refused the input: ")
            assert told["message"] == told["error"]
            assert told["error_code"] == "INVALID_PARAMETER_VALUE"
        else:
            assert (status, told) == (200, {"predictions": [0, 1]})


def test_many_clients_at_once_each_get_their_own_rows(server: Server) -> None:
    def ask(number: int) -> tuple[int, Any]:
        side = number % 2
        rows = [[3.0 * side, 0.0]] * (1 + number % 5)
        return server.post("/invocations", {"dataframe_split": {"columns": ["x", "y"], "data": rows}})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(400)))
    for number, answer in enumerate(answers):
        assert answer == (200, {"predictions": [number % 2] * (1 + number % 5)})


def test_a_body_over_the_limit_is_refused_with_and_without_its_length(server: Server) -> None:
    large = b'{"x": "' + b"a" * 100_000 + b'"}'
    status, told = server.post("/invocations", large)
    assert (status, "over the limit of 100000 bytes" in told["error"]) == (413, True)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    pieces = iter([b"a" * 30_000] * 5)
    connection.request(
        "POST", "/invocations", body=pieces, headers={"Authorization": f"Bearer {TOKEN}"}, encode_chunked=True
    )
    assert connection.getresponse().status == 413
    connection.close()
    assert server.post("/invocations", ROWS)[0] == 200


def test_metrics_count_requests_errors_and_seconds(server: Server) -> None:
    def value(name: str) -> float:
        lines = server.request("GET", "/metrics")[2].decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    ok = 'mlplat_serving_requests_total{code="200",route="/invocations"}'
    bad = 'mlplat_serving_errors_total{route="/invocations"}'
    seconds = 'mlplat_serving_request_seconds_count{route="/invocations"}'
    before = value(ok), value(bad), value(seconds)
    server.post("/invocations", ROWS)
    server.post("/invocations", {})
    assert (value(ok), value(bad), value(seconds)) == (before[0] + 1, before[1] + 1, before[2] + 2)
    for number in range(50):
        server.get(f"/v2/models/endpoint/versions/{number}")
    assert value('mlplat_serving_requests_total{code="404"') <= 60, "no label for each path that somebody tries"


def test_health_answers_while_the_model_works_and_a_long_queue_is_refused(slow: Server) -> None:
    def ask(_: int) -> int:
        return slow.post("/invocations", {"inputs": [{"sleep": 1.0, "city": "x"}]})[0]

    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, number) for number in range(20)]
        longest = 0.0
        while not all(each.done() for each in asked):
            began = time.perf_counter()
            assert slow.get("/v2/health/ready", token=None)[0] == 200
            longest = max(longest, time.perf_counter() - began)
        statuses = sorted(each.result() for each in asked)
    assert set(statuses) == {200, 503}
    assert 2 <= statuses.count(200) <= 8
    assert longest < 1.0, "a sleeping model must not stop the health check"


def test_the_models_own_failures_are_told_apart_and_logged(slow: Server) -> None:
    def ask(city: str, **more: Any) -> tuple[int, Any]:
        return slow.post("/invocations", {"dataframe_records": [{"sleep": 0, "city": city}], **more})

    assert ask("Oslo") == (200, {"predictions": [1.0]})
    assert ask("Oslo", params={"factor": 2.5}) == (200, {"predictions": [2.5]})
    status, told = ask("Oslo", params={"factor": "much"})
    assert (status, "factor" in told["error"]) == (400, True)
    status, told = ask("crash")
    assert (status, told["error"]) == (500, "the model failed: RuntimeError: the model's own mistake")
    assert ask("nan") == (200, {"predictions": [None, None, 1.0]})
    status, told = ask("odd")
    assert (status, "cannot be sent as JSON" in told["error"]) == (500, True)
    status, told = slow.post(
        "/v2/models/endpoint/infer",
        {
            "inputs": [
                {"name": "sleep", "shape": [1], "datatype": "FP64", "data": [0]},
                {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Oslo"]},
            ],
            "parameters": {"factor": 3.0},
        },
    )
    assert (status, told["outputs"]) == (
        200,
        [{"name": "predictions", "datatype": "FP64", "shape": [1], "data": [3.0]}],
    )


def test_a_request_that_runs_is_answered_before_the_server_ends(slow: Server) -> None:
    answers: list[tuple[int, Any]] = []
    asked = threading.Thread(
        target=lambda: answers.append(slow.post("/invocations", {"inputs": [{"sleep": 1.5, "city": "x"}]}))
    )
    asked.start()
    running = 0.0
    while running < 1:
        text = slow.request("GET", "/metrics")[2].decode()
        running = 1 if 'route="/metrics"' in text and asked.is_alive() else 0
    time.sleep(0.3)  # the request must have reached the model; nothing outside can see that
    slow.process.send_signal(signal.SIGTERM)
    asked.join(30)
    assert answers == [(200, {"predictions": [1.0]})]
    assert slow.process.wait(30) in (0, -signal.SIGTERM)


def test_a_second_process_for_one_deployment_does_not_start(server: Server, tmp_path: Path) -> None:
    record = Path(f"/proc/{server.process.pid}/cwd").resolve()
    done = subprocess.run(
        [*COMMAND, str(record / "config.json")],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert b"another process serves endpoint" in done.stderr


def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for text in ("{", "{}", '{"name": 1}'):
        (tmp_path / "config.json").write_text(text)
        done = subprocess.run(
            [*COMMAND, str(tmp_path / "config.json")],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.startswith(b"error: the configuration")
        assert b"Traceback" not in done.stderr
