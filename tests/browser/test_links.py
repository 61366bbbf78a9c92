"""Links to views: what one opens, what it leaves of the address, what becomes of a wrong one, and how one is copied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from ..endpoints import save_code
from .conftest import Lab, View, closed, opened, slow_notebook
from .test_gpu_deployments import ECHO
from .test_panel import choose_in_palette, violations
from .test_runs_view import Store, forgive, store_of

EXPERIMENT = "linked runs"
NAMES = {
    "plain": "linked-wine",
    "slash": "a/b/../c",
    "address": "who?page=card&version=7#x%2F%zz+y",
    "markup": "<img src=x onerror=\"document.title='pwned'\"><b>bold</b>",
    "right to left": "\u202eمرحبا שלום",
    "emoji": "👩‍🔬🧪 💥",
    "quotes": 'it\'s (mine), "yours"; `theirs`!*',
}
WRONG = [
    "javascript:alert(document.title='pwned')",
    "mlplat:delete-runs/1",
    "mlplat:delete-deployment",
    "application:close-all",
    "terminals/1",
    "runs/",
    "runs/a/b",
    "runs/../jobs",
    "runs/%2E%2E",
    "runs/compare/",
    "runs/compare/a,,b",
    "models/..",
    "models/%ZZ",
    "models/a/1/2",
    "__proto__/constructor",
    "x" * 5000,
    "",
]
OPEN = ".jp-mlplat-view, .jp-mlplat-jobView"


@pytest.fixture(scope="module")
def store(lab: Lab) -> Store:
    return store_of(lab)


@pytest.fixture(scope="module")
def runs(store: Store) -> list[str]:
    """Three runs of an experiment, with a metric that tells them apart."""
    ids = store.runs([f"linked-{n}" for n in range(3)], experiment=store.experiment(EXPERIMENT))
    store.parameters((id, "model", f"it's {n}") for n, id in enumerate(ids))
    store.metrics((id, "auc", 0, 1, 0.8 + n / 20) for n, id in enumerate(ids))
    return ids


@pytest.fixture(scope="module")
def models(lab: Lab, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Models with hostile names, each with two versions: by SQL, because MLflow's client refuses some of them."""
    lab.request("models?limit=1")
    folder = tmp_path_factory.mktemp("model")
    (folder / "echo.py").write_text(ECHO)
    save_code(folder / "echo", folder / "echo.py")
    with store.connection:
        store.connection.executemany(
            "INSERT INTO registered_models (name, creation_time, last_updated_time) VALUES (?, 1, 1)",
            [(name,) for name in NAMES.values()],
        )
        store.connection.executemany(
            "INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, source,"
            " status) VALUES (?, ?, 1, 1, 'None', ?, 'READY')",
            [(name, version, str(folder / "echo")) for name in NAMES.values() for version in (1, 2)],
        )
    yield
    with store.connection:
        for table in ("model_versions", "registered_models"):
            store.connection.executemany(f"DELETE FROM {table} WHERE name = ?", [(name,) for name in NAMES.values()])


@pytest.fixture(scope="module")
def whole_page(browser: BrowserContext, lab: Lab) -> Iterator[View]:
    made = opened(browser, lab)
    yield made
    closed(made)


@pytest.fixture
def view(whole_page: View) -> Iterator[View]:
    """One page for all tests of this file, loaded anew with nothing open; an error of ours fails the test."""
    follow(whole_page, "?reset")
    yield whole_page
    # A tab of JupyterLab's that is shown and closed at once: its toolbar is laid out after it is gone.
    forgive(whole_page, "(reading 'promise')")
    errors, whole_page.errors[:] = list(whole_page.errors), []
    assert not errors, errors


def close_all(view: View) -> None:
    view.page.evaluate("() => window.jupyterapp.commands.execute('application:close-all').then(() => null)")
    expect(view.page.locator(OPEN)).to_have_count(0)


def follow(view: View, search: str, path: str = "lab") -> None:
    """Goes where a link leads; it is out of the address then."""
    view.page.goto(f"{view.lab.url}{path}{search}")
    view.wait_until_loaded()
    assert "mlplat=" not in view.page.url


def opens(view: View, link: str) -> None:
    """Follows a link in a workspace with nothing else in it."""
    follow(view, f"?mlplat={quote(link, safe='/,')}&reset")


def run_view(page: Page, id: str) -> Locator:
    return page.locator(f"#jp-mlplat-run-{id}")


def copied(view: View) -> str:
    """What a notification says to be on the clipboard, which is empty then."""
    expect(view.page.get_by_text("Link copied.").last).to_be_visible()
    view.page.wait_for_function("async () => (await navigator.clipboard.readText()) !== ''")
    text: str = view.page.evaluate("() => navigator.clipboard.readText()")
    view.page.evaluate("() => navigator.clipboard.writeText('')")
    return text


def saved(view: View) -> None:
    """Waits until JupyterLab has written what is open: its workspace and our widgets follow a change after a while."""
    with view.page.expect_response(
        lambda answer: answer.request.method == "PUT" and "/lab/api/workspaces/" in answer.url, timeout=30_000
    ):
        pass


def test_a_link_to_a_run_opens_it_once_and_leaves_the_rest_of_the_address(view: View, runs: list[str]) -> None:
    page = view.page
    id = runs[0]
    # JupyterLab itself leaves only the path of an address after a while: what counts is what we make of it.
    page.add_init_script(
        """{
            const replace = history.replaceState;
            window.written = [];
            history.replaceState = function (state, title, url) {
                window.written.push(String(url));
                replace.call(this, state, title, url);
            };
        }"""
    )
    follow(view, f"?first=a%20b&mlplat=runs/{id}&last=%zz#place")
    expect(run_view(page, id).get_by_role("heading", name="linked-0", exact=True)).to_be_visible()
    assert page.evaluate("() => window.written") == ["/lab?first=a%20b&last=%zz#place"]

    saved(view)
    page.reload()
    view.wait_until_loaded()
    expect(run_view(page, id)).to_have_count(1)
    assert page.evaluate("() => window.written") == []

    # It does not come back against the will of whoever has closed it.
    close_all(view)
    saved(view)
    page.reload()
    view.wait_until_loaded()
    expect(page.locator(".jp-Launcher")).to_be_visible()
    expect(run_view(page, id)).to_have_count(0)


def test_a_link_stands_beside_a_file_and_a_workspace(view: View, browser: BrowserContext, runs: list[str]) -> None:
    page, url = view.page, view.lab.url
    id = runs[0]
    follow(view, f"?mlplat=runs/{id}", "lab/workspaces/linked/tree/failing.ipynb")
    expect(run_view(page, id)).to_be_visible()
    expect(page.get_by_role("tab", name="failing.ipynb")).to_be_visible()
    assert page.url == f"{url}lab/workspaces/linked/tree/failing.ipynb"
    page.goto(f"{url}lab?reset")
    view.wait_until_loaded()

    # Where the workspace is open elsewhere JupyterLab goes to another one, and takes the link along.
    second = browser.new_page()
    try:
        link = "runs?filter=" + quote("metrics.auc > 0.82 AND params.model = 'it\\'s 1'", safe="")
        second.goto(f"{url}lab?mlplat={quote(link)}")
        second.wait_for_url(re.compile(r"/lab/workspaces/auto-\w[^?]*$"), timeout=60_000)
        expect(second.locator("#jp-mlplat-runs").get_by_role("searchbox").first).to_have_value(
            "metrics.auc > 0.82 AND params.model = 'it\\'s 1'"
        )
    finally:
        second.close()


def test_a_link_survives_the_login_page(view: View, browser: BrowserContext, runs: list[str]) -> None:
    page, lab = view.page, view.lab
    link = "runs?filter=" + quote("metrics.auc > 0.82", safe="") + "&archived=true"
    page.goto("about:blank")
    browser.clear_cookies()
    try:
        page.goto(f"{lab.url}lab?mlplat={quote(link)}")
        page.get_by_label(re.compile("Password or token")).fill(lab.token)
        page.get_by_role("button", name="Log in", exact=True).click()
        view.wait_until_loaded()
    except BaseException:
        page.goto(f"{lab.url}lab?token={lab.token}")  # for the tests that follow
        raise
    table = page.locator("#jp-mlplat-runs")
    expect(table.get_by_role("searchbox").first).to_have_value("metrics.auc > 0.82")
    expect(table.get_by_role("switch", name="Archived")).to_be_checked()
    page.wait_for_url(f"{lab.url}lab")


def test_a_link_to_a_comparison(view: View, runs: list[str]) -> None:
    page = view.page
    opens(view, f"runs/compare/{','.join(runs[:2])}")
    expect(page.locator(".jp-mlplat-compareView h1")).to_have_text("2 runs")
    close_all(view)
    opens(view, f"runs/compare/{runs[2]},{'0' * 32}")
    expect(page.locator(".jp-mlplat-compareView h1")).to_have_text("1 run")
    expect(page.locator(".jp-mlplat-compareView")).to_contain_text("1 run is archived or deleted.")


def test_a_link_to_the_table_shows_all_that_it_says_and_nothing_of_before(view: View, runs: list[str]) -> None:
    page = view.page
    table = page.locator("#jp-mlplat-runs")
    view.execute("mlplat:open-runs", {"filter": "metrics.auc > 7", "archived": True, "group": "params.model"})
    expect(table).to_contain_text("No run fits")
    saved(view)
    asked = {"experiment": EXPERIMENT, "filter": "metrics.auc > 0.82", "order": "metrics.auc DESC"}
    link = "runs?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items())
    follow(view, f"?mlplat={quote(link)}")
    expect(table.locator("tr[data-run]")).to_have_count(2)
    assert table.locator("tr[data-run]").first.get_attribute("data-run") == runs[2]
    expect(table.locator("th[data-column='metrics.auc']")).to_have_attribute("aria-sort", "descending")
    expect(table.get_by_role("searchbox").first).to_have_value("metrics.auc > 0.82")
    opens(view, "runs")
    expect(table.get_by_role("searchbox").first).to_have_value("")
    # What a link filters by is text of somebody else's: where it cannot be read the table says so.
    opens(view, "runs?filter=" + quote("<img src=x onerror=\"document.title='pwned'\">", safe=""))
    expect(table.get_by_role("searchbox").first).to_have_value(re.compile("^<img"))
    expect(table.get_by_role("alert").first).to_be_visible()
    forgive(view, "422")
    forgive(view, "400")
    assert page.title() != "pwned"


@pytest.mark.parametrize(
    "names", [["address", "markup", "quotes"], pytest.param([*NAMES], marks=pytest.mark.long)], ids=["some", "all"]
)
def test_links_to_models_with_hostile_names(view: View, models: None, names: list[str]) -> None:
    page = view.page
    found = page.locator(".jp-mlplat-modelView")
    for name in map(NAMES.__getitem__, names):
        view.execute("mlplat:open-model", {"name": name, "version": "1"})
        expect(found.locator("h1").first).to_have_text(name)
        found.get_by_role("button", name="Copy Link").click()
        address = copied(view)
        link = f"models/{quote(name, safe='-_.~')}/1"
        assert unquote(address.partition("?mlplat=")[2]) == link
        assert re.fullmatch(r"[\w.~%/,:?=-]+", address), address
        follow(view, address.removeprefix(f"{view.lab.url}lab") + "&reset")
        expect(found.locator("h1").first).to_have_text(name)
        expect(found.locator("tr[aria-selected=true]")).to_contain_text("1")
        assert found.locator("h1 b, img[src=x]").count() == 0
        close_all(view)
    assert page.title() != "pwned"


NOTHING = "0" * 32
GONE = [
    f"runs/compare/{NOTHING},{'1' * 32}",
    f"models/{quote(NAMES['emoji'])}/77",
    f"jobs/{NOTHING}",
    f"sweeps/{NOTHING}",
    f"pipelines/{NOTHING}",
    f"schedules/{NOTHING}",
    "models/no%20such%20model",
    "deployments/nowhere",
]


@pytest.mark.parametrize("links", [GONE[:2], pytest.param(GONE, marks=pytest.mark.long)], ids=["some", "all"])
def test_what_is_not_there_is_told_once_and_nothing_opens(
    view: View, runs: list[str], models: None, links: list[str]
) -> None:
    page = view.page
    for link in links:
        opens(view, link)
        said = page.locator(".Toastify__toast")
        expect(said, link).to_have_count(1)
        expect(said, link).to_contain_text("Open Link:")
        expect(page.locator(OPEN), link).to_have_count(0)
    opens(view, f"runs/{NOTHING}")
    page.wait_for_timeout(700)  # it slides in
    view.picture("link-unknown")


@pytest.mark.parametrize("links", [WRONG[::4], pytest.param(WRONG, marks=pytest.mark.long)], ids=["some", "all"])
def test_wrong_links_open_nothing_and_run_no_command(view: View, runs: list[str], links: list[str]) -> None:
    page = view.page
    for link in links:
        page.goto("about:blank")
        ran: list[str] = []
        page.on("request", lambda request, ran=ran: ran.append(request.method) if "mlplat/api" in request.url else None)
        opens(view, link)
        said = page.locator(".Toastify__toast")
        expect(said, link).to_have_count(1)
        expect(said, link).to_contain_text("names nothing that can be opened")
        expect(page.locator(OPEN), link).to_have_count(0)
        assert set(ran) <= {"GET"}, link
    page.goto("about:blank")
    follow(view, "?mlplat=runs/%zz&mlplat=runs/1&reset")  # two of them, and a percent sign that stands for nothing
    expect(page.locator(".Toastify__toast")).to_have_count(1)
    assert page.title() != "pwned"
    assert len(view.lab.request("runs?limit=10")["items"]) > 0


def made_in(lab: Lab) -> dict[str, tuple[str, dict[str, Any], str]]:
    """One thing of each noun: how its view is opened, the heading there, and its link."""
    nbformat.write(slow_notebook(4, 0.1), lab.root / "linked.ipynb")
    job = lab.request("jobs", method="POST", body={"notebook": "linked.ipynb", "name": "linked job"})["id"]
    sweep = lab.command("sweeps", "run", "linked.ipynb", "-p", "steps=[1]", "--name", "linked sweep")["id"]
    body = {"name": "linked", "model": f"models:/{NAMES['plain']}/1"}
    lab.request("deployments", method="POST", body=body)
    nodes = {"only": {"notebook": "linked.ipynb"}}
    pipeline = lab.request("pipelines", method="POST", body={"name": "linked pipeline", "nodes": nodes})["id"]
    return {
        "deployments/linked": ("mlplat:open-deployment", {"name": "linked"}, "linked"),
        f"jobs/{job}": ("mlplat:open-job", {"id": job}, "linked job"),
        f"sweeps/{sweep}": ("mlplat:open-sweep", {"id": sweep}, "linked sweep"),
        f"pipelines/{pipeline}": ("mlplat:open-pipeline", {"id": pipeline}, "linked pipeline"),
        "jobs?list=sweeps": ("mlplat:open-jobs", {"list": "sweeps"}, "Sweeps"),
        "jobs?states=failed&name=linked": ("mlplat:open-jobs", {"states": "failed", "name": "linked"}, "Jobs"),
        "schedules": ("mlplat:open-schedules", {}, "Schedules"),
    }


def test_every_view_copies_a_link_that_opens_it(view: View, runs: list[str], models: None) -> None:
    page, lab = view.page, view.lab
    order = ["metrics.auc DESC", "attributes.start_time"]
    table = {"experiment": EXPERIMENT, "filter": "params.model != 'x'", "order": order}
    views: dict[str, tuple[str, dict[str, Any], str]] = {
        f"runs/{runs[1]}": ("mlplat:open-run", {"id": runs[1]}, "linked-1"),
        f"runs/compare/{runs[1]},{runs[0]}": ("mlplat:compare-runs", {"ids": [runs[1], runs[0]]}, "2 runs"),
        "runs?experiment=linked%20runs&filter=params.model%20%21%3D%20%27x%27&order=metrics.auc%20DESC"
        "&order=attributes.start_time": ("mlplat:open-runs", table, "Runs"),
        f"models/{quote(NAMES['emoji'])}": ("mlplat:open-model", {"name": NAMES["emoji"]}, NAMES["emoji"]),
        f"models/{quote(NAMES['emoji'])}/1?page=lineage": (
            "mlplat:open-model",
            {"name": NAMES["emoji"], "version": "1", "page": "lineage"},
            NAMES["emoji"],
        ),
        **made_in(lab),
    }
    for link, (command, arguments, heading) in views.items():
        view.execute(command, arguments)
        # What was copied from a view opens the same view, which copies the same.
        for copy in ("first", "second"):
            shown = page.locator(OPEN)
            expect(shown.locator("h1").first, link).to_contain_text(heading)
            shown.get_by_role("button", name="Copy Link").click()
            address = copied(view)
            assert address.startswith(f"{lab.url}lab?mlplat={link.split('?')[0].split('%')[0]}")
            assert unquote(address.partition("?mlplat=")[2]) == link
            assert lab.token not in address
            if copy == "first":
                follow(view, address.removeprefix(f"{lab.url}lab") + "&reset")
        close_all(view)
    forgive(view, "404")  # the notebook of a job that waits
    lab.request("deployments/linked", method="DELETE", timeout=70)


def test_the_palette_copies_a_link_to_the_view_in_front(view: View, runs: list[str]) -> None:
    page = view.page
    page.goto(f"{view.lab.url}lab/workspaces/palette?reset")
    view.wait_until_loaded()
    enabled = "() => window.jupyterapp.commands.isEnabled('mlplat:copy-link')"
    assert not page.evaluate(enabled)
    view.execute("mlplat:open-run", {"id": runs[0]})
    expect(run_view(page, runs[0]).locator("h1")).to_have_text("linked-0")
    view.execute("launcher:create")
    expect(page.locator(".jp-Launcher")).to_be_visible()
    assert not page.evaluate(enabled)
    page.get_by_role("tab", name="linked-0").click()
    page.wait_for_function(enabled)
    choose_in_palette(page, "Copy Link")
    # To others it leads to their own workspace, and has nothing of this page's address.
    assert copied(view) == f"{view.lab.url}lab?mlplat=runs/{runs[0]}"

    said = page.locator(".Toastify__toast")
    described = page.evaluate("() => window.jupyterapp.commands.describedBy('mlplat:copy-link')")
    assert list(described["args"]["properties"]) == ["to"]
    view.execute("mlplat:copy-link", {"to": "models/wine/3"})
    assert copied(view) == f"{view.lab.url}lab?mlplat=models/wine/3"
    view.execute("mlplat:copy-link", {"to": "mlplat:delete-runs"})
    expect(said.filter(has_text="Copy Link: Nothing has such a link.")).to_be_visible()
    view.execute("mlplat:copy-link", {"to": f"runs/compare/{','.join(['0' * 32] * 200)}"})
    expect(said.filter(has_text="too long to be sent")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == ""


def test_behind_a_hub_the_link_leads_through_it(view: View) -> None:
    page = view.page

    def from_a_hub(route: Route) -> None:
        answer = route.fetch()
        told = answer.text().replace('"baseUrl":', '"shareUrl": "/hub/user-redirect/", "baseUrl":', 1)
        route.fulfill(response=answer, body=told)

    page.route(re.compile(r"/lab\?hub&reset$"), from_a_hub)
    page.goto(f"{view.lab.url}lab?hub&reset")
    view.wait_until_loaded()
    view.execute("mlplat:copy-link", {"to": "runs/1"})
    assert copied(view) == f"{view.lab.url}hub/user-redirect/lab?mlplat=runs/1"


def test_copy_link_looks_and_reads_well(view: View, runs: list[str]) -> None:
    page = view.page
    view.execute("mlplat:open-run", {"id": runs[0]})
    button = run_view(page, runs[0]).get_by_role("button", name="Copy Link")
    expect(button).to_be_visible()
    button.hover()
    assert violations(page, f"#jp-mlplat-run-{runs[0]}") == []
    view.picture("link-run")
    view.execute("mlplat:open-runs")
    expect(page.locator("#jp-mlplat-runs").get_by_role("button", name="Copy Link")).to_be_visible()
    view.picture("link-runs")
