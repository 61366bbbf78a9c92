"""The wheel: built from the source distribution, installed where there is no Node.js, and complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = json.loads((ROOT / "package.json").read_text())["version"]
UV_CACHE = os.environ.get("UV_CACHE_DIR") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "uv"
)
"""Read here, before the tests get a home of their own: what is downloaded once is enough."""


def environment_of_uv() -> dict[str, str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "UV_CACHE_DIR": UV_CACHE, "PATH": programs}


def run(*command: str | Path, env: dict[str, str], cwd: Path = ROOT) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist, and the wheel that was built from it."""
    assert (ROOT / "labextension/build/package.json").exists(), "the front end is not built: run `make setup`"
    folder = tmp_path_factory.mktemp("dist")
    python = Path(sys.executable)
    run("uv", "build", "--quiet", "--no-build-isolation", "--python", python, "-o", folder, env=environment_of_uv())
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the wheel and what it needs, and no more."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    run(ROOT / "scripts/setup", "wheel", folder, wheel, env=environment_of_uv())
    return folder / "bin"


def test_the_wheel_has_all_that_is_needed_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = f"jupyter_mlplat-{VERSION}.data/data"
    shared = f"{data}/share/jupyter/labextensions/jupyter-mlplat"
    for name in (
        "jupyter_mlplat/__init__.py",
        "jupyter_mlplat/py.typed",
        "jupyter_mlplat/store/migrations/versions/0001_first.py",
        "jupyter_mlplat/store/migrations/env.py",
        "jupyter_mlplat/server/events/changed.yaml",
        "jupyter_mlplat/templates/train_classifier.ipynb",
        "jupyter_mlplat/templates/pipeline/pipeline.yaml",
        "jupyter_mlplat/templates/pipeline/prepare.ipynb",
        f"{data}/etc/jupyter/jupyter_server_config.d/jupyter_mlplat.json",
        f"{shared}/package.json",
        f"{shared}/install.json",
        f"{shared}/schemas/jupyter-mlplat/package.json.orig",
        f"jupyter_mlplat-{VERSION}.dist-info/licenses/LICENSE",
    ):
        assert name in names
    assert any(re.match(rf"{shared}/static/remoteEntry\..*js", name) for name in names)
    tops = {name.split("/")[0] for name in names}
    assert tops == {"jupyter_mlplat", f"jupyter_mlplat-{VERSION}.data", f"jupyter_mlplat-{VERSION}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".ts", ".tsx"))]


def test_the_source_distribution_has_the_sources_and_the_built_front_end(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("pyproject.toml", "package.json", "yarn.lock", "src/index.ts", "labextension/build/package.json"):
        assert name in names
    assert not [name for name in names if name.startswith((".venv", "node_modules", "lib/", ".git/"))]


def test_an_environment_without_node_has_both_extensions(installed: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NODE", "VIRTUAL"))}
    environment["PATH"] = str(installed)
    shown = run(installed / "jupyter", "labextension", "list", env=environment, cwd=tmp_path)
    assert re.search(rf"jupyter-mlplat v{re.escape(VERSION)}.*enabled.*OK", shown), shown
    shown = run(installed / "jupyter", "server", "extension", "list", env=environment, cwd=tmp_path)
    assert re.search(r"jupyter_mlplat.*enabled", shown), shown
    assert re.search(rf"jupyter_mlplat {re.escape(VERSION)}.*OK", shown), shown


def test_the_installed_command_works(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(installed)}
    assert "usage: jupyter mlplat" in run(installed / "jupyter", "mlplat", "--help", env=environment, cwd=tmp_path)
    assert run(installed / "jupyter", "mlplat", "--version", env=environment, cwd=tmp_path).strip() == VERSION
    shown = run(installed / "jupyter", "mlplat", "jobs", "list", "--json", env=environment, cwd=tmp_path)
    assert json.loads(shown) == {"items": [], "next": None}
