"""HTTP/1.1 as a load needs it: a connection kept open to each replica, every wait bounded; streams of events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from muster.wire import sse

LIMIT = 1 << 24
AVOID_S = 5.0


class Away(Exception):
    """No whole answer. The message says why."""


class Caller:
    """One connection to `host`, 8500, made when it is needed. One request at a time."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: object = None, within: float = 3.0) -> tuple[int, Any]:
        """(status, body). Raises `Away`."""
        try:
            async with asyncio.timeout(within):
                return await self._ask(method, path, body)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Away(f"{self.host}: {type(error).__name__} {error}") from None
        except BaseException:
            self.close()
            raise

    async def _ask(self, method: str, path: str, body: object) -> tuple[int, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, 8500, limit=LIMIT)
        reader, writer = self._streams
        writer.write(request(self.host, method, path, body))
        status, headers = await head(reader)
        read = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return status, msgspec.json.decode(read) if read else None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


class Callers:
    """One caller for each replica. Whoever did not answer lately is asked last."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._callers = [Caller(host) for host in hosts]
        self._failed = dict.fromkeys(hosts, float("-inf"))

    def __iter__(self) -> Iterator[Caller]:
        return iter(self._callers)

    def in_turn(self, turn: int) -> list[Caller]:
        """All of them, beginning with another one each turn."""
        first = turn % len(self._callers)
        now = time.monotonic()
        turned = self._callers[first:] + self._callers[:first]
        return sorted(turned, key=lambda caller: now < self._failed[caller.host] + AVOID_S)

    def away(self, caller: Caller) -> None:
        self._failed[caller.host] = time.monotonic()


def request(host: str, method: str, path: str, body: object = None) -> bytes:
    sent = b"" if body is None else msgspec.json.encode(body)
    lines = [f"{method} /v1{path} HTTP/1.1", f"Host: {host}:8500", f"Content-Length: {len(sent)}"]
    lines += ["Content-Type: application/json"] * bool(sent)
    return "\r\n".join([*lines, "", ""]).encode() + sent


async def head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """(status, headers)."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip().lower() for name, _, value in pairs}


async def events(host: str, path: str, silence: float) -> AsyncIterator[tuple[str, sse.Message]]:
    """The messages of a stream, with the epoch of the answer's head, until it breaks or says nothing for `silence` s: `Away`."""
    writer = None
    try:
        async with asyncio.timeout(silence):
            reader, writer = await asyncio.open_connection(host, 8500, limit=LIMIT)
            writer.write(request(host, "GET", path))
            status, headers = await head(reader)
        if status != 200:
            raise Away(f"{host}: {status}")
        parser = sse.Parser()
        while True:
            async with asyncio.timeout(silence):
                size = int(await reader.readuntil(b"\r\n"), 16)
                received = await reader.readexactly(size + 2)
            if not size:
                raise Away(f"{host} ended the stream")
            for message in parser.feed(received[:-2]):
                yield headers["muster-epoch"], message
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        raise Away(f"{host}: {type(error).__name__} {error}") from None
    finally:
        if writer is not None:
            with suppress(OSError):
                writer.transport.abort()
