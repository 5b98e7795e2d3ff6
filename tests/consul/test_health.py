"""`/v1/health`: who may be called, by tag, status, filter, nearness; checks by service, node and status."""

from __future__ import annotations

import random
from urllib.parse import quote

import pytest
from tests.consul.asking import health, ids, register
from tests.httpapi.asking import Caller


def test_a_service_nobody_knows_is_an_empty_list_with_an_index(caller: Caller, name: str) -> None:
    answer = health(caller, name)
    assert (answer.json, int(answer.headers["x-consul-index"]) >= 1) == ([], True)


def test_the_headers_are_consuls(caller: Caller, name: str) -> None:
    told = health(caller, name, "?stale&cached").headers
    assert {key: told[key] for key in told if key.startswith("x-c") and key != "x-consul-index"} == {
        "x-cache": "HIT",
        "x-consul-default-acl-policy": "allow",
        "x-consul-effective-consistency": "stale",
        "x-consul-knownleader": "true",
        "x-consul-lastcontact": "0",
        "x-consul-query-backend": "blocking-query",
    }


def test_an_element_has_node_service_and_checks(caller: Caller, name: str) -> None:
    register(caller, name, Address="10.0.0.5", Check={"TTL": "60s"})
    (told,) = health(caller, name).json
    assert (told["Node"]["Node"], told["Node"]["Address"], told["Service"]["Address"]) == (
        "home",
        "127.0.0.1",
        "10.0.0.5",
    )
    assert [(check["CheckID"], check["ServiceID"]) for check in told["Checks"]] == [
        ("serfHealth", ""),
        (f"service:{name}", name),
    ]


def test_tags_must_all_be_there_whatever_their_case(caller: Caller, name: str) -> None:
    register(caller, name, "1", Tags=["Blue", "v1"])
    register(caller, name, "2", Tags=["blue"])
    assert ids(health(caller, name, "?tag=blue")) == ["1", "2"]
    assert ids(health(caller, name, "?tag=blue&tag=V1")) == ["1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Service.Meta.env == "prod"', ["1"]),
        ("Service.Meta.env != prod", ["2"]),
        ('"blue" in Service.Tags', ["2"]),
        ("Node.Node == home and Service.ID matches `^[12]$`", ["1", "2"]),
        ("Service.Port == 81", ["2"]),
        ("Service.Weights.Passing == 1", ["1", "2"]),
    ],
)
def test_filters(caller: Caller, name: str, text: str, found: list[str]) -> None:
    register(caller, name, "1", Meta={"env": "prod"})
    register(caller, name, "2", Tags=["blue"], Port=81)
    assert ids(health(caller, name, f"?filter={quote(text)}")) == found


def test_passing_leaves_out_whoever_has_a_check_that_does_not(caller: Caller, name: str) -> None:
    register(caller, name, "1", Check={"TTL": "60s", "Status": "passing"})
    register(caller, name, "2", Check={"TTL": "60s", "Status": "warning"})
    assert ids(health(caller, name, "?passing")) == ["1"]
    assert ids(health(caller, name, "?passing=false")) == ["1", "2"]
    assert caller.ask("GET", f"/v1/health/service/{name}?passing=x").body == b"Invalid value for ?passing"


def test_the_nearest_come_first(caller: Caller, name: str) -> None:
    for node in ("n1", "n2"):
        body = {"Name": name, "ID": node, "Port": 80}
        caller.ask("PUT", "/v1/agent/service/register", body, muster_node=node)
    assert ids(health(caller, name, "?near=n2")) == ["n2", "n1"]


def test_metadata_of_the_node(caller: Caller, name: str) -> None:
    for zone in ("a", "b"):
        body = {
            "Node": f"{name}-{zone}",
            "Address": "10.9.0.1",
            "NodeMeta": {"zone": zone},
            "Service": {"Service": name, "ID": zone},
        }
        assert caller.ask("PUT", "/v1/catalog/register", body).json is True
    assert ids(health(caller, name, "?node-meta=zone:b")) == ["b"]
    assert ids(health(caller, name, "?node-meta=zone:b&node-meta=x:y")) == []


def test_checks_by_service_node_and_status(caller: Caller, name: str) -> None:
    register(caller, name, Checks=[{"TTL": "60s", "Status": "warning"}, {"TTL": "60s"}])
    ours = [f"service:{name}:1", f"service:{name}:2"]
    of_service = caller.ask("GET", f"/v1/health/checks/{name}").json
    assert [check["CheckID"] for check in of_service] == ours
    of_node = [check["CheckID"] for check in caller.ask("GET", "/v1/health/node/home").json]
    assert "serfHealth" in of_node
    assert set(ours) <= set(of_node)
    warning = [check["CheckID"] for check in caller.ask("GET", "/v1/health/state/warning").json]
    assert (ours[0] in warning, ours[1] in warning) == (True, False)
    assert caller.ask("GET", "/v1/health/node/nowhere").json == []


def test_pretty_is_indented(caller: Caller, name: str) -> None:
    register(caller, name)
    assert health(caller, name, "?pretty").body.startswith(b'[\n    {\n        "Node"')


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("index=x", "Invalid index"),
        ("index=1&wait=x", "Invalid wait time"),
        ("stale&consistent", "Cannot specify ?stale with ?consistent, conflicting semantics."),
        ("cached&consistent", "Cannot specify ?cached with ?consistent, conflicting semantics."),
        ("max_stale=x", 'Invalid max_stale value "x"'),
    ],
)
def test_what_cannot_be_asked_for(caller: Caller, query: str, told: str) -> None:
    answer = caller.ask("GET", f"/v1/health/service/any?{query}")
    assert (answer.status, answer.body.decode()) == (400, told)


def test_a_filter_that_would_hold_everybody_up_is_refused(caller: Caller, name: str) -> None:
    rng = random.Random(7)
    for n in range(12):
        text = "".join(rng.choice("ab") for _ in range(500))
        register(caller, name, id=f"{name}-{n}", Meta={"k": text})
    pattern = "`(a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?)*(a|b)*a(a|b){100}c`"
    for path, selector in (
        (f"health/service/{name}", "Service.Meta.k"),
        (f"catalog/service/{name}", "ServiceMeta.k"),
        ("catalog/services", "ServiceMeta.k"),
        ("agent/services", "Meta.k"),
    ):
        answer = caller.ask("GET", f"/v1/{path}?filter=" + quote(f"{selector} matches {pattern}"))
        assert (answer.status, b"more work" in answer.body) == (400, True), path
    assert len(ids(health(caller, name, "?filter=" + quote("Service.Meta.k matches `^[ab]+$`")))) == 12
