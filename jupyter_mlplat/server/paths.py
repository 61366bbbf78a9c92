"""Paths in requests: relative to the server's root directory, and never outside of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ..errors import Invalid

Kind = Literal["notebook", "file", "any"]


def inside_root(root: Path, path: str, *, field: str, kind: Kind = "file", hidden: bool = False) -> Path:
    """The absolute path of something that exists inside `root`, links resolved.

    `kind` is what it must be: a notebook, a file, or any (a Delta table is a folder). `hidden` allows names
    that start with a dot, as the contents manager's `allow_hidden` does. Raises `Invalid` naming `field`;
    no message shows a path outside of the root.
    """

    def refuse(message: str, *, hint: str, wrong: str) -> Invalid:
        return Invalid(message, hint=hint, fields={field: wrong})

    shown = path if path.isprintable() else ascii(path)
    relative_hint = "a path starts at the folder that the server serves, like work/train.ipynb"
    if not path or not path.strip():
        raise refuse("the path is empty", hint=relative_hint, wrong="empty")
    if "\x00" in path:
        raise refuse("the path contains a NUL character", hint=relative_hint, wrong="contains a NUL character")
    if path.startswith(("/", "~")):
        raise refuse(f"{shown} is not relative to the server's root", hint=relative_hint, wrong="must be relative")
    parts = path.split("/")
    if ".." in parts:
        raise refuse(f"{shown} leaves the server's root", hint=relative_hint, wrong="must not contain ..")
    if not hidden and any(part.startswith(".") and part != "." for part in parts):
        raise refuse(
            f"{shown} is hidden", hint="set c.ContentsManager.allow_hidden = True to allow it", wrong="is hidden"
        )
    real_root = os.path.realpath(root)
    try:
        real = Path(os.path.realpath(os.path.join(real_root, path)))
        if not real.is_relative_to(real_root):
            raise refuse(
                f"{shown} leads out of the server's root", hint=relative_hint, wrong="leads out of the server's root"
            )
        if not real.exists():
            raise refuse(
                f"{shown} does not exist", hint="see that it is spelled as in the file browser", wrong="not found"
            )
        if kind != "any" and real.is_dir():
            raise refuse(f"{shown} is a directory", hint=f"give the path of a {kind}", wrong="is a directory")
        if not real.is_dir() and not real.is_file():
            raise refuse(f"{shown} is no regular file", hint=f"give the path of a {kind}", wrong="is no regular file")
    except (OSError, ValueError) as error:
        raise refuse(f"{shown} cannot be read", hint=relative_hint, wrong="cannot be read") from error
    return real


def seen_from(root: Path, path: str) -> str | None:
    """An absolute path as it starts at `root`, links resolved; None for what is not inside, or not there."""
    if not os.path.isabs(path) or "\x00" in path:
        return None
    real = os.path.realpath(path)
    inside = Path(os.path.realpath(root))
    return (
        Path(real).relative_to(inside).as_posix()
        if Path(real).is_relative_to(inside) and os.path.isfile(real)
        else None
    )
