"""A notebook with GPUs: asked for in the launcher, seen in the toolbar, waited for, cancelled, given back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from .conftest import Lab, View, running_lab


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
    expect(page.locator(".jp-mlplat-statusItem")).to_contain_text("GPU 3/4 · 1 waiting")
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
    expect(sure).to_contain_text("Untitled.ipynb holds them")
    sure.get_by_role("button", name="Give back now").click()
    expect(queue).to_be_hidden()
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
