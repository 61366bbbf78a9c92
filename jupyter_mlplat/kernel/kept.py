"""What kernels held in memory when they were shut down: one folder per notebook in the data directory.

In it are the manifest and the folder that it names, with the values; a save counts once the manifest names it. Values
are pickles: only what this user owns, and nobody else may write to, is ever loaded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from ..attempts import write_atomically
from ..errors import Conflict, Denied
from ..models import SavedKernel
from .state.pickles import VALUES, digest

MANIFEST = "kernel.json"
MOST_BYTES = 8 * 2**30
"""What is kept of a kernel; never more than half of what is free on the disk."""
KEPT_FOR = timedelta(days=7)
UNFINISHED_FOR = timedelta(hours=1)
LARGEST_MANIFEST = 64 * 2**20


class KeptKernels:
    """The saves below `folder`, by notebook. What a path looks like does not matter: its hash names the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    # --- writing ------------------------------------------------------------------------------

    def place(self, notebook: str) -> Path:
        """A new private folder for the values of a notebook's kernel. Raises `OSError`."""
        of = self._of(notebook)
        for folder in (self._folder, of):
            folder.mkdir(mode=0o700, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="values-", dir=of))

    def room(self) -> int:
        """Bytes that one save may have now. Raises `OSError`."""
        return min(MOST_BYTES, shutil.disk_usage(self._folder).free // 2)

    def keep(self, place: Path, notebook: str, said: Mapping[str, Any], at: datetime) -> SavedKernel:
        """Make what `state.keep` has written there count, instead of what the notebook had. Raises `OSError`."""
        manifest = self._of(notebook) / MANIFEST
        before = _folder_in(manifest)
        fields = {name: said[name] for name in ("python", "names", "modules", "bytes", "sha256", "cwd", "path")}
        fields |= {"notebook": os.path.realpath(notebook), "skipped": said["left"], "folder": place.name}
        saved = SavedKernel(saved_at=at, **_as_text(fields))
        # Whatever the masks of the two programs are.
        os.chmod(place / VALUES, 0o600)
        write_atomically(manifest, saved.model_dump(mode="json"))
        os.chmod(manifest, 0o600)
        if before is not None:
            self.drop(place.with_name(before))
        return saved

    def drop(self, place: Path) -> None:
        """Remove values that do not count."""
        shutil.rmtree(place, ignore_errors=True)

    def prune(self, now: datetime) -> int:
        """Remove what is older than a week, and what was never finished; how many notebooks that were."""
        gone = 0
        for of in list(self._folder.iterdir()) if self._folder.is_dir() else []:
            try:
                manifest = of / MANIFEST
                if manifest.exists() and _age(manifest, now) > KEPT_FOR:
                    gone += 1
                    manifest.unlink()
                named = manifest.exists()
                newest = _folder_in(manifest) if named else None
                for place in of.glob("values-*"):
                    if place.name != newest and _age(place, now) > UNFINISHED_FOR:
                        self.drop(place)
                if not named and _age(of, now) > UNFINISHED_FOR:
                    of.rmdir()
            except OSError:
                continue  # somebody else was quicker, or saves there now
        return gone

    # --- reading ------------------------------------------------------------------------------

    def find(self, notebook: str) -> SavedKernel | None:
        """What is saved for a notebook.

        Raises `Conflict` where its manifest is damaged, `Denied` where it is not ours.
        """
        try:
            file = _opened(self._of(notebook) / MANIFEST)
        except FileNotFoundError:
            return None
        with file:
            data = file.read(LARGEST_MANIFEST)
        try:
            return SavedKernel.model_validate_json(data)
        except ValueError:
            raise _damaged(notebook, "its manifest cannot be read") from None

    def values(self, notebook: str, saved: SavedKernel) -> IO[bytes]:
        """The file with the values, at its beginning; it is the one that was written. Raises as `find` does."""
        if os.path.basename(saved.folder) != saved.folder or saved.folder in ("", ".", ".."):
            raise _damaged(notebook, "its manifest cannot be read")
        try:
            file = _opened(self._of(notebook) / saved.folder / VALUES)
        except FileNotFoundError:
            raise _damaged(notebook, "the file with the values is gone") from None
        try:
            if digest(file) != saved.sha256:
                raise _damaged(notebook, "the file with the values is not as it was written")
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _of(self, notebook: str) -> Path:
        return self._folder / hashlib.sha256(os.fsencode(os.path.realpath(notebook))).hexdigest()[:32]


def _folder_in(manifest: Path) -> str | None:
    """The folder that a manifest names; None where it is none."""
    try:
        with _opened(manifest) as file:
            return SavedKernel.model_validate_json(file.read(LARGEST_MANIFEST)).folder
    except (OSError, ValueError, Denied):
        return None


def _opened(path: Path) -> IO[bytes]:
    """A file of this user's that nobody else may write. Raises `Denied`, `Conflict` or `FileNotFoundError`."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Conflict(f"{path} cannot be read: {error.strerror}", hint="remove it") from None
    file = os.fdopen(number, "rb")
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        file.close()
        raise Denied(f"{path} is not a file that only you may write", hint="nothing of it is loaded; remove it")
    return file


def _age(path: Path, now: datetime) -> timedelta:
    return now - datetime.fromtimestamp(path.lstat().st_mtime, now.tzinfo)


def _as_text(value: Any) -> Any:
    """A JSON value without what is no Unicode: file names may have that."""
    if isinstance(value, dict):
        return {_as_text(key): _as_text(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_as_text(part) for part in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def shown(notebook: str) -> str:
    """The name of a notebook in one line of text."""
    name = str(_as_text(os.path.basename(notebook)))
    return "".join(one if one.isprintable() else "?" for one in name)


def _damaged(notebook: str, why: str) -> Conflict:
    return Conflict(
        f"what was saved of the kernel of {shown(notebook)} is damaged: {why}",
        hint="run the notebook's cells again",
    )
