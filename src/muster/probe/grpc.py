"""One call of `grpc.health.v1.Health/Check` over HTTP/2, on h2's connection. No grpcio: it is 17 MB and has threads.

The protocol, from grpc's doc/PROTOCOL-HTTP2.md: a POST whose body is one message behind five bytes (compressed?
and length), answered by headers, one message, and trailers that carry `grpc-status`; an answer with nothing to
say has its trailers in place of the headers. The two messages have one field each, so protobuf is by hand:

    HealthCheckRequest  { string service = 1; }        HealthCheckResponse { ServingStatus status = 1; }
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from muster.model import limits
from muster.model.check import Answer
from muster.probe.conversation import Verdict
from muster.probe.http import authority
from muster.registry.prober import GrpcTarget

_STREAM = 1
_SERVING = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_STATUS_WORDS = {
    "1": "CANCELLED",
    "2": "UNKNOWN",
    "4": "DEADLINE_EXCEEDED",
    "5": "NOT_FOUND: the server does not know this service",  # grpc/doc/health-checking.md
    "7": "PERMISSION_DENIED",
    "8": "RESOURCE_EXHAUSTED",
    "12": "UNIMPLEMENTED: the server has no health service",
    "13": "INTERNAL",
    "14": "UNAVAILABLE",
    "16": "UNAUTHENTICATED",
}
_CONFIG = H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class GrpcConversation:
    __slots__ = ("_connection", "_headers", "_message", "_target", "verdict")

    def __init__(self, target: GrpcTarget) -> None:
        self.verdict: Verdict | None = None
        self._target = target
        self._connection = H2Connection(_CONFIG)
        self._headers: dict[bytes, bytes] = {}
        self._message = bytearray()

    def opening(self) -> bytes:
        connection = self._connection
        connection.initiate_connection()
        connection.send_headers(_STREAM, _request_headers(self._target))
        connection.send_data(_STREAM, _request_body(self._target.service), end_stream=True)
        return connection.data_to_send()

    def hear(self, data: bytes) -> bytes:
        try:
            events = self._connection.receive_data(data)
        except (ProtocolError, ValueError, IndexError) as error:
            self._conclude(Answer.FAILED, f"not an HTTP/2 answer: {type(error).__name__} {error}")
            return b""
        for event in events:
            if self.verdict is None:
                self._heard(event)
        return self._connection.data_to_send()

    def hung_up(self) -> Verdict:
        return Verdict(Answer.FAILED, "closed the connection without a gRPC answer")

    def _heard(self, event: Event) -> None:
        match event:
            case ResponseReceived(headers=headers) | TrailersReceived(headers=headers):
                self._headers.update((bytes(name), bytes(value)) for name, value in headers or ())
            case DataReceived(data=data):
                self._message += data or b""
                if len(self._message) > limits.PROBE_BODY_BYTES:
                    self._conclude(Answer.FAILED, f"gRPC answer over {limits.PROBE_BODY_BYTES} bytes")
            case StreamEnded():
                self.verdict = judge(self._headers, bytes(self._message))
            case StreamReset(error_code=code):
                self._conclude(Answer.FAILED, f"reset the call (HTTP/2 error {code})")
            case ConnectionTerminated(error_code=code, last_stream_id=last) if code or (last or 0) < _STREAM:
                self._conclude(Answer.FAILED, f"ended the connection (HTTP/2 GOAWAY, error {code})")
            case _:
                pass

    def _conclude(self, answer: Answer, detail: str) -> None:
        self.verdict = Verdict(answer, detail)


def judge(headers: dict[bytes, bytes], body: bytes) -> Verdict:
    """The verdict on a finished call: HTTP status, then gRPC status, then the message."""
    http_status = _text(headers.get(b":status", b"?"))
    grpc_status = headers.get(b"grpc-status")
    if grpc_status is None:
        return Verdict(Answer.FAILED, f"HTTP {http_status} without a gRPC status")
    if grpc_status != b"0":
        return Verdict(Answer.FAILED, _grpc_error(_text(grpc_status), headers.get(b"grpc-message", b"")))
    serving = _serving_status(body)
    if serving is None:
        return Verdict(Answer.FAILED, "gRPC answer is not a HealthCheckResponse")
    passed = serving == 1
    return Verdict(Answer.ANSWERED if passed else Answer.FAILED, _SERVING.get(serving, f"status {serving}"))


def _grpc_error(status: str, message: bytes) -> str:
    words = f"gRPC status {status} {_STATUS_WORDS.get(status, '')}".rstrip()
    return f"{words} ({unquote(_text(message))})" if message else words


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")


def _request_headers(target: GrpcTarget) -> Iterable[tuple[str, str]]:
    milliseconds = max(1, min(int(target.timeout * 1000), 99_999_999))  # at most eight digits
    return (
        (":method", "POST"),
        (":scheme", "https" if target.tls else "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", authority(target.host, target.port, 443 if target.tls else 80)),
        ("te", "trailers"),
        ("grpc-timeout", f"{milliseconds}m"),
        ("content-type", "application/grpc"),
        ("user-agent", "muster-probe"),
    )


def _request_body(service: str) -> bytes:
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def _serving_status(body: bytes) -> int | None:
    """`status` of the one message in `body`, 0 if it is left out; None if this is no such message."""
    message = body[5:]
    if len(body) < 5 or body[0] != 0 or int.from_bytes(body[1:5], "big") != len(message):
        return None
    if not message:
        return 0
    if message[0] != 0x08 or len(message) != 2 or message[1] > 0x7F:  # field 1, varint, of one byte
        return None
    return message[1]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
