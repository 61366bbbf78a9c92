"""What a notebook's kernel has in memory when its devices are taken back, and `%mlplat restore` in the next one."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from zmq import ZMQError

from jupyter_mlplat.home import Home
from jupyter_mlplat.kernel.kept import MANIFEST
from jupyter_mlplat.kernel.state.pickles import VALUES
from jupyter_mlplat.server import kernel_saving
from jupyter_mlplat.server.app import MLPlatExtension

from .conftest import Ask
from .test_kernels import fresh, gone, looks, until

__all__ = ["fresh", "looks"]

SETUP = """
import threading
import numpy as np
import pandas as pd
numbers = np.arange(12.0).reshape(3, 4)
frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
settings = {"rate": 0.1, "layers": [1, 2]}
shared = settings["layers"]
lock = threading.Lock()
db_password = "swordfish-7"
class Model:
    def __init__(self): self.weights = numbers
    def predict(self, x): return x * settings["rate"]
def double(x):
    return 2 * factor * x
factor = 3
model = Model()
"""
CHECK = """
assert (numbers == np.arange(12.0).reshape(3, 4)).all() and model.weights is numbers
assert frame.equals(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
assert settings == {"rate": 0.1, "layers": [1, 2]} and shared is settings["layers"]
factor = 5
assert (double(1), model.predict(10), type(model) is Model) == (10, 1.0, True)
assert "lock" not in globals() and "db_password" not in globals()
"""
HANGS = """
import time
class Hangs:
    def __reduce__(self):
        time.sleep(600)
        return int, ()
hangs, x = Hangs(), 1
"""
DEAF = """
import time
class Hangs:
    def __reduce__(self):
        while True:
            try:
                time.sleep(600)
            except BaseException:
                pass
hangs, x = Hangs(), 1
"""


class Kernel:
    """A notebook's kernel that has a device."""

    def __init__(self, manager: Any, id: str, lease: str) -> None:
        self.manager, self.id, self.lease = manager, id, lease
        self.client = manager.client()
        self.client.start_channels()

    async def run(self, code: str) -> str:
        """What a cell prints. Fails where it raises."""
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = await self.client.execute_interactive(code, timeout=60, output_hook=hear, allow_stdin=False)
        content = reply["content"]
        assert content["status"] == "ok", content
        return "".join(printed)

    async def fails(self, code: str) -> str:
        """What a cell raises."""
        reply = await self.client.execute_interactive(code, timeout=60, output_hook=lambda _: None)
        assert reply["content"]["status"] == "error", reply["content"]
        return str(reply["content"]["evalue"])


Start = Callable[[str], Any]


@pytest.fixture
def start(ask: Ask, jp_fetch: Any, jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Start]:
    """Starts a kernel with a device for a notebook in the server's folder, which is made where it is missing."""
    made: list[Kernel] = []

    async def started(path: str) -> Kernel:
        file = Path(jp_serverapp.root_dir, path)
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            nbformat.write(nbformat.v4.new_notebook(), file)
        answer = await ask("POST", "leases", body={"notebook": path})
        assert answer.status == 201, answer.body
        body = {"path": path, "name": path.rpartition("/")[2], "type": "notebook", "kernel": {"name": "python3"}}
        session = json.loads((await jp_fetch("api", "sessions", method="POST", body=json.dumps(body))).body)
        id = session["kernel"]["id"]
        kernel = Kernel(jp_serverapp.kernel_manager.get_kernel(id), id, answer.json["id"])
        made.append(kernel)
        await kernel.client.wait_for_ready(timeout=60)
        await kernel.run("%load_ext jupyter_mlplat")
        return kernel

    async def ended() -> None:
        for kernel in made:
            kernel.client.stop_channels()
            if kernel.id in jp_serverapp.kernel_manager:
                await jp_serverapp.kernel_manager.shutdown_kernel(kernel.id, now=True)

    yield started
    jp_asyncio_loop.run_until_complete(ended())


async def end(ask: Ask, kernel: Kernel) -> dict[str, Any]:
    """Release its devices; what was saved of it."""
    answer = await ask("DELETE", "leases", kernel.lease, request_timeout=90)
    assert (answer.status, answer.json["state"]) == (200, "released"), answer.body
    left = await ask("GET", "leases", kernel.lease, "kernel")
    assert left.status == 200, left.body
    found: dict[str, Any] = left.json
    return found


async def test_what_a_kernel_had_comes_back_in_the_next_one(
    ask: Ask, start: Start, home: Home, jp_serverapp: Any
) -> None:
    first = await start("work/train.ipynb")
    assert await first.run("%mlplat restore") == "nothing is saved for train.ipynb\n"
    (await ask("GET", "leases", first.lease, "kernel")).error(404)
    await first.run(SETUP)
    left = await end(ask, first)
    assert first.id not in jp_serverapp.kernel_manager
    names = ["Model", "double", "factor", "frame", "model", "numbers", "settings", "shared"]
    assert (left["names"], left["message"]) == (names, None)
    assert left["skipped"]["lock"].startswith("TypeError: cannot pickle")
    assert left["skipped"]["db_password"] == "it may be a secret"
    assert left["notebook"] == os.path.realpath(os.path.join(jp_serverapp.root_dir, "work/train.ipynb"))
    (values,) = home.kernels.rglob(VALUES)
    assert left["bytes"] == values.stat().st_size
    assert b"swordfish" not in values.read_bytes()

    other = await start("work/other.ipynb")
    assert await other.run("%mlplat restore") == "nothing is saved for other.ipynb\n"
    second = await start("work/train.ipynb")
    shown = await second.run("%mlplat restore --list")
    assert shown.startswith("8 variables (")
    assert "variables: Model, double, factor, frame" in shown
    assert "modules: np, pd, threading" in shown
    assert "not saved: lock (TypeError: cannot pickle" in shown
    await second.run("assert 'numbers' not in globals() and 'np' not in globals()")
    shown = await second.run("%mlplat restore")
    assert shown.startswith("from the kernel of train.ipynb that was saved at 20")
    assert "\nset: Model, double, factor, frame, model, np, numbers, pd, settings, shared, threading\n" in shown
    assert "not saved: db_password (it may be a secret)\n" in shown
    await second.run(CHECK)


async def test_what_has_another_value_now_is_not_overwritten_unless_asked(ask: Ask, start: Start) -> None:
    first = await start("work/train.ipynb")
    await first.run("import json\na, b, c = 1, [2], {'x': 3}")
    assert (await end(ask, first))["names"] == ["a", "b", "c"]
    second = await start("work/train.ipynb")
    shown = await second.run("a, b, json = 7, [2], 'mine'\n%mlplat restore")
    assert "\nset: c\n" in shown
    assert "as they were: b\n" in shown
    assert "not set, because they have another value now (--overwrite sets them): a, json\n" in shown
    await second.run("assert (a, b, c, json) == (7, [2], {'x': 3}, 'mine')")
    shown = await second.run("%mlplat restore --overwrite")
    assert "set, with another value than they had: a, json\n" in shown
    assert "as they were: b, c\n" in shown
    await second.run("assert a == 1 and json.dumps(a) == '1'")


async def test_the_kernel_of_a_notebook_that_nobody_keeps_is_saved(
    ask: Ask, start: Start, looks: None, extension: MLPlatExtension, jp_serverapp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = await start("work/train.ipynb")
    await first.run("x = list(range(1000))")
    extension.log.propagate = True
    with caplog.at_level("INFO", logger=extension.log.name):
        extension.start_publisher()
        ended = await until(ask, first.lease, "reason")
        await gone(jp_serverapp, first.id)
    assert ended["reason"] == "idle"
    assert (await ask("GET", "leases", first.lease, "kernel")).json["names"] == ["x"]
    assert f"train.ipynb is shut down, which held lease {first.lease}; 1 variables (" in caplog.text


async def test_named_variables_alone_are_saved(ask: Ask, start: Start) -> None:
    kernel = await start("work/train.ipynb")
    await kernel.run("big, df, gone = b'x' * 1000, {'a': 1}, 1\ndef f(): return df")
    said = await kernel.run("%mlplat checkpoint df, gone")
    assert said.endswith("only df, gone will be saved\n")
    await kernel.run("del gone")
    left = await end(ask, kernel)
    assert (left["names"], left["skipped"]) == (["df", "f"], {"gone": "there is no such variable"})


async def test_a_kernel_that_runs_a_cell_is_not_asked(ask: Ask, start: Start, home: Home) -> None:
    kernel = await start("work/train.ipynb")
    await kernel.run("x = 1")
    kernel.client.execute("import time\ntime.sleep(600)")
    while kernel.manager.execution_state != "busy":
        await asyncio.sleep(0.05)
    began = time.monotonic()
    left = await end(ask, kernel)
    assert time.monotonic() - began < 15
    assert (left["names"], left["message"]) == ([], "it ran a cell")
    assert list(home.kernels.rglob("*")) == []


async def test_what_takes_for_ever_is_left_out(ask: Ask, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_saving, "WORKS_S", 3.0)
    kernel = await start("work/train.ipynb")
    await kernel.run(HANGS)
    left = await end(ask, kernel)
    assert left["names"] == ["Hangs", "x"]
    assert left["skipped"] == {"hangs": "it takes too long to save"}


async def test_a_kernel_that_does_not_answer_is_shut_down_all_the_same(
    ask: Ask, start: Start, home: Home, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_saving, "ASKED_S", 2.0)
    kernel = await start("work/train.ipynb")
    await kernel.run(DEAF)
    began = time.monotonic()
    left = await end(ask, kernel)
    assert time.monotonic() - began < 20
    assert (left["names"], left["message"]) == ([], "it did not answer within 2 s")
    assert kernel.id not in jp_serverapp.kernel_manager
    assert list(home.kernels.rglob("values*")) == []


async def test_a_kernel_that_rests_and_does_not_answer_is_shut_down_unless_a_cell_came_first(
    ask: Ask, start: Start, extension: MLPlatExtension, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_saving, "ASKED_S", 2.0)
    kernel = await start("work/train.ipynb")
    await kernel.run(DEAF)
    await asyncio.sleep(0.5)
    kernel.client.execute("time.sleep(4)")
    # What the server has heard of it does not matter.
    assert not await extension.kernel_leases.shut_down(kernel.lease, reason="idle", busy=False)
    assert kernel.id in jp_serverapp.kernel_manager
    assert await kernel.run("print(x)") == "1\n"
    await asyncio.sleep(0.5)
    assert await extension.kernel_leases.shut_down(kernel.lease, reason="idle", busy=False)
    assert kernel.id not in jp_serverapp.kernel_manager
    left = (await ask("GET", "leases", kernel.lease, "kernel")).json
    assert left["message"] == "it did not answer within 2 s"


async def test_a_kernel_that_cannot_be_asked_is_shut_down_all_the_same(
    ask: Ask, start: Start, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = await start("work/train.ipynb")

    def client(self: object, **options: object) -> None:
        raise ZMQError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(type(kernel.manager), "client", client)
        left = await end(ask, kernel)
    assert left["message"] == "it could not be asked: ZMQError"
    assert kernel.id not in jp_serverapp.kernel_manager


async def test_a_kernel_that_is_wanted_while_it_is_saved_goes_on(
    ask: Ask, start: Start, home: Home, extension: MLPlatExtension, jp_serverapp: Any
) -> None:
    kernel = await start("work/train.ipynb")
    await kernel.run(HANGS.replace("600", "2"))
    leases = extension.kernel_leases
    ending = asyncio.ensure_future(leases.shut_down(kernel.lease, reason="idle", busy=False))
    await asyncio.sleep(1)
    assert (await ask("POST", "leases", kernel.lease, "keep", body={"seconds": 60})).status == 200
    assert not await ending

    ending = asyncio.ensure_future(leases.shut_down(kernel.lease, reason="idle", busy=False))
    await asyncio.sleep(1)
    kernel.client.execute("time.sleep(5)\ny = 2")
    assert not await ending
    assert await kernel.run("print(x + y)") == "3\n"
    assert list(home.kernels.rglob("values*")) == []
    assert (await ask("GET", "leases", kernel.lease)).json["state"] == "granted"
    assert (await end(ask, kernel))["names"] == ["Hangs", "hangs", "x", "y"]


async def test_whoever_ends_a_kernel_twice_ends_it_once(ask: Ask, start: Start) -> None:
    kernel = await start("work/train.ipynb")
    await kernel.run(HANGS.replace("600", "1"))
    answers = await asyncio.gather(*(ask("DELETE", "leases", kernel.lease) for _ in range(3)))
    assert {answer.json["state"] for answer in answers} == {"released"}
    assert (await ask("GET", "leases", kernel.lease, "kernel")).json["message"] is None


async def test_a_kernel_with_nothing_in_it_replaces_no_save(ask: Ask, start: Start) -> None:
    first = await start("work/train.ipynb")
    await first.run("x = 1")
    assert (await end(ask, first))["message"] is None
    second = await start("work/train.ipynb")
    left = await end(ask, second)
    assert left["message"] == "there was nothing to save"
    third = await start("work/train.ipynb")
    assert "set: x" in await third.run("%mlplat restore")


async def test_kernels_in_other_languages_are_not_asked(ask: Ask, start: Start, home: Home, jp_serverapp: Any) -> None:
    kernel = await start("work/train.ipynb")
    kernel.manager.kernel_spec.language = "julia"
    left = await end(ask, kernel)
    assert left["message"] == "only kernels in Python can be saved, and this one spoke julia"
    assert kernel.id not in jp_serverapp.kernel_manager


async def test_a_damaged_save_is_refused_in_one_line(ask: Ask, start: Start, home: Home) -> None:
    first = await start("work/train.ipynb")
    await first.run("x = 1")
    assert (await end(ask, first))["message"] is None
    (values,) = home.kernels.rglob(VALUES)
    values.write_bytes(values.read_bytes()[:-1] + b"?")
    second = await start("work/train.ipynb")
    said = await second.fails("%mlplat restore")
    assert said.startswith("what was saved of the kernel of train.ipynb is damaged: the file with the values")
    (manifest,) = home.kernels.rglob(MANIFEST)
    other = json.loads(manifest.read_text()) | {"python": "3.1"}
    manifest.write_text(json.dumps(other))
    assert "it was saved by Python 3.1, and this is Python" in await second.fails("%mlplat restore")
    await second.run("assert 'x' not in globals()")


@pytest.mark.parametrize("name", ["a 'b' \"c\" $(d) %e {f}.ipynb", "line\nbreak.ipynb", "ü\u202e.ipynb"])
async def test_a_notebook_may_be_called_anything(ask: Ask, start: Start, name: str) -> None:
    first = await start(name)
    await first.run("x = 1")
    assert (await end(ask, first))["names"] == ["x"]
    second = await start(name)
    shown = await second.run("%mlplat restore")
    assert "\nset: x\n" in shown + "\n"
    assert len(shown.splitlines()) == 2


async def test_a_notebook_that_was_renamed_meanwhile(ask: Ask, start: Start, jp_fetch: Any, jp_serverapp: Any) -> None:
    first = await start("work/old.ipynb")
    await first.run("x = 1")
    root = Path(jp_serverapp.root_dir)
    sessions = json.loads((await jp_fetch("api", "sessions")).body)
    (root / "work" / "old.ipynb").rename(root / "work" / "new.ipynb")
    body = json.dumps({"path": "work/new.ipynb", "name": "new.ipynb", "type": "notebook"})
    await jp_fetch("api", "sessions", sessions[0]["id"], method="PATCH", body=body)
    assert (await end(ask, first))["notebook"].endswith("/work/new.ipynb")
    (root / "work" / "new.ipynb").rename(root / "work" / "newer.ipynb")
    second = await start("work/newer.ipynb")
    assert await second.run("%mlplat restore") == "nothing is saved for newer.ipynb\n"
    assert "set: x" in await second.run("%mlplat restore --from new.ipynb")


async def test_the_secrets_that_a_notebook_names_are_not_saved(ask: Ask, start: Start, jp_serverapp: Any) -> None:
    notebook = nbformat.v4.new_notebook(metadata={"mlplat": {"secrets": {"pin": "env:PIN"}}})
    nbformat.write(notebook, Path(jp_serverapp.root_dir, "with.ipynb"))
    kernel = await start("with.ipynb")
    await kernel.run("pin, x = 'swordfish-7', 1")
    left = await end(ask, kernel)
    assert (left["names"], left["skipped"]) == (["x"], {"pin": "it may be a secret"})
