"""Warm kernels: whatever dies, hangs or misbehaves, the right things end, and what is left out is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jupyter_mlplat.kernel.pool import NotWarm, Pool
from jupyter_mlplat.processes import start_time
from tests.conftest import living_under
from tests.core.test_zygote import WITHIN, Host, Notebook, host, own, until

__all__ = ["host", "own"]

HIDDEN = """
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(256):
            try: os.close(number)
            except OSError: pass
        code = "import signal, time; signal.signal(15, 1); time.sleep(600)"
        os.execve(sys.executable, [sys.executable, "-c", code], {})
    os._exit(0)
"""
"""Starts a process that hides: a session of its own, no parent, no environment, deaf to TERM."""


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def hiding(keeper: int) -> list[psutil.Process]:
    """What `HIDDEN` has started below a kernel's keeper; none while that is still being done."""
    found = []
    for one in children(keeper):
        with suppress(psutil.Error):
            if "time.sleep(600)" in " ".join(one.cmdline()):
                found.append(one)
    return found


def gone(pids: list[int]) -> bool:
    return all(start_time(pid) is None for pid in pids)


def kernels(host: Host, status: dict[str, object]) -> list[int]:
    return [one.pid for one in children(int(str(status["pid"])))]


# --- somebody dies --------------------------------------------------------------------------------


def test_ending_a_kernel_leaves_no_descendant_however_it_hides(host: Host) -> None:
    with host.warm() as notebook:
        notebook.run(HIDDEN)
        tree = [one.pid for one in until(lambda: hiding(notebook.kernel.keeper))]
        assert notebook.kernel.end(grace=0.2) == -signal.SIGTERM
        assert gone(tree)
        until(lambda: gone([notebook.kernel.keeper]))


def test_processes_that_a_kernel_left_behind_end_with_its_client(host: Host) -> None:
    with host.warm() as notebook:
        notebook.run(HIDDEN)
        left = [one.pid for one in until(lambda: hiding(notebook.kernel.keeper))]
        notebook.client.execute("import os; os._exit(3)")
        assert notebook.kernel.wait(WITHIN) == 3
        assert not gone(left)
        notebook.kernel.close()
        until(lambda: gone(left))


def test_a_killed_client_takes_its_kernel_along(host: Host) -> None:
    host.prepare()
    program = f"""
        import json, sys
        from pathlib import Path
        from jupyter_mlplat.home import Home
        from jupyter_mlplat.kernel.pool import Pool
        env = json.loads({json.dumps(json.dumps(host.env))})
        kernel = Pool(Home(Path({str(host.home.root)!r}))).take({host.command()!r}, cwd="/", env=env, timeout=30)
        print(json.dumps([kernel.connection_info, kernel.pid, kernel.keeper]), flush=True)
        sys.stdin.read()
    """
    client = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    connection, pid, keeper = json.loads(client.stdout.readline())
    with Notebook(connection) as notebook:
        notebook.run(HIDDEN)
        tree = [one.pid for one in until(lambda: hiding(keeper))]
        client.kill()
        client.communicate()
        until(lambda: gone([pid, keeper, *tree]), within=10.0)


def test_a_kernel_ends_with_its_keeper(host: Host) -> None:
    with host.warm() as notebook:
        os.kill(notebook.kernel.keeper, signal.SIGKILL)
        assert notebook.kernel.wait(WITHIN) == -signal.SIGKILL
        until(lambda: gone([notebook.kernel.pid]))


def test_kernels_in_use_survive_the_zygote_and_waiting_ones_do_not(own: Callable[..., Host]) -> None:
    host = own()
    with host.warm() as notebook:
        until(lambda: host.pool.status()[0]["waiting"] == 2)
        status = host.pool.status()[0]
        mine = {notebook.kernel.pid, notebook.kernel.keeper}
        waiting = [pid for pid in kernels(host, status) if pid not in mine]
        assert len(waiting) == 4
        os.kill(status["pid"], signal.SIGKILL)
        until(lambda: gone(waiting))
        assert notebook.run("print(6 * 7)") == "42\n"
        with pytest.raises(NotWarm, match="are being prepared"):
            host.take()
        with host.warm() as another:
            assert another.run("print(1)") == "1\n"


def test_a_waiting_kernel_that_dies_is_replaced(own: Callable[..., Host]) -> None:
    host = own(preload=())
    host.prepare()
    status = until(lambda: next((one for one in host.pool.status() if one["waiting"] == 2), None))
    killed = kernels(host, status)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(kernels(host, status)) - set(killed)) == 4)
    with host.warm() as notebook:
        assert notebook.run("print(1)") == "1\n"


def test_a_program_that_ends_the_zygote_ends_what_waits(own: Callable[..., Host]) -> None:
    host = own(preload=())
    host.prepare()
    host.pool.stop()
    until(lambda: not living_under(host.root))


def test_it_ends_when_nobody_takes_a_kernel_and_with_its_directory(own: Callable[..., Host]) -> None:
    host = own(preload=(), idle=1.0)
    host.prepare()
    until(lambda: not living_under(host.root), within=15.0)
    host = own(preload=())
    host.prepare()
    os.rename(host.home.root, host.root / "moved")
    until(lambda: not living_under(host.root), within=15.0)


# --- several at once ------------------------------------------------------------------------------


def test_two_that_start_it_at_once_end_with_one(own: Callable[..., Host]) -> None:
    host = own(preload=())
    pools = [Pool(host.home, preload=()) for _ in range(4)]
    found: list[int] = []

    def prepare(pool: Pool) -> None:
        found.append(pool.prepare(host.command(), env=host.env, timeout=WITHIN)["pid"])

    threads = [threading.Thread(target=prepare, args=(pool,)) for pool in pools]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_twenty_kernels_in_a_row_and_two_at_once(host: Host) -> None:
    host.prepare()
    before = host.pool.status()[0]["handed_over"]
    taken: list[tuple[int, int]] = []

    def take(times: int) -> None:
        for _ in range(times):
            kernel = host.take()
            taken.append((kernel.pid, int(kernel.connection_info["shell_port"])))
            kernel.end()

    threads = [threading.Thread(target=take, args=(10,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({pid for pid, _ in taken}) == 20
    status = host.pool.status()[0]
    assert status["handed_over"] - before == 20
    assert len(os.listdir(f"/proc/{status['pid']}/fd")) < 20


# --- modules that cannot be imported ahead ---------------------------------------------------------

BAD = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "exits": ("import sys; sys.exit('no')", "SystemExit: no"),
    "threads": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), name='t', daemon=True).start()",
        "it leaves a thread running (t)",
    ),
    "hangs": ("import time\ntime.sleep(600)", "TimeoutError: not imported within 1.5 s"),
    "dies": ("import os; os._exit(3)", "the process ended, or had to be ended, while it was imported"),
    "asks": ("get_ipython().run_cell('1')", "it asks the notebook for run_cell when it is imported"),
    "masks": ("import os; os.umask(0)", "it changes the mask of new files"),
}


def test_a_module_that_cannot_be_imported_ahead_is_left_out_and_named(own: Callable[..., Host]) -> None:
    host = own(preload=(*BAD, "prints", "hooks", "missing"), import_timeout=1.5, keep=1)
    folder = host.root / "modules"
    folder.mkdir()
    for name, (source, _) in BAD.items():
        (folder / f"{name}.py").write_text(source)
    (folder / "prints.py").write_text("print('printed')\nimport logging\nlogging.basicConfig()")
    (folder / "hooks.py").write_text(
        "import os\nos.environ['SET_BY_HOOKS'] = '1'\nruns = []\n"
        "get_ipython().events.register('post_run_cell', lambda result: runs.append(1))"
    )
    host.env["PYTHONPATH"] = str(folder)
    # One that ends the process is known only to the next one.
    until(lambda: _prepared(host))
    status = host.prepare()
    assert status["preloaded"] == ["prints", "hooks"]
    assert status["left_out"] == {"missing": "it is not installed"} | {name: why for name, (_, why) in BAD.items()}
    assert host.log().count("printed\n") >= 1
    with host.warm() as notebook:
        notebook.run("import os, hooks")
        assert notebook.run("print(len(hooks.runs) > 0, os.environ['SET_BY_HOOKS'])") == "True 1\n"
        assert "said" in notebook.run("import logging; logging.warning('said')")
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            notebook.run("import raises")


def _prepared(host: Host) -> bool:
    try:
        return bool(host.pool.prepare(host.command(), env=host.env))
    except NotWarm:
        return False


def test_a_changed_environment_or_source_is_noticed(own: Callable[..., Host]) -> None:
    host = own(preload=("mine",), keep=1)
    folder = host.root / "modules"
    folder.mkdir()
    (folder / "mine.py").write_text("value = 1")
    host.env["PYTHONPATH"] = str(folder)
    ask = "import mine; print(mine.value)"
    with host.warm() as notebook:
        assert notebook.run(ask) == "1\n"
    (folder / "mine.py").write_text("value = 22")
    with pytest.raises(NotWarm, match=r"mine\.py has changed since it was imported"):
        host.take()
    with host.warm() as notebook:
        assert notebook.run(ask) == "22\n"
    # As pip leaves it.
    (folder / "other-1.0.dist-info").mkdir()
    with pytest.raises(NotWarm, match="modules has changed since it was imported"):
        host.take()
    with host.warm() as notebook:
        assert notebook.run(ask) == "22\n"


# --- limits and secrets ---------------------------------------------------------------------------


def test_nothing_waits_beyond_the_memory_that_it_may_use(own: Callable[..., Host]) -> None:
    host = own(preload=(), max_memory=1 << 20)
    status = host.prepare()
    assert status["waiting"] == 0
    assert "and their limit is 1 MB" in status["refuses"]
    with pytest.raises(NotWarm, match=r"warm kernels use .* MB"):
        host.take()


def test_a_user_who_configures_ipython_gets_the_configuration(own: Callable[..., Host]) -> None:
    host = own(preload=())
    profile = host.root / "ipython" / "profile_default"
    profile.mkdir()
    (profile / "ipython_config.py").write_text(
        "c.InteractiveShellApp.exec_lines = ['import os', 'where = os.getcwd()']\nc.InteractiveShell.cache_size = 7\n"
    )
    with host.warm() as notebook:
        assert notebook.run("print(where, get_ipython().cache_size)") == f"{host.folder} 7\n"


def test_only_its_user_can_reach_it_and_no_secret_is_shown(host: Host) -> None:
    env = {**host.env, "API_TOKEN": "hush-hush"}
    with host.warm(env=env) as notebook:
        key = notebook.kernel.connection_info["key"]
        status = host.pool.status()[0]
        assert host.pool.folder.stat().st_mode & 0o777 == 0o700
        assert [path.stat().st_mode & 0o077 for path in host.pool.folder.iterdir()] == [0, 0]
        assert "hush-hush" not in host.log()
        assert key not in host.log()
        for pid in (status["pid"], notebook.kernel.keeper, notebook.kernel.pid):
            assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert b"hush-hush" not in Path(f"/proc/{status['pid']}/environ").read_bytes()


def test_what_a_kernel_starts_has_no_descriptor_of_ours(host: Host) -> None:
    with host.warm() as notebook:
        notebook.run("import subprocess")
        listed = notebook.run("print(subprocess.getoutput('exec ls -l /proc/self/fd'))")
        assert "socket:" not in listed
        assert "/dev/null" in listed


def test_a_stranger_at_the_socket_harms_nobody(host: Host) -> None:
    host.prepare()
    name = host.pool.status() and next(host.pool.folder.glob("*.sock")).stem
    for text in (b"no json\n", b"[]\n", b'{"hello": 1}\n', b"x" * 100_000):
        channel = host.pool._connect(str(name))
        assert channel is not None
        channel.socket.sendall(text)
        channel.close()
    silent = host.pool._connect(str(name))
    assert silent is not None
    began = time.monotonic()
    with host.warm() as notebook:
        assert notebook.run("print(1)") == "1\n"
    assert time.monotonic() - began < WITHIN
    silent.close()
