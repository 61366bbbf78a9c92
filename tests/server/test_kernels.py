"""Kernels that the Jupyter server starts: by our provisioner, on devices that were asked for ahead."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from sqlalchemy import update
from traitlets.config import Config

from jupyter_mlplat.home import Home
from jupyter_mlplat.kernel import provisioner
from jupyter_mlplat.kernel.pool import Pool
from jupyter_mlplat.server import prompt
from jupyter_mlplat.server.app import PROVISIONER_VARIABLE, MLPlatExtension, prefer_provisioner
from jupyter_mlplat.server.kernel_leases import KernelLeases
from jupyter_mlplat.server.prompt import WEBSOCKET, PromptConnection, PromptKernelManager, prefer_prompt
from jupyter_mlplat.store import tables

from ..gpus import fake_gpus
from .conftest import Ask


@pytest.fixture(autouse=True)
def fresh(extension: MLPlatExtension) -> Iterator[None]:
    """Four A100, and nothing that an earlier server of this process has made."""
    fake_gpus("4xA100-80G", warm_kernels=0, gpu_idle_limit=1.0, gpu_idle_grace=2.0)
    KernelProvisionerFactory.clear_instance()
    provisioner.platform.cache_clear()
    yield
    provisioner.platform().close()
    provisioner.platform.cache_clear()
    KernelProvisionerFactory.clear_instance()


def test_another_choice_of_a_provisioner_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config()
    prefer_provisioner(config)
    assert config.KernelProvisionerFactory.default_provisioner_name == "mlplat"
    chosen = Config({"KernelProvisionerFactory": {"default_provisioner_name": "other"}})
    prefer_provisioner(chosen)
    assert chosen.KernelProvisionerFactory.default_provisioner_name == "other"
    monkeypatch.setenv(PROVISIONER_VARIABLE, "local-provisioner")
    config = Config()
    prefer_provisioner(config)
    assert "default_provisioner_name" not in config.KernelProvisionerFactory


def test_another_choice_of_a_connection_stays() -> None:
    for chosen, then in ((ZMQChannelsWebsocketConnection, PromptConnection), (object, object)):
        settings = {WEBSOCKET: chosen}
        kernels = SimpleNamespace(kernel_manager_class="other.Manager")
        prefer_prompt(settings, kernels)
        assert settings == {WEBSOCKET: then}
        assert kernels.kernel_manager_class == "other.Manager"
    kernels = AsyncMappingKernelManager()
    prefer_prompt({}, kernels)
    assert kernels.kernel_manager_class == "jupyter_mlplat.server.prompt.PromptKernelManager"
    assert isinstance(kernels.kernel_manager_factory(), PromptKernelManager)


async def test_a_kernel_that_cannot_start_says_so_and_the_next_one_starts(jp_fetch: Any, jp_serverapp: Any) -> None:
    kernels = jp_serverapp.kernel_manager
    failing = kernels.kernel_manager_factory(parent=kernels, kernel_name="python3")
    assert isinstance(failing, PromptKernelManager)
    with pytest.raises(FileNotFoundError):
        await failing.start_kernel(cwd="/nowhere at all")
    assert isinstance(failing.ready.exception(), FileNotFoundError)
    made = json.loads((await jp_fetch("api", "kernels", method="POST", body='{"name": "python3"}')).body)
    started = kernels.get_kernel(made["id"])
    assert isinstance(started, PromptKernelManager)
    assert started.ready.done()
    await jp_fetch("api", "kernels", made["id"], "restart", method="POST", body="{}")
    await jp_fetch("api", "kernels", made["id"], method="DELETE")


async def test_what_a_kernel_says_is_sent_at_once(
    jp_fetch: Any, jp_ws_fetch: Any, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(KernelWebsocketHandler, "set_nodelay", lambda _, value: asked.append(value))
    made = json.loads((await jp_fetch("api", "kernels", method="POST", body='{"name": "python3"}')).body)
    channel = await jp_ws_fetch("api", "kernels", made["id"], "channels", params={"session_id": "one"})
    channel.close()
    assert asked == [True]
    await jp_fetch("api", "kernels", made["id"], method="DELETE")


@pytest.mark.parametrize("silent", [False, True])
async def test_the_first_cell_of_a_warm_kernel_loses_no_output(
    home: Home, jp_fetch: Any, jp_ws_fetch: Any, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    """Also where the kernel says no welcome to who subscribes to its outputs."""
    platform = provisioner.platform()
    platform.warm_kernels, platform.warm_imports = 1, []
    pool = Pool(home)
    monkeypatch.setattr(PromptConnection, "silent", set())
    if silent:
        monkeypatch.setattr(prompt, "WELCOME_S", 0.0)
    try:
        for number in range(3):
            made = json.loads((await jp_fetch("api", "kernels", method="POST", body='{"name": "python3"}')).body)
            taken = jp_serverapp.kernel_manager.get_kernel(made["id"]).provisioner.warm is not None
            assert taken == (number > 0)
            channel = await jp_ws_fetch("api", "kernels", made["id"], "channels", params={"session_id": "one"})
            heard = await said(channel, "print('one')\nprint('two', flush=True)\n3")
            assert [kind for kind in heard if kind != "stream"] == [
                "status busy", "execute_input", "execute_result", "status idle",
            ]  # fmt: skip
            assert "stream" in heard
            channel.close()
            await jp_fetch("api", "kernels", made["id"], method="DELETE")
            deadline = time.monotonic() + 60
            while not any(one["waiting"] for one in pool.status()):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        assert PromptConnection.silent == ({"python3"} if silent else set())
    finally:
        pool.stop()


async def said(channel: Any, code: str) -> list[str]:
    """What a kernel says of a cell on the channel of its outputs."""
    header = {"msg_id": "asked", "msg_type": "execute_request", "username": "", "session": "one", "version": "5.4"}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await channel.write_message(json.dumps(message))
    heard: list[str] = []
    while heard[-1:] != ["status idle"]:
        one = json.loads(str(await asyncio.wait_for(channel.read_message(), 60)))
        if one["channel"] == "iopub" and one["parent_header"].get("msg_id") == "asked":
            state = one["content"].get("execution_state")
            heard.append(f"status {state}" if state else one["msg_type"])
    return heard


async def test_devices_that_were_asked_for_ahead_come_with_the_kernel(
    ask: Ask, jp_fetch: Any, jp_serverapp: Any, notebook: str
) -> None:
    answer = await ask("POST", "leases", body={"count": 2, "notebook": notebook, "memory": "40G"})
    assert answer.status == 201, answer.body
    lease = answer.json
    assert (lease["kind"], lease["state"], lease["memory"]) == ("kernel", "granted", 40 * 2**30)
    assert lease["notebook"].endswith(f"/{notebook}")
    assert lease["ends_at"] is not None
    body = {"path": notebook, "name": notebook.rpartition("/")[2], "type": "notebook", "kernel": {"name": "python3"}}
    made = json.loads((await jp_fetch("api", "sessions", method="POST", body=json.dumps(body))).body)
    kernel = jp_serverapp.kernel_manager.get_kernel(made["kernel"]["id"])
    assert isinstance(kernel.provisioner, provisioner.Provisioner)
    shown = (await ask("GET", "leases", lease["id"])).json
    assert (shown["state"], shown["ends_at"]) == ("granted", None)
    assert kernel._launch_args["env"].get("CUDA_VISIBLE_DEVICES") is None, "a restart asks the ledger again"
    await jp_fetch("api", "kernels", made["kernel"]["id"], "restart", method="POST", body="", request_timeout=60)
    assert (await ask("GET", "leases", lease["id"])).json["state"] == "granted"
    await jp_fetch("api", "sessions", made["id"], method="DELETE")
    for _ in range(100):
        if (await ask("GET", "leases", lease["id"])).json["state"] == "released":
            break
        await asyncio.sleep(0.1)
    assert (await ask("GET", "leases")).json["items"] == []


async def test_a_kernel_without_a_lease_sees_no_ledger(ask: Ask, jp_fetch: Any, jp_serverapp: Any) -> None:
    made = json.loads((await jp_fetch("api", "kernels", method="POST", body='{"name": "python3"}')).body)
    kernel = jp_serverapp.kernel_manager.get_kernel(made["id"])
    assert isinstance(kernel.provisioner, provisioner.Provisioner)
    assert (await ask("GET", "leases")).json["items"] == []
    await jp_fetch("api", "kernels", made["id"], method="DELETE")


@pytest.mark.parametrize("path", ["../outside.ipynb", "nowhere.ipynb"])
async def test_devices_are_asked_for_ahead_for_notebooks_of_this_server_only(ask: Ask, path: str) -> None:
    answer = await ask("POST", "leases", body={"notebook": path})
    assert answer.status in (404, 422), answer.body
    assert "notebook" in answer.json["fields"]
    assert (await ask("GET", "leases")).json["items"] == []


# --- devices that rest ------------------------------------------------------------------------------


async def with_devices(ask: Ask, jp_fetch: Any, notebook: str) -> tuple[str, str]:
    """A notebook's kernel that has a device; returns the ids of lease and kernel."""
    lease = (await ask("POST", "leases", body={"notebook": notebook})).json
    body = {"path": notebook, "name": notebook.rpartition("/")[2], "type": "notebook", "kernel": {"name": "python3"}}
    made = json.loads((await jp_fetch("api", "sessions", method="POST", body=json.dumps(body))).body)
    return lease["id"], made["kernel"]["id"]


@pytest.fixture
def looks(home: Home, extension: MLPlatExtension, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server looks all the time at devices that have no load."""
    uuids = [one.uuid for one in extension.door.load().gpus_source.devices()]
    (home.run / "fake-gpus.json").write_text(json.dumps({uuid: {"utilization": 0.0} for uuid in uuids}))
    monkeypatch.setattr("jupyter_mlplat.server.gpu_watch.EVERY_S", 0.1)
    monkeypatch.setattr("jupyter_mlplat.services.gpus.idle.FRESH", timedelta(0))


async def gone(server: Any, kernel: str) -> None:
    """Return once a server has no such kernel any more: its lease ends a moment before."""
    for _ in range(100):
        if kernel not in server.kernel_manager:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"kernel {kernel} is still there")


async def until(ask: Ask, lease: str, field: str) -> Any:
    """The lease once that field of it says something."""
    for _ in range(300):
        seen = (await ask("GET", "leases", lease)).json
        if seen[field] is not None:
            return seen
        await asyncio.sleep(0.1)
    raise AssertionError(f"no {field}: {seen}")


async def test_a_kernel_that_rests_is_shut_down_unless_somebody_keeps_it(
    ask: Ask, jp_fetch: Any, jp_serverapp: Any, notebook: str, looks: None, extension: MLPlatExtension
) -> None:
    lease, kernel = await with_devices(ask, jp_fetch, notebook)
    extension.start_publisher()
    asked = await until(ask, lease, "reclaim_at")
    stands = datetime.fromisoformat(asked["reclaim_at"]) - datetime.fromisoformat(asked["asked_at"])
    assert stands == timedelta(seconds=2)
    kept = await ask("POST", "leases", lease, "keep", body={"seconds": 4})
    assert kept.status == 200, kept.body
    assert (kept.json["asked_at"], kept.json["reclaim_at"]) == (None, None)
    await asyncio.sleep(3)
    assert (await ask("GET", "leases", lease)).json["state"] == "granted"
    assert kernel in jp_serverapp.kernel_manager
    ended = await until(ask, lease, "reason")
    assert (ended["state"], ended["reason"]) == ("released", "idle")
    assert ended["ended_at"] >= asked["reclaim_at"]
    await gone(jp_serverapp, kernel)
    assert json.loads((await jp_fetch("api", "sessions")).body) == []


async def test_a_kernel_on_devices_that_others_have_reserved_is_shut_down(
    ask: Ask, jp_fetch: Any, jp_serverapp: Any, notebook: str, looks: None, extension: MLPlatExtension
) -> None:
    """Also where it runs a cell; and its user has known from the begin."""
    ends = datetime.now(UTC) + timedelta(hours=1)
    begins = datetime.now(UTC) + timedelta(seconds=400)
    body = {"count": 4, "starts_at": begins.isoformat(), "ends_at": ends.isoformat(), "whose": "grace"}
    made = await ask("POST", "reservations", body=body)
    assert made.status == 201, made.body
    lease, kernel = await with_devices(ask, jp_fetch, notebook)
    shown = (await ask("GET", "leases", lease)).json
    assert datetime.fromisoformat(shown["ends_at"]) == begins
    jp_serverapp.kernel_manager.get_kernel(kernel).execution_state = "busy"
    # The time comes at once.
    store = extension.door.load().store
    with store.write() as transaction:
        transaction.connection.execute(
            update(tables.leases).where(tables.leases.c.id == int(lease)).values(ends_at=datetime.now(UTC))
        )
    extension.start_publisher()
    ended = await until(ask, lease, "reason")
    assert ended["reason"] == "time_up"
    await gone(jp_serverapp, kernel)


async def test_releasing_the_devices_of_a_kernel_ends_it(
    ask: Ask, jp_fetch: Any, jp_serverapp: Any, notebook: str
) -> None:
    lease, kernel = await with_devices(ask, jp_fetch, notebook)
    other = (await ask("POST", "leases", body={"notebook": notebook})).json
    assert (await ask("DELETE", "leases", other["id"])).json["reason"] == "released"
    assert kernel in jp_serverapp.kernel_manager, "that was no lease of its"
    ended = await ask("DELETE", "leases", lease)
    assert (ended.status, ended.json["state"], ended.json["reason"]) == (200, "released", "released")
    assert kernel not in jp_serverapp.kernel_manager


async def test_who_may_not_end_kernels_cannot_release_their_devices(
    ask: Ask, jp_fetch: Any, jp_serverapp: Any, notebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, kernel = await with_devices(ask, jp_fetch, notebook)

    def is_authorized(handler: object, user: object, action: str, resource: str) -> bool:
        return (action, resource) != ("write", "kernels")

    with monkeypatch.context() as patch:
        patch.setattr(jp_serverapp.authorizer, "is_authorized", is_authorized)
        (await ask("DELETE", "leases", lease)).error(403)
    assert kernel in jp_serverapp.kernel_manager
    assert (await ask("GET", "leases", lease)).json["state"] == "granted"
    await ask("DELETE", "leases", lease)


async def test_a_kernel_that_runs_a_cell_is_not_taken_for_one_that_rests(
    ask: Ask, jp_fetch: Any, jp_serverapp: Any, notebook: str, extension: MLPlatExtension
) -> None:
    lease, kernel = await with_devices(ask, jp_fetch, notebook)
    leases: KernelLeases = extension.kernel_leases
    assert not await leases.shut_down("8", busy=False)
    jp_serverapp.kernel_manager.get_kernel(kernel).execution_state = "busy"
    assert not await leases.shut_down(lease, reason="idle", busy=False)
    assert kernel in jp_serverapp.kernel_manager
    jp_serverapp.kernel_manager.get_kernel(kernel).execution_state = "idle"
    assert await leases.shut_down(lease, reason="idle", busy=False)
    assert kernel not in jp_serverapp.kernel_manager
    assert (await ask("GET", "leases", lease)).json["reason"] == "idle"


async def test_what_a_killed_kernel_had_logged_is_delivered_by_the_server(
    ask: Ask, jp_fetch: Any, jp_ws_fetch: Any
) -> None:
    made = json.loads((await jp_fetch("api", "kernels", method="POST", body='{"name": "python3"}')).body)
    channel = await jp_ws_fetch("api", "kernels", made["id"], "channels", params={"session_id": "one"})
    logs = "import mlflow, os, signal\nmlflow.start_run(run_name='cut')\n"
    logs += "for step in range(500): mlflow.log_metric('loss', step / 2, step=step)\nprint('logged')\n"
    header = {"msg_id": "asked", "msg_type": "execute_request", "username": "", "session": "one", "version": "5.4"}
    content = {"code": f"{logs}os.kill(os.getpid(), signal.SIGKILL)", "silent": False, "user_expressions": {}}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await channel.write_message(json.dumps(message))
    deadline = time.monotonic() + 60
    metrics: dict[str, float] = {}
    while metrics.get("loss") != 249.5:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
        runs = [run for run in (await ask("GET", "runs")).json["items"] if run["name"] == "cut"]
        metrics = runs[0]["metrics"] if runs else {}
    channel.close()
    await jp_fetch("api", "kernels", made["id"], method="DELETE")
