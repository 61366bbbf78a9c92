"""What a run was made of: the commit, what was not committed, the packages, the cells as they ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from jupyter_mlplat.models import SweepSpec
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.provenance import MAX_DIFF, commit_of, diff_of, lock_of, packages

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Calls git in a repository with one commit of `code.py`."""
    folder = tmp_path / "repository"
    folder.mkdir()
    own = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    named = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]

    def call(*words: str, where: Path = folder) -> str:
        done = subprocess.run(
            ["git", *named, *words], cwd=where, env={**os.environ, **own}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    call("init", "-b", "main")
    (folder / "code.py").write_text("x = 1\n")
    call("add", ".")
    call("commit", "-m", "first")
    return call


@pytest.fixture
def repository(git: Git, tmp_path: Path) -> Path:
    return tmp_path / "repository"


def test_the_commit_is_the_one_that_git_names(git: Git, repository: Path) -> None:
    commit = git("rev-parse", "HEAD")
    (repository / "deep" / "er").mkdir(parents=True)
    for place in (repository, repository / "deep" / "er"):
        assert commit_of(place) == {"mlflow.source.git.commit": commit, "mlflow.source.git.branch": "main"}
    git("pack-refs", "--all")
    assert not (repository / ".git/refs/heads/main").exists()
    assert commit_of(repository)["mlflow.source.git.commit"] == commit
    git("checkout", "--detach")
    assert commit_of(repository) == {"mlflow.source.git.commit": commit}


def test_a_work_tree_has_its_own_commit(git: Git, repository: Path, tmp_path: Path) -> None:
    git("worktree", "add", "-b", "try/this", str(tmp_path / "beside"))
    (tmp_path / "beside" / "code.py").write_text("x = 2\n")
    git("commit", "-am", "second", where=tmp_path / "beside")
    assert commit_of(tmp_path / "beside") == {
        "mlflow.source.git.commit": git("rev-parse", "try/this"),
        "mlflow.source.git.branch": "try/this",
    }
    assert commit_of(repository)["mlflow.source.git.commit"] == git("rev-parse", "main")


def test_no_password_of_the_origin_is_kept(git: Git, repository: Path) -> None:
    git("remote", "add", "origin", "https://ada:hush@example.org/team/code.git")
    assert commit_of(repository)["mlflow.source.git.repoURL"] == "https://example.org/team/code.git"
    git("remote", "set-url", "origin", "git@example.org:team/code.git")
    assert commit_of(repository)["mlflow.source.git.repoURL"] == "git@example.org:team/code.git"


@pytest.mark.parametrize("head", ["", "ref: refs/heads/none", "ref: ../../../etc/passwd", "ref: /etc/passwd", "\udcff"])
def test_a_head_that_names_no_commit_gives_none(repository: Path, head: str) -> None:
    (repository / ".git/HEAD").write_bytes(head.encode("utf-8", "surrogateescape"))
    assert commit_of(repository) == {}
    assert diff_of(repository) is None


def test_outside_of_a_repository_there_is_nothing(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == {}
    assert diff_of(tmp_path) is None
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert commit_of(tmp_path) == {}


def test_a_clean_work_tree_has_no_diff(repository: Path) -> None:
    assert diff_of(repository) is None


def test_the_diff_can_be_applied_and_names_what_git_does_not_know(git: Git, repository: Path) -> None:
    (repository / "code.py").write_text("x = 2  # ∂\n")
    (repository / "new\nname.py").write_text("")
    (repository / "note.ipynb").write_text("{}")
    (repository / "deep").mkdir()
    diff = diff_of(repository / "deep")
    assert diff is not None
    assert "+x = 2  # ∂" in diff
    assert '# not in git: "new\\nname.py"' in diff
    assert "ipynb" not in diff
    git("checkout", "code.py")
    (repository / "kept.diff").write_text(diff)
    git("apply", "kept.diff")
    assert (repository / "code.py").read_text() == "x = 2  # ∂\n"


def test_a_large_diff_is_cut(git: Git, repository: Path) -> None:
    (repository / "code.py").write_text("".join(f"x = {number}\n" for number in range(400_000)))
    diff = diff_of(repository)
    assert diff is not None
    assert len(diff) < MAX_DIFF + 100
    assert diff.endswith("# cut: it has more than 1 MiB\n")


def test_a_repository_starts_nothing_of_its_own(git: Git, repository: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {started}\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "diff.own.textconv", "diff.own.command", "core.pager"):
        git("config", name, str(script))
    (repository / ".gitattributes").write_text("*.py diff=own\n")
    (repository / "code.py").write_text("x = 2\n")
    assert "+x = 2" in str(diff_of(repository))
    assert not started.exists()


def test_the_packages_are_a_requirements_file() -> None:
    lock = lock_of("3.11.7", packages(sys.path))
    assert lock.startswith("# Python 3.11.7\n")
    assert "\nmlflow==" in lock


def test_a_run_of_a_notebook_keeps_the_cells_in_the_order_in_which_they_ran(
    git: Git, repository: Path, platform: Platform
) -> None:
    (repository / "code.py").write_text("x = 3\n")
    commit = git("rev-parse", "HEAD")
    platform.runs.prepare()
    program = """
import os, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in ("a = 1", "import mlflow", "mlflow.start_run(run_name='first'); mlflow.log_metric('m', 1)", "a + 1",
             "mlflow.end_run()", "with mlflow.start_run(run_name='second'): pass"):
    shell.run_cell(cell, store_history=True)
"""
    environment = {
        **os.environ, **platform.environment(), "JPY_SESSION_NAME": str(repository / "explore.ipynb"),
        "IPYTHONDIR": str(repository.parent / "ipython"), "MLPLAT_LEASE": "7", "CUDA_VISIBLE_DEVICES": "GPU-1",
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", program], cwd=repository, env=environment, check=True, timeout=120)
    second, first = (platform.runs.get(run.id) for run in platform.runs.list().items)
    assert (first.name, second.name) == ("first", "second")
    for run in (first, second):
        assert run.tags["mlflow.source.git.commit"] == commit
        assert run.tags["mlflow.source.name"] == str(repository / "explore.ipynb")
        assert (run.tags["mlplat.lease"], run.tags["mlplat.gpus"]) == ("7", "GPU-1")
        assert run.artifacts == ["notebook", "provenance"]
    client = platform.runs.client()
    notebook = json.loads(Path(client.download_artifacts(first.id, "notebook/explore.ipynb")).read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert sources[:2] == ["a = 1", "import mlflow"]
    assert sources[-1] == "mlflow.end_run()"
    nbformat.validate(nbformat.from_dict(notebook))
    assert "+x = 3" in Path(client.download_artifacts(first.id, "provenance/uncommitted.diff")).read_text()
    assert "mlflow==" in Path(client.download_artifacts(second.id, "provenance/requirements.txt")).read_text()


def test_the_run_of_a_job_has_what_it_was_made_of(git: Git, repository: Path, platform: Platform) -> None:
    cells = [
        nbformat.v4.new_code_cell("x = 0", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import mlflow\nmlflow.log_metric('m', x)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), repository / "train.ipynb")
    (repository / "code.py").write_text("x = 4\n")
    spec = SweepSpec(notebook=str(repository / "train.ipynb"), space={"x": [1]}, metric="m")
    sweep = platform.sweeps.create(spec, owner="ada")
    sweep = platform.sweeps.wait(sweep.id, timeout=120)
    assert sweep.state == "succeeded", sweep.message
    run = platform.runs.get(str(platform.jobs.get(sweep.points[0].job_id).run_id))
    assert run.tags["mlflow.source.git.commit"] == git("rev-parse", "HEAD")
    assert run.tags["mlplat.sweep_id"] == sweep.id
    assert run.artifacts == ["notebook", "provenance"]
    kept = Path(platform.runs.client().download_artifacts(run.id, "provenance"))
    assert "+x = 4" in (kept / "uncommitted.diff").read_text()
    assert "mlflow==" in (kept / "requirements.txt").read_text()
