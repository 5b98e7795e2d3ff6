"""The least a fan-out can cost: a bare uvloop program that writes the same bytes to every connection it has.

`python -m bench.firehose PORT FILE`: each connection is greeted when it asks for anything; `GET /go` writes FILE to all of them.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

from bench.cores import raise_descriptors

GREETING = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: hello\r\n\r\n"
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


class Listener(asyncio.Protocol):
    def __init__(self, listeners: dict[asyncio.Transport, None], written: bytes) -> None:
        self._listeners = listeners
        self._written = written

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def connection_lost(self, _: Exception | None) -> None:
        self._listeners.pop(self._transport, None)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /go "):
            for listener in self._listeners:
                listener.write(self._written)
            self._transport.write(DONE)
        elif data.startswith(b"GET /ready "):
            self._transport.write(DONE)
        else:
            self._listeners[self._transport] = None
            self._transport.write(GREETING)


async def main(port: int, written: bytes) -> None:
    listeners: dict[asyncio.Transport, None] = {}
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Listener(listeners, written), "127.0.0.1", port, backlog=8192)
    await asyncio.Event().wait()


if __name__ == "__main__":
    raise_descriptors()
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
