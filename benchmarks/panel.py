"""What somebody waits for in JupyterLab among 100,000 runs, against MLflow's own page: panel, table, comparison.

    python benchmarks/panel.py [--runs 100000] [--rounds 5]

Makes an MLflow database on SQLite with so many runs, and 100 runs more that have a curve of 10,000 points each; starts
a Jupyter server and MLflow's on it, and looks at both with Chromium, in turn. Measured in the page, from the command to
the picture that has it: the panel until its list has runs (goal 300 ms), the table of runs until its first rows (ours
and MLflow's, both with the page loaded), the comparison of 100 curves until all of them are drawn (goal 300 ms), and
until the browser has painted them, which takes longer where there is no graphics card.
MLflow's page compares the same runs; it draws ten of them unless one asks for more.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import secrets
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

from jupyter_mlplat.home import Home
from jupyter_mlplat.platform import Platform

CHROMIUM = "/usr/bin/chromium"
PANEL_GOAL_MS = DRAWN_GOAL_MS = 300.0
CURVES, POINTS = 100, 10_000
PATIENCE_MS = 120_000.0


def fill(path: Path, count: int) -> list[str]:
    """Runs with metrics and parameters, as MLflow would have written them; returns those that have curves."""
    dice = random.Random(1)
    ids = [uuid.UUID(int=dice.getrandbits(128)).hex for _ in range(count + CURVES)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'UNKNOWN', '', '', 'u', 'FINISHED', ?, ?, '', 'active', 'file:///none', 0)",
            ((id, f"run-{n}", 1_790_000_000_000 + n, 1_790_000_000_500 + n) for n, id in enumerate(ids)),
        )
        connection.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 1, 0, 0, ?)",
            ((f"m{n}", dice.random(), id) for id in ids for n in range(10)),
        )
        connection.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            ((f"p{n}", dice.choice(["1", "2", "3", "a", "bb"]), id) for id in ids for n in range(10)),
        )
        connection.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)",
            ((f"run-{n}", id) for n, id in enumerate(ids)),
        )
        drawn = ids[-CURVES:]
        for table, steps in (("metrics", range(POINTS)), ("latest_metrics", range(POINTS - 1, POINTS))):
            connection.executemany(
                f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid) VALUES ('loss', ?, ?, ?, 0, ?)",
                (
                    (math.exp(-step / 3000) + dice.random() / 10, 1_790_000_000_000 + step, step, id)
                    for id in drawn
                    for step in steps
                ),
            )
    return drawn


@contextmanager
def server(command: list[str], url: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A program that answers at `url` while the block runs."""
    with open(folder / f"{command[2]}.log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urlopen(url, timeout=5).close()
                break
            except (URLError, ConnectionError, TimeoutError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[2]} does not answer; see {folder}") from None
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# Two frames after what is waited for is there: then the browser has painted it.
MEASURED = """
async ([begin, there, patience]) => {
    const started = performance.now();
    await new Function(`return (${begin})()`)();
    const seen = new Function(`return (${there})()`);
    while (!seen()) {
        await new Promise(done => requestAnimationFrame(done));
        if (performance.now() - started > patience) {
            throw new Error('it did not come');
        }
    }
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const [chart] = performance.getEntriesByName('mlplat:chart');
    return [chart ? chart.startTime + chart.duration - started : null, performance.now() - started];
}
"""


def took(page: Page, begin: str, there: str) -> tuple[float | None, float]:
    """Milliseconds in the page from what `begin` does, until the first chart is drawn, and until `there` is painted.

    `begin` and `there` are JavaScript functions.
    """
    drawn, painted = page.evaluate(MEASURED, [begin, there, PATIENCE_MS])
    return drawn, painted


def command(name: str, arguments: str = "{}") -> str:
    return f"() => {{ void window.jupyterapp.commands.execute('{name}', {arguments}); }}"


def ours(page: Page, url: str, ids: list[str], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"panel": [], "table": [], "compared": [], "painted": []}
    close = "() => window.jupyterapp.commands.execute('application:close-all').then(() => null)"
    arguments = f"{{ ids: {ids!r} }}"
    rows = ".jp-mlplat-runScroll tr[data-run]"
    for _ in range(rounds):
        page.goto(url)
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=PATIENCE_MS)
        page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        page.wait_for_timeout(2000)
        listed = "() => /run-\\d+/.test(document.querySelector('#jp-mlplat-panel')?.textContent ?? '')"
        found["panel"].append(took(page, command("mlplat:open-panel"), listed)[1])
        there = f"() => document.querySelector('{rows}') !== null"
        found["table"].append(took(page, command("mlplat:open-runs"), there)[1])
        page.evaluate(close)
        drawn = "() => performance.getEntriesByName('mlplat:chart').length > 0"
        page.evaluate("() => performance.clearMeasures('mlplat:chart')")
        compared, painted = took(page, command("mlplat:compare-runs", arguments), drawn)
        assert compared is not None
        found["compared"].append(compared)
        found["painted"].append(painted)
        page.evaluate(close)
    return found


def theirs(page: Page, url: str, ids: list[str], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"table": [], "compared": []}
    listed = "() => /run-\\d+/.test(document.body.textContent)"
    compare = f"{url}#/compare-runs?runs={str(ids).replace(chr(39), chr(34))}&experiments=[%220%22]"

    def shown(address: str, there: str) -> float:
        began = time.perf_counter()
        page.goto(address)
        page.wait_for_function(there, timeout=PATIENCE_MS)
        return (time.perf_counter() - began) * 1000

    for _ in range(rounds):
        page.goto("about:blank")
        shown(f"{url}#/", "() => document.body.textContent.length > 200")
        found["table"].append(shown(f"{url}#/experiments/0/runs", listed))
        page.goto("about:blank")
        shown(f"{url}#/", "() => document.body.textContent.length > 200")
        found["compared"].append(shown(compare, "() => document.querySelector('.plotly, .js-plotly-plot') !== null"))
    return found


def line(what: str, times: list[float] | None, goal: float | None = None) -> bool:
    if not times:
        print(f"{what:52} {'-':>9}")
        return False
    median = statistics.median(times)
    late = goal is not None and median > goal
    print(
        f"{what:52} {median:9.0f} {max(times):9.0f}"
        + (f"   goal {goal:.0f}" if goal else "")
        + (" MISSED" if late else "")
    )
    return late


def attempt(measure: Callable[[], dict[str, list[float]]]) -> dict[str, list[float]]:
    """A page of somebody else's may change: what it does not show any more is missing, and ours is measured."""
    try:
        return measure()
    except Exception as error:  # noqa: BLE001
        print(f"MLflow's page was not measured: {str(error).splitlines()[0]}")
        return {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlplat-bench-") as name, sync_playwright() as driver:
        folder = Path(name)
        home = Home(folder / "mlplat").ensure()
        with closing(Platform(home_dir=str(home.root))) as platform:
            platform.runs.client()
        ids = fill(home.mlflow_database, args.runs)
        token, ports = secrets.token_hex(16), (free_port(), free_port())
        environment = {
            **{
                key: value for key, value in os.environ.items() if not key.startswith(("MLPLAT_", "MLFLOW_", "JUPYTER"))
            },
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "MLPLAT_HOME": str(home.root),
            "JUPYTER_TOKEN": token,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        lab = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={ports[0]}"]
        lab += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
        lab += ["--ServerApp.tornado_settings={'page_config_data': {'buildCheck': False, 'buildAvailable': False}}"]
        mlflow = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(ports[1])]
        mlflow += ["--workers", "1", "--backend-store-uri", f"sqlite:///{home.mlflow_database}"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1360, "height": 860})
        address = f"http://127.0.0.1:{ports[0]}/lab?token={token}&reset"
        with server(lab, f"http://127.0.0.1:{ports[0]}/api?token={token}", folder, environment):
            urlopen(f"http://127.0.0.1:{ports[0]}/mlplat/api/v1/runs?limit=1&token={token}", timeout=300).close()
            mine = ours(page, address, ids, args.rounds)
        with server(mlflow, f"http://127.0.0.1:{ports[1]}/health", folder, environment):
            other = attempt(lambda: theirs(page, f"http://127.0.0.1:{ports[1]}/", ids, args.rounds))
        browser.close()
    print(f"jupyter_mlplat {version('jupyter_mlplat')}, jupyterlab {version('jupyterlab')}, "
          f"mlflow {version('mlflow')}, "
          f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; {args.runs} runs, {args.rounds} rounds")  # fmt: skip
    print(f"{'':52} {'median ms':>9} {'worst':>9}")
    missed = [
        line("the panel, until its list has runs", mine["panel"], PANEL_GOAL_MS),
        line("the table of runs, until its first rows", mine["table"]),
        line("  MLflow's page", other.get("table")),
        line(f"{CURVES} curves of {POINTS} points, until all are drawn", mine["compared"], DRAWN_GOAL_MS),
        line("  until the browser has painted them", mine["painted"]),
        line("  MLflow's page, until it draws anything", other.get("compared")),
    ]
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
