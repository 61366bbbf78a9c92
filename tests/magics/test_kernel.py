"""`%mlplat` in a real kernel: progress by widgets, the cancel button while the cell runs, MLflow's variables."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from jupyter_mlplat.platform import Platform

from ..gpus import fake_gpus

WITHIN_S = 90.0


@pytest.fixture
def four_gpus() -> None:
    fake_gpus("4xA100-80G")


@pytest.fixture
def client(platform: Platform) -> Iterator[BlockingKernelClient]:
    """A client of a kernel with the extension loaded."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    made = manager.client()
    made.start_channels()
    try:
        made.wait_for_ready(timeout=WITHIN_S)
        done = made.execute_interactive("%load_ext jupyter_mlplat", timeout=WITHIN_S)
        assert done["content"]["status"] == "ok", done["content"]
        yield made
    finally:
        made.stop_channels()
        manager.shutdown_kernel(now=True)


def execute(client: BlockingKernelClient, code: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The reply to a cell, and everything that it published."""
    published: list[dict[str, Any]] = []
    reply = client.execute_interactive(code, timeout=WITHIN_S, output_hook=published.append)
    return reply["content"], published


def until(
    client: BlockingKernelClient, seen: list[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The next published message that is wanted; all messages are added to `seen`."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=WITHIN_S)
        seen.append(message)
        if wanted(message):
            return message
    pytest.fail(f"not published; the last was {seen[-1]['msg_type']}")


def write(path: Path, source: str) -> Path:
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source)]
    nbformat.write(made, path)
    return path


def test_the_button_cancels_the_job_while_the_cell_waits(
    client: BlockingKernelClient, platform: Platform, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "long.ipynb", "import time\ntime.sleep(600)")
    seen: list[dict[str, Any]] = []
    cell = client.execute(f"job = %mlplat jobs run {notebook} --wait\nprint('ended', job.state)")
    view = "application/vnd.jupyter.widget-view+json"
    shown = until(client, seen, lambda one: one["msg_type"] == "display_data" and view in one["content"]["data"])
    assert shown["content"]["data"]["text/plain"].startswith("job 1 ")
    button = next(
        one["content"]["comm_id"]
        for one in seen
        if one["msg_type"] == "comm_open" and one["content"]["data"]["state"].get("_model_name") == "ButtonModel"
    )
    # A front end sends what belongs to widgets to a subshell, so that it is heard while a cell runs.
    request = client.session.msg("create_subshell_request", {})
    client.control_channel.send(request)
    subshell = client.get_control_msg(timeout=WITHIN_S)["content"]["subshell_id"]
    click = client.session.msg(
        "comm_msg", {"comm_id": button, "data": {"method": "custom", "content": {"event": "click"}}}
    )
    click["header"]["subshell_id"] = subshell
    client.shell_channel.send(click)

    ended = until(client, seen, lambda one: one["msg_type"] == "stream" and "ended" in one["content"]["text"])
    assert ended["content"]["text"].strip() == "ended cancelled"
    assert platform.jobs.get("1").state == "cancelled"
    left = [one for one in seen if one["msg_type"] == "update_display_data"][-1]
    assert set(left["content"]["data"]) == {"text/plain"}
    assert left["content"]["data"]["text/plain"].startswith("job 1 cancelled")
    assert client.get_shell_msg(timeout=WITHIN_S)["parent_header"]["msg_id"] in (cell, click["header"]["msg_id"])


def test_an_error_has_two_lines_and_the_cell_fails(client: BlockingKernelClient) -> None:
    reply, published = execute(client, "%mlplat jobs show 99")
    assert reply["status"] == "error"
    assert reply["ename"] == "NotFound"
    (error,) = [one["content"] for one in published if one["msg_type"] == "error"]
    assert error["traceback"] == [
        "error: no job has the id '99'",
        "hint: see them: jupyter mlplat jobs list",
    ]


def test_a_table_is_html_with_text_beside_it(client: BlockingKernelClient) -> None:
    _, published = execute(client, "%mlplat gpus list")
    (shown,) = [one["content"]["data"] for one in published if one["msg_type"] == "execute_result"]
    assert set(shown) == {"text/html", "text/plain"}


def test_what_the_kernel_logs_is_in_the_platform(client: BlockingKernelClient, platform: Platform) -> None:
    reply, _ = execute(
        client, "import mlflow\nwith mlflow.start_run(run_name='by hand'):\n    mlflow.log_metric('loss', 0.25)"
    )
    assert reply["status"] == "ok", reply
    (found,) = platform.runs.list().items
    assert (found.name, found.metrics) == ("by hand", {"loss": 0.25})
    reply, published = execute(client, "runs = %mlplat runs list --filter 'metrics.loss < 1'\nruns[0].name")
    assert [one["content"]["data"] for one in published if one["msg_type"] == "execute_result"] == [
        {"text/plain": "'by hand'"}
    ]


def test_a_lease_belongs_to_the_kernel_and_ends_with_it(
    four_gpus: None, client: BlockingKernelClient, platform: Platform
) -> None:
    reply, published = execute(
        client, "import os\nlease = %mlplat gpus acquire --gpus 2\nprint(os.getpid(), len(lease.devices))"
    )
    assert reply["status"] == "ok", reply
    (printed,) = [one["content"]["text"].split() for one in published if one["msg_type"] == "stream"]
    (lease,) = platform.gpus.leases().items
    assert (str(lease.pid), lease.state.value, "2") == (printed[0], "granted", printed[1])
    assert lease.pid is not None
    os.kill(lease.pid, signal.SIGKILL)
    deadline = time.monotonic() + WITHIN_S
    while platform.gpus.leases().items:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert platform.gpus.get(lease.id).reason == "owner_gone"
