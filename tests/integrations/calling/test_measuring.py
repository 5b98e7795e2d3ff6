"""What a Discovery counts, as Prometheus and OpenTelemetry have it; and whom gRPC dials."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from tests.integrations.calling.conftest import Found

from muster.client import NoEndpoint
from muster.integrations.grpc import ROUND_ROBIN, target
from muster.integrations.opentelemetry import observe
from muster.integrations.prometheus import Collector
from muster.model.instance import Endpoint as Port
from muster.model.policy import Locality, Policy
from muster.policy.outcome import Outcome
from muster.testing import FakeRegistry


def test_prometheus_reads_everything(registry: FakeRegistry, find: Found) -> None:
    registry.add("web", port=1, zone="b")
    discovery = find(Policy(locality=Locality(mode="none")), zone="a")
    discovery.pick("web").attempt().finish(Outcome.CONNECT)
    with pytest.raises(NoEndpoint):
        discovery.pick("web", "grpc")
    with pytest.raises(NoEndpoint):
        discovery.pick("web", "grpc")
    scraped = CollectorRegistry()
    scraped.register(Collector(discovery))
    lines = generate_latest(scraped).decode().splitlines()
    told = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if not line.startswith("#")}
    assert told['muster_client_picks_total{port="",service="web"}'] == 1
    assert told['muster_client_cross_zone_attempts_total{port="",service="web"}'] == 1
    assert told['muster_client_ejections_total{port="",service="web"}'] == 1
    assert told['muster_client_no_endpoint_total{port="grpc",reason="no_port",service="web"}'] == 2
    assert told["muster_client_connected"] == 1
    assert told['muster_client_mirror_age_seconds{service="web"}'] >= 0


def test_opentelemetry_reads_the_same(registry: FakeRegistry, find: Found) -> None:
    registry.add("web", port=1)
    discovery = find()
    discovery.pick("web")
    reader = InMemoryMetricReader()
    observe(discovery, MeterProvider([reader]).get_meter("test"))
    told = reader.get_metrics_data()
    assert told is not None
    points = {
        metric.name: [(dict(p.attributes or {}), p.value) for p in metric.data.data_points]  # type: ignore[union-attr]
        for metric in told.resource_metrics[0].scope_metrics[0].metrics
    }
    assert points["muster.client.picks"] == [({"service": "web", "port": ""}, 1)]
    assert points["muster.client.in_rotation"] == [({"service": "web"}, 1)]


def test_grpc_dials_those_that_get_a_share(registry: FakeRegistry, find: Found) -> None:
    for port in (1, 2):
        registry.add(
            "web", port=port, endpoints=(Port("default", port, "http"), Port("grpc", port + 10, "grpc"))
        )
    registry.add("web", port=3, weight=0)
    discovery = find()
    assert target(discovery, "web", "grpc") == "ipv4:127.0.0.1:11,127.0.0.1:12"
    with pytest.raises(NoEndpoint):
        target(discovery, "web", "metrics")


def test_a_channel_calls_whoever_is_there(registry: FakeRegistry, find: Found) -> None:
    server = _server()
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    registry.add("web", port=port, endpoints=(Port("grpc", port, "grpc"),))
    with grpc.insecure_channel(target(find(), "web", "grpc"), options=ROUND_ROBIN) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    server.stop(None)


def _server() -> grpc.Server:
    from concurrent.futures import ThreadPoolExecutor

    from grpc_health.v1.health import HealthServicer

    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(), server)
    return server
