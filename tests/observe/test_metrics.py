"""`/metrics`: Prometheus' names, what happened in them, and label sets that do not grow with what strangers send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.httpapi.asking import Caller
from tests.httpapi.streaming import Stream

from muster.model import limits
from muster.model.check import Answer
from muster.testing.prober import ScriptedProber
from muster.testing.server import LocalRegistry

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def prober() -> ScriptedProber:
    return ScriptedProber()


@pytest.fixture
def registry(prober: ScriptedProber) -> Iterator[LocalRegistry]:
    with LocalRegistry(prober=prober) as registry:
        yield registry


@pytest.fixture
def caller(registry: LocalRegistry) -> Iterator[Caller]:
    with Caller(registry.host, registry.port) as caller:
        yield caller


def scraped(caller: Caller) -> Samples:
    answer = caller.ask("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_instances_by_service_and_status(caller: Caller) -> None:
    caller.register("web", "a")
    caller.register("web", "b")
    caller.ask("POST", "/v1/instances/b/drain?wait=0s")
    samples = scraped(caller)
    assert value(samples, "muster_instances", namespace="default", service="web", status="healthy") == 1
    assert value(samples, "muster_instances", namespace="default", service="web", status="draining") == 1


def test_what_was_asked_and_refused(caller: Caller) -> None:
    caller.register("web", "a")
    caller.ask("PUT", "/v1/heartbeat/a")
    caller.ask("PUT", "/v1/heartbeat/nobody")
    caller.ask("POST", "/v1/register", {"service": "web"})
    for _ in range(3):
        caller.look("web")
    samples = scraped(caller)
    assert value(samples, "muster_registrations_total") == 1
    assert value(samples, "muster_heartbeats_total") == 1
    assert value(samples, "muster_lookups_total") == 3
    assert value(samples, "muster_refused_registrations_total", code="invalid_request") == 1
    assert value(samples, "muster_refused_requests_total", code="unknown_instance") == 1
    assert value(samples, "muster_refused_requests_total", code="invalid_request") == 1


def test_readers_and_how_soon_they_know(registry: LocalRegistry, caller: Caller) -> None:
    with Stream(registry.host, registry.port, "/v1/watch?service=web") as stream:
        stream.changes(1)
        caller.register("web", "a")
        stream.changes(1)
        samples = scraped(caller)
        assert value(samples, "muster_watchers") == 1
        assert value(samples, "muster_connections") == 2
        assert value(samples, "muster_propagation_seconds_count") >= 1
        assert value(samples, "muster_propagation_seconds_bucket", le="+Inf") >= 1


def test_checks_and_their_flaps(caller: Caller) -> None:
    caller.register("web", "a", checks=[{"kind": "ttl", "ttl": "10s"}])
    for result in ("pass", "fail", "pass", "warn"):
        caller.ask("POST", "/v1/instances/a/check", {"result": result})
    samples = scraped(caller)
    assert value(samples, "muster_check_results_total", result="pass") == 2
    assert value(samples, "muster_check_flaps_total") == 1


def test_zones_and_the_guard(caller: Caller) -> None:
    caller.register("web", "a", zone="north")
    samples = scraped(caller)
    assert value(samples, "muster_zone_leases", zone="north") == 1
    assert value(samples, "muster_zone_overdue", zone="north") == 0
    assert value(samples, "muster_zone_held", zone="north") == 0
    assert value(samples, "muster_registry_suspect") == 0


def test_expired_leases_are_counted(caller: Caller, prober: ScriptedProber) -> None:
    prober.says("127.0.0.1", 8080, Answer.REFUSED)
    caller.register("web", "stays", ttl="1h")
    caller.register("web", "goes", ttl="2s")
    while caller.status_of("goes") != "expired":
        caller.ask("PUT", "/v1/heartbeat/stays")
    assert value(scraped(caller), "muster_lease_expiries_total") == 1


def test_what_an_operator_watches_is_there_from_the_start(caller: Caller) -> None:
    names = {name for name, _ in scraped(caller)}
    assert names >= {
        "muster_loop_lag_seconds_bucket",
        "muster_store_commit_seconds_bucket",
        "muster_propagation_seconds_bucket",
        "muster_store_errors_total",
        "muster_settled",
        "muster_sessions",
        "muster_suspicions",
        "muster_commands_waiting",
    }


def test_services_beyond_the_limit_share_a_series(caller: Caller) -> None:
    for n in range(limits.METRIC_SERVICES + 50):
        caller.register(f"s{n}", f"i{n}", static=True)
    series = [labels for name, labels in scraped(caller) if name == "muster_instances"]
    assert len(series) == limits.METRIC_SERVICES + 1
    assert (
        value(scraped(caller), "muster_instances", namespace="(other)", service="(other)", status="healthy")
        == 50
    )


def test_a_zone_called_strangely_is_escaped(caller: Caller) -> None:
    caller.register("web", "a", zone='no"rth\\')
    assert value(scraped(caller), "muster_zone_leases", zone='no"rth\\') == 1
