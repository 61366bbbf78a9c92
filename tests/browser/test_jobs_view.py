"""The view of all jobs: a long list that scrolls, filters that come back, rows that keep their place, bulk actions."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlparse

import nbformat
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from .conftest import ENDED, Lab, View
from .test_panel import focused, violations_in_both
from .test_schedules import quick_notebook

VIEW = "#jp-mlplat-jobs"
MANY = 100_000


def row_of(page: Page, id: str) -> Locator:
    return page.locator(f'{VIEW} tr[data-job="{id}"]')


def rows_of(page: Page) -> Locator:
    return page.locator(f"{VIEW} tr[data-job]")


def submit(lab: Lab, notebook: str, name: str) -> Any:
    return lab.request("jobs", method="POST", body={"notebook": notebook, "name": name})


def chip(page: Page, name: str) -> Locator:
    return page.locator(f'{VIEW} [data-chip="{name}"]')


@pytest.fixture
def jobs(lab: Lab) -> Lab:
    nbformat.write(quick_notebook(), lab.root / "quick.ipynb")
    return lab


def thousands(lab: Lab, many: int) -> Any:
    """Answers for the list as a server with `many` jobs would give them."""
    nbformat.write(quick_notebook(), lab.root / "quick.ipynb")
    one = lab.request(f"jobs/{submit(lab, 'quick.ipynb', 'pattern')['id']}")
    lab.wait_job(one["id"], states=ENDED)
    pattern = {**lab.request("jobs?limit=1")["items"][0], "sweep_id": None, "schedule_id": None, "state": "succeeded"}
    asked: list[str] = []

    def answer(route: Route) -> None:
        query = parse_qs(urlparse(route.request.url).query)
        asked.append(query.get("after", ["first"])[0])
        first = int(query.get("after", [str(many + 1)])[0]) - 1
        last = max(0, first - int(query["limit"][0]))
        items = [{**pattern, "id": str(n), "name": f"job {n}"} for n in range(first, last, -1)]
        route.fulfill(json={"items": items, "next": str(last + 1) if last > 0 else None})

    return answer, asked


def test_a_hundred_thousand_jobs_scroll(view: View) -> None:
    page = view.page
    answer, asked = thousands(view.lab, MANY)
    page.route(re.compile(r"/mlplat/api/v1/jobs\?"), answer)
    view.execute("mlplat:open-jobs")
    expect(row_of(page, str(MANY))).to_be_visible()
    assert asked[0] == "first"
    scroller = page.locator(f"{VIEW} .jp-mlplat-jobScroll")
    for _ in range(6):
        scroller.evaluate("node => { node.scrollTop = node.scrollHeight; }")
        page.wait_for_timeout(250)  # a page is read behind it
    assert len(set(asked)) >= 5
    assert rows_of(page).count() < 80
    seen = [int(id) for id in rows_of(page).evaluate_all("all => all.map(one => one.dataset.job)")]
    assert seen == sorted(seen, reverse=True)
    assert seen == list(range(seen[0], seen[0] - len(seen), -1))
    assert seen[-1] < MANY - 800
    # Back to the top by keyboard, from a row to the first one.
    rows_of(page).nth(10).focus()
    page.keyboard.press("Home")
    expect(row_of(page, str(MANY))).to_be_focused()
    page.keyboard.press("PageDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator(f'{VIEW} tr[aria-selected="true"]')).to_have_count(3)
    expect(page.locator(f"{VIEW} [role=toolbar]")).to_contain_text("3 selected")
    # A key that is held down comes faster than rows are drawn.
    page.keyboard.press("Escape")
    expect(page.locator(f'{VIEW} tr[aria-selected="true"]')).to_have_count(0)
    scroller.evaluate(
        """node => {
            for (const [key, shiftKey] of [["Home", false], ...Array(6).fill(["ArrowDown", true]), ["ArrowUp", true]]) {
                node.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
            }
        }"""
    )
    expect(page.locator(f"{VIEW} [role=toolbar]")).to_contain_text("7 selected")
    assert page.locator(f'{VIEW} tr[aria-selected="true"]').evaluate_all("all => all.map(one => one.dataset.job)") == [
        str(MANY - n) for n in range(7)
    ]
    expect(row_of(page, str(MANY - 5))).to_be_focused()


def test_filters_narrow_the_list_and_come_back_after_a_reload(view: View, jobs: Lab) -> None:
    page = view.page
    made = {
        name: submit(jobs, notebook, name) for name, notebook in (("tidy", "quick.ipynb"), ("broken", "failing.ipynb"))
    }
    for job in made.values():
        jobs.wait_job(job["id"], states=ENDED)
    view.open_panel()
    page.get_by_role("button", name="Open all jobs, sweeps and pipelines").click()
    expect(row_of(page, made["tidy"]["id"])).to_contain_text("Succeeded")
    expect(row_of(page, made["broken"]["id"])).to_contain_text("the column price is missing")

    chip(page, "failed").click()
    expect(row_of(page, made["tidy"]["id"])).to_have_count(0)
    expect(row_of(page, made["broken"]["id"])).to_be_visible()
    chip(page, "mine").click()
    page.get_by_label("Part of the name").fill("BROK")
    expect(rows_of(page)).to_have_count(1)
    expect(row_of(page, made["broken"]["id"])).to_be_visible()
    page.get_by_label("Part of the name").fill("no such name")
    expect(page.locator(VIEW)).to_contain_text("No job fits.")
    page.get_by_label("Part of the name").fill("brok")
    expect(row_of(page, made["broken"]["id"])).to_be_visible()

    page.wait_for_timeout(1_500)  # the state database saves with a delay of its own
    page.goto(page.url.split("?")[0])
    view.wait_until_loaded()
    page.get_by_role("tab", name="Jobs", exact=True).first.click()
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "true")
    expect(chip(page, "mine")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Part of the name")).to_have_value("brok")
    expect(rows_of(page)).to_have_count(1)


def test_rows_are_renewed_in_place_and_new_ones_wait_for_the_pointer(view: View, jobs: Lab) -> None:
    page = view.page
    slow = submit(jobs, "slow.ipynb", "long one")
    view.execute("mlplat:open-jobs")
    row = row_of(page, slow["id"])
    expect(row).to_have_attribute("data-state", "running", timeout=60_000)
    expect(row.get_by_role("progressbar")).to_be_visible()
    expect(row).to_contain_text(re.compile(r"[2-9]/30"), timeout=60_000)
    row.get_by_text("Running").hover()
    before = row.bounding_box()
    late = submit(jobs, "quick.ipynb", "late one")
    coming = page.get_by_role("button", name=re.compile(r"\d changes? ▴"))
    expect(coming).to_be_visible(timeout=10_000)
    assert row.bounding_box() == before
    expect(row_of(page, late["id"])).to_have_count(0)
    page.mouse.move(2, 2)
    expect(row_of(page, late["id"])).to_be_visible()
    expect(coming).to_have_count(0)
    expect(row_of(page, late["id"])).to_have_attribute("data-state", "succeeded", timeout=60_000)
    jobs.cancel_job(slow["id"])
    expect(row).to_have_attribute("data-state", "cancelled", timeout=30_000)


def test_selected_jobs_are_cancelled_run_again_and_deleted(view: View, jobs: Lab) -> None:
    page = view.page
    ended = [submit(jobs, "failing.ipynb", f"bulk {n}") for n in range(2)]
    for job in ended:
        jobs.wait_job(job["id"], states=ENDED)
    living = submit(jobs, "slow.ipynb", "bulk slow")
    view.execute("mlplat:open-jobs", {"name": "bulk"})
    expect(rows_of(page)).to_have_count(3)
    bar = page.get_by_role("toolbar", name="Selected jobs")

    # By keyboard: two rows down, each chosen with the space bar.
    row_of(page, living["id"]).focus()
    page.keyboard.press("ArrowDown")
    expect(row_of(page, ended[1]["id"])).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(bar).to_contain_text("2 selected")
    expect(row_of(page, ended[0]["id"])).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(bar).to_contain_text("3 jobs")
    page.keyboard.press("Control+a")
    expect(bar).to_contain_text("3 selected")
    expect(bar.get_by_role("button", name="Cancel 1")).to_be_visible()
    expect(row_of(page, living["id"])).to_have_attribute("data-state", "running", timeout=60_000)
    view.picture("jobs-selected")

    bar.get_by_role("button", name="Cancel 1").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("did not save is lost")
    question.get_by_role("button", name="Cancel 1 job now").click()
    expect(row_of(page, living["id"])).to_have_attribute("data-state", "cancelled", timeout=30_000)

    bar.get_by_role("button", name="Clear selection").click()
    row_of(page, ended[0]["id"]).get_by_role("checkbox").check()
    bar.get_by_role("button", name="Run 1 again").click()
    again = page.locator(f"{VIEW} tr[data-job]").filter(has_text="again")
    expect(again).to_have_count(1, timeout=20_000)
    again.get_by_role("button", name=re.compile("again")).click()
    expect(page.locator(".jp-mlplat-jobView").get_by_role("heading", name="bulk 0")).to_be_visible()
    view.execute("mlplat:open-jobs")
    expect(again).to_have_attribute("data-state", "failed", timeout=60_000)

    bar.get_by_role("button", name="Clear selection").click()
    page.get_by_role("checkbox", name="Select all jobs that are listed").check()
    bar.get_by_role("button", name="Delete 4").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("executed notebooks are lost")
    question.get_by_role("button", name="Delete now").click()
    expect(page.locator(VIEW)).to_contain_text("No job fits.", timeout=20_000)


def test_keyboard_alone_opens_a_job_from_the_list(view: View, jobs: Lab) -> None:
    page = view.page
    job = submit(jobs, "quick.ipynb", "by keys")
    view.execute("mlplat:open-jobs", {"name": "by keys"})
    row = row_of(page, job["id"])
    expect(row).to_have_attribute("data-state", "succeeded", timeout=60_000)
    page.get_by_label("Part of the name").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement?.dataset.job"):
            break
    expect(row).to_be_focused()
    page.keyboard.press("Tab")
    assert focused(page).startswith("by keys")
    page.keyboard.press("Enter")
    expect(page.locator(".jp-mlplat-jobView").get_by_role("heading", name="by keys")).to_be_visible()


def test_no_serious_accessibility_violation(view: View, jobs: Lab) -> None:
    page = view.page
    job = submit(jobs, "failing.ipynb", "for axe")
    jobs.wait_job(job["id"], states=ENDED)
    view.execute("mlplat:open-jobs")
    row_of(page, job["id"]).get_by_role("checkbox").check()
    chip(page, "failed").click()
    expect(row_of(page, job["id"])).to_be_visible()
    assert violations_in_both(view, VIEW) == []
    page.locator(VIEW).get_by_role("tab", name="Sweeps").click()
    expect(page.locator(VIEW).get_by_role("table").or_(page.get_by_text("No sweeps yet"))).to_be_visible()
    assert violations_in_both(view, VIEW) == []


def test_running_panel_lists_living_jobs_and_cancels_them(view: View, jobs: Lab) -> None:
    page = view.page
    job = submit(jobs, "slow.ipynb", "among the running")
    page.get_by_role("tab", name=re.compile("Running")).first.click()
    item = page.locator(".jp-RunningSessions-item").filter(has_text="among the running")
    expect(item).to_be_visible()
    expect(item).to_contain_text(re.compile(r"\d+/30"), timeout=60_000)
    view.picture("running")
    item.hover()
    item.locator(".jp-RunningSessions-itemShutdown").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Cancel among the running?")
    question.get_by_role("button", name="Cancel job now").click()
    expect(item).to_have_count(0, timeout=30_000)
    jobs.wait_job(job["id"], states=frozenset({"cancelled"}))
    several = [submit(jobs, "slow.ipynb", f"one of all {number}") for number in range(2)]
    expect(page.locator(".jp-RunningSessions-item").filter(has_text="one of all")).to_have_count(2)
    page.get_by_role("button", name="Cancel All Jobs").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel All Jobs").click()
    for job in several:
        jobs.wait_job(job["id"], states=frozenset({"cancelled"}))
