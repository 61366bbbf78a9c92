"""A deployment on GPUs: asked for in its form, waited for, shown where it is, deleted from the device's row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jupyter_mlplat.platform import Platform

from ..endpoints import save_code
from .conftest import Lab, View, running_lab
from .test_panel import violations_in_both

ECHO = """
import mlflow.pyfunc
class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input
mlflow.models.set_model(Echo())
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a machine with two GPUs that are not there, and a registered model."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "echo.py").write_text(ECHO)
    save_code(folder / "echo", folder / "echo.py")
    with running_lab(tmp_path_factory.mktemp("gpus"), gpu_source="fake:2xA100-80G") as made:
        register(made, folder / "echo")
        yield made


def register(lab: Lab, files: Path) -> None:
    home = Platform(home_dir=lab.environment["MLPLAT_HOME"])
    try:
        client = home.runs.client()
        client.create_registered_model("echo")
        client.create_model_version("echo", str(files))
    finally:
        home.close()


def test_a_form_that_opens_right_after_the_panel_keeps_the_focus(view: View) -> None:
    page = view.page
    dialog = page.get_by_role("dialog", name="Deploy a model")
    for _ in range(3):
        view.execute("mlplat:open-panel", {"section": "deployments"})
        view.execute("mlplat:deploy-model", {"model": "echo"})
        name = dialog.get_by_label("Name", exact=True)
        name.fill("one")
        dialog.get_by_label("Memory of each").or_(dialog.get_by_label("GPUs", exact=True)).first.focus()
        expect(name).to_have_value("one")
        name.press_sequentially("-more")
        expect(name).to_have_value(re.compile("more"))
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def test_a_deployment_on_gpus_from_the_form_to_its_end(view: View) -> None:
    page, lab = view.page, view.lab
    view.open_panel()
    view.execute("mlplat:deploy-model", {"model": "echo"})
    dialog = page.get_by_role("dialog", name="Deploy a model")
    resources = dialog.get_by_role("region", name="Resources")
    deploy = dialog.get_by_role("button", name="Deploy", exact=True)
    dialog.get_by_label("Name", exact=True).fill("first")
    resources.get_by_label("GPUs").select_option("2")
    expect(resources).to_contain_text("2 of 2 free now, starts at once")
    expect(resources.get_by_text("may be interrupted")).to_have_count(0)
    resources.get_by_label("Memory of each").fill("much")
    deploy.click()
    expect(resources.get_by_role("alert")).to_have_text("Write it like 16G or 500M.")
    resources.get_by_label("Memory of each").fill("90G")
    expect(resources).to_contain_text("This machine has no such GPU.")
    deploy.click()
    expect(resources.get_by_role("alert")).to_have_text("0 of 2 devices are that")
    expect(dialog).to_contain_text("it has 2 × A100-80G with 80 GiB")
    view.errors.clear()  # the browser itself reports the 422 in its console
    assert violations_in_both(view, ".jp-mlplat-dialog") == []
    view.picture("deploy-gpus")
    resources.get_by_label("Memory of each").fill("40G")
    deploy.click()
    expect(dialog).to_be_hidden()

    first = page.locator("#jp-mlplat-deployment-first")
    expect(page.locator('li[data-deployment="first"]')).to_have_attribute("data-state", "ready", timeout=120_000)
    expect(first).to_contain_text("2 × GPU, 40.0 GiB or more of each · A100-80G (0), A100-80G (1)")

    lab.request("deployments", method="POST", body={"name": "second", "model": "models:/echo/1", "gpus": 1})
    row = page.locator('li[data-deployment="second"]')
    expect(row).to_contain_text("waits for a GPU: number 1 in the queue")
    row.get_by_role("button", name="second", exact=True).click()
    second = page.locator("#jp-mlplat-deployment-second")
    expect(second).to_contain_text("1 × GPU · 1st in the queue")
    expect(second).to_contain_text("waits for a GPU: number 1 in the queue")

    # Its devices are given back by its end, and the next one has its turn.
    view.execute("mlplat:open-panel", {"section": "gpus"})
    queue = page.get_by_role("list", name="Queue for GPUs")
    expect(queue.get_by_role("button", name="Delete deployment second")).to_be_attached()
    devices = page.get_by_role("list", name="GPUs", exact=True)
    device = devices.get_by_role("listitem").first
    expect(device).to_contain_text(re.compile(r"Held by .*\(first\)"))
    view.picture("deployment-waiting")
    device.get_by_role("button", name="deployment", exact=True).click()
    expect(first).to_be_visible()
    device.hover()
    device.get_by_role("button", name="Delete deployment first").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("stops answering")
    question.get_by_role("button", name="Delete now").click()
    expect(queue).to_be_hidden(timeout=30_000)
    expect(device).to_contain_text(re.compile(r"Held by .*\(second\)"))
    expect(row).to_have_attribute("data-state", "ready", timeout=120_000)
    lab.request("deployments/second", method="DELETE", timeout=70)
    assert lab.request("leases")["items"] == []
