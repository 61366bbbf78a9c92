"""`ResourceAllocator`: devices for a block of code, and whatever ends the block gives them back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import jupyter_mlplat as mlplat
from jupyter_mlplat import ResourceAllocator
from jupyter_mlplat.api.allocator import Allocation
from jupyter_mlplat.api.current import platform
from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.errors import Conflict, Invalid, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import GPU, Lease

from ..gpus import another_process_holds, fake_gpus

VISIBLE = "CUDA_VISIBLE_DEVICES"
GIB = 2**30


@pytest.fixture
def four(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Four A100, by UUID, on which nobody has a claim."""
    monkeypatch.delenv(VISIBLE, raising=False)
    fake_gpus("4xA100-80G")
    return [one.uuid for one in mlplat.gpus.list().devices]


def live() -> list[Lease]:
    return mlplat.gpus.leases().items


def run_sync(allocator: ResourceAllocator, block: Callable[[Allocation], None] = lambda lease: None) -> None:
    with allocator.context() as lease:
        block(lease)


def run_async(allocator: ResourceAllocator, block: Callable[[Allocation], None] = lambda lease: None) -> None:
    async def main() -> None:
        async with allocator.context() as lease:
            block(lease)

    asyncio.run(main())


both = pytest.mark.parametrize("run", [run_sync, run_async], ids=["with", "async with"])
Run = Callable[..., None]

# --- what a block gets -----------------------------------------------------------------------------


def test_the_first_example_of_the_contract(four: list[str]) -> None:
    seen: dict[str, object] = {}

    def train_model(data: str) -> str:
        (mine,) = live()
        seen.update(visible=os.environ[VISIBLE], state=mine.state, pid=mine.pid, owner=mine.owner)
        return f"a model of {data}"

    data = "digits"
    allocator = ResourceAllocator(gpu_type="A100", memory="32G")
    with allocator.context() as lease:
        model = train_model(data)
    assert model == "a model of digits"
    assert lease.devices == (four[0],)
    assert seen == {"visible": four[0], "state": "granted", "pid": os.getpid(), "owner": platform().user}
    assert live() == []
    assert mlplat.gpus.get(str(lease.id)).reason == "released"
    assert VISIBLE not in os.environ


@both
@pytest.mark.parametrize("before", [None, "", "3,1", "GPU-of-somebody"])
def test_the_devices_are_the_only_ones_that_the_block_sees(
    run: Run, before: str | None, four: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is not None:
        monkeypatch.setenv(VISIBLE, before)

    def block(lease: Allocation) -> None:
        assert os.environ[VISIBLE] == ",".join(lease.devices) == ",".join(four[:2])
        assert lease.device == "cuda:0"
        assert [one.lease.id if one.lease else None for one in mlplat.gpus.list().devices] == [lease.id] * 2 + [
            None
        ] * 2

    run(ResourceAllocator(count=2), block)
    assert os.environ.get(VISIBLE) == before
    assert live() == []


@both
def test_an_exception_in_the_block_gives_the_devices_back(run: Run, four: list[str]) -> None:
    def block(lease: Allocation) -> None:
        raise ZeroDivisionError("the model diverged")

    with pytest.raises(ZeroDivisionError, match="diverged"):
        run(ResourceAllocator(), block)
    assert live() == []
    assert VISIBLE not in os.environ


def test_a_context_is_used_again_but_not_inside_itself(four: list[str]) -> None:
    context = ResourceAllocator(seconds=3600, label="training").context()
    for _ in range(2):
        with context as lease:
            (held,) = live()
            assert (held.id, held.label) == (lease.id, "training")
            assert held.ends_at is not None
            with pytest.raises(Conflict, match="in use"), context:
                pass
            assert [one.id for one in live()] == [lease.id], "the block around it keeps its devices"
            assert os.environ[VISIBLE] == four[0]
    assert live() == []


def test_a_block_in_a_kernel_that_has_devices_gets_those(four: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = mlplat.gpus.acquire(count=2)
    monkeypatch.setenv("MLPLAT_LEASE", kernel.id)
    with ResourceAllocator().context() as first, ResourceAllocator(memory="32G").context() as second:
        assert [*first.devices, *second.devices] == kernel.devices
        assert (first.id, second.id) == (kernel.id, kernel.id)
        with ResourceAllocator().context() as third:
            assert third.id != kernel.id, "the kernel's are in use"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(kernel.devices)
    assert mlplat.gpus.get(kernel.id).state == "granted"
    with ResourceAllocator(count=3, timeout=0, cpu=True).context() as more:
        assert more.devices == (), "two are its own, and two are free"
    mlplat.gpus.release(kernel.id)
    with ResourceAllocator().context() as after:
        assert after.id != kernel.id


def test_a_block_inside_a_block(four: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "7")
    with ResourceAllocator(count=2).context() as outer:
        with ResourceAllocator().context() as inner:
            assert os.environ[VISIBLE] == ",".join(four[:3])
            assert (outer.device, inner.device) == ("cuda:0", "cuda:2")
            with ResourceAllocator(cpu=True, gpu_type="H100").context() as lowest:
                assert (lowest.device, os.environ[VISIBLE]) == ("cpu", ",".join(four[:3]))
        assert os.environ[VISIBLE] == ",".join(four[:2])
    assert os.environ[VISIBLE] == "7"


def test_two_threads_at_once(four: list[str]) -> None:
    inside, seen = threading.Barrier(2), []

    def work() -> None:
        with ResourceAllocator(count=2).context() as lease:
            inside.wait(30)
            seen.append((lease.devices, os.environ[VISIBLE]))
            inside.wait(30)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len({devices for devices, _ in seen}) == 2
    assert {frozenset(visible.split(",")) for _, visible in seen} == {frozenset(four)}
    assert VISIBLE not in os.environ
    assert live() == []


def test_many_tasks_and_threads_use_one_allocator(four: list[str]) -> None:
    allocator = ResourceAllocator(count=2, timeout=60)
    inside: set[str] = set()

    async def task() -> None:
        async with allocator.context() as lease:
            assert inside.isdisjoint(lease.devices)
            inside.update(lease.devices)
            await asyncio.sleep(0.01)
            inside.difference_update(lease.devices)

    def block_a_thread() -> None:
        with allocator.context():
            pass

    async def main() -> None:
        # More of them than the loop's executor has threads: those that wait must not keep out the one that gives back.
        threads = [asyncio.to_thread(block_a_thread) for _ in range(12)]
        await asyncio.gather(*(task() for _ in range(6)), *threads)

    asyncio.run(main())
    assert live() == []
    assert VISIBLE not in os.environ


def test_a_forked_child_does_not_give_back_what_its_parent_has(four: list[str]) -> None:
    heard, tell = os.pipe()
    with ResourceAllocator().context() as lease:
        child = os.fork()
        if child == 0:
            break_out = True
        else:
            break_out = False
            assert os.waitpid(child, 0)[1] == 0
            assert os.read(heard, 100).decode() == f"{lease.devices[0]} own {four[1]}"
            (held,) = live()
            assert (held.id, held.state, held.pid) == (lease.id, "granted", os.getpid())
        if break_out:
            said = os.environ[VISIBLE]
    if break_out:
        with suppress(BaseException):
            with ResourceAllocator().context() as own:
                os.write(tell, f"{said} own {own.devices[0]}".encode())
            os._exit(0)
        os._exit(1)
    assert live() == []
    for end in (heard, tell):
        os.close(end)


# --- waiting ---------------------------------------------------------------------------------------


@both
def test_who_waits_hears_of_every_other_position(run: Run, four: list[str]) -> None:
    first, second = (mlplat.gpus.acquire(count=4) for _ in range(2))
    heard = []

    def on_wait(lease: Lease) -> None:
        heard.append((lease.state.value, lease.position))
        mlplat.gpus.release(second.id if lease.position == 2 else first.id)

    run(ResourceAllocator(on_wait=on_wait))
    assert heard == [("queued", 2), ("queued", 1)]
    assert live() == []


@both
def test_a_wait_that_is_too_long_ends(run: Run, four: list[str]) -> None:
    held = mlplat.gpus.acquire(count=4)
    for timeout in (0, 0.3):
        with pytest.raises(
            Unavailable, match=f"no GPU became free within {timeout} s: position 1 in the queue"
        ) as late:
            run(ResourceAllocator(timeout=timeout))
        assert "gpus list" in late.value.hint
        assert [one.id for one in live()] == [held.id]
    assert VISIBLE not in os.environ


@both
def test_a_request_that_somebody_cancels_is_over(run: Run, four: list[str]) -> None:
    held = mlplat.gpus.acquire(count=4)

    def cancel(lease: Lease) -> None:
        mlplat.gpus.release(lease.id)

    with pytest.raises(Conflict, match="ended before it was granted: cancelled"):
        run(ResourceAllocator(on_wait=cancel))
    assert [one.id for one in live()] == [held.id]


@both
def test_an_error_of_on_wait_leaves_the_queue(run: Run, four: list[str]) -> None:
    held = mlplat.gpus.acquire(count=4)

    def fail(lease: Lease) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(ResourceAllocator(on_wait=fail))
    assert [one.id for one in live()] == [held.id]


def interrupt_soon() -> None:
    """Ctrl-C for this process, while it waits."""
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()


@both
def test_an_interrupt_while_waiting_leaves_the_queue(run: Run, four: list[str]) -> None:
    held, handler = mlplat.gpus.acquire(count=4), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(ResourceAllocator(on_wait=lambda lease: interrupt_soon()))
    assert [one.id for one in live()] == [held.id]
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("when", [1, 2], ids=["while asking", "while giving back"])
def test_an_interrupt_while_the_ledger_is_written_loses_no_lease(when: int, four: list[str]) -> None:
    class Interrupting(FakeSource):
        """Ctrl-C comes at its `when`th use."""

        uses = 0

        def devices(self) -> Sequence[GPU]:
            self.uses += 1
            if self.uses == when:
                os.kill(os.getpid(), signal.SIGINT)
            return super().devices()

    here = platform()
    here.__dict__["gpus_source"] = Interrupting("4xA100-80G", here.home.run / "fake-gpus.json")
    del here.__dict__["gpus"]
    entered = False
    with pytest.raises(KeyboardInterrupt), ResourceAllocator().context():
        entered = True
    assert entered is (when == 2)
    assert live() == []
    assert VISIBLE not in os.environ


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.3])
def test_a_task_that_is_cancelled_leaves_no_lease(pause: float, four: list[str]) -> None:
    held = mlplat.gpus.acquire(count=4)

    async def main() -> None:
        async def task() -> None:
            async with ResourceAllocator().context():
                pytest.fail("it got a device that another one has")

        waiting = asyncio.create_task(task())
        await asyncio.sleep(pause)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert [one.id for one in live()] == [held.id]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(pause):
                await task()

    asyncio.run(main())
    assert [one.id for one in live()] == [held.id]


def test_a_task_that_is_cancelled_in_its_block_gives_back(four: list[str]) -> None:
    async def main() -> None:
        entered = asyncio.Event()

        async def task() -> None:
            async with ResourceAllocator(count=4).context():
                entered.set()
                await asyncio.sleep(600)

        running = asyncio.create_task(task())
        await entered.wait()
        for _ in range(3):
            running.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert live() == []

    asyncio.run(main())


@both
def test_who_dies_with_all_devices_makes_room(run: Run, four: list[str]) -> None:
    with another_process_holds(4) as holder:
        (held,) = live()
        assert held.pid == holder.pid
        got: list[Allocation] = []
        run(ResourceAllocator(count=4, timeout=60, on_wait=lambda lease: holder.kill()), got.append)
        assert list(got[0].devices) == four
        assert mlplat.gpus.get(held.id).reason == "owner_gone"


# --- the CPU instead --------------------------------------------------------------------------------


@both
def test_without_a_gpu_the_error_says_what_there_is(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(Unavailable, match="nvidia-ml-py") as refused:
        run(ResourceAllocator())
    assert refused.value.hint
    fake_gpus("1xT4-16G,2xA100-40G")
    platform().__dict__.pop("gpus")
    platform().__dict__["gpus_source"] = FakeSource("1xT4-16G,2xA100-40G", home.run / "fake-gpus.json")
    with pytest.raises(Invalid, match="this host cannot give 1 × H100 with 80 GiB") as refused_too:
        run(ResourceAllocator("H100", "80G"))
    assert refused_too.value.hint == "it has 1 × T4-16G with 16 GiB, 2 × A100-40G with 40 GiB"
    assert live() == []


@both
@pytest.mark.parametrize("lack", ["no GPU", "no such device", "none in time"])
def test_the_cpu_on_request(run: Run, lack: str, four: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"cpu": True, "timeout": 0.2}
    if lack == "no GPU":
        monkeypatch.setitem(sys.modules, "pynvml", None)
        Path(os.environ["JUPYTER_CONFIG_DIR"], "jupyter_mlplat_config.py").unlink()
        monkeypatch.setenv("MLPLAT_HOME", os.environ["MLPLAT_HOME"] + "-without")
    elif lack == "no such device":
        asked["gpu_type"] = "H100"
    else:
        mlplat.gpus.acquire(count=4)
    before = [one.id for one in live()]
    monkeypatch.setenv(VISIBLE, "0,1")

    def block(lease: Allocation) -> None:
        assert (lease.id, lease.devices, lease.device) == (None, (), "cpu")
        assert os.environ[VISIBLE] == "", "what others have is not seen"
        assert [one.id for one in live()] == before

    run(ResourceAllocator(**asked), block)
    assert os.environ[VISIBLE] == "0,1"


@both
def test_a_quota_is_no_lack_of_devices(run: Run, home: Home) -> None:
    fake_gpus("4xA100-80G", gpu_quota={"*": 2})
    with pytest.raises(Conflict, match="quota"):
        run(ResourceAllocator(count=3, cpu=True))
    assert live() == []


# --- what cannot be asked for -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"memory": "lots"}, "memory"),
        ({"memory": ""}, "memory"),
        ({"memory": "9" * 400 + "G"}, "memory"),
        ({"memory": -1}, "memory"),
        ({"memory": 0}, "memory"),
        ({"memory": 32}, "memory"),
        ({"memory": True}, "memory"),
        ({"memory": 1.5}, "memory"),
        ({"memory": []}, "memory"),
        ({"memory": float("nan")}, "memory"),
        ({"count": 0}, "count"),
        ({"count": -1}, "count"),
        ({"count": 10**30}, "count"),
        ({"count": "two"}, "count"),
        ({"count": None}, "count"),
        ({"gpu_type": ""}, "gpu_type"),
        ({"gpu_type": 100}, "gpu_type"),
        ({"gpu_type": "A" * 101}, "gpu_type"),
        ({"gpu_type": "A\ud800"}, "gpu_type"),
        ({"shared": True}, "shared"),
        ({"devices": []}, "devices"),
        ({"devices": 5}, "devices"),
        ({"devices": [5]}, "devices.0"),
        ({"devices": ["GPU-1"], "count": 2}, "devices"),
        ({"devices": ["GPU-1", "GPU-1"], "count": 2}, "devices"),
        ({"priority": "high"}, "priority"),
        ({"priority": 10**9}, "priority"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": "long"}, "seconds"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"label": "a\nb"}, "label"),
        ({"label": ""}, "label"),
        ({"on_wait": 5}, "on_wait"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        ResourceAllocator(**asked)
    assert list(refused.value.fields) == [field]
    assert refused.value.message.startswith(f"{field}") or field == "on_wait"
    assert refused.value.hint


def test_a_device_by_its_uuid(four: list[str]) -> None:
    with ResourceAllocator(devices=four[2]).context() as lease:
        assert lease.devices == (four[2],)
    with pytest.raises(Invalid) as refused:
        run_sync(ResourceAllocator(devices=["GPU-none"]))
    assert "devices" in refused.value.fields


@pytest.mark.parametrize("name", ["", "-c", "/tmp/a\nb.py", "/tmp/\udcff.py", "x" * 400, "/"])
def test_a_program_of_any_name_may_ask(name: str, four: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    run_sync(ResourceAllocator())
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/work/train.ipynb")
    with ResourceAllocator().context():
        assert live()[0].label == "train.ipynb"


# --- torch ------------------------------------------------------------------------------------------


class FakeCUDA:
    """The calls of `torch.cuda` that we use. It sees the devices that the variable names at its first use."""

    def __init__(self, *all_devices: str) -> None:
        self._all = all_devices
        self._bound: list[str] | None = None
        self.fractions: dict[str, float] = {}
        self.emptied = 0
        self.broken = False

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return self._bound is not None

    def init(self) -> list[str]:
        if self._bound is None:
            visible = os.environ.get(VISIBLE)
            self._bound = list(self._all) if visible is None else [one for one in visible.split(",") if one]
        if self.broken:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return self._bound

    def device_count(self) -> int:
        return len(self.init())

    def get_device_properties(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(uuid=self.init()[index].removeprefix("GPU-"), total_memory=80 * GIB)

    def set_per_process_memory_fraction(self, fraction: float, index: int) -> None:
        self.fractions[self.init()[index]] = fraction

    def empty_cache(self) -> None:
        self.init()
        self.emptied += 1


@pytest.fixture
def cuda(four: list[str], monkeypatch: pytest.MonkeyPatch) -> FakeCUDA:
    torch = ModuleType("torch")
    made = torch.cuda = FakeCUDA(*four)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    return made


def test_a_share_is_what_torch_may_take(cuda: FakeCUDA, four: list[str]) -> None:
    with ResourceAllocator(memory="20G", shared=True).context() as lease:
        assert cuda.fractions == {four[0]: 0.25}
        with ResourceAllocator(memory="40G", shared=True).context() as more:
            assert more.devices == lease.devices
            assert cuda.fractions == {four[0]: 0.75}
        assert cuda.fractions == {four[0]: 0.25}
    assert cuda.fractions == {four[0]: 1.0}
    assert cuda.emptied == 2
    assert live() == []


def test_a_whole_device_touches_no_cuda_before_the_program_does(cuda: FakeCUDA, four: list[str]) -> None:
    run_sync(ResourceAllocator())
    assert not cuda.is_initialized()


def test_a_process_that_has_used_cuda_gets_the_devices_that_it_sees(cuda: FakeCUDA, four: list[str]) -> None:
    with ResourceAllocator(devices=four[1:3], count=2).context() as lease:
        cuda.init()
        assert lease.device == "cuda:0"
    with ResourceAllocator().context() as lease:
        assert lease.devices == (four[1],)
        with ResourceAllocator().context() as inner:
            assert (inner.devices, inner.device) == ((four[2],), "cuda:1")
            assert cuda.fractions[four[2]] == 1.0
            with pytest.raises(Conflict, match="the block around this one has the devices"):
                run_sync(ResourceAllocator())
    for asked in ({"count": 3}, {"devices": [four[0]]}):
        with pytest.raises(Conflict, match="used CUDA before, and sees no other devices") as refused:
            run_sync(ResourceAllocator(**asked))
        assert "restart the kernel" in refused.value.hint
    assert live() == []


def test_a_process_that_sees_all_devices_is_told_which_one_is_its_own(cuda: FakeCUDA, four: list[str]) -> None:
    cuda.init()
    mlplat.gpus.acquire(count=2)
    with ResourceAllocator(memory="40G", shared=True).context() as lease:
        assert (lease.devices, lease.device) == ((four[2],), "cuda:2")
        assert cuda.fractions == {four[2]: 0.5}, "the others are none of its business"


def test_a_thread_waits_for_the_device_of_another_one(cuda: FakeCUDA, four: list[str]) -> None:
    taken, waits, got = threading.Event(), threading.Event(), []

    def work() -> None:
        taken.wait(30)
        with ResourceAllocator(timeout=30, on_wait=lambda lease: waits.set()).context() as lease:
            got.append(lease.devices)

    thread = threading.Thread(target=work)
    thread.start()
    with ResourceAllocator().context() as lease:
        cuda.init()
        taken.set()
        assert waits.wait(30)
    thread.join(60)
    assert got == [lease.devices]


def test_a_device_that_failed_is_given_back(cuda: FakeCUDA, four: list[str]) -> None:
    with pytest.raises(RuntimeError, match="device-side assert"), ResourceAllocator().context():
        cuda.broken = True
        cuda.init()
    assert live() == []
    assert VISIBLE not in os.environ


def test_an_old_torch_that_does_not_name_devices(
    cuda: FakeCUDA, four: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "get_device_properties", lambda index: SimpleNamespace(total_memory=80 * GIB))
    with ResourceAllocator().context() as lease:
        cuda.init()
        assert lease.device == "cuda:0"
    with pytest.raises(Conflict, match="does not say on which devices"):
        run_sync(ResourceAllocator())
    assert live() == []
