"""`%mlplat` in an IPython shell: values, looks, errors, variables, completion."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from jupyter_mlplat.errors import Invalid, NotFound
from jupyter_mlplat.magics import expand
from jupyter_mlplat.models import Job
from jupyter_mlplat.platform import Platform


@pytest.fixture
def shell(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell of its own with the extension loaded."""
    for name in ("MLFLOW_TRACKING_URI", "_MLFLOW_SERVER_ARTIFACT_ROOT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    made = InteractiveShell()
    made.run_cell("%load_ext jupyter_mlplat").raise_error()
    yield made
    made.run_cell("%unload_ext jupyter_mlplat").raise_error()
    made.history_manager.end_session()


def run(shell: InteractiveShell, cell: str) -> Any:
    """The value of a cell; raises what it raised."""
    done: ExecutionResult = shell.run_cell(cell)
    done.raise_error()
    return done.result


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    made = nbformat.v4.new_notebook()
    made.cells = [
        nbformat.v4.new_code_cell("alpha: float = 0.5\nlayers: list = [1]", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print('alpha is', alpha, layers)"),
    ]
    path = tmp_path / "my notebook.ipynb"
    nbformat.write(made, path)
    return path


def test_loading_sets_the_tracking_uri_where_it_is_not_set(shell: InteractiveShell, platform: Platform) -> None:
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{platform.home.mlflow_database}"
    assert os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] == platform.home.artifacts.as_uri()


def test_loading_keeps_a_tracking_uri_that_is_set(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    made = InteractiveShell()
    made.run_cell("%load_ext jupyter_mlplat").raise_error()
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:1"
    assert "_MLFLOW_SERVER_ARTIFACT_ROOT" not in os.environ
    made.history_manager.end_session()


def test_importing_sets_nothing(platform: Platform) -> None:
    before = dict(os.environ)
    import jupyter_mlplat

    assert jupyter_mlplat.jobs.list().items == []
    assert dict(os.environ) == before


def test_a_list_is_a_list_of_models_and_shows_itself_as_a_table(
    shell: InteractiveShell, platform: Platform, notebook: Path
) -> None:
    run(shell, f"path = {str(notebook)!r}")
    job = run(shell, "job = %mlplat jobs run {path} --wait -p alpha=0.25 -p layers=[1,2]\njob")
    assert isinstance(job, Job)
    assert (job.state, job.parameters) == ("succeeded", {"alpha": 0.25, "layers": [1, 2]})

    jobs = run(shell, "jobs = %mlplat jobs list\njobs")
    assert [one.id for one in jobs] == [job.id]
    assert isinstance(jobs, list)
    assert jobs.next is None
    shown, _ = shell.display_formatter.format(jobs)
    assert "<table>" in shown["text/html"]
    assert "succeeded" in shown["text/html"]
    assert shown["text/plain"].splitlines()[0].split()[:3] == ["ID", "NAME", "STATE"]

    shown, _ = shell.display_formatter.format(job)
    assert "<table>" in shown["text/html"]
    assert "succeeded" in shown["text/plain"]

    assert "alpha is 0.25 [1, 2]" in run(shell, "%mlplat jobs logs {job.id}").text
    as_json = run(shell, "%mlplat jobs show {jobs[0].id} --json")
    assert as_json["id"] == job.id
    assert as_json["cells"][0]["state"] == "ok"


def test_an_error_is_two_lines_and_no_traceback(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFound):
        run(shell, "%mlplat jobs show 99")
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert "error: no job has the id '99'" in text
    assert "hint: see them: jupyter mlplat jobs list" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%mlplat jbos list", "there is no command 'jbos'"),
        ("%mlplat jobs show 'a", "the line cannot be read: no closing quotation"),
        ("%mlplat scheduler", "scheduler does not end, so a notebook cannot run it"),
        ("%%mlplat walk\n1", "%%mlplat walk: only run takes a cell"),
        ("%%mlplat\n1", "%%mlplat: only run takes a cell"),
        ("%%mlplat run --nam x\n1", "run has no option --nam"),
    ],
)
def test_usage_errors(shell: InteractiveShell, cell: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        run(shell, cell)
    assert caught.value.message.startswith(message)


def test_help(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shell, "%mlplat --help") is None
    assert "jobs run" in capsys.readouterr().out
    assert run(shell, "%mlplat jobs run --help") is None
    assert "--cell-timeout" in capsys.readouterr().out
    assert run(shell, "%%mlplat run --help\n1") is None
    assert "--experiment" in capsys.readouterr().out


class Thing:
    id = "7"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("{x}", "5"),
        ("$x", "5"),
        ("a={x}", "a=5"),
        ("{thing.id}", "7"),
        ("{rows[1]}", "two"),
        ("{settings}", '{"a": [1, true]}'),
        ("{settings['a']}", "[1, true]"),
        ("{nothing}", "{nothing}"),
        ("$nothing", "$nothing"),
        ('{"a": 5}', '{"a": 5}'),
        ('p={"x": 5}', 'p={"x": 5}'),
        ("{x + 1}", "{x + 1}"),
        ("{}", "{}"),
        ("metrics.auc > 0.9", "metrics.auc > 0.9"),
    ],
)
def test_variables(word: str, expected: str) -> None:
    namespace = {"x": 5, "thing": Thing(), "rows": ["one", "two"], "settings": {"a": [1, True]}}
    assert expand([word], namespace) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%mlplat jo", ["jobs"]),
        ("%mlplat ", ["jobs", "runs", "models", "deployments", "features", "drift", "gpus", "status", "demo", "stop"]),
        ("%mlplat jobs l", ["list", "logs"]),
        ("jobs = %mlplat jobs li", ["list"]),
        ("%mlplat jobs run --cell", ["--cell-timeout"]),
        ("%mlplat stop --j", ["--jobs", "--json"]),
        ("%mlplat re", ["restore"]),
        ("%mlplat restore --", ["--list", "--overwrite", "--from", "--help"]),
    ],
)
def test_completion(shell: InteractiveShell, line: str, expected: list[str]) -> None:
    _, found = shell.complete(None, line, len(line))
    assert set(expected) <= set(found)


def test_a_cell_as_a_run(shell: InteractiveShell, platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    value = run(
        shell,
        "%%mlplat run --name 'first try' --experiment cells\n"
        "import mlflow\nmlflow.log_metric('loss', 0.5)\nfrom_cell = 41\nfrom_cell + 1",
    )
    assert value == 42
    assert shell.user_ns["from_cell"] == 41
    found = platform.runs.list(experiment="cells").items
    assert [(one.name, one.status, one.metrics) for one in found] == [("first try", "FINISHED", {"loss": 0.5})]
    detail = platform.runs.get(found[0].id)
    assert "cell.py" in detail.artifacts
    assert detail.owner == platform.user
    out = capsys.readouterr().out
    assert "42" in out
    assert found[0].id in out


def test_a_cell_that_fails_is_a_failed_run_and_still_fails(
    shell: InteractiveShell, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        run(shell, "%%mlplat run --name broken\nimport mlflow\nmlflow.log_metric('before', 1)\n1 / 0")
    assert "ZeroDivisionError" in capsys.readouterr().out
    (found,) = platform.runs.list().items
    assert (found.name, found.status, found.metrics) == ("broken", "FAILED", {"before": 1.0})
    import mlflow

    assert mlflow.active_run() is None


def test_an_interrupted_cell_is_a_killed_run(shell: InteractiveShell, platform: Platform) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(shell, "%%mlplat run --name stopped\nraise KeyboardInterrupt")
    (found,) = platform.runs.list().items
    assert found.status == "KILLED"


def test_a_cell_that_ends_its_run_itself(shell: InteractiveShell, platform: Platform) -> None:
    run(shell, "%%mlplat run --name own\nimport mlflow\nmlflow.end_run()\nmlflow.start_run(run_name='other')")
    found = {one.name: one.status for one in platform.runs.list().items}
    assert found == {"own": "FINISHED", "other": "FINISHED"}


def test_a_cell_logs_where_the_notebook_has_pointed_mlflow(
    shell: InteractiveShell, platform: Platform, tmp_path: Path
) -> None:
    assert platform.runs.list().items == []
    run(shell, f"import mlflow\nmlflow.set_tracking_uri('sqlite:///{tmp_path}/other.db')")
    run(shell, "%%mlplat run --name elsewhere --experiment cells\nmlflow.log_metric('loss', 0.5)")
    assert platform.runs.list().items == []
    found = run(shell, "mlflow.search_runs(experiment_names=['cells'], output_format='list')")
    assert [(one.info.run_name, one.info.status, one.data.metrics) for one in found] == [
        ("elsewhere", "FINISHED", {"loss": 0.5})
    ]


def test_a_checkpoint_outside_of_a_job_says_what_it_is_for(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns["df"] = 1
    said = "a checkpoint is kept when the notebook runs as a job"
    assert run(shell, "%mlplat checkpoint") is None
    assert capsys.readouterr().out == f"{said}\n"
    assert run(shell, "%mlplat checkpoint df") is None
    assert capsys.readouterr().out == (
        f"{said}; if this kernel is shut down because its GPUs rest, only df will be saved\n"
    )
    with pytest.raises(Invalid, match="there is no variable model"):
        run(shell, "%mlplat checkpoint df, model")
    assert run(shell, "%mlplat checkpoint --help") is None
    assert "the variables to save" in capsys.readouterr().out


def test_restoring_says_what_it_would_restore(
    shell: InteractiveShell,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    with pytest.raises(Invalid, match="does not know its notebook") as error:
        run(shell, "%mlplat restore")
    assert error.value.hint == "name it: %mlplat restore --from train.ipynb"
    capsys.readouterr()
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "train.ipynb"))
    for words in ("", " --list", " --overwrite", " --from train.ipynb"):
        assert run(shell, f"%mlplat restore{words}") is None
        assert capsys.readouterr().out == "nothing is saved for train.ipynb\n"
    monkeypatch.setenv("MLPLAT_RESULTS", str(tmp_path / "results.json"))
    assert run(shell, "%mlplat restore") is None
    assert capsys.readouterr().out == "nothing is restored: a job begins with its notebook alone\n"
