"""The panel itself: keyboard, accessibility, memory, the views that need no job."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import ROOT, View
from .test_main_job import job_row

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SECTIONS = ("Jobs", "Runs", "Models", "Deployments", "Features", "Drift", "GPUs")


def violations(page: Page, selector: str) -> list[str]:
    """What axe-core finds to be serious or critical below `selector`."""
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=str(AXE))
    found = page.evaluate(
        "selector => axe.run(selector, { resultTypes: ['violations'] }).then(result => result.violations)", selector
    )
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def violations_in_both(view: View, selector: str) -> list[str]:
    """The same in the dark theme and in the light one, which stays."""
    found = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        view.theme(theme)
        found += [f"{theme}: {one}" for one in violations(view.page, selector)]
    return found


def focused(page: Page) -> str:
    """What the focus is on, by its name or text."""
    name: str = page.evaluate(
        "() => (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim()"
    )
    return name


def choose_in_palette(page: Page, words: str) -> None:
    """Runs a command by keyboard.

    JupyterLab binds its shortcuts, and moves the focus to its launcher, some time after it says that it is
    restored; the palette closes when it loses the focus. So this tries until the palette holds.
    """
    chosen = page.locator(".lm-CommandPalette-item.lm-mod-active").filter(has_text=words)
    for _ in range(20):
        page.keyboard.press("Control+Shift+C")
        try:
            expect(page.locator(".lm-CommandPalette-input")).to_be_focused(timeout=1_000)
            page.keyboard.type(words)
            expect(chosen).to_be_visible(timeout=2_000)
        except AssertionError:
            continue
        page.keyboard.press("Enter")
        return
    pytest.fail("the command palette did not open")


def test_keyboard_alone_opens_the_panel_picks_a_job_and_cancels_it(view: View) -> None:
    page = view.page
    job = view.lab.request("jobs", method="POST", body={"notebook": "slow.ipynb", "name": "by keyboard"})
    # Open the panel from the palette.
    expect(page.locator(".jp-Launcher")).to_be_visible()
    choose_in_palette(page, "Show ML Platform: jobs")
    row = job_row(page, job["id"])
    expect(row).to_have_attribute("data-state", "running", timeout=90_000)
    # The focus is on the section's title; the list is behind it.
    expect(page.locator("button[data-section='jobs']")).to_be_focused()
    for _ in range(4):
        page.keyboard.press("Tab")
        if focused(page).startswith("by keyboard"):
            break
    assert focused(page).startswith("by keyboard")
    page.keyboard.press("Enter")
    expect(page.locator(".jp-mlplat-jobView").get_by_role("heading", name="by keyboard")).to_be_visible()
    # Back to the row, and on to its cancel button.
    row.get_by_role("button", name="by keyboard").first.focus()
    page.keyboard.press("Tab")
    assert "Cancel" in focused(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Cancel by keyboard?")
    page.keyboard.press("Tab")
    while "Cancel job" not in focused(page):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("data-state", "cancelled", timeout=30_000)


def test_no_serious_accessibility_violation(view: View) -> None:
    page = view.page
    view.lab.request("jobs", method="POST", body={"notebook": "failing.ipynb", "name": "for axe"})
    view.open_panel()
    for name in SECTIONS:
        title = page.get_by_role("button", name=re.compile(f"^{name}"))
        if title.first.get_attribute("aria-expanded") == "false":
            title.first.click()
    expect(page.get_by_role("list", name="Jobs")).to_be_visible()
    expect(page.get_by_role("list", name="Runs").or_(page.get_by_text("No runs yet"))).to_be_visible(timeout=60_000)
    assert violations_in_both(view, "#jp-mlplat-panel") == []
    view.execute("mlplat:check-drift")
    expect(page.get_by_role("heading", name="Drift check")).to_be_visible()
    assert violations_in_both(view, "#jp-mlplat-drift") == []
    view.execute("mlplat:run-notebook", {"path": "train_classifier.ipynb"})
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations_in_both(view, ".jp-mlplat-dialog .jp-Dialog-body") == []


def test_sections_and_views_are_remembered(view: View) -> None:
    page = view.page
    view.open_panel()
    features = page.locator("button[data-section='features']")
    runs = page.locator("button[data-section='runs']")
    expect(features).to_have_attribute("aria-expanded", "false")
    features.click()
    runs.click()
    view.execute("mlplat:check-drift")
    expect(page.get_by_role("heading", name="Drift check")).to_be_visible()
    page.evaluate("() => window.jupyterapp.serviceManager.ready.then(() => null)")
    page.wait_for_timeout(1_500)  # the state database saves with a delay of its own
    page.goto(page.url.split("?")[0])
    view.wait_until_loaded()
    view.execute("mlplat:open-panel")
    expect(features).to_have_attribute("aria-expanded", "true")
    expect(runs).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("tab", name="Drift check")).to_be_visible()


def test_every_action_is_a_command_with_label_icon_and_arguments(view: View) -> None:
    commands = view.page.evaluate(
        """async () => {
            const { commands } = window.jupyterapp;
            const ids = commands.listCommands().filter(id => id.startsWith('mlplat:'));
            return Promise.all(ids.map(async id => ({
                id, label: commands.label(id), caption: commands.caption(id), icon: !!commands.icon(id),
                args: (await commands.describedBy(id)).args
            })));
        }"""
    )
    assert len(commands) >= 12
    for command in commands:
        assert re.fullmatch(r"mlplat:[a-z]+-[a-z-]+", command["id"])
        assert command["label"], command
        assert command["caption"], command
        assert command["icon"], command
        assert command["args"]["type"] == "object", command


def test_drift_of_two_files_is_shown_by_column(view: View) -> None:
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True).data.iloc[:, :8]
    moved = table.iloc[300:].copy()
    moved["mean radius"] += 5.0
    table.iloc[:300].to_csv(view.lab.root / "trained.csv", index=False)
    moved.to_csv(view.lab.root / "served.csv", index=False)
    page = view.page
    view.open_panel()
    view.execute("mlplat:check-drift")
    page.get_by_label("Reference").fill("trained.csv")
    page.get_by_label("Current").fill("no-such.csv")
    check = page.get_by_role("button", name="Check", exact=True)
    check.click()
    expect(page.locator("#jp-mlplat-current-error")).to_be_visible(timeout=60_000)
    page.get_by_label("Current").fill("served.csv")
    check.click()
    row = page.get_by_role("row", name=re.compile("^mean radius"))
    expect(row).to_contain_text("Drifted", timeout=60_000)
    expect(page.locator("button[data-section='drift']")).to_contain_text("drifted")
    view.errors.clear()  # the browser itself reports the 422 in its console
    for name in ("Features", "Drift", "GPUs"):
        page.locator(f"button[data-section='{name.lower()}']").click()
    expect(page.get_by_role("list", name="Drifted columns")).to_contain_text("mean radius")
    view.picture("drift")


def test_status_says_what_is_there(view: View) -> None:
    view.execute("mlplat:show-status")
    dialog = view.page.get_by_role("dialog")
    expect(dialog).to_contain_text(json.loads((ROOT / "package.json").read_text())["version"])
    expect(dialog.get_by_role("rowheader", name="gpus")).to_be_visible()


def test_jupyter_notebook_pages_need_no_lab_only_token() -> None:
    """The plugins ask for what only JupyterLab has as optional."""
    source = (Path(ROOT) / "src" / "index.ts").read_text()
    for required in re.findall(r"requires: \[([^\]]*)\]", source):
        for token in ("ILayoutRestorer", "IStatusBar", "IDefaultFileBrowser", "ICommandPalette", "INotebookTracker"):
            assert token not in required
