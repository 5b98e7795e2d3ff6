"""Server-sent events (WHATWG HTML, section 9.2), as far as Muster's streams use them: one `data` line per event, UTF-8.

Out: a frame is bytes, made once and written to every reader that needs it. In: a parser is fed bytes and returns events.
"""

from __future__ import annotations

from msgspec import Struct

from muster.model import limits


def frame(event: str, data: bytes, id: str = "") -> bytes:
    """One event. `data` must hold no line break, which JSON without indentation never does."""
    mark = f"id: {id}\n" if id else ""
    return b"%sevent: %s\ndata: %s\n\n" % (mark.encode(), event.encode(), data)


def chunk(data: bytes) -> bytes:
    """`data` as one chunk of a chunked body (RFC 9112 section 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


class Message(Struct, frozen=True):
    """One received event. `id` is the stream's last id, kept from earlier events where this one has none."""

    event: str
    data: bytes
    id: str


class TooLong(ValueError):
    """An event over `STREAM_EVENT_BYTES`: the peer is no Muster registry, or is broken."""


class Parser:
    """Bytes in, messages out. Comments and unknown fields are skipped, as the standard says."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._id = ""

    def feed(self, received: bytes) -> list[Message]:
        """The messages completed by `received`. Raises `TooLong`, `UnicodeDecodeError`: no registry's words."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) + self._size > limits.STREAM_EVENT_BYTES:
            raise TooLong(f"an event of more than {limits.STREAM_EVENT_BYTES} bytes")
        return [message for line in lines if (message := self._line(line.removesuffix(b"\r"))) is not None]

    def _line(self, line: bytes) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"event":
                self._event = value.decode()
            case b"data":
                self._data.append(value)
                self._size += len(value)
            case b"id":
                self._id = value.decode()
            case _:
                pass
        return None

    def _dispatch(self) -> Message | None:
        event, data = self._event, self._data
        self._event, self._data, self._size = "", [], 0
        return Message(event or "message", b"\n".join(data), self._id) if data else None
