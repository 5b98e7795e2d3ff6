"""Every query of the dashboard, asked of a real Prometheus that scrapes a real registry and one of its callers, has something to draw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from tests.deploy.test_monitoring import RULES, VARIABLES, panels
from tests.httpapi.asking import Caller
from tests.prometheus import Prometheus

import muster
from muster.integrations.prometheus import Collector
from muster.testing.server import LocalRegistry

INTERVAL = "200ms"
WINDOW = "10s"
"""In place of Grafana's `$__rate_interval`, which is four scrapes at least."""

STEADY_TURNS = 5
"""A state lasts this long, so that scrapes see it."""


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


@contextmanager
def calling(registry: LocalRegistry) -> Iterator[tuple[muster.Discovery, int]]:
    """A caller in the zone `a`, and the port at which it exposes what it counts."""
    with muster.Discovery(registry.url, ["web", "nobody"], zone="a") as discovery, ExitStack() as stack:
        metrics = CollectorRegistry()
        metrics.register(Collector(discovery))
        server, thread = start_http_server(0, "127.0.0.1", metrics)
        for end in (thread.join, server.server_close, server.shutdown):
            stack.callback(end)
        discovery.wait_ready(20.0, "web")
        yield discovery, server.server_port


def rules(directory: Path) -> Path:
    """Ours, recorded as often as is scraped."""
    file = directory / "muster.rules.yml"
    file.write_text(RULES.read_text())
    return file


def configuration(directory: Path, *ports: int) -> object:
    return {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [str(rules(directory))],
        "scrape_configs": [
            {"job_name": str(port), "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for port in ports
        ],
    }


def queries() -> dict[str, list[str]]:
    """By the title of their panel. The window is short, so that a test need not last long."""
    values = {**VARIABLES, "$__rate_interval": WINDOW}
    found = {}
    for panel in panels():
        asked = [target["expr"] for target in panel["targets"]]
        for variable, value in values.items():
            asked = [query.replace(variable, value) for query in asked]
        found[panel["title"]] = asked
    return found


def happen(caller: Caller, discovery: muster.Discovery, turn: int) -> None:
    """A bit of everything that the dashboard is about."""
    caller.register("web", "web-1", port=1, zone="b", ttl="1h", incarnation=f"{turn}")
    caller.register("nobody", "sick", port=2, zone="a", checks=[{"kind": "ttl", "ttl": "1h"}])
    caller.ask("POST", "/v1/instances/sick/check", {"result": "fail"})
    caller.ask(
        "POST", "/v1/register", {"service": "web", "instance_id": "bad", "host": "127.0.0.1", "port": 0}
    )
    caller.register("flapping", "always", port=3, ttl="1h")
    caller.register("flapping", "sometimes", port=4, ttl="1h")
    if turn // STEADY_TURNS % 2:
        caller.deregister("sometimes")
    with discovery.pick("web").attempt():
        pass
    with suppress(muster.NoEndpoint):
        discovery.pick("nobody")


def test_every_panel_has_something_to_draw(registry: LocalRegistry, tmp_path: Path) -> None:
    turns = iter(range(1_000_000))
    with Caller(registry.host, registry.port) as caller:
        caller.register("web", "web-1", port=1, zone="b", ttl="1h")
        with (
            calling(registry) as (discovery, port),
            Prometheus(tmp_path, configuration(tmp_path, registry.port, port)) as prometheus,
        ):

            def drawn(query: str) -> bool:
                happen(caller, discovery, next(turns))
                return bool(prometheus.query(query))

            for title, asked in queries().items():
                for query in asked:
                    print(title, "|", query)
                    prometheus.until(lambda query=query: drawn(query))  # type: ignore[misc]
