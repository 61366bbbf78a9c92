"""What a host could give if all of it were free."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import Invalid, Unavailable
from ...models import GPU, DeviceRequest, LeaseRequest
from .ledger import device_of
from .queue import Request


def refuse_impossible(request: DeviceRequest, found: Sequence[GPU]) -> None:
    """Raise `Unavailable` where a host has no device, `Invalid` where it could never give what is asked for."""
    if not found:
        raise Unavailable("this machine has no GPU: the driver reports no device", hint="see jupyter mlplat gpus list")
    asked = to_wish(request)
    suitable = [one for one in found if asked.suits(device_of(one))]
    if len(suitable) >= request.count:
        return
    field = next((name for name in ("devices", "gpu_type", "memory") if getattr(request, name)), "count")
    raise Invalid(
        f"this host cannot give {_in_words(request)}",
        hint=f"it has {_inventory(found)}",
        fields={field: f"{len(suitable)} of {len(found)} devices are that"},
    )


def to_wish(request: DeviceRequest) -> Request:
    """What is asked for, without a place in the queue."""
    shared = isinstance(request, LeaseRequest) and request.shared
    return Request(0, "", gpu_type=request.gpu_type, memory=request.memory, wanted=request.devices, shared=shared)


def _in_words(request: DeviceRequest) -> str:
    words = f"{request.count} × {request.gpu_type or 'GPU'}"
    if request.memory is not None:
        words += f" with {request.memory / 2**30:.3g} GiB"
    return words + (f" of {', '.join(request.devices)}" if request.devices else "")


def _inventory(found: Sequence[GPU]) -> str:
    counts: dict[str, int] = {}
    for one in found:
        what = f"{one.name} with {one.memory_total_bytes / 2**30:.3g} GiB"
        counts[what] = counts.get(what, 0) + 1
    return ", ".join(f"{number} × {what}" for what, number in counts.items())
