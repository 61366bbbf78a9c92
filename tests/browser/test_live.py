"""What other processes change is seen at once, without polling; a cut connection is said and mended."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Request, expect

from .conftest import View
from .test_main_job import job_row


def test_change_of_another_process_shows_within_a_second(view: View) -> None:
    view.open_panel()
    page = view.page
    expect(page.get_by_role("list", name="Jobs").or_(page.get_by_text("No jobs yet"))).to_be_visible()
    job = view.lab.command("jobs", "run", "slow.ipynb", "--name", "from the shell")
    row = job_row(page, job["id"])
    expect(row).to_be_visible(timeout=2_000)
    expect(row).to_have_attribute("data-state", "running", timeout=90_000)

    begin = time.monotonic()
    view.lab.command("jobs", "cancel", job["id"], "--yes")
    spent = time.monotonic() - begin
    expect(row).to_contain_text(re.compile("Cancelling|Cancelled"), timeout=2_000)
    expect(row).to_have_attribute("data-state", "cancelled", timeout=30_000)
    assert spent < 60


def test_nothing_is_asked_while_nothing_happens(view: View) -> None:
    view.open_panel()
    page = view.page
    expect(page.get_by_role("list", name="Runs").or_(page.get_by_text("No runs yet"))).to_be_visible(timeout=60_000)
    asked: list[str] = []

    def heard(request: Request) -> None:
        if "mlplat/api" in request.url:
            asked.append(request.url)

    page.wait_for_timeout(1_500)
    page.on("request", heard)
    page.wait_for_timeout(6_000)
    assert asked == []


def test_two_pages_show_the_same(view: View, second_view: object) -> None:
    other: View = second_view()  # type: ignore[operator]
    view.open_panel()
    other.open_panel()
    job = view.lab.request("jobs", method="POST", body={"notebook": "failing.ipynb", "name": "seen twice"})
    for each in (view, other):
        expect(job_row(each.page, job["id"])).to_have_attribute("data-state", "failed", timeout=120_000)


def test_lost_connection_is_said_and_mended(view: View) -> None:
    view.open_panel()
    page = view.page
    expect(page.get_by_role("list", name="Jobs").or_(page.get_by_text("No jobs yet"))).to_be_visible()
    page.route("**/mlplat/api/**", lambda route: route.abort())
    view.execute("mlplat:refresh-panel")
    banner = page.locator(".jp-mlplat-banner")
    expect(banner).to_contain_text("cannot be reached", timeout=10_000)
    page.unroute("**/mlplat/api/**")
    expect(banner).to_have_count(0, timeout=30_000)
    view.errors.clear()  # the browser itself reports the requests that were cut


def test_missing_server_extension_is_said_once(view: View) -> None:
    page = view.page
    page.route("**/mlplat/api/**", lambda route: route.fulfill(status=404, body="<html>404</html>"))
    page.reload()
    view.wait_until_loaded()
    view.open_panel()
    expect(page.get_by_text("The server extension is missing.")).to_have_count(1)
    expect(page.get_by_text("jupyter server extension enable jupyter_mlplat")).to_be_visible()
    view.errors.clear()  # the browser itself reports every 404 in its console


def test_other_version_is_said_once(view: View) -> None:
    page = view.page

    def older(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        route.fulfill(response=answer, json={**answer.json(), "api": 99})  # type: ignore[attr-defined]

    page.route("**/mlplat/api/v1/status*", older)
    page.reload()
    view.wait_until_loaded()
    view.open_panel()
    expect(page.get_by_text("The server extension is of another version.")).to_have_count(1)
