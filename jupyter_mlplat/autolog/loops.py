"""A plain loop of torch: the loss of each step of its optimizers, and their learning rates, as curves.

Nothing in such a loop says what its loss is. What `backward` is called on before an optimizer's step is what that step
makes smaller: several of them (a batch in parts, the two halves of a discriminator's) add up, as their gradients do.
Lightning names such curves in the same way.

References: `torch.optim.optimizer.register_optimizer_step_post_hook`; Lightning's `LearningRateMonitor`.
"""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import fits
from .fits import harmless

EACH = 1000
"""The first points are of one step each; after each so many, the next ones are the means of twice as many steps."""
MOST_OPTIMIZERS = 10
"""A run with more of them tries something out: those after these are not logged."""
NEVER = 0
MOST_GROUPS = 10
"""Groups of parameters whose learning rates are logged."""
LOSS = "loss_step"
PREFIX = "torch."
"""Of parameters, so that a notebook's own `lr` stays its own."""


@dataclass
class _Loop:
    """What one optimizer does in one run."""

    run: str
    name: str
    suffix: str
    steps: int = 0
    points: int = 0
    stride: int = 1
    """Steps of which a point is the mean."""
    total: Any = None
    """The sum of their losses up to now, where the losses are: nobody waits for the device before a point is due."""
    taken: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)


class _Here(threading.local):
    loss: Any = None
    """The sum of what `backward` was called on since a step."""
    stepping: bool = False
    backwards: bool = False
    unscaled: tuple[weakref.ref[Any], Any] | None = None
    """The newest loss that was scaled for it, and what it was before."""


_here = _Here()
_loops: weakref.WeakKeyDictionary[Any, _Loop] = weakref.WeakKeyDictionary()
_optimizers: Counter[str] = Counter()
"""How many there were in a run."""


def change_optimizers() -> None:
    """Called while `torch.optim.optimizer` is imported."""
    torch: Any = sys.modules["torch"]
    optimizers: Any = sys.modules["torch.optim.optimizer"]
    own = torch.Tensor.backward
    if hasattr(own, "mlplat"):
        return

    @functools.wraps(own)
    def backward(self: Any, gradient: Any = None, *args: Any, **kwargs: Any) -> Any:
        if gradient is not None or _here.backwards or torch.compiler.is_compiling():
            return own(self, gradient, *args, **kwargs)
        before = _here.loss
        with harmless():
            _found(self)
        _here.backwards = True  # A subclass of tensors comes by here twice.
        try:
            return own(self, gradient, *args, **kwargs)
        except BaseException:
            _here.loss = before
            raise
        finally:
            _here.backwards = False

    def before(optimizer: Any, args: Any, kwargs: Any) -> None:
        if not torch.compiler.is_compiling():
            _here.stepping = True

    def after(optimizer: Any, args: Any, kwargs: Any) -> None:
        if not torch.compiler.is_compiling():
            with harmless():
                _stepped(optimizer)

    backward.mlplat = True  # type: ignore[attr-defined]
    torch.Tensor.backward = backward
    optimizers.register_optimizer_step_pre_hook(before)
    optimizers.register_optimizer_step_post_hook(after)


def change_scalers() -> None:
    """Called while `torch.amp.grad_scaler` is imported: it scales losses, and skips steps whose gradients overflow."""
    scaler: Any = sys.modules["torch.amp.grad_scaler"].GradScaler
    own_scale, own_update = scaler.scale, scaler.update

    @functools.wraps(own_scale)
    def scale(self: Any, outputs: Any) -> Any:
        scaled = own_scale(self, outputs)
        if scaled is not outputs:
            with harmless():
                _here.unscaled = weakref.ref(scaled), outputs.detach()
        return scaled

    @functools.wraps(own_update)
    def update(self: Any, *args: Any, **kwargs: Any) -> Any:
        _here.loss = None
        return own_update(self, *args, **kwargs)

    scaler.scale, scaler.update = scale, update


def _found(loss: Any) -> None:
    """`backward` is called on it."""
    if _here.stepping and _here.loss is not None:
        return  # A closure may be called again and again in one step; the first loss is that of its beginning.
    if not fits.logged("pytorch") or loss.numel() != 1 or not loss.is_floating_point() or _recorded(loss):
        return
    if _here.unscaled is not None and _here.unscaled[0]() is loss:
        loss, _here.unscaled = _here.unscaled[1], None
    value = loss.detach().reshape(())
    value = value.float() if value.element_size() < 4 else value
    _here.loss = value if _here.loss is None else _here.loss + value


def _recorded(loss: Any) -> bool:
    """True while a device's work is recorded to be done again later: its numbers are not there to be read."""
    return bool(loss.is_cuda and sys.modules["torch"].cuda.is_current_stream_capturing())


def _stepped(optimizer: Any) -> None:
    loss, _here.loss, _here.stepping = _here.loss, None, False
    if loss is None or not fits.logged("pytorch"):
        return
    loop, run = _loops.get(optimizer), fits.run_here()
    if loop is None or loop.run != run:
        loop = _loops[optimizer] = _begin(optimizer, run)
    if loop.stride == NEVER:
        return
    loop.total = loss if loop.total is None else loop.total + loss
    loop.steps += 1
    loop.taken += 1
    if loop.taken < loop.stride:
        return
    step, rates = loop.steps - 1, dict(_rates(optimizer, loop))
    fits.log_point(f"{LOSS}{loop.suffix}", float(loop.total) / loop.taken, step)
    for key, rate in rates.items():
        if loop.rates.get(key) != rate:
            fits.log_point(key, rate, step)
    loop.total, loop.taken, loop.rates = None, 0, rates
    loop.points += 1
    if loop.points % EACH == 0:
        loop.stride *= 2


def _rates(optimizer: Any, loop: _Loop) -> Iterator[tuple[str, float]]:
    groups = optimizer.param_groups[:MOST_GROUPS]
    for place, group in enumerate(groups, start=1):
        if "lr" in group:
            yield f"lr-{loop.name}{loop.suffix}{f'/pg{place}' if len(groups) > 1 else ''}", float(group["lr"])


def _begin(optimizer: Any, run: str) -> _Loop:
    """What it does from now on, in a run where it takes its first step."""
    _optimizers[run] += 1
    place = _optimizers[run]
    suffix = f"_{place}" if place > 1 else ""
    loop = _Loop(run, type(optimizer).__name__, suffix)
    if place > MOST_OPTIMIZERS:
        loop.stride = NEVER
        return loop
    own = f"{PREFIX}optimizer{suffix}"
    weights = [one for group in optimizer.param_groups for one in group["params"]]
    params = {own: loop.name, f"{PREFIX}parameters{suffix}": sum(one.numel() for one in weights if one.requires_grad)}
    # Those that are off, or left to torch, say nothing.
    said = {key: value for key, value in optimizer.defaults.items() if value is not None and value is not False}
    params.update((f"{own}.{key}", value) for key, value in said.items())
    fits.log_params(params)
    return loop
