"""What a Discovery counts, as Prometheus and OpenTelemetry have it; and whom gRPC dials."""

from collections.abc import Sequence

import grpc
import httpx  # noqa: TID251 - one of those that call
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry, generate_latest
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.instances import closed_port

from muster.client import Discovery, NoEndpoint
from muster.integrations.grpc import ROUND_ROBIN, target
from muster.integrations.httpx import Transport
from muster.integrations.opentelemetry import Spans, observe
from muster.integrations.prometheus import Collector
from muster.model.instance import Endpoint as Port
from muster.model.policy import Balancer, Locality, Policy
from muster.model.resilience import BackOff, Retries
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
    points = exported(reader)
    assert points["muster.client.picks"] == [({"muster.service": "web", "muster.port": ""}, 1)]
    assert points["muster.client.in_rotation"] == [({"muster.service": "web"}, 1)]


def test_opentelemetry_reads_all_of_several(registry: FakeRegistry, find: Found) -> None:
    registry.add("web", port=1)
    one, other = find(), find()
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    for discovery in (one, other, other):
        observe(discovery, meter)
        discovery.pick("web")
    assert exported(reader)["muster.client.picks"] == [({"muster.service": "web", "muster.port": ""}, 3)]


def test_units_are_those_that_exporters_understand(find: Found) -> None:
    """A gauge of unit 1 is a ratio to them, by name."""
    reader = InMemoryMetricReader()
    observe(find(), MeterProvider([reader]).get_meter("test"))
    units = {metric.name: metric.unit for metric in metrics(reader)}
    assert units["muster.client.connected"] == "{stream}"
    assert {unit for unit in units.values() if not unit.startswith("{")} <= {"s"}


def metrics(reader: InMemoryMetricReader) -> Sequence[Metric]:
    told = reader.get_metrics_data()
    assert told is not None
    return told.resource_metrics[0].scope_metrics[0].metrics


def exported(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, object], float]]]:
    return {
        metric.name: [(dict(p.attributes or {}), p.value) for p in metric.data.data_points]  # type: ignore[union-attr]
        for metric in metrics(reader)
    }


def test_each_attempt_is_a_span_below_the_callers(registry: FakeRegistry, web: Web) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("test")
    (good,) = web(1)
    registry.add("web", port=(nobody := closed_port()), zone="b")
    back_off = BackOff(base_interval=0.001, max_interval=0.01)
    policy = Policy(retries=Retries(back_off=back_off), balancer=Balancer(name="round_robin"))
    with Discovery(registry.url, ["web"], policies={"web": policy}, tracing=Spans(tracer)) as discovery:
        discovery.wait_ready()
        with httpx.Client(transport=Transport(discovery)) as client, tracer.start_as_current_span("caller"):
            answers = [client.get("http://web.svc/").status_code for _ in range(2)]
    assert answers == [200, 200]
    *attempts, caller = kept.get_finished_spans()
    assert {attempt.parent.span_id for attempt in attempts if attempt.parent} == {caller.context.span_id}
    by = {dict(attempt.attributes or {})["muster.outcome"]: attempt for attempt in attempts}
    failed, answered = dict(by["connect"].attributes or {}), dict(by["success"].attributes or {})
    assert (failed["muster.instance"], failed["server.port"], failed["muster.zone"]) == (
        f"web-{nobody}",
        nobody,
        "b",
    )
    assert failed["error.type"] == "connect"
    assert by["connect"].status.status_code is StatusCode.ERROR
    assert answered["server.port"] == good.port
    assert by["success"].kind is SpanKind.CLIENT
    assert by["success"].status.status_code is StatusCode.UNSET


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
