"""Executed notebooks as pages: HTML by nbconvert, PDF by a browser that prints it, or by LaTeX where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ...errors import BackendFailed, Unavailable

NOBODY = "127.0.0.1:1"
"""A proxy that is not there, for what the policy does not cover: a page that sends the browser elsewhere."""
_REFRESH = re.compile(r"<meta\b[^>]*\brefresh\b[^>]*>", re.IGNORECASE)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PRINT_S = 120.0
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; form-action 'none'"
)
"""What the page may do while it is printed: an output's scripts and addresses are its author's, not the reader's."""


def to_html(notebook: Path) -> str:
    """The notebook as one HTML page. Raises `BackendFailed` where it is no notebook."""
    from nbconvert import HTMLExporter

    return str(HTMLExporter().from_notebook_node(_read(notebook))[0])


def to_pdf(notebook: Path) -> bytes:
    """The notebook as PDF.

    Raises `Unavailable` where this machine has neither a Chromium browser nor LaTeX, `BackendFailed` where it is
    no notebook or cannot be printed.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is not None:
        return _printed(browser, to_html(notebook))
    if shutil.which("xelatex") is None:
        raise Unavailable(
            "PDF needs a Chromium browser or LaTeX, and this machine has neither",
            hint="install chromium or texlive-xetex, or take --html",
        )
    from nbconvert import PDFExporter

    try:
        return bytes(PDFExporter().from_notebook_node(_read(notebook))[0])
    except (OSError, RuntimeError) as error:
        raise BackendFailed(f"LaTeX could not set it: {error}", hint="take --html") from error


def _read(notebook: Path) -> object:
    import nbformat

    try:
        return nbformat.read(notebook, as_version=4)
    except (OSError, ValueError) as error:
        raise BackendFailed(f"the output is no notebook: {error}", hint="see the job's log") from error


def _printed(browser: str, html: str) -> bytes:
    head, found, rest = html.partition("<head>")
    if not found:
        raise BackendFailed("the page cannot be printed: it has no head", hint="take --html")
    page = f'{head}<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">{_REFRESH.sub("", rest)}'
    with tempfile.TemporaryDirectory(prefix="mlplat-pdf-") as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_text(page, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            f"--proxy-server={NOBODY}",
            "--proxy-bypass-list=<-loopback>",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # a Chromium that root starts does not run with one
        try:
            ended = subprocess.run(command, capture_output=True, timeout=PRINT_S, check=False, cwd=folder)
        except subprocess.TimeoutExpired:
            raise BackendFailed(f"the browser did not print it within {PRINT_S:g} s", hint="take --html") from None
        if ended.returncode != 0 or not target.exists():
            last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise BackendFailed(f"the browser could not print it: {' '.join(last)[:200]}", hint="take --html")
        return target.read_bytes()
