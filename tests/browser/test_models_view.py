"""Registered models: their section; the view with versions, aliases, requests, lineage, cards and comparison."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from playwright.sync_api import BrowserContext, Locator, expect

from jupyter_mlplat.platform import Platform

from ..endpoints import save_code
from .conftest import Lab, View, closed, opened
from .test_gpu_deployments import ECHO
from .test_panel import violations_in_both
from .test_runs_view import forgive

VIEW = ".jp-mlplat-modelView"
HOSTILE = {
    "markup": "<img src=x onerror=\"document.title='pwned'\"><b>bold<script>",
    "right to left": "\u202eمرحبا ‮ שלום model",
    "emoji": "👩‍🔬🧪💥" * 4,
    "long": "very-long-name-" * 16,
}
COLUMNS = ("alcohol", "malic_acid", "ash", "magnesium", "proline")


class Registry:
    """Makes models with MLflow's own client, where the server has its own."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.platform = Platform(home_dir=lab.environment["MLPLAT_HOME"])
        self.client = self.platform.runs.client()
        self._made = 0
        self._models: set[str] = set()

    def run(self, experiment: str, name: str, *, data: int = 1, code: str = "fit()", **metrics: float) -> str:
        """A run that says where it comes from."""
        known = self.client.get_experiment_by_name(experiment)
        id = known.experiment_id if known else self.client.create_experiment(experiment)
        run: str = self.client.create_run(id, run_name=name).info.run_id
        for key, value in metrics.items():
            self.client.log_metric(run, key, value)
        self.client.log_param(run, "depth", int(10 * sum(metrics.values())))
        self.client.log_param(run, "model", "forest")
        self.client.set_tag(run, "mlflow.source.name", str(self.lab.root / "train_classifier.ipynb"))
        sets = [
            Dataset(name=f"wine-{n}.csv" if n else "wine.csv", digest=f"{n:08x}", source_type="local", source="{}")
            for n in range(data)
        ]
        if sets:
            used = [InputTag("mlflow.data.context", "training")]
            self.client.log_inputs(run, datasets=[DatasetInput(each, used) for each in sets])
        book = self.folder / "train.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"rows = 178\n{code}")]), book)
        self.client.log_artifact(run, str(book), "notebook")
        self.client.set_terminated(run)
        return run

    def version(
        self, model: str, run: str | None = None, columns: tuple[str, ...] = COLUMNS, needs: str = "mlflow\n"
    ) -> str:
        """A version with a signature and requirements."""
        if model not in self._models:
            self._models.add(model)
            self.client.create_registered_model(model, description="Tells wines apart.")
        self._made += 1
        files = self.folder / f"model-{self._made}"
        (self.folder / "echo.py").write_text(ECHO)
        signature = ModelSignature(
            inputs=Schema([ColSpec("double", name) for name in columns]), outputs=Schema([ColSpec("long", "class")])
        )
        save_code(files, self.folder / "echo.py", signature)
        (files / "requirements.txt").write_text(needs)
        return str(self.client.create_model_version(model, str(files), run_id=run).version)

    def wine(self, name: str, experiment: str) -> None:
        """Two versions that differ in everything."""
        first = self.run(experiment, "first forest", code="fit(depth=3)", auc=0.81, loss=0.4)
        self.version(name, first, COLUMNS[:4], "mlflow==3.1.0\nscikit-learn==1.5.0\n")
        second = self.run(experiment, "second forest", code="fit(depth=9)\ncheck()", auc=0.93, loss=0.2)
        self.version(name, second, needs="mlflow==3.1.0\nscikit-learn==1.7.1\npandas==2.3.0\n")


@pytest.fixture(scope="module")
def registry(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    lab.request("models?limit=1")
    made = Registry(lab, tmp_path_factory.mktemp("models"))
    yield made
    made.platform.close()


@pytest.fixture(scope="module")
def page_of_models(browser: BrowserContext, lab: Lab) -> Iterator[View]:
    made = opened(browser, lab)
    yield made
    closed(made)


@pytest.fixture
def view(page_of_models: View) -> Iterator[View]:
    """One page for all tests of this file, with nothing open; an error in its console that is ours fails the test."""
    yield page_of_models
    errors, page_of_models.errors[:] = list(page_of_models.errors), []
    page_of_models.execute("application:close-all")
    expect(page_of_models.page.locator(".jp-mlplat-view")).to_have_count(0)
    assert not errors, errors


def open_model(view: View, name: str, **state: object) -> Locator:
    view.execute("mlplat:open-model", {"name": name, **state})
    found = view.page.locator(VIEW)
    expect(found.locator("h1").first).to_contain_text(name[:40])  # a card may have some, too
    return found


def model_of(lab: Lab, name: str) -> Any:
    from urllib.parse import quote

    return lab.request(f"models/{quote(name, safe='')}")


def test_models_are_listed_and_one_opens_and_comes_back_after_a_reload(view: View, registry: Registry) -> None:
    page = view.page
    registry.wine("listed-wine", "listed wine")
    registry.client.set_registered_model_alias("listed-wine", "champion", "1")
    view.open_panel()
    view.execute("mlplat:open-panel", {"section": "models"})
    row = page.get_by_role("list", name="Models", exact=True).get_by_role("listitem").filter(has_text="listed-wine")
    expect(row.first).to_contain_text("version 2")
    expect(row.get_by_role("list", name="Aliases of listed-wine")).to_contain_text("champion1")
    expect(page.locator("button[data-section=models]")).to_contain_text(re.compile(r"\d+ models?"))
    row.get_by_role("button", name="listed-wine").click()
    model = page.locator(VIEW)
    expect(model.locator("h1")).to_have_text("listed-wine")
    expect(model.locator("tr[data-version='2']")).to_have_attribute("aria-selected", "true")
    overview = model.get_by_role("region", name="Version 2")
    expect(overview.get_by_role("region", name="Metrics")).to_contain_text("0.93")
    expect(overview.get_by_role("region", name="Parameters")).to_contain_text("forest")
    expect(overview.get_by_role("region", name="Takes", exact=True)).to_contain_text("magnesium")
    expect(overview.get_by_role("region", name="Gives", exact=True)).to_contain_text("long")
    expect(overview.get_by_role("region", name="Data", exact=True)).to_contain_text("wine.csv")
    overview.get_by_text("3 requirements").click()
    expect(overview.get_by_label("Requirements", exact=True)).to_contain_text("scikit-learn==1.7.1")
    view.picture("models-version")
    assert violations_in_both(view, VIEW) == []
    assert violations_in_both(view, "#jp-mlplat-section-models") == []

    overview.get_by_role("button", name="Copy as code").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    code = page.evaluate("navigator.clipboard.readText()")
    compile(code, "copied", "exec")
    assert 'load_model("models:/listed-wine/2")' in code
    overview.get_by_role("button", name="Copy address").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()) === 'models:/listed-wine/2'")

    model.get_by_role("button", name="Deploy version 2…").click()
    dialog = page.get_by_role("dialog", name="Deploy a model")
    expect(dialog.get_by_label("Version")).to_have_value("2")
    expect(dialog.get_by_label("Model")).to_have_value("listed-wine")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()

    model.locator("tr[data-version='2']").focus()
    page.keyboard.press("ArrowDown")
    expect(model.get_by_role("region", name="Version 1")).to_be_visible()
    expect(model.locator("tr[data-version='1']")).to_be_focused()
    model.get_by_role("tab", name="Lineage").click()
    page.wait_for_timeout(1_500)  # the state database saves with a delay of its own
    page.goto(page.url.split("?")[0])
    view.wait_until_loaded()
    page.get_by_role("tab", name="listed-wine", exact=True).click()
    expect(model.get_by_role("region", name="Version 1")).to_be_visible()
    expect(model.get_by_role("tab", name="Lineage")).to_have_attribute("aria-selected", "true")


def test_the_view_of_a_run_leads_to_what_it_registered(view: View, registry: Registry) -> None:
    run = registry.run("led", "leads to a model", auc=0.5)
    registry.version("led-to", run)
    view.execute("mlplat:open-run", {"id": run})
    models = view.page.locator(f"#jp-mlplat-run-{run}").get_by_role("region", name="Models")
    models.get_by_role("button", name="led-to", exact=True).click()
    expect(view.page.locator(f"{VIEW} h1")).to_have_text("led-to")


def test_an_alias_is_set_moved_and_deleted_and_its_history_says_so(view: View, registry: Registry) -> None:
    page = view.page
    registry.wine("moved-wine", "moved wine")
    model = open_model(view, "moved-wine")
    dialog = page.get_by_role("dialog")
    for version, why in (("1", "the first that holds"), ("2", "better by 12 points <b>")):
        model.get_by_role("button", name="Set Alias…").click()
        dialog.get_by_label("Alias").fill("not a name")
        dialog.get_by_label("Version").select_option(version)
        dialog.get_by_label("Why").fill(why)
        dialog.get_by_role("button", name="Set", exact=True).click()
        expect(dialog.get_by_role("alert").first).to_contain_text("cannot be an alias")
        dialog.get_by_label("Alias").fill("champion")
        dialog.get_by_role("button", name="Set", exact=True).click()
        expect(dialog).to_be_hidden()
        expect(model.locator(f"tr[data-version='{version}']")).to_contain_text("champion")
    forgive(view, "status of 422")
    history = model.get_by_role("table", name="History of the aliases").get_by_role("row")
    expect(history).to_have_count(3)
    expect(history.nth(1)).to_contain_text("1 → 2")
    expect(history.nth(1)).to_contain_text("better by 12 points <b>")
    expect(history.nth(2)).to_contain_text("new → 1")
    history.last.scroll_into_view_if_needed()
    view.picture("models-history")
    model.locator("tr[data-alias=champion]").get_by_role("button", name="Delete the alias champion…").click()
    expect(dialog).to_contain_text("It stands for version 2.")
    dialog.get_by_label("Why").fill("no longer needed")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(history).to_have_count(4)
    expect(history.nth(1)).to_contain_text("2 → deleted")
    assert model_of(view.lab, "moved-wine")["aliases"] == {}


def test_a_protected_alias_takes_a_second_person(view: View, registry: Registry) -> None:
    page = view.page
    registry.wine("locked-wine", "locked wine")
    registry.client.set_registered_model_alias("locked-wine", "champion", "1")
    view.execute("mlplat:open-panel", {"section": "models"})
    model = open_model(view, "locked-wine")
    row = model.locator("tr[data-alias=champion]")
    row.get_by_role("button", name="champion can be moved by anybody: protect it…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Protect champion?")
    dialog.get_by_role("button", name="Protect now").click()
    expect(row.get_by_role("button", name="champion is protected: end that…")).to_be_visible()

    row.get_by_role("button", name="Have champion stand for another version…").click()
    expect(dialog).to_contain_text("This alias is protected")
    dialog.get_by_label("Version").select_option("2")
    dialog.get_by_label("Why").fill("12 points better on the wines of 2025")
    view.picture("models-ask")
    assert violations_in_both(view, ".jp-mlplat-dialog .jp-Dialog-body") == []
    dialog.get_by_role("button", name="Ask for it").click()
    expect(dialog).to_be_hidden()
    requests = model.get_by_role("region", name="1 request waits for a second person")
    expect(requests).to_contain_text("Have champion stand for version 2 instead of 1")
    expect(requests).to_contain_text("12 points better on the wines of 2025")
    expect(model.locator("tr[data-version='1']")).to_contain_text("champion")
    expect(page.locator("button[data-section=models]")).to_contain_text("1 request")
    expect(page.locator("li[data-model='locked-wine']")).to_contain_text("1 request")

    requests.get_by_role("button", name="Approve").click()
    expect(requests.get_by_role("alert")).to_contain_text("a second person approves it")
    forgive(view, "status of 403")
    view.picture("models-request")
    assert violations_in_both(view, VIEW) == []
    requests.get_by_role("button", name="Reject").click()
    expect(requests).to_contain_text("Say why it is rejected")
    why = requests.get_by_label("Why you approve, reject or withdraw it")
    expect(why).to_be_focused()
    why.fill("the wines of 2025 are not in the test set")
    requests.get_by_role("button", name="Reject").click()
    expect(requests).to_have_count(0)
    model.get_by_text("1 request that ended").click()
    ended = model.get_by_role("table", name="Requests that ended")
    expect(ended).to_contain_text("Rejected by")
    expect(ended).to_contain_text("are not in the test set")
    expect(page.locator("button[data-section=models]")).not_to_contain_text("request")

    # A second person approves another one, from a shell.
    asked = view.lab.request("models/locked-wine/aliases/champion", method="PUT", body={"version": "2", "why": "again"})
    expect(requests).to_contain_text("again")
    registry.platform.runs.aliases.approve("locked-wine", asked["id"], by="bob", why="convinced")
    expect(requests).to_have_count(0)
    expect(model.locator("tr[data-version='2']")).to_contain_text("champion")
    newest = model.get_by_role("table", name="History of the aliases").get_by_role("row").nth(1)
    expect(newest).to_contain_text("1 → 2")
    expect(newest).to_contain_text("bob")
    newest.scroll_into_view_if_needed()
    view.picture("models-approved")

    row.get_by_role("button", name="champion is protected: end that…").click()
    dialog.get_by_role("textbox").fill("only I use it")
    dialog.get_by_role("button", name="Ask for it").click()
    expect(requests).to_contain_text("Have champion no longer protected")
    requests.get_by_role("button", name="Withdraw").click()
    expect(requests).to_have_count(0)
    assert model_of(view.lab, "locked-wine")["protected"] == ["champion"]


def test_two_versions_are_compared(view: View, registry: Registry) -> None:
    registry.wine("compared-wine", "compared wine")
    model = open_model(view, "compared-wine")
    model.locator("tr[data-version='1']").hover()
    model.get_by_role("button", name="Compare version 2 with version 1").click()
    expect(model.get_by_label("Compared with version")).to_have_value("1")
    changes = model.locator(".jp-mlplat-changes")
    auc = changes.get_by_role("table", name="Metrics").get_by_role("row", name=re.compile("^auc"))
    expect(auc).to_contain_text("+0.12")
    expect(changes.get_by_role("table", name="Parameters")).to_contain_text("depth")
    expect(changes.get_by_role("table", name="Signature")).to_contain_text("proline")
    expect(changes.get_by_role("table", name="Packages of the model")).to_contain_text("1.7.1")
    expect(changes.get_by_label("Difference", exact=True)).to_contain_text("+fit(depth=9)")
    view.picture("models-compare")
    assert violations_in_both(view, VIEW) == []
    view.execute("mlplat:compare-versions", {"name": "compared-wine", "version": "1", "against": "2"})
    expect(model.get_by_label("Compared with version")).to_have_value("2")
    expect(changes.get_by_label("Difference", exact=True)).to_contain_text("-fit(depth=9)")


def test_a_card_is_written_and_a_conflict_loses_nothing(view: View, registry: Registry) -> None:
    page, lab = view.page, view.lab
    registry.wine("card-wine", "card wine")
    model = open_model(view, "card-wine", page="card")
    card = model.get_by_role("region", name="Card of version 2")
    expect(card.get_by_role("heading", name="Intended use")).to_be_visible()
    view.picture("models-card")
    model.get_by_role("button", name="Edit", exact=True).click()
    text = model.get_by_label("Card as Markdown")
    bad = "<script>document.title = 'pwned'</script><img src=x onerror=\"document.title='pwned'\">"
    mine = f"# Mine\n\nFor *wine* only.\n\n{bad}"
    text.fill(mine)
    preview = model.get_by_role("region", name="Preview of the card")
    expect(preview.get_by_role("heading", name="Mine")).to_be_visible()
    # Somebody else is faster: saved between the last letter and the press on the button.
    page.evaluate(
        """async ([url, token]) => {
            const headers = { Authorization: `token ${token}`, 'Content-Type': 'application/json' };
            const body = JSON.stringify({ markdown: '# Theirs' });
            await fetch(url, { method: 'PUT', headers, body });
            document.querySelector('.jp-mlplat-cardEditor button[type=submit]').click();
        }""",
        [f"{lab.url}mlplat/api/v1/models/card-wine/versions/2/card", lab.token],
    )
    conflict = model.get_by_role("alert")
    expect(conflict).to_contain_text("The card was changed meanwhile.")
    expect(text).to_have_value(mine)
    conflict.get_by_role("button", name="Show the other text").click()
    expect(conflict.get_by_role("region", name="The other text")).to_have_text("# Theirs")
    view.picture("models-card-conflict")
    assert violations_in_both(view, VIEW) == []
    forgive(view, "status of 412")
    # It is kept while one looks at something else.
    model.locator("tr[data-version='1']").click()
    expect(model.get_by_role("region", name="Card of version 1")).to_be_visible()
    model.locator("tr[data-version='2']").click()
    expect(text).to_have_value(mine)
    # So it is when the page is loaded again, and when the view was closed.
    page.wait_for_timeout(1_500)  # the state database saves with a delay of its own
    page.goto(page.url.split("?")[0])
    view.wait_until_loaded()
    open_model(view, "card-wine", page="card", version="2")
    expect(text).to_have_value(mine)
    view.execute("application:close-all")
    open_model(view, "card-wine", page="card", version="2")
    expect(text).to_have_value(mine)
    model.get_by_role("button", name="Save mine over it").click()
    expect(card.get_by_role("heading", name="Mine")).to_be_visible()
    assert lab.request("models/card-wine/versions/2/card")["markdown"] == mine
    assert card.locator("script").count() == 0
    assert page.title() != "pwned"
    with page.expect_download() as saved:
        model.get_by_role("button", name="Markdown").click()
    assert Path(saved.value.path()).read_text() == mine
    with page.expect_download() as saved:
        model.get_by_role("button", name="JSON").click()
    assert json.loads(Path(saved.value.path()).read_text())["version"] == "2"
    model.get_by_role("button", name="Back to generated…").click()
    page.get_by_role("dialog").get_by_role("button", name="Generate it again").click()
    expect(card.get_by_role("heading", name="Intended use")).to_be_visible()
    assert lab.request("models/card-wine/versions/2/card")["generated"] is True


def test_lineage_is_drawn_and_each_thing_opens(view: View, registry: Registry) -> None:
    page = view.page
    run = registry.run("traced", "traced run", data=30, auc=0.7)
    registry.version("traced-wine", run)
    model = open_model(view, "traced-wine", page="lineage")
    graph = model.get_by_role("list", name="Lineage of version 1, from data to endpoints")
    expect(graph.get_by_role("button")).to_have_count(6 + 1 + 3)
    box = model.locator(".jp-mlplat-graph").bounding_box()
    assert box
    assert box["height"] < 640
    xs = [
        found["x"]
        for kind in ("data", "notebook", "run", "version")
        if (found := graph.locator(f"[data-lineage={kind}]").first.bounding_box())
    ]
    assert len(xs) == 4
    assert xs == sorted(xs)
    view.picture("models-lineage")
    assert violations_in_both(view, VIEW) == []
    graph.get_by_role("button", name="24 more").click()
    expect(graph.get_by_role("button")).to_have_count(33)
    model.get_by_role("button", name="Draw fewer").click()
    model.get_by_text("As a table").click()
    expect(model.get_by_role("table", name="Lineage").get_by_role("row")).to_have_count(34)
    graph.get_by_role("button", name=re.compile("^Data: wine-3.csv")).click()
    expect(model.locator("[data-part=data]")).to_be_focused()
    model.get_by_role("tab", name="Lineage").click()
    # By keyboard, from box to box.
    graph.get_by_role("button", name=re.compile("^Run: traced run")).focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#jp-mlplat-run-{run}")).to_be_visible()
    page.get_by_role("tab", name="traced-wine", exact=True).click()
    graph.get_by_role("button", name=re.compile("^Notebook: train_classifier.ipynb")).click()
    expect(page.get_by_role("tab", name="train_classifier.ipynb")).to_be_visible()
    # Closed without a question, and its kernel with it.
    page.evaluate(
        """async () => {
            const { shell, serviceManager } = window.jupyterapp;
            [...shell.widgets('main')].find(each => each.title.label === 'train_classifier.ipynb').dispose();
            await serviceManager.sessions.shutdownAll();
        }"""
    )


def test_a_deployed_version_and_its_features_are_part_of_the_lineage(view: View, registry: Registry) -> None:
    page, lab = view.page, view.lab
    (lab.root / "wines.csv").write_text("wine,at,ash\n1,2026-01-01T00:00:00,2.4\n")
    spec = {"name": "wines", "source": "wines.csv", "entities": ["wine"], "timestamp": "at"}
    lab.request("features/views", method="POST", body={"views": [spec]})
    run = registry.run("served", "served run", auc=0.7)
    registry.client.set_tag(run, "mlplat.features", "wines")
    registry.version("served-wine", run)
    registry.version("served-wine", run)
    lab.request("deployments", method="POST", body={"name": "served", "model": "models:/served-wine/1"})
    model = open_model(view, "served-wine", version="1")
    served = model.get_by_role("region", name="Deployments")
    expect(served.get_by_role("row")).to_contain_text("Ready", timeout=120_000)
    expect(served.get_by_role("row")).to_contain_text("100 %")
    model.get_by_role("tab", name="Lineage").click()
    graph = model.get_by_role("list", name="Lineage of version 1, from data to endpoints")
    expect(graph.get_by_role("button")).to_have_count(6)
    view.picture("models-lineage-served")
    graph.get_by_role("button", name=re.compile("^Features: wines")).click()
    expect(page.get_by_role("list", name="Feature views")).to_contain_text("wines")
    graph.get_by_role("button", name=re.compile("^Endpoint: served")).click()
    expect(page.locator("#jp-mlplat-deployment-served h1")).to_have_text("served")
    page.get_by_role("tab", name="served-wine", exact=True).click()
    # The other one comes of the same run: nothing of it differs.
    model.get_by_role("tab", name="Compare").click()
    expect(model.locator(".jp-mlplat-changes")).to_contain_text("both are of run")
    lab.request("deployments/served", method="DELETE", timeout=70)


def test_a_narrow_view_scrolls_in_its_parts_only(view: View, registry: Registry) -> None:
    page = view.page
    registry.wine("narrow-wine", "narrow wine")
    registry.client.set_registered_model_alias("narrow-wine", "champion", "1")
    page.set_viewport_size({"width": 760, "height": 860})
    try:
        model = open_model(view, "narrow-wine")
        for tab in ("Overview", "Lineage", "Card", "Compare"):
            model.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(300)  # a layout has no event to wait for
            assert model.evaluate("node => node.scrollWidth - node.clientWidth") <= 0, tab
            view.picture(f"models-narrow-{tab.lower()}")
    finally:
        page.set_viewport_size({"width": 1360, "height": 860})


def test_hundreds_of_versions_scroll(view: View, registry: Registry) -> None:
    page = view.page
    registry.version("many-versions")
    for _ in range(149):
        registry.client.create_model_version("many-versions", str(registry.folder / "model-1"))
    model = open_model(view, "many-versions")
    expect(model.get_by_role("grid", name="Versions")).to_have_attribute("aria-rowcount", "151")
    assert model.locator("tr[data-version]").count() < 60
    model.locator("tr[data-version='150']").focus()
    page.keyboard.press("End")
    expect(model.locator("tr[data-version='1']")).to_be_focused()
    expect(model.get_by_role("region", name="Version 1", exact=True)).to_be_visible()


def test_hostile_names_are_text_and_break_no_layout(view: View, registry: Registry) -> None:
    page = view.page
    for name in HOSTILE.values():
        run = registry.run("hostile models", name[:250], auc=0.1)
        registry.version(name, run, columns=(name[:200], "b"))
        registry.client.set_registered_model_alias(name, "a" * 200, "1")
    view.execute("mlplat:open-panel", {"section": "models"})
    for name in HOSTILE.values():
        model = open_model(view, name)
        expect(model.get_by_role("region", name="Takes", exact=True)).to_contain_text(name[:30])
        wide = model.evaluate("node => node.scrollWidth - node.clientWidth")
        assert wide <= 0, f"{name[:20]} makes the view {wide} px too wide"
        model.get_by_role("tab", name="Lineage").click()
        expect(model.locator("[data-lineage=version]")).to_be_visible()
        assert model.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
        model.get_by_role("tab", name="Card").click()
        expect(model.get_by_role("region", name="Card of version 1")).to_be_visible()
        assert model.locator("script, h1 b, img[src=x]").count() == 0
        if name in (HOSTILE["markup"], HOSTILE["long"]):
            view.picture(f"models-hostile-{'markup' if 'img' in name else 'long'}")
        view.execute("application:close-all")
        expect(page.locator(VIEW)).to_have_count(0)
    assert page.title() != "pwned"
