"""Anything at all sent to Consul's routes: a refusal in Consul's form, no bug, and nothing changed by what was refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.httpapi.asking import Caller

ROUTES = [
    "agent/service/register",
    "agent/check/register",
    "agent/check/update/x",
    "catalog/register",
    "catalog/deregister",
]
NAMES = [
    *(
        "Name",
        "ID",
        "Node",
        "Address",
        "Port",
        "Tags",
        "Meta",
        "Check",
        "Checks",
        "Service",
        "ServiceID",
        "CheckID",
    ),
    *(
        "TTL",
        "HTTP",
        "TCP",
        "GRPC",
        "Interval",
        "Timeout",
        "Status",
        "Weights",
        "Passing",
        "TaggedAddresses",
        "Header",
    ),
    *(
        "Proxy",
        "Connect",
        "Locality",
        "Zone",
        "NodeMeta",
        "DeregisterCriticalServiceAfter",
        "SuccessBeforePassing",
    ),
]
VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1 << 70,
        1e308,
        "",
        "x",
        "10s",
        "-1s",
        "passing",
        "http://a:1/",
        "http://[",
        "a:1",
        "::1",
        "\0",
        "\U0001f600",
    ),
    *([], ["a"], [1], {}, {"a": "b"}, {"a": {"b": "c"}}, "x" * 5000, "%2f", "../..", "a b", '"', "\u2028"),
]


def made(rng: random.Random, depth: int = 3) -> Any:
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(VALUES)
    return {rng.choice(NAMES): made(rng, depth - 1) for _ in range(rng.randrange(6))}


@pytest.mark.parametrize("route", ROUTES)
def test_any_body_is_taken_or_refused(caller: Caller, route: str) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(150):
        body = made(rng)
        if isinstance(body, dict) and rng.random() < 0.8:
            body = {"Name": "svc", "Node": "n", "Address": "10.0.0.1", "TTL": "10s"} | body
        before = caller.ask("GET", "/v1/status").json["revision"]
        answer = caller.ask("PUT", f"/v1/{route}", body)
        assert b"see the registry's log" not in answer.body, body
        assert answer.status in (200, 400, 404, 500), (answer, body)
        if answer.status != 200:
            assert caller.ask("GET", "/v1/status").json["revision"] == before, body
    for path in (
        "agent/services",
        "agent/checks",
        "catalog/nodes",
        "health/state/any",
        "health/service/svc",
        "catalog/node/n",
    ):
        assert caller.ask("GET", f"/v1/{path}").status == 200


def test_any_query_is_taken_or_refused(caller: Caller) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    names = [
        "index",
        "wait",
        "filter",
        "tag",
        "passing",
        "near",
        "node-meta",
        "dc",
        "ns",
        "stale",
        "consistent",
        "cached",
        "hash",
    ]
    values = [
        "",
        "1",
        "x",
        "-1",
        "10ms",
        "9" * 30,
        "%00",
        "%ff",
        "a:b",
        "ServiceID==x",
        "not(",
        "%22",
        "dc1",
        "default",
    ]
    paths = [
        "health/service/x",
        "health/state/any",
        "catalog/services",
        "catalog/node/home",
        "agent/checks",
        "agent/service/x",
    ]
    for _ in range(300):
        query = "&".join(f"{rng.choice(names)}={rng.choice(values)}" for _ in range(rng.randrange(4)))
        answer = caller.ask("GET", f"/v1/{rng.choice(paths)}?wait=1ms&{query}")
        assert b"see the registry's log" not in answer.body, query
        assert answer.status in (200, 400, 404, 500), (answer, query)
