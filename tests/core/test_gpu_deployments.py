"""Deployments on GPUs with a real engine and real endpoints: they see their devices and no others."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import jupyter_mlplat as mlplat
from jupyter_mlplat import processes
from jupyter_mlplat.api.current import platform as current
from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.models import Deployment, Lease
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.store import tables

from ..endpoints import save_code
from ..faults.scene import until
from ..gpus import fake_gpus
from ..shell import here

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

SEEING = """
import os, mlflow.pyfunc
class Seeing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [f"{os.environ.get('CUDA_VISIBLE_DEVICES')} by {os.environ.get('MLPLAT_LEASE')}"] * len(model_input)
mlflow.models.set_model(Seeing())
"""

BROKEN = """
import mlflow.pyfunc
class Broken(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        raise RuntimeError("the weights are for another planet")
    def predict(self, context, model_input, params=None):
        return model_input
mlflow.models.set_model(Broken())
"""

ROW = {"dataframe_records": [{"x": 1}]}


@pytest.fixture
def two(platform: Platform, tmp_path: Path) -> list[str]:
    """Two A100, by UUID, that engine, shell and this process share; and the models `seeing` and `broken`."""
    fake_gpus("2xA100-80G", warm_kernels=0)
    client = platform.runs.client()
    for name, code in (("seeing", SEEING), ("broken", BROKEN)):
        (tmp_path / f"{name}.py").write_text(code)
        save_code(tmp_path / name, tmp_path / f"{name}.py")
        client.create_registered_model(name)
        client.create_model_version(name, str(tmp_path / name))
    return [one.uuid for one in mlplat.gpus.list().devices]


def create(name: str, *options: str, model: str = "seeing", status: int = 0) -> Any:
    done = here("deployments", "create", name, "--model", f"models:/{model}/1", *options, "--json")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def lease_of(name: str) -> Lease:
    lease = mlplat.deployments.get(name).lease
    assert lease is not None
    return lease


def ready(name: str) -> Deployment:
    return current().deployments.wait_ready(name, timeout=120)


def process_of(name: str) -> tuple[int, float]:
    with current().store.read() as connection:
        table = tables.deployments
        handle = connection.execute(select(table.c.handle).where(table.c.name == name)).scalar_one()
    return int(handle["target"]["pid"]), float(handle["target"]["started"])


def test_an_endpoint_sees_its_devices_and_the_next_one_waits_for_them(two: list[str]) -> None:
    made = create("first", "--gpus", "2", "--gpu-memory", "40G")
    lease = made["lease"]
    assert (made["state"], made["gpus"], made["gpu_memory"]) == ("ready", 2, 40 * 2**30)
    assert (lease["state"], lease["kind"], lease["deployment"]) == ("granted", "deployment", "first")
    assert lease["devices"] == two
    assert mlplat.deployments.predict("first", ROW) == {"predictions": [f"{','.join(two)} by {lease['id']}"]}
    assert f"2 × GPU, 40.0 GiB or more: {', '.join(two)}" in here("deployments", "show", "first").stdout
    assert "(first)" in here("gpus", "list").stdout
    refused = here("gpus", "release", lease["id"])
    assert refused.returncode == 4
    assert "deployments delete first" in refused.stderr

    second = create("second", "--gpu-type", "a100", "--no-wait")
    assert (second["state"], second["gpus"]) == ("starting", 1)
    until(lambda: mlplat.deployments.get("second").message, what="a word of the engine")
    waiting = mlplat.deployments.get("second")
    assert (waiting.state, waiting.message) == ("starting", "waits for a GPU: number 1 in the queue")
    assert lease_of("second").position == 1
    assert "number 1 in the queue" in here("deployments", "list").stdout
    assert "waiting for 1 × a100: number 1 in the queue" in here("deployments", "show", "second").stdout
    late = here("deployments", "create", "third", "--model", "models:/seeing/1", "--gpus", "2", "--timeout", "3s")
    assert late.returncode == 5
    assert "waits for a GPU: number 2 in the queue" in late.stderr
    mlplat.deployments.delete("third")

    mlplat.deployments.delete("first")
    ready("second")
    assert mlplat.deployments.predict("second", ROW) == {"predictions": [f"{two[0]} by {lease_of('second').id}"]}
    mlplat.deployments.delete("second")
    assert mlplat.gpus.leases().items == []
    rows = mlplat.gpus.usage(by="deployment").rows
    assert {one.key for one in rows} == {"first", "second"}


def test_a_killed_engine_leaves_devices_and_endpoint_to_the_next_one(two: list[str], platform: Platform) -> None:
    create("seen", "--gpus", "2")
    lease, process = lease_of("seen"), process_of("seen")
    engine = living_engine(platform)
    assert engine is not None
    os.kill(engine.pid, signal.SIGKILL)
    until(lambda: processes.start_time(engine.pid) is None, what="the end of the engine")
    mine = mlplat.gpus.acquire(count=1)
    assert mine.position == 1
    assert processes.alive(*process)
    platform.wake_engine()
    until(lambda: (found := living_engine(platform)) is not None and found.pid != engine.pid, 90, "another engine")
    assert mlplat.deployments.predict("seen", ROW) == {"predictions": [f"{','.join(two)} by {lease.id}"]}
    assert (process_of("seen"), lease_of("seen").id) == (process, lease.id)

    os.kill(process[0], signal.SIGKILL)
    until(lambda: mlplat.deployments.get("seen").restarts == 1, what="the restart")
    ready("seen")
    assert lease_of("seen").id == lease.id, "a crash keeps them"
    assert mlplat.gpus.get(mine.id).position == 1
    mlplat.deployments.delete("seen")
    assert mlplat.gpus.wait(mine.id, timeout=30).devices == two[:1]


def test_one_that_fails_or_is_stopped_gives_its_devices_back(two: list[str], platform: Platform) -> None:
    failed = create("broken", "--gpus", "1", model="broken", status=5)
    assert "another planet" in failed["message"]
    assert (mlplat.deployments.get("broken").state, mlplat.deployments.get("broken").lease) == ("failed", None)
    create("seen", "--gpus", "2")
    process, first = process_of("seen"), lease_of("seen").id
    assert here("stop").returncode == 0
    assert not processes.alive(*process)
    stopped = mlplat.deployments.get("seen")
    assert (stopped.state, stopped.lease) == ("stopped", None)
    assert mlplat.gpus.get(first).reason == "released"
    assert mlplat.gpus.leases().items == []
    platform.wake_engine()
    until(lambda: mlplat.deployments.get("seen").state == "ready", 90, "the next engine")
    assert lease_of("seen").id != first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gpus", "3"], "this host cannot give 3 × GPU"),
        (["--gpu-type", "H100"], "this host cannot give 1 × H100"),
        (["--gpus", "65"], "gpus: Input should be less than or equal to 64"),
        (["--gpu-shared"], "gpu_shared: a share of a GPU needs its size: give gpu_memory"),
        (["--gpu-memory", "much"], "--gpu-memory: 'much' is no size"),
    ],
)
def test_what_cannot_be_given_is_refused_at_once(two: list[str], options: list[str], message: str) -> None:
    done = here("deployments", "create", "seen", "--model", "models:/seeing/1", *options)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[0], done.stderr
    assert mlplat.deployments.list().items == []


def test_a_quota_refuses_what_could_never_be_had(two: list[str]) -> None:
    fake_gpus("2xA100-80G", gpu_quota={"*": 1})
    done = here("deployments", "create", "seen", "--model", "models:/seeing/1", "--gpus", "2")
    assert done.returncode == 4
    assert "2 devices are more than the quota of" in done.stderr
