"""`/v1/agent`: services, checks, maintenance; and how it says no."""

from __future__ import annotations

from typing import Any

import pytest
from tests.httpapi.asking import Answer, Caller


def put(caller: Caller, path: str, body: object = None) -> Answer:
    return caller.ask("PUT", f"/v1/agent{path}", body)


def register(caller: Caller, id: str, **fields: object) -> None:
    answer = put(caller, "/service/register", {"Name": id, "ID": id, "Port": 80} | fields)
    assert (answer.status, answer.body) == (200, b""), answer


def checks(caller: Caller) -> dict[str, Any]:
    found: dict[str, Any] = caller.ask("GET", "/v1/agent/checks").json
    return found


def passing(caller: Caller, name: str) -> list[str]:
    return [each["Service"]["ID"] for each in caller.ask("GET", f"/v1/health/service/{name}?passing").json]


def test_a_service_is_told_back_as_it_was_registered(caller: Caller, name: str) -> None:
    said = {
        "Tags": ["a", "b"],
        "Meta": {"k": "v"},
        "Address": "10.1.2.3",
        "TaggedAddresses": {"lan": {"Address": "10.1.2.3", "Port": 81}},
        "Weights": {"Passing": 10, "Warning": 3},
        "EnableTagOverride": True,
        "Kind": "connect-proxy",
        "Locality": {"Region": "eu", "Zone": "eu-a"},
        "SocketPath": "/run/x",
    }
    register(caller, name, **said, Proxy={"DestinationServiceName": "db"})
    told = caller.ask("GET", "/v1/agent/services").json[name]
    here = {"Address": "10.1.2.3", "Port": 80}
    said["TaggedAddresses"] = {"lan": {"Address": "10.1.2.3", "Port": 81}, "lan_ipv4": here, "wan_ipv4": here}
    assert {field: told[field] for field in said} == said
    assert told["Proxy"] == {"DestinationServiceName": "db", "MeshGateway": {}, "Expose": {}}
    assert (told["ID"], told["Service"], told["Port"], told["Datacenter"]) == (name, name, 80, "dc1")


def test_a_ttl_check_is_critical_until_it_passes(caller: Caller, name: str) -> None:
    register(caller, name, Check={"TTL": "60s", "Notes": "n"})
    check = checks(caller)[f"service:{name}"]
    assert (check["Status"], check["Notes"], check["Type"], check["ServiceID"]) == (
        "critical",
        "n",
        "ttl",
        name,
    )
    assert passing(caller, name) == []
    assert put(caller, f"/check/pass/service:{name}?note=fine").status == 200
    assert checks(caller)[f"service:{name}"]["Output"] == "fine"
    assert passing(caller, name) == [name]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("warn/{}", None, "warning"),
        ("fail/{}", None, "critical"),
        ("update/{}", {"Status": "warning", "Output": "o"}, "warning"),
    ],
)
def test_results_of_a_ttl_check(caller: Caller, name: str, path: str, body: object, status: str) -> None:
    register(caller, name, Check={"TTL": "60s", "Status": "passing"})
    assert put(caller, "/check/" + path.format(f"service:{name}"), body).status == 200
    assert checks(caller)[f"service:{name}"]["Status"] == status


def test_checks_of_a_service_come_and_go_by_themselves(caller: Caller, name: str) -> None:
    register(caller, name)
    assert put(caller, "/check/register", {"Name": name, "ServiceID": name, "TTL": "60s"}).status == 200
    register(caller, name, Tags=["again"])
    assert checks(caller)[name]["ServiceTags"] == ["again"]
    assert put(caller, f"/check/deregister/{name}").status == 200
    assert name not in checks(caller)


def test_registering_again_replaces_checks_only_if_asked(caller: Caller, name: str) -> None:
    register(caller, name, Check={"CheckID": f"{name}-old", "TTL": "60s"})
    said = {"Name": name, "Check": {"CheckID": f"{name}-new", "TTL": "60s"}}
    assert put(caller, "/service/register?replace-existing-checks=true", said).status == 200
    assert (f"{name}-old" in checks(caller), f"{name}-new" in checks(caller)) == (False, True)


def test_a_check_of_the_node_counts_for_every_service_on_it(caller: Caller, name: str) -> None:
    register(caller, name)
    assert passing(caller, name) == [name]
    assert put(caller, "/check/register", {"Name": f"{name}-disk", "TTL": "60s"}).status == 200
    assert passing(caller, name) == []
    assert put(caller, f"/check/deregister/{name}-disk").status == 200
    assert passing(caller, name) == [name]


def test_maintenance_is_a_critical_check_with_a_reason(caller: Caller, name: str) -> None:
    register(caller, name)
    assert put(caller, f"/service/maintenance/{name}?enable=true&reason=new+disk").status == 200
    check = checks(caller)[f"_service_maintenance:{name}"]
    assert (check["Status"], check["Notes"]) == ("critical", "new disk")
    assert put(caller, f"/service/maintenance/{name}?enable=false").status == 200
    assert passing(caller, name) == [name]


def test_maintenance_of_the_node(caller: Caller, name: str) -> None:
    register(caller, name)
    assert put(caller, "/maintenance?enable=true&reason=r").status == 200
    assert checks(caller)["_node_maintenance"]["Notes"] == "r"
    assert passing(caller, name) == []
    assert put(caller, "/maintenance?enable=false").status == 200
    assert passing(caller, name) == [name]


def test_a_service_says_how_it_is_by_its_status(caller: Caller, name: str) -> None:
    register(caller, name, Check={"TTL": "60s", "Status": "warning"})
    for path in (f"id/{name}", f"name/{name}"):
        told = caller.ask("GET", f"/v1/agent/health/service/{path}")
        assert told.status == 429
        assert caller.ask("GET", f"/v1/agent/health/service/{path}?format=text").body == b"warning"
    gone = caller.ask("GET", "/v1/agent/health/service/id/none")
    assert (gone.status, gone.json["AggregatedStatus"]) == (404, "critical")


def test_one_service_has_a_hash_that_changes_with_it(caller: Caller, name: str) -> None:
    register(caller, name)
    first = caller.ask("GET", f"/v1/agent/service/{name}")
    assert first.headers["x-consul-contenthash"] == first.json["ContentHash"]
    register(caller, name, Tags=["new"])
    assert caller.ask("GET", f"/v1/agent/service/{name}?hash={first.json['ContentHash']}").json["Tags"] == [
        "new"
    ]


REFUSED = [
    ("PUT", "/v1/agent/service/register", {}, 400, "Missing service name"),
    ("PUT", "/v1/agent/service/register", b"{", 400, "Request decode failed"),
    (
        "PUT",
        "/v1/agent/service/register",
        {"Name": "x", "Address": "0.0.0.0"},
        400,
        "Invalid service address",
    ),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Weights": {"Passing": 0}}, 400, "Invalid Weights"),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Meta": {"a b": "c"}}, 400, "Key contains invalid"),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Check": {"TTL": "x"}}, 400, "invalid duration"),
    (
        "PUT",
        "/v1/agent/service/register",
        {"Name": "x", "Connect": {"SidecarService": {}}},
        400,
        "no service mesh",
    ),
    (
        "PUT",
        "/v1/agent/service/deregister/none",
        None,
        404,
        'Unknown service ID "none". Ensure that the service ID',
    ),
    (
        "PUT",
        "/v1/agent/check/pass/none",
        None,
        404,
        'Unknown check ID "none". Ensure that the check ID is passed',
    ),
    (
        "PUT",
        "/v1/agent/check/register",
        {"Name": "c", "TTL": "1s", "ServiceID": "none"},
        404,
        'ServiceID "none" does not exist',
    ),
    ("PUT", "/v1/agent/check/register", {"TTL": "1s"}, 400, "Missing check name"),
    *(
        ("PUT", "/v1/agent/service/register", {"Name": "x", "Check": {"Interval": "1s", **check}}, 400, told)
        for check, told in (
            ({"HTTP": "http://169.254.169.254/latest"}, "no check goes to 169.254.169.254"),
            ({"HTTP": "http://[fe80::1]/"}, "no check goes to fe80::1"),
            ({"TCP": "224.0.0.1:1"}, "no check goes to 224.0.0.1"),
            ({"HTTP": "https://10.0.0.1/", "TLSServerName": "x\r\ny"}, "TLSServerName is no name"),
            ({"HTTP": "http://10.0.0.1/", "Interval": 1e300}, "invalid duration"),
            ({"HTTP": "http://10.0.0.1/", "Timeout": "9999999999h"}, "invalid duration"),
        )
    ),
    ("PUT", "/v1/agent/check/update/none", {"Status": "well"}, 400, "Invalid check status: 'well'"),
    ("PUT", "/v1/agent/service/maintenance/none", None, 400, "Missing value for enable"),
    ("PUT", "/v1/agent/service/maintenance/none?enable=x", None, 400, 'Invalid value for enable: "x"'),
    ("GET", "/v1/health/service/", None, 400, "Missing service name"),
    ("GET", "/v1/health/state", None, 400, "Missing check state"),
    ("GET", "/v1/catalog/node/", None, 400, "Missing node name"),
    ("GET", "/v1/agent/service/register", None, 405, "method GET not allowed"),
    ("GET", "/v1/agent/checks?filter=%28", None, 500, "Failed to create boolean expression evaluator"),
    ("GET", "/v1/kv/some/key", None, 404, "Invalid URL path: not a recognized HTTP API endpoint"),
    ("PUT", "/v1/session/create", {}, 404, "Invalid URL path"),
    ("GET", "/v1/catalog/services?dc=dc2", None, 500, "No path to datacenter"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "told"), REFUSED)
def test_a_refusal_is_consuls_and_leaves_no_trace(
    caller: Caller, method: str, path: str, body: object, status: int, told: str
) -> None:
    before = caller.ask("GET", "/v1/status").json["revision"]
    answer = caller.ask(method, path, body)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert told in answer.body.decode()
    assert caller.ask("GET", "/v1/status").json["revision"] == before


def test_the_agent_says_who_it_is(caller: Caller) -> None:
    told = caller.ask("GET", "/v1/agent/self").json
    assert (told["Config"]["NodeName"], told["Config"]["Datacenter"]) == ("home", "dc1")
    assert told["Member"] in caller.ask("GET", "/v1/agent/members").json
    assert caller.ask("GET", "/v1/status/leader").json == told["Stats"]["consul"]["leader_addr"]


def test_a_client_says_on_which_node_it_is(caller: Caller, name: str) -> None:
    for node in ("n1", "n2"):
        body = {"Name": name, "ID": "same", "Port": 80}
        assert caller.ask("PUT", "/v1/agent/service/register", body, muster_node=node).status == 200
    found = caller.ask("GET", f"/v1/health/service/{name}").json
    assert [(each["Node"]["Node"], each["Service"]["ID"]) for each in found] == [
        ("n1", "same"),
        ("n2", "same"),
    ]
    assert list(caller.ask("GET", "/v1/agent/services", muster_node="n1").json) == ["same"]
