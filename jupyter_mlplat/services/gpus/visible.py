"""What shows a process its devices and no others, and holds torch to its share of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ...models import GPU, Lease

TORCH = "PYTORCH_CUDA_ALLOC_CONF"
FRACTION = "per_process_memory_fraction"


def environment_of(lease: Lease, found: Sequence[GPU]) -> dict[str, str]:
    """Variables for a process that has the devices of a lease; `found` are those of this host.

    A share is told to torch's allocator, which then gives no more than that (PyTorch's allocator option
    `per_process_memory_fraction`); other libraries do not read it.
    """
    shown = {"CUDA_VISIBLE_DEVICES": ",".join(lease.devices), "MLPLAT_LEASE": lease.id}
    sizes = [one.memory_total_bytes for one in found if one.uuid in lease.devices]
    if not lease.shared or lease.memory is None or not sizes or not _torch_reads_it():
        return shown
    # One number for all of them: the smallest part is the share of the largest device.
    share = min(lease.memory / max(sizes), 1.0)
    before = os.environ.get(TORCH)
    return {**shown, TORCH: ",".join([*([before] if before else []), f"{FRACTION}:{share:.6f}"])}


@cache
def _torch_reads_it() -> bool:
    """True where the torch of this environment knows the option; an older one fails when it meets it."""
    spec = find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    header = Path(next(iter(spec.submodule_search_locations)), "include", "c10", "cuda", "CUDAAllocatorConfig.h")
    try:
        return FRACTION in header.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
