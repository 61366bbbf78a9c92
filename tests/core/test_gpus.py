"""What NVML says becomes devices, whatever it says: one broken device, a question it does not answer, no driver."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mlplat.backends.nvml import NVMLSource
from jupyter_mlplat.errors import Unavailable
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.protocols import GPUSource


class NVMLError(Exception):
    """What the binding raises."""


class FakeNVML:
    """The calls of NVIDIA's binding that we use, over devices of our own; counts who opened and who closed it."""

    NVMLError = NVMLError

    def __init__(self, *devices: dict[str, Any]) -> None:
        self._devices = devices
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self._devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[str, Any]:
        if not self._devices[index]:
            raise NVMLError("GPU is lost")
        return self._devices[index]

    def _answer(self, device: dict[str, Any], name: str) -> Any:
        if name not in device:
            raise NVMLError("Not Supported")
        return device[name]

    def nvmlDeviceGetUUID(self, device: dict[str, Any]) -> Any:
        return self._answer(device, "uuid")

    def nvmlDeviceGetName(self, device: dict[str, Any]) -> Any:
        return self._answer(device, "name")

    def nvmlDeviceGetMemoryInfo(self, device: dict[str, Any]) -> Any:
        return self._answer(device, "memory")

    def nvmlDeviceGetUtilizationRates(self, device: dict[str, Any]) -> Any:
        return self._answer(device, "load")

    def nvmlDeviceGetPowerUsage(self, device: dict[str, Any]) -> Any:
        return self._answer(device, "power")

    NVML_DEVICE_MIG_ENABLE = 1

    def nvmlDeviceGetMigMode(self, device: dict[str, Any]) -> Any:
        return self._answer(device, "mig")

    def nvmlDeviceGetMaxMigDeviceCount(self, device: dict[str, Any]) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: dict[str, Any], index: int) -> Any:
        if index not in device["instances"]:
            raise NVMLError("Not Found")
        return device["instances"][index]


def test_devices_are_read_whatever_one_of_them_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {
        "uuid": "GPU-a",
        "name": "NVIDIA H100",
        "memory": SimpleNamespace(total=2**36, used=2**30),
        "load": SimpleNamespace(gpu=37),
        "power": 312_500,
    }
    nvml = FakeNVML(whole, {}, {"uuid": b"GPU-c", "name": b"NVIDIA GB10"})
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    source = NVMLSource()
    assert isinstance(source, GPUSource)
    first, lost, shared = source.devices()
    assert (first.uuid, first.name, first.utilization) == ("GPU-a", "NVIDIA H100", 0.37)
    assert (first.memory_total_bytes, first.memory_used_bytes) == (2**36, 2**30)
    assert (first.power_watts, shared.power_watts) == (312.5, None)
    assert lost.index == 1
    assert "GPU is lost" in lost.name
    assert (shared.uuid, shared.name, shared.utilization, shared.memory_total_bytes) == (
        "GPU-c",
        "NVIDIA GB10",
        None,
        0,
    )
    assert nvml.open == 0, "the library was left open"


def test_a_divided_device_is_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    def instance(uuid: str, gigabytes: int) -> dict[str, Any]:
        memory = SimpleNamespace(total=gigabytes * 2**30, used=0)
        return {"uuid": uuid, "name": f"NVIDIA A100 MIG {gigabytes}gb", "memory": memory}

    whole = {"uuid": "GPU-a", "name": "NVIDIA A100", "memory": SimpleNamespace(total=2**36, used=0), "mig": [0, 1]}
    divided = {
        **whole,
        "uuid": "GPU-b",
        "mig": [1, 1],
        "instances": {0: instance("MIG-1", 20), 2: instance("MIG-2", 5)},
    }
    empty = {**whole, "uuid": "GPU-c", "mig": [1, 0], "instances": {}}
    monkeypatch.setitem(sys.modules, "pynvml", FakeNVML(whole, divided, empty))
    found = NVMLSource().devices()
    assert [(one.index, one.uuid) for one in found] == [(0, "GPU-a"), (1, "MIG-1"), (1, "MIG-2"), (2, "unknown-2")]
    assert found[1].memory_total_bytes == 20 * 2**30
    assert found[1].utilization is None
    assert (found[3].memory_total_bytes, "no instance" in found[3].name) == (0, True)


def test_no_driver_is_a_reason_and_not_an_error(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoDriver(FakeNVML):
        def nvmlInit(self) -> None:
            raise NVMLError("NVML Shared Library Not Found")

    monkeypatch.setitem(sys.modules, "pynvml", NoDriver())
    with pytest.raises(Unavailable, match="NVML Shared Library Not Found") as refused:
        NVMLSource().devices()
    assert refused.value.hint
    gpus = platform.gpus.list()
    assert gpus.devices == []
    assert "NVML Shared Library Not Found" in str(gpus.message)


def test_no_binding_is_a_reason_too(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py" in str(platform.gpus.list().message)


def test_a_driver_without_devices_says_so(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNVML())
    assert platform.gpus.list().message == "No GPU: the driver reports no device"
