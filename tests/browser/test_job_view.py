"""The view of one job: what changed, what it left, who was told, running it again, and its notebook while it runs."""

from __future__ import annotations

import re
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect

from .conftest import ENDED, Lab, View
from .test_main_job import job_row, open_form, submitted
from .test_panel import violations

GOOD = """\
import time
import jupyter_mlplat as mlplat
mlplat.set_result('rows', 1200 + rows)
mlplat.set_result('path', '/data/clicks.parquet')
"""
BAD = "import time\nscale = 1 / 0"
PRINTS = "import time\nfor n in range({steps}):\n    print('step', n, flush=True)\n    time.sleep(0.5)"


def notebook_of(*lines: str, parameters: str = "rows = 12  # how many rows it takes") -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    notebook.cells = [first, *(nbformat.v4.new_code_cell(each) for each in lines)]
    return notebook


def run(lab: Lab, notebook: str, **more: Any) -> Any:
    return lab.request("jobs", method="POST", body={"notebook": notebook, **more})


def view_of(page: Page, id: str) -> Locator:
    return page.locator(f"#jp-mlplat-job-{id}")


def in_sight(page: Page, locator: Locator) -> bool:
    """Whether the end of it is between the edges of the executed notebook."""
    seen = page.locator(".jp-mlplat-executed:visible").bounding_box()
    box = locator.bounding_box()
    assert seen is not None
    assert box is not None
    end = box["y"] + box["height"]
    return seen["y"] < end <= seen["y"] + seen["height"] + 1


def test_failed_job_opens_with_what_changed_since_its_last_success(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(notebook_of("time_s = 0.05\nimport time; time.sleep(time_s)", GOOD), lab.root / "report.ipynb")
    good = lab.wait_job(run(lab, "report.ipynb")["id"], states=ENDED)
    assert good["state"] == "succeeded", good
    nbformat.write(notebook_of("time_s = 0.05\nimport time; time.sleep(time_s)", BAD), lab.root / "report.ipynb")
    told = [{"to": "env:NO_SUCH_WEBHOOK", "on": ["failure"]}]
    bad = lab.wait_job(run(lab, "report.ipynb", parameters={"rows": 20}, notify=told)["id"], states=ENDED)
    assert bad["state"] == "failed", bad

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    view.execute("mlplat:open-job", {"id": good["id"]})
    opened = view_of(page, good["id"])
    results = opened.locator(".jp-mlplat-results")
    expect(results).to_contain_text("1212")
    results.get_by_role("button", name=re.compile("result path")).click()
    assert page.evaluate("() => navigator.clipboard.readText()") == "/data/clicks.parquet"
    assert not any(url.endswith("/changes") for url in asked)
    opened.get_by_role("tab", name="What changed").click()
    expect(opened).to_contain_text("has not succeeded before")

    view.execute("mlplat:open-job", {"id": bad["id"]})
    opened = view_of(page, bad["id"])
    expect(opened.get_by_role("tab", name="What changed")).to_have_attribute("aria-selected", "true")
    row = opened.get_by_role("table", name="Parameters").get_by_role("row", name=re.compile("^rows"))
    expect(row.get_by_role("cell")).to_have_text(["default", "20"])
    diff = opened.get_by_label("Difference", exact=True)
    expect(diff.locator('[data-line="added"]').filter(has_text="+scale = 1 / 0")).to_have_count(1)
    expect(diff.locator('[data-line="removed"]').filter(has_text="set_result('rows'")).to_have_count(1)
    expect(opened.get_by_role("list", name="Notices")).to_contain_text("failure to env:NO_SUCH_WEBHOOK")
    assert violations(page, f"#jp-mlplat-job-{bad['id']}") == []
    view.picture("job-changes")

    # The notebook opens at the cell that failed, though it was not the first tab.
    opened.get_by_role("tab", name="Executed notebook").click()
    expect(opened.locator(".jp-Cell.jp-mlplat-revealed")).to_contain_text("1 / 0")

    # Once more, in the ways there are.
    opened.get_by_role("button", name="More ways to run it").click()
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitem")).to_have_text(
        ["Run again", "Run again with the notebook as it is now", "Run again from the start"]
    )
    view.picture("job-again-menu")
    nbformat.write(notebook_of("print('mended')"), lab.root / "report.ipynb")
    with page.expect_response(lambda answer: answer.url.split("?")[0].endswith(f"jobs/{bad['id']}/retry")) as answer:
        menu.get_by_role("menuitem", name="Run again with the notebook as it is now").click()
    assert answer.value.request.post_data_json == {"edited": True, "from_start": False}
    again = lab.wait_job(answer.value.json()["id"], states=ENDED)
    assert again["state"] == "succeeded", again


def test_slower_cells_metrics_and_what_was_not_compared_are_shown(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(notebook_of("print(1)"), lab.root / "compared.ipynb")
    job = lab.wait_job(run(lab, "compared.ipynb")["id"], states=ENDED)
    changes = {
        "job_id": job["id"], "against": "3", "parameters": [], "code": "",
        "environment": [
            {"name": "numpy", "before": "1.26.4", "after": "2.1.0"},
            {"name": "polars", "before": None, "after": "1.9.0"},
        ],
        "data": [{"name": "clicks", "before": "0f3e9a11", "after": "77b0c2d4"}],
        "metrics": [{"name": "auc", "before": 0.913, "after": 0.882}, {"name": "loss", "before": 0.2, "after": 0.3}],
        "timings": [
            {"index": 1, "before": 1.0, "after": 1.1},
            {"index": 4, "before": 12.0, "after": 95.0},
            {"index": 6, "before": 3.0, "after": 8.5},
        ],
        "notes": ["code: the notebook of job 3 is no longer there"],
    }  # fmt: skip
    page.route(re.compile(r"/changes(\?|$)"), lambda route: route.fulfill(json=changes))
    view.execute("mlplat:open-job", {"id": job["id"]})
    opened = view_of(page, job["id"])
    opened.get_by_role("tab", name="What changed").click()
    expect(opened).to_contain_text("the same as then: parameters")
    auc = opened.get_by_role("table", name="Metrics").get_by_role("row", name=re.compile("^auc"))
    expect(auc.get_by_role("cell")).to_have_text(["0.913", "0.882", "-0.031 (-3.4 %)"])
    cells = opened.get_by_role("table", name="Slower cells").locator("tbody tr")
    expect(cells).to_have_count(2)
    expect(cells.first).to_contain_text("Cell 412 s1 min 35 s")
    expect(opened).to_contain_text("the notebook of job 3 is no longer there")
    assert violations(page, f"#jp-mlplat-job-{job['id']}") == []
    view.picture("job-changes-all")


def test_pdf_is_downloaded_and_its_absence_is_said(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(notebook_of("print('a page')"), lab.root / "page.ipynb")
    job = lab.wait_job(run(lab, "page.ipynb")["id"], states=ENDED)
    view.execute("mlplat:open-job", {"id": job["id"]})
    opened = view_of(page, job["id"])
    formats = (("HTML", "html", b"<!DOCTYPE"), ("notebook", "ipynb", b"{"), ("PDF", "pdf", b"%PDF-"))
    for format, ending, beginning in formats:
        opened.get_by_role("button", name="Download").click()
        with page.expect_download(timeout=60_000) as file:
            page.get_by_role("menuitem", name=f"Download {format}").click()
        assert file.value.suggested_filename == f"page-{job['id']}.{ending}"
        assert file.value.path().read_bytes().startswith(beginning)
    none = {"message": "PDF needs a browser", "reason": "unavailable", "hint": "install chromium", "fields": {}}
    page.route(re.compile(r"/pdf(\?|$)"), lambda route: route.fulfill(status=503, json=none))
    opened.get_by_role("button", name="Download").click()
    page.get_by_role("menuitem", name="Download PDF").click()
    toast = page.get_by_role("alert").filter(has_text="No PDF")
    expect(toast).to_contain_text("neither a Chromium browser nor LaTeX")
    expect(toast.get_by_role("button", name="Download HTML")).to_be_visible()
    view.errors.clear()  # the browser itself reports the 503 in its console


def test_attempts_say_from_which_checkpoint_they_went_on(view: View) -> None:
    page, lab = view.page, view.lab
    notebook = notebook_of("loaded = list(range(10))", "import pathlib\npathlib.Path('second').touch()", "x = 1 / 0")
    notebook.cells[1].metadata["tags"] = ["mlplat:checkpoint"]
    nbformat.write(notebook, lab.root / "kept.ipynb")
    job = lab.wait_job(run(lab, "kept.ipynb", retries=1, retry_delay=0.1)["id"], states=ENDED)
    assert job["attempts"][-1]["note"], job["attempts"]
    view.execute("mlplat:open-job", {"id": job["id"]})
    opened = view_of(page, job["id"])
    opened.get_by_role("tab", name="Attempts (2)").click()
    expect(opened.locator('tr[data-attempt="2"]')).to_contain_text(job["attempts"][-1]["note"])
    view.picture("job-checkpoint")


def test_running_notebook_is_followed_until_one_scrolls(view: View) -> None:
    page, lab = view.page, view.lab
    lines = ["for n in range(60):\n    print('line', n)", PRINTS.format(steps=44), "print('the end')"]
    nbformat.write(notebook_of(*lines), lab.root / "long_one.ipynb")
    view.open_panel()
    dialog = open_form(view, "long_one.ipynb")
    job = submitted(view, dialog.get_by_role("button", name="Run", exact=True))
    page.get_by_role("button", name="Watch").click()
    opened = view_of(page, job["id"])
    running = opened.locator(".jp-mlplat-runningCell")
    expect(running.locator(".jp-InputPrompt").first).to_have_text("[*]:", timeout=60_000)
    # What a cell prints while it runs is followed, without any event.
    expect(running).to_contain_text(re.compile(r"step [4-9]\b"), timeout=20_000)
    assert in_sight(page, running)
    view.picture("job-live")

    # Who scrolls stays where they are; a button goes back.
    notebook = opened.locator(".jp-mlplat-executed")
    box = notebook.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.wheel(0, -5_000)
    follow = opened.get_by_role("button", name="Follow the running cell")
    expect(follow).to_be_visible()
    last = re.findall(r"step (\d+)", running.inner_text())[-1]
    expect(running).to_contain_text(f"step {int(last) + 3}", timeout=20_000)
    assert notebook.evaluate("node => node.scrollTop") == 0
    follow.click()
    assert in_sight(page, running)

    # A reload changes nothing, and the end is seen.
    page.wait_for_timeout(1_500)  # the state database saves with a delay of its own
    page.goto(page.url.split("?")[0])
    view.wait_until_loaded()
    page.get_by_role("tab", name=re.compile("^long_one")).last.click()
    expect(running).to_contain_text("step", timeout=20_000)
    expect(opened.locator(".jp-OutputArea").filter(has_text="the end")).to_be_visible(timeout=60_000)
    expect(running).to_have_count(0)
    expect(opened.locator(".jp-Cell").nth(2)).to_contain_text("step 43")
    expect(opened.get_by_role("button", name="Follow the running cell")).to_have_count(0)
    lab.wait_job(job["id"], states=ENDED)


def test_form_says_whom_to_tell_and_whether_to_resume(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(notebook_of("print(1)"), lab.root / "told.ipynb")
    dialog = open_form(view, "told.ipynb")
    dialog.get_by_label("from the last checkpoint cell").uncheck()
    dialog.get_by_role("button", name=re.compile("More")).click()
    dialog.get_by_label("Whom to tell").fill("mailto:a@b.example")
    dialog.get_by_label("takes too long").check()
    dialog.get_by_label("Longer than").fill("2h")
    dialog.get_by_role("button", name="Copy as command").click()
    shown = dialog.get_by_label("Command", exact=True)
    command = "jupyter mlplat jobs run told.ipynb --no-resume --notify failure,recovery,too_long:2h=mailto:a@b.example"
    expect(shown).to_have_text(command)
    dialog.get_by_role("tab", name="Python").click()
    expect(shown).to_contain_text("resume=False,")
    expect(shown).to_contain_text('notify=[{"to": "mailto:a@b.example", "on": ["failure", "recovery", "too_long"]')
    dialog.get_by_role("button", name="Copy as command").click()
    # No mail server is configured here: the server says so, and the form shows it at the field.
    run_button = dialog.get_by_role("button", name="Run", exact=True)
    with page.expect_response(lambda answer: answer.status == 422):
        run_button.click()
    expect(dialog.locator("#jp-mlplat-notify-0-error")).to_contain_text(re.compile("mail"))
    view.errors.clear()  # the browser itself reports the 422 in its console
    assert violations(page, ".jp-mlplat-dialog .jp-Dialog-body") == []
    dialog.get_by_label("Whom to tell").scroll_into_view_if_needed()
    view.picture("notify-form")
    dialog.get_by_label("Whom to tell").fill("env:NO_SUCH_WEBHOOK")
    job = submitted(view, run_button)
    assert job["resume"] is False
    assert job["notify"] == [{"to": "env:NO_SUCH_WEBHOOK", "on": ["failure", "recovery", "too_long"], "after": 7200.0}]
    assert job_row(page, job["id"]) is not None
    lab.wait_job(job["id"], states=ENDED)
