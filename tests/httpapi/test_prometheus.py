"""A real Prometheus finds through the registry whom to scrape, and reads what the registry says of itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server
from tests.httpapi.asking import Caller
from tests.parts import require
from tests.prometheus import Prometheus

from muster.testing.server import LocalRegistry


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


@pytest.fixture
def prometheus(registry: LocalRegistry, tmp_path: Path) -> Iterator[Prometheus]:
    labels = ("service", "instance_id", "zone")
    relabel = [{"source_labels": [f"__meta_muster_{name}"], "target_label": name} for name in labels]
    discovered = {
        "job_name": "services",
        "http_sd_configs": [{"url": f"{registry.url}/v1/prometheus/sd", "refresh_interval": "200ms"}],
        "relabel_configs": relabel,
    }
    configuration = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [discovered],
    }
    with Prometheus(tmp_path, configuration) as prometheus:
        yield prometheus


@pytest.fixture
def ports() -> Iterator[list[int]]:
    """Of two programs with metrics."""
    with ExitStack() as stack:
        ports = []
        for _ in range(2):
            metrics = CollectorRegistry()
            Gauge("answer", "to everything", registry=metrics).set(42)
            server, thread = start_http_server(0, "127.0.0.1", metrics)
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            ports.append(server.server_port)
        yield ports


def test_it_scrapes_what_is_registered_and_drops_what_is_gone(
    caller: Caller, prometheus: Prometheus, ports: list[int]
) -> None:
    one, two = (f"http://127.0.0.1:{port}/metrics" for port in ports)
    caller.register("web", "web/1", port=ports[0], zone="a")
    caller.register("web", "web/2", port=ports[1], zone="b")
    prometheus.until(lambda: prometheus.scraped() == {one, two})
    prometheus.until(lambda: len(prometheus.query('answer{service="web"}')) == 2)
    (found,) = prometheus.query('answer{service="web",instance_id="web/2"}')
    assert (found["metric"]["zone"], found["value"][1]) == ("b", "42")
    caller.ask("POST", "/v1/instances/web%2F1/drain?wait=0s")
    prometheus.until(
        lambda: prometheus.targets()[one]["discoveredLabels"]["__meta_muster_status"] == "draining"
    )
    assert prometheus.scraped() == {one, two}
    caller.deregister("web/1")
    prometheus.until(lambda: prometheus.scraped() == {two})


def test_a_young_registry_takes_nothing_from_it(
    caller: Caller, prometheus: Prometheus, ports: list[int], registry: LocalRegistry
) -> None:
    caller.register("web", "web-1", port=ports[0])
    target = {f"http://127.0.0.1:{ports[0]}/metrics"}
    prometheus.until(lambda: prometheus.scraped() == target)
    caller.deregister("web-1")
    asked = refusals(registry)
    prometheus.until(lambda: refusals(registry) > asked + 2)
    assert prometheus.scraped() == target


def refusals(registry: LocalRegistry) -> int:
    return registry.do(lambda running: running.listener.refused.get("unsettled", 0))


def test_promtool_finds_nothing_wrong_with_our_metrics(caller: Caller) -> None:
    promtool = require("promtool")
    caller.register("web", "a", zone="north", checks=[{"kind": "ttl", "ttl": "10s"}])
    caller.ask("POST", "/v1/instances/a/check", {"result": "pass"})
    caller.ask("GET", "/v1/services/nobody/instances")
    told = caller.ask("GET", "/metrics").body
    ran = subprocess.run([promtool, "check", "metrics", "--extended"], input=told, capture_output=True)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
