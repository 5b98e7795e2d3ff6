"""One call of `grpc.health.v1.Health/Check`. No grpcio: it is 17 MB, has threads of its own and does not survive a fork.

The protocol, from grpc's doc/PROTOCOL-HTTP2.md: a POST whose body is one message behind five bytes (compressed?
and length), answered by headers, one message, and trailers that carry `grpc-status`; an answer with nothing to
say has its trailers in place of the headers. The two messages have one field each, so protobuf is by hand:

    HealthCheckRequest  { string service = 1; }        HealthCheckResponse { ServingStatus status = 1; }
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from muster.model.check import Answer
from muster.probe.conversation import Conclusion
from muster.probe.http import authority
from muster.probe.http2 import Http2Call, Http2Error
from muster.registry.prober import GrpcTarget

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


class GrpcConversation:
    __slots__ = ("_call", "conclusion")

    def __init__(self, target: GrpcTarget) -> None:
        self.conclusion: Conclusion | None = None
        self._call = Http2Call(_request_headers(target), _request_body(target.service))

    def opening(self) -> bytes:
        return self._call.opening()

    def hear(self, data: bytes) -> bytes:
        try:
            reply = self._call.hear(data)
        except Http2Error as error:
            self.conclusion = Conclusion(Answer.FAILED, str(error))
            return b""
        if self._call.ended:
            self.conclusion = judge(self._call.headers, self._call.body)
        return reply

    def hung_up(self) -> Conclusion:
        return Conclusion(Answer.FAILED, "closed the connection without a gRPC answer")


def judge(headers: dict[bytes, bytes], body: bytes) -> Conclusion:
    """The conclusion on a finished call: HTTP status, then gRPC status, then the message."""
    http_status = _text(headers.get(b":status", b"?"))
    grpc_status = headers.get(b"grpc-status")
    if grpc_status is None:
        return Conclusion(Answer.FAILED, f"HTTP {http_status} without a gRPC status")
    if grpc_status != b"0":
        return Conclusion(Answer.FAILED, _grpc_error(_text(grpc_status), headers.get(b"grpc-message", b"")))
    serving = _serving_status(body)
    if serving is None:
        return Conclusion(Answer.FAILED, "gRPC answer is not a HealthCheckResponse")
    passed = serving == 1
    return Conclusion(
        Answer.ANSWERED if passed else Answer.FAILED, _SERVING.get(serving, f"status {serving}")
    )


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
