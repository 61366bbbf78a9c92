"""Jobs that wait, are tried again, run once more and are deleted, as a person sees them."""

from __future__ import annotations

import re
import time

import nbformat
from playwright.sync_api import expect

from .conftest import ENDED, View, slow_notebook
from .test_main_job import job_row
from .test_panel import violations


def test_queued_jobs_say_their_place_and_how_long(view: View) -> None:
    page = view.page
    nbformat.write(slow_notebook(cells=8, seconds=0.5), view.lab.root / "queue.ipynb")
    view.open_panel()
    first = view.lab.request("jobs", method="POST", body={"notebook": "queue.ipynb", "name": "measured"})
    view.lab.wait_job(first["id"], states=ENDED)
    made = [
        view.lab.request("jobs", method="POST", body={"notebook": "queue.ipynb", "name": f"n{n}"}) for n in range(6)
    ]
    last = made[-1]
    row = job_row(page, last["id"])
    expect(row).to_contain_text(re.compile(r"\d(st|nd|rd|th) in queue, ~\d+ (s|min)"), timeout=60_000)
    view.picture("queue")
    row.get_by_role("button", name="n5").click()
    expect(page.locator(".jp-mlplat-jobView")).to_contain_text(re.compile(r"\d(st|nd|rd|th) in queue"))
    # Others that end move it up, without a reload.
    for each in made[:-1]:
        view.lab.cancel_job(each["id"])
    expect(row).to_have_attribute("data-state", re.compile("starting|running|succeeded"), timeout=60_000)
    view.lab.wait_job(last["id"], states=ENDED)


def test_attempts_are_listed_and_the_job_runs_again_and_is_deleted(view: View) -> None:
    page = view.page
    view.open_panel()
    body = {"notebook": "failing.ipynb", "name": "flaky", "retries": 1, "retry_delay": 6}
    job = view.lab.request("jobs", method="POST", body=body)
    row = job_row(page, job["id"])
    expect(row).to_contain_text(re.compile(r"retry 1 of 1 in \d s"), timeout=90_000)
    row.get_by_role("button", name="flaky").click()
    opened = page.locator(".jp-mlplat-jobView")
    expect(opened).to_contain_text("retry 1 of 1")
    expect(row).to_have_attribute("data-state", "failed", timeout=90_000)

    opened.get_by_role("tab", name="Attempts (2)").click()
    rows = opened.locator("tr[data-attempt]")
    expect(rows).to_have_count(2)
    expect(rows.first.get_by_role("rowheader")).to_have_text("2")
    for each in rows.all():
        expect(each).to_contain_text("Failed")
        expect(each).to_contain_text("the column price is missing")
        expect(each.get_by_role("button", name="Open")).to_be_visible()
    assert violations(page, ".jp-mlplat-jobView") == []
    view.picture("job-attempts")
    opened.get_by_role("tab", name="Cells").click()
    cells = opened.locator(".jp-mlplat-jobTable:not(.lm-mod-hidden) tbody tr")
    expect(cells).to_have_count(3)
    if any(cell["peak_rss"] for cell in view.lab.request(f"jobs/{job['id']}")["cells"]):
        expect(cells.first).to_contain_text("MiB")
    view.picture("job-cells")
    cells.nth(1).get_by_role("button", name="Cell 1").click()
    expect(opened.get_by_role("tab", name="Executed notebook")).to_have_attribute("aria-selected", "true")

    with page.expect_response(lambda answer: answer.url.split("?")[0].endswith(f"jobs/{job['id']}/retry")) as answer:
        opened.get_by_role("button", name="Run Again").click()
    again = answer.value.json()
    assert again["retry_of"] == job["id"]
    expect(job_row(page, again["id"])).to_be_visible()
    view.lab.cancel_job(again["id"])
    view.lab.wait_job(again["id"], states=ENDED)

    opened.get_by_role("button", name="Delete", exact=True).click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("executed notebook are lost")
    question.get_by_role("button", name="Delete now").click()
    expect(row).to_have_count(0, timeout=10_000)
    expect(opened).to_have_count(0)


def test_job_outside_of_the_server_root_runs_again(view: View) -> None:
    folder = view.lab.root.parent / f"elsewhere-{time.monotonic_ns()}"
    folder.mkdir()
    nbformat.write(slow_notebook(cells=1), folder / "outside.ipynb")
    job = view.lab.command("jobs", "run", str(folder / "outside.ipynb"), "--name", "outside")
    view.lab.wait_job(job["id"], states=ENDED)
    view.execute("mlplat:open-job", {"id": job["id"]})
    opened = view.page.locator(".jp-mlplat-jobView")
    with view.page.expect_response(lambda answer: answer.url.split("?")[0].endswith("/retry")) as answer:
        opened.get_by_role("button", name="Run Again").click()
    assert answer.value.status == 201
    view.lab.wait_job(answer.value.json()["id"], states=ENDED)
