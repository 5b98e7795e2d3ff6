"""Requests to whichever registry answers."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from muster.client.address import parse
from muster.client.errors import Refused, Unreachable
from muster.client.http import Request, Requests, access
from muster.testing import FakeRegistry

SERVICES = Request("GET", "/services", timeout=10.0)


@pytest.fixture
def other() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


def test_the_next_registry_is_asked_where_one_does_not_answer(registry: FakeRegistry) -> None:
    requests = Requests(access(["http://127.0.0.1:9", registry.url]))
    assert requests.send(SERVICES).registry == parse(registry.url)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_or_says_that_it_cannot(registry: FakeRegistry, other: FakeRegistry, status: int) -> None:
    registry.answer(status, "store_unavailable")
    requests = Requests(access([registry.url, other.url]))
    assert requests.send(SERVICES).registry == parse(other.url)


def test_who_answered_is_asked_first_from_then_on(registry: FakeRegistry, other: FakeRegistry) -> None:
    registry.answer(503, "stopping")
    requests = Requests(access([registry.url, other.url]))
    requests.send(SERVICES)
    requests.send(SERVICES)
    assert (len(registry.requests), len(other.requests)) == (1, 2)


def test_a_no_is_final(registry: FakeRegistry, other: FakeRegistry) -> None:
    requests = Requests(access([registry.url, other.url]))
    with pytest.raises(Refused) as caught:
        requests.send(Request("PUT", "/heartbeat/web-1"))
    assert (caught.value.status, caught.value.code, len(other.requests)) == (404, "unknown_instance", 0)


def test_nobody_answers_and_each_has_its_reason(registry: FakeRegistry) -> None:
    registry.answer(503, "stopping")
    with pytest.raises(Unreachable) as caught:
        Requests(access(["http://127.0.0.1:9", registry.url])).send(SERVICES)
    assert "refused" in caught.value.tried["http://127.0.0.1:9"]
    assert "stopping" in caught.value.tried[registry.url]


def test_one_connection_serves_many_requests_and_may_close_in_between(registry: FakeRegistry) -> None:
    requests = Requests(access(registry.url))
    for _ in range(3):
        requests.send(SERVICES)
    registry.cut()
    requests.send(SERVICES)
    assert len(registry.requests) == 4
    requests.close()


def test_a_page_of_some_proxy_is_no_problem_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        requests = Requests(access(f"http://127.0.0.1:{server.getsockname()[1]}"))
        asking = pool.submit(requests.send, SERVICES)
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>")
            with pytest.raises(Refused, match="no problem of Muster's"):
                asking.result(10)
        requests.close()


def test_a_token_file_is_read_each_time(registry: FakeRegistry, tmp_path: Path) -> None:
    file = tmp_path / "token"
    requests = Requests(access(registry.url, token=file))
    for token in ("first\n", "second\n"):
        file.write_text(token)
        requests.send(SERVICES)
    assert [r.headers["Authorization"] for r in registry.requests] == ["Bearer first", "Bearer second"]


def test_a_query_holds_what_was_given(registry: FakeRegistry) -> None:
    query = {"service": ["a", "b"], "empty": "", "none": None, "number": 7}
    Requests(access(registry.url)).send(Request("GET", "/services", query))
    assert registry.requests[0].query == {"service": ["a", "b"], "number": ["7"]}
