"""Instances to probe: real servers on loopback, each with one manner."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

Manner = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def instance(manner: Manner, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server whose every connection has this manner; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await manner(reader, writer)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


def answers(response: bytes, heard: list[bytes] | None = None) -> Manner:
    """Reads a request's head, then says `response`. What it read goes to `heard`."""

    async def manner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head)
        writer.write(response)
        await writer.drain()

    return manner


def ok(body: bytes = b"ok", status: str = "200 OK") -> Manner:
    return answers(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body))


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and never says a word, until the other side hangs up."""
    await reader.read()


async def leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and ends it, in good order."""
    await reader.read(1)


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and resets it."""
    await reader.read(1)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


def pours(head: bytes, chunk: bytes) -> Manner:
    """Says `head`, then `chunk` for as long as anybody listens."""

    async def manner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(chunk)
            await writer.drain()

    return manner


def drips(response: bytes) -> Manner:
    """Says `response` byte by byte, and never the last one."""

    async def manner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for place in range(len(response) - 1):
            writer.write(response[place : place + 1])
            await writer.drain()
        await reader.read()

    return manner


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def unreachable() -> Iterator[int]:
    """A port that no packet comes back from: its backlog is full, so Linux drops what arrives, as a dead host would."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
