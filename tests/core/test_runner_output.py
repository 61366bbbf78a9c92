"""What a notebook prints stays within limits, and goes on reaching its reader."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlplat.attempts import LOG, OUTPUT
from jupyter_mlplat.runner.output import FRAME, Log, OutputLimit, Stream, cut, in_words, shorten_error, size_of

from .test_runner import Run, notebook_at, runs  # noqa: F401 - the fixture `run`

MARKER = "output truncated: more than 20 KiB from this cell; print less or write it to a file\n"

WIDGETS = """
import ipywidgets
from IPython.display import display
bar, out = ipywidgets.IntProgress(max=300), ipywidgets.Output()
display(bar, out)
for i in range(300):
    bar.value = i
    with out:
        out.clear_output(wait=True)
        print("in the widget", i, "." * 1000)
"""

UPDATES = """
from IPython.display import display
shown = display("begin", display_id="here")
for i in range(300):
    shown.update("state %d " % i + "." * 1000)
shown.update("." * 100_000)
"""


def outputs_of(notebook: Any) -> list[Any]:
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def texts(outputs: list[Any]) -> list[tuple[str, str]]:
    return [(output["name"], output["text"]) for output in outputs if output["output_type"] == "stream"]


def test_outputs_of_a_cell_are_cut_with_a_marker_and_progress_is_counted_once(tmp_path: Path, run: Run) -> None:
    cells = [
        "for i in range(3000): print('line %05d' % i, flush=i % 10 == 0)",
        "import sys\nfor i in range(2000): print('\\r' + 'step %04d' % i, end='', file=sys.stderr, flush=i % 50 == 0)",
        "from IPython.display import clear_output\nfor i in range(99): clear_output(wait=True); print(i, '.' * 1000)",
        UPDATES,
        WIDGETS,
        "from IPython.display import display, HTML\nfor i in range(9): display(HTML('<b>' + 'x' * 4000 + '</b>'))\n1/0",
    ]
    attempted = run(notebook_at(tmp_path / "nb.ipynb", *cells), max_cell_output=20 * 1024)
    record = attempted.wait()
    assert record["message"] == "cell 5: ZeroDivisionError: division by zero"
    notebook = nbformat.read(attempted.folder / OUTPUT, as_version=4)
    nbformat.validate(notebook)
    flood, steps, cleared, updated, widgets, shown = outputs_of(notebook)

    [(_, kept), marker] = texts(flood)
    assert marker == ("stderr", MARKER)
    assert kept.startswith("line 00000\nline 00001\n")
    assert 19 * 1024 < len(kept) <= 20 * 1024
    # A bar that is drawn again and again is its last state.
    assert texts(steps) == [("stderr", "step 1999")]
    assert texts(cleared) == [("stdout", f"98 {'.' * 1000}\n")]
    # An update that does not fit is dropped; those that replaced one another counted once.
    assert updated[0]["data"]["text/plain"].startswith("'state 299 ")
    assert texts(updated) == [("stderr", MARKER)]
    assert texts(widgets) == []
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert [state["state"]["value"] for state in states if state["model_name"] == "IntProgressModel"] == [299]
    [inside] = [state["state"]["outputs"] for state in states if state["model_name"] == "OutputModel"]
    assert inside[0]["text"].startswith("in the widget 299 ")
    # The error that ended the cell is kept although there was no room for it.
    assert [output["output_type"] for output in shown] == ["display_data"] * 4 + ["stream", "error"]
    # The log has everything.
    assert "line 02999\n" in attempted.log
    assert "ZeroDivisionError" in attempted.log


def test_all_cells_together_and_the_log_have_a_limit_too(tmp_path: Path, run: Run) -> None:
    attempted = run(notebook_at(tmp_path / "nb.ipynb", *["print('x' * 30_000)"] * 4, "1/0"), max_output=2**16)
    assert attempted.wait()["reason"] == "cell_error"
    outputs = outputs_of(nbformat.read(attempted.folder / OUTPUT, as_version=4))
    said = "output truncated: more than 64 KiB from this job; print less or write it to a file\n"
    assert [("stderr", said) in texts(of_cell) for of_cell in outputs] == [False, False, True, True, False]
    assert len(attempted.log) < 2**16 + 10_000
    assert "log truncated: more than 64 KiB from this job" in attempted.log
    assert attempted.log.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_cell_that_prints_endlessly_is_cancelled_at_once(tmp_path: Path, run: Run) -> None:
    attempted = run(notebook_at(tmp_path / "nb.ipynb", "while True: print('x' * 1000)", "1"))
    attempted.running(0)
    log = attempted.folder / LOG
    deadline = time.monotonic() + 60
    while log.stat().st_size < 20 * 2**20:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    attempted.command(cancel=True)
    asked = time.monotonic()
    assert attempted.wait()["state"] == "cancelled"
    assert time.monotonic() - asked < 8
    outputs = outputs_of(nbformat.read(attempted.folder / OUTPUT, as_version=4))[0]
    assert [output["output_type"] for output in outputs][:2] == ["stream", "stream"]
    assert outputs[1]["text"].startswith("output truncated: more than 10 MiB from this cell")


def test_the_notebook_is_written_while_a_quiet_cell_runs_and_not_at_every_cell(tmp_path: Path, run: Run) -> None:
    wait = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)"
    attempted = run(notebook_at(tmp_path / "nb.ipynb", *["print('x' * 100_000)"] * 100, "print('before')", wait))
    attempted.running(101)
    deadline = time.monotonic() + 20
    while True:
        try:
            cells = nbformat.read(attempted.folder / OUTPUT, as_version=4).cells
        except ValueError:  # papermill is writing it
            cells = []
        if cells and cells[100].outputs and cells[101].metadata.papermill.status == "running":
            break
        assert time.monotonic() < deadline, "it was not written"
        time.sleep(0.1)
    (tmp_path / "go").touch()
    record = attempted.wait()
    assert record["state"] == "succeeded"
    took = _seconds(record["cells"][0]["started_at"], record["cells"][99]["ended_at"])
    assert took < 10, "a save after each of 100 cells with 10 MB in all"


def _seconds(start: str, end: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


# --- the parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (1023, "1023 bytes"), (10 * 2**20, "10 MiB"), (1536 * 2**20, "1.5 GiB")]
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_words(size) == words


def test_what_fits_is_counted_and_what_was_cleared_is_not() -> None:
    limit = OutputLimit(1000, 1500)
    assert limit.take(0, 900)
    assert not limit.take(0, 101)
    assert limit.overflow(0) is not None
    assert limit.overflow(0) is None, "one marker is enough"
    assert not limit.take(0, 1), "nothing more after the marker"
    assert limit.room(1) == 600
    limit.clear(0)
    assert (limit.room(0), limit.room(1), limit.full(0)) == (1000, 1000, False)


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a", "b\n", "c"], "ab\nc"),
        (["10%", "\r20%", "\r30%\n", "done"], "30%\ndone"),
        (["10%\r", "20%\r"], "20%\r"),
        (["windows\r\n", "lines\r\n"], "windows\r\nlines\r\n"),
        (["first\n10%", "\r", "20%\nlast"], "first\n20%\nlast"),
    ],
)
def test_a_stream_shows_what_a_terminal_shows(pieces: list[str], shown: str) -> None:
    for together in (False, True):
        output = {"text": ""}
        stream = Stream(output, 0)
        counted = 0
        for piece in pieces:
            counted += size_of(piece) - stream.add(piece)
            if not together:
                counted -= stream.fold()
        counted -= stream.fold()
        assert output["text"] == shown
        assert counted == size_of(shown)


def test_a_line_without_an_end_costs_no_more_than_any_other() -> None:
    output = {"text": ""}
    stream = Stream(output, 0)
    began = time.monotonic()
    for _ in range(200_000):
        stream.add("." * 50)
    stream.fold()
    assert len(output["text"]) == 10_000_000
    assert time.monotonic() - began < 5


def test_text_is_cut_between_characters() -> None:
    assert cut("aé€", 3) == "aé"
    assert size_of({"text/plain": "é", "application/json": {"a": 1}}) == 3
    assert FRAME > 0


def test_an_error_keeps_the_end_of_its_traceback() -> None:
    short = shorten_error({"ename": "E", "evalue": "v" * 2**22, "traceback": ["first", "x" * 2**20, "last"]})
    assert len(short["evalue"]) == 2**20
    assert [len(line) for line in short["traceback"]] == [2**20 - 4, 4]


def test_the_log_stops_at_its_limit_and_still_says_why_it_ended(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", 10)
    for text in ("12345678", "90abc", "never"):
        log.write(text)
    log.say("Traceback\n")
    assert (tmp_path / "log").read_text() == (
        "1234567890\nlog truncated: more than 10 bytes from this job; print less\nTraceback\n"
    )
