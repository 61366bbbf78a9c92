"""What the shell says before any service is asked: help, usage errors, words of a later version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlplat.cli import main
from jupyter_mlplat.commands import GRAMMAR
from jupyter_mlplat.commands.grammar import make_parser

HEAVY = [
    "sqlalchemy", "alembic", "pydantic", "mlflow", "dask", "distributed", "torch", "evidently", "optuna", "papermill",
    "pandas", "sklearn", "duckdb", "kubernetes", "pynvml", "tornado", "jupyter_server", "IPython", "numpy",
]  # fmt: skip


def command_words() -> list[list[str]]:
    return [command.words.split() for command in GRAMMAR.commands.values()]


def one_error(err: str) -> tuple[str, str]:
    """The texts of the one error line and the one hint line, which are all that may be there."""
    lines = err.splitlines()
    assert len(lines) == 2, err
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    return lines[0].removeprefix("error: "), lines[1].removeprefix("hint: ")


def test_importing_the_shell_and_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, jupyter_mlplat, jupyter_mlplat.cli as cli; cli.main(['--help']); cli.main(['jobs', 'run', '-h']); "
        "cli.main(['jobs', 'rin']); jupyter_mlplat.jobs, jupyter_mlplat.drift; "
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_nothing_is_written_by_help_and_by_usage_errors(
    isolated_environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--help"]) == 0
    assert main(["jobs", "run", "--nonsense"]) == 2
    assert not isolated_environment.exists()


def test_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--help"], ["help"], ["-h"]):
        assert main(words) == 0
        text = capsys.readouterr().out
        for command in command_words():
            assert f"  {' '.join(command)} " in text


@pytest.mark.parametrize("words", command_words(), ids=" ".join)
def test_every_command_has_help_and_takes_json_and_yes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: jupyter mlplat {' '.join(words)}")
    assert "--json" in text
    assert "--yes" in text


@pytest.mark.parametrize("noun", GRAMMAR.nouns)
def test_every_noun_has_help(noun: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([noun, "--help"]) == 0
    text = capsys.readouterr().out
    for verb in GRAMMAR.verbs(noun):
        assert f"  {verb} " in text


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["deployments", "update", "d"], "deployments update"),
        (["deployments", "traffic", "d"], "deployments traffic"),
        (["deployments", "promote", "d"], "deployments promote"),
        (["deployments", "rollback", "d"], "deployments rollback"),
        (["features", "stats", "v"], "features stats"),
        (["drift", "monitors", "list"], "drift monitors"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_words_of_a_later_version_are_refused_and_named(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    message, hint = one_error(capsys.readouterr().err)
    assert message.startswith(f"{named} is not in this version of jupyter_mlplat (")
    assert hint == "what is here: jupyter mlplat --help"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["jbos"], "there is no command 'jbos'", "did you mean jobs?"),
        (["qqq"], "there is no command 'qqq'", "see jupyter mlplat --help"),
        (
            ["jobs"],
            "jobs needs a verb",
            "one of run, list, show, cancel, retry, delete, logs, cells, output, changes, watch, schema",
        ),
        (
            ["jobs", "--json"],
            "jobs needs a verb",
            "one of run, list, show, cancel, retry, delete, logs, cells, output, changes, watch, schema",
        ),
        (["jobs", "shwo"], "jobs has no verb 'shwo'", "did you mean show?"),
        (
            ["jobs", "show"],
            "the following arguments are required: ID",
            "see jupyter mlplat jobs show --help",
        ),
        (["jobs", "show", "1", "2"], "jobs show does not take '2'", "see jupyter mlplat jobs show --help"),
        (["jobs", "run", "a.ipynb", "--wiat"], "jobs run has no option --wiat", "did you mean --wait?"),
        (["--jsn", "status"], "there is no option --jsn before a noun", "see jupyter mlplat --help"),
        (
            ["jobs", "list", "--limit", "many"],
            "--limit: 'many' is no whole number",
            "see jupyter mlplat jobs list --help",
        ),
        (["jobs", "list", "--limit", "0"], "--limit: 0 is not from 1 to 1000", "see jupyter mlplat jobs list --help"),
        (
            ["jobs", "run", "a.ipynb", "--timeout", "soon"],
            "--timeout: 'soon' is no duration; write 2h, 10m, 30s or seconds",
            "see jupyter mlplat jobs run --help",
        ),
        (
            ["jobs", "run", "a.ipynb", "--timeout", "nan"],
            "--timeout: 'nan' is not more than 0 seconds",
            "see jupyter mlplat jobs run --help",
        ),
        (
            ["deployments", "predict", "d"],
            "one of the arguments --data --file --example is required",
            "see jupyter mlplat deployments predict --help",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_usage_error_is_one_line_and_a_hint(
    words: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    if "--json" not in words:
        assert captured.out == ""
    assert one_error(captured.err) == (message, hint)


def test_with_json_a_usage_error_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--limit", "0", "--json"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "message": "--limit: 0 is not from 1 to 1000",
        "reason": "invalid",
        "hint": "see jupyter mlplat jobs list --help",
        "fields": {"limit": "0 is not from 1 to 1000"},
    }
    one_error(captured.err)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", 7200.0), ("10m", 600.0), ("30s", 30.0), ("1h30m", 5400.0), ("45", 45.0), ("0.5", 0.5), ("1d", 86400.0)],
)
def test_durations(text: str, expected: float) -> None:
    parsed = make_parser(GRAMMAR.commands["jobs", "run"]).parse_args(["nb.ipynb", "--timeout", text])
    assert parsed.timeout == expected


def test_version_is_that_of_package_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    package = Path(__file__).parents[2] / "package.json"
    assert capsys.readouterr().out.strip() == json.loads(package.read_text())["version"]


def test_a_reader_that_leaves_gets_no_traceback() -> None:
    # An exit status of 141 is what any program has whose reader went away (128 + SIGPIPE).
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m jupyter_mlplat.cli --help | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")


def test_a_terminal_without_unicode_gets_no_traceback() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    words = ["jobs", "show", "žluť-工作", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mlplat.cli", *words], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert done.stderr.isascii()
    assert json.loads(done.stdout)["reason"] == "not_found"
    assert done.stdout.isascii()
