"""The NVIDIA GPUs of this machine, read through NVML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Unavailable
from ..models import GPU


class NVMLSource:
    """Devices as NVIDIA's driver reports them (NVML, the library behind nvidia-smi).

    It opens no CUDA context, so it takes no memory on a device and a process that asked may still fork.
    """

    name = "nvml"

    def devices(self) -> Sequence[GPU]:
        """The devices now, by index. Raises `Unavailable` with the reason where NVML cannot say."""
        try:
            import pynvml
        except ImportError as error:
            raise Unavailable(
                "the package nvidia-ml-py, which asks for GPUs, is missing", hint="pip install nvidia-ml-py"
            ) from error
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise Unavailable(
                f"NVIDIA's driver does not answer ({error})",
                hint="on a machine with an NVIDIA GPU see that nvidia-smi works; everything else runs without one",
            ) from error
        try:
            return [_device(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            raise Unavailable(f"NVIDIA's driver failed ({error})", hint="see that nvidia-smi works") from error
        finally:
            pynvml.nvmlShutdown()


def _device(nvml: Any, index: int) -> GPU:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = _text(nvml.nvmlDeviceGetUUID(handle))
    except nvml.NVMLError as error:
        # One broken device does not hide the others.
        return GPU(
            index=index,
            uuid=f"unknown-{index}",
            name=f"does not answer ({error})",
            memory_total_bytes=0,
            memory_used_bytes=0,
        )

    def ask(question: Callable[[Any], Any]) -> Any:
        # Not every device answers every question: a share of one has no load, unified memory no size.
        try:
            return question(handle)
        except nvml.NVMLError:
            return None

    name, memory, load = (
        ask(nvml.nvmlDeviceGetName),
        ask(nvml.nvmlDeviceGetMemoryInfo),
        ask(nvml.nvmlDeviceGetUtilizationRates),
    )
    return GPU(
        index=index,
        uuid=uuid,
        name=_text(name) if name is not None else "NVIDIA GPU",
        memory_total_bytes=int(memory.total) if memory is not None else 0,
        memory_used_bytes=int(memory.used) if memory is not None else 0,
        utilization=load.gpu / 100 if load is not None else None,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
