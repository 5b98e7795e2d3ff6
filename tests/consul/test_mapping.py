"""Seen by all: what one dialect registers, the other lists, with the same health, weights and names."""

from __future__ import annotations

from tests.consul.asking import catalog, health, ids, register, until
from tests.httpapi.asking import Caller

from muster.model.check import Answer
from muster.testing.prober import ScriptedProber


def test_a_consul_service_is_an_instance(caller: Caller, name: str) -> None:
    register(
        caller,
        name,
        "id 1",
        Address="10.5.0.1",
        Tags=["t"],
        Meta={"k": "v"},
        Weights={"Passing": 3},
        Locality={"Zone": "z"},
    )
    (told,) = caller.look(name).json["instances"]
    shown = {
        key: told[key]
        for key in ("instance_id", "host", "port", "tags", "metadata", "weight", "zone", "status")
    }
    assert shown == {
        "instance_id": "home/id%201",
        "host": "10.5.0.1",
        "port": 80,
        "tags": ["t"],
        "metadata": {"k": "v"},
        "weight": 300,
        "zone": "z",
        "status": "healthy",
    }


def test_a_name_that_is_no_native_one_has_one_to_be_watched_by(caller: Caller, name: str) -> None:
    register(caller, f"{name}#1")
    register(caller, f"{name}.1")
    assert sorted(caller.look(f"{name}-1").ids) == [f"home/{name}#1", f"home/{name}.1"]
    assert ids(health(caller, f"{name}%231")) == [f"{name}#1"]
    assert ids(health(caller, f"{name}.1".upper())) == [f"{name}.1"]


def test_an_instance_is_a_consul_service(caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-1", host="10.5.0.2", tags=["t"], metadata={"k": "v"})
    (told,) = health(caller, name, "?passing").json
    assert (told["Node"]["Node"], told["Node"]["Address"]) == ("ip-10-5-0-2", "10.5.0.2")
    service = told["Service"]
    assert (service["ID"], service["Address"], service["Port"], service["Tags"], service["Meta"]) == (
        *(f"{name}-1", "10.5.0.2", 8080),
        *(["t"], {"k": "v"}),
    )
    assert service["Weights"] == {"Passing": 1, "Warning": 1}
    assert catalog(caller, "services")[name] == ["t"]


def test_weights_keep_their_proportion(caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-1", weight=100)
    caller.register(name, f"{name}-2", weight=10)
    register(caller, name, name)
    weights = {
        each["Service"]["ID"]: each["Service"]["Weights"]["Passing"] for each in health(caller, name).json
    }
    assert weights == {f"{name}-1": 10, f"{name}-2": 1, name: 10}


def test_an_override_is_maintenance_in_both_directions(caller: Caller, name: str) -> None:
    caller.register(name, name)
    caller.ask("PATCH", f"/v1/instances/{name}", {"override": "out_of_service"})
    assert ids(health(caller, name, "?passing")) == []
    (check,) = caller.ask("GET", f"/v1/health/checks/{name}").json
    assert check["CheckID"] == f"_service_maintenance:{name}"
    register(caller, name, f"{name}-c")
    caller.ask("PUT", f"/v1/agent/service/maintenance/{name}-c?enable=1&reason=r")
    assert caller.status_of(f"home/{name}-c") == "out_of_service"


def test_a_drain_and_a_start_are_seen_as_critical(caller: Caller, name: str) -> None:
    caller.register(name, f"{name}-1")
    caller.register(name, f"{name}-2", status="starting")
    assert caller.ask("POST", f"/v1/instances/{name}-1/drain?wait=0s").status == 200
    assert ids(health(caller, name)) == [f"{name}-1", f"{name}-2"]
    assert ids(health(caller, name, "?passing")) == []
    told = {check["CheckID"]: check["Notes"] for check in caller.ask("GET", f"/v1/health/checks/{name}").json}
    assert told == {f"_service_maintenance:{name}-1": "it is draining", f"muster-ready:{name}-2": ""}


def test_checks_decide_natively_too(caller: Caller, name: str) -> None:
    register(caller, name, name, Check={"TTL": "60s"})
    assert (caller.status_of(f"home/{name}"), caller.look(name).ids) == ("starting", [])
    caller.ask("PUT", f"/v1/agent/check/warn/service:{name}")
    assert caller.status_of(f"home/{name}") == "degraded"
    caller.ask("PUT", f"/v1/agent/check/fail/service:{name}")
    assert caller.status_of(f"home/{name}") == "unhealthy"


def test_a_check_is_run_where_it_says(caller: Caller, prober: ScriptedProber, name: str) -> None:
    prober.says("10.5.0.3", 8081, Answer.FAILED)
    check = {"HTTP": "http://10.5.0.3:8081/h", "Interval": "1s", "Timeout": "1s"}
    register(caller, name, name, Address="10.5.0.4", Check=check)
    until(lambda: caller.status_of(f"home/{name}") == "unhealthy")
    (told,) = caller.ask("GET", f"/v1/health/checks/{name}").json
    assert (told["Status"], told["Type"], told["Definition"]["HTTP"]) == (
        "critical",
        "http",
        "http://10.5.0.3:8081/h",
    )
    prober.says("10.5.0.3", 8081, Answer.ANSWERED)
    until(lambda: caller.status_of(f"home/{name}") == "healthy")


def test_a_service_without_a_port_has_an_address_alone(caller: Caller, name: str) -> None:
    register(caller, name, name, Port=0, Address="10.5.0.5")
    (told,) = caller.look(name).json["instances"]
    assert (told["host"], told["port"]) == ("10.5.0.5", 0)
