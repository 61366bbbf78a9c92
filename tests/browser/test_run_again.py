"""From a run back to its notebook: opened as it was, and run once more."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from .conftest import ENDED, View
from .test_job_view import notebook_of, run

HOSTILE = """\
from IPython.display import HTML
HTML("<p>shown</p><img src=x onerror=\\"document.title = 'pwned'\\">")
"""


def open_notebook(page: Page, id: str) -> None:
    """Opens the notebook of a run, and waits until it is in front: it would come there later."""
    page.evaluate("id => window.jupyterapp.commands.execute('mlplat:open-run-notebook', { id }).then(() => null)", id)


def test_from_a_run_to_its_notebook_and_to_another_run(view: View) -> None:
    page, lab = view.page, view.lab
    (lab.root / "deep").mkdir(exist_ok=True)
    nbformat.write(notebook_of("print('rows:', rows)", HOSTILE), lab.root / "deep" / "once-more.ipynb")
    first = lab.wait_job(run(lab, "deep/once-more.ipynb", parameters={"rows": 20})["id"], states=ENDED)
    assert first["state"] == "succeeded", first
    id = first["run_id"]
    # Whoever writes a run's files may say that they are trusted.
    (kept,) = Path(lab.environment["MLPLAT_HOME"]).glob(f"artifacts/*/{id}/artifacts/notebook/once-more.ipynb")
    evil = nbformat.read(kept, 4)
    for cell in evil.cells:
        cell.metadata["trusted"] = True
    nbformat.write(evil, kept)
    nbformat.write(notebook_of("print('another')"), lab.root / "deep" / "once-more.ipynb")

    view.execute("mlplat:open-run", {"id": id})
    shown = page.locator(f"#jp-mlplat-run-{id}")
    shown.get_by_role("button", name="Open Notebook as It Was").click()
    copy = lab.root / "deep" / f"once-more (run {id[:8]}).ipynb"
    opened = page.locator(".jp-NotebookPanel:visible")
    expect(opened.get_by_text("rows: 20")).to_be_visible()
    expect(opened.get_by_text("rows = 20")).to_be_visible()
    expect(page.get_by_role("tab", name=copy.name)).to_be_visible()
    page.wait_for_timeout(500)  # what it must not do has no event
    assert page.title() != "pwned"
    assert not any(cell.metadata.get("trusted") for cell in nbformat.read(copy, 4).cells)

    # The same copy again, and another one once that was changed.
    open_notebook(page, id)
    assert not list(copy.parent.glob("once-more (run *) 2.ipynb"))
    changed = nbformat.read(copy, 4)
    changed.cells[1].source = "rows = 3"
    nbformat.write(changed, copy)
    open_notebook(page, id)
    expect(page.get_by_role("tab", name=f"once-more (run {id[:8]}) 2.ipynb")).to_be_visible()
    assert nbformat.read(copy, 4).cells[1].source == "rows = 3"

    view.execute("mlplat:open-run", {"id": id})
    before = {job["id"] for job in lab.request("jobs")["items"]}
    with page.expect_response(lambda answer: f"/runs/{id}/rerun" in answer.url) as said:
        shown.get_by_role("button", name="Run Again").click()
    again = lab.wait_job(said.value.json()["id"], states=ENDED)
    assert again["id"] not in before
    assert (again["state"], again["parameters"], again["retry_of"]) == ("succeeded", {"rows": 20}, first["id"])
    view.execute("mlplat:open-run", {"id": id})
    made_of = shown.get_by_role("region", name="Provenance")
    expect(made_of).to_contain_text("once-more.ipynb")
    expect(made_of).to_contain_text("attempt 1")
    view.picture("run-notebook")
