"""Header lines that were parsed before are not parsed again: every request before them is answered as the parser would have it."""

from __future__ import annotations

import pytest
from tests.httpapi.asking import Caller, Wire, head

from muster.model import limits
from muster.testing.server import LocalRegistry

LOOK = "/v1/services/{}/instances"


@pytest.fixture
def known(wire: Wire, caller: Caller, name: str) -> Wire:
    """A connection on which the lines of `head` are known by heart."""
    caller.register(name, name)
    wire.send(head("PUT", f"/v1/heartbeat/{name}"))
    assert wire.answer("PUT").status == 204
    return wire


def test_other_requests_with_the_same_lines(known: Wire, name: str) -> None:
    for method, path, status in (
        ("PUT", f"/v1/heartbeat/{name}", 204),
        ("PUT", "/v1/heartbeat/nobody", 404),
        ("PUT", f"/v1/heartbeat/{name}?generation=0", 204),
        ("PUT", f"/v1/heartbeat/{name}?generation=x", 400),
        ("PUT", f"/v1/heartbeat/%{ord(name[0]):02x}{name[1:]}", 204),
        ("GET", LOOK.format(name), 200),
        ("HEAD", LOOK.format(name), 200),
        ("GET", "/v1/nowhere", 404),
        ("POST", LOOK.format(name), 405),
        ("GET", "/v1/services", 200),
    ):
        known.send(head(method, path))
        assert (method, path, known.answer(method).status) == (method, path, status)


def test_a_lapsed_lease_waits_for_the_writer_all_the_same(known: Wire, caller: Caller, name: str) -> None:
    assert caller.ask("DELETE", f"/v1/instances/{name}").status == 204
    known.send(head("PUT", f"/v1/heartbeat/{name}"))
    assert known.answer("PUT").status == 404


@pytest.mark.parametrize(
    "line",
    [
        "PUT /v1/heartbeat/x HTTP/1.1 ",
        "PUT /v1/heartbeat/x y HTTP/1.1",
        "PUT /v1/heartbeat/x\x00 HTTP/1.1",
        "PUT v1/heartbeat/x HTTP/1.1",
        "PUT /v1/heartbeat/x HTTP/9.9",
        "put /v1/heartbeat/x HTTP/1.1",
    ],
)
def test_an_unusual_line_is_for_the_parser(known: Wire, line: str) -> None:
    _, _, lines = head("PUT", "/").partition(b"\r\n")
    known.send(line.encode() + b"\r\n" + lines)
    assert known.answer("PUT").status == 400


def test_an_older_client_gets_its_answer_and_its_end(known: Wire, name: str) -> None:
    _, _, lines = head("PUT", "/").partition(b"\r\n")
    known.send(f"PUT /v1/heartbeat/{name} HTTP/1.0\r\n".encode() + lines)
    answer = known.answer("PUT")
    assert (answer.status, answer.headers["connection"]) == (204, "close")


def test_a_long_line_is_refused(known: Wire) -> None:
    known.send(head("PUT", "/v1/heartbeat/" + "x" * limits.URL_BYTES))
    assert known.answer("PUT").status == 431


def test_lines_that_promise_a_body_are_not_known(registry: LocalRegistry, wire: Wire, name: str) -> None:
    body = b'{"heartbeats":[]}'
    lines = b"content-type: application/json\r\ncontent-length: %d\r\nhost: localhost\r\n\r\n" % len(body)
    for _ in range(2):
        wire.send(b"POST /v1/heartbeats HTTP/1.1\r\n" + lines + body)
        assert wire.answer("POST").json == {"renewed": 0, "refused": []}
    assert lines not in registry.do(lambda running: running.listener.memo.headers.copy())


def test_the_known_lines_are_bounded(registry: LocalRegistry, known: Wire, name: str) -> None:
    for n in range(3):
        known.send(head("PUT", f"/v1/heartbeat/{name}", f"Trace: {str(n) * limits.MEMO_HEAD_BYTES}"))
        assert known.answer("PUT").status == 204
    kept = registry.do(lambda running: list(running.listener.memo.headers))
    assert max(map(len, kept)) <= limits.MEMO_HEAD_BYTES
