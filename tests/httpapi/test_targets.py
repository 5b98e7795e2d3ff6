"""`/v1/prometheus/sd`: what Prometheus gets to know of whom."""

from __future__ import annotations

import pytest
from tests.httpapi.asking import Answer, Caller

from muster.testing.server import LocalRegistry


def targets(caller: Caller, query: str) -> dict[str, dict[str, str]]:
    """target -> labels, without what they all begin with."""
    answer = caller.ask("GET", f"/v1/prometheus/sd?{query}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer
    return {
        target: {name.removeprefix("__meta_muster_"): value for name, value in group["labels"].items()}
        for group in answer.json
        for target in group["targets"]
    }


def test_everything_an_instance_says_is_a_label(caller: Caller, name: str) -> None:
    caller.register(
        name,
        f"{name}/1",
        host="::1",
        port=80,
        zone="a",
        region="north",
        version="1.2",
        deployment_group="green",
        tags=["fast", "new"],
        metadata={"team": "shop", "metrics path": '/m"\\', "empty": ""},
    )
    assert targets(caller, f"service={name}") == {
        "[::1]:80": {
            "namespace": "default",
            "service": name,
            "instance_id": f"{name}/1",
            "port_name": "default",
            "protocol": "http",
            "zone": "a",
            "region": "north",
            "version": "1.2",
            "deployment_group": "green",
            "status": "healthy",
            "overdue": "false",
            "tags": ",fast,new,",
            "metadata_team": "shop",
            "metadata_metrics_path": '/m"\\',
        }
    }


def test_an_instance_sets_no_label_of_prometheus_own(caller: Caller, name: str) -> None:
    caller.register(name, name, metadata={"__address__": "evil:1", "job": "evil"})
    labels = targets(caller, f"service={name}")["127.0.0.1:8080"]
    assert labels["metadata___address__"] == "evil:1"
    assert not {"__address__", "job"} & labels.keys()


def test_the_port_called_metrics_is_meant_or_the_first(caller: Caller, name: str) -> None:
    ports = [{"name": "api", "port": 80}, {"name": "metrics", "port": 9100, "protocol": "https"}]
    caller.register(name, f"{name}-two", port=80, endpoints=ports)
    caller.register(name, f"{name}-one", port=81)
    both = targets(caller, f"service={name}")
    assert {target: labels["port_name"] for target, labels in both.items()} == {
        "127.0.0.1:9100": "metrics",
        "127.0.0.1:81": "default",
    }
    assert both["127.0.0.1:9100"]["__scheme__"] == "https"
    assert targets(caller, f"service={name}&port=api").keys() == {"127.0.0.1:80"}


def test_whoever_is_registered_is_scraped_usable_or_not(caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-draining")
    caller.register(name, f"{name}-starting", port=1, status="starting")
    caller.ask("POST", f"/v1/instances/{name}-draining/drain?wait=0s")
    found = targets(caller, f"service={name}")
    assert {labels["status"] for labels in found.values()} == {"draining", "starting"}
    assert targets(caller, f"service={name}&status=starting").keys() == {"127.0.0.1:1"}
    caller.deregister(f"{name}-draining")
    caller.deregister(f"{name}-starting")
    assert targets(caller, f"service={name}") == {}


def test_filters_and_namespaces_hold_here_too(caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-a", port=1, zone="a", tags=["x"])
    caller.register(name, f"{name}-b", port=2, zone="b")
    assert targets(caller, f"service={name}&zone=a&tag=x").keys() == {"127.0.0.1:1"}
    assert targets(caller, f"service={name}&service=another").keys() == {"127.0.0.1:1", "127.0.0.1:2"}
    assert targets(caller, f"service={name}&namespace=another") == {}
    assert caller.ask("GET", "/v1/prometheus/sd?zones=a").problem == (400, "invalid_request", "zones")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("service=%0a", "service"),
        ("service=", "service"),
        ("service=web&service=%00", "service"),
        (f"service={'w' * 129}", "service"),
        ("port=%0a", "port"),
        ("port=a&port=b", "port"),
        (f"port={'p' * 300}", "port"),
        ("namespace=%0a", "namespace"),
        ("zone=%1b", "zone"),
        ("region=%0d", "region"),
        ("version=%00", "version"),
        ("subset=%7f", "subset"),
        ("tag=%0a", "tag"),
        ("status=fine", "status"),
        ("all=perhaps", "all"),
        ("%0a=1", "?"),
    ],
)
def test_what_cannot_be_is_refused_and_not_answered_with_an_empty_list(
    caller: Caller, query: str, field: str
) -> None:
    assert caller.ask("GET", f"/v1/prometheus/sd?{query}").problem == (400, "invalid_request", field)


def test_a_young_registry_that_knows_nobody_empties_no_list() -> None:
    """Prometheus keeps its targets when the answer is no list."""
    with LocalRegistry() as registry, Caller(registry.host, registry.port) as caller:
        assert _sd(caller).problem == (503, "unsettled", None)
        caller.register("web", "web-1")
        assert len(_sd(caller).json) == 1
        caller.deregister("web-1")
        assert _sd(caller).status == 503
        registry.do(lambda running: setattr(running.registry.machine, "_began", -3600.0))
        assert _sd(caller).json == []


def _sd(caller: Caller) -> Answer:
    return caller.ask("GET", "/v1/prometheus/sd")
