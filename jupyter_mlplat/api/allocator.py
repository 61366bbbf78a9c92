"""`ResourceAllocator`: GPUs for a block of code, in any Python process."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from ..commands.interrupts import interrupts_later, noticing_interrupts
from ..errors import Conflict, Invalid, MLPlatError, Unavailable
from .arguments import to_model
from .cuda import Block, bound_to, name_of, visible
from .current import platform

if TYPE_CHECKING:
    from ..models import Lease, LeaseRequest
    from ..services.gpus import GPUsService

    T = TypeVar("T")

LOOK_S = 0.1
LEASE = "MLPLAT_LEASE"


@dataclass(frozen=True)
class Allocation:
    """What a block of code got: GPUs by UUID, or none where it runs on the CPU instead."""

    id: str | None
    devices: Sequence[str] = field(default_factory=tuple)

    @property
    def device(self) -> str:
        """For `torch.device`: `cuda:0` where its first device is the first that this process sees, or `cpu`."""
        return name_of(self.devices[0]) if self.devices else "cpu"


class ResourceAllocator:
    """Asks for GPUs of this host, waits in the queue for them, and gives them back.

    In a kernel or a job that has GPUs, blocks get those, as far as they are enough.

    `gpu_type` is a part of the model's name, `memory` (bytes, or like `32G`) the least that each of `count` devices
    has; with `shared` it is the share of each, which a torch that is imported already is held to. `timeout` bounds the
    wait in seconds, `seconds` how long the devices may be held. With `cpu` the block runs on the CPU where there is no
    such device, or none in time. `on_wait` hears of every other position in the queue. Raises `Invalid` where one of
    them cannot be used.

    >>> with ResourceAllocator(gpu_type="A100", memory="32G").context() as lease:  # doctest: +SKIP
    ...     model.to(lease.device)
    """

    def __init__(
        self,
        gpu_type: str | None = None,
        memory: int | str | None = None,
        *,
        count: int = 1,
        shared: bool = False,
        devices: Sequence[str] | None = None,
        priority: int = 0,
        timeout: float | None = None,
        seconds: float | None = None,
        cpu: bool = False,
        label: str | None = None,
        on_wait: Callable[[Lease], None] | None = None,
    ) -> None:
        from ..models import LeaseRequest

        self.request: LeaseRequest = to_model(
            LeaseRequest,
            gpu_type=gpu_type,
            memory=_bytes(memory),
            count=count,
            shared=shared,
            devices=[devices] if isinstance(devices, str) else devices,
            priority=priority,
            seconds=seconds,
            label=label if label is not None else _label(),
        )
        if timeout is not None and not (isinstance(timeout, int | float) and 0 <= timeout < math.inf):
            raise Invalid(
                f"timeout: {timeout!r} are no seconds to wait", hint="0 or more", fields={"timeout": "not 0 or more"}
            )
        if on_wait is not None and not callable(on_wait):
            raise Invalid(
                "on_wait cannot be called", hint="give a function of a lease", fields={"on_wait": "no function"}
            )
        self.timeout = timeout
        self.cpu = cpu
        self.on_wait = on_wait

    def context(self) -> AllocationContext:
        """For `with` and `async with`: inside it the devices are this process' own, and the only ones that it sees.

        Entering raises `Unavailable` where there is no GPU, or none within `timeout`, `Invalid` where this host has no
        such device, `Conflict` where a quota forbids it, this process has used CUDA on other devices before, or the
        request was cancelled.
        """
        return AllocationContext(self)


@dataclass(eq=False)
class _Use:
    """One time that a context is entered, by which process and where."""

    pid: int = field(default_factory=os.getpid)
    place: object = field(default_factory=lambda: _place())
    lease: Lease | None = None
    borrowed: bool = False
    """The lease is the kernel's or the job's, and stays."""


class AllocationContext:
    """One use of an allocator at a time."""

    def __init__(self, allocator: ResourceAllocator) -> None:
        self._allocator = allocator
        self._use: _Use | None = None

    def __enter__(self) -> Allocation:
        use = self._begin()
        try:
            with interrupts_later():
                lease = self._ask(use)
            if lease is not None and lease.position is not None:
                timeout, on_wait = self._allocator.timeout, self._allocator.on_wait
                with noticing_interrupts() as pause:
                    lease = _gpus().wait(lease.id, timeout=timeout, on_change=on_wait, pause=pause)
            return self._entered(use, lease)
        except BaseException:
            self._give_back()
            raise

    async def __aenter__(self) -> Allocation:
        use = self._begin()
        try:
            lease = await _to_its_end(partial(self._ask, use))
            if lease is not None and lease.position is not None:
                lease = await self._wait(lease)
            return await _to_its_end(partial(self._entered, use, lease))
        except BaseException:
            await _to_its_end(self._give_back)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._give_back()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await _to_its_end(self._give_back)

    def _begin(self) -> _Use:
        if self._use is not None:
            raise Conflict("this context is in use", hint="make one for each block: allocator.context()")
        self._use = _Use()
        return self._use

    def _ask(self, use: _Use) -> Lease | None:
        """A lease, granted or queued; None for the CPU."""
        request = self._allocator.request.model_copy(update={"pid": use.pid})
        own = own_lease(request, set(visible.devices()))
        if own is not None:
            use.borrowed = True
            return own
        bound = bound_to()
        if bound is not None:
            request = _among(request, bound, use.place)
        try:
            use.lease = _gpus().acquire(request, owner=platform().user)
        except MLPlatError as error:
            if not (self._allocator.cpu and _is_for_lack_of_devices(error)):
                raise
        return use.lease

    async def _wait(self, lease: Lease) -> Lease:
        now = asyncio.get_running_loop().time
        began, said = now(), None
        timeout, on_wait = self._allocator.timeout, self._allocator.on_wait
        while lease.position is not None:
            heard = (lease.position, lease.cause, lease.held_up)
            if on_wait is not None and heard != said:
                said = heard
                on_wait(await _to_its_end(partial(_gpus().get, lease.id)))
            left = math.inf if timeout is None else timeout - (now() - began)
            if left <= 0:
                break
            await asyncio.sleep(min(LOOK_S, left))
            lease = await _to_its_end(partial(_gpus().look, lease.id))
        return lease

    def _entered(self, use: _Use, lease: Lease | None) -> Allocation:
        if lease is None:
            return self._on_cpu(use)
        use.lease = lease
        if lease.state == "granted":
            share = lease.memory if lease.shared else None
            visible.add(use, Block(use.place, tuple(lease.devices), share))
            return Allocation(lease.id, tuple(lease.devices))
        if lease.state != "queued":
            raise Conflict(f"lease {lease.id} ended before it was granted: {lease.reason}", hint="ask again")
        if not self._allocator.cpu:
            raise Unavailable(
                f"no GPU became free within {self._allocator.timeout:g} s: position {lease.position} in the queue",
                hint="see who has them: jupyter mlplat gpus list",
            )
        _gpus().release(lease.id)
        return self._on_cpu(use)

    def _on_cpu(self, use: _Use) -> Allocation:
        # The devices belong to others: what looks for one finds none.
        visible.add(use, Block(use.place))
        return Allocation(None)

    def _give_back(self) -> None:
        with interrupts_later():
            use, self._use = self._use, None
            if use is None:
                return
            visible.remove(use)
            # A forked child leaves the block as well, but the devices are its parent's.
            if use.lease is not None and use.pid == os.getpid() and not use.borrowed:
                _gpus().release(use.lease.id)


def own_lease(request: LeaseRequest, taken: set[str]) -> Lease | None:
    """The lease of the kernel or job that this is, where that is enough: it would wait for itself."""
    lease = os.environ.get(LEASE)
    try:
        return _gpus().enough(lease, request, taken) if lease else None
    except MLPlatError:
        return None


def _place() -> object:
    """Where in the program this is: its thread and task."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident(), id(task) if task is not None else None


def _gpus() -> GPUsService:
    return platform().gpus


async def _to_its_end(call: Callable[[], T]) -> T:
    """The result of a call in a thread of its own. A cancellation is heard once the call is over, so that none is lost.

    Not in the loop's executor, which may be full of those that wait for what this one gives back.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - the one who awaits it gets it
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, result)

    threading.Thread(target=work, name="mlplat-gpus").start()
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        done.exception()
        raise cancelled
    return done.result()


def _among(request: LeaseRequest, bound: Sequence[str], place: object) -> LeaseRequest:
    """The same for a process that cannot see other devices than these any more. Raises `Conflict`."""
    if "" in bound:
        raise Conflict(
            "this process has used CUDA before, and its torch does not say on which devices",
            hint="restart the kernel, or take a newer torch",
        )
    wanted = [uuid for uuid in bound if request.devices is None or uuid in request.devices]
    if len(wanted) < request.count:
        raise Conflict(
            "this process has used CUDA before, and sees no other devices any more",
            hint="restart the kernel, and take the devices before the first use of CUDA",
        )
    taken = visible.taken(place, shared=request.shared)
    if len([uuid for uuid in wanted if uuid not in taken]) < request.count:
        raise Conflict(
            "this process has used CUDA before, and the block around this one has the devices that it sees",
            hint="use those of the block around it, or take all before the first use of CUDA",
        )
    return request.model_copy(update={"devices": wanted})


def _is_for_lack_of_devices(error: MLPlatError) -> bool:
    if isinstance(error, Invalid):
        return True
    try:
        return isinstance(error, Unavailable) and not platform().gpus_source.devices()
    except Unavailable:
        return True


def _bytes(memory: int | str | None) -> int | str | None:
    """Bytes where it is a text like 32G; anything else is for the model to judge."""
    from ..sizes import parse_size

    if not isinstance(memory, str):
        return memory
    try:
        return parse_size(memory)
    except ValueError:
        raise Invalid(
            f"memory: {memory[:80]!r} is no size", hint="write 32G, 500M or bytes", fields={"memory": "no size"}
        ) from None


def _label() -> str | None:
    """What lists say that it is for: the notebook, else the program."""
    name = os.path.basename(os.environ.get("JPY_SESSION_NAME") or (sys.argv[0] if sys.argv else ""))
    shown = name.encode(errors="replace").decode()
    return "".join(one for one in shown if one >= " " and one not in "/\\")[:200] or None
