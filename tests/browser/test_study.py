"""The study of a sweep in the browser: a small one that really runs, and larger ones as the server would show them."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect

from .conftest import View
from .test_panel import violations, violations_in_both
from .test_sweeps import sweep_notebook, view_of, wait_sweep

REPORTING = """\
import pathlib
import jupyter_mlplat as mlplat
tries = pathlib.Path('study_tries')
tries.mkdir(exist_ok=True)
(tries / f'{len(list(tries.iterdir()))}').touch()
worse = 50 if len(list(tries.iterdir())) > 5 else 0
for step in range(6):
    mlplat.report(9.0 if step < 2 else abs(lr - 0.1) + 1 / (step + 1) + worse, step)
"""


def figure(opened: Locator, title: str) -> Locator:
    return opened.get_by_role("region", name=title, exact=True)


def marks(found: Locator) -> Locator:
    return found.locator("[data-marks]")


def saved(page: Page, button: Locator) -> Path:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path())


def test_study_of_a_sweep_is_drawn_while_it_runs(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(sweep_notebook(REPORTING), lab.root / "study_small.ipynb")
    body = {
        "notebook": "study_small.ipynb", "strategy": "optuna", "trials": 6, "metric": "loss", "direction": "minimize",
        "space": {"lr": {"low": 0.001, "high": 1.0, "log": True}, "depth": [2, 4]}, "parallel": 1,
    }  # fmt: skip
    made = lab.request("sweeps", method="POST", body=body)
    view.open_panel()
    view.execute("mlplat:open-sweep", {"id": made["id"]})
    opened = view_of(page, made["id"])
    history = figure(opened, "History of loss")
    expect(history).to_be_visible(timeout=60_000)
    expect(figure(opened, "Importance of the parameters")).to_contain_text("It takes 5 trials that ran to their end")
    expect(marks(history)).to_have_attribute("data-marks", re.compile("[2-5]"), timeout=60_000)
    wait_sweep(page, made["id"], "succeeded", timeout=240_000)

    study = lab.request(f"sweeps/{made['id']}/study")
    pruned = [one for one in study["trials"] if one["state"] == "pruned"]
    assert pruned
    expect(marks(history)).to_have_attribute("data-marks", "6")
    counts = f"6 trials: {6 - len(pruned)} succeeded, {len(pruned)} pruned"
    told = re.compile(rf"^loss; {counts}; best .* in trial {study['front'][0]}$")
    expect(history.get_by_role("img", name=told)).to_be_visible()
    expect(history.get_by_role("list", name="What the marks mean")).to_contain_text("pruned, at what it reported last")
    lines = figure(opened, "loss on the way").locator("[data-lines]")
    expect(lines).to_have_attribute("data-lines", "6")
    expect(lines).to_have_attribute("data-pruned", str(len(pruned)))
    bars = figure(opened, "Importance of the parameters").get_by_role("list", name="Importance of the parameters")
    expect(bars.get_by_role("listitem")).to_have_count(2)

    # What hover says, keys say too; Enter opens the job.
    plane = history.get_by_role("group")
    plane.focus()
    for _ in range(1 + pruned[0]["number"]):
        page.keyboard.press("ArrowRight")
    tip = history.get_by_role("status")
    expect(tip).to_contain_text(f"Trial {pruned[0]['number']}")
    expect(tip).to_contain_text("Pruned at step 2")
    expect(tip).to_contain_text("depth")
    best = opened.get_by_role("group", name="The best point")
    expect(best).to_contain_text("Its run logged no model.")
    expect(best.get_by_role("button", name="Deploy its model…")).to_be_disabled()
    for words in ("^Copy command: optuna-dashboard .*study.jsonl$", "^Copy code: optuna.load_study"):
        expect(opened.get_by_role("button", name=re.compile(words))).to_be_visible()
    assert violations_in_both(view, f"#jp-mlplat-sweep-{made['id']}") == []
    view.picture("study-small")

    rows = saved(page, history.get_by_role("button", name=re.compile("as CSV$"))).read_text().splitlines()
    assert rows[0] == "trial,job,state,loss,lr,depth,best,breaks_a_constraint"
    assert len(rows) == 7
    picture = saved(page, history.get_by_role("button", name=re.compile("as a picture$"))).read_bytes()
    assert picture.startswith(b"\x89PNG")
    plane.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    job_view = page.locator(".jp-mlplat-jobView:not(.lm-mod-hidden)")
    expect(job_view.get_by_role("heading", name="study_small")).to_be_visible()
    view.execute("mlplat:open-sweep", {"id": made["id"]})
    best.get_by_role("button", name="Open its run").click()
    job = lab.request(f"jobs/{lab.request('sweeps/' + made['id'])['best']['job_id']}")
    expect(page.locator(f"#jp-mlplat-run-{job['run_id']}")).to_be_visible()


Pretended = tuple[dict[str, Any], dict[str, Any]]
SPACE = {"lr": {"low": 0.0001, "high": 1.0, "log": True}, "depth": [2, 4, 6, 8], "kind": ["gini", "entropy", "log"]}
LOSS = {"metric": "loss", "direction": "minimize"}
LATENCY = {"metric": "latency", "direction": "minimize"}


def pretended(id: str, trials: int, steps: int, objectives: list[dict[str, str]], constraints: list[str]) -> Pretended:
    """A sweep by Optuna and its study as the server would show them; with `steps` it prunes what is hopeless."""
    dice = random.Random(11)
    points, made = [], []
    for n in range(trials):
        point = {"lr": 10 ** dice.uniform(-4, 0), "depth": dice.choice([2, 4, 6, 8])}
        point["kind"] = dice.choice(["gini", "entropy", "log"])
        level = 0.2 + abs(math.log10(point["lr"]) + 2) / 4 + dice.uniform(0, 0.1)
        state = "failed" if n % 17 == 5 else "running" if n == trials - 1 else "succeeded"
        if steps and state == "succeeded" and n > 5 and level > 0.45:
            state = "pruned"
        ran = steps if state == "succeeded" else dice.randint(1, steps) if steps else 0
        reports = [[step, round(level + 1.5 / (step + 1) + dice.uniform(0, 0.03), 4)] for step in range(ran)]
        loss = reports[-1][1] if reports else round(level, 4)
        latency = round(5 + point["depth"] * (1.2 - level) + dice.uniform(0, 1), 3)
        values = [loss, latency][: len(objectives)] if state in ("succeeded", "pruned") else []
        points.append({
            "job_id": str(4000 + n), "state": state, "point": point, "value": values[0] if values else None,
            "values": values or [None] * len(objectives), "pruned_at": ran - 1 if state == "pruned" else None,
            "feasible": dice.random() > 0.2 if constraints and state == "succeeded" else None, "front": False,
        })  # fmt: skip
        made.append({
            "number": n, "job_id": str(4000 + n), "values": values, "params": point, "intermediate": reports,
            "state": {"succeeded": "complete", "failed": "fail"}.get(state, state), "duration_s": 3.0,
        })  # fmt: skip
    costs = {
        n: one["values"] for n, one in enumerate(points) if one["state"] == "succeeded" and one["feasible"] is not False
    }
    front = [
        n
        for n, cost in costs.items()
        if not any(other != cost and all(map(float.__le__, other, cost)) for other in costs.values())
    ]
    for n in front:
        points[n]["front"] = len(objectives) > 1
    states = [one["state"] for one in points]
    sweep = {
        "id": id, "name": "tuning", "owner": "ada", "state": "running", "notebook": "/data/tune.ipynb",
        "parameters": {}, "options": {}, "strategy": "optuna", "metric": "loss", "direction": "minimize",
        "parallel": 4, "message": None, "created_at": "2026-11-01T08:00:00Z", "ended_at": None,
        "objectives": objectives, "constraints": constraints, "sampler": "tpe",
        "pruner": "median" if len(objectives) == 1 else "none",
        "study": f"/home/ada/sweeps/{id}/study.jsonl", "study_code": None, "study_dashboard": None,
        "space": SPACE, "points": points, "trials": trials + 20,
        "counts": {state: states.count(state) for state in dict.fromkeys(states)},
        "best": points[front[0]] if len(objectives) == 1 else None,
    }  # fmt: skip
    return sweep, {"trials": made, "importance": {"depth": 0.11, "lr": 0.84, "kind": 0.05}, "front": front}


def shown(view: View, sweep: dict[str, Any], study: dict[str, Any], run: dict[str, Any] | None = None) -> Locator:
    route = view.page.route
    id = sweep["id"]
    route(re.compile(rf"/mlplat/api/v1/sweeps/{id}(\?|$)"), lambda asked: asked.fulfill(json=sweep))
    route(re.compile(rf"/mlplat/api/v1/sweeps/{id}/study(\?|$)"), lambda asked: asked.fulfill(json=study))
    route(re.compile(r"/mlplat/api/v1/jobs/4\d\d\d(\?|$)"), lambda asked: asked.fulfill(json={"run_id": "studyrun"}))
    found = run or {"id": "studyrun", "models": []}
    route(re.compile(r"/mlplat/api/v1/runs/studyrun(\?|$)"), lambda asked: asked.fulfill(json=found))
    view.execute("mlplat:open-sweep", {"id": id})
    opened = view_of(view.page, id)
    expect(opened.get_by_role("heading", name="tuning")).to_be_visible()
    return opened


def test_two_objectives_have_a_front_and_a_history_each(view: View) -> None:
    sweep, study = pretended("71", 60, 0, [LOSS, LATENCY], ["size <= 9"])
    opened = shown(view, sweep, study)
    front = figure(opened, "Front of loss and latency")
    on = len(study["front"])
    expect(front.get_by_role("img", name=re.compile(rf"\b{on} of them on the front$"))).to_be_visible()
    expect(front.get_by_role("list", name="What the marks mean")).to_contain_text("breaks a constraint")
    front.get_by_label("Across").select_option("latency")
    expect(figure(opened, "Front of latency and loss")).to_be_visible()
    opened.get_by_label("Objective").select_option("latency")
    expect(figure(opened, "History of latency")).to_be_visible()
    slices = figure(opened, "latency by lr")
    slices.get_by_label("Parameter").select_option("kind")
    expect(marks(figure(opened, "latency by kind"))).to_have_attribute("data-marks", "60")
    group = opened.get_by_role("group", name="The points of the front")
    expect(group).to_contain_text(f"{on} points on the front")
    expect(group.get_by_role("combobox").locator("option")).to_have_count(on)
    table = opened.get_by_role("table", name="Points")
    expect(table.locator("tr").filter(has_text="on the front")).to_have_count(on)
    table.get_by_role("button", name="latency").click()
    expect(table.get_by_role("columnheader", name="latency")).to_have_attribute("aria-sort", "ascending")
    assert violations(view.page, "#jp-mlplat-sweep-71") == []
    view.picture("study-front")


def test_a_thousand_trials_with_a_hundred_reports_are_drawn_at_once(view: View) -> None:
    sweep, study = pretended("72", 1000, 100, [LOSS], [])
    registered = {"id": "studyrun", "models": [{"name": "m", "registered": [{"name": "ctr", "version": "3"}]}]}
    opened = shown(view, sweep, study, registered)
    lines = figure(opened, "loss on the way")
    expect(lines.locator("[data-lines]")).to_have_attribute("data-lines", re.compile(r"^9\d\d$|^1000$"))
    expect(marks(figure(opened, "History of loss"))).to_have_attribute("data-marks", "1000")
    expect(opened.get_by_role("button", name="Deploy ctr 3…")).to_be_enabled()
    drawn = view.page.evaluate("() => performance.getEntriesByName('mlplat:chart').map(each => each.duration)")
    assert max(drawn) < 2000, drawn
    chart = lines.get_by_role("group")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    slowest = view.page.evaluate(
        """async ([left, top, width, height]) => {
            const over = document.querySelector('.jp-mlplat-study .u-over');
            let slowest = 0;
            for (let n = 0; n < 30; n++) {
                const begin = performance.now();
                const [clientX, clientY] = [left + width * (0.1 + n * 0.025), top + height * (0.2 + n * 0.02)];
                over.dispatchEvent(new MouseEvent('mousemove', { bubbles: true, clientX, clientY }));
                await new Promise(done => requestAnimationFrame(done));
                slowest = Math.max(slowest, performance.now() - begin);
            }
            return slowest;
        }""",
        [box["x"], box["y"], box["width"], box["height"]],
    )
    assert slowest < 500, slowest
    view.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6)
    expect(lines.get_by_role("status")).to_contain_text("Trial")
    expect(lines.locator(".jp-mlplat-chartTrace polyline")).to_have_count(1)
    assert violations(view.page, "#jp-mlplat-sweep-72") == []
    view.picture("study-thousand")
