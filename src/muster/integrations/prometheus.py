"""Prometheus: what a `Discovery` counts, read when it is scraped.

    with muster.Discovery.from_env(["inventory"]) as discovery:
        prometheus_client.REGISTRY.register(Collector(discovery))

With prometheus_client's multiprocess mode each worker's numbers must be exposed by the worker itself: a collector has no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from muster.client.discovery import Discovery

from .readings import READINGS, Reading

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class Collector:
    """Hold no more than one per `Discovery` in a registry: their series would be the same."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def describe(self) -> Iterator[Metric]:
        """So that registering it reads nothing."""
        for reading in READINGS:
            yield _family(reading)

    def collect(self) -> Iterator[Metric]:
        status = self._discovery.status()
        for reading in READINGS:
            family = _family(reading)
            for labels, value in reading.points(status):
                family.add_metric([labels[name] for name in reading.labels], value)
            yield family


def _family(reading: Reading) -> CounterMetricFamily | GaugeMetricFamily:
    name = f"{reading.name}_{reading.unit}" if reading.unit else reading.name
    if reading.kind == "counter":
        return CounterMetricFamily(name, reading.help, labels=reading.labels)
    return GaugeMetricFamily(name, reading.help, labels=reading.labels)
