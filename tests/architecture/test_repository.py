"""What is committed: nothing that is built, nothing of one machine, nothing stale."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = re.compile(
    r"(^|/)(node_modules|lib|dist|build|__pycache__|\.venv|[^/]+\.egg-info|\.yarn|\.ipynb_checkpoints|mlruns)/"
    r"|\.(pyc|tsbuildinfo|whl|db|db-wal|db-shm|log)$"
)
DOWNLOADS = re.compile(
    r"|".join(["pythonhosted", r"pypi\.org", r"download\.pytorch", r"registry\.[a-z]+\.(?:org|com)"])
)


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    """Every file of the repository, the new ones too."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="ignore")


def test_nothing_that_is_built_is_committed(committed: list[Path]) -> None:
    assert [str(path) for path in committed if BUILT.search(path.relative_to(ROOT).as_posix())] == []


def test_no_file_names_a_download_host(committed: list[Path]) -> None:
    found = [f"{path}: {match.group()}" for path in committed for match in DOWNLOADS.finditer(text_of(path))]
    assert [line for line in found if not line.startswith(__file__)] == []


def test_no_file_names_a_folder_of_this_machine(committed: list[Path]) -> None:
    names = [f"{ROOT}/"] if ROOT.parent != ROOT else []
    assert [str(path) for path in committed if any(name in text_of(path) for name in names)] == []


def test_the_version_is_in_package_json_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    assert "version" not in project


def test_types_ts_is_what_models_py_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate_types.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr + "run `make types`"


def test_the_locks_meet_the_requirements() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/check_locks.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_a_version_and_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text())[1:]
    assert len(entries) > 100
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -e", 'cd "$(dirname "$0")/.."', "exec make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "make test" in (ROOT / "README.md").read_text()


def test_no_module_has_a_name_that_says_nothing(committed: list[Path]) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in committed if path.stem in vague] == []
