"""The files of runs: listed, read and deleted, and nothing outside of a run's own folder.

Where a run's artifacts are in a folder of this machine, it is entered name by name and no link is followed, so that
neither a path nor a link leads out of it. Elsewhere MLflow's client brings them.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import BackendFailed, Conflict, MLPlatError, NotFound, TooLarge, Unavailable
from ...mlflow_base.artifacts import folder_of
from ...models import Artifact, ArtifactPage
from ...provenance import NOTEBOOK
from .ids import no_run, run_id
from .reading import usable
from .search import mlflow_exception
from .tracking import Tracking, translated

MOST_ENTRIES = 10_000
MOST_PATH = 1000
MOST_BYTES = 1 << 30
MOST_NOTEBOOK = 100_000_000
"""Of a file that has to be brought here before it can be read."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO is not waited for


@dataclass(frozen=True)
class OpenArtifact:
    """A file that is open for reading."""

    name: str
    size: int
    """Bytes."""
    file: BinaryIO


class Artifacts:
    """Lists and reads the artifacts of runs, archived ones too."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def entries(self, id: str, path: str = "") -> ArtifactPage:
        """What is in a folder of a run's artifacts, folders first, by name; at most 10,000 entries.

        `path` is relative, with / between names; empty for the outermost folder. Links are left out. Raises `NotFound`
        for an unknown run, and where there is no such folder.
        """
        parts = _parts(id, path) if path else []
        folder = self._folder(id)
        items = self._listed(id, path) if folder is None else _entries(folder, parts, id)
        items.sort(key=lambda one: (not one.is_dir, one.path))
        return ArtifactPage(items=items[:MOST_ENTRIES])

    @contextmanager
    def reading(self, id: str, path: str) -> Iterator[OpenArtifact]:
        """A file of a run's artifacts, open while the block runs. Raises `NotFound`, also for a link or a folder.

        One that is in no folder of this machine is brought into a temporary file first; raises `TooLarge` where it has
        more than 1 GiB.
        """
        parts = _parts(id, path)
        with ExitStack() as stack:
            folder = self._folder(id)
            if folder is None:
                temporary = stack.enter_context(tempfile.TemporaryDirectory(dir=self._tracking.home.run))
                place, names = Path(temporary), self._download(id, path, temporary).relative_to(temporary).parts
            else:
                place, names = folder.parent.parent, (id, "artifacts", *parts)
            try:
                descriptor = _entered(place, names[:-1], stack)
                file = stack.enter_context(open(os.open(names[-1], _FILE, dir_fd=descriptor), "rb"))
            except (OSError, ValueError) as error:
                raise _nothing(id, path) from error
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise _nothing(id, path)
            yield OpenArtifact(parts[-1], found.st_size, file)

    def read(self, id: str, path: str, most: int) -> bytes:
        """The whole of a file. Raises `NotFound`, and `TooLarge` where it has more than `most` bytes."""
        with self.reading(id, path) as found:
            if found.size > most:
                raise TooLarge(f"{path} of run {id} has {found.size} bytes")
            return found.file.read(most)

    def notebook(self, id: str) -> tuple[str, bytes]:
        """Name and content of the notebook that a run has kept, as it was executed. Raises `NotFound`, `TooLarge`."""
        if any(one.path == NOTEBOOK and one.is_dir for one in self.entries(id).items):
            for one in self.entries(id, NOTEBOOK).items:
                if one.path.endswith(".ipynb") and not one.is_dir:
                    return one.path.rpartition("/")[2], self.read(id, one.path, MOST_NOTEBOOK)
        raise NotFound(f"run {id} has kept no notebook", hint=f"see what it has kept: runs artifacts {id}")

    # --- where they are ---------------------------------------------------------------------

    def _folder(self, id: str) -> Path | None:
        """The run's own folder; None where its artifacts are not on this machine. Raises `NotFound`."""
        tables = self._tracking.tables()
        if tables is not None:
            with usable(), tables.connection() as connection:
                row = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id(id),)).fetchone()
            if row is None:
                raise no_run(id)
            return _own(row[0], id)
        client = self._tracking.client()
        with translated(f"run {id}", no_run(id)):
            return _own(client.get_run(run_id(id)).info.artifact_uri, id)

    def _listed(self, id: str, path: str) -> list[Artifact]:
        with _elsewhere(f"the artifacts of run {id}"):
            found = self._tracking.client().list_artifacts(id, path or None)
        if path and not found:
            raise _nothing(id, path, "folder")
        return [Artifact(path=one.path, is_dir=one.is_dir, size=None if one.is_dir else one.file_size) for one in found]

    def _download(self, id: str, path: str, to: str) -> Path:
        parent = path.rpartition("/")[0]
        with _elsewhere(f"artifact {path!a} of run {id}"):
            client = self._tracking.client()
            known = [one for one in client.list_artifacts(id, parent or None) if one.path == path and not one.is_dir]
            if not known:
                raise _nothing(id, path)
            if (known[0].file_size or 0) > MOST_BYTES:
                raise TooLarge(
                    f"artifact {path!a} of run {id} has {known[0].file_size} bytes",
                    hint="fetch it: mlflow artifacts download",
                )
            return Path(client.download_artifacts(id, path, to))


@contextmanager
def _elsewhere(what: str) -> Iterator[None]:
    """What MLflow, and whatever it asks for files, says in its own words."""
    with translated(what):
        try:
            yield
        except (MLPlatError, mlflow_exception(), ImportError, OSError):
            raise
        except Exception as error:
            raise BackendFailed(f"{what} cannot be read: {error}", hint="see that their place answers") from error


# --- a folder of this machine -----------------------------------------------------------------------


def _own(location: str | None, id: str) -> Path | None:
    """The folder of this machine that an artifact URI names, None for another kind of address.

    Raises `NotFound` for one that is not such as MLflow gives to this run alone: a server could name any.
    """
    folder = folder_of(location or "")
    if folder is None:
        return None
    if not folder.is_absolute() or folder.parts[-2:] != (id, "artifacts") or ".." in folder.parts:
        raise NotFound(f"run {id} has no folder of its own for artifacts", hint=f"its artifact_uri: {location}")
    return folder


def deletable_folder(location: str, id: str, roots: Sequence[Path]) -> Path:
    """The folder of a run's artifacts, where it is in one of `roots`.

    Raises `Conflict` where it is not, or the artifacts are on another machine, and `NotFound`.
    """
    folder = _own(location, id)
    real = os.path.realpath(folder.parent.parent) if folder is not None else ""
    if folder is None or not any(Path(real).is_relative_to(os.path.realpath(root)) for root in roots):
        raise Conflict(
            f"the artifacts of run {id} are in {location}, where nothing is deleted from here",
            hint=f"archive it; then, where MLflow is: mlflow gc --run-ids {id}",
        )
    return folder


def delete_folder(folder: Path, id: str) -> int:
    """Delete the folder of a run's artifacts; returns the bytes that its files had. No link is followed.

    Raises `Unavailable`.
    """
    place = folder.parent.parent
    try:
        with ExitStack() as stack:
            descriptor = _entered(place, [id], stack)
            freed = sum(_sizes(descriptor))
            if stat.S_ISLNK(os.stat(folder.name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                os.unlink(folder.name, dir_fd=descriptor)
            else:
                shutil.rmtree(folder.name, dir_fd=descriptor)
            with suppress(OSError):  # something else is in it, too
                os.rmdir(id, dir_fd=_entered(place, [], stack))
            return freed
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise Unavailable(
            f"the artifacts of run {id} cannot be deleted: {error.strerror}", hint=f"see {folder}"
        ) from error


def _sizes(descriptor: int) -> Iterator[int]:
    for _, _, names, inside in os.fwalk("artifacts", dir_fd=descriptor, follow_symlinks=False):
        for name in names:
            found = os.stat(name, dir_fd=inside, follow_symlinks=False)
            yield found.st_size if stat.S_ISREG(found.st_mode) else 0


def _entered(folder: Path, names: Sequence[str], stack: ExitStack) -> int:
    """A descriptor of the folder that `names` lead to; none of them is a link. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    for name in names:
        descriptor = os.open(name, _FOLDER, dir_fd=descriptor)
        stack.callback(os.close, descriptor)
    return descriptor


def _entries(folder: Path, parts: Sequence[str], id: str) -> list[Artifact]:
    try:
        place, names = folder.parent.parent, [id, "artifacts", *parts]
        with ExitStack() as stack, os.scandir(_entered(place, names, stack)) as entries:
            return list(_readable(entries, parts))
    except OSError as error:
        if not parts and isinstance(error, FileNotFoundError):
            return []  # a run has no folder before it has a file
        raise _nothing(id, "/".join(parts), "folder") from error


def _readable(entries: Iterator[os.DirEntry[str]], parts: Sequence[str]) -> Iterator[Artifact]:
    for entry in entries:
        found = entry.stat(follow_symlinks=False)
        is_dir = stat.S_ISDIR(found.st_mode)
        if (is_dir or stat.S_ISREG(found.st_mode)) and _is_name(entry.name):
            path = "/".join([*parts, entry.name])
            yield Artifact(path=path, is_dir=is_dir, size=None if is_dir else found.st_size)


def _parts(id: str, path: str) -> list[str]:
    """The names of a path that stays inside. Raises `NotFound` for any other."""
    parts = path.split("/")
    if len(path) > MOST_PATH or not all(map(_is_name, parts)):
        raise _nothing(id, path)
    return parts


def _is_name(name: str) -> bool:
    """False for what leads elsewhere, and for what is no UTF-8 and so cannot be asked for."""
    return name not in ("", ".", "..") and "\x00" not in name and not any("\ud800" <= char <= "\udfff" for char in name)


def _nothing(id: str, path: str, what: str = "file") -> NotFound:
    shown = ascii(path if len(path) <= 100 else path[:100] + "…")
    return NotFound(
        f"run {ascii(id[:100])[1:-1]} has no {what} {shown}", hint="list them: jupyter mlplat runs artifacts ID"
    )
