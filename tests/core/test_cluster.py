"""`mlplat.cluster()`: the notebook's own Dask cluster, and the devices that its workers have."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat.errors import Conflict, Invalid, Unavailable
from jupyter_mlplat.home import Home

from ..conftest import living_under
from ..faults.scene import until
from ..gpus import another_process_holds, fake_gpus
from ..shell import here

PROGRAM = """
import os, sys
import jupyter_mlplat as mlplat

def device():
    return os.environ["CUDA_VISIBLE_DEVICES"]

if __name__ == "__main__":
    client = mlplat.cluster(gpus=2, gpu_type="A100", memory="32G")
    assert mlplat.cluster(gpus=2, gpu_type="A100", memory="32G") is client
    client.wait_for_workers(2)
    (lease,) = mlplat.gpus.leases().items
    seen = client.run(device)
    assert sorted(seen.values()) == sorted(lease.devices), (seen, lease)
    names = {one["name"]: one["resources"] for one in client.sync(client.scheduler.identity)["workers"].values()}
    assert names == {uuid: {"GPU": 1} for uuid in lease.devices}, names
    futures = [client.submit(device, pure=False, resources={"GPU": 1}) for _ in range(6)]
    assert set(client.gather(futures)) == set(lease.devices)
    try:
        mlplat.cluster()
    except mlplat.errors.Conflict as error:
        print("refused", error.message)
    print("holds", lease.label, len(lease.devices), "CUDA_VISIBLE_DEVICES" in os.environ, flush=True)
    if sys.argv[1] == "shutdown":
        client.shutdown()
        sys.stdin.read()
    os._exit(0)
"""


@pytest.fixture
def four(home: Home) -> list[str]:
    fake_gpus("4xA100-80G")
    return [one.uuid for one in mlplat.gpus.list().devices]


def workers(home: Home) -> list[str]:
    words = []
    for one in living_under(home.root.parent):
        with suppress(psutil.Error):  # it ends now
            words.append(" ".join(one.cmdline()))
    return [one for one in words if "spawn_main" in one]


@pytest.mark.parametrize("end", ["shutdown", "exit"])
def test_workers_have_the_devices_of_one_lease_until_the_end(
    four: list[str], home: Home, tmp_path: Path, end: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("mlplat.errors", "__import__('jupyter_mlplat.errors').errors"))
    process = subprocess.Popen(
        [sys.executable, str(program), end], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines[0].startswith("refused this notebook has a Dask cluster"), process.communicate()
        assert lines[1] == "holds cluster 2 False\n"
        until(lambda: mlplat.gpus.leases().items == [], 20, "the end of the lease")
        if end == "shutdown":
            assert process.poll() is None
        else:
            process.wait(10)
        until(lambda: not workers(home), 20, "the end of the workers")
    finally:
        _, errors = process.communicate("", timeout=60)
    assert process.returncode == 0, errors


def test_on_processors_and_in_words(home: Home) -> None:
    assert "no Dask cluster" in here("cluster").stdout
    client = mlplat.cluster(workers=1)
    try:
        assert client.submit(sum, [20, 22]).result(timeout=60) == 42
        assert client.scheduler.address.startswith("tls://127.0.0.1:")
        shown = here("cluster").stdout
        assert client.scheduler.address in shown
        assert mlplat.cluster(workers=1) is client
    finally:
        client.shutdown()
    assert "no Dask cluster" in here("cluster").stdout


def test_who_waits_too_long_leaves_the_queue(four: list[str]) -> None:
    with another_process_holds(4):
        with pytest.raises(Unavailable, match="position 1"):
            mlplat.cluster(gpus=1, timeout=0.3)
        assert [one.state for one in mlplat.gpus.leases().items] == ["granted"]
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"gpus": -1}, "gpus"), ({"gpus": True}, "gpus"), ({"workers": 0}, "workers"), ({"gpus": 9}, "count"),
     ({"gpus": 1, "workers": 2}, "workers"), ({"gpus": 1, "memory": "much"}, "memory")],
)  # fmt: skip
def test_bad_arguments_are_named(four: list[str], asked: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        mlplat.cluster(**asked)
    assert field in caught.value.fields
    assert mlplat.gpus.leases().items == []


def test_a_quota_holds(home: Home) -> None:
    fake_gpus("4xA100-80G", gpu_quota={"*": 1})
    with pytest.raises(Conflict, match="quota"):
        mlplat.cluster(gpus=2)
