"""Warm kernels: what a user can notice is as in a kernel that was started just now."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking import BlockingKernelClient

from jupyter_mlplat.home import Home
from jupyter_mlplat.kernel.imports import learn_imports
from jupyter_mlplat.kernel.pool import NotWarm, Pool, WarmKernel
from tests.conftest import fail_on_leftovers

WITHIN = 60.0


# --- a host with warm kernels, and kernels to compare them with -----------------------------------


class Host:
    """A data directory, an environment, and a folder for the notebooks."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        self.home = Home(root / "mlplat").ensure()
        self.folder = root / "notebooks"
        self.folder.mkdir()
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("JPY_", "PYTEST_"))}
        for name in ("user", "ipython", "runtime"):
            (root / name).mkdir()
        self.env |= {
            "HOME": str(root / "user"),
            "IPYTHONDIR": str(root / "ipython"),
            "MLPLAT_HOME": str(self.home.root),
        }
        self.env |= {"JUPYTER_RUNTIME_DIR": str(root / "runtime"), "JPY_SESSION_NAME": "analysis.ipynb"}
        self.pool = Pool(self.home, **{"preload": ("numpy",), "idle": 120.0, **options})
        self._files = 0

    def command(self, *arguments: str) -> list[str]:
        self._files += 1
        file = self.root / "runtime" / f"kernel-{self._files}.json"
        return [sys.executable, "-m", "ipykernel_launcher", "-f", str(file), *arguments]

    def prepare(self) -> dict[str, Any]:
        status = self.pool.prepare(self.command(), env=self.env, timeout=WITHIN)
        assert status, self.log()
        return status

    def take(self, *, cwd: Path | None = None, env: dict[str, str] | None = None, **options: Any) -> WarmKernel:
        command = options.pop("command", None) or self.command()
        options = {"timeout": WITHIN, **options}
        return self.pool.take(command, cwd=str(cwd or self.folder), env=env or self.env, **options)

    @contextmanager
    def warm(self, **options: Any) -> Iterator[Notebook]:
        self.prepare()
        kernel = self.take(**options)
        with Notebook(kernel.connection_info, kernel) as notebook:
            try:
                yield notebook
            finally:
                kernel.end()

    @contextmanager
    def cold(self, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> Iterator[Notebook]:
        command = self.command()
        process = subprocess.Popen(
            command, cwd=cwd or self.folder, env=env or self.env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with Notebook(until(lambda: connection_of(Path(command[4])))) as notebook:
                yield notebook
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        return "\n".join(path.read_text() for path in self.home.log.glob("kernels-*.log"))

    def close(self) -> None:
        self.pool.stop()
        fail_on_leftovers(self.root)


class Notebook:
    """A client of a kernel."""

    def __init__(self, connection: dict[str, Any], kernel: WarmKernel | None = None) -> None:
        self.client = BlockingKernelClient()
        self.client.load_connection_info(connection)
        self._kernel = kernel

    @property
    def kernel(self) -> WarmKernel:
        assert self._kernel is not None
        return self._kernel

    def __enter__(self) -> Notebook:
        self.client.start_channels(hb=False)
        # What is published before the subscription has arrived is lost.
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            self.client.kernel_info()
            try:
                self.client.get_iopub_msg(timeout=0.2)
                return self
            except queue.Empty:
                continue
        raise TimeoutError("the kernel publishes nothing")

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()

    def run(self, code: str, *, answer: str = "") -> str:
        """What a cell prints. An error of the cell is raised as `RuntimeError`."""
        text: list[str] = []

        def output(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                text.append(message["content"]["text"])
            elif message["msg_type"] in ("execute_result", "display_data"):
                text.append("".join(message["content"]["data"]))

        reply = self.client.execute_interactive(
            code, timeout=WITHIN, output_hook=output, stdin_hook=lambda _: self.client.input(answer)
        )["content"]
        if reply["status"] == "aborted":
            # It came while the kernel still dropped what stood behind a cell that failed.
            return self.run(code, answer=answer)
        if reply["status"] != "ok":
            raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")
        return "".join(text)

    def value(self, code: str) -> Any:
        return json.loads(self.run(code))


def until(condition: Callable[[], Any], *, within: float = WITHIN) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, "it has not come true"
        time.sleep(0.02)
    return found


def connection_of(path: Path) -> dict[str, Any]:
    """What a plain kernel has written once it can be reached."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One zygote for all tests that do not harm it."""
    host = Host(tmp_path_factory.mktemp("warm"))
    yield host
    host.close()


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Host]]:
    """Makes hosts whose zygotes a test may harm."""
    hosts: list[Host] = []

    def make(**options: Any) -> Host:
        hosts.append(Host(tmp_path_factory.mktemp("own"), **options))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


# --- as in a plain kernel -------------------------------------------------------------------------

SEEN = """
import builtins, gc, json, re, logging, multiprocessing.process, os, resource, signal, sys, tempfile, threading
def descriptors():
    kinds = []
    for number in os.listdir("/proc/self/fd"):
        try: kinds.append(os.readlink(f"/proc/self/fd/{number}").split(":")[0])
        except OSError: pass
    return sorted(re.sub(r"/tmp/#.*", "/tmp/#", kind) for kind in kinds if not kind.startswith("/proc"))
mask = os.umask(0); os.umask(mask)
shell = get_ipython()
json.dumps  # imported before the names are listed
print(json.dumps({
    "cwd": os.getcwd(), "env": {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"},
    "path": sys.path, "launcher": sys.argv[0], "arguments": len(sys.argv), "flags": list(sys.flags),
    "name": __name__, "file": "__file__" in globals(), "main": vars(sys.modules["__main__"]) is globals(),
    "session": __session__, "names": sorted(n for n in globals() if not n.startswith("_i")),
    "directories": _dh, "umask": mask, "temporary": tempfile.gettempdir(),
    "signals": {n: str(signal.getsignal(n)).split(" at ")[0] for n in range(1, 32)},
    "group": os.getpgid(0) == os.getpid(), "own session": os.getsid(0) == os.getpid(), "nice": os.nice(0),
    "limits": [resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")],
    "processors": sorted(os.sched_getaffinity(0)),
    "threads": sorted(re.sub(r"Thread-\\d+", "Thread", t.name) for t in threading.enumerate()),
    "main thread": threading.main_thread().native_id == os.getpid(),
    "handlers": [type(h).__name__ for h in logging.getLogger().handlers], "collects": gc.isenabled(),
    "tornado": len(logging.getLogger("tornado").handlers), "hook": type(sys.displayhook).__name__,
    "excepthook": sys.excepthook.__qualname__, "builtins": sorted(vars(builtins)),
    "start folder": multiprocessing.process.ORIGINAL_DIR, "stdin": sys.stdin.name,
    "shell": [type(shell).__module__, type(shell).__name__], "magics": sorted(shell.magics_manager.magics["line"]),
    "config": sorted(shell.config), "history": str(shell.history_manager.hist_file), "out": type(sys.stdout).__module__,
    "extensions": sorted(shell.extension_manager.loaded), "count": shell.execution_count,
    "descriptors": {kind: descriptors().count(kind) for kind in descriptors()},
    "parent poller": type(shell.kernel.parent.poller).__name__, "app": type(shell.kernel.parent).__name__,
    "hidden": sorted(shell.user_ns_hidden), "folder at start": shell.starting_dir,
    "configurables": sorted(type(one).__name__ for one in shell.configurables),
    "atexit": __import__("atexit")._ncallbacks(),
    "file": shell.kernel.parent.connection_file[:-6], "profile": shell.profile_dir.location,
    "parsed": sorted(shell.kernel.parent.cli_config), "count of parsed": len(shell.kernel.parent.argv),
    "ports": sorted(shell.kernel.parent._ports), "recorded": sorted(shell.kernel._recorded_ports),
    "hooks": {name: len(found) for name, found in shell.events.callbacks.items()},
}, default=str))
"""


def test_a_user_sees_what_a_plain_kernel_shows(host: Host) -> None:
    (host.root / "ipython" / "profile_default" / "startup").mkdir(parents=True, exist_ok=True)
    startup = host.root / "ipython" / "profile_default" / "startup" / "00-seen.py"
    startup.write_text("import os\nstarted_in = os.getcwd(), os.environ['WHO']\n")
    env = {**host.env, "WHO": "me", "CUDA_VISIBLE_DEVICES": "GPU-1", "TMPDIR": str(host.root), "MPLBACKEND": ""}
    try:
        with host.cold(env=env) as cold:
            expected = cold.value(SEEN)
            started_in = cold.value("import json; print(json.dumps(started_in))")
        with open(os.devnull, "wb") as nothing, host.warm(env=env, stdio=(nothing.fileno(),) * 2) as warm:
            seen = warm.value(SEEN)
            assert warm.value("import json; print(json.dumps(started_in))") == started_in
    finally:
        startup.unlink()
    assert started_in == [str(host.folder), "me"]
    # A plain kernel here has nobody who watches it.
    assert (expected.pop("parent poller"), seen.pop("parent poller")) == ("NoneType", "ParentPollerUnix")
    seen["threads"].remove("Thread")
    # Connections come and go; a descriptor of the zygote's would be of another kind, or one of many.
    kinds, expected_kinds = seen.pop("descriptors"), expected.pop("descriptors")
    more = {kind: n for kind, n in kinds.items() if n > expected_kinds.get(kind, 0) + (kind == "socket")}
    assert [kind for kind in more if not kind.endswith("-journal")] == []  # which SQLite has for a moment
    for name in seen:
        assert seen[name] == expected[name], name


def test_a_kernel_is_shown_with_its_own_command_and_environment(host: Host) -> None:
    with host.warm(env={**host.env, "WHO": "me", "MLPLAT_ATTEMPT": "7"}) as notebook:
        process = psutil.Process(notebook.kernel.pid)
        assert "-m ipykernel_launcher -f" in " ".join(process.cmdline())
        assert process.environ() | {"WHO": "me", "MLPLAT_ATTEMPT": "7"} == process.environ()


def test_two_kernels_give_different_random_numbers(host: Host) -> None:
    code = """
import json, multiprocessing, random, tempfile, uuid, numpy, secrets
print(json.dumps([random.random(), numpy.random.random(), uuid.uuid4().hex, secrets.token_hex(), tempfile.mktemp(),
    multiprocessing.current_process().authkey.hex()]))
"""
    with host.warm() as first, host.warm() as second:
        one, other = first.value(code), second.value(code)
        assert first.kernel.connection_info["key"] != second.kernel.connection_info["key"]
    assert [a for a, b in zip(one, other, strict=True) if a == b] == []


def test_an_interrupt_ends_a_cell_and_not_the_kernel(host: Host) -> None:
    with host.warm() as notebook:
        notebook.run("import time")
        asked = notebook.client.execute("open('sleeping', 'w').close(); time.sleep(60)")
        until((host.folder / "sleeping").exists)
        notebook.kernel.signal(signal.SIGINT)
        while (reply := notebook.client.get_shell_msg(timeout=WITHIN))["parent_header"]["msg_id"] != asked:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert notebook.run("print(6 * 7)") == "42\n"


def test_input_asks_the_client(host: Host) -> None:
    with host.warm() as notebook:
        assert notebook.run("print(input('who? ')[::-1])", answer="me") == "em\n"


def test_processes_threads_and_coroutines_work_inside(host: Host) -> None:
    (host.folder / "beside.py").write_text("def double(x):\n    return 2 * x\n")
    with host.warm() as notebook:
        code = """
import asyncio, multiprocessing, subprocess, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from beside import double
for way in ("fork", "spawn", "forkserver"):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(way)) as pool:
        print(way, list(pool.map(double, range(3))))
with ThreadPoolExecutor(2) as pool:
    print(list(pool.map(double, range(3))))
await asyncio.sleep(0)
print(subprocess.run(["cat"], input="child", capture_output=True, text=True, close_fds=False).stdout)
"""
        printed = notebook.run(code)
        assert (
            printed == "".join(f"{way} [0, 2, 4]\n" for way in ("fork", "spawn", "forkserver")) + "[0, 2, 4]\nchild\n"
        )


def test_output_of_loggers_and_of_the_system_reaches_the_notebook(host: Host) -> None:
    with host.warm() as notebook:
        assert "logged" in notebook.run("import logging; logging.basicConfig(); logging.warning('logged')")
        assert "echoed" in notebook.run("!echo echoed")
        assert "%%bash" not in notebook.run("%%bash\necho $WHO-shell")


def test_a_comm_can_be_opened(host: Host) -> None:
    with host.warm() as notebook:
        assert notebook.run("import ipywidgets; print(ipywidgets.IntSlider(3).comm is not None)") == "True\n"


def test_ports_and_key_come_from_the_connection_file_so_that_a_restart_keeps_them(host: Host) -> None:
    command = host.command()
    host.prepare()
    first = host.take(command=command)
    file = Path(command[4])
    info = json.loads(file.read_text())
    assert file.stat().st_mode & 0o077 == 0
    first.end()
    file.write_text(json.dumps(info))
    second = host.take(command=command)
    assert {**info, **second.connection_info} == {**second.connection_info, **info}
    assert second.connection_info["shell_port"] == info["shell_port"]
    with Notebook(info, second) as notebook:
        assert notebook.run("print(1)") == "1\n"
    second.end()


def test_options_of_the_command_count(host: Host) -> None:
    host.prepare()
    kernel = host.take(command=host.command("--HistoryManager.hist_file=:memory:"))
    with Notebook(kernel.connection_info, kernel) as notebook:
        assert notebook.run("print(get_ipython().history_manager.hist_file)") == ":memory:\n"
    kernel.end()


def test_what_a_kernel_runs_at_its_end_is_run(host: Host) -> None:
    with host.warm() as notebook:
        notebook.run("import atexit; atexit.register(lambda: open('ended', 'w').close())")
        notebook.client.shutdown()
        assert notebook.kernel.wait(WITHIN) == 0
        assert (host.folder / "ended").exists()


@pytest.mark.parametrize(
    ("code", "returncode"),
    [
        ("import os; os._exit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
        ("exit()", 0),
    ],
)
def test_how_a_kernel_ended_is_told(host: Host, code: str, returncode: int) -> None:
    with host.warm() as notebook:
        assert notebook.kernel.poll() is None
        notebook.client.execute(code)
        assert notebook.kernel.wait(WITHIN) == returncode
        assert notebook.kernel.poll() == returncode


def test_what_a_kernel_says_past_the_notebook_goes_where_its_caller_says(host: Host) -> None:
    host.prepare()
    with open(host.root / "stderr", "wb") as file:
        kernel = host.take(stdio=(1, file.fileno()))
    with Notebook(kernel.connection_info, kernel) as notebook:
        notebook.run("import os, sys; os.write(sys.stderr.fileno(), b'last words')")
        kernel.end()
    assert "last words" in (host.root / "stderr").read_text()


# --- who gets none --------------------------------------------------------------------------------


def test_what_is_not_a_plain_python_kernel_is_refused(host: Host) -> None:
    host.prepare()
    with pytest.raises(NotWarm, match=r"R --slave -e … does not start a kernel of ipykernel"):
        host.take(command=["R", "--slave", "-e", "IRkernel::main()"])
    with pytest.raises(NotWarm, match="PYTHONPATH names a folder that depends on the working directory"):
        host.take(env={**host.env, "PYTHONPATH": "lib"})
    with pytest.raises(NotWarm, match=r"FileNotFoundError.*missing"):
        host.take(cwd=host.folder / "missing")


def test_a_module_beside_the_notebook_is_not_hidden(host: Host) -> None:
    folder = host.root / "shadow"
    folder.mkdir()
    (folder / "numpy.py").write_text("")
    host.prepare()
    with pytest.raises(NotWarm, match=r"the notebook's folder has a numpy\.py of its own"):
        host.take(cwd=folder)


def test_the_notebook_of_a_checkout_that_is_installed_gets_one(own: Callable[..., Host]) -> None:
    host = own(preload=("a_checkout",), keep=1)
    folder = host.root / "checkout"
    folder.mkdir()
    (folder / "a_checkout.py").write_text("")
    host.env["PYTHONPATH"] = str(folder)
    with host.warm(cwd=folder) as notebook:
        assert notebook.run("import a_checkout; print(a_checkout.__file__)").strip() == str(folder / "a_checkout.py")


def test_another_environment_has_a_zygote_of_its_own(own: Callable[..., Host]) -> None:
    host = own(preload=(), keep=1)
    host.prepare()
    with pytest.raises(NotWarm, match="are being prepared"):
        host.take(env={**host.env, "OMP_NUM_THREADS": "3"})
    until(lambda: len(host.pool.status()) == 2)


# --- learning -------------------------------------------------------------------------------------


def test_imports_are_read_from_the_cells(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("")
    cells = [
        "%matplotlib inline\n!pip install x\nimport matplotlib.pyplot as plt, os",
        "%%time\nfrom sklearn.ensemble import RandomForestClassifier",
        "%%bash\nimport nothing",
        "import helpers\nfrom . import relative",
        "def f():\n    import torch",
        ["if True:\n", "    %time x = 1\n", "import pandas"],
        "this is no python\nimport scipy",
    ]
    notebook = {"cells": [{"cell_type": "code", "source": source} for source in cells]}
    notebook["cells"].append({"cell_type": "markdown", "source": "import mlflow"})
    assert learn_imports(notebook, tmp_path) == [
        "matplotlib.pyplot", "sklearn.ensemble", "torch", "pandas", "scipy",
    ]  # fmt: skip


def test_what_notebooks_import_is_imported_ahead_from_then_on(own: Callable[..., Host]) -> None:
    host = own(preload=(), keep=1)
    host.prepare()
    host.take(imports=["tomlkit", "yaml", "no_such_package"]).end()
    until(lambda: any("yaml" in one["preloaded"] for one in host.pool.status()))
    with host.warm() as notebook:
        assert notebook.run("import sys; print('yaml' in sys.modules)") == "True\n"


# --- everything that is imported by default -------------------------------------------------------

EVERYTHING = """
import json, numpy, pandas, sklearn, torch, mlflow, sys
from sklearn.ensemble import RandomForestClassifier
from torch.utils.data import DataLoader, TensorDataset
a = numpy.random.random((400, 400)); assert (a @ a).shape == (400, 400)
w = torch.ones(200_000, requires_grad=True); (w * w).sum().backward()
forest = RandomForestClassifier(20, n_jobs=2).fit(a, a[:, 0] > 0.5)
batches = list(DataLoader(TensorDataset(torch.arange(8)), batch_size=2, num_workers=2))
print(json.dumps([pandas.options.display.max_columns, float(w.grad[0]), len(batches), torch.rand(1).item(),
    torch.initial_seed(), numpy.random.random(), mlflow.__name__]))
"""
PLOT = "import matplotlib.pyplot as plt; plt.plot([1, 2]); print(plt.get_backend())"


def test_the_default_modules_work_in_kernels_that_did_not_import_them(own: Callable[..., Host]) -> None:
    host = own(preload=("numpy", "pandas", "sklearn", "torch", "mlflow", "matplotlib.pyplot"))
    status = host.prepare()
    assert status["left_out"] == {}
    with host.warm() as first, host.warm() as second:
        began = time.monotonic()
        first.run("import numpy, pandas, sklearn, torch, mlflow")
        assert time.monotonic() - began < 2.0
        one, other = first.value(EVERYTHING), second.value(EVERYTHING)
        assert "image/png" in first.run(PLOT)
        assert "backend_inline" in second.run(PLOT)
    with host.cold() as cold:
        expected = cold.value(EVERYTHING)
    assert one[:3] == other[:3] == expected[:3]
    assert len({tuple(one[3:6]), tuple(other[3:6])}) == 2
    assert [a for a, b in zip(one[3:6], other[3:6], strict=True) if a == b] == []


def test_what_a_kernel_has_open_is_written_when_it_ends(own: Callable[..., Host], tmp_path: Path) -> None:
    host = own()
    (host.folder / "mine.py").write_text("held = open('by_module.txt', 'w')\nheld.write('kept')\n")
    with host.warm() as notebook:
        notebook.run(
            "import atexit, threading, time, tempfile, mine\n"
            "left_open = open('left_open.txt', 'w'); left_open.write('words')\n"
            "raw = open('raw.bin', 'wb'); raw.write(b'bytes')\n"
            "atexit.register(lambda: open('at_exit.txt', 'w').write('done'))\n"
            "class Last:\n"
            "    def __del__(self): open('deleted.txt', 'w').write('gone')\n"
            "last = Last(); ring = [Last()]; ring.append(ring)\n"
            "folder = tempfile.TemporaryDirectory(dir='.')\n"
            "def later(): time.sleep(0.5); open('thread.txt', 'w').write('late')\n"
            "threading.Thread(target=later).start()"
        )
        notebook.client.shutdown()
        assert notebook.kernel.wait(WITHIN) == 0
    found = {path.name: path.read_text() for path in host.folder.iterdir() if path.suffix in (".txt", ".bin")}
    assert found == {
        "left_open.txt": "words", "by_module.txt": "kept", "raw.bin": "bytes", "at_exit.txt": "done",
        "deleted.txt": "gone", "thread.txt": "late",
    }  # fmt: skip
    assert [path for path in host.folder.iterdir() if path.is_dir() and path.name.startswith("tmp")] == []
