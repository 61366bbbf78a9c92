"""What GPUs are used for, in Prometheus' text format, read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..errors import MLPlatError
from ..services.status import read_counts

if TYPE_CHECKING:
    from ..platform import Platform

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def exposition(platform: Platform) -> bytes:
    """All of it, as text. Raises what the store raises: a counter that is missing for a while is no zero."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_GPUNumbers(platform))
    return generate_latest(registry)


class _GPUNumbers(Collector):
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def collect(self) -> Iterator[Metric]:
        try:
            devices = len(self._platform.gpus_source.devices())
        except MLPlatError:
            devices = 0
        number = GaugeMetricFamily("mlplat_gpus", "Devices that the driver reports")
        number.add_metric([], devices)
        yield number
        found = read_counts(self._platform.store).leases
        leases = GaugeMetricFamily("mlplat_gpu_leases", "Leases that hold devices or wait for some", labels=["state"])
        for state in ("granted", "queued"):
            leases.add_metric([state], found[state])
        yield leases
        usage = self._platform.gpus.usage(since=BEGIN)
        seconds = CounterMetricFamily("mlplat_gpu_seconds", "Seconds of devices that were leased", labels=["user"])
        idle = CounterMetricFamily("mlplat_gpu_idle_seconds", "Of them without load", labels=["user"])
        cost = CounterMetricFamily("mlplat_gpu_cost", "What they cost", labels=["user", "currency"])
        for one in usage.rows:
            seconds.add_metric([one.key or ""], one.gpu_hours * 3600)
            idle.add_metric([one.key or ""], one.idle_hours * 3600)
            if one.cost is not None:
                cost.add_metric([one.key or "", usage.currency or ""], one.cost)
        yield from (seconds, idle, cost)
