"""The spool of this process: one file for each tracking URI, and a thread that delivers what is in it."""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import secrets
import threading
import time
from pathlib import Path

from . import records
from .delivery import OWN, Outage, deliver, note_refused

GATHER_S = 0.2
"""So long more is waited for once something is there. A reader elsewhere is at most a second behind."""
SOONEST_AGAIN_S = 0.5
LATEST_AGAIN_S = 10.0
CHUNK = 1 << 20
SHRINK_FROM = 16 << 20
"""A file that is delivered is emptied once it has so many bytes."""
AT_EXIT_S = 5.0

logger = logging.getLogger("jupyter_mlplat.spool")

_spools: dict[tuple[Path, str], Spool] = {}
_lock = threading.Lock()


def spool_of(folder: Path, uri: str) -> Spool:
    """The one of this process for what goes to `uri`; its file is made when something is logged."""
    with _lock:
        if not _spools:
            _register()
        found = _spools.get((folder, uri))
        if found is None:
            found = _spools[folder, uri] = Spool(folder, uri)
        return found


class Spool:
    """What this process logs to one tracking URI.

    `append` returns when the bytes are the kernel's: the death of the process loses nothing, loss of power may.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder = folder
        self.uri = uri
        self._reset()

    def _reset(self) -> None:
        self._file = -1
        self._begins = self._end = self._done = 0
        self._writing = threading.Lock()
        self._delivering = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._complained = False

    # --- writing --------------------------------------------------------------------------------

    def append(self, lines: bytes) -> None:
        """Keep whole lines. Raises `OSError` where they cannot be kept; then none of them is."""
        with self._writing:
            if self._file < 0:
                self._open()
            try:
                written = os.pwrite(self._file, lines, self._end)
            except OSError:
                os.ftruncate(self._file, self._end)
                raise
            if written != len(lines):
                os.ftruncate(self._file, self._end)
                raise OSError(28, "No space left on device")
            self._end += written
        if not self._wake.is_set():
            self._wake.set()

    def _open(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        fresh = self.folder / f"{name}.new"
        file = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            # Of the process, not of the descriptor: a child that is forked does not hold it, and death lets it go.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            head = records.head(self.uri)
            os.pwrite(file, head, 0)
            os.rename(fresh, fresh.with_suffix(".spool"))
        except BaseException:
            os.close(file)
            fresh.unlink(missing_ok=True)
            raise
        OWN.add(f"{name}.spool")
        self._name = f"{name}.spool"
        self._file, self._begins = file, len(head)
        self._end = self._done = len(head)
        self._thread = threading.Thread(target=self._work, name="mlplat-spool", daemon=True)
        self._thread.start()

    # --- delivering -----------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """True while something is not delivered."""
        return self._done < self._end

    def flush(self) -> None:
        """Deliver what is there now. Raises `Outage` where MLflow does not take it; it is kept."""
        end = self._end
        if self._done < end:
            with self._delivering:
                self._deliver(end)

    def _deliver(self, end: int) -> None:
        while self._done < end:
            data = os.pread(self._file, min(CHUNK, end - self._done), self._done)
            lines = data[: data.rfind(b"\n") + 1]
            refused = deliver(self.uri, records.read(lines))
            if refused:
                note_refused(self.folder, self.uri, refused)
            self._done += len(lines)
            os.pwrite(self._file, records.mark(self._done), 0)
        with self._writing:
            if self._done == self._end > SHRINK_FROM:
                # In this order: between the two a death has everything delivered again, which changes nothing.
                os.pwrite(self._file, records.mark(self._begins), 0)
                os.ftruncate(self._file, self._begins)
                self._done = self._end = self._begins

    def _work(self) -> None:
        pause, file = 0.0, self._file
        while True:
            self._wake.wait()
            if self._file != file:
                return
            time.sleep(max(GATHER_S, pause))
            self._wake.clear()
            try:
                self.flush()
                pause, self._complained = 0.0, False
            except Outage as error:
                self._complain(error)
                pause = min(max(pause * 2, SOONEST_AGAIN_S), LATEST_AGAIN_S)
                self._wake.set()
            except (OSError, ValueError) as error:
                logger.error("what was logged cannot be read from %s: %s", self.folder, error)
                pause = LATEST_AGAIN_S
                self._wake.set()

    def _complain(self, error: Outage) -> None:
        if not self._complained:
            self._complained = True
            logger.warning("MLflow does not take what is logged; it is kept in %s: %s", self.folder, error)

    def close(self) -> None:
        """Deliver what can be; what cannot stays for the next process that opens the platform."""
        if self._file < 0:
            return
        closing = threading.Thread(target=self._last, daemon=True)
        closing.start()
        closing.join(AT_EXIT_S)

    def _last(self) -> None:
        try:
            self.flush()
        except (Outage, OSError) as error:
            self._complain(Outage(str(error)))
            return
        with self._writing:
            if self._done == self._end:
                (self.folder / self._name).unlink(missing_ok=True)
                os.close(self._file)
                self._file = -1
                self._begins = self._end = self._done = 0
                self._wake.set()


def _register() -> None:
    atexit.register(_close_all)
    os.register_at_fork(after_in_child=_forked)


def _close_all() -> None:
    for spool in list(_spools.values()):
        spool.close()


def _forked() -> None:
    """A child has no thread of its parent's, and its own files."""
    global _lock
    _lock = threading.Lock()
    OWN.clear()
    for spool in _spools.values():
        if spool._file >= 0:
            os.close(spool._file)
        spool._reset()
