"""The main job in the browser: notebook, form, job, executed notebook, model, endpoint, prediction."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from .conftest import ENDED, View


def job_row(page: Page, id: str) -> Locator:
    return page.locator(f'li[data-job="{id}"]')


def open_form(view: View, path: str) -> Locator:
    """Opens a notebook and its form by the button in the notebook's toolbar."""
    view.page.evaluate("path => window.jupyterapp.commands.execute('docmanager:open', { path }).then(() => null)", path)
    button = view.page.locator(
        ".jp-NotebookPanel:not(.lm-mod-hidden) [data-jp-item-name='run-as-job'] button, "
        ".jp-NotebookPanel:not(.lm-mod-hidden) [data-jp-item-name='run-as-job'] jp-button"
    )
    button.first.click()
    dialog = view.page.get_by_role("dialog")
    expect(dialog.get_by_text(f"Run {path} as a job")).to_be_visible()
    return dialog


def submitted(view: View, press: Locator) -> dict[str, Any]:
    """The job that pressing Run made."""
    with view.page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.split("?")[0].endswith("mlplat/api/v1/jobs")
    ) as answer:
        press.click()
    assert answer.value.status == 201, answer.value.text()
    job: dict[str, Any] = answer.value.json()
    return job


def test_template_runs_as_a_job_and_its_model_predicts(view: View) -> None:
    page = view.page
    view.open_panel()

    # The form is made from the parameters cell: choices, ranges, help, defaults.
    dialog = open_form(view, "train_classifier.ipynb")
    dataset = dialog.get_by_label("dataset")
    expect(dataset.locator("option")).to_have_text(["breast_cancer", "digits", "wine", "diabetes"])
    expect(dialog.get_by_text("share of the rows that is held out to measure on")).to_be_visible()
    expect(dialog.get_by_label("test_size")).to_have_value("0.25")
    dataset.select_option(label="wine")
    dialog.get_by_label("Name", exact=True).fill("wine in the browser")
    dialog.get_by_role("button", name="Copy as command").click()
    command = "jupyter mlplat jobs run train_classifier.ipynb -p dataset=wine"
    expect(dialog.get_by_label("Command", exact=True)).to_contain_text(command)
    view.picture("run-as-job")

    # It is listed at once, lives, and ends; the list follows without a reload.
    job = submitted(view, dialog.get_by_role("button", name="Run", exact=True))
    assert job["parameters"] == {"dataset": "wine"}
    row = job_row(page, job["id"])
    expect(row).to_be_visible()
    expect(row).to_have_attribute("data-state", re.compile("running"), timeout=120_000)
    expect(row.get_by_role("progressbar")).to_be_visible()
    view.picture("panel-running")
    expect(row).to_have_attribute("data-state", re.compile("succeeded|failed|lost|cancelled"), timeout=180_000)
    expect(row).to_have_attribute("data-state", "succeeded")
    expect(row).to_contain_text("accuracy")

    # Its executed notebook: read only, with every cell done and the pictures it drew.
    row.get_by_role("button", name="wine in the browser").click()
    opened = page.locator(".jp-mlplat-jobView")
    expect(opened.get_by_role("heading", name="wine in the browser")).to_be_visible()
    cells = opened.get_by_role("list", name="Cells").get_by_role("button")
    expect(cells.first).to_have_attribute("data-state", "ok")
    assert set(cells.evaluate_all("all => all.map(one => one.dataset.state)")) == {"ok"}
    expect(opened.locator(".jp-OutputArea img").first).to_be_visible()
    editor = opened.locator(".jp-CodeCell .cm-content").first
    before = editor.inner_text()
    editor.click()
    page.keyboard.type("x")
    assert editor.inner_text() == before
    opened.get_by_role("tab", name="Log").click()
    expect(opened.get_by_label("Log", exact=True)).to_be_visible()
    opened.get_by_role("tab", name="Executed notebook").click()
    view.picture("job")

    # Its run and its model.
    opened.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_role("heading", name="Metrics")).to_be_visible()
    expect(page.get_by_role("rowheader", name="accuracy")).to_be_visible()
    expect(page.get_by_role("rowheader", name="wine-classifier")).to_be_visible(timeout=30_000)
    view.picture("run")

    # Deploy it, and ask it.
    page.locator(".jp-mlplat-view").get_by_role("button", name="Deploy Model").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Model", exact=True)).to_have_value(re.compile("wine"))
    dialog.get_by_label("Name", exact=True).fill("wine-browser")
    dialog.get_by_role("button", name="Deploy", exact=True).click()
    deployment = page.locator('li[data-deployment="wine-browser"]')
    expect(deployment).to_have_attribute("data-state", "ready", timeout=120_000)
    try_it = page.get_by_role("region", name="Try it")
    try_it.get_by_role("button", name="Predict").click()
    expect(try_it.get_by_role("heading", name=re.compile("^Prediction"))).to_be_visible(timeout=30_000)
    expect(try_it.locator(".jp-mlplat-ms")).to_have_text(re.compile(r"^[\d.]+ ms$"))
    rows = view.lab.request("deployments/wine-browser")["example"]["dataframe_split"]["data"]
    expect(try_it.locator(".jp-mlplat-predictions li")).to_have_count(len(rows))
    view.picture("deployment")

    # The picture of the README: one that waits for nothing, one that failed, one that runs.
    failed = view.lab.request("jobs", method="POST", body={"notebook": "failing.ipynb", "name": "monthly_report"})
    view.lab.wait_job(failed["id"], states=ENDED)
    slow = view.lab.request("jobs", method="POST", body={"notebook": "slow.ipynb", "name": "nightly_etl"})
    expect(job_row(page, slow["id"])).to_contain_text("4/30", timeout=60_000)
    row.get_by_role("button", name="wine in the browser").click()
    opened.locator(".jp-OutputArea img").first.scroll_into_view_if_needed()
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:dismiss-all-notifications').catch(() => null)")
    view.picture("overview")
    view.lab.cancel_job(slow["id"])

    # Delete it: asks once and says what is lost.
    deployment.hover()
    deployment.get_by_role("button", name="Delete wine-browser").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("stops answering")
    question.get_by_role("button", name="Delete now").click()
    expect(deployment).to_have_count(0, timeout=30_000)


def test_wrong_value_is_shown_at_its_field(view: View) -> None:
    dialog = open_form(view, "train_classifier.ipynb")
    run = dialog.get_by_role("button", name="Run", exact=True)
    dialog.get_by_label("Time limit").fill("soon")
    run.click()
    expect(dialog.get_by_role("alert")).to_have_text("Write it like 90s, 10m or 2h.")
    dialog.get_by_label("Time limit").fill("10m")
    expect(dialog.get_by_role("alert")).to_have_count(0)
    dialog.get_by_label("test_size").fill("3")
    expect(run).to_be_disabled()
    dialog.get_by_label("test_size").fill("0.3")
    # What only the server can know is wrong comes back to the field as well.
    dialog.get_by_label("Name", exact=True).fill("a/b")
    with view.page.expect_response(lambda answer: answer.status == 422):
        run.click()
    expect(dialog.locator("#jp-mlplat-job-name-error")).to_be_visible()
    expect(dialog).to_be_visible()
    assert all(job["name"] != "a/b" for job in view.lab.request("jobs")["items"])
    dialog.get_by_role("button", name="Cancel").click()
    view.errors.clear()  # the browser itself reports every 422 in its console


def test_failed_job_names_its_cell_and_opens_there(view: View) -> None:
    view.open_panel()
    job = view.lab.request("jobs", method="POST", body={"notebook": "failing.ipynb"})
    row = job_row(view.page, job["id"])
    expect(row).to_have_attribute("data-state", "failed", timeout=120_000)
    expect(row).to_contain_text("the column price is missing")
    expect(row).to_contain_text("cell 1")
    row.get_by_role("button", name="failing").click()
    opened = view.page.locator(".jp-mlplat-jobView")
    states = opened.get_by_role("list", name="Cells").get_by_role("button")
    expect(states).to_have_count(3)
    assert states.evaluate_all("all => all.map(one => one.dataset.state)") == ["ok", "error", "not_run"]
    expect(opened.get_by_text("ValueError: the column price is missing").first).to_be_visible()
    expect(opened.get_by_role("button", name="Run Again")).to_be_enabled()
    view.picture("job-failed")
