"""Over real sockets: UDP, TCP with its framing and its bounds, and a change that is in the very next answer."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.message
import pytest
from tests.nameserver.scene import Scene, checked, question, texts

from muster.model import limits
from muster.server.settings import Address
from muster.server.sockets import address_of, named

LENGTH = struct.Struct("!H")
NAME = "web.service.consul"
PATIENCE_S = 20.0


class Talk:
    """A connection to the name server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, *queries: dns.message.Message) -> None:
        for query in queries:
            data = query.to_wire()
            self.writer.write(LENGTH.pack(len(data)) + data)

    async def hear(self, query: dns.message.Message) -> dns.message.Message:
        async with asyncio.timeout(PATIENCE_S):
            (length,) = LENGTH.unpack(await self.reader.readexactly(LENGTH.size))
            return checked(query, await self.reader.readexactly(length))

    async def ended(self) -> bool:
        """Wait until the other side ends it."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


class Served:
    def __init__(self, scene: Scene, address: Address) -> None:
        self.scene = scene
        self.address = address
        self._talks: list[Talk] = []

    async def connect(self) -> Talk:
        talk = Talk(*await asyncio.open_connection(*self.address))
        self._talks.append(talk)
        return talk

    async def ask(self, query: dns.message.Message) -> dns.message.Message:
        """Over UDP."""
        loop = asyncio.get_running_loop()
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Heard(answers.put_nowait), remote_addr=self.address
        )
        try:
            transport.sendto(query.to_wire())
            async with asyncio.timeout(PATIENCE_S):
                return checked(query, await answers.get())
        finally:
            transport.close()

    def close(self) -> None:
        for talk in self._talks:
            talk.writer.close()


class Heard(asyncio.DatagramProtocol):
    def __init__(self, told: Callable[[bytes], None]) -> None:
        self._told = told

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._told(data)


@asynccontextmanager
async def serving(scene: Scene, host: str = "127.0.0.1") -> AsyncIterator[Served]:
    bound = named(Address(host, 0))
    served = Served(scene, address_of(bound.tcp))
    async with scene.nameserver.serving(bound):
        yield served
        served.close()


@pytest.fixture
async def served(scene: Scene) -> AsyncIterator[Served]:
    async with serving(scene) as served:
        yield served


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_both_transports_at_one_port(scene: Scene, host: str) -> None:
    await scene.web("10.0.0.1")
    async with serving(scene, host) as served:
        talk = await served.connect()
        talk.say(query := question(NAME))
        assert texts((await talk.hear(query)).answer) == ["10.0.0.1"]
        assert texts((await served.ask(query)).answer) == ["10.0.0.1"]


async def test_a_change_is_in_the_next_answer(served: Served) -> None:
    """As soon as the registry has said that it is done, nobody is told otherwise."""
    for number in range(1, 20):
        await served.scene.web(*(f"10.0.0.{n}" for n in range(1, number + 1)))
        assert len((await served.ask(question(NAME))).answer) == number


async def test_many_questions_at_once_are_answered_in_order(served: Served) -> None:
    await served.scene.web("10.0.0.1")
    talk = await served.connect()
    queries = [question(f"{n}.web.service.consul" if n % 2 else NAME) for n in range(500)]
    talk.say(*queries)
    for query in queries:
        await talk.hear(query)


async def test_a_question_in_pieces(served: Served) -> None:
    await served.scene.web("10.0.0.1")
    talk = await served.connect()
    query = question(NAME)
    data = query.to_wire()
    for byte in LENGTH.pack(len(data)) + data:
        talk.writer.write(bytes([byte]))
        await talk.writer.drain()
    assert texts((await talk.hear(query)).answer) == ["10.0.0.1"]


@pytest.mark.parametrize("said", [b"\0\0", b"\0\5abcde", b"\0\x0c" + b"\xff" * 12])
async def test_who_speaks_no_dns_is_hung_up_on(served: Served, said: bytes) -> None:
    talk = await served.connect()
    talk.writer.write(said)
    assert await talk.ended()


async def test_the_quietest_connection_gives_way(served: Served) -> None:
    talks = [await served.connect() for _ in range(limits.DNS_CONNECTIONS)]
    talks[0].say(query := question(NAME))
    await talks[0].hear(query)
    last = await served.connect()
    last.say(query)
    await last.hear(query)
    assert await talks[1].ended()
    assert len(served.scene.nameserver.connections) == limits.DNS_CONNECTIONS
    talks[0].say(query)
    await talks[0].hear(query)


async def test_who_takes_no_answers_is_not_asked_for_more(served: Served) -> None:
    """Questions wait in the kernel; what is kept here is bounded by the transport's own buffer."""
    await served.scene.web(*(f"10.0.{n // 200}.{n % 200 + 1}" for n in range(400)))
    talk = await served.connect()
    data = question(NAME, "SRV").to_wire()
    talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(3000):
        talk.writer.write(LENGTH.pack(len(data)) + data)
    (connection,) = tuple(served.scene.nameserver.connections._open)
    async with asyncio.timeout(PATIENCE_S):
        while not connection._full:  # noqa: ASYNC110 - nobody is told that a transport is full but the connection itself
            await asyncio.sleep(0)
    kept = connection._transport.get_write_buffer_size() + len(connection._received)
    assert kept < 8 * 0x10000 + limits.DNS_QUESTIONS_PER_TURN * 0x10000
