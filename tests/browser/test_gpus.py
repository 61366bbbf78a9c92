"""A notebook with GPUs: asked for in the launcher, seen in the toolbar, waited for, cancelled, given back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from .conftest import Lab, View, opened, running_lab
from .test_main_job import job_row, open_form, submitted
from .test_panel import violations


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a machine with four GPUs that are not there."""
    with running_lab(tmp_path_factory.mktemp("gpus"), gpu_source="fake:4xA100-80G") as made:
        yield made


def ask(page: Page, devices: int) -> None:
    """Fill in the dialog, and start."""
    dialog = page.get_by_role("dialog", name="A notebook with GPUs")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Devices").fill(str(devices))
    dialog.get_by_role("button", name="Start").click()


def test_notebook_with_gpus_from_the_launcher_to_giving_them_back(view: View) -> None:
    page = view.page
    card = page.locator(".jp-LauncherCard", has_text="Notebook with GPUs")
    expect(card).to_be_visible()
    card.click()
    dialog = page.get_by_role("dialog", name="A notebook with GPUs")
    expect(dialog.get_by_text("4 of 4 such devices are free")).to_be_visible()
    dialog.get_by_label("Type").select_option("A100-80G")
    dialog.get_by_label("Memory of each, GiB").fill("200")
    expect(dialog.get_by_text("0 of 0 such devices are free")).to_be_visible()
    dialog.get_by_role("button", name="Start").click()
    # What no device is, is refused, and the dialog stays.
    expect(dialog.get_by_role("alert")).to_contain_text("this host cannot give")
    view.errors.clear()  # the browser itself reports the 422 in its console
    dialog.get_by_label("Memory of each, GiB").fill("40")
    view.picture("gpus-ask")
    ask(page, 3)

    badge = page.locator(".jp-NotebookPanel .jp-mlplat-badge")
    expect(badge).to_have_text("GPU 0, 1, 2", timeout=60_000)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)
    page.locator(".jp-NotebookPanel .jp-CodeCell .cm-content").first.click()
    page.keyboard.insert_text("import os; print('sees', len(os.environ['CUDA_VISIBLE_DEVICES'].split(',')))")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".jp-OutputArea-output")).to_contain_text("sees 3", timeout=60_000)

    # Two more do not fit: the request waits, with its place, and nothing is in the way meanwhile.
    view.execute("mlplat:new-gpu-notebook")
    ask(page, 2)
    toast = page.locator(".Toastify__toast")
    expect(toast).to_contain_text("Waiting for 2 × GPU: 1st in the queue")
    badge.click()
    queue = page.get_by_role("list", name="Queue for GPUs")
    expect(queue).to_contain_text(re.compile(r"1 · .*Untitled1\.ipynb"))
    expect(page.get_by_role("list", name="GPUs", exact=True)).to_contain_text("Untitled.ipynb")
    expect(page.locator(".jp-mlplat-statusItem")).to_contain_text("GPU 3/4 · you are 1st")
    view.picture("gpus-waiting")
    toast.get_by_role("button", name="Cancel").click()
    expect(queue).to_be_hidden()
    expect(toast).to_be_hidden()
    assert [one["state"] for one in view.lab.request("leases")["items"]] == ["granted"]
    # The notebook that was made for it is gone as well.
    for _ in range(100):
        if not (view.lab.root / "Untitled1.ipynb").exists():
            break
        page.wait_for_timeout(100)
    assert not (view.lab.root / "Untitled1.ipynb").exists()

    # Once more: now the first one gives its devices back, and the second one has its turn.
    view.execute("mlplat:new-gpu-notebook")
    ask(page, 2)
    expect(queue).to_be_visible()
    page.get_by_role("button", name="Give device 0 back").click()
    sure = page.locator(".jp-Dialog", has_text="Give back 3 × A100-80G?")
    expect(sure).to_contain_text("Untitled.ipynb holds them. Its kernel is shut down")
    sure.get_by_role("button", name="Give back now").click()
    expect(queue).to_be_hidden()
    ended = toast.filter(has_text="The kernel of Untitled.ipynb was shut down.")
    expect(ended).to_contain_text("Nothing of it is saved: there was nothing to save.")
    assert [one["path"] for one in sessions(view)] in ([], ["Untitled1.ipynb"])
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-mlplat-badge")
    expect(shown).to_have_text(re.compile(r"^GPU \d, \d$"), timeout=60_000)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)
    for _ in range(100):
        (lease,) = view.lab.request("leases")["items"]
        if lease["ends_at"] is None:
            break
        page.wait_for_timeout(100)
    assert (lease["count"], lease["ends_at"]) == (2, None), "the kernel has taken it over"

    # Closed with its kernel, the notebook gives them back.
    view.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll().then(() => null)")
    expect(page.get_by_role("list", name="GPUs", exact=True)).not_to_contain_text("Untitled")
    assert view.lab.request("leases")["items"] == []


def sessions(view: View) -> list[dict[str, Any]]:
    """The notebooks whose kernels the server has."""
    found: list[dict[str, Any]] = view.page.request.get(
        f"{view.lab.url}api/sessions", headers={"Authorization": f"token {view.lab.token}"}
    ).json()
    return found


@pytest.mark.long
def test_a_kernel_that_rests_asks_before_it_is_shut_down(
    browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"gpu_source": "fake:1xA100-80G", "gpu_idle_limit": 1.0, "gpu_idle_grace": 35.0}
    with running_lab(tmp_path_factory.mktemp("rest"), **settings) as lab:
        view = opened(browser, lab)
        page = view.page
        [device] = lab.request("gpus")["devices"]
        said = Path(lab.environment["MLPLAT_HOME"], "run", "fake-gpus.json")

        def load(share: float) -> None:
            said.write_text(json.dumps({device["uuid"]: {"memory": 12 * 2**30, "utilization": share}}))

        view.open_panel()
        page.get_by_role("button", name="Notebook with GPUs…").click()
        dialog = page.get_by_role("dialog", name="A notebook with GPUs")
        dialog.get_by_label("Idle minutes until you are asked").fill("0.1")
        ask(page, 1)
        badge = page.locator(".jp-NotebookPanel .jp-mlplat-badge")
        expect(badge).to_have_text("GPU 0", timeout=60_000)
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)
        page.locator(".jp-NotebookPanel .jp-CodeCell .cm-content").first.click()
        page.keyboard.insert_text("x = 1; print('ran')")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".jp-OutputArea-output")).to_contain_text("ran", timeout=60_000)
        load(0.0)
        toast = page.locator(".Toastify__toast")
        expect(toast).to_contain_text("Untitled.ipynb holds 1 × A100-80G (12.0 GiB in use)", timeout=60_000)
        expect(toast).to_contain_text(re.compile(r"has done nothing for \d+ s\. It is shut down in \d+ s\."))
        expect(badge).to_have_text(re.compile(r"^GPU 0 · idle \d+ s$"))
        badge.click()
        devices = page.get_by_role("list", name="GPUs", exact=True)
        expect(devices).to_contain_text(re.compile(r"idle \d+ s, shut down in \d+ s"))
        expect(devices.get_by_role("button", name="Keep device 0 for 30 minutes")).to_be_visible()
        assert violations(page, "#jp-mlplat-panel") == []
        view.picture("gpus-rest")

        # Whatever computes answers for its user.
        load(0.5)
        expect(toast).to_be_hidden()
        expect(badge).to_have_text("GPU 0")
        load(0.0)
        expect(toast).to_contain_text("has done nothing", timeout=60_000)
        toast.get_by_role("button", name="Keep 30 minutes").click()
        expect(toast).to_be_hidden()
        [lease] = lab.request("leases")["items"]
        assert (lease["idle_limit"], lease["asked_at"], lease["kept_until"] is not None) == (6, None, True)

        # Asked once more, and without an answer, the kernel ends.
        lab.request(f"leases/{lease['id']}/keep", method="POST", body={"seconds": 1})
        expect(toast).to_contain_text("has done nothing", timeout=60_000)
        toast.get_by_role("button", name="Release now").click()
        sure = page.locator(".jp-Dialog", has_text="Give back 1 × GPU?")
        expect(sure).to_contain_text("Its kernel is shut down; its variables are saved before, as far as they can be.")
        sure.get_by_role("button", name="Keep").click()
        assert [one["path"] for one in sessions(view)] == ["Untitled.ipynb"]
        ended = toast.filter(has_text="The kernel of Untitled.ipynb was shut down: its GPUs rested for")
        expect(ended).to_be_visible(timeout=90_000)
        expect(toast).to_have_count(1)
        expect(ended).to_contain_text(re.compile(r"1 variable \([\d.]+ KiB\) is saved: run %mlplat restore"))
        ended.get_by_role("button", name="Details").click()
        details = page.get_by_role("dialog", name="Variables of a kernel that was shut down")
        expect(details).to_contain_text("%load_ext jupyter_mlplat and %mlplat restore set: x.")
        details.get_by_role("button", name="Close").click()
        expect(page.locator(".jp-NotebookPanel").get_by_text("No Kernel")).to_be_visible(timeout=60_000)
        view.picture("gpus-rest-ended")
        assert lab.request(f"leases/{lease['id']}")["reason"] == "idle"
        assert sessions(view) == []
        view.page.close()
        assert view.errors == []


def test_leases_are_among_what_runs(view: View) -> None:
    held = view.lab.request("leases", method="POST", body={"count": 1, "label": "by hand"})
    page = view.page
    page.get_by_role("tab", name="Running Terminals and Kernels").click()
    item = page.locator(".jp-RunningSessions-item", has_text="1 × GPU for by hand")
    expect(item).to_be_visible()
    item.hover()
    item.locator(".jp-RunningSessions-itemShutdown").click()
    page.get_by_role("dialog").get_by_role("button", name="Give back now").click()
    expect(item).to_be_hidden()
    assert view.lab.request(f"leases/{held['id']}")["state"] == "released"


def test_gpus_are_reserved_for_somebody_and_the_reservation_is_cancelled(view: View) -> None:
    page = view.page
    view.open_panel()
    section = page.get_by_role("button", name=re.compile("^GPUs"))
    if section.first.get_attribute("aria-expanded") == "false":
        section.first.click()
    view.execute("mlplat:reserve-gpus")
    dialog = page.get_by_role("dialog", name="Reserve GPUs")
    expect(dialog.get_by_label("From")).not_to_have_value("")
    begins = f"{datetime.now().astimezone() + timedelta(minutes=30):%Y-%m-%dT%H:%M}"
    dialog.get_by_label("From").fill(begins)
    dialog.get_by_label("Hours").fill("1.5")
    dialog.get_by_label("Devices").fill("3")
    dialog.get_by_label("For", exact=True).fill("grace")
    dialog.get_by_label("What for").fill("course")
    expect(dialog).to_contain_text("Who has a device already keeps it")
    assert violations(page, ".jp-mlplat-dialog .jp-Dialog-body") == []
    view.picture("gpus-reserve")
    accept = dialog.get_by_role("button", name="Reserve", exact=True)
    accept.click()
    expect(dialog).to_be_hidden()
    kept = page.get_by_role("list", name="Reservations of GPUs")
    expect(kept).to_contain_text("grace (course)")
    expect(kept).to_contain_text("devices 0, 1, 2")
    expect(kept).to_contain_text(re.compile(r"in \d+ (min|s)"))

    # What others have reserved is refused, with the time from which it could be had; the dialog stays.
    view.execute("mlplat:reserve-gpus")
    dialog.get_by_label("From").fill(begins)
    dialog.get_by_label("Devices").fill("2")
    accept.click()
    expect(dialog.get_by_role("alert")).to_contain_text("1 of 4 such devices can be reserved then: reservation")
    view.errors.clear()  # the browser itself reports the 409 in its console
    dialog.get_by_label("From").fill("2020-01-01T00:00")
    accept.click()
    expect(dialog.get_by_role("alert")).to_contain_text("it is in the past")
    view.errors.clear()
    dialog.get_by_role("button", name="Cancel").click()

    # One whose window is open keeps the device from others at once.
    ends = (datetime.now(UTC) + timedelta(minutes=20)).isoformat()
    body = {"ends_at": ends, "whose": "grace", "devices": [view.lab.request("gpus")["devices"][3]["uuid"]]}
    view.lab.request("reservations", method="POST", body=body)
    devices = page.get_by_role("list", name="GPUs", exact=True)
    expect(devices.get_by_text("Reserved for grace")).to_have_count(1)
    expect(section.first).to_contain_text("3 of 4 free")
    assert violations(page, "#jp-mlplat-panel") == []
    view.picture("gpus-reserved")
    for left in (1, 0):
        kept.get_by_role("button", name=re.compile("^Cancel the reservation of grace")).first.click()
        page.get_by_role("button", name="Cancel Reservation now").click()
        expect(kept.get_by_role("listitem")).to_have_count(left)
    expect(section.first).to_contain_text("4 of 4 free")
    assert view.lab.request("reservations")["items"] == []


def test_job_waits_for_a_gpu_and_runs_on_it(view: View) -> None:
    page = view.page
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [nbformat.v4.new_code_cell("import os\nprint('sees', os.environ['CUDA_VISIBLE_DEVICES'])")]
    nbformat.write(notebook, view.lab.root / "train.ipynb")
    held = view.lab.request("leases", method="POST", body={"count": 4, "label": "by hand"})
    view.open_panel()
    dialog = open_form(view, "train.ipynb")
    resources = dialog.get_by_role("region", name="Resources")
    memory = resources.get_by_label("Memory of each")
    expect(resources).to_contain_text("0 of 4 free now")
    expect(resources.get_by_label("Type")).to_have_count(0)  # there is one model only
    expect(memory).to_be_disabled()
    expect(resources.get_by_label("GPUs").locator("option")).to_have_text(["none", "1", "2", "3", "4"])
    resources.get_by_label("GPUs").select_option("1")
    expect(resources).to_contain_text("0 of 4 free now, waits for its turn")
    expect(resources.get_by_label("a share of it")).to_be_disabled()
    memory.fill("much")
    run = dialog.get_by_role("button", name="Run", exact=True)
    run.click()
    expect(dialog.get_by_role("alert")).to_have_text("Write it like 16G or 500M.")
    memory.fill("200G")
    expect(resources).to_contain_text("This machine has no such GPU.")
    memory.fill("16G")
    resources.get_by_label("may be interrupted").check()
    resources.get_by_label("a share of it").check()
    dialog.get_by_role("button", name="Copy as command").click()
    command = dialog.get_by_label("Command", exact=True)
    expect(command).to_contain_text("train.ipynb --gpus 1 --gpu-memory 16G --gpu-shared --interruptible")
    resources.get_by_label("a share of it").uncheck()
    expect(command).to_have_text(re.compile("--gpus 1 --gpu-memory 16G --interruptible$"))
    dialog.get_by_role("tab", name="Python").click()
    expect(command).to_contain_text("gpus=1,\n    gpu_memory=17179869184,\n    interruptible=True,")
    dialog.get_by_role("button", name="Copy as command").click()
    assert violations(page, ".jp-mlplat-dialog .jp-Dialog-body") == []
    view.picture("gpus-form")

    # It waits, with its place, wherever it is shown; what ends its claim is its own end.
    job = submitted(view, run)
    row = job_row(page, job["id"])
    expect(row).to_contain_text("waits for 1 × GPU, 1st in the queue")
    view.picture("gpus-job-waiting-row")
    bar = page.locator(".jp-mlplat-statusItem")
    expect(bar).to_contain_text("GPU 4/4 · you are 1st")
    bar.get_by_role("button", name="4 of 4 GPUs in use, you are 1st").click()
    queue = page.get_by_role("list", name="Queue for GPUs")
    expect(queue.get_by_role("button", name=f"Cancel job train #{job['id']}")).to_be_visible()
    expect(queue.get_by_role("button", name="Leave the queue")).to_have_count(0)
    queue.get_by_role("button", name=f"job #{job['id']}", exact=True).click()
    shown = page.locator(".jp-mlplat-jobView")
    expect(shown.locator(".jp-mlplat-headTitle")).to_contain_text("waits for 1 × GPU, 1st in the queue")
    facts = shown.locator(".jp-mlplat-facts > div", has_text="GPUs")
    expect(facts).to_contain_text("1 × GPU, 16.0 GiB or more of each · may be interrupted")
    assert violations(page, "#jp-mlplat-panel") == []
    view.picture("gpus-job-waiting")

    view.lab.request(f"leases/{held['id']}", method="DELETE")
    expect(row).to_have_attribute("data-state", "succeeded", timeout=120_000)
    expect(facts).to_contain_text(re.compile(r"1 × GPU, 16\.0 GiB or more of each · A100-80G \(\d\)$"))
    (device,) = view.lab.request(f"jobs/{job['id']}")["lease"]["devices"]
    expect(shown.locator(".jp-OutputArea-output")).to_contain_text(f"sees {device}")
    view.picture("gpus-job-done")


def test_schedules_and_sweeps_keep_what_is_asked_for(
    browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_lab(tmp_path_factory.mktemp("models"), gpu_source="fake:2xA100-80G,3xT4-16G") as lab:
        view = opened(browser, lab)
        dialog = open_form(view, "slow.ipynb")
        resources = dialog.get_by_role("region", name="Resources")
        expect(resources).to_contain_text("5 of 5 free now")
        resources.get_by_label("GPUs").select_option("2")
        expect(resources).to_contain_text("5 of 5 free now, starts at once")
        resources.get_by_label("Type").select_option("T4-16G")
        expect(resources).to_contain_text("3 of 3 free now, starts at once")
        view.picture("gpus-form-types")
        dialog.get_by_role("button", name="Copy as command").click()
        command = dialog.get_by_label("Command", exact=True)
        dialog.get_by_role("button", name="More: sweep").click()
        dialog.get_by_label("Sweep over", exact=True).select_option("steps")
        dialog.get_by_label("Values of steps").fill("1, 2")
        expect(resources).to_contain_text(re.compile("3 of 3 free now$"))
        expect(command).to_contain_text(re.compile(r"sweeps run slow\.ipynb .*--gpus 2 --gpu-type T4-16G"))
        dialog.get_by_label("on a schedule").check()
        expect(command).to_contain_text(re.compile(r"schedules create slow\.ipynb .*--gpus 2 --gpu-type T4-16G"))
        with view.page.expect_response(lambda answer: answer.url.split("?")[0].endswith("/schedules")) as answer:
            dialog.get_by_role("button", name="Schedule", exact=True).click()
        made = answer.value.json()
        assert [made["options"][name] for name in ("gpus", "gpu_type", "gpu_memory")] == [2, "T4-16G", None]

        # One engine, not two that start at the same time: the end of this test stops the one that leads.
        for _ in range(300):
            if lab.request("status")["engine"] is not None:
                break
            view.page.wait_for_timeout(100)

        # The form of the schedule shows them, and takes them away.
        expect(dialog).to_be_hidden()
        view.execute("mlplat:edit-schedule", {"id": made["id"]})
        resources = dialog.get_by_role("region", name="Resources")
        expect(resources.get_by_label("GPUs")).to_have_value("2")
        expect(resources.get_by_label("Type")).to_have_value("T4-16G")
        resources.get_by_label("GPUs").select_option("none")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        options = lab.request(f"schedules/{made['id']}")["options"]
        assert (options["gpus"], options["gpu_type"]) == (None, None)
        # While there is a schedule, an engine is kept alive.
        lab.request(f"schedules/{made['id']}", method="DELETE")
        view.page.close()
        assert view.errors == []
