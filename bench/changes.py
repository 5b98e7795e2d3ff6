"""Changes of one service, at an even pace: each sets the weight of an instance at random, over a few connections that stay open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random
from typing import cast

CONNECTIONS = 64
"""A connection has one change under way, which waits for the disk: so many keep the pace, and a registry cuts off who runs far ahead."""
PACE_S = 0.005


class Line(asyncio.Protocol):
    """Every answer must be a 200."""

    transport: asyncio.Transport
    open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert data.count(b"HTTP/1.1 200 ") == data.count(b"HTTP/1.1 "), data[:500]

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False


class Changes:
    """Of instances named SERVICE-0, SERVICE-1 and so on, below `instances`."""

    def __init__(self, lines: Sequence[Line], host: str, service: str, instances: int) -> None:
        self._lines = lines
        self._host = host
        self._service = service
        self._instances = instances
        self._rng = Random(1)

    async def go_on(self, rate: float) -> None:
        """`rate` a second, until cancelled."""
        sent, began = 0, time.perf_counter()
        while all(line.open for line in self._lines):
            due = int((time.perf_counter() - began) * rate)
            for number in range(sent, due):
                self._lines[number % len(self._lines)].transport.write(self._request(number))
            sent = due
            await asyncio.sleep(PACE_S)
        raise ConnectionError("the registry hung up on who changes instances")

    def close(self) -> None:
        for line in self._lines:
            line.transport.close()

    def _request(self, number: int) -> bytes:
        id = f"{self._service}-{self._rng.randrange(self._instances)}"
        told = b'{"weight":%d}' % (1 + number % 1000)
        head = (
            f"PATCH /v1/instances/{id} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        )
        return f"{head}Content-Length: {len(told)}\r\n\r\n".encode() + told


async def connect(address: tuple[str, int], service: str, instances: int) -> Changes:
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, *address))[1] for _ in range(CONNECTIONS)]
    return Changes(lines, address[0], service, instances)
