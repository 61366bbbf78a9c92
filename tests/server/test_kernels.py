"""Kernels that the Jupyter server starts: by our provisioner, on devices that were asked for ahead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from traitlets.config import Config

from jupyter_mlplat.kernel import provisioner
from jupyter_mlplat.server.app import (
    PROVISIONER_VARIABLE,
    WEBSOCKET,
    MLPlatExtension,
    PromptConnection,
    prefer_prompt,
    prefer_provisioner,
)

from ..gpus import fake_gpus
from .conftest import Ask


@pytest.fixture(autouse=True)
def fresh(extension: MLPlatExtension) -> Iterator[None]:
    """Four A100, and nothing that an earlier server of this process has made."""
    fake_gpus("4xA100-80G", warm_kernels=0)
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
        prefer_prompt(settings)
        assert settings == {WEBSOCKET: then}


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
