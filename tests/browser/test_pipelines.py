"""Pipelines in the browser: one line while they run, a graph and a table, cancel, and again what did not succeed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab, View
from .test_job_view import notebook_of
from .test_panel import violations

PREPARE = "import jupyter_mlplat as mlplat\nmlplat.set_result('rows', 12)"
TRAIN = """\
import pathlib, time
time.sleep(4)
if not pathlib.Path('pipeline_mended').exists():
    raise ValueError('no rows')
"""


def view_of(page: Page, id: str) -> Locator:
    return page.locator(f"#jp-mlplat-pipeline-{id}")


def node(page: Page, id: str, name: str) -> Locator:
    return view_of(page, id).locator(f'button[data-node="{name}"]')


def wait_pipeline(page: Page, id: str, state: str, timeout: float = 90_000) -> None:
    badge = view_of(page, id).locator(f'.jp-mlplat-head .jp-mlplat-state[data-state="{state}"]')
    expect(badge).to_be_visible(timeout=timeout)


def pipeline(lab: Lab, name: str, nodes: dict[str, Any]) -> Any:
    return lab.request("pipelines", method="POST", body={"name": name, "nodes": nodes})


def test_pipeline_is_watched_and_what_did_not_succeed_runs_again(view: View) -> None:
    page, lab = view.page, view.lab
    (lab.root / "pipeline_mended").unlink(missing_ok=True)
    for name, line in (("p_prepare", PREPARE), ("p_train", TRAIN), ("p_report", "print(rows)")):
        nbformat.write(notebook_of(line), lab.root / f"{name}.ipynb")
    nodes = {
        "prepare": {"notebook": "p_prepare.ipynb"},
        "train": {"notebook": "p_train.ipynb", "parameters": {"rows": {"from": "prepare.results.rows"}}},
        "report": {"notebook": "p_report.ipynb", "needs": ["train"]},
        "alarm": {"notebook": "p_report.ipynb", "needs": ["train"], "run_if": "any_failed"},
    }
    view.open_panel()
    made = pipeline(lab, "nightly", nodes)
    id = made["id"]

    # One line in the panel, in place of its jobs.
    line = page.locator(f'li[data-pipeline="{id}"]')
    expect(line).to_contain_text(re.compile(r"[01] of 4 nodes"))
    expect(line).to_contain_text("1 of 4 nodes · train running", timeout=60_000)
    expect(page.locator("button[data-section='jobs']")).to_contain_text("1 running")
    jobs = [one["id"] for one in lab.request(f"jobs?pipeline={id}")["items"]]
    assert jobs
    for job in jobs:
        expect(page.locator(f'li[data-job="{job}"]')).to_have_count(0)
    line.get_by_role("button", name="nightly").first.click()
    expect(view_of(page, id).get_by_role("heading", name="nightly")).to_be_visible()
    expect(node(page, id, "train")).to_have_attribute("data-state", "running")
    expect(node(page, id, "report")).to_have_attribute("data-state", "waiting")
    expect(node(page, id, "alarm")).to_contain_text("if any failed")
    assert violations(page, f"#jp-mlplat-pipeline-{id}") == []
    view.picture("pipeline-running")

    wait_pipeline(page, id, "failed")
    expect(line).to_contain_text("2 of 4 nodes succeeded")
    expect(node(page, id, "report")).to_have_attribute("data-state", "skipped")
    expect(node(page, id, "alarm")).to_have_attribute("data-state", "succeeded")
    table = view_of(page, id).get_by_role("table", name="Nodes")
    expect(table.locator('tr[data-node="train"]')).to_contain_text("no rows")
    expect(table.locator("tbody tr")).to_have_count(4)
    view.picture("pipeline-failed")

    (lab.root / "pipeline_mended").touch()
    view_of(page, id).get_by_role("button", name="Rerun the 2 that did not succeed").click()
    wait_pipeline(page, id, "succeeded")

    # By keyboard: the nodes in order, Enter opens the job; from there back.
    node(page, id, "prepare").focus()
    page.keyboard.press("Tab")
    expect(node(page, id, "train")).to_be_focused()
    page.keyboard.press("Enter")
    opened = page.locator(".jp-mlplat-jobView:not(.lm-mod-hidden)")
    expect(opened.get_by_role("heading", name=re.compile("train"))).to_be_visible()
    expect(opened.locator(".jp-mlplat-facts")).to_contain_text("node train")
    opened.locator(".jp-mlplat-facts").get_by_role("button", name=f"#{id}", exact=True).click()
    expect(view_of(page, id)).to_be_visible()

    # The list of pipelines, and the jobs of one.
    view.execute("mlplat:open-jobs", {"list": "pipelines"})
    expect(page.locator(f'#jp-mlplat-jobs tr[data-pipeline="{id}"]')).to_contain_text("4 of 4 nodes")
    assert violations(page, "#jp-mlplat-jobs") == []
    view.picture("pipelines")
    view.execute("mlplat:open-jobs", {"pipeline": id})
    rows = page.locator("#jp-mlplat-jobs tr[data-job]")
    expect(rows.first.get_by_role("button", name=f"pipeline #{id}")).to_be_visible()


def test_cancelled_pipeline_asks_once_and_ends(view: View) -> None:
    page, lab = view.page, view.lab
    nbformat.write(notebook_of("import time; time.sleep(60)"), lab.root / "p_slow.ipynb")
    nodes = {"wait": {"notebook": "p_slow.ipynb"}, "then": {"notebook": "p_slow.ipynb", "needs": ["wait"]}}
    made = pipeline(lab, "slow one", nodes)
    view.execute("mlplat:open-pipeline", {"id": made["id"]})
    expect(node(page, made["id"], "wait")).to_have_attribute(
        "data-state", re.compile("starting|running"), timeout=60_000
    )
    page.get_by_role("tab", name=re.compile("Running")).first.click()
    item = page.locator(".jp-RunningSessions-item").filter(has_text="slow one, pipeline")
    expect(item).to_contain_text("0/2")
    view_of(page, made["id"]).get_by_role("button", name="Cancel", exact=True).click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("keep their results")
    question.get_by_role("button", name="Cancel pipeline now").click()
    wait_pipeline(page, made["id"], "cancelled", timeout=60_000)
    expect(item).to_have_count(0)


def pretended() -> dict[str, Any]:
    """A pipeline as the server would show it, with more nodes than a test can run."""
    now = datetime.now(UTC)
    graph: dict[str, tuple[list[str], str | None]] = {
        "ingest_clicks": ([], "succeeded"),
        "ingest_items": ([], "succeeded"),
        "clean": (["ingest_clicks"], "succeeded"),
        "features": (["clean", "ingest_items"], "succeeded"),
        "split": (["features"], "succeeded"),
        "train_linear": (["split"], "succeeded"),
        "train_boosted_with_a_long_name": (["split"], "running"),
        "train_neural": (["split"], "failed"),
        "compare": (["train_linear", "train_boosted_with_a_long_name", "train_neural"], None),
        "alarm": (["train_neural"], "running"),
        "drift": (["ingest_clicks", "split"], "lost"),
        "deploy": (["compare", "drift", "ingest_items"], None),
        "report": (["deploy"], None),
    }
    rules = {"compare": "any_succeeded", "alarm": "any_failed", "report": "all_ended"}
    nodes = []
    for n, (name, (needs, state)) in enumerate(graph.items()):
        began = now - timedelta(seconds=900 - 40 * n) if state else None
        ended = began + timedelta(seconds=7 * n + 4) if began and state != "running" else None
        nodes.append({
            "name": name, "notebook": f"/data/{name}.ipynb", "needs": needs, "run_if": rules.get(name, "all_succeeded"),
            "job_id": str(100 + n) if state else None, "state": state,
            "message": "cell 4: ValueError: the loss is nan" if state == "failed" else None,
            "started_at": began and began.isoformat(), "ended_at": ended and ended.isoformat(),
        })  # fmt: skip
    states = [one["state"] or "waiting" for one in nodes]
    return {
        "id": "9", "name": "ctr_weekly", "owner": "ada", "state": "running", "ended_at": None,
        "parameters": {"dataset": "clicks", "days": 28}, "message": None, "nodes": nodes,
        "counts": {state: states.count(state) for state in dict.fromkeys(states)},
        "created_at": (now - timedelta(seconds=910)).isoformat(),
    }  # fmt: skip


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_larger_graph_is_drawn_in_layers(view: View, motion: Any) -> None:
    page = view.page
    page.emulate_media(reduced_motion=motion)
    page.route(re.compile(r"/mlplat/api/v1/pipelines/9(\?|$)"), lambda route: route.fulfill(json=pretended()))
    view.execute("mlplat:open-pipeline", {"id": "9"})
    opened = view_of(page, "9")
    expect(opened.get_by_role("heading", name="ctr_weekly")).to_be_visible()
    boxes = {one["name"]: node(page, "9", one["name"]).bounding_box() for one in pretended()["nodes"]}
    for one in pretended()["nodes"]:
        for need in one["needs"]:
            before, after = boxes[need], boxes[one["name"]]
            assert before is not None
            assert after is not None
            assert before["x"] + before["width"] < after["x"]
    places = [(round(box["x"]), round(box["y"])) for box in boxes.values() if box]
    assert len(set(places)) == len(boxes)
    moving = node(page, "9", "alarm").locator(".jp-mod-moving svg")
    turns = moving.evaluate("one => getComputedStyle(one).animationName")
    assert (turns == "none") == (motion == "reduce")
    if motion == "reduce":
        return
    expect(node(page, "9", "deploy")).to_have_attribute("aria-disabled", "true")
    assert violations(page, "#jp-mlplat-pipeline-9") == []
    view.picture("pipeline-graph")
