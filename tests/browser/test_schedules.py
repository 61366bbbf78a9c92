"""Schedules in the browser: made from the form, watched live, changed, compared with the notebook, deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab, View
from .test_main_job import job_row, open_form
from .test_panel import violations, violations_in_both

VIEW = "#jp-mlplat-schedules"


def quick_notebook(line: str = "print('done')") -> nbformat.NotebookNode:
    """One that needs a kernel and nothing else."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [
        nbformat.v4.new_code_cell("rows = 12  # how many rows it takes", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(line),
    ]
    return notebook


@pytest.fixture
def schedules(lab: Lab) -> Iterator[Lab]:
    """Deletes afterwards what the test scheduled, so that nothing fires into the next one."""
    before = {one["id"] for one in lab.request("schedules")["items"]}
    yield lab
    for one in lab.request("schedules")["items"]:
        if one["id"] not in before:
            lab.request(f"schedules/{one['id']}", method="DELETE")


def write(lab: Lab, name: str, line: str = "print('done')") -> None:
    nbformat.write(quick_notebook(line), lab.root / name)


def scheduled(lab: Lab, notebook: str, line: str = "print('done')", **more: Any) -> Any:
    write(lab, notebook, line)
    return lab.request("schedules", method="POST", body={"notebook": notebook, **more})


def row_of(page: Page, id: str) -> Locator:
    return page.locator(f'tr[data-schedule="{id}"]')


def test_notebook_is_scheduled_from_the_form(view: View, schedules: Lab) -> None:
    page = view.page
    write(schedules, "nightly_etl.ipynb")
    view.open_panel()
    dialog = open_form(view, "nightly_etl.ipynb")
    expect(dialog.get_by_role("button", name="Run", exact=True)).to_be_visible()
    dialog.get_by_role("radio", name="on a schedule").check()
    expect(dialog.get_by_role("button", name="Run", exact=True)).to_have_count(0)

    # The zone is the browser's own; the next five fire times follow what is typed.
    zone = page.evaluate("() => Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(dialog.get_by_label("Time zone")).to_have_value(zone)
    dialog.get_by_label("Time zone").fill("Europe/Berlin")
    times = dialog.get_by_role("list", name="Next").get_by_role("listitem")
    dialog.get_by_label("Cron", exact=True).fill("30 6 * * 1-5")
    expect(times).to_have_count(5)
    expect(times.first).to_contain_text("06:30")
    expect(times.first).to_contain_text(re.compile(r"in \d+ (s|min|h|d)"))
    expect(dialog.locator("#jp-mlplat-when-cron-words")).to_have_text("weekdays at 06:30")

    # What is wrong is said at its field, in words, and mends itself.
    dialog.get_by_label("Cron", exact=True).fill("61 * * * *")
    wrong = dialog.locator("#jp-mlplat-when-cron-error")
    expect(wrong).to_contain_text("minute")
    expect(times).to_have_count(0)
    dialog.get_by_label("Cron", exact=True).fill("30 6 * * 1-5")
    expect(times).to_have_count(5)
    expect(wrong).to_have_count(0)
    dialog.get_by_label("Time zone").fill("Europe/Berln")
    expect(dialog.locator("#jp-mlplat-when-zone-error")).to_contain_text("Europe/Berlin")
    dialog.get_by_label("Time zone").fill("Europe/Berlin")
    expect(times).to_have_count(5)
    view.errors.clear()  # the browser itself reports every 422 in its console

    dialog.get_by_label("rows").fill("20")
    dialog.get_by_label("Retries", exact=True).fill("2")
    dialog.get_by_role("button", name=re.compile("More")).click()
    dialog.get_by_label("If the last one still runs").select_option(label="skip this one")
    dialog.get_by_role("button", name="Copy as command").click()
    command = (
        "jupyter mlplat schedules create nightly_etl.ipynb -p rows=20 --cron '30 6 * * 1-5' "
        "--timezone Europe/Berlin --overlap skip --retries 2"
    )
    expect(dialog.get_by_label("Command", exact=True)).to_have_text(command)
    dialog.get_by_role("button", name="Copy as command").click()
    dialog.get_by_role("button", name=re.compile("More")).click()
    dialog.get_by_role("heading", name="When").scroll_into_view_if_needed()
    view.picture("schedule-form")
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.split("?")[0].endswith("mlplat/api/v1/schedules")
    ) as answer:
        dialog.get_by_role("button", name="Schedule", exact=True).click()
    assert answer.value.status == 201, answer.value.text()
    made = answer.value.json()
    assert made["when"]["cron"] == "30 6 * * 1-5"
    assert made["when"]["overlap"] == "skip"
    assert made["parameters"] == {"rows": 20}
    assert made["options"]["retries"] == 2

    # The side panel says what is next, and leads to the view.
    following = page.locator(".jp-mlplat-next")
    expect(following).to_contain_text("nightly_etl")
    following.get_by_role("button", name="nightly_etl").click()
    row = row_of(page, made["id"])
    expect(row).to_contain_text("weekdays at 06:30")
    expect(row).to_contain_text("Europe/Berlin")
    expect(row).to_contain_text("Active")
    expect(page.locator(f'[data-detail="{made["id"]}"]')).to_contain_text("skip this one")

    # The same form changes it.
    row.get_by_role("button", name="Edit nightly_etl").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Cron", exact=True)).to_have_value("30 6 * * 1-5")
    expect(dialog.get_by_label("rows")).to_have_value("20")
    dialog.get_by_role("button", name="weekly").click()
    with page.expect_request(lambda request: request.method == "PATCH") as changed:
        dialog.get_by_role("button", name="Save", exact=True).click()
    assert changed.value.post_data_json == {"cron": "0 6 * * 1", "timezone": "Europe/Berlin"}
    assert changed.value.headers["if-match"] == f'"{made["revision"]}"'
    expect(row).to_contain_text("every Monday at 06:00")


def test_interval_fires_live_and_can_be_paused_and_deleted(view: View, schedules: Lab) -> None:
    page = view.page
    view.open_panel()
    view.execute("mlplat:open-schedules")
    made = scheduled(schedules, "heartbeat.ipynb", "import time; time.sleep(4)", every=3, overlap="skip")
    row = row_of(page, made["id"])
    expect(row).to_contain_text("every 3 s", timeout=10_000)
    row.get_by_role("button", name="heartbeat").first.click()
    detail = page.locator(f'[data-detail="{made["id"]}"]')

    # Its instants come in by themselves, each with its job or with the reason why there is none.
    ran = detail.locator('tr[data-mark="ran"]')
    expect(ran.first).to_contain_text("Ran", timeout=30_000)
    skipped = detail.locator('tr[data-mark="skipped"]')
    expect(skipped.first).to_contain_text("had not ended", timeout=60_000)
    occurrences = schedules.request(f"schedules/{made['id']}/occurrences?limit=500")["items"]
    job = next(one["job_id"] for one in reversed(occurrences) if one["job_id"])
    listed = job_row(page, job)
    expect(listed).to_be_visible()
    expect(listed).to_have_attribute("data-state", "succeeded", timeout=90_000)
    lane = page.get_by_role("img", name=re.compile("^heartbeat, last 24 hours: .*ran"))
    expect(lane).to_be_visible()
    expect(page.locator(".jp-mlplat-next")).to_contain_text("heartbeat")

    row.get_by_role("button", name="Pause heartbeat").click()
    expect(row).to_have_attribute("data-state", "paused", timeout=10_000)
    expect(row).to_contain_text("Paused")
    count = len(schedules.request(f"schedules/{made['id']}/occurrences?limit=500")["items"])
    page.wait_for_timeout(3_500)  # one period in which nothing may fire
    assert len(schedules.request(f"schedules/{made['id']}/occurrences?limit=500")["items"]) == count
    row.get_by_role("button", name="Resume heartbeat").click()
    expect(row).to_have_attribute("data-state", "active", timeout=10_000)
    expect(detail).to_contain_text("it was paused", timeout=10_000)

    scheduled(schedules, "monthly_report.ipynb", cron="0 8 1 * *", timezone="Europe/Berlin", name="monthly_report")
    scheduled(schedules, "train_ctr.ipynb", cron="15 */4 * * *", timezone="UTC", name="train_ctr")
    expect(page.get_by_role("table", name="Schedules", exact=True)).to_contain_text("every 4 hours", timeout=10_000)
    view.picture("schedules")

    # Deleting asks once and says what is lost.
    row.get_by_role("button", name="Delete heartbeat").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("ledger")
    expect(question).to_contain_text("jobs that it made stay")
    question.get_by_role("button", name="Delete now").click()
    expect(row).to_have_count(0, timeout=10_000)
    expect(listed).to_be_visible()


def test_edited_notebook_is_said_compared_and_promoted(view: View, schedules: Lab) -> None:
    page = view.page
    made = scheduled(schedules, "features.ipynb", cron="0 6 * * *")
    view.execute("mlplat:open-schedules", {"id": made["id"]})
    detail = page.locator(f'[data-detail="{made["id"]}"]')
    expect(detail.get_by_role("heading", name="features")).to_be_visible()
    expect(detail.get_by_text("You edited the notebook since")).to_have_count(0)
    content = quick_notebook("print('another')")
    page.evaluate(
        "content => window.jupyterapp.serviceManager.contents.save("
        "'features.ipynb', { type: 'notebook', format: 'json', content })",
        content,
    )
    expect(detail.get_by_text("You edited the notebook since")).to_be_visible()
    detail.get_by_role("button", name="See the difference").click()
    difference = detail.get_by_label("Difference")
    expect(difference.locator('[data-line="removed"]')).to_have_text("-print('done')")
    expect(difference.locator('[data-line="added"]')).to_have_text("+print('another')")
    assert violations(page, VIEW) == []
    view.picture("schedule-edited")
    detail.get_by_role("button", name="Promote").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote now").click()
    expect(detail.get_by_text("You edited the notebook since")).to_have_count(0)
    assert schedules.request(f"schedules/{made['id']}/difference")["text"] == ""


def test_trigger_runs_it_once_now(view: View, schedules: Lab) -> None:
    made = scheduled(schedules, "by_hand.ipynb", cron="0 6 1 1 *")
    view.open_panel()
    view.execute("mlplat:open-schedules", {"id": made["id"]})
    with view.page.expect_response(lambda answer: answer.url.split("?")[0].endswith("/trigger")) as answer:
        row_of(view.page, made["id"]).get_by_role("button", name="Run by_hand now").click()
    job = answer.value.json()
    row = job_row(view.page, job["id"])
    expect(row).to_have_attribute("data-state", "succeeded", timeout=90_000)
    row.get_by_role("button", name="by_hand").click()
    opened = view.page.locator(".jp-mlplat-jobView")
    opened.get_by_role("definition").get_by_role("button", name="Open", exact=True).first.click()
    expect(view.page.locator(f'[data-detail="{made["id"]}"]')).to_be_visible()


def test_no_serious_accessibility_violation(view: View, schedules: Lab) -> None:
    page = view.page
    made = scheduled(schedules, "for_axe.ipynb", "import time\ntime.sleep(5)", every=2, overlap="skip")
    view.open_panel()
    view.execute("mlplat:open-schedules", {"id": made["id"]})
    detail = page.locator(f'[data-detail="{made["id"]}"]')
    expect(detail.locator('tr[data-mark="skipped"]').first).to_be_visible(timeout=60_000)
    schedules.request(f"schedules/{made['id']}/pause", method="POST")
    expect(row_of(page, made["id"])).to_have_attribute("data-state", "paused")
    assert violations_in_both(view, VIEW) == []
    assert violations_in_both(view, "#jp-mlplat-panel") == []
    view.execute("mlplat:schedule-notebook", {"path": "for_axe.ipynb"})
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("list", name="Next").get_by_role("listitem")).to_have_count(5)
    dialog.get_by_role("button", name=re.compile("More")).click()
    assert violations_in_both(view, ".jp-mlplat-dialog .jp-Dialog-body") == []


def test_empty_view_teaches(view: View) -> None:
    page = view.page
    page.route(
        "**/mlplat/api/v1/schedules?*",
        lambda route: route.fulfill(json={"items": [], "next": None}),
    )
    view.execute("mlplat:open-schedules")
    expect(page.locator(VIEW)).to_contain_text("No schedules yet")
    expect(page.locator(VIEW)).to_contain_text("on a schedule")
