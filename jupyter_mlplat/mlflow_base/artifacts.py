"""Where MLflow keeps the files of a run."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


def folder_of(location: str) -> Path | None:
    """The folder that an artifact URI names, None for one that is not of this machine's file system."""
    parts = urlsplit(location)
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        return None
    return Path(unquote(parts.path) if parts.scheme else location)
