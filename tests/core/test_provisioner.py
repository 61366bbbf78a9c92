"""Kernels as jupyter_client starts them: warm, restarted, on leased devices."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets.config import Config

from jupyter_mlplat.errors import Conflict, Invalid
from jupyter_mlplat.kernel import provisioner
from jupyter_mlplat.kernel.pool import Pool
from jupyter_mlplat.kernel.provisioner import Provisioner
from jupyter_mlplat.models import LeaseRequest
from jupyter_mlplat.platform import Platform
from tests.conftest import fail_on_leftovers

WITHIN = 60.0


@pytest.fixture
def own(platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Platform]:
    """A platform with four devices that are not there, whose warm kernels have imported little."""
    platform.gpu_source = "fake:4xA100-80G"
    platform.warm_imports = ["json"]
    platform.warm_kernels = 1
    monkeypatch.setattr(provisioner, "platform", lambda: platform)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    yield platform
    Pool(platform.home).stop()
    fail_on_leftovers(tmp_path)


@pytest.fixture
def start(own: Platform, tmp_path: Path) -> Iterator[Callable[..., KernelManager]]:
    """Starts kernels that end with the test."""
    KernelProvisionerFactory.clear_instance()
    managers: list[KernelManager] = []

    def make(
        *,
        argv: list[str] | None = None,
        session: str = "",
        env: dict[str, str] | None = None,
        independent: bool = False,
        **asked: Any,
    ) -> Any:
        manager = KernelManager(config=Config())
        manager._kernel_spec = KernelSpec(
            argv=argv or [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="test", language="python", interrupt_mode="signal",
            metadata={"kernel_provisioner": {"provisioner_name": "mlplat", "config": asked}},
        )  # fmt: skip
        managers.append(manager)
        names = {name: value for name, value in os.environ.items() if not name.startswith(("JPY_", "PYTEST_"))}
        names |= {"MLPLAT_HOME": str(own.home.root), **({"JPY_SESSION_NAME": session} if session else {})}
        manager.start_kernel(cwd=str(tmp_path), env={**names, **(env or {})}, independent=independent)
        return manager

    yield make
    for manager in managers:
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)
    KernelProvisionerFactory.clear_instance()


@pytest.fixture
def warm(own: Platform, start: Callable[..., KernelManager]) -> Callable[..., KernelManager]:
    """The same once a kernel waits."""

    def ready(**given: Any) -> KernelManager:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("JPY_", "PYTEST_"))}
        env = {**env, **own.environment(), **given.get("env", {})}
        command = given.get("argv") or [sys.executable, "-m", "ipykernel_launcher", "-f", "x"]
        status = Pool(own.home, **own.warm).prepare(command, env=env, timeout=WITHIN)
        assert status.get("waiting"), status
        return start(**given)

    return ready


def run(manager: KernelManager, code: str) -> str:
    """What a cell prints, through channels of its own."""
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=WITHIN)
        texts: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                texts.append(message["content"]["text"])

        reply = client.execute_interactive(code, timeout=WITHIN, output_hook=hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(texts).strip()
    finally:
        client.stop_channels()


def own_provisioner(manager: KernelManager) -> Provisioner:
    assert isinstance(manager.provisioner, Provisioner)
    return manager.provisioner


def is_warm(manager: KernelManager) -> bool:
    return own_provisioner(manager).warm is not None


def until(true: Callable[[], object], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.05)


# --- warm -------------------------------------------------------------------------------------------


def test_the_first_kernel_is_a_plain_one_and_the_next_is_warm(
    own: Platform, start: Callable[..., KernelManager], tmp_path: Path
) -> None:
    first = start()
    assert not is_warm(first)
    assert (
        run(first, "import os; print(os.getcwd(), os.environ['MLFLOW_TRACKING_URI'])") == f"{tmp_path} {own.mlflow_uri}"
    )
    until(lambda: any(one["waiting"] for one in Pool(own.home).status()), WITHIN)
    second = start()
    assert is_warm(second)
    assert run(
        second, "import os, sys; print(os.getcwd(), os.environ['MLFLOW_TRACKING_URI'], 'json' in sys.modules)"
    ) == (f"{tmp_path} {own.mlflow_uri} True")


def test_a_warm_kernel_is_restarted_interrupted_and_shut_down_as_any(
    warm: Callable[..., KernelManager],
) -> None:
    manager = warm()
    assert is_warm(manager)
    file = Path(manager.connection_file)
    assert json.loads(file.read_text())["shell_port"] == manager.shell_port
    before = manager.get_connection_info()
    assert run(manager, "x = 1; import os; print(os.getpid())") == str(own_provisioner(manager).pid)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=WITHIN)
        # A window that was open before goes on after the restart.
        manager.restart_kernel(now=True)
        assert manager.get_connection_info() == before
        client.wait_for_ready(timeout=WITHIN)
        request = client.execute("import time; print('x' in globals(), flush=True); time.sleep(60)")
        while True:
            message = client.get_iopub_msg(timeout=WITHIN)
            if message["msg_type"] == "stream" and message["parent_header"]["msg_id"] == request:
                break
        assert message["content"]["text"] == "False\n"
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=WITHIN)
        while reply["parent_header"]["msg_id"] != request:
            reply = client.get_shell_msg(timeout=WITHIN)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
    finally:
        client.stop_channels()
    pid = own_provisioner(manager).pid
    manager.shutdown_kernel()
    assert not file.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_warm_kernel_that_is_killed_is_seen_to_have_ended(warm: Callable[..., KernelManager]) -> None:
    manager = warm()
    assert is_warm(manager)
    assert manager.is_alive()
    os.kill(own_provisioner(manager).pid, signal.SIGKILL)
    until(lambda: not manager.is_alive())
    manager.restart_kernel(now=True)
    assert run(manager, "print(1)") == "1"


@pytest.mark.parametrize("why", ["switched off", "another program", "independent"])
def test_a_plain_kernel_where_a_warm_one_does_not_suit(
    own: Platform, start: Callable[..., KernelManager], why: str, tmp_path: Path
) -> None:
    if why == "switched off":
        own.warm_kernels = 0
        manager = start()
    elif why == "another program":
        program = tmp_path / "kernel"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ipykernel_launcher "$@"\n')
        program.chmod(0o700)
        manager = start(argv=[str(program), "-f", "{connection_file}"])
    else:
        manager = start(independent=True)
    assert not is_warm(manager)
    assert isinstance(manager.provisioner, LocalProvisioner)
    assert run(manager, "print(1)") == "1"
    if why == "switched off":
        assert Pool(own.home).status() == []


def test_a_notebook_teaches_what_it_imports(own: Platform, warm: Callable[..., KernelManager], tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "source": "import numpy as np", "metadata": {}, "outputs": []}]
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    warm(session=str(notebook))
    until(lambda: any("numpy" in one["preloaded"] for one in Pool(own.home).status()), WITHIN)


@pytest.mark.parametrize("broken", ["configuration", "store", "data directory"])
def test_a_platform_that_cannot_be_used_keeps_nobody_from_a_kernel(
    own: Platform, start: Callable[..., KernelManager], monkeypatch: pytest.MonkeyPatch, broken: str, tmp_path: Path
) -> None:
    def fails() -> Platform:
        raise Invalid("the configuration is wrong", hint="mend it")

    if broken == "configuration":
        monkeypatch.setattr(provisioner, "platform", fails)
    elif broken == "store":
        own.home.database.write_bytes(b"no database " * 1000)
    else:
        (tmp_path / "a-file").touch()
        other = Platform(home_dir=str(tmp_path / "a-file" / "below"), gpu_source="fake:1xA100-80G")
        monkeypatch.setattr(provisioner, "platform", lambda: other)
    manager = start(session=str(tmp_path / "n.ipynb"))
    assert run(manager, "print(1)") == "1"
    manager.shutdown_kernel(now=True)
    with pytest.raises(Exception):  # noqa: B017 - devices come from the ledger alone
        start(gpus=1)


# --- devices ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "warm"])
def test_a_kernel_has_its_devices_until_it_is_shut_down(
    own: Platform, start: Callable[..., KernelManager], warm: Callable[..., KernelManager], kind: str
) -> None:
    if kind == "plain":
        own.warm_kernels = 0
    manager = (warm if kind == "warm" else start)(gpus=2, gpu_memory="40G", session="/work/train.ipynb")
    assert is_warm(manager) == (kind == "warm")
    (lease,) = own.gpus.leases().items
    assert (lease.state, lease.kind, lease.notebook, lease.count) == ("granted", "kernel", "/work/train.ipynb", 2)
    seen = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['MLPLAT_LEASE'])"
    assert run(manager, seen) == f"{','.join(lease.devices)} {lease.id}"
    manager.restart_kernel(now=True)
    assert run(manager, seen) == f"{','.join(lease.devices)} {lease.id}"
    manager.restart_kernel()
    assert own.gpus.get(lease.id).state == "granted"
    manager.shutdown_kernel(now=True)
    assert own.gpus.get(lease.id).reason == "released"


def test_a_kernelspec_says_how_long_its_kernels_may_rest(own: Platform, start: Callable[..., KernelManager]) -> None:
    own.warm_kernels = 0
    for asked, limit in (({}, 1800), ({"idle_limit": 7200}, 7200), ({"idle_limit": 0}, None)):
        manager = start(gpus=1, **asked)
        [lease] = own.gpus.leases().items
        assert lease.idle_limit == limit
        assert own_provisioner(manager).lease_id == lease.id
        manager.shutdown_kernel(now=True)
    with pytest.raises(Invalid, match="idle_limit"):
        start(gpus=1, idle_limit=-1)


def test_a_launch_that_fails_gives_its_devices_back(own: Platform, start: Callable[..., KernelManager]) -> None:
    with pytest.raises(Exception, match="nowhere"):
        start(argv=["/nowhere/python", "{connection_file}"], gpus=1)
    assert own.gpus.leases().items == []
    assert own.gpus.get("1").reason == "released"


def test_a_kernel_that_is_killed_gives_its_devices_back(
    own: Platform, start: Callable[..., KernelManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    own.warm_kernels = 0
    monkeypatch.setattr(provisioner, "RESTARTS_WITHIN_S", 1.0)
    manager = start(gpus=1)
    os.kill(own_provisioner(manager).pid, signal.SIGKILL)
    # One that comes again within that time keeps them.
    manager.restart_kernel(now=True)
    time.sleep(1.5)
    assert own.gpus.get("1").state == "granted"
    os.kill(own_provisioner(manager).pid, signal.SIGKILL)
    until(lambda: own.gpus.get("1").state == "released")
    # Started once more, it gets others.
    manager.restart_kernel(now=True)
    assert own.gpus.get("2").state == "granted"


def test_a_server_with_more_than_1024_files_open_notices_the_end_of_a_kernel(
    own: Platform, start: Callable[..., KernelManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`select` knows no larger numbers."""
    own.warm_kernels = 0
    monkeypatch.setattr(provisioner, "RESTARTS_WITHIN_S", 0.1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    open_files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        os.kill(own_provisioner(start(gpus=1)).pid, signal.SIGKILL)
        until(lambda: own.gpus.get("1").state == "released")
    finally:
        for descriptor in open_files:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_kernel_waits_for_its_turn_and_can_be_cancelled(own: Platform, start: Callable[..., KernelManager]) -> None:
    own.warm_kernels = 0
    held = own.gpus.acquire(LeaseRequest(count=4, pid=os.getpid()), owner="grace")
    import threading

    started: list[object] = []

    def begin() -> None:
        try:
            started.append(start(gpus=1, session="/work/a.ipynb"))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            started.append(error)

    for wish in ("cancel", "grant"):
        thread = threading.Thread(target=begin)
        thread.start()
        until(lambda: own.gpus.list().queue)
        (waiting,) = own.gpus.list().queue
        assert (waiting.position, waiting.notebook, waiting.kind) == (1, "/work/a.ipynb", "kernel")
        assert not started
        own.gpus.release(waiting.id if wish == "cancel" else held.id)
        thread.join(timeout=WITHIN)
        (result,) = started
        if wish == "cancel":
            assert isinstance(result, Conflict)
            assert "cancelled" in str(result)
        else:
            assert isinstance(result, KernelManager)
            assert own.gpus.get(waiting.id).state == "granted"
        started.clear()


def test_what_was_asked_for_ahead_is_taken_over_once(own: Platform, start: Callable[..., KernelManager]) -> None:
    own.warm_kernels = 0
    request = LeaseRequest(count=1, notebook="/work/a.ipynb", pid=os.getpid(), seconds=120)
    ahead = own.gpus.acquire(request, owner="ada")
    assert (ahead.kind, ahead.notebook, ahead.ends_at is not None) == ("kernel", "/work/a.ipynb", True)
    other = start(session="/work/b.ipynb")
    assert "None" in run(other, "import os; print(os.environ.get('MLPLAT_LEASE'))")
    first, second = start(session="/work/a.ipynb"), start(session="/work/a.ipynb")
    assert run(first, "import os; print(os.environ['MLPLAT_LEASE'])") == ahead.id
    assert own.gpus.get(ahead.id).ends_at is None
    assert run(second, "import os; print(os.environ.get('MLPLAT_LEASE'))") == "None"
    first.shutdown_kernel(now=True)
    assert own.gpus.get(ahead.id).state == "released"


@pytest.mark.parametrize(
    ("asked", "why"), [({"gpus": 5}, "this host cannot give"), ({"gpus": 1, "gpu_memory": "much"}, "no size")]
)
def test_a_kernelspec_that_asks_for_what_there_is_not(
    own: Platform, start: Callable[..., KernelManager], asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        start(**asked)
    assert own.gpus.leases().items == []
