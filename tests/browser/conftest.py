"""A real JupyterLab in a process of its own, with a real token, and Debian's chromium looking at it.

One server serves all tests of this folder: each makes things of its own and finds them by id or name.
Pictures go to `artifacts/screenshots/`, which git ignores; look at them after a change.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Playwright, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "artifacts" / "screenshots"
TEMPLATE = ROOT / "notebooks" / "templates" / "train_classifier.ipynb"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
GONE = re.compile(r"status of 404 .*/mlplat/api/v1/")
"""The browser's own word on a thing that was deleted while it was being fetched; what we make of it, tests see."""

NOISE = ("favicon", "ResizeObserver loop", "third-party cookie")
OF_JUPYTERLAB = ("removeChild", "Error: Disposed")
"""It takes its own splash away twice where a theme follows another at once, and starts the session of a notebook that
was closed meanwhile."""
ENDED = frozenset({"succeeded", "failed", "cancelled", "lost", "skipped"})
"""States of a job that stay."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test, and a server takes its time on a small machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(360))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def slow_notebook(cells: int = 30, seconds: float = 1.0) -> nbformat.NotebookNode:
    """One that is still running when a test looks at it."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    first = nbformat.v4.new_code_cell("steps = 3  # how often it counts", metadata={"tags": ["parameters"]})
    later = [nbformat.v4.new_code_cell(f"import time\ntime.sleep({seconds})\nprint({n})") for n in range(1, cells)]
    notebook.cells = [first, *later]
    return notebook


def failing_notebook() -> nbformat.NotebookNode:
    """One that says in its second cell what is wrong."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [
        nbformat.v4.new_code_cell("rows = 12"),
        nbformat.v4.new_code_cell("raise ValueError('the column price is missing')"),
        nbformat.v4.new_code_cell("print('never printed')"),
    ]
    return notebook


@dataclass
class Lab:
    """A running server: where it is, and how to talk to it without a browser."""

    url: str
    token: str
    root: Path
    environment: dict[str, str]
    log: Path
    started: list[str] = field(default_factory=list)

    def request(self, path: str, *, method: str = "GET", body: object = None, timeout: float = 60) -> Any:
        """A call of the REST interface."""
        request = urllib.request.Request(
            f"{self.url}mlplat/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.loads(answer.read())

    def command(self, *arguments: str, timeout: float = 120) -> Any:
        """`jupyter mlplat … --json` in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_mlplat.cli", *arguments, "--json"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def wait_job(self, id: str, *, states: frozenset[str], timeout: float = 180) -> Any:
        """The job once it is in one of `states`."""
        deadline = time.monotonic() + timeout
        while True:
            job = self.request(f"jobs/{id}")
            if job["state"] in states:
                return job
            assert time.monotonic() < deadline, f"job {id} is {job['state']} after {timeout} s: {job}"
            time.sleep(0.2)

    def cancel_job(self, id: str) -> None:
        """Cancel a job, unless it has ended before."""
        try:
            self.request(f"jobs/{id}/cancel", method="POST")
        except urllib.error.HTTPError as error:
            if error.code != 409 or self.request(f"jobs/{id}")["state"] not in ENDED:
                raise


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Instead of pytest-jupyter's: playwright's own loop is the running one, and no server is in this process."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """See `jp_asyncio_loop`."""


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with the template and some more notebooks."""
    with running_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


@contextmanager
def running_lab(base: Path, **settings: object) -> Iterator[Lab]:
    """JupyterLab on a free port, with home, configuration and data directories of its own in `base`.

    `settings` are the platform's.
    """
    user, root = base / "user", base / "work"
    config = user / ".jupyter"
    for folder in (root, config / "labconfig", user / "data", user / "runtime"):
        folder.mkdir(parents=True)
    (config / "labconfig" / "page_config.json").write_text(
        json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}})
    )
    # What waits warm is imported while pages are looked at: all modules would be too much for two processors.
    known = {"warm_kernels": 1, "warm_imports": ["mlflow"], **settings}
    (config / "jupyter_mlplat_config.json").write_text(json.dumps({"Platform": known}))
    shutil.copy(TEMPLATE, root)
    nbformat.write(slow_notebook(), root / "slow.ipynb")
    nbformat.write(failing_notebook(), root / "failing.ipynb")
    token, port = secrets.token_hex(24), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLPLAT_", "MLFLOW_", "JUPYTER"))},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(user),
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(user / "data"),
        "JUPYTER_RUNTIME_DIR": str(user / "runtime"),
        "IPYTHONDIR": str(user / ".ipython"),
        "MLPLAT_HOME": str(base / "mlplat"),
        "JUPYTER_TOKEN": token,
    }
    log = base / "server.log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={root}",
                "--LabApp.expose_app_in_browser=True",
                # Else each page starts Node.js to see whether JupyterLab itself wants to be built.
                "--ServerApp.tornado_settings={'page_config_data': {'buildCheck': False, 'buildAvailable': False}}",
            ],
            cwd=root,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    made = Lab(f"http://127.0.0.1:{port}/", token, root, environment, log)
    try:
        wait_until_up(made, server)
        yield made
    finally:
        stop(made, server)


def wait_until_up(lab: Lab, server: subprocess.Popen[bytes], timeout: float = 90) -> None:
    deadline = time.monotonic() + timeout
    while True:
        assert server.poll() is None, lab.log.read_text()[-4000:]
        try:
            lab.request("status", timeout=10)
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert time.monotonic() < deadline, lab.log.read_text()[-4000:]
            time.sleep(0.2)


def stop(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    """End what the tests started: jobs, endpoints and the engine by our own command, then the server."""
    subprocess.run(
        [sys.executable, "-m", "jupyter_mlplat.cli", "stop", "--jobs", "cancel", "--yes"],
        cwd=lab.root,
        env=lab.environment,
        capture_output=True,
        timeout=90,
        check=False,
    )
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


@pytest.fixture(scope="package")
def playwright_driver() -> Iterator[Playwright]:
    """Ends with this folder: while it lives, its event loop counts as running in this thread."""
    expect.set_options(timeout=20_000)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright_driver: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One profile on disk for all tests: JupyterLab's scripts are fetched and compiled once, not for every page."""
    assert Path(CHROMIUM).exists(), "chromium is missing: apt-get install chromium"
    made = playwright_driver.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"),
        executable_path=CHROMIUM,
        args=ARGUMENTS,
        viewport={"width": 1360, "height": 860},
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield made
    made.close()


@dataclass
class View:
    """A page with JupyterLab in it, and what went wrong there."""

    page: Page
    lab: Lab
    errors: list[str]

    def wait_until_loaded(self) -> None:
        """JupyterLab stands, and our plugins with it."""
        self.page.wait_for_function("() => window.jupyterapp !== undefined", timeout=60_000)
        self.page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        self.page.wait_for_function("() => window.jupyterapp.commands.hasCommand('mlplat:open-panel')", timeout=60_000)

    def execute(self, command: str, arguments: dict[str, object] | None = None) -> None:
        """Runs a command without waiting for what it opens."""
        self.page.evaluate(
            "([id, args]) => { void window.jupyterapp.commands.execute(id, args); }", [command, arguments or {}]
        )

    def open_panel(self) -> None:
        self.page.get_by_role("tab", name="ML Platform").click()
        expect(self.page.get_by_role("button", name="Jobs", exact=False).first).to_be_visible()

    def theme(self, name: str) -> None:
        """Switches the theme and waits until it is there."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name }).then(() => null)",
            name,
        )
        light = "true" if "Light" in name else "false"
        self.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)

    def picture(self, name: str) -> None:
        """The page in light and dark."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for theme, suffix in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
            self.theme(theme)
            self.page.wait_for_timeout(400)  # fonts and fades: a picture has no event to wait for
            self.page.screenshot(path=str(PICTURES / f"{name}-{suffix}.png"))


def opened(browser: BrowserContext, lab: Lab, path: str = "lab") -> View:
    """JupyterLab, loaded and restored, in a page of its own."""
    page = browser.new_page()
    view = View(page, lab, [])

    def heard(message: ConsoleMessage) -> None:
        ours = message.type == "error" and "mlplat" in f"{message.text} {message.location}"
        said = f"{message.text} {message.location.get('url', '')}"
        if ours and not GONE.search(said) and not any(noise in message.text for noise in NOISE):
            view.errors.append(said)

    def thrown(error: Error) -> None:
        if "extensions/jupyter_mlplat" in (error.stack or "") or not any(own in str(error) for own in OF_JUPYTERLAB):
            view.errors.append(f"{error} {error.stack}")

    page.on("console", heard)
    page.on("pageerror", thrown)
    page.goto(f"{lab.url}{path}?token={lab.token}&reset")
    view.wait_until_loaded()
    return view


def closed(view: View) -> None:
    """Close a page, and forget what the browser has stored for it but scripts; an error of ours fails the test."""
    if not view.page.is_closed():
        session = view.page.context.new_cdp_session(view.page)
        kept = {"origin": view.lab.url.rstrip("/"), "storageTypes": "cookies,local_storage,indexeddb,websql"}
        session.send("Storage.clearDataForOrigin", kept)
        view.page.close()
    assert not view.errors, view.errors


@pytest.fixture
def view(browser: BrowserContext, lab: Lab) -> Iterator[View]:
    """A page of its own for the test; an error in its console that is ours fails the test."""
    made = opened(browser, lab)
    yield made
    closed(made)


@pytest.fixture
def second_view(browser: BrowserContext, lab: Lab) -> Iterator[Callable[[], View]]:
    """More pages on the same server, each in a workspace of its own: one in use makes JupyterLab load a page again."""
    made: list[View] = []

    def another() -> View:
        made.append(opened(browser, lab, f"lab/workspaces/second{len(made)}"))
        return made[-1]

    yield another
    for each in made:
        each.page.close()
