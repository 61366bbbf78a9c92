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
            return [one for index in range(pynvml.nvmlDeviceGetCount()) for one in _devices(pynvml, index)]
        except pynvml.NVMLError as error:
            raise Unavailable(f"NVIDIA's driver failed ({error})", hint="see that nvidia-smi works") from error
        finally:
            pynvml.nvmlShutdown()


def _devices(nvml: Any, index: int) -> list[GPU]:
    """A device, or the instances into which it is divided (MIG): then CUDA runs on nothing but those."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        found = _device(nvml, index, handle)
    except nvml.NVMLError as error:
        # One broken device does not hide the others.
        return [_silent(index, f"does not answer ({error})")]
    instances = _instances(nvml, handle)
    if instances is None:
        return [found]
    if not instances:
        return [_silent(index, f"{found.name} (MIG is on, and there is no instance)")]
    return [_device(nvml, index, one) for one in instances]


def _instances(nvml: Any, handle: Any) -> list[Any] | None:
    """The handles of a device's MIG instances; None where it is not divided."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
        if current != nvml.NVML_DEVICE_MIG_ENABLE:
            return None
        places = nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
    except nvml.NVMLError:
        return None
    found = []
    for place in range(places):
        try:
            found.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place))
        except nvml.NVMLError:
            continue  # no instance at this place
    return found


def _silent(index: int, name: str) -> GPU:
    """One that cannot be used: without memory it is not offered."""
    return GPU(index=index, uuid=f"unknown-{index}", name=name, memory_total_bytes=0, memory_used_bytes=0)


def _device(nvml: Any, index: int, handle: Any) -> GPU:
    uuid = _text(nvml.nvmlDeviceGetUUID(handle))

    def ask(question: Callable[[Any], Any]) -> Any:
        # Not every device answers every question: an instance of one has no load, unified memory no size.
        try:
            return question(handle)
        except nvml.NVMLError:
            return None

    name, memory, load, power = (
        ask(nvml.nvmlDeviceGetName),
        ask(nvml.nvmlDeviceGetMemoryInfo),
        ask(nvml.nvmlDeviceGetUtilizationRates),
        ask(nvml.nvmlDeviceGetPowerUsage),
    )
    return GPU(
        index=index,
        uuid=uuid,
        name=_text(name) if name is not None else "NVIDIA GPU",
        memory_total_bytes=int(memory.total) if memory is not None else 0,
        memory_used_bytes=int(memory.used) if memory is not None else 0,
        utilization=load.gpu / 100 if load is not None else None,
        power_watts=power / 1000 if power is not None else None,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
