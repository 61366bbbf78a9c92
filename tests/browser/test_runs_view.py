"""The view of all runs: a long table, its filter, columns and saved views, bulk actions; and runs side by side."""

from __future__ import annotations

import math
import random
import re
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pyarrow
import pyarrow.parquet
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from jupyter_mlplat.home import Home

from .conftest import Lab, View, closed, opened, running_lab
from .test_panel import violations, violations_in_both

VIEW = "#jp-mlplat-runs"
COMPARE = ".jp-mlplat-compareView"
EXPERIMENT = "many runs"
MANY = 100_000
SOME = 5_000
MEASURED = "system/cpu_utilization_percentage"
HOSTILE = {
    "markup": "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>",
    "right to left": "\u202eمرحبا ‮ שלום",
    "emoji": "👩‍🔬🧪💥" * 4,
    "long": "x" * 10_000,
}


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


class Store:
    """MLflow's tables, written to by plain SQL: its client takes milliseconds for each value."""

    def __init__(self, home: Home) -> None:
        self.artifacts = home.artifacts
        self.connection = sqlite3.connect(home.mlflow_database, timeout=30)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.dice = random.Random(7)

    def experiment(self, name: str) -> int:
        with self.connection:
            made = self.connection.execute(
                "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time)"
                " VALUES (?, 'file:///none', 'active', 1, 1)",
                (name,),
            )
        assert made.lastrowid is not None
        return made.lastrowid

    def runs(self, names: list[str], *, experiment: int, begin: int = 1_790_000_000_000, status: str = "") -> list[str]:
        ids = [uuid.uuid4().hex for _ in names]
        with self.connection:
            self.connection.executemany(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
                " start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES (?, ?, 'UNKNOWN', '', '', 'u', ?, ?, ?, '', 'active', ?, ?)",
                (
                    (
                        id,
                        name,
                        status or self.dice.choice(["FINISHED", "FINISHED", "FAILED"]),
                        begin + 1000 * n,
                        None if status == "RUNNING" else begin + 1000 * n + self.dice.randrange(500, 900_000),
                        self.folder(experiment, id).as_uri(),
                        experiment,
                    )
                    for n, (id, name) in enumerate(zip(ids, names, strict=True))
                ),
            )
            self.tags([(id, "mlflow.runName", name) for id, name in zip(ids, names, strict=True)])
        return ids

    def folder(self, experiment: int, run: str) -> Path:
        """Where the artifacts of a run are."""
        return self.artifacts / str(experiment) / run / "artifacts"

    def values(self, table: str, rows: Any) -> None:
        with self.connection:
            self.connection.executemany(f"INSERT INTO {table} (run_uuid, key, value) VALUES (?, ?, ?)", rows)

    def tags(self, rows: Any) -> None:
        self.values("tags", rows)

    def parameters(self, rows: Any) -> None:
        self.values("params", rows)

    def metrics(self, rows: Any) -> None:
        """Rows of run, key, step, milliseconds, value: all points, and the last one of each as the latest."""
        rows = list(rows)
        last = {(run, key): (step, time, value) for run, key, step, time, value in rows}
        with self.connection:
            self.connection.executemany(
                "INSERT INTO metrics (run_uuid, key, step, timestamp, value, is_nan) VALUES (?, ?, ?, ?, ?, 0)", rows
            )
            self.connection.executemany(
                "INSERT OR REPLACE INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan)"
                " VALUES (?, ?, ?, ?, ?, 0)",
                ((*who, *what) for who, what in last.items()),
            )


def store_of(lab: Lab) -> Store:
    lab.request("runs?limit=1")  # MLflow makes its tables
    return Store(Home(Path(lab.environment["MLPLAT_HOME"])))


def fill(store: Store, count: int, experiment: int = 0) -> None:
    """Runs with parameters that differ and some that do not."""
    ids = store.runs([f"run-{n}" for n in range(count)], experiment=experiment, begin=1_780_000_000_000)
    dice = random.Random(3)
    store.parameters(
        (id, key, value)
        for n, id in enumerate(ids)
        for key, value in (
            ("model", ["forest", "linear", "boosted"][n % 3]),
            ("depth", str(n % 11)),
            ("seed", "7"),
        )
    )
    store.metrics((id, key, 0, 1, dice.random()) for id in ids for key in ("auc", "loss"))
    store.metrics((id, MEASURED, 0, 1, 100 * dice.random()) for id in ids[-20:])
    store.tags((id, "team", f"team {n % 5}") for n, id in enumerate(ids))


@pytest.fixture(scope="module")
def store(lab: Lab) -> Iterator[Store]:
    """MLflow's tables with some thousand runs in an experiment of their own, older than those of other tests."""
    made = store_of(lab)
    fill(made, SOME, made.experiment(EXPERIMENT))
    lab.request("runs?limit=1&count=true")
    yield made
    made.connection.close()


@pytest.fixture(scope="module")
def page_of_runs(browser: BrowserContext, lab: Lab) -> Iterator[View]:
    made = opened(browser, lab)
    yield made
    closed(made)


@pytest.fixture
def view(page_of_runs: View) -> Iterator[View]:
    """One page for all tests of this file, with nothing open; an error in its console that is ours fails the test."""
    yield page_of_runs
    errors, page_of_runs.errors[:] = list(page_of_runs.errors), []
    page_of_runs.execute("application:close-all")
    expect(page_of_runs.page.locator(".jp-mlplat-view")).to_have_count(0)
    assert not errors, errors


def row_of(page: Page, name: str) -> Locator:
    return page.locator(f"{VIEW} tr[data-run]").filter(has=page.get_by_role("button", name=name, exact=True))


def names_of(page: Page) -> list[str]:
    found: list[str] = page.locator(f"{VIEW} tr[data-run] [data-column=name]").all_text_contents()
    return found


def forgive(view: View, words: str) -> None:
    """What the browser itself has to say on something that a test brought about."""
    view.errors[:] = [error for error in view.errors if words not in error]


def heads_of(page: Page) -> list[str]:
    return [text.rstrip("▲▼12 ") for text in page.locator(f"{VIEW} thead th").all_text_contents() if text]


def open_runs(view: View, **state: object) -> None:
    view.execute("mlplat:open-runs", state)
    expect(view.page.locator(f"{VIEW} h1")).to_have_text("Runs")


def filter_by(page: Page, words: str) -> None:
    page.get_by_label("Filter of the runs").fill(words)
    page.keyboard.press("Enter")


def scroll_far(page: Page, times: int) -> None:
    scroller = page.locator(f"{VIEW} .jp-mlplat-runScroll")
    for _ in range(times):
        before = scroller.evaluate("node => node.scrollHeight")
        scroller.evaluate("node => { node.scrollTop = node.scrollHeight; }")
        page.wait_for_function(
            "([selector, before]) => document.querySelector(selector).scrollHeight > before",
            arg=[f"{VIEW} .jp-mlplat-runScroll", before],
        )


def test_thousands_of_runs_scroll_sort_and_filter(view: View, store: Store) -> None:
    page = view.page
    open_runs(view, experiment=EXPERIMENT)
    bar = page.get_by_role("toolbar", name="Selected runs")
    expect(bar).to_contain_text(f"{SOME:,} runs")
    expect(row_of(page, f"run-{SOME - 1}")).to_be_visible()
    # What is the same in all of them is no column, nor what was measured of the machine; what differs else is one.
    assert heads_of(page) == ["Run", "Status", "Started", "Took", "depth", "model", "auc", "loss", "team"]
    view.picture("runs-table")

    scroll_far(page, 5)
    assert page.locator(f"{VIEW} tr[data-run]").count() < 80
    seen = [int(name.removeprefix("run-")) for name in names_of(page)]
    assert seen == list(range(seen[0], seen[0] - len(seen), -1))
    assert seen[-1] < SOME - 1000

    page.locator(f"{VIEW} thead").get_by_role("button", name="auc").click()
    head = page.locator(f"{VIEW} th[data-column='metrics.auc']")
    expect(head).to_have_attribute("aria-sort", "ascending")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    first = page.locator(f"{VIEW} tr[data-run]").first
    expect(first.locator("td[data-kind=metrics]").first).to_have_text(re.compile(r"0\.999"))
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "none")

    filter_by(page, "params.depth = '4' OR (params.model = 'forest' AND NOT tags.team IN ('team 1', 'team 2'))")
    fits = [n for n in range(SOME) if n % 11 == 4 or (n % 3 == 0 and n % 5 not in (1, 2))]
    expect(bar).to_contain_text(f"{len(fits):,} runs")
    expect(row_of(page, f"run-{fits[-1]}")).to_be_visible()

    filter_by(page, "metrics.auc >")
    expect(page.locator(f"{VIEW} .jp-mlplat-fieldError")).to_contain_text("filter cannot be read")
    expect(page.get_by_label("Filter of the runs")).to_have_attribute("aria-invalid", "true")
    expect(row_of(page, f"run-{fits[-1]}")).to_be_visible()
    forgive(view, "status of 422")
    filter_by(page, "params.depth = 'none of them'")
    expect(page.locator(VIEW)).to_contain_text("No run fits.")
    page.get_by_role("button", name="Show all runs").click()
    expect(page.locator(f"{VIEW} tr[data-run]").first).to_be_visible()  # of all experiments


def test_columns_views_and_the_filter_come_back_after_a_reload(view: View, store: Store) -> None:
    page = view.page
    view.open_panel()
    page.get_by_role("button", name="Open the table of all runs").click()
    page.locator(VIEW).get_by_label("Experiment").select_option(EXPERIMENT)
    filter_by(page, "params.model = 'forest'")
    expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text(f"{(SOME + 2) // 3:,} runs")
    assert "model" not in heads_of(page)  # which is now the same in all of them

    page.locator(VIEW).get_by_role("button", name="Columns").click()
    chooser = page.get_by_role("dialog", name="Columns")
    expect(chooser.get_by_label("Search columns")).to_be_focused()
    chooser.get_by_label("Search columns").fill("see")
    chooser.get_by_role("checkbox", name="seed").check()
    chooser.get_by_label("Search columns").fill("loss")
    chooser.get_by_role("checkbox", name="loss").uncheck()
    chooser.get_by_label("Search columns").fill("system")
    expect(chooser.get_by_role("checkbox", name=MEASURED)).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator(VIEW).get_by_role("button", name="Columns")).to_be_focused()
    chosen = ["Run", "Status", "Started", "Took", "depth", "seed", "auc", "team"]
    assert heads_of(page) == chosen
    page.locator(f"{VIEW} thead").get_by_role("button", name="auc").click()

    page.get_by_role("button", name="Saved views").click()
    views = page.get_by_role("dialog", name="Saved views")
    views.get_by_label("Name of the view").fill("Best forests <b>")
    page.keyboard.press("Enter")
    expect(views.get_by_role("button", name="Best forests <b>", exact=True)).to_be_visible()
    views.get_by_role("button", name="Rename the view").click()
    views.get_by_label("New name of the view").fill("Forests")
    page.keyboard.press("Enter")
    expect(views.get_by_role("button", name="Forests", exact=True)).to_be_visible()
    page.keyboard.press("Escape")

    page.wait_for_timeout(1_500)  # the state database saves with a delay of its own
    page.goto(page.url.split("?")[0])
    view.wait_until_loaded()
    page.get_by_role("tab", name="Runs", exact=True).first.click()
    expect(page.get_by_label("Filter of the runs")).to_have_value("params.model = 'forest'")
    expect(page.locator(f"{VIEW} th[data-column='metrics.auc']")).to_have_attribute("aria-sort", "ascending")
    assert heads_of(page) == chosen

    filter_by(page, "")
    page.locator(VIEW).get_by_label("Experiment").select_option("")
    page.get_by_role("button", name="Saved views").click()
    views.get_by_role("button", name="Forests", exact=True).click()
    expect(page.get_by_label("Filter of the runs")).to_have_value("params.model = 'forest'")
    expect(page.locator(VIEW).get_by_label("Experiment")).to_have_value(EXPERIMENT)
    page.get_by_role("button", name="Saved views").click()
    views.get_by_role("button", name="Forget the view Forests").click()
    expect(views).to_contain_text("None yet.")


def test_groups_have_means_and_fold(view: View, store: Store) -> None:
    page = view.page
    ids = store.runs([f"grouped-{n}" for n in range(6)], experiment=store.experiment("groups"))
    store.parameters((id, "model", "ab"[n % 2]) for n, id in enumerate(ids))
    store.metrics((id, "auc", 0, 1, n / 10) for n, id in enumerate(ids))
    open_runs(view, experiment="groups", group="params.model")
    group = page.locator(f"{VIEW} tr[data-group='group a']")
    expect(group).to_contain_text("3 runs")
    expect(group.locator("td[data-kind=metrics]")).to_have_text("0.2 0 … 0.4")
    expect(page.locator(f"{VIEW} tr[data-run]")).to_have_count(6)
    group.get_by_role("button").press("Enter")
    expect(page.locator(f"{VIEW} tr[data-run]")).to_have_count(3)
    expect(group.get_by_role("button")).to_have_attribute("aria-expanded", "false")


def test_chosen_runs_are_tagged_archived_restored_and_deleted(view: View, store: Store) -> None:
    page = view.page
    experiment = store.experiment("bulk")
    ids = store.runs([f"bulk-{n}" for n in range(4)], experiment=experiment)
    for id in ids:
        folder = store.folder(experiment, id)
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"0" * 2048)
    open_runs(view, experiment="bulk")
    rows = page.locator(f"{VIEW} tr[data-run]")
    expect(rows).to_have_count(4)
    bar = page.get_by_role("toolbar", name="Selected runs")
    # By keyboard: the first row, then two more with shift.
    rows.first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(bar).to_contain_text("3 selected")
    expect(rows.nth(2)).to_be_focused()

    # F2 gives the run under the keys another name.
    page.keyboard.press("F2")
    page.get_by_label("New name of the run").fill("better name")
    page.keyboard.press("Enter")
    expect(row_of(page, "better name")).to_be_visible()
    expect(row_of(page, "better name")).to_be_focused()

    bar.get_by_role("button", name="Tag…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("team=search")
    dialog.get_by_role("button", name="Tag").click()
    expect(rows.filter(has_text="search")).to_have_count(3)

    bar.get_by_role("button", name="Archive").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(4)

    bar.get_by_role("button", name="Clear").click()
    row_of(page, "better name").get_by_role("checkbox").check()
    bar.get_by_role("button", name="Archive").click()
    expect(row_of(page, "better name")).to_have_count(0)
    page.get_by_role("switch", name="Archived").check()
    expect(rows).to_have_count(1)
    row_of(page, "better name").get_by_role("checkbox").check()
    expect(bar.get_by_role("button", name="Restore")).to_be_visible()
    bar.get_by_role("button", name="Delete permanently…").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Delete 1 run permanently?")
    expect(question).to_contain_text("artifacts are lost")
    question.get_by_role("button", name="Delete 1 run now").click()
    expect(page.get_by_text(re.compile(r"1 run deleted, 2\.0 KiB freed")).first).to_be_visible()
    expect(page.locator(VIEW)).to_contain_text("Nothing is archived.")
    page.get_by_role("switch", name="Archived").uncheck()
    expect(rows).to_have_count(3)


def hostile(store: Store, experiment: int = 0) -> list[str]:
    """Runs with such words wherever there are any."""
    ids = store.runs(list(HOSTILE.values()), experiment=experiment)
    for kind in ("params", "tags"):
        store.values(kind, ((id, word[:200], word[:4000]) for id, word in zip(ids, HOSTILE.values(), strict=True)))
    store.metrics((id, word[:200], 0, 1, 0.5) for id, word in zip(ids, HOSTILE.values(), strict=True))
    return ids


def test_hostile_words_are_text_and_break_no_layout(view: View, store: Store) -> None:
    page = view.page
    ids = hostile(store, store.experiment("<i>hostile</i>"))
    open_runs(view, experiment="<i>hostile</i>")
    rows = page.locator(f"{VIEW} tr[data-run]")
    expect(rows).to_have_count(4)
    assert {round(row["height"]) for row in map(Locator.bounding_box, rows.all()) if row} == {30}
    expect(page.locator(VIEW)).to_contain_text("<img src=x onerror=")
    assert page.locator(f"{VIEW} :is(img, script, i)").count() == 0
    open_compare(view, ids)
    expect(page.locator(f"{COMPARE} [data-metric]")).to_have_count(4)
    page.locator(COMPARE).get_by_role("tab", name="Differences").click()
    expect(page.locator(COMPARE)).to_contain_text("<img src=x onerror=")
    assert page.locator(f"{COMPARE} :is(img, script)").count() == 0
    view.execute("mlplat:open-run", {"id": ids[0]})
    run = page.locator(f"#jp-mlplat-run-{ids[0]}")
    expect(run.locator("h1")).to_have_text(HOSTILE["markup"])
    assert run.locator("img, script").count() == 0
    assert page.title() != "pwned"
    forgive(view, "status of 422")  # MLflow's client writes no such keys, and the server asks for none


def curves(store: Store, name: str, count: int, points: int, status: str = "FINISHED", keys: int = 2) -> list[str]:
    """Runs whose loss falls and whose accuracy rises, with a noise of their own."""
    experiment = store.experiment(f"curves of {name}")
    ids = store.runs([f"{name}-{n}" for n in range(count)], experiment=experiment, status=status)
    dice = random.Random(5)
    rates = [0.001 * 10 ** (n % 4 * 0.5) for n in range(count)]
    store.parameters((id, "learning_rate", f"{rate:.4g}") for id, rate in zip(ids, rates, strict=True))
    store.parameters((id, "optimizer", ["adam", "sgd"][n % 2]) for n, id in enumerate(ids))
    store.metrics(
        (id, key, step, 1_790_000_000_000 + 1000 * step, value)
        for n, id in enumerate(ids)
        for step in range(points)
        for falling in [math.exp(-step / points * (2 + n % 4)) + 0.04 * dice.random()]
        for key, value in (("loss", falling), ("accuracy", 1 - falling * 0.8))[:keys]
    )
    store.metrics((id, "auc", 0, 1_790_000_000_000, 0.8 + 0.2 * dice.random()) for id in ids)
    return ids


def open_compare(view: View, ids: list[str]) -> None:
    view.execute("mlplat:compare-runs", {"ids": ids})
    expect(view.page.locator(f"{COMPARE} h1")).to_have_text(f"{len(ids)} runs")


def drawn(page: Page) -> None:
    """Every chart that is seen has its canvas, and something on it."""
    expect(page.locator(f"{COMPARE} [data-metric=loss] canvas")).to_be_visible()


def test_runs_are_compared(view: View, store: Store) -> None:
    page = view.page
    ids = curves(store, "compared", 8, 200)
    open_runs(view, experiment="curves of compared")
    page.get_by_role("checkbox", name="Select all runs that are loaded").check()
    page.get_by_role("button", name="Compare", exact=True).click()
    drawn(page)
    compare = page.locator(COMPARE)
    expect(compare.locator("[data-metric=auc] li")).to_have_count(8)  # one value each: bars

    compare.get_by_label("Smoothing").fill("0.8")
    legend = compare.get_by_role("list", name="Runs that are drawn").get_by_role("button")
    expect(legend).to_have_count(8)
    legend.first.click()
    expect(legend.first).to_have_attribute("aria-pressed", "false")
    chart = compare.locator("[data-metric=loss] .jp-mlplat-chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.72)
    expect(chart.locator(".jp-mlplat-chartTip")).to_contain_text("step")
    view.picture("runs-compare")

    with page.expect_download() as saved:
        compare.get_by_role("button", name="Save the points of loss as CSV").click()
    lines = Path(saved.value.path()).read_text().splitlines()
    assert lines[0] == "run_id,run_name,step,time,value"
    assert len(lines) == 1 + 8 * 200
    with page.expect_download() as saved:
        compare.get_by_role("button", name="Save the chart of loss as a picture").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")

    compare.get_by_label("Mean by").select_option("optimizer")
    expect(legend).to_have_count(2)
    compare.get_by_label("Log scale").check()
    chart.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    assert violations_in_both(view, COMPARE) == []

    compare.get_by_role("button", name="Copy as code").click()
    code = page.evaluate("navigator.clipboard.readText()")
    compile(code, "snippet", "exec")
    assert all(id in code for id in ids)

    compare.get_by_role("tab", name="Differences").click()
    table = compare.get_by_role("table")
    expect(table).to_contain_text("learning_rate")
    assert violations(page, COMPARE) == []
    compare.get_by_role("tab", name="Parallel coordinates").click()
    slider = compare.get_by_role("slider", name=re.compile("^optimizer"))
    slider.focus()
    page.keyboard.press("ArrowUp")
    expect(compare).to_contain_text("4 of 8 runs")
    view.picture("runs-parallel")
    assert violations(page, COMPARE) == []
    compare.get_by_role("tab", name="Scatter").click()
    expect(compare.get_by_role("img", name=re.compile("accuracy by learning_rate of 8 runs"))).to_be_visible()
    scatter = compare.get_by_role("group", name=re.compile("^accuracy by learning_rate"))
    expect(scatter).to_have_attribute("data-marks", "8")
    scatter.focus()
    page.keyboard.press("ArrowRight")
    expect(scatter.get_by_role("status")).to_contain_text("learning_rate")
    assert violations(page, COMPARE) == []
    view.picture("runs-scatter")
    compare.get_by_role("tab", name="Importance").click()
    compare.get_by_label("Metric").select_option("loss")
    bars = compare.get_by_role("list", name="Importance of the parameters for loss").get_by_role("listitem")
    expect(bars).to_have_count(2, timeout=60_000)
    expect(bars.first).to_contain_text("learning_rate")
    with page.expect_download() as saved:
        compare.get_by_role("button", name=re.compile("as CSV$")).click()
    assert Path(saved.value.path()).read_text().splitlines()[0] == "parameter,share,correlation"
    assert violations_in_both(view, COMPARE) == []
    view.picture("runs-importance")


def test_importance_follows_runs_that_run(view: View, store: Store) -> None:
    page = view.page
    ids = curves(store, "weighed", 16, 2, "RUNNING")
    open_compare(view, ids)
    page.get_by_role("tab", name="Importance").click()
    compare = page.locator(COMPARE)
    compare.get_by_label("Metric").select_option("loss")
    bars = compare.get_by_role("list", name="Importance of the parameters for loss").get_by_role("listitem")
    expect(bars.first).to_contain_text("learning_rate", timeout=60_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/runs/importance" in request.url else None)
    page.wait_for_timeout(2_500)  # the platform has noticed that the runs are there
    store.metrics((id, "loss", 9, 1_790_000_100_000, float(n % 2)) for n, id in enumerate(ids))
    expect(bars.first).to_contain_text("optimizer", timeout=30_000)
    assert 1 <= len(asked) <= 3


def test_curves_follow_a_run_that_runs(view: View, store: Store) -> None:
    page = view.page
    (id,) = curves(store, "living", 1, 20, "RUNNING")
    view.execute("mlplat:open-run", {"id": id})
    run = page.locator(f"#jp-mlplat-run-{id}")
    expect(run.locator("[data-metric=loss] canvas")).to_be_visible()
    page.wait_for_timeout(2_500)  # the platform has noticed that the run is there
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/runs/curves" in request.url else None)
    page.wait_for_timeout(2_000)
    assert asked == []  # nothing changes, nothing is asked
    store.metrics((id, "fresh", step, 1_790_000_000_000, 0.5) for step in range(2))
    expect(run.locator("[data-metric=fresh]")).to_be_visible(timeout=30_000)
    assert any("key=loss" in url for url in asked)  # the run may have logged more of it, too
    view.picture("run-view")
    assert violations_in_both(view, f"#jp-mlplat-run-{id}") == []


def test_name_note_and_tags_are_edited_in_the_view_of_a_run(view: View, store: Store) -> None:
    page = view.page
    (id,) = store.runs(["edited"], experiment=store.experiment("edits"))
    view.execute("mlplat:open-run", {"id": id})
    run = page.locator(f"#jp-mlplat-run-{id}")
    run.get_by_role("button", name="Give it another name (F2)").click()
    page.keyboard.type("new name")
    page.keyboard.press("Enter")
    expect(run.locator("h1")).to_have_text("new name")
    expect(run.get_by_role("button", name="Give it another name (F2)")).to_be_focused()

    note = run.get_by_role("region", name="Note")
    note.get_by_role("button", name="Write one").click()
    page.keyboard.type("<b>better</b> than before")
    page.keyboard.press("Control+Enter")
    expect(note.locator("p")).to_have_text("<b>better</b> than before")

    tags = run.get_by_role("region", name="Tags")
    tags.get_by_label("Name of the tag").fill("team")
    tags.get_by_label("Value of the tag").fill("search")
    page.keyboard.press("Enter")
    expect(tags.get_by_role("row")).to_have_count(1)
    expect(tags.get_by_role("row")).to_contain_text("search")
    expect(tags.get_by_label("Name of the tag")).to_be_focused()
    tags.get_by_role("button", name="Change the tag team").click()
    tags.get_by_label("Value of the tag").fill("ads")
    page.keyboard.press("Enter")
    expect(tags.get_by_role("row")).to_contain_text("ads")
    tags.get_by_role("button", name="Take the tag team away").click()
    expect(tags.get_by_role("row")).to_have_count(0)


def page_as_pdf(words: str) -> bytes:
    """A page with some words on it; readers find the objects without a table of them."""
    text = f"BT /F1 24 Tf 72 720 Td ({words}) Tj ET"
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    return (
        "%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        "2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n"
        f"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        f" /Resources << /Font << /F1 {font} >> >> >> endobj\n"
        f"4 0 obj << /Length {len(text)} >> stream\n{text}\nendstream endobj\n"
        "trailer << /Root 1 0 R >>\n%%EOF\n"
    ).encode()


def test_artifacts_are_shown_without_being_trusted(view: View, store: Store, beacon: tuple[str, list[str]]) -> None:
    page = view.page
    address, reached = beacon
    experiment = store.experiment("artifacts")
    (id,) = store.runs(["with files"], experiment=experiment)
    folder = store.folder(experiment, id)
    (folder / "tables").mkdir(parents=True)
    bad = "<script>parent.document.title = 'pwned'</script>"
    (folder / "page.html").write_text(f"<h1>Report</h1><img src='{address}/page.html'>{bad}")
    (folder / "notes.md").write_text(f"# Heading\n\n{bad}\n\nA *word*.")
    (folder / "tables" / "scores.csv").write_text('name,score\n"a, b",0.5\n<b>c</b>,0.7\n')
    (folder / "model.bin").write_bytes(b"0" * 5000)
    pyarrow.parquet.write_table(pyarrow.table({"name": [bad, None], "score": [0.25, 1]}), folder / "rows.parquet")
    (folder / "paper.pdf").write_bytes(page_as_pdf("A paper"))
    (folder / "dot.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9'/></svg>"
    )
    notebook = nbformat.v4.new_notebook()
    shown = nbformat.v4.new_output("display_data", {"text/html": f"<p>output</p>{bad}", "text/plain": "output"})
    notebook.cells = [nbformat.v4.new_code_cell("1 + 1", outputs=[shown], metadata={"trusted": True})]
    nbformat.write(notebook, folder / "book.ipynb")

    view.execute("mlplat:open-run", {"id": id})
    files = page.locator(f"#jp-mlplat-run-{id}").get_by_role("region", name="Artifacts")
    files.get_by_role("button", name="page.html", exact=True).click()
    frame = files.locator("iframe")
    expect(frame.content_frame.get_by_role("heading", name="Report")).to_be_visible()
    assert frame.get_attribute("sandbox") == ""
    files.get_by_role("button", name="notes.md", exact=True).click()
    expect(files.get_by_role("heading", name="Heading")).to_be_visible()
    files.get_by_role("button", name="tables/", exact=True).click()
    files.get_by_role("button", name="scores.csv", exact=True).click()
    expect(files.get_by_role("cell", name="a, b")).to_be_visible()
    expect(files.get_by_role("cell", name="<b>c</b>")).to_be_visible()
    files.get_by_role("button", name="rows.parquet", exact=True).click()
    expect(files.get_by_role("cell", name=bad)).to_be_visible()
    expect(files.get_by_role("cell", name="0.25")).to_be_visible()
    files.get_by_role("button", name="paper.pdf", exact=True).click()
    expect(files.locator("object[type='application/pdf']")).to_be_visible()
    view.picture("run-files")
    files.get_by_role("button", name="dot.svg", exact=True).click()
    expect(files.get_by_role("img", name="Content of dot.svg")).to_be_visible()
    files.get_by_role("button", name="book.ipynb", exact=True).click()
    expect(files.get_by_text("1 + 1")).to_be_visible()
    with page.expect_download() as saved:
        files.get_by_role("button", name="model.bin", exact=True).click()
    assert Path(saved.value.path()).stat().st_size == 5000
    assert page.title() != "pwned"
    assert reached == []
    forgive(view, "Content Security Policy")


def test_a_hundred_curves_are_drawn(view: View, store: Store) -> None:
    page = view.page
    open_compare(view, curves(store, "hundred", 100, 1_000, keys=1))
    drawn(page)
    expect(page.locator(COMPARE).get_by_role("list", name="Runs that are drawn").get_by_role("button")).to_have_count(
        100
    )


def test_no_serious_accessibility_violation(view: View, store: Store) -> None:
    page = view.page
    open_runs(view, experiment=EXPERIMENT)
    expect(row_of(page, f"run-{SOME - 1}")).to_be_visible()
    row_of(page, f"run-{SOME - 1}").get_by_role("checkbox").check()
    page.locator(VIEW).get_by_role("button", name="Columns").click()
    expect(page.get_by_role("dialog", name="Columns")).to_be_visible()
    view.picture("runs-columns")
    assert violations_in_both(view, VIEW) == []


@pytest.mark.long
def test_a_hundred_thousand_runs_scroll(browser: BrowserContext, tmp_path: Path) -> None:
    with running_lab(tmp_path / "many") as lab:
        store = store_of(lab)
        fill(store, MANY)
        hostile(store)
        store.connection.close()
        lab.request("runs?limit=1&count=true", timeout=300)
        view = opened(browser, lab)
        open_runs(view)
        page = view.page
        all_runs = f"{MANY + len(HOSTILE):,} runs"
        expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text(all_runs, timeout=60_000)
        filter_by(page, "metrics.auc IS NULL")
        expect(page.locator(f"{VIEW} tr[data-run]")).to_have_count(len(HOSTILE))
        expect(page.locator(VIEW)).to_contain_text("<img src=x onerror=")
        assert page.locator(f"{VIEW} :is(img, script, i)").count() == 0
        view.picture("runs-many-hostile")
        filter_by(page, "")
        expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text(all_runs)
        view.picture("runs-many")
        scroll_far(page, 30)
        seen = [int(name.removeprefix("run-")) for name in names_of(page)]
        assert seen[-1] < MANY - 8_000
        assert page.locator(f"{VIEW} tr[data-run]").count() < 80
        page.locator(f"{VIEW} thead").get_by_role("button", name="loss").click()
        expect(page.locator(f"{VIEW} tr[data-run]").first.locator("td[data-kind=metrics]").nth(1)).to_have_text(
            re.compile(r"^\d(\.\d+)?e-\d|0\.0000")
        )
        closed(view)
