"""Hosts and the links between them: what is sent takes time, is lost, is held up while a link is cut, or is refused.

    network.call(...)   a request and its answer, over a connection of its own
    network.open(...)   a stream of bytes one way, in order, that breaks when either end does

What TCP promises holds: a byte arrives in order or not at all; a cut link delivers nothing and says nothing; a host that is up
refuses for a process that is not there. What it does not promise does not: a request may arrive long after its sender gave up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from .loop import Process, VirtualLoop

T = TypeVar("T")

RETRANSMIT_S = 1.0
"""How late a lost segment arrives."""
GIVE_UP_S = 20.0
"""A connection whose data are not acknowledged for this long is broken (TCP_USER_TIMEOUT)."""


class Link:
    """One direction between two hosts. `delay` (s) is the longest; `loss` the share of messages that come late."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._mended = asyncio.Event()
        self._mended.set()
        self.delay = 0.002
        self.loss = 0.0

    @property
    def cut(self) -> bool:
        return not self._mended.is_set()

    def sever(self) -> None:
        self._mended.clear()

    def mend(self) -> None:
        self._mended.set()

    def latency(self) -> float:
        late = RETRANSMIT_S if self._rng.random() < self.loss else 0.0
        return self._rng.uniform(0.0001, self.delay) + late

    async def pass_(self) -> bool:
        """Take as long as one message takes. False: the connection broke before it came through."""
        if self.cut and not await self._mended_in_time():
            return False
        await asyncio.sleep(self.latency())
        return not self.cut or await self.pass_()

    async def _mended_in_time(self) -> bool:
        try:
            async with asyncio.timeout(GIVE_UP_S):
                await self._mended.wait()
        except TimeoutError:
            return False
        return True


class Host:
    """A machine with an address. `process` is what listens there (None: nobody); `up` False: no packet comes back.

    `firewall`: connections to it are refused by something in between, while its own go out.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: Process | None = None
        self.up = True
        self.firewall = False

    def __repr__(self) -> str:
        return f"<Host {self.name} {'up' if self.up else 'down'} {self.process}>"

    @property
    def listening(self) -> bool:
        return self.process is not None and self.process.state != "killed"


class Network:
    def __init__(self, loop: VirtualLoop, rng: Random) -> None:
        self._loop = loop
        self._rng = rng
        self._links: dict[tuple[str, str], Link] = {}
        self._pipes: dict[str, list[Pipe]] = defaultdict(list)
        self.hosts: dict[str, Host] = {}
        self.wires = loop.process("wires")
        """What carries messages; no crash of a sender takes back what it has sent."""

    def host(self, name: str) -> Host:
        return self.hosts.setdefault(name, Host(name))

    def link(self, here: str, there: str) -> Link:
        if (here, there) not in self._links:
            self._links[here, there] = Link(self._rng)
        return self._links[here, there]

    def links(self) -> list[Link]:
        return list(self._links.values())

    async def reach(self, here: str, there: str) -> Process:
        """Connect. Raises ConnectionRefusedError; TimeoutError is the caller's own: silence has no end."""
        host = self.host(there)
        if not (host.up and await self.link(here, there).pass_() and await self.link(there, here).pass_()):
            await asyncio.Event().wait()
        if host.firewall or not host.listening or host.process is None:
            raise ConnectionRefusedError(there)
        return host.process

    async def call(self, here: str, there: str, handler: Callable[[], Awaitable[T]], seconds: float) -> T:
        """Run `handler` in the process that listens `there`, and bring its result back.

        Raises TimeoutError, ConnectionError, or what the handler raises. Giving up takes nothing back.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self.wires.spawn(self._exchange(here, there, handler, answer))
        async with asyncio.timeout(seconds):
            return await answer

    async def _exchange(
        self, here: str, there: str, handler: Callable[[], Awaitable[T]], answer: asyncio.Future[T]
    ) -> None:
        try:
            server = await self.reach(here, there)
            handled: asyncio.Future[T] = self._loop.create_future()
            server.later(0.0, lambda: server.spawn(_handle(handler, handled)))
            result = await handled
            if await self.link(there, here).pass_() and not answer.done():
                answer.set_result(result)
        except Exception as error:  # noqa: BLE001 - the handler's own, brought back to whoever called
            if not answer.done():
                answer.set_exception(error)
                answer.exception()

    def open(self, source: str, reader: str, pipe: Pipe) -> None:
        """Let the bytes of `pipe` flow from `source` to `reader`."""
        for host in (source, reader):
            self._pipes[host] = [known for known in self._pipes[host] if not known.broken]
            self._pipes[host].append(pipe)
        self.wires.spawn(pipe.flow(self.link(source, reader), self.link(reader, source)))

    def died(self, name: str) -> None:
        """The process of a host was killed: its kernel ends its connections, if the host itself still can."""
        for pipe in self._pipes.pop(name, ()):
            pipe.end(noticed=self.host(name).up)


async def _handle(handler: Callable[[], Awaitable[T]], handled: asyncio.Future[T]) -> None:
    try:
        result = await handler()
    except Exception as error:  # noqa: BLE001 - it belongs to whoever called
        if not handled.done():
            handled.set_exception(error)
    else:
        if not handled.done():
            handled.set_result(result)


class Pipe:
    """Bytes from a process that writes to one that reads.

    `received` is called in the reader for what arrives, with b"" at the end; `lost` in the writer when the connection is over;
    `full` and `writable` in the writer as its socket's buffer fills and empties.
    """

    ROOM = 4_096
    """Bytes on their way before the writer is told that its socket is full: little, so that it happens."""

    def __init__(
        self,
        writer: Process,
        reader: Process,
        *,
        received: Callable[[bytes], None],
        lost: Callable[[], None],
        full: Callable[[], None],
        writable: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._received = received
        self._lost = lost
        self._full = full
        self._writable = writable
        self._waiting: list[bytes] = []
        self._size = 0
        self._stuffed = False
        self._more = asyncio.Event()
        self._taken: asyncio.Future[None] | None = None
        self.broken = False
        self.noticed = True

    def write(self, data: bytes) -> None:
        if not self.broken:
            self._waiting.append(data)
            self._size += len(data)
            if self._size > self.ROOM and not self._stuffed:
                self._stuffed = True
                self._full()
            self._more.set()

    def end(self, *, noticed: bool = True) -> None:
        """The connection is over. `noticed`: both ends can still learn it, over whatever link they have."""
        self.broken = True
        self.noticed = noticed
        self._more.set()
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    async def flow(self, out: Link, back: Link) -> None:
        """Carry what is written until the end. A reader that stands still takes nothing."""
        while not self.broken:
            await self._more.wait()
            self._more.clear()
            sent = b"".join(self._waiting)
            self._waiting.clear()
            if sent and not await self._carry(sent, out):
                self.broken = True
        if not self.noticed:
            await asyncio.sleep(GIVE_UP_S)
        elif await out.pass_():
            self._reader.later(0.0, self._received, b"")
        await back.pass_()
        self._writer.later(0.0, self._lost)

    async def _carry(self, data: bytes, out: Link) -> bool:
        """False: the connection is broken. A reader that stands still does not break it: its kernel takes what it can."""
        if not await out.pass_():
            return False
        self._taken = asyncio.get_running_loop().create_future()
        self._reader.later(0.0, self._take, data, self._taken)
        await self._taken
        self._size -= len(data)
        if self._stuffed and self._size <= self.ROOM // 2:
            self._stuffed = False
            self._writer.later(0.0, self._writable)
        return True

    def _take(self, data: bytes, taken: asyncio.Future[None]) -> None:
        if not taken.done():
            taken.set_result(None)
            self._received(data)
