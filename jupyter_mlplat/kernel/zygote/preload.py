"""What is imported ahead, what is left out and why, and what makes a fork unsafe."""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import importlib
import importlib.util
import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from typing import Any

NOTEBOOK = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "TERM": "xterm-color",
    "CLICOLOR": "1",
    "FORCE_COLOR": "1",
    "CLICOLOR_FORCE": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
}
"""What ipykernel sets before the first cell, for modules that look at it when they are imported."""

Hook = tuple[str, Any]


class Poisoned(Exception):
    """An import left something behind that cannot be undone: the process must start again without it."""

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(f"{module}: {reason}")
        self.module, self.reason = module, reason


def installed(name: str, *, by_pip: bool = False) -> bool:
    """True where the package of `name` is there, with `by_pip` in a folder of installed packages; imports nothing."""
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError, AttributeError):
        return False
    if spec is None or not by_pip:
        return spec is not None
    places = spec.submodule_search_locations or [spec.origin or ""]
    return any(os.path.dirname(place) in _sites() for place in places)


def import_ahead(name: str, *, within: float) -> list[Hook]:
    """Import one module as a cell of a notebook would; returns the hooks that it wants in the shell.

    Raises `Poisoned` where it fails in any way, takes more than `within` seconds, asks the shell for something
    that only a real one has, or leaves behind what makes a fork unsafe. A module that hangs without ever letting
    Python's interpreter run ends the process.
    """
    handler, mask = signal.getsignal(signal.SIGINT), os.umask(0o077)
    os.umask(mask)
    reason = ""
    with _shell() as shell:
        try:
            with _at_most(within):
                importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - SystemExit and what derives from nothing better
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        asked = shell.asked[:1]  # what follows from it are the shell's own questions
        hooks: list[Hook] = shell.events.hooks
    if asked:
        raise Poisoned(name, f"it asks the notebook for {asked[0]} when it is imported")
    if reason:
        raise Poisoned(name, reason)
    if signal.getsignal(signal.SIGINT) is not handler:
        raise Poisoned(name, "it changes how an interrupt is handled")
    if os.umask(mask) != mask:
        raise Poisoned(name, "it changes the mask of new files")
    reason = unsafe(patience=0.5)
    if reason:
        raise Poisoned(name, reason)
    return hooks


# --- a shell for modules that look for one ------------------------------------------------------------


class _Events:
    """Remembers what would have been called after each cell, for the shell that comes."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []

    def register(self, event: str, function: Any) -> None:
        self.hooks.append((event, function))


@contextlib.contextmanager
def _shell() -> Iterator[Any]:
    """A stand-in where `get_ipython()` looks: pandas and others ask at import whether they are in a notebook."""
    from ipykernel.zmqshell import ZMQInteractiveShell
    from traitlets.config import Config

    known = {"kernel", "config", "events", "asked", "has_trait", "trait_names", "traits"}
    asked: list[str] = []

    def spy(self: Any, name: str) -> Any:
        if not name.startswith("_") and name not in known:
            asked.append(name)
        return object.__getattribute__(self, name)

    kind: Any = type("ZMQInteractiveShell", (ZMQInteractiveShell,), {"__getattribute__": spy, "__module__": __name__})
    shell: Any = kind.__new__(kind)
    shell.__dict__.update(events=_Events(), asked=asked)
    shell._trait_values.update(config=Config({"IPKernelApp": {"connection_file": ""}}), kernel=object())
    classes = list(kind._walk_mro())
    before = [one._instance for one in classes]
    for one in classes:
        one._instance = shell
    builtins.get_ipython = lambda: shell  # type: ignore[attr-defined]
    asked.clear()
    try:
        yield shell
    finally:
        del builtins.get_ipython  # type: ignore[attr-defined]
        for one, value in zip(classes, before):  # noqa: B905 - `strict` is younger than some kernels' Python
            one._instance = value


# --- what makes a fork unsafe -------------------------------------------------------------------------


def unsafe(*, patience: float = 0.0) -> str:
    """Why a child of this process might not work, or "". Threads get `patience` seconds to end."""
    deadline = time.monotonic() + patience
    while (others := len(sys._current_frames()) - 1) and time.monotonic() < deadline:
        time.sleep(0.02)
    if others:
        names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        return f"it leaves a thread running ({', '.join(names) or 'one that Python did not start'})"
    torch = sys.modules.get("torch")
    if torch is not None:
        try:
            if torch.cuda.is_initialized():
                return "it initialises CUDA"
        except AttributeError:
            pass  # a torch without it, or another module of that name
    return _device()


def _device() -> str:
    """Whether this process holds a GPU, as its descriptors and mappings say."""
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("/dev/nvidia"):
            return f"it opens {target}"
    with open("/proc/self/maps") as maps:
        for line in maps:
            if "/dev/nvidia" in line:
                return f"it maps {line.split()[-1]}"
    return ""


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"not imported within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds * 2 + 5, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


# --- has what was imported changed? -------------------------------------------------------------------


class Fingerprint:
    """What is installed and what was imported, by size, time of change and inode; comparing takes about 1 ms.

    Looks at the interpreter, `pyvenv.cfg`, the folders of `sys.path` with the metadata, `.pth` and `.egg-link` files
    in them, and the sources of imported modules that do not belong to an installation.
    """

    def __init__(self) -> None:
        self._files = {path: _stat(path) for path in (sys.executable, os.path.join(sys.prefix, "pyvenv.cfg"))}
        folders = [folder for folder in sys.path if not folder.endswith(".zip") and folder not in _stdlib()]
        self._folders = {folder: (_stat(folder), _contents(folder)) for folder in folders}
        for folder in folders:
            paths = [os.path.join(folder, name) for name, _ in _contents(folder) if name.endswith(_LINKS)]
            self._files.update((path, _stat(path)) for path in paths)

    def sources(self) -> None:
        """Add the files of what is imported by now and is not installed: a checkout, a folder on PYTHONPATH."""
        below = tuple(os.path.join(path, "") for path in (*_installed(), os.path.dirname(os.path.abspath(__file__))))
        found = {getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if name != "__main__"}
        for path in found:
            if path and not path.startswith(below):
                self._files.setdefault(path, _stat(path))

    def changed(self) -> str:
        """The first path that is not as it was, or ""."""
        for path, was in self._files.items():
            if _stat(path) != was:
                return path
        for folder, (was, contents) in self._folders.items():
            now = _stat(folder)
            if now == was:
                continue
            # A __pycache__ changes the folder and nothing in it.
            if _contents(folder) != contents:
                return folder
            self._folders[folder] = (now, contents)
        return ""


_LINKS = (".pth", ".egg-link")
_METADATA = (".dist-info", ".egg-info")


def _contents(folder: str) -> list[tuple[str, tuple[int, int, int] | None]]:
    """What is in a folder; of what describes an installed package also when it changed."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [
        (name, _stat(os.path.join(folder, name)) if name.endswith(_METADATA) else None)
        for name in names
        if name != "__pycache__"
    ]


def _stdlib() -> set[str]:
    paths = sysconfig.get_paths()
    return {paths["stdlib"], paths["platstdlib"], os.path.join(paths["platstdlib"], "lib-dynload")}


def _installed() -> set[str]:
    """Folders whose files change with an installation only."""
    # The interpreter of a virtual environment keeps the standard library elsewhere.
    return _sites() | _stdlib() | {os.path.dirname(os.path.abspath(os.__file__))}


def _sites() -> set[str]:
    return {path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")}


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
