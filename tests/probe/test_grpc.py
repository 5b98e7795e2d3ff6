"""The gRPC conversation by itself, against h2's server side, well-behaved and rude."""

from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from hypothesis import given
from hypothesis import strategies as st
from tests.probe.asking import grpc

from muster.model.check import Answer
from muster.probe.conversation import Conclusion
from muster.probe.grpc import GrpcConversation, judge
from muster.registry.prober import GrpcTarget

SERVING = b"\x00\x00\x00\x00\x02\x08\x01"
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]


class Server:
    """h2's server end of a conversation."""

    def __init__(self) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False))
        self.h2.initiate_connection()

    def says(self) -> bytes:
        return self.h2.data_to_send()


def converse(
    act: Callable[[H2Connection], object], *raw: bytes, target: GrpcTarget | None = None
) -> Conclusion | None:
    """The conclusion when the server, after the request, acts so and then sends the raw bytes."""
    server = Server()
    conversation = GrpcConversation(target or grpc())
    server.h2.receive_data(conversation.opening())
    act(server.h2)
    for piece in (server.says(), *raw):
        conversation.hear(piece)
    return conversation.conclusion


def serves(h2: H2Connection) -> None:
    h2.send_headers(1, HEADERS)
    h2.send_data(1, SERVING)
    h2.send_headers(1, [("grpc-status", "0")], end_stream=True)


def frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


@pytest.mark.parametrize("service", ["", "orders", "a.very.long.Service" * 12])
@pytest.mark.parametrize("host", ["127.0.0.1", "h" * 126, "h" * 127, "h" * 253])
def test_the_request_is_one_that_h2_understands(service: str, host: str) -> None:
    server = Server()
    target = GrpcTarget(host=host, port=50051, timeout=1.5, service=service)
    request, data, _ = (
        event
        for event in server.h2.receive_data(GrpcConversation(target).opening())
        if isinstance(event, RequestReceived | DataReceived | StreamEnded)
    )
    assert isinstance(request, RequestReceived)
    assert isinstance(data, DataReceived)
    assert dict(request.headers or ()) == {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": b"/grpc.health.v1.Health/Check",
        b":authority": f"{host}:50051".encode(),
        b"te": b"trailers",
        b"grpc-timeout": b"1500m",
        b"content-type": b"application/grpc",
        b"user-agent": b"muster-probe",
    }
    name = service.encode()
    assert (data.data or b"")[5:].endswith(name)


def test_serving() -> None:
    assert converse(serves) == (Answer.ANSWERED, "SERVING")


def test_settings_and_pings_are_acknowledged() -> None:
    server = Server()
    conversation = GrpcConversation(grpc())
    server.h2.receive_data(conversation.opening())
    server.h2.ping(b"12345678")
    events = server.h2.receive_data(conversation.hear(server.says()))
    assert [type(event).__name__ for event in events] == ["SettingsAcknowledged", "PingAckReceived"]


def test_padding_priority_and_continuation() -> None:
    block = b"\x88\x00\x0bgrpc-status\x010"  # :status 200 from the static table, then a literal
    assert converse(
        lambda h2: None,
        frame(1, 0x8 | 0x20, b"\x03" + b"\x00\x00\x00\x00\x10" + block[:1] + b"\x00\x00\x00"),
        frame(9, 0x4, block[1:]),
        frame(8, 0, b"\x00\x00\x00\x01"),
        frame(0xBE, 0, b"unknown"),
        frame(0, 0x8 | 0x1, b"\x02" + SERVING + b"\x00\x00"),
    ) == (Answer.ANSWERED, "SERVING")


@pytest.mark.parametrize(
    ("act", "detail"),
    [
        (lambda h2: h2.reset_stream(1, 11), "reset the call (HTTP/2 error 11)"),
        (
            lambda h2: h2.close_connection(2, last_stream_id=0),
            "ended the connection (HTTP/2 GOAWAY, error 2)",
        ),
        (
            lambda h2: h2.send_headers(1, [(":status", "404")], end_stream=True),
            "HTTP 404 without a gRPC status",
        ),
        (
            lambda h2: h2.send_headers(
                1, [*HEADERS, ("grpc-status", "14"), ("grpc-message", "try%20later")], end_stream=True
            ),
            "gRPC status 14 UNAVAILABLE (try later)",
        ),
    ],
)
def test_what_a_server_may_do_instead(act: Callable[[H2Connection], object], detail: str) -> None:
    assert converse(act) == (Answer.FAILED, detail)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        ([frame(0, 0, b"x" * 16_384)] * 5, "answer over 65536 bytes"),
        ([b"\x00\x40\x01" + frame(0, 0, b"")[3:]], "frame of 16385 bytes"),
        ([frame(1, 0, b"\x00" * 9_000), frame(9, 0, b"\x00" * 9_000)], "headers over 16384 bytes"),
        ([frame(1, 0, b"\x88"), frame(0, 0, b"")], "header block interrupted"),
        ([frame(9, 4, b"")], "continuation of nothing"),
        ([frame(1, 4, b"\xff\xff\xff\xff")], "headers that do not decode"),
        ([frame(0, 8, b"\x05abc")], "more padding than frame"),
        ([frame(0, 8, b"")], "more padding than frame"),
        ([frame(1, 4, b"\x88", stream=3)], "frame for stream 3, which nobody opened"),
        ([frame(5, 4, b"")], "pushed what nobody asked for"),
        ([frame(3, 0, b"")], "reset the call (HTTP/2 error 0)"),
    ],
)
def test_rude_frames(raw: list[bytes], detail: str) -> None:
    conclusion = converse(lambda h2: None, *raw)
    assert conclusion is not None
    assert conclusion.answer is Answer.FAILED
    assert conclusion.detail.startswith(detail)


def test_a_server_that_is_leaving_still_answers_what_it_took() -> None:
    def leaves(h2: H2Connection) -> None:
        serves(h2)
        h2.close_connection(0, last_stream_id=1)

    assert converse(leaves) == (Answer.ANSWERED, "SERVING")


def test_speaking_something_else() -> None:
    conversation = GrpcConversation(grpc())
    conversation.hear(b"HTTP/1.1 400 Bad Request\r\n")
    assert conversation.conclusion == (Answer.FAILED, "does not speak HTTP/2")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (SERVING, (Answer.ANSWERED, "SERVING")),
        (b"\x00\x00\x00\x00\x00", (Answer.FAILED, "UNKNOWN")),
        (b"\x00\x00\x00\x00\x02\x08\x09", (Answer.FAILED, "status 9")),
        (b"", (Answer.FAILED, "gRPC answer is not a HealthCheckResponse")),
        (b"\x01\x00\x00\x00\x02\x08\x01", (Answer.FAILED, "gRPC answer is not a HealthCheckResponse")),
        (SERVING + SERVING, (Answer.FAILED, "gRPC answer is not a HealthCheckResponse")),
    ],
)
def test_the_message(body: bytes, expected: tuple[Answer, str]) -> None:
    assert judge({b":status": b"200", b"grpc-status": b"0"}, body) == expected


@given(st.data())
def test_how_an_answer_is_cut_into_pieces_makes_no_difference(data: st.DataObject) -> None:
    server = Server()
    conversation = GrpcConversation(grpc())
    server.h2.receive_data(conversation.opening())
    serves(server.h2)
    whole = server.says()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        conversation.hear(whole[a:b])
    assert conversation.conclusion == (Answer.ANSWERED, "SERVING")


_frames = st.builds(
    frame, st.integers(0, 12), st.integers(0, 255), st.binary(max_size=60), st.sampled_from([0, 1, 3])
)


@given(st.lists(st.one_of(_frames, st.binary(max_size=60)), max_size=6))
def test_whatever_it_hears_it_does_not_raise(pieces: list[bytes]) -> None:
    conversation = GrpcConversation(grpc())
    for piece in (frame(4, 0, b"", stream=0), *pieces):
        if conversation.conclusion is None:
            conversation.hear(piece)
    assert conversation.hung_up().answer is Answer.FAILED
