"""One stream of server-sent events from one registry, read from a plain socket.

`http.client` would read through a buffer with a lock inside, which a process that forks in the middle of a read can never
take again; and it hands out one chunk at a time. So the head is parsed by it, and the body is taken apart here.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import time
from collections.abc import Mapping
from typing import Protocol

from muster.model import limits
from muster.wire import sse

from . import fork
from .address import Registry
from .chunked import Dechunker, Malformed
from .errors import Lost, Refused
from .http import Access, refusal
from .timing import Timing

_READ_BYTES = 256 * 1024
_REFUSAL_BYTES = 64 * 1024


class EventStream(Protocol):
    """Where events come from. `read` and `close` are for the thread that opened it, `abort` for any other."""

    registry: Registry
    headers: http.client.HTTPMessage

    def begin(self, head: bytes) -> None: ...
    def read(self, patience: float | None = None) -> list[sse.Message]: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...
    def disown(self) -> None: ...


class Stream:
    """An open stream. `read` and `close` are for the thread that opened it, `abort` for any other."""

    def __init__(self, sock: socket.socket, registry: Registry, timing: Timing) -> None:
        self._sock = sock
        self._timing = timing
        self._parser = sse.Parser()
        self._dechunker: Dechunker | None = None
        self._received = b""
        self._event_due = time.monotonic() + timing.event
        self.registry = registry
        self.headers = http.client.HTTPMessage()

    def __repr__(self) -> str:
        return f"<Stream from {self.registry}>"

    def begin(self, head: bytes) -> None:
        """Send the request, read the answer's head. Raises `Refused`, `Lost`, OSError."""
        self._sock.settimeout(self._timing.request)
        self._sock.sendall(head)
        status, self.headers = self._head()
        if status != http.HTTPStatus.OK:
            raise self._refused(status)
        if not self.headers.get("Content-Type", "").startswith("text/event-stream"):
            raise Lost("malformed", f"a stream of {self.headers.get('Content-Type')}")
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            self._dechunker = Dechunker()
        self._sock.settimeout(self._timing.silence)

    def read(self, patience: float | None = None) -> list[sse.Message]:
        """The messages that arrive next: at least one read, at most one wait, of `patience` s and in vain if that is told. Raises
        `Lost`."""
        received = self._received or (self._recv() if patience is None else self._recv_within(patience))
        self._received = b""
        if not received:
            return []
        try:
            body = self._dechunker.feed(received) if self._dechunker else received
            messages = self._parser.feed(body)
        except (Malformed, sse.TooLong, UnicodeDecodeError) as error:
            raise Lost("malformed", str(error)) from None
        now = time.monotonic()
        if messages:
            self._event_due = now + self._timing.event
        elif self._dechunker and self._dechunker.ended:
            raise Lost("closed", "the stream ended")
        elif now > self._event_due:
            raise Lost("silent", f"bytes, but no whole event for {self._timing.event:g} s")
        return messages

    def abort(self) -> None:
        """Make a `read` that waits in another thread end now."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.close()

    def disown(self) -> None:
        """After a fork, in the child: let go of the descriptor, say nothing on the connection, which is the parent's."""
        with contextlib.suppress(OSError):
            os.close(self._sock.detach())

    def _recv(self) -> bytes:
        try:
            received = self._sock.recv(_READ_BYTES)
        except TimeoutError:
            raise Lost("silent", f"nothing for {self._sock.gettimeout():g} s") from None
        except OSError as error:
            raise Lost("closed", str(error)) from None
        if not received:
            raise Lost("closed", "by the registry")
        return received

    def _recv_within(self, patience: float) -> bytes:
        """Empty if nothing came."""
        self._sock.settimeout(patience)
        try:
            return self._recv()
        except Lost as lost:
            if lost.why == "silent":
                return b""
            raise
        finally:
            self._sock.settimeout(self._timing.silence)

    def _head(self) -> tuple[int, http.client.HTTPMessage]:
        """Status and headers; what follows them stays in `_received`."""
        received = b""
        while b"\r\n\r\n" not in received:
            if len(received) > limits.HEAD_BYTES:
                raise Lost("malformed", "the head of the answer does not end")
            received += self._recv()
        head, _, self._received = received.partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        version, status, *_ = (*line.split(b" ", 2), b"", b"")
        if not version.startswith(b"HTTP/1.") or not status.isdigit():
            raise Lost("malformed", f"{line[:80]!r} is no HTTP/1 answer")
        try:
            return int(status), http.client.parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
        except http.client.HTTPException as error:
            raise Lost("malformed", str(error)) from None

    def _refused(self, status: int) -> Refused:
        length = self.headers.get("Content-Length", "")
        wanted = min(int(length) if length.isdecimal() else 0, _REFUSAL_BYTES)
        while len(self._received) < wanted:
            self._received += self._recv()
        return refusal(status, self._received)


def connect(registry: Registry, access: Access, timing: Timing) -> Stream:
    """Raises OSError."""
    tls = access.tls if registry.tls else None
    return Stream(fork.connect(registry.host, registry.port, timing.connect, tls), registry, timing)


def request_head(registry: Registry, target: str, headers: Mapping[str, str]) -> bytes:
    """The GET that opens a stream. Raises ValueError for a header that would be more than one."""
    fields = {
        "Host": registry.authority,
        "Accept": "text/event-stream",
        "Cache-Control": "no-store",
        **headers,
    }
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any(not line.isascii() or not line.isprintable() for line in lines):
        raise ValueError("a header holds characters that it must not")
    return "\r\n".join((*lines, "", "")).encode()
