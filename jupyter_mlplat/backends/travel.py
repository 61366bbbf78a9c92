"""Files that a notebook names in `metadata.mlplat.files`: they travel with an attempt to a worker on another host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ..errors import Invalid

LARGEST = 64 * 2**20
HINT = "name files below the notebook's folder, in metadata.mlplat.files of the notebook"


def pack(notebook: Path, folder: Path) -> dict[str, bytes]:
    """The files by their path from the notebook's `folder`; a name with `*` stands for all that match.

    Raises `Invalid` for what is no list of names, is not there, lies elsewhere, or is too much.
    """
    document = json.loads(notebook.read_text(encoding="utf-8"))
    own = document.get("metadata", {}).get("mlplat")
    names = own.get("files", []) if isinstance(own, dict) else []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise Invalid("metadata.mlplat.files of the notebook is no list of names", hint=HINT)
    packed: dict[str, bytes] = {}
    room = LARGEST
    for name in names:
        for path in _found(name, folder):
            inside = path.relative_to(folder).as_posix()
            if inside in packed:
                continue
            room -= path.stat().st_size
            if room < 0:
                raise Invalid(
                    f"the files that the notebook names are more than {LARGEST // 2**20} MiB",
                    hint="put them where the worker can fetch them, and give their address as a parameter",
                )
            packed[inside] = path.read_bytes()
    return packed


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write them into the folder in which the attempt runs."""
    for name, content in files.items():
        if not _is_inside(name):
            raise Invalid(f"{name[:200]} is no name of a file below a folder", hint=HINT)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _found(name: str, folder: Path) -> list[Path]:
    if not _is_inside(name):
        raise Invalid(f"the notebook's file {name[:200]} is not below its folder", hint=HINT)
    paths = sorted(folder.glob(name)) if "*" in name else [folder / name]
    home = folder.resolve()
    found = []
    for path in paths:
        if not path.resolve().is_relative_to(home):
            raise Invalid(f"the notebook's file {name[:200]} leads out of its folder", hint=HINT)
        if path.is_file():
            found.append(path)
    if not found:
        raise Invalid(f"the notebook's file {name[:200]} is not there", hint=HINT)
    return found


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name
