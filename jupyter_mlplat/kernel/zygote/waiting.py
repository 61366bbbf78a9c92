"""The kernel: waits until it is wanted, then is as one that was started just now.

Whatever a kernel reads at its start it reads after the hand-over: see `app` for the two ways.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import logging
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from . import title
from .memory import touch
from .preload import NOTEBOOK, Hook
from .wire import Channel, Closed

CONTROL_S = 1.0
SESSION = "_MLFLOW_TELEMETRY_SESSION_ID"
"""What MLflow sets when it is imported, different in each process."""


def wait(channel: Channel, ahead: bool, pages: list[int], hooks: list[Hook], learnt: dict[str, str]) -> None:
    """Prepare, wait for the request that comes through `channel`, then be that kernel until it ends.

    With `ahead` it initialises what it can before; where that turns out not to suit it asks its keeper for another
    one. `learnt` is what the imports ahead added to the environment.
    """
    gc.enable()
    touch(pages)
    handlers = [reference() for reference in logging._handlerList]  # type: ignore[attr-defined]
    streams = (sys.stdout, sys.stderr)
    from . import app as application

    app: Any = None
    if ahead:
        try:
            app = application.make(application.Ahead, channel)
            app.prepare()
            reason = app.suits([])
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an ipykernel that works otherwise than those we know
            reason = f"{type(error).__name__}: {error}"
        if reason:
            _give_way(channel, reason)
    # Both go through all that is imported, so they copy its pages: better now than when somebody waits.
    loaded = imported()
    importlib.invalidate_caches()
    channel.send({"ready": os.getpid()})
    try:
        request = channel.wait()
    except Closed:
        os._exit(0)
    argv = request["argv"]
    if app is not None and (reason := app.suits(argv)):
        _give_way(channel, reason)
    try:
        become(request, channel.take_descriptors(), learnt, app.redirect if app is not None else os.dup2)
        reason = shadowed(request["cwd"], loaded)
    except (OSError, ValueError) as error:
        # A plain start says it in its own way.
        reason = f"{type(error).__name__}: {error}"
    if reason:
        channel.send({"refused": reason})
        os._exit(0)
    if app is not None:
        app.finish(argv)
    else:
        app = application.make(application.Exact, channel)
        app.initialize(argv)
    for event, function in hooks:
        app.shell.events.register(event, function)
    for handler in handlers:
        # Made before there was a notebook to write to.
        if isinstance(handler, logging.StreamHandler) and handler.stream in streams:
            handler.setStream(sys.stdout if handler.stream is streams[0] else sys.stderr)
    app.start()
    leave(app)


def leave(app: Any) -> NoReturn:
    """End as an interpreter does, but for taking apart what was imported ahead: that would copy all of its memory."""
    control = getattr(app, "control_thread", None)
    if control is not None and control.is_alive():
        # Still flushing what it said last: where the thread that sends is stopped meanwhile, that takes ten seconds.
        control.join(CONTROL_S)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    app.shell.user_ns.clear()
    app.shell.user_module.__dict__.clear()
    gc.collect()
    # A file that was never closed is written when the interpreter takes it apart.
    for one in gc.get_objects():
        # A tuple: the environment's own Python may be older than ours.
        if isinstance(one, (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)) and not one.closed:
            with contextlib.suppress(Exception):
                one.flush()
    os._exit(0)


def _give_way(channel: Channel, reason: str) -> NoReturn:
    """Ask the keeper for another kernel; it ends this one."""
    channel.send({"another": reason})
    while True:
        signal.pause()


def become(
    request: dict[str, Any], stdio: list[int], learnt: dict[str, str], redirect: Callable[[int, int], object]
) -> None:
    """Take over what a process gets from its parent: streams, folder, environment, limits. Random states are its own.

    Raises `OSError` where the folder cannot be entered.
    """
    for number, descriptor in enumerate(stdio[:3]):
        (redirect if number else os.dup2)(descriptor, number)
        os.close(descriptor)
    settings = _matplotlib_file()
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    for name, (soft, hard) in request.get("limits", {}).items():
        try:
            resource.setrlimit(getattr(resource, name), (soft, hard))
        except (OSError, ValueError, AttributeError):
            pass  # above what this process may have
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(thread), request["affinity"])
    environment = {**learnt, **request["env"]}
    if SESSION in learnt and SESSION not in request["env"]:
        environment[SESSION] = os.urandom(16).hex()
    title.write([sys.executable, "-m", "ipykernel_launcher", *request["argv"]], environment)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [_launcher(), *request["argv"]]
    _forget()
    _set_matplotlib(settings)
    _reseed()
    importlib.invalidate_caches()


def _launcher() -> str:
    import ipykernel

    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(ipykernel.__file__))), "ipykernel_launcher.py")


def _forget() -> None:
    """What modules remember of the process that imported them."""
    tempfile.tempdir = None
    logging._startTime = time.time()  # type: ignore[attr-defined]
    if hasattr(threading.main_thread(), "_set_native_id"):
        threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.ORIGINAL_DIR = os.getcwd()
        process.current_process().authkey = os.urandom(32)


def _matplotlib_file() -> str:
    matplotlib: Any = sys.modules.get("matplotlib")
    return str(matplotlib.matplotlib_fname()) if matplotlib is not None else ""


def _set_matplotlib(before: str) -> None:
    """Its settings come from a file that folder and environment name, and from MPLBACKEND."""
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is None:
        return
    if _matplotlib_file() != before:
        settings = {name: value for name, value in matplotlib.rc_params().items() if name != "backend"}
        matplotlib.rcParamsDefault.update(settings)
        matplotlib.rcParams.update(settings)
    matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or NOTEBOOK["MPLBACKEND"]


def _reseed() -> None:
    """`random` and `tempfile` do it by themselves after a fork, `uuid4` and `secrets` ask the system each time."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed()
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "default_generator"):
        torch.default_generator.seed()


def imported() -> set[str]:
    """What a folder must have no module of its own of: all that is imported and is not of the standard library."""
    loaded = {name for name in sys.modules if "." not in name}
    return loaded - set(sys.builtin_module_names) - set(getattr(sys, "stdlib_module_names", ()))


def shadowed(folder: str, loaded: set[str]) -> str:
    """Why a notebook in `folder` would import something else: there is a module of a name that is imported already."""
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    for name in names:
        stem, _, ending = name.partition(".")
        if stem not in loaded:
            continue
        if ending in ("py", "pyc") or ending.endswith("so"):
            place = os.path.join(folder, name)
        else:
            place = os.path.join(folder, stem, "__init__.py")
        if os.path.exists(place) and not _is_loaded(stem, place):
            return f"the notebook's folder has a {name} of its own"
    return ""


def _is_loaded(name: str, place: str) -> bool:
    """True where `place` is what was imported: the notebook lies in the checkout of an editable installation."""
    try:
        return os.path.samefile(getattr(sys.modules[name], "__file__", None) or "", place)
    except OSError:
        return False
