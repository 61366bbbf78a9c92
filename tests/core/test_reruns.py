"""What a run ran, once more: the notebook as it was, with the parameters that it had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlplat.attempts import GIVEN_TAG
from jupyter_mlplat.errors import Conflict, Invalid, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import JobSpec
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.jobs import JobsService, Reruns
from jupyter_mlplat.services.jobs.rows import SUBMITTED
from jupyter_mlplat.store import tables


@pytest.fixture
def jobs(platform: Platform, home: Home) -> JobsService:
    """Without an engine."""
    return JobsService(platform.store, home, platform.clock, lambda: None, backend="local", slots=1)


@pytest.fixture
def reruns(platform: Platform, home: Home, jobs: JobsService) -> Reruns:
    return Reruns(home, jobs, platform.runs)


def executed(cell: str = "x: int = 1\nwords: str | None = None\nmany: list[int] = []", **metadata: Any) -> str:
    made = nbformat.v4.new_notebook(metadata=metadata)
    tagged = {"tags": ["parameters"]}, {"tags": ["injected-parameters"]}
    made.cells = [
        nbformat.v4.new_code_cell(cell, metadata=tagged[0]),
        nbformat.v4.new_code_cell("x = 7", metadata=tagged[1]),
        nbformat.v4.new_code_cell("print(x)", outputs=[nbformat.v4.new_output("stream", text="7")]),
    ]
    return str(nbformat.writes(made))


def make(platform: Platform, notebook: str | None, source: Path | str, *, tags: Any = None, **parameters: Any) -> str:
    client = platform.runs.client()
    tags = {"mlflow.source.name": str(source), **(tags or {})}
    run = str(client.create_run("0", run_name="the run", tags=tags).info.run_id)
    for name, value in parameters.items():
        client.log_param(run, name, value)
    if notebook is not None:
        client.log_text(run, notebook, "notebook/train.ipynb")
    client.set_terminated(run)
    return run


def row(platform: Platform, job_id: str) -> Any:
    with platform.store.read() as connection:
        return connection.execute(tables.jobs.select().where(tables.jobs.c.id == int(job_id))).one()


def test_a_run_without_a_job_is_run_as_its_parameters_say(platform: Platform, reruns: Reruns, tmp_path: Path) -> None:
    source = tmp_path / "gone.ipynb"  # the folder is there; the notebook was renamed since
    run = make(platform, executed(), source, x="7", words="plain text", many="[1, 2]", elsewhere="0.5")
    job = reruns.submit(run, owner="mia")
    assert (job.name, job.notebook, job.owner) == ("the run", str(source), "mia")
    assert job.parameters == {"x": 7, "words": "plain text", "many": [1, 2]}
    copy = json.loads((Path(row(platform, job.id).folder) / SUBMITTED).read_text())
    assert [cell["outputs"] for cell in copy["cells"]] == [[], [], []]
    assert "".join(copy["cells"][-1]["source"]) == "print(x)"


def test_what_a_job_was_given_comes_back_as_it_was(platform: Platform, reruns: Reruns, tmp_path: Path) -> None:
    given = {"x": 3, "words": "4", "many": []}
    tags = {"mlplat.job_id": "99999", GIVEN_TAG: json.dumps(given)}
    job = reruns.submit(make(platform, executed(), tmp_path / "a.ipynb", tags=tags, x="3", words="4"), owner="mia")
    assert job.parameters == given


def test_the_options_of_its_job_are_kept_where_that_is_there(
    platform: Platform, reruns: Reruns, jobs: JobsService, tmp_path: Path
) -> None:
    path = tmp_path / "train.ipynb"
    path.write_text(executed())
    first = jobs.submit(JobSpec(notebook=str(path), parameters={"x": 5}, timeout=77, priority=3), owner="mia")
    run = make(platform, executed(), path, tags={"mlplat.job_id": first.id})
    with pytest.raises(Conflict, match=f"job {first.id} is queued"):
        reruns.submit(run, owner="mia")
    with platform.store.write() as transaction:
        transaction.connection.execute(tables.jobs.update().values(state="succeeded"))
    path.write_text(executed("y = 1"))
    again = reruns.submit(run, owner="mia")
    assert (again.retry_of, again.parameters) == (first.id, {"x": 5})
    assert (row(platform, again.id).timeout, row(platform, again.id).priority) == (77, 3)


def test_what_cannot_be_run_again_says_why(platform: Platform, reruns: Reruns, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no run"):
        reruns.submit("0" * 32, owner="mia")
    with pytest.raises(NotFound, match="has kept no notebook"):
        reruns.submit(make(platform, None, tmp_path / "a.ipynb"), owner="mia")
    for source in (tmp_path / "no folder" / "a.ipynb", "a.ipynb", "", "\0", f"/{'x' * 5000}/a.ipynb"):
        run = make(platform, executed(), source)
        with pytest.raises(Conflict, match="the folder in which run") as caught:
            reruns.submit(run, owner="mia")
        assert f"runs notebook {run}" in str(caught.value.hint)
    for wrong in ("{", "[]", '{"nbformat": 3}', "x" * 10):
        with pytest.raises(Invalid, match="notebook"):
            reruns.submit(make(platform, wrong, tmp_path / "a.ipynb"), owner="mia")
    with pytest.raises(Invalid, match="x"):
        reruns.submit(make(platform, executed(), tmp_path / "a.ipynb", x="many"), owner="mia")


def test_no_run_says_where_a_server_runs_its_notebooks(platform: Platform, reruns: Reruns, tmp_path: Path) -> None:
    """Whoever may write runs is not who may run something outside of the folder that is served."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    for source in (outside / "a.ipynb", root / "link" / "a.ipynb", root / ".." / "outside" / "a.ipynb"):
        with pytest.raises(Conflict, match="not one that this server serves"):
            reruns.submit(make(platform, executed(), source), owner="mia", within=root)
    assert reruns.submit(make(platform, executed(), root / "a.ipynb"), owner="mia", within=root).state == "queued"
