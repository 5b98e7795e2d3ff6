"""One request on one HTTP/2 connection (RFC 9113): as much of the protocol as a probe needs, free of I/O.

The `h2` package does all of it, at 0.5 ms of the loop's time per probe; 10,000 gRPC checks would take half a core.
What a single call may leave out makes the difference: the request goes out in one piece, before the peer's
settings are known (section 3.4 allows it), its headers as literals (RFC 7541 6.2.2) without compression, and what
comes back fits the flow-control windows that every connection begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from hpack import Decoder
from hpack.exceptions import HPACKError

from muster.model import limits

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PUSH, _PING, _GOAWAY, _CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 9
_OF_THE_STREAM: Final = frozenset({_DATA, _HEADERS, _RESET, _CONTINUATION})
_ACK: Final = 0x1
_END_STREAM: Final = 0x1
_END_HEADERS: Final = 0x4
_PADDED: Final = 0x8
_PRIORITY: Final = 0x20
_NO_PUSH: Final = b"\x00\x02\x00\x00\x00\x00"  # SETTINGS_ENABLE_PUSH = 0
_STREAM: Final = 1
_HEADER_BYTES: Final = 9
_FRAME_BYTES: Final = 16_384
"""SETTINGS_MAX_FRAME_SIZE as it begins, and as we leave it."""


class Http2Error(Exception):
    """The peer broke the protocol, or off."""


class Http2Call:
    """`opening()` goes out first; then `hear` what comes in until `ended`, and send what it returns.

    `headers` of the answer has its trailers too; `body` is bounded.
    """

    __slots__ = (
        "_block",
        "_block_is_last",
        "_body",
        "_buffer",
        "_decoder",
        "_greeted",
        "_replies",
        "_request",
        "ended",
        "headers",
    )

    def __init__(self, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.ended = False
        self.headers: dict[bytes, bytes] = {}
        self._request = (
            _PREFACE
            + _frame(_SETTINGS, 0, 0, _NO_PUSH)
            + _frame(_HEADERS, _END_HEADERS, _STREAM, b"".join(_field(*header) for header in headers))
            + _frame(_DATA, _END_STREAM, _STREAM, body)
        )
        self._body = bytearray()
        self._buffer = bytearray()
        self._block: bytearray | None = None  # a header block that is not complete
        self._block_is_last = False
        self._decoder = Decoder(max_header_list_size=limits.PROBE_HEAD_BYTES)
        self._greeted = False
        self._replies = bytearray()

    @property
    def body(self) -> bytes:
        return bytes(self._body)

    def opening(self) -> bytes:
        return self._request

    def hear(self, data: bytes) -> bytes:
        """Take what came in; return what to send. Raises `Http2Error`."""
        self._buffer += data
        while not self.ended and len(self._buffer) >= _HEADER_BYTES:
            length = int.from_bytes(self._buffer[:3], "big")
            kind, flags = self._buffer[3], self._buffer[4]
            stream = int.from_bytes(self._buffer[5:9], "big") & 0x7FFF_FFFF
            self._judge(kind, length, stream)
            end = _HEADER_BYTES + length
            if len(self._buffer) < end:
                break
            payload = bytes(self._buffer[_HEADER_BYTES:end])
            del self._buffer[:end]
            handler = self._HANDLERS.get(kind)
            if handler is not None:  # frames of no concern and of unknown kinds are passed over (section 4.1)
                handler(self, flags, payload)
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def _judge(self, kind: int, length: int, stream: int) -> None:
        if not self._greeted and kind != _SETTINGS:  # a server's preface is that frame (section 3.4)
            raise Http2Error("does not speak HTTP/2")
        self._greeted = True
        if length > _FRAME_BYTES:
            raise Http2Error(f"frame of {length} bytes")
        if self._block is not None and kind != _CONTINUATION:
            raise Http2Error("header block interrupted")
        if kind in _OF_THE_STREAM and stream != _STREAM:
            raise Http2Error(f"frame for stream {stream}, which nobody opened")

    def _on_data(self, flags: int, payload: bytes) -> None:
        self._body += _unpadded(flags, payload)
        if len(self._body) > limits.PROBE_BODY_BYTES:
            raise Http2Error(f"answer over {limits.PROBE_BODY_BYTES} bytes")
        self.ended = bool(flags & _END_STREAM)

    def _on_headers(self, flags: int, payload: bytes) -> None:
        fragment = _unpadded(flags, payload)
        self._block = bytearray(fragment[5:] if flags & _PRIORITY else fragment)
        self._block_is_last = bool(flags & _END_STREAM)
        self._on_fragment(flags)

    def _on_continuation(self, flags: int, payload: bytes) -> None:
        if self._block is None:
            raise Http2Error("continuation of nothing")
        self._block += payload
        self._on_fragment(flags)

    def _on_fragment(self, flags: int) -> None:
        assert self._block is not None
        if len(self._block) > limits.PROBE_HEAD_BYTES:
            raise Http2Error(f"headers over {limits.PROBE_HEAD_BYTES} bytes")
        if flags & _END_HEADERS:
            self.headers.update(self._decoded(bytes(self._block)))
            self._block = None
            self.ended = self._block_is_last

    def _decoded(self, block: bytes) -> list[tuple[bytes, bytes]]:
        try:
            return [(name, value) for name, value, *_ in self._decoder.decode(block, raw=True)]
        except HPACKError as error:
            raise Http2Error(f"headers that do not decode: {error}") from error

    def _on_reset(self, flags: int, payload: bytes) -> None:
        raise Http2Error(f"reset the call (HTTP/2 error {_number(payload, 0)})")

    def _on_settings(self, flags: int, payload: bytes) -> None:
        if not flags & _ACK:
            self._replies += _frame(_SETTINGS, _ACK, 0, b"")

    def _on_push(self, flags: int, payload: bytes) -> None:
        raise Http2Error("pushed what nobody asked for")

    def _on_ping(self, flags: int, payload: bytes) -> None:
        if not flags & _ACK:
            self._replies += _frame(_PING, _ACK, 0, payload)

    def _on_goaway(self, flags: int, payload: bytes) -> None:
        last_stream, code = _number(payload, 0), _number(payload, 4)
        if code or last_stream < _STREAM:  # otherwise it will still answer us (section 6.8)
            raise Http2Error(f"ended the connection (HTTP/2 GOAWAY, error {code})")

    _HANDLERS: ClassVar[dict[int, Callable[[Http2Call, int, bytes], None]]] = {
        _DATA: _on_data,
        _HEADERS: _on_headers,
        _RESET: _on_reset,
        _SETTINGS: _on_settings,
        _PUSH: _on_push,
        _PING: _on_ping,
        _GOAWAY: _on_goaway,
        _CONTINUATION: _on_continuation,
    }


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & _PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Http2Error("more padding than frame")
    return payload[1 : len(payload) - payload[0]]


def _number(payload: bytes, place: int) -> int:
    return int.from_bytes(payload[place : place + 4], "big")


def _field(name: str, value: str) -> bytes:
    """A literal header field that enters no table (RFC 7541 6.2.2)."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: str) -> bytes:
    """Not Huffman-coded, its length an integer with a prefix of seven bits (RFC 7541 5.1, 5.2)."""
    raw = text.encode("ascii")
    if len(raw) < 127:
        return bytes((len(raw),)) + raw
    rest = len(raw) - 127
    length = bytearray((127,))
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    length.append(rest)
    return bytes(length) + raw
