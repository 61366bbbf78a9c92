"""A server start pays for nothing of the platform; the platform comes when it is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .running import RunningServer

HEAVY = frozenset(
    {"mlflow", "dask", "distributed", "torch", "evidently", "optuna", "papermill", "pandas", "sklearn", "duckdb"}
    | {"kubernetes", "pynvml", "sqlalchemy", "alembic", "pydantic", "numpy", "nbconvert", "psycopg"}
)

START = """
import asyncio, json, sys
from jupyter_server.serverapp import ServerApp

async def main():
    app = ServerApp.instance()
    app.initialize(sys.argv[1:])
    assert "jupyter_mlplat" in app.extension_manager.extension_points
    print(json.dumps([name for name in sys.modules if "." not in name]))
    sys.stdout.flush()
    import os
    os._exit(0)

asyncio.run(main())
"""


def modules_after_start(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", START, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", *arguments],
        env=dict(os.environ),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_start_imports_nothing_heavy(home: Any, tmp_path: Path) -> None:
    with_us = modules_after_start(
        "--ServerApp.jpserver_extensions=jupyter_mlplat=True", f"--ServerApp.root_dir={tmp_path}"
    )
    assert "jupyter_mlplat" in with_us
    assert not with_us & HEAVY, sorted(with_us & HEAVY)
    assert not home.database.exists(), "the start opened the store"


def test_importing_the_package_and_its_extension_points_is_light() -> None:
    code = (
        "import sys, jupyter_mlplat; before = set(sys.modules)\n"
        "points = jupyter_mlplat._jupyter_server_extension_points()\n"
        "assert points[0]['module'] == 'jupyter_mlplat' and points[0]['app'].name == 'jupyter_mlplat'\n"
        "print(' '.join(name for name in sys.modules if '.' not in name)); print(*[n for n in before if '.' not in n])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    after, before = (set(line.split()) for line in done.stdout.splitlines())
    assert not (after | before) & HEAVY
    assert "tornado" not in before, "the package itself imports no server"


def test_a_real_server_answers_tells_its_version_and_lets_go_of_everything(home: Any, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with RunningServer(tmp_path, log=log) as server:
        server.wait_until_it_answers()
        status, said = server.ask("GET", "status")
        assert status == 200, said
        assert said["home"] == str(home.root)
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 10
        assert server.process.returncode == 0, log.read_text()
    text = log.read_text()
    assert "Traceback" not in text, text
    assert "Error" not in text, text


def test_the_extension_is_enabled_where_the_package_is_installed() -> None:
    source = Path(__file__).parents[2] / "jupyter_mlplat" / "server" / "extension.json"
    assert json.loads(source.read_text()) == {"ServerApp": {"jpserver_extensions": {"jupyter_mlplat": True}}}
