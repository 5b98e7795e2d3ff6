"""A local port shaped like a Consul agent's: what comes in goes to a registry, with the name of the node it came from.

Consul's clients talk to an agent on their own machine and are on its node. Ours talk to the registry, which takes the address
they come from for their node; hosts behind one address are told apart by an agent on each, which says the node's name. It
changes nothing else: connections are passed on one by one, requests with two headers more, answers as they are.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Sequence
from typing import Final

from muster.client.address import Registry
from muster.model import limits

HEADERS: Final = (b"muster-node", b"muster-node-address")
PIECE_BYTES: Final = 64 * 1024
END_OF_HEAD: Final = b"\r\n\r\n"
_NOBODY: Final = b"No cluster leader: no registry can be had"
NOBODY: Final = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_NOBODY), _NOBODY)
)


class NotHttp(Exception):
    """What a client sent cannot be told apart into requests: its connection ends."""


class Over(Exception):
    """One direction of a connection is done, and with it the other."""


GONE: Final = (OSError, NotHttp, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""Either side has gone, or does not speak HTTP: the other one is told by the end of its connection."""


class Agent:
    """`node` is its name; `address` where its services are, "" for where its connections come from. `tls` is for registries that
    are told by `https`."""

    def __init__(
        self, node: str, address: str, registries: Sequence[Registry], tls: ssl.SSLContext | None
    ) -> None:
        header = f"Muster-Node: {node}\r\n" + (f"Muster-Node-Address: {address}\r\n" if address else "")
        self._header = header.encode("latin-1")
        self._registries = list(registries)
        self._tls = tls
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """The server, which accepts connections already. Raises OSError."""
        return await asyncio.start_server(self._accepted, host, port, limit=limits.HEAD_BYTES)

    async def close(self) -> None:
        """End every connection."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= limits.AGENT_CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        try:
            await self._connection(reader, writer)
        except* Over:
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until one of the two sides hangs up."""
        there = await self._connect()
        if there is None:
            writer.write(NOBODY)
            return
        answers, requests = there
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_to_its_end(self._pass_requests(reader, requests)))
                both.create_task(_to_its_end(_copy(answers, writer)))
        finally:
            requests.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the registry that answered last, or else to another."""
        for registry in list(self._registries):
            try:
                async with asyncio.timeout(limits.CLIENT_CONNECT_S):
                    found = await asyncio.open_connection(
                        registry.host, registry.port, ssl=self._tls if registry.tls else None
                    )
            except (OSError, TimeoutError):
                continue
            self._registries.remove(registry)
            self._registries.insert(0, registry)
            return found
        return None

    async def _pass_requests(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(END_OF_HEAD)
            line, _, rest = head.partition(b"\r\n")
            lines = [each for each in rest.split(b"\r\n") if each]
            kept = [each for each in lines if _name(each) not in HEADERS]
            there.write(b"\r\n".join([line, *kept]) + b"\r\n" + self._header + b"\r\n")
            await self._pass_body(kept, reader, there)
            await there.drain()

    async def _pass_body(
        self, lines: Sequence[bytes], reader: asyncio.StreamReader, there: asyncio.StreamWriter
    ) -> None:
        """RFC 9112 section 6.3. A request with both lengths is two to different readers, and refused (section 6.1)."""
        said = {name: each.partition(b":")[2].strip() for each in lines if (name := _name(each)) in _FRAMING}
        if len(said) > 1 or sum(_name(each) in _FRAMING for each in lines) > 1:
            raise NotHttp
        if b"transfer-encoding" in said:
            await _pass_chunks(reader, there)
        elif length := said.get(b"content-length"):
            if not length.isdigit() or len(length) > 9:
                raise NotHttp
            await _pass(int(length), reader, there)


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except GONE:
        pass
    raise Over


_FRAMING: Final = (b"content-length", b"transfer-encoding")


def _name(line: bytes) -> bytes:
    """The name of a header line. White space before the colon would hide a header from us (RFC 9112 section 5.1)."""
    name, colon, _ = line.partition(b":")
    if not colon or name != name.strip():
        raise NotHttp
    return name.lower()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE_BYTES):
        writer.write(piece)
        await writer.drain()


async def _pass(length: int, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
    while length:
        piece = await reader.readexactly(min(length, PIECE_BYTES))
        there.write(piece)
        await there.drain()
        length -= len(piece)


async def _pass_chunks(reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
    while True:
        line = await reader.readuntil(b"\r\n")
        size = line.partition(b";")[0].strip()
        if not size or len(size) > 8:
            raise NotHttp
        try:
            length = int(size, 16)
        except ValueError:
            raise NotHttp from None
        there.write(line)
        if not length:
            break
        await _pass(length + 2, reader, there)
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        there.write(line)
    there.write(line)
