"""One attempt at a time, by the runner's own process: what it reports is what its exit record says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from jupyter_mlplat.attempts import EXIT_RECORD, LOG, OUTPUT, read_record
from jupyter_mlplat.processes import alive, start_time


def notebook_at(path: Path, *cells: str, parameters: str | None = None, kernel: str = "python3") -> Path:
    """A notebook of code cells; one that starts with `#` and a space is markdown."""
    made = [new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    made += [new_markdown_cell(cell) if cell.startswith("# ") else new_code_cell(cell) for cell in cells]
    notebook = new_notebook(cells=made)
    notebook.metadata["kernelspec"] = {"name": kernel, "language": "python", "display_name": kernel}
    nbformat.write(notebook, path)
    return path


@dataclass
class Attempted:
    """A runner's process and everything that it reported."""

    process: subprocess.Popen[bytes]
    folder: Path
    reports: list[dict[str, Any]] = field(default_factory=list)

    def command(self, **order: bool) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read reports up to the first that is meant."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.reports.append(json.loads(line))
            if condition(self.reports[-1]):
                return self.reports[-1]
        pytest.fail(f"the runner ended without it: {self.reports}")

    def running(self, index: int) -> None:
        """Wait until cell `index` runs."""
        self.until(lambda report: report["kind"] == "cell" and report["data"]["index"] == index)

    def wait(self) -> dict[str, Any]:
        """The exit record, once the process has ended."""
        reported = self.until(lambda report: report["kind"] == "ended")["data"]
        assert self.process.wait(timeout=30) == 0
        record = read_record(self.folder, EXIT_RECORD)
        assert record == reported
        return reported

    @property
    def states(self) -> dict[int, str]:
        record = read_record(self.folder, EXIT_RECORD)
        assert record is not None
        cells: Any = record["cells"]
        return {cell["index"]: cell["state"] for cell in cells}

    @property
    def log(self) -> str:
        return (self.folder / LOG).read_text()


Run = Callable[..., Attempted]


@pytest.fixture(name="run")
def runs(tmp_path: Path) -> Any:
    started: list[Attempted] = []

    def start(notebook: Path, *, host: dict[str, str] | None = None, **fields: Any) -> Attempted:
        folder = tmp_path / f"attempt-{len(started)}"
        folder.mkdir()
        with open(folder / "runner.log", "ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_mlplat.runner"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(host or {})},
                start_new_session=True,
            )
        attempted = Attempted(process, folder)
        started.append(attempted)
        attempt = {
            "job_id": "7",
            "number": 1,
            "notebook": str(notebook),
            "parameters": {},
            "folder": str(folder),
            "cwd": str(tmp_path),
            "acknowledge": 120.0,
            **fields,
        }
        assert process.stdin is not None
        order = {"attempt": attempt, "token": f"test-{tmp_path.name}-{len(started)}"}
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        return attempted

    yield start
    for attempted in started:
        for stream in (attempted.process.stdin, attempted.process.stdout):
            if stream is not None:
                stream.close()
        if attempted.process.poll() is None:
            attempted.process.kill()
            attempted.process.wait()
        sys.stderr.write((attempted.folder / "runner.log").read_text())  # pytest shows it where a test failed


def test_cells_parameters_and_output_of_a_run_that_succeeds(tmp_path: Path, run: Run) -> None:
    notebook = notebook_at(
        tmp_path / "nb.ipynb", "# words", "print('twice', x * 2)", "", "import os; print(os.environ['SECRET_OF_MINE'])",
        parameters="x = 1",
    )  # fmt: skip
    attempted = run(notebook, parameters={"x": 21}, environment={"SECRET_OF_MINE": "given"})
    record = attempted.wait()
    assert (record["state"], record["reason"], record["message"]) == ("succeeded", None, None)
    # Positions in the submitted notebook: the cell that papermill injects is not counted.
    assert attempted.states == {0: "ok", 2: "ok", 3: "ok", 4: "ok"}
    assert attempted.log == "twice 42\ngiven\n"
    executed = nbformat.read(attempted.folder / OUTPUT, as_version=4)
    assert [cell.metadata.get("tags") for cell in executed.cells[:2]] == [["parameters"], ["injected-parameters"]]
    assert record["started_at"] <= record["ended_at"]
    assert (record["exit_signal"], record["exit_status"]) == (None, None)


def test_a_failing_cell_leaves_the_rest_not_run_and_the_notebook_honest(tmp_path: Path, run: Run) -> None:
    attempted = run(notebook_at(tmp_path / "nb.ipynb", "1", "1/0", "print('never')"))
    record = attempted.wait()
    assert (record["state"], record["reason"]) == ("failed", "cell_error")
    assert record["message"] == "cell 1: ZeroDivisionError: division by zero"
    assert attempted.states == {0: "ok", 1: "error"}
    assert "never" not in attempted.log
    assert statuses_of(attempted.folder / OUTPUT) == ["completed", "failed", "pending"]


@pytest.mark.parametrize(
    ("cell", "said", "exit_signal", "exit_status"),
    [
        ("import os; os._exit(0)", "the kernel exited with status 0", None, 0),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "the kernel was killed by signal SIGSEGV",
            "SIGSEGV",
            None,
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "the kernel was killed by signal SIGKILL",
            "SIGKILL",
            None,
        ),
    ],
)
def test_a_kernel_that_dies_is_told_apart(
    tmp_path: Path, run: Run, cell: str, said: str, exit_signal: str | None, exit_status: int | None
) -> None:
    attempted = run(notebook_at(tmp_path / "nb.ipynb", "1", cell, "2"))
    record = attempted.wait()
    assert (record["state"], record["reason"], record["message"]) == ("failed", "kernel_died", f"cell 1: {said}")
    assert (record["exit_signal"], record["exit_status"]) == (exit_signal, exit_status)
    assert attempted.states == {0: "ok", 1: "kernel_died"}
    assert statuses_of(attempted.folder / OUTPUT) == ["completed", "failed", "pending"]


def test_exit_zero_succeeds_and_skips_the_rest_and_another_status_fails(tmp_path: Path, run: Run) -> None:
    for status in ("0", "False"):
        attempted = run(notebook_at(tmp_path / f"{status}.ipynb", f"import sys; sys.exit({status})", "1/0"))
        assert attempted.wait()["state"] == "succeeded"
        assert attempted.states == {0: "ok", 1: "skipped"}
    attempted = run(notebook_at(tmp_path / "three.ipynb", "import sys; sys.exit(3)", "1/0"))
    record = attempted.wait()
    assert (record["state"], record["reason"]) == ("failed", "cell_error")
    assert attempted.states == {0: "error"}


def test_a_cell_and_an_attempt_that_take_too_long(tmp_path: Path, run: Run) -> None:
    slow = notebook_at(tmp_path / "nb.ipynb", "1", "import time; time.sleep(60)", "2")
    by_cell, by_attempt = run(slow, cell_timeout=1.0), run(slow, timeout=12.0)
    record = by_cell.wait()
    assert (record["state"], record["reason"]) == ("failed", "timeout")
    assert by_cell.states == {0: "ok", 1: "timeout"}
    record = by_attempt.wait()
    assert (record["state"], record["reason"]) == ("failed", "timeout")
    assert record["message"] == "the attempt took longer than 12 s"
    assert by_attempt.states == {0: "ok", 1: "timeout"}


CHILDREN = """
import os, subprocess, sys, time
own_session = subprocess.Popen(["sleep", "600"], start_new_session=True).pid
daemon = int(subprocess.check_output(
    [sys.executable, "-c",
     "import subprocess as s; print(s.Popen(['sleep', '600'], start_new_session=True, stdout=s.DEVNULL).pid)"]
))
stubborn = subprocess.Popen(
    [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]).pid
open("children", "w").write(f"{os.getpid()} {own_session} {daemon} {stubborn}")
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        pass
"""


def test_cancel_leaves_no_child_process(tmp_path: Path, run: Run) -> None:
    attempted = run(notebook_at(tmp_path / "nb.ipynb", CHILDREN, "2"))
    attempted.running(0)
    file = tmp_path / "children"
    _wait_for(lambda: file.exists() and len(file.read_text().split()) == 4)
    children = [(pid, start_time(pid)) for pid in map(int, file.read_text().split())]
    assert all(started is not None for _, started in children)
    attempted.command(cancel=True)
    record = attempted.wait()
    assert (record["state"], record["reason"]) == ("cancelled", "cancelled")
    assert attempted.states == {0: "cancelled"}
    assert [pid for pid, started in children if started is not None and alive(pid, started)] == []


def test_cancel_lets_clean_up_code_run(tmp_path: Path, run: Run) -> None:
    cell = "import time\ntry:\n    open('begun', 'w')\n    time.sleep(600)\nfinally:\n    open('cleaned', 'w')"
    attempted = run(notebook_at(tmp_path / "nb.ipynb", cell, "open('second', 'w')"))
    attempted.running(0)
    _wait_for((tmp_path / "begun").exists)
    attempted.command(cancel=True)
    assert attempted.wait()["state"] == "cancelled"
    assert (tmp_path / "cleaned").exists()
    assert not (tmp_path / "second").exists()


def test_a_process_left_behind_by_a_notebook_that_succeeds_is_ended(tmp_path: Path, run: Run) -> None:
    cell = (
        "import subprocess; open('pid', 'w').write(str(subprocess.Popen(['sleep', '600'], start_new_session=True).pid))"
    )
    attempted = run(notebook_at(tmp_path / "nb.ipynb", cell))
    assert attempted.wait()["state"] == "succeeded"
    assert start_time(int((tmp_path / "pid").read_text())) is None


def test_a_runner_that_nobody_acknowledges_ends_its_tree(tmp_path: Path, run: Run) -> None:
    attempted = run(
        notebook_at(
            tmp_path / "nb.ipynb", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
        ),
        acknowledge=15.0,
    )
    record = attempted.wait()
    assert (record["state"], record["reason"]) == ("lost", "worker_lost")
    assert start_time(int((tmp_path / "pid").read_text())) is None


def test_a_kernel_that_is_not_there_is_bad_input(tmp_path: Path, run: Run) -> None:
    record = run(notebook_at(tmp_path / "nb.ipynb", "1", kernel="no-such-kernel")).wait()
    assert (record["state"], record["reason"]) == ("failed", "bad_input")
    assert "no-such-kernel" in record["message"]


def test_tagged_cells_are_skipped_in_a_job(tmp_path: Path, run: Run) -> None:
    path = notebook_at(tmp_path / "nb.ipynb", "1/0", "print('here')")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata["tags"] = ["mlplat:skip-in-job"]
    nbformat.write(notebook, path)
    attempted = run(path)
    assert attempted.wait()["state"] == "succeeded"
    assert attempted.states == {0: "skipped", 1: "ok"}


def test_papermill_by_hand_uses_the_engine_by_name(tmp_path: Path) -> None:
    notebook = notebook_at(tmp_path / "nb.ipynb", "import os; os._exit(5)", "2")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--engine", "mlplat", str(notebook), str(tmp_path / "out.ipynb")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "the kernel exited with status 5" in done.stderr
    assert statuses_of(tmp_path / "out.ipynb") == ["failed", "pending"]


def statuses_of(output: Path) -> list[str]:
    """papermill's own word for each cell, without the cells that it adds to show an error."""
    cells = nbformat.read(output, as_version=4).cells
    return [cell.metadata.papermill.status for cell in cells if "papermill" in cell.metadata]


def _wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
