"""`/metrics`: the registry's state read at scrape time, so that counting costs the hot paths nothing.

Names follow Prometheus' rules (base units, `_total` for counters). Label sets are bounded: services beyond `METRIC_SERVICES`
are summed under `(other)`, codes and statuses are closed sets, zones are bounded by the leases' own table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from muster.model import limits
from muster.observe.histogram import Histogram
from muster.observe.lag import LagMeter
from muster.registry.readings import Figures
from muster.registry.registry import Registry

OTHER = "(other)"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Edge(Struct, frozen=True):
    """What an edge counts by itself: called at scrape time. Refusals are by code; those of registrations are among all."""

    refused: Callable[[], Mapping[str, int]]
    refused_registrations: Callable[[], Mapping[str, int]]
    lookups: Callable[[], int]
    streams: Callable[[], int]
    sessions: Callable[[], int]
    connections: Callable[[], int]


class Names(Struct, frozen=True):
    """What a name server counts: queries by type and code, open connections, answers known by heart."""

    queries: Callable[[], Mapping[tuple[str, str], int]]
    connections: Callable[[], int]
    remembered: Callable[[], int]


class Metrics(Collector):
    """Histograms are fed by whoever measures; everything else is read."""

    def __init__(self, registry: Registry, lag: LagMeter, commit: Histogram, propagation: Histogram) -> None:
        self._registry = registry
        self._lag = lag
        self._commit = commit
        self._propagation = propagation
        self._edge: Edge | None = None
        self._names: Names | None = None
        self._prometheus = CollectorRegistry(auto_describe=False)
        self._prometheus.register(self)

    def watch_edge(self, edge: Edge) -> None:
        self._edge = edge

    def watch_names(self, names: Names) -> None:
        self._names = names

    def text(self) -> bytes:
        """The exposition, Prometheus text format 0.0.4."""
        return generate_latest(self._prometheus)

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._instances()
        figures = self._registry.figures()
        yield from self._leases(figures)
        yield from self._guard(figures)
        yield from self._checks(figures)
        yield from self._replicas()
        yield from self._edges()
        yield from self._named()
        yield _histogram(
            "muster_loop_lag_seconds", "Lateness of the event loop's timers.", self._lag.histogram
        )
        yield _histogram("muster_store_commit_seconds", "Time to commit a batch to the store.", self._commit)
        yield _histogram(
            "muster_propagation_seconds",
            "From a commit to the last watcher's bytes handed to the kernel.",
            self._propagation,
        )

    def _instances(self) -> Iterator[Metric]:
        counts = Counter[tuple[str, str, str]](
            {
                (*key, status): count
                for key in self._registry.services()
                for status, count in self._registry.statuses(key).items()
            }
        )
        family = GaugeMetricFamily(
            "muster_instances", "Instances by service and status.", labels=["namespace", "service", "status"]
        )
        for (namespace, service, status), count in sorted(self._bounded(counts).items()):
            family.add_metric([namespace, service, status], count)
        yield family
        yield _gauge("muster_revision", "The revision served.", self._registry.revision)
        yield _gauge("muster_settled", "1 once what is not listed does not exist.", self._registry.settled)
        yield _gauge(
            "muster_commands_waiting", "Commands waiting for the store.", self._registry.writer.waiting
        )
        yield _counter(
            "muster_store_errors_total", "Batches the store could not write.", self._registry.writer.errors
        )

    def _bounded(self, counts: Counter[tuple[str, str, str]]) -> Counter[tuple[str, str, str]]:
        services = {(namespace, service) for namespace, service, _ in counts}
        if len(services) <= limits.METRIC_SERVICES:
            return counts
        named = set(sorted(services)[: limits.METRIC_SERVICES])
        bounded: Counter[tuple[str, str, str]] = Counter()
        for (namespace, service, status), count in counts.items():
            known = (namespace, service) in named
            bounded[(namespace, service, status) if known else (OTHER, OTHER, status)] += count
        return bounded

    def _leases(self, figures: Figures) -> Iterator[Metric]:
        yield _counter("muster_heartbeats_total", "Renewals taken.", figures.renewals)
        yield _counter("muster_lease_expiries_total", "Leases that lapsed.", figures.expiries)
        yield _counter("muster_registrations_total", "Registrations granted.", figures.registrations)
        yield _gauge("muster_leases", "Leases held.", figures.leases)
        yield _gauge("muster_suspicions", "Suspicions being confirmed.", figures.suspicions)

    def _guard(self, figures: Figures) -> Iterator[Metric]:
        leased = GaugeMetricFamily("muster_zone_leases", "Leased instances by zone.", labels=["zone"])
        overdue = GaugeMetricFamily(
            "muster_zone_overdue", "Silent leased instances by zone.", labels=["zone"]
        )
        held = GaugeMetricFamily("muster_zone_held", "1 while the guard holds the zone.", labels=["zone"])
        for report in self._registry.guard_report():
            if report.zone is not None:
                leased.add_metric([report.zone], report.leased)
                overdue.add_metric([report.zone], report.silent)
                held.add_metric([report.zone], report.state == "held")
        yield from (leased, overdue, held)
        yield _gauge(
            "muster_registry_suspect",
            "1 while the registry doubts itself.",
            figures.suspect,
        )

    def _checks(self, figures: Figures) -> Iterator[Metric]:
        results = CounterMetricFamily("muster_check_results", "Check results.", labels=["result"])
        for result, count in sorted(figures.check_results.items()):
            results.add_metric([result], count)
        yield results
        yield _counter("muster_check_flaps_total", "Checks that fell after they had passed.", figures.flaps)

    def _replicas(self) -> Iterator[Metric]:
        """Of one of several registries on one store."""
        replicas = self._registry.replicas
        if replicas is None:
            return
        agreement = replicas.agreement
        yield _gauge("muster_replicas", "Live replicas, as this one knows.", len(replicas.membership.members))
        yield _gauge(
            "muster_store_age_seconds", "Since the store last proved that it is there.", replicas.age
        )
        yield _gauge(
            "muster_store_uncompacted",
            "1 while nobody removes etcd's old revisions: it grows until its quota is used up.",
            replicas.uncompacted,
        )
        yield _counter(
            "muster_replica_comparisons_total", "Services compared with another replica.", agreement.compared
        )
        yield _counter(
            "muster_replica_differences_total",
            "Services that another replica held otherwise, at the same revision.",
            agreement.differences,
        )
        yield _counter(
            "muster_replica_repairs_total", "Records put right from the store.", replicas.repairs.count
        )

    def _edges(self) -> Iterator[Metric]:
        edge = self._edge
        if edge is None:
            return
        yield _by_code("muster_refused_requests", "Requests refused, by code.", edge.refused())
        yield _by_code(
            "muster_refused_registrations", "Registrations refused, by code.", edge.refused_registrations()
        )
        yield _counter("muster_lookups_total", "Look-ups answered.", edge.lookups())
        yield _gauge("muster_watchers", "Open watch streams.", edge.streams())
        yield _gauge("muster_sessions", "Sessions carried by streams.", edge.sessions())
        yield _gauge("muster_connections", "Open HTTP connections.", edge.connections())

    def _named(self) -> Iterator[Metric]:
        names = self._names
        if names is None:
            return
        queries = CounterMetricFamily("muster_dns_queries", "DNS queries answered.", labels=["type", "rcode"])
        for (kind, code), count in sorted(names.queries().items()):
            queries.add_metric([kind, code], count)
        yield queries
        yield _gauge("muster_dns_connections", "Open DNS connections over TCP.", names.connections())
        yield _gauge(
            "muster_dns_remembered", "DNS answers known by heart until they change.", names.remembered()
        )


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=float(value))


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name.removesuffix("_total"), about, value=float(value))


def _by_code(name: str, about: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, about, labels=["code"])
    for code, count in sorted(counts.items()):
        family.add_metric([code], count)
    return family


def _histogram(name: str, about: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(name, about, buckets=histogram.cumulative(), sum_value=histogram.sum)
