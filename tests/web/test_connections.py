"""One connection, byte by byte: what is kept open, what stands in line, what is cut off, and that framing never slips."""

import contextlib
import threading
from collections.abc import Iterator

import msgspec
import pytest
from tests.httpapi.asking import Answer, Caller, Wire, head
from tests.httpapi.conftest import beat
from tests.httpapi.streaming import Stream

from muster.model import limits
from muster.testing.server import LocalRegistry

LOOK = "/v1/services/{}/instances"


def post(path: str, body: bytes, *lines: str) -> bytes:
    return head("POST", path, "Content-Type: application/json", f"Content-Length: {len(body)}", *lines) + body


def registration(service: str, id: str) -> bytes:
    return msgspec.json.encode({"service": service, "instance_id": id, "host": "127.0.0.1", "port": 1})


@pytest.fixture
def path(caller: Caller, name: str) -> str:
    """Of a look-up that lists one instance, called like its service."""
    caller.register(name, name)
    return LOOK.format(name)


# --- kept open, and closed when asked ---


def test_a_connection_serves_hot_and_cold_requests_in_any_order(wire: Wire, path: str, name: str) -> None:
    for request in (path, "/v1/services", path, path, "/v1/status", f"/v1/instances/{name}", path):
        wire.send(head("GET", request))
        assert wire.answer().status == 200


def test_who_asks_far_ahead_of_the_answers_is_cut_off(wire: Wire) -> None:
    """Each request that waits for its turn takes memory."""
    with contextlib.suppress(ConnectionError):
        wire.send(head("GET", "/v1/services") * (2 * limits.PIPELINED_REQUESTS))
        assert wire.rest().count(b"HTTP/1.1 200") < 2 * limits.PIPELINED_REQUESTS


def test_who_is_cut_off_while_an_answer_is_written_is_no_bug(
    wire: Wire, name: str, registry: LocalRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = b"".join(post("/v1/register", registration(name, f"{name}-{n}")) for n in range(600))
    with contextlib.suppress(ConnectionError):
        wire.send(ahead)
        wire.rest()
    with Caller(registry.host, registry.port) as other:
        other.register(f"{name}-after", f"{name}-after")  # what was under way has ended
    assert not [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize("target", [LOOK, "/v1/services", "/livez"])
def test_connection_close_is_heeded(wire: Wire, path: str, name: str, target: str) -> None:
    wire.send(head("GET", target.format(name), "Connection: close"))
    answer = wire.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert wire.rest() == b""


@pytest.mark.parametrize("target", [LOOK, "/v1/services"])
def test_http_1_0_is_answered_and_closed(wire: Wire, path: str, name: str, target: str) -> None:
    wire.send(head("GET", target.format(name), version="1.0"))
    assert wire.answer().status == 200
    assert wire.rest() == b""


def test_an_upgrade_is_not_taken_up(wire: Wire, path: str) -> None:
    """Java's HttpClient offers HTTP/2 with its first request."""
    offer = (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk",
    )
    for target in (path, "/v1/services"):
        wire.send(head("GET", target, *offer))
        assert wire.answer().status == 200
    body = registration("upgraded", "upgraded")
    wire.send(post("/v1/register", body, *offer))
    assert wire.answer().status == 201


def test_an_absolute_url_is_understood(wire: Wire, path: str) -> None:
    """RFC 9112 section 3.2.2: a server must accept the form proxies use."""
    wire.send(head("GET", f"http://localhost{path}"))
    assert wire.answer().status == 200


# --- in line ---


def test_answers_come_in_the_order_of_the_requests(wire: Wire, path: str, name: str) -> None:
    requests = [f"/v1/instances/{name}", path, "/v1/services", "/livez", path, "/v1/status", path]
    wire.send(b"".join(head("GET", request) for request in requests))
    keys = [next(iter(wire.answer().json)) for _ in requests]
    assert keys == ["instance_id", "service", "revision", "status", "service", "version", "service"]


def test_many_hot_requests_in_one_packet(wire: Wire, path: str, name: str) -> None:
    wire.send(head("GET", path) * 300)
    assert [wire.answer().ids for _ in range(300)] == [[name]] * 300


def test_a_hot_request_waits_for_the_cold_one_before_it(wire: Wire, name: str) -> None:
    registered = post("/v1/register", registration(name, name))
    wire.send(registered + head("GET", LOOK.format(name)) + head("PUT", f"/v1/heartbeat/{name}"))
    assert [wire.answer().status, wire.answer("GET").ids, wire.answer("PUT").status] == [201, [name], 204]


def test_a_memorized_head_waits_for_the_cold_request_before_it(wire: Wire, path: str, name: str) -> None:
    known = head("GET", path)
    for _ in range(2):
        wire.send(known)
        assert wire.answer().ids == [name]
    wire.send(post("/v1/register", registration(name, "zz")))
    wire.send(known)
    assert wire.answer().status == 201
    assert wire.answer().ids == sorted([name, "zz"])


def test_head_and_get_of_one_path_keep_their_framing(wire: Wire, path: str) -> None:
    for _ in range(2):
        wire.send(head("HEAD", path) + head("GET", path) + head("HEAD", "/v1/services") + head("GET", path))
        for method in ("HEAD", "GET", "HEAD", "GET"):
            assert wire.answer(method).status == 200


def test_a_request_in_crumbs(wire: Wire, path: str, name: str) -> None:
    for request in (head("GET", path), post("/v1/register", registration(name, name))):
        for n in range(len(request)):
            wire.send(request[n : n + 1])
        assert wire.answer().status in (200, 201)


# --- the memo ---


def test_the_memo_is_by_bytes_and_each_head_was_judged(registry: LocalRegistry, path: str) -> None:
    with Wire(registry.host, registry.port) as wire:
        for host, status in (("localhost", 200), ("evil.example", 403), ("localhost", 200)) * 2:
            wire.send(head("GET", path, host=host))
            assert wire.answer().status == status


def test_the_memo_follows_changes_at_once(
    registry: LocalRegistry, caller: Caller, path: str, name: str
) -> None:
    with Wire(registry.host, registry.port) as wire:
        for n in range(5):
            caller.register(name, f"{name}-{n}")
            wire.send(head("GET", path))
            assert len(wire.answer().ids) == n + 2


def test_the_memo_keeps_neither_large_answers_nor_endless_heads(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    for n in range(100):
        caller.register(name, f"{name}-{n}", metadata={"k": "v" * 500})
    for n in range(50):
        for _ in range(3):
            caller.look(name, traceparent=str(n))
        caller.look(f"{name}-none", x="y" * 3_000, n=str(n))
    kept = registry.do(lambda running: running.listener.memo.answers.copy())
    assert sum(len(lookup._bytes) for lookup in kept.values()) < 50 * limits.MEMO_ANSWER_BYTES
    assert max(map(len, kept)) <= limits.MEMO_HEAD_BYTES


LINES = [
    "GET {path} HTTP/1.1",
    "HEAD {path} HTTP/1.1",
    "PUT {path} HTTP/1.1",
    "GET {path}?zone=a HTTP/1.1",
    "GET {path}?zone=a&zone=b HTTP/1.1",
    "GET {path}#part HTTP/1.1",
    "GET {path}?a=%zz HTTP/1.1",
    "GET {path}/ HTTP/1.1",
    "GET {path} HTTP/1.0",
    "get {path} HTTP/1.1",
    "GET  {path} HTTP/1.1",
    "GET {path} HTTP/1.1 ",
    "GET {path}",
    "GET http://localhost{path} HTTP/1.1",
    "GET //{path} HTTP/1.1",
    "GET /v1/services/%ff/instances HTTP/1.1",
    "GET /v1/services HTTP/1.1",
    "GET /nowhere HTTP/1.1",
    "PUT /v1/heartbeat/nobody HTTP/1.1",
    "PUT /v1/heartbeat/nobody?generation=x HTTP/1.1",
    "POST /v1/heartbeats HTTP/1.1",
    "POST /v1/register HTTP/1.1",
    "DELETE /v1/instances/nobody HTTP/1.1",
    "GET " + "/x" * 5_000 + " HTTP/1.1",
    "\r\nGET {path} HTTP/1.1",
]


@pytest.mark.parametrize("line", LINES, ids=[repr(line)[:40] for line in LINES])
def test_header_lines_that_are_known_mean_what_they_meant(
    registry: LocalRegistry, path: str, line: str
) -> None:
    """Answered with headers never seen before, and with headers that are known: the same, whatever the request line."""
    told = []
    for known in (False, True):
        lines = f"Host: localhost\r\nX-Known: {known} {line.strip()!r:.40} {path}\r\n\r\n"
        with Wire(registry.host, registry.port) as wire:
            for _ in range(3 if known else 1):
                wire.send(head("GET", "/livez"))
                wire.answer()
            if known:
                wire.send(f"GET /livez HTTP/1.1\r\n{lines}".encode())
                assert wire.answer().status == 200
            wire.send(f"{line.format(path=path)}\r\n{lines}".encode())
            answer = wire.answer(line.split(maxsplit=1)[0].upper())
            told.append((answer.status, answer.body, sorted(answer.headers)))
    assert told[0] == told[1]


# --- bodies ---


def test_a_chunked_body_is_put_together(wire: Wire, name: str) -> None:
    body = registration(name, name)
    chunked = (
        b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:30], body[30:])) + b"0\r\n\r\n"
    )
    json = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    wire.send(head("POST", "/v1/register", *json) + chunked)
    assert wire.answer().status == 201
    beats = b'{"heartbeats":[{"instance_id":"%s"}]}' % name.encode()
    wire.send(head("POST", "/v1/heartbeats", *json) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(beats), beats))
    assert wire.answer().json["renewed"] == 1


def test_expect_100_continue(wire: Wire, name: str) -> None:
    body = registration(name, name)
    whole = post("/v1/register", body, "Expect: 100-continue")
    wire.send(whole[: -len(body)])
    assert [wire.line(), wire.line()] == [b"HTTP/1.1 100 Continue\r\n", b"\r\n"]
    wire.send(body)
    assert wire.answer().status == 201


# --- bounds: told with a problem, and the connection ends ---


def told_and_closed(wire: Wire) -> Answer:
    answer = wire.answer()
    assert answer.headers["connection"] == "close"
    assert wire.rest() == b""
    return answer


@pytest.mark.parametrize(
    ("target", "limit"),
    [
        ("/v1/register", limits.BODY_BYTES),
        ("/v1/heartbeats", limits.BATCH_BODY_BYTES),
        ("/v1/instances/x/suspect", 4096),
        ("/v1/acks", limits.BODY_BYTES),
    ],
)
def test_a_body_over_the_limit(wire: Wire, target: str, limit: int) -> None:
    wire.send(post(target, b" " * limit))
    assert wire.answer().problem[1] == "invalid_json"
    wire.send(post(target, b" " * (limit + 1)))
    assert told_and_closed(wire).problem == (413, "body_too_large", None)


def test_the_refusal_of_a_large_body_reaches_who_goes_on_sending(wire: Wire) -> None:
    wire.send(post("/v1/register", b" " * 20_000_000))
    assert told_and_closed(wire).problem == (413, "body_too_large", None)


def test_a_chunked_body_over_the_limit(wire: Wire) -> None:
    wire.send(head("POST", "/v1/register", "Content-Type: application/json", "Transfer-Encoding: chunked"))
    wire.send(*[b"1000\r\n" + b" " * 4096 + b"\r\n"] * 20)
    assert told_and_closed(wire).problem == (413, "body_too_large", None)


def test_a_body_for_an_unknown_path_is_answered_once(wire: Wire) -> None:
    wire.send(post("/nowhere", b" " * 200_000))
    assert wire.answer().status in (404, 413)  # whichever is seen first
    assert wire.rest() == b""


@pytest.mark.parametrize("path", [LOOK.format("x"), "/v1/services"])
def test_a_body_where_none_is_taken(wire: Wire, path: str) -> None:
    wire.send(head("GET", path, "Content-Length: 2") + b"{}")
    assert told_and_closed(wire).problem == (413, "body_too_large", None)


@pytest.mark.parametrize(
    "flood",
    [
        head("GET", "/" + "x" * (limits.URL_BYTES + 1)),
        head("GET", "/livez", *(f"X-{n}: y" for n in range(limits.HEADERS))),
        head("GET", "/livez", "X: " + "y" * limits.HEAD_BYTES),
        head("GET", "/livez", *("X: " + "y" * 5_000 for _ in range(4))),
    ],
    ids=["url", "headers", "one header", "all headers"],
)
@pytest.mark.parametrize("size", [1_000_000, 1_000], ids=["at once", "in pieces"])
def test_a_head_over_the_limit(wire: Wire, flood: bytes, size: int) -> None:
    wire.send(*(flood[n : n + size] for n in range(0, len(flood), size)))
    assert told_and_closed(wire).problem == (431, "head_too_large", None)


def test_a_header_without_end(wire: Wire) -> None:
    wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ", *[b"y" * 1_000] * 40)
    assert told_and_closed(wire).problem == (431, "head_too_large", None)


def test_a_head_just_within_the_limits(wire: Wire) -> None:
    large = head("GET", "/livez", *("X: " + "y" * 4_000 for _ in range(3)))
    for size in (100_000, 6_100, 1_000):
        wire.send(*(large[n : n + size] for n in range(0, len(large), size)))
        assert wire.answer().status == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELO example\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/acks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /v1/acks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["tls", "smtp", "space", "two lengths", "length and chunks", "no chunk"],
)
def test_garbage(wire: Wire, garbage: bytes) -> None:
    wire.send(garbage)
    assert told_and_closed(wire).problem == (400, "invalid_request", None)


def test_garbage_after_a_request_is_not_taken_for_its_answer(wire: Wire, name: str) -> None:
    wire.send(post("/v1/register", registration(name, name)) + b"\x00\x01\x02\x03\r\n\r\n")
    assert b"this is no HTTP request" not in wire.rest()


# --- streams and other requests ---


def test_nothing_is_answered_on_a_connection_that_became_a_stream(
    registry: LocalRegistry, wire: Wire, path: str, name: str
) -> None:
    wire.send(head("GET", f"/v1/watch?service={name}") + head("GET", path) + head("GET", "/v1/services"))
    wire.send(head("GET", path))
    lines = [wire.line()]
    registry.do(beat)
    while lines[-1] != b"event: alive\n":
        lines.append(wire.line())
    assert sum(line.startswith(b"HTTP/1.1") for line in lines) == 1


@pytest.mark.parametrize(
    "request_head", [head("HEAD", "/v1/watch?service=x"), head("GET", "/v1/watch?service=x", version="1.0")]
)
def test_a_stream_needs_get_and_http_1_1(wire: Wire, request_head: bytes) -> None:
    wire.send(request_head)
    answer = wire.answer(request_head.split()[0].decode())
    assert answer.status == 400


def test_a_stream_behind_a_request_that_waits_is_refused(wire: Wire, name: str) -> None:
    wire.send(post("/v1/register", registration(name, name)) + head("GET", f"/v1/watch?service={name}"))
    assert wire.answer().status == 201
    assert wire.answer().problem == (400, "invalid_request", None)


# --- who does not read, who does not write ---


@pytest.fixture(scope="module")
def hurried() -> Iterator[LocalRegistry]:
    """Its seconds pass at once when `pass_seconds` says so."""
    with LocalRegistry() as registry:
        yield registry


def pass_seconds(registry: LocalRegistry, seconds: float) -> None:
    """Let the coarse clock of its connections run ahead."""

    def ahead(running: object) -> None:
        listener = running.listener  # type: ignore[attr-defined]
        listener._timer.cancel()
        listener.seconds += seconds
        listener._tick()

    registry.do(ahead)


def connections(registry: LocalRegistry) -> int:
    return registry.do(lambda running: len(running.listener))


@pytest.mark.parametrize("begun", [b"", b"GET /li", head("GET", "/livez")[:-2], post("/v1/acks", b"{}")[:-1]])
def test_a_request_that_takes_too_long_ends_its_connection(hurried: LocalRegistry, begun: bytes) -> None:
    with Wire(hurried.host, hurried.port) as wire, Wire(hurried.host, hurried.port) as other:
        wire.send(begun)
        other.send(head("GET", "/livez"))
        assert other.answer().status == 200
        pass_seconds(hurried, limits.REQUEST_TIMEOUT_S + 2)
        assert wire.rest() == b""
        other.send(head("GET", "/livez"))
        assert other.answer().status == 200


def test_an_idle_connection_ends_and_one_that_is_used_does_not(hurried: LocalRegistry, name: str) -> None:
    """Used by memorized requests alone, after a first one that uvicorn's own timer would count from."""
    with Wire(hurried.host, hurried.port) as idle, Wire(hurried.host, hurried.port) as used:
        for wire in (idle, used):
            wire.send(head("GET", "/v1/services"))
            assert wire.answer().status == 200
        for _ in range(4):
            pass_seconds(hurried, limits.IDLE_TIMEOUT_S / 3)
            used.send(head("GET", LOOK.format(name)))
            assert used.answer().status == 404
        assert idle.rest() == b""


def test_who_pipelines_and_never_reads_is_held_back_and_cut_off(hurried: LocalRegistry, name: str) -> None:
    with Caller(hurried.host, hurried.port) as caller:
        for n in range(200):
            caller.register(name, f"{name}-{n}", metadata={"k": "v" * 500})
    before = connections(hurried)
    with Wire(hurried.host, hurried.port) as wire:
        wire.socket.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                wire.send(head("GET", LOOK.format(name)) * 100)
        held = hurried.do(
            lambda running: max(c.transport.get_write_buffer_size() for c in running.listener._connections)
        )
        assert held < 2_000_000
        pass_seconds(hurried, limits.STREAM_STALLED_S + 2)
        pass_seconds(hurried, limits.STREAM_STALLED_S + 2)
        while connections(hurried) > before:
            threading.Event().wait(0.001)


def test_a_slow_reader_that_takes_some_is_not_cut_off(hurried: LocalRegistry, name: str) -> None:
    with Caller(hurried.host, hurried.port) as caller:
        for n in range(500):
            caller.register(name, f"{name}-{n}", metadata={"k": "v" * 500, "l": "w" * 500})
    stream = Stream(hurried.host, hurried.port, f"/v1/watch?service={name}", receive_buffer=4096)
    with stream:
        for _ in range(8):
            stream._answer.read1(100_000)
            pass_seconds(hurried, limits.STREAM_STALLED_S - 2)
        stream.copy.take(stream.next())


def test_connections_beyond_the_limit_are_turned_away() -> None:
    with LocalRegistry() as registry:
        registry.do(lambda running: setattr(running.listener, "_most", 2))
        wires = [Wire(registry.host, registry.port) for _ in range(3)]
        wires[0].send(head("GET", "/livez"))
        assert wires[0].answer().status == 200
        with contextlib.suppress(ConnectionError):
            assert wires[2].rest() == b""
        for wire in wires:
            wire.close()
