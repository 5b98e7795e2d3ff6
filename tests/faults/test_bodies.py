"""Bodies nobody should send: each is refused, says why, and leaves neither a record nor a dead registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.httpapi.asking import Caller

from muster.testing.server import LocalRegistry

GOOD = b'{"service":"web","instance_id":"w","host":"10.0.0.1","port":1}'
WRITES = [
    ("POST", "/v1/register"),
    ("POST", "/v1/heartbeats"),
    ("PATCH", "/v1/instances/there"),
    ("POST", "/v1/instances/there/suspect"),
    ("POST", "/v1/instances/there/check"),
    ("POST", "/v1/acks"),
    ("POST", "/v1/guard/release"),
]


@pytest.fixture(scope="module")
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry, Caller(registry.host, registry.port) as caller:
        caller.register("there", "there", checks=[{"kind": "ttl", "ttl": "30s"}])
        yield registry


@pytest.fixture
def caller(registry: LocalRegistry) -> Iterator[Caller]:
    with Caller(registry.host, registry.port) as caller:
        yield caller
        assert [each["service"] for each in caller.ask("GET", "/v1/services").json["services"]] == ["there"]
        assert caller.status_of("there") == "healthy"


DEEP = 4_000
MALFORMED = {
    "nothing but a brace": b"{",
    "cut short": GOOD[:-1],
    "two values": GOOD + GOOD,
    "a number": b"1",
    "null": b"null",
    "a list": b"[]",
    "text": b'"web"',
    "not UTF-8": b'{"service":"\xff\xfe"}',
    "a lone surrogate": b'{"service":"\\ud800"}',
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "NaN": b'{"weight":NaN}',
    "a comment": b"{/* */}",
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and unclosed": b"[" * 60_000,
    "deep in a field": b'{"metadata":{"a":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "a huge number": b'{"port":' + b"9" * 5_000 + b"}",
    "a huge exponent": b'{"weight":1e999999}',
}


@pytest.mark.fault
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_what_is_no_json_or_not_the_json_expected(
    caller: Caller, method: str, path: str, body: bytes
) -> None:
    status, code, _ = caller.ask(method, path, body).problem
    assert (status, code) in {(400, "invalid_json"), (400, "invalid_request"), (413, "body_too_large")}


TWICE = {
    "/v1/register": (GOOD[:-1] + b',"port":2}', "port"),
    "/v1/acks": (b'{"subscriber":"x","services":{"a":1,"a":2}}', "a"),
    "/v1/instances/there/check": (b'{"result":"pass","result":"fail"}', "result"),
    "/v1/instances/there/suspect": (b'{"reason":"a","reason":"b"}', "reason"),
}


@pytest.mark.fault
@pytest.mark.parametrize(("path", "body", "field"), [(path, *told) for path, told in TWICE.items()])
def test_a_key_that_is_there_twice(caller: Caller, path: str, body: bytes, field: str) -> None:
    """msgspec keeps the last one and others the first: two readers of one body would disagree about what was asked."""
    assert caller.ask("POST", path, body).problem == (400, "invalid_request", field)


@pytest.mark.fault
def test_a_key_that_is_there_twice_deep_inside(caller: Caller) -> None:
    body = GOOD[:-1] + b',"metadata":{"a":"1","\\u0061":"2"}}'
    assert caller.ask("POST", "/v1/register", body).problem == (400, "invalid_request", "a")


@pytest.mark.fault
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_more_than_a_body_may_have(registry: LocalRegistry, method: str, path: str) -> None:
    with Caller(registry.host, registry.port) as caller:
        answer = caller.ask(method, path, b" " * 8_000_000)
        assert answer.problem == (413, "body_too_large", None)
