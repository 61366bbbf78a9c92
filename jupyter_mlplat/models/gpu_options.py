"""Which GPUs a job or a deployment needs."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from ..sizes import parse_size
from .base import Model


class GPUOptions(Model):
    """The devices that something waits for before it starts."""

    gpus: int | None = Field(
        None, ge=0, le=64, description="devices that it waits for and has to itself; 1 where it says which"
    )
    gpu_type: str | None = Field(None, min_length=1, max_length=100, description="a part of the model's name: A100")
    gpu_memory: int | None = Field(
        None, ge=2**20, le=2**50, description="bytes that each device has at least; with gpu_shared, the share of each"
    )
    gpu_shared: bool = Field(False, description="a share of each device, not the whole of it")

    @field_validator("gpu_memory", mode="before")
    @classmethod
    def _as_written(cls, memory: object) -> object:
        return parse_size(memory) if isinstance(memory, str) else memory

    @field_validator("gpu_shared")
    @classmethod
    def _has_a_size(cls, shared: bool, known: ValidationInfo) -> bool:
        if shared and known.data.get("gpu_memory", 0) is None:
            raise ValueError("a share of a GPU needs its size: give gpu_memory")
        return shared

    @property
    def devices(self) -> int:
        """How many GPUs it needs: who says which, and not how many, needs one."""
        if self.gpus is not None:
            return self.gpus
        return 1 if self.gpu_type or self.gpu_memory else 0
