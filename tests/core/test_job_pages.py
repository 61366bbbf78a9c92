"""Executed notebooks as HTML and PDF."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from jupyter_mlplat.errors import BackendFailed, Unavailable
from jupyter_mlplat.services.jobs import pages


def executed(path: Path, html: str) -> Path:
    cell = new_code_cell("print('hello')", outputs=[new_output("display_data", data={"text/html": html})])
    nbformat.write(new_notebook(cells=[cell]), path)
    return path


@pytest.mark.skipif(not any(map(shutil.which, pages.BROWSERS)), reason="no Chromium browser here")
def test_a_printed_notebook_runs_no_script_and_asks_nobody(tmp_path: Path, beacon: tuple[str, list[str]]) -> None:
    address, paths = beacon
    hostile = (
        f"<img src='{address}/image'><script src='{address}/script'></script>"
        f"<script>fetch('{address}/fetched'); document.title = 'ran'</script>"
        f"<meta http-equiv='refresh' content='0;url={address}/moved'>"
        f"<META content='0;url={address}/moved-too' http-equiv=Refresh><iframe src='{address}/frame'></iframe>"
    )
    document = pages.to_pdf(executed(tmp_path / "n.ipynb", hostile))
    assert document.startswith(b"%PDF-")
    assert len(document) > 5000
    assert b"ran" not in document.partition(b"/Title")[2][:40]
    assert paths == []


def test_without_a_browser_and_latex_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable) as raised:
        pages.to_pdf(executed(tmp_path / "n.ipynb", "x"))
    assert "neither" in raised.value.message
    assert "--html" in raised.value.hint


def test_what_is_no_notebook_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text("{")
    with pytest.raises(BackendFailed):
        pages.to_html(tmp_path / "n.ipynb")
