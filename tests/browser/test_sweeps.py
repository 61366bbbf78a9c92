"""Sweeps in the browser: made in the form, one line while they run, a picture and a table, failed points again."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect

from .conftest import ENDED, View
from .test_main_job import open_form
from .test_panel import violations, violations_in_both

METRIC = """\
import pathlib
if lr < 0.5:
    import mlflow
    mlflow.log_metric('auc', round(0.9 - abs(lr - 0.1) + depth / 100, 4))
elif not pathlib.Path('mended').exists():
    raise ValueError('it does not converge')
"""
PARAMETERS = "lr: float = 0.1  # learning rate\ndepth: int = 2"


def sweep_notebook(lines: str = METRIC, parameters: str = PARAMETERS) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(lines),
    ]
    return notebook


def point_of(page: Page, job: str) -> Locator:
    return page.locator(f'.jp-mlplat-points tr[data-point="{job}"]')


def view_of(page: Page, id: str) -> Locator:
    return page.locator(f"#jp-mlplat-sweep-{id}")


def wait_sweep(page: Page, id: str, state: str, timeout: float = 120_000) -> None:
    expect(view_of(page, id).locator(f'.jp-mlplat-head .jp-mlplat-state[data-state="{state}"]')).to_be_visible(
        timeout=timeout
    )


def test_sweep_is_made_in_the_form_watched_and_its_failed_points_run_again(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(sweep_notebook(), lab.root / "train_ctr.ipynb")
    (lab.root / "mended").unlink(missing_ok=True)
    view.open_panel()
    dialog = open_form(view, "train_ctr.ipynb")
    dialog.get_by_role("button", name=re.compile("More")).click()
    over = dialog.get_by_label("Sweep over", exact=True)
    over.select_option("lr")
    expect(dialog.get_by_label("Values of lr")).to_be_focused()
    dialog.get_by_label("Values of lr").fill("0.1, 0.9")
    over.select_option("depth")
    dialog.get_by_label("Values of depth").fill("2, x")
    run = dialog.get_by_role("button", name=re.compile("^Run"))
    run.click()
    expect(dialog.get_by_role("alert")).to_contain_text("Write numbers")
    dialog.get_by_label("Values of depth").fill("2, 4")
    expect(dialog).to_contain_text("2 × 2 = 4 jobs")
    dialog.get_by_label("Metric").fill("auc")
    dialog.get_by_role("button", name="Copy as command").click()
    shown = dialog.get_by_label("Command", exact=True)
    expect(shown).to_have_text(
        "jupyter mlplat sweeps run train_ctr.ipynb -p 'lr=[0.1,0.9]' -p 'depth=[2,4]' --metric auc"
    )
    dialog.get_by_role("tab", name="Python").click()
    expect(shown).to_contain_text("mlplat.sweeps.run(")
    expect(shown).to_contain_text('space={"lr": [0.1, 0.9], "depth": [2, 4]}')
    assert violations(page, ".jp-mlplat-dialog .jp-Dialog-body") == []
    dialog.get_by_role("button", name="Copy as command").click()
    dialog.get_by_text("2 × 2 = 4 jobs").scroll_into_view_if_needed()
    view.picture("sweep-form")
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.split("?")[0].endswith("/sweeps")
    ) as answer:
        dialog.get_by_role("button", name="Run 4 jobs").click()
    assert answer.value.status == 201, answer.value.text()
    made = answer.value.json()
    id = made["id"]

    # One line in the panel, none for its jobs; the view opens by itself.
    line = page.locator(f'li[data-sweep="{id}"]')
    expect(line).to_be_visible()
    for point in made["points"]:
        expect(page.locator(f'li[data-job="{point["job_id"]}"]')).to_have_count(0)
    expect(view_of(page, id).get_by_role("heading", name="train_ctr")).to_be_visible()
    expect(line).to_contain_text(re.compile("[1-3] of 4"), timeout=60_000)
    view.picture("sweep-running")
    wait_sweep(page, id, "partial")
    expect(line).to_contain_text("4 of 4 · best 0.94")

    heat = view_of(page, id).get_by_role("table", name=re.compile("^auc by"))
    best = heat.get_by_role("button", name=re.compile("lr 0.1, depth 4: 0.94, the best of all"))
    expect(best).to_be_visible()
    expect(heat.get_by_role("button", name=re.compile("lr 0.9.*Failed"))).to_have_count(2)
    best.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(best).to_be_focused()
    table = view_of(page, id).get_by_role("table", name="Points")
    expect(table.locator("tbody tr").first).to_have_attribute("data-best", "true")
    table.get_by_role("button", name="depth").click()
    expect(table.get_by_role("columnheader", name="depth")).to_have_attribute("aria-sort", "ascending")
    assert violations(page, f"#jp-mlplat-sweep-{id}") == []
    view.picture("sweep")

    (lab.root / "mended").touch()
    view_of(page, id).get_by_role("button", name="Rerun the 2 that failed").click()
    wait_sweep(page, id, "succeeded")
    assert lab.request(f"sweeps/{id}")["counts"] == {"succeeded": 4}
    view_of(page, id).get_by_role("button", name="Open its job").click()
    expect(
        page.locator(".jp-mlplat-jobView:not(.lm-mod-hidden)").get_by_role("heading", name="train_ctr")
    ).to_be_visible()

    # The list of sweeps, and from a job back to its sweep.
    view.execute("mlplat:open-jobs", {"list": "sweeps"})
    listed = page.locator(f'#jp-mlplat-jobs tr[data-sweep="{id}"]')
    expect(listed).to_contain_text("lr 0.1, depth 4")
    view.execute("mlplat:open-jobs", {"sweep": id})
    rows = page.locator("#jp-mlplat-jobs tr[data-job]")
    expect(rows.first).to_be_visible()
    view.picture("jobs")
    rows.first.get_by_role("button", name=re.compile("^sweep")).click()
    expect(view_of(page, id)).to_be_visible()


def test_cancelled_sweep_asks_once_and_ends(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(sweep_notebook("import time; time.sleep(60)"), lab.root / "slow_sweep.ipynb")
    body = {"notebook": "slow_sweep.ipynb", "space": {"depth": [1, 2, 3, 4]}}
    made = lab.request("sweeps", method="POST", body=body)
    view.open_panel()
    line = page.locator(f'li[data-sweep="{made["id"]}"]')
    expect(line).to_contain_text("0 of 4")
    line.get_by_role("button", name="slow_sweep", exact=False).first.click()
    expect(view_of(page, made["id"])).to_be_visible()
    view_of(page, made["id"]).get_by_role("button", name="Cancel", exact=True).click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("keep their results")
    question.get_by_role("button", name="Cancel sweep now").click()
    wait_sweep(page, made["id"], "cancelled", timeout=60_000)


def pretended(**fields: Any) -> dict[str, Any]:
    """A sweep as the server would show it, for pictures that need more points than a test can run."""
    base = {
        "id": "9", "name": "ctr_search", "owner": "ada", "state": "running", "notebook": "/data/train_ctr.ipynb",
        "parameters": {"epochs": 20, "dataset": "clicks"}, "options": {}, "strategy": "grid", "metric": "auc",
        "direction": "maximize", "parallel": 4, "message": None, "created_at": "2026-11-01T08:00:00Z", "ended_at": None,
        "objectives": [{"metric": "auc", "direction": "maximize"}], "constraints": [], "sampler": None, "pruner": None,
        "study": None,
    }  # fmt: skip
    sweep = {**base, **fields}
    states = [one["state"] for one in sweep["points"]]
    sweep["counts"] = {state: states.count(state) for state in dict.fromkeys(states)}
    sweep["trials"] = len(states)
    sweep["best"] = max((one for one in sweep["points"] if one["value"] is not None), key=lambda one: one["value"])
    return sweep


def points(space: list[dict[str, Any]]) -> list[dict[str, Any]]:
    dice = random.Random(7)
    made = []
    for n, point in enumerate(space):
        state = "failed" if n % 11 == 5 else "running" if n % 13 == 7 else "succeeded"
        near = 1 - abs(math.log10(point["lr"]) + 2) / 4 - abs(point["depth"] - 5) / 20 + dice.uniform(-0.03, 0.03)
        value = round(0.6 + 0.3 * near, 4) if state == "succeeded" else None
        made.append({
            "job_id": str(100 + n), "state": state, "point": point, "value": value, "values": [value],
            "pruned_at": None, "feasible": None, "front": False,
        })  # fmt: skip
    return made


def shown(view: View, sweep: dict[str, Any]) -> Locator:
    view.page.route(re.compile(r"/mlplat/api/v1/sweeps/9(\?|$)"), lambda route: route.fulfill(json=sweep))
    view.execute("mlplat:open-sweep", {"id": "9"})
    opened = view_of(view.page, "9")
    expect(opened.get_by_role("heading", name="ctr_search")).to_be_visible()
    return opened


def test_three_parameters_are_reduced_to_two_that_one_chooses(view: View) -> None:
    values = {"lr": [0.0001, 0.001, 0.01, 0.1, 1.0], "depth": [2, 4, 6, 8], "kind": ["gini", "entropy"]}
    grid = [
        {"lr": lr, "depth": depth, "kind": kind}
        for lr in values["lr"]
        for depth in values["depth"]
        for kind in values["kind"]
    ]
    opened = shown(view, pretended(space=values, points=points(grid)))
    expect(opened).to_contain_text("differ only in kind")
    heat = opened.get_by_role("table", name="auc by lr and depth")
    expect(heat.get_by_role("button")).to_have_count(20)
    view.picture("sweep-heat")
    opened.get_by_label("Across").select_option("kind")
    expect(opened.get_by_role("table", name="auc by lr and kind").get_by_role("button")).to_have_count(10)
    assert violations(view.page, "#jp-mlplat-sweep-9") == []


def test_points_of_ranges_are_a_scatter_and_one_parameter_is_a_line(view: View) -> None:
    dice = random.Random(3)
    space = {"lr": {"low": 0.0001, "high": 1.0, "log": True}, "depth": {"low": 1, "high": 9, "log": False}}
    drawn = [{"lr": 10 ** dice.uniform(-4, 0), "depth": dice.randint(1, 9)} for _ in range(60)]
    sweep = pretended(space=space, strategy="random", points=points(drawn))
    opened = shown(view, sweep)
    picture = opened.get_by_role("img", name=re.compile("^auc by depth and lr"))
    expect(picture.locator("[data-point]")).to_have_count(60)
    expect(picture.locator('[data-kind="best"]')).to_have_count(1)
    assert violations(view.page, "#jp-mlplat-sweep-9") == []
    view.picture("sweep-scatter")

    tried = points([{"lr": lr, "depth": 5} for lr in (0.0001, 0.001, 0.01, 0.1)])
    for one in tried:
        del one["point"]["depth"]
    sweep |= pretended(space={"lr": [0.0001, 0.001, 0.01, 0.1]}, points=tried, state="succeeded")
    view.execute("mlplat:refresh-panel")
    line = opened.get_by_role("img", name=re.compile("^auc by lr of"))
    expect(line.locator("polyline")).to_have_count(1)
    view.picture("sweep-line")


def test_who_types_before_the_page_is_idle_keeps_the_focus(view: View) -> None:
    page = view.page
    nbformat.write(sweep_notebook("print(1)", "rows: int = 3"), view.lab.root / "busy.ipynb")
    dialog = open_form(view, "busy.ipynb")
    rows = dialog.get_by_label("rows")
    expect(rows).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.evaluate(
        """() => {
            const { requestIdleCallback } = window;
            const waiting = [];
            window.idle = () => {
                Object.assign(window, { requestIdleCallback });
                waiting.forEach(call => call());
            };
            window.requestIdleCallback = call => waiting.push(call);
        }"""
    )
    open_form(view, "busy.ipynb")
    limit = dialog.get_by_label("Time limit")
    limit.press_sequentially("10")
    page.evaluate("window.idle()")
    page.wait_for_timeout(100)
    expect(limit).to_be_focused()
    page.keyboard.type("m")
    expect(limit).to_have_value("10m")
    expect(rows).to_have_value("3")
    page.keyboard.press("Escape")


def test_secret_is_a_reference_and_memory_a_size(view: View) -> None:
    page, lab = view.page, view.lab
    notebook = sweep_notebook(
        "print(1)", "from pydantic import SecretStr\nrows: int = 3\napi_key: SecretStr  # of the store"
    )
    nbformat.write(notebook, lab.root / "with_secret.ipynb")
    dialog = open_form(view, "with_secret.ipynb")
    secret = dialog.get_by_role("textbox", name="api_key")
    expect(secret).to_have_attribute("placeholder", "env:NAME or file:PATH")
    secret.fill("hunter2")
    run = dialog.get_by_role("button", name="Run", exact=True)
    run.click()
    expect(dialog.get_by_role("alert")).to_contain_text("never the secret itself")
    secret.fill("env:STORE_KEY")
    dialog.get_by_role("button", name=re.compile("More")).click()
    dialog.get_by_label("Memory limit").fill("lots")
    run.click()
    expect(dialog.get_by_role("alert")).to_contain_text("16G")
    dialog.get_by_label("Memory limit").fill("2G")
    dialog.get_by_role("checkbox", name="Log models' training by itself").uncheck()
    dialog.get_by_role("button", name="Copy as command").click()
    command = "jupyter mlplat jobs run with_secret.ipynb --secret api_key=env:STORE_KEY --memory 2G --no-autolog"
    expect(dialog.get_by_label("Command", exact=True)).to_have_text(command)
    assert violations_in_both(view, ".jp-mlplat-dialog .jp-Dialog-body") == []
    secret.scroll_into_view_if_needed()
    view.picture("secret-form")
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.split("?")[0].endswith("/jobs")
    ) as answer:
        run.click()
    job = answer.value.json()
    assert (job["memory"], job["secrets"]) == (2 * 2**30, {"api_key": "env:STORE_KEY"})
    assert job["autolog"] is False
    lab.wait_job(job["id"], states=ENDED)  # failed: there is no such variable
