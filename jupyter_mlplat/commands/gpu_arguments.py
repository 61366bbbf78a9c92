"""Which GPUs a job or a deployment is to have, as the shell says it."""

from __future__ import annotations

import argparse
from typing import Any

from .grammar import argument
from .values import size

GPU_FIELDS = ("gpus", "gpu_type", "gpu_memory", "gpu_shared")
GPU_ARGUMENTS = (
    argument("--gpus", type=int, metavar="N", help="devices that it waits for and has to itself (0)"),
    argument("--gpu-type", metavar="NAME", help="a part of the model's name: A100"),
    argument("--gpu-memory", type=size, metavar="SIZE", help="that each device has at least: 16G"),
    argument("--gpu-shared", action="store_true", default=None, help="only --gpu-memory of each, not the whole"),
)


def given(args: argparse.Namespace) -> dict[str, Any]:
    """What the user said of them."""
    asked = {name: getattr(args, name) for name in GPU_FIELDS}
    return {name: value for name, value in asked.items() if value is not None}
