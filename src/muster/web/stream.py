"""A stream on its socket: its head, its pulse, its end. What it says comes from its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from muster.web.message import Headers
from muster.web.pulse import Pulse
from muster.wire import sse


class Source(Protocol):
    """What a stream says, as chunks of HTTP/1.1. It owns no queue: told that the socket is full, it says nothing until it is not."""

    def open(self, send: Callable[[bytes], None]) -> None:
        """Begin. `send` hands bytes to the socket."""

    def beat(self) -> None:
        """Say that the stream lives: due every `ALIVE_S`."""

    def full(self) -> None: ...

    def writable(self) -> None: ...

    def mute(self) -> None:
        """The socket is closed: what is said from now on is said to nobody. `close` follows when there is time for it."""

    def go_away(self, reason: str) -> None:
        """Say that this registry stops."""

    def close(self, *, lost: bool) -> None:
        """The stream is over. `lost`: not by our own word."""


class Stream:
    """`pulse` is that of all streams; `headers` are further ones of the answer's head."""

    def __init__(self, pulse: Pulse[Stream], source: Source, headers: Headers) -> None:
        self._pulse = pulse
        self._headers = headers
        self._transport: Any = None
        self._ended = False
        self._gone = False
        self.source = source

    def start(self, transport: Any, date: bytes) -> None:
        self._transport = transport
        transport.write(
            b"HTTP/1.1 200 OK\r\n"
            + date
            + b"content-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n"
            + b"".join(b"%s: %s\r\n" % header for header in self._headers)
            + b"\r\n"
        )
        self._pulse.add(self)
        self.source.open(transport.write)

    def beat(self) -> None:
        self.source.beat()

    def full(self) -> None:
        self.source.full()

    def writable(self) -> None:
        self.source.writable()

    def gone(self) -> None:
        """The connection is closed. `lost` follows when there is time for it."""
        self._gone = True
        self.source.mute()

    def go_away(self, reason: str) -> None:
        if not (self._ended or self._gone):
            self._ended = True
            self.source.go_away(reason)
            self._transport.write(sse.LAST_CHUNK)
            self._transport.close()

    def lost(self) -> None:
        """The connection is gone: by our own word, or not."""
        self._pulse.remove(self)
        self.source.close(lost=not self._ended)
