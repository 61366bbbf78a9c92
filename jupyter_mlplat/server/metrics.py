"""Numbers about the platform in Prometheus' text format, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from .. import __version__
from ..errors import MLPlatError
from ..services.status import living_engine, read_counts
from .door import BUCKETS, Durations

if TYPE_CHECKING:
    from ..platform import Platform

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(platform: Platform, durations: Durations) -> bytes:
    """Everything, as text. A store that does not answer is `mlplat_store_up 0`, never an error."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_PlatformNumbers(platform, durations))
    return generate_latest(registry)


class _PlatformNumbers(Collector):
    def __init__(self, platform: Platform, durations: Durations) -> None:
        self._platform = platform
        self._durations = durations

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("mlplat_build", "Version of the platform", value={"version": __version__})
        yield from self._store()
        yield from self._devices()
        yield self._requests()

    def _store(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("mlplat_store_up", "1 while the platform's store answers")
        try:
            store = self._platform.store
            counts = read_counts(store)
            engine = living_engine(store, now=self._platform.clock.now())
        except MLPlatError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        alive = GaugeMetricFamily("mlplat_engine_alive", "1 while an engine lives that moves jobs")
        alive.add_metric([], 1 if engine else 0)
        yield alive
        for noun, found in (("jobs", counts.jobs), ("deployments", counts.deployments), ("leases", counts.leases)):
            gauge = GaugeMetricFamily(f"mlplat_{noun}", f"{noun.capitalize()} in each state", labels=["state"])
            for state, number in sorted(found.items()):
                gauge.add_metric([state], number)
            yield gauge

    def _devices(self) -> Iterator[Metric]:
        try:
            devices = list(self._platform.gpus_source.devices())
        except MLPlatError:
            devices = []
        number = GaugeMetricFamily("mlplat_gpus", "Devices that the driver reports")
        number.add_metric([], len(devices))
        yield number
        used = GaugeMetricFamily("mlplat_gpu_memory_used_bytes", "Device memory in use", labels=["uuid", "name"])
        total = GaugeMetricFamily("mlplat_gpu_memory_total_bytes", "Device memory", labels=["uuid", "name"])
        load = GaugeMetricFamily("mlplat_gpu_utilization_ratio", "Load of a device, 0 to 1", labels=["uuid", "name"])
        for device in devices:
            labels = [device.uuid, device.name]
            used.add_metric(labels, device.memory_used_bytes)
            total.add_metric(labels, device.memory_total_bytes)
            if device.utilization is not None:
                load.add_metric(labels, device.utilization)
        yield from (used, total, load)

    def _requests(self) -> Metric:
        family = HistogramMetricFamily(
            "mlplat_http_request_duration_seconds",
            "Seconds that a request to the platform took",
            labels=["method", "route", "status"],
        )
        # Another thread may add a key or a bucket meanwhile: copies, each made in one step.
        for key, counted in sorted(self._durations.buckets.copy().items()):
            counts = dict(counted)
            cumulated, seen = [], 0
            for bound in (*BUCKETS, float("inf")):
                seen += counts.get(bound, 0)
                cumulated.append(("+Inf" if bound == float("inf") else str(bound), float(seen)))
            family.add_metric(list(key), buckets=cumulated, sum_value=float(self._durations.sums[key]))
        return family
