"""Queries and answers on connections, each with its length before it (RFC 1035 section 4.2.2, RFC 7766)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from struct import Struct as Packed

from muster.model import limits

from .responder import Responder

_LENGTH = Packed("!H")


class Connections:
    """All of a server's. Where there are too many, the one that has been quiet longest gives way (RFC 7766 section 6.2.3):
    refusing the new one would let whoever holds them lock everybody out."""

    def __init__(self, responder: Responder, loop: asyncio.AbstractEventLoop) -> None:
        self.responder = responder
        self.opened = 0
        self._loop = loop
        self._open: dict[Connection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def connection(self) -> Connection:
        return Connection(self)

    def began(self, connection: Connection) -> None:
        self.opened += 1
        while len(self._open) >= limits.DNS_CONNECTIONS:
            self._end(next(iter(self._open)))
        self._open[connection] = self._loop.time()
        self._arm()

    def spoke(self, connection: Connection) -> None:
        """It asked a whole question, and took the answers before: it goes to the end of the line."""
        if self._open.pop(connection, None) is not None:
            self._open[connection] = self._loop.time()

    def ended(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def soon(self, work: Callable[[], None]) -> None:
        self._loop.call_soon(work)

    def close(self) -> None:
        for connection in tuple(self._open):
            self._end(connection)
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, connection: Connection) -> None:
        del self._open[connection]
        connection.abort()

    def _arm(self) -> None:
        if self._timer is None and self._open:
            oldest = next(iter(self._open.values()))
            self._timer = self._loop.call_at(oldest + limits.DNS_IDLE_S, self._look)

    def _look(self) -> None:
        """End those that have been quiet for too long: they stand first."""
        self._timer = None
        before = self._loop.time() - limits.DNS_IDLE_S
        for connection, since in tuple(self._open.items()):
            if since > before:
                break
            self._end(connection)
        self._arm()


class Connection(asyncio.Protocol):
    """Questions may come before their answers have gone out (RFC 7766 section 6.2.1.1); answers go out in order."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._received = b""
        self._transport: asyncio.Transport
        self._full = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._connections.began(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.ended(self)

    def abort(self) -> None:
        self._transport.abort()

    def pause_writing(self) -> None:
        """Who does not take answers asks no more."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._answer()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._answer()

    def _answer(self) -> None:
        """Answer the whole questions that are here, a few in a turn of the loop."""
        data, at, left = self._received, 0, limits.DNS_QUESTIONS_PER_TURN
        while (
            (end := _end_of_first(data, at)) and left and not self._full and not self._transport.is_closing()
        ):
            self._tell(self._connections.responder.message(data[at + _LENGTH.size : end]))
            at, left = end, left - 1
        self._received = data[at:]
        if not left and not self._full and not self._transport.is_closing():
            self._full = True
            self._transport.pause_reading()
            self._connections.soon(self.resume_writing)

    def _tell(self, answer: bytes | None) -> None:
        if answer is None:
            self._transport.abort()  # What came was no query: whoever sent it does not speak DNS.
            return
        self._connections.spoke(self)
        self._transport.write(_LENGTH.pack(len(answer)) + answer)


def _end_of_first(data: bytes, at: int) -> int:
    """Where the message that begins at `at` ends; 0 if it is not whole yet."""
    if len(data) - at < _LENGTH.size:
        return 0
    end = at + _LENGTH.size + int(_LENGTH.unpack_from(data, at)[0])
    return end if end <= len(data) else 0
