"""A fleet of instances played by one process: a listener per zone, session streams, and heartbeats at an even pace."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar, cast

PACE_S = 0.005
BEATING_CONNECTIONS = 200
"""Keep-alive connections that heartbeats come on, in turn."""
OPENING = 100
"""Connections opened at once."""
CONNECTIONS_PER_ADDRESS = 20_000


class _Line(asyncio.Protocol):
    """A connection; `closed` is for everybody who counts them."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name


T = TypeVar("T", bound=_Line)


class Door(_Line):
    """An instance's endpoint: it accepts and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).close()


class Stream(_Line):
    """A stream of which only the arrival of bytes matters."""

    def __init__(self) -> None:
        self.begun = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            assert data.startswith(b"HTTP/1.1 200 "), data
            self.begun.set_result(None)


class Beats(_Line):
    """Heartbeats out, answers in."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def beat(self, request: bytes) -> None:
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        answers = data.count(b"HTTP/1.1 204 ")
        assert answers == data.count(b"HTTP/1.1 "), data
        self._fleet.answered += answers


class Fleet:
    """`answered` counts heartbeats. While `resting` it sends none. `own`: the address it calls from, unless it is loopback's."""

    def __init__(self, registry: tuple[str, int], own: str = "") -> None:
        self._registry = registry
        self._own = own
        self._clients = itertools.count()
        self._streams: dict[str, list[Stream]] = {}
        self._doors: dict[str, asyncio.Server] = {}
        self.resting = False
        self.answered = 0

    async def open_door(self, zone: str, bound: socket.socket) -> None:
        """All instances of the zone answer at this listening socket."""
        self._doors[zone] = await asyncio.get_running_loop().create_server(Door, sock=bound, backlog=4096)

    async def carry_sessions(self, zone: str, groups: Iterable[Sequence[str]]) -> None:
        """A stream for each group of ids, which carries their sessions."""
        streams = self._streams.setdefault(zone, [])
        remaining = iter(groups)
        while some := list(itertools.islice(remaining, OPENING)):
            streams += await asyncio.gather(*(self._carry(ids) for ids in some))

    async def _carry(self, ids: Sequence[str]) -> Stream:
        stream = await self._connect(Stream())
        sessions = "&".join(f"session={id}" for id in ids)
        host = self._registry[0]
        stream.transport.write(f"GET /v1/watch?{sessions} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        await stream.begun
        return stream

    async def _connect(self, line: T) -> T:
        client = self._own or f"127.0.2.{1 + next(self._clients) // CONNECTIONS_PER_ADDRESS}"
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: line, *self._registry, local_addr=(client, 0))
        return line

    async def beat(self, ids: Sequence[str], rate: float, silent: set[str]) -> None:
        """Renew every id in turn, `rate` a second, but for the `silent` ones, until cancelled."""
        lines = [await self._connect(Beats(self)) for _ in range(BEATING_CONNECTIONS)]
        beats = _beats(ids, silent, self._registry[0])
        turn = itertools.cycle(lines)
        sent = time.perf_counter()
        while True:
            due = 0 if self.resting else int((time.perf_counter() - sent) * rate)
            for request in itertools.islice(beats, due):
                if request is not None:
                    next(turn).beat(request)
            sent = time.perf_counter() if self.resting else sent + due / rate
            await asyncio.sleep(PACE_S)

    def kill(self, zone: str) -> None:
        """The zone dies at once: nobody listens there any more, and every session breaks."""
        if zone in self._doors:  # another fleet may keep it
            self._doors.pop(zone).close()
        for stream in self._streams.pop(zone):
            stream.transport.abort()


def _beats(ids: Sequence[str], silent: set[str], host: str) -> Iterator[bytes | None]:
    for id in itertools.cycle(ids):
        yield None if id in silent else f"PUT /v1/heartbeat/{id} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
