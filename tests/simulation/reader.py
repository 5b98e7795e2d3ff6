"""A simulated caller: the library's own mirrors, fed by a stream through the simulated network, and calls to what they list."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.instance import LOST
from tests.simulation.registry import HOST, Reader

from muster.client.backoff import Rounds
from muster.client.chunked import Dechunker
from muster.client.mirror import Leave, Mirrors, Resync
from muster.client.state import Snapshot
from muster.httpapi.watch import Subscription
from muster.model import limits
from muster.model.errors import Rejected
from muster.testing.simulation.loop import Process
from muster.wire import events, sse
from muster.wire.filters import DEFAULT

if TYPE_CHECKING:
    from tests.simulation.world import World


class ReaderHost:
    """`published` is what callers in this process see. A restarted one begins with what it had written to disk."""

    def __init__(self, world: World, name: str, services: tuple[str, ...]) -> None:
        self._world = world
        self._rng = Random(world.rng.random())
        self._services = services
        self._rounds = Rounds(1, self._rng)
        self._stream: Reader | None = None
        self.name = name
        self.mirrors = Mirrors(services)
        self.published: dict[str, Snapshot] = {}
        self.subscriber = ""
        self.process: Process | None = None

    def __repr__(self) -> str:
        return f"<ReaderHost {self.name} {self.mirrors}>"

    def start(self) -> None:
        self.process = self._world.loop.process(self.name)
        self._world.network.host(self.name).process = self.process
        self.mirrors = Mirrors(self._services, restored=self.published.values())
        self._rounds = Rounds(1, self._rng)
        self.process.spawn(self._follow())
        self.process.spawn(self._make_calls())

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.subscriber = ""
            self._world.network.died(self.name)

    def break_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()

    # --- The watch --------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        attempt = self._rounds.begin()
        while True:
            await asyncio.sleep(attempt.after)
            assert self.process is not None
            self._stream = reader = Reader(self.process)
            try:
                end = await self._read(reader)
            except (*LOST, Rejected):
                end = None
            finally:
                reader.close()
                self.subscriber = ""
            if isinstance(end, Resync):
                self._world.oracle.diverged(self, end)
                self.mirrors.forget_position()
            attempt = self._rounds.elsewhere()

    async def _read(self, reader: Reader) -> Resync | Leave | None:
        services = tuple(self._world.key(service) for service in self._services)
        asked = Subscription(services, DEFAULT, (), acknowledges=True, after=self.mirrors.resume)
        network, registry = self._world.network, self._world.registry
        opened = await network.call(
            self.name, HOST, lambda: registry.watch(asked, self.name, reader), limits.CLIENT_REQUEST_S
        )
        self.mirrors.opened(opened.epoch)
        self.subscriber = opened.subscriber
        dechunker, parser = Dechunker(), sse.Parser()
        refresh_at = self._world.loop.time() + self._rng.uniform(60.0, 240.0)
        while data := await reader.read():
            for message in parser.feed(dechunker.feed(data)):
                if end := self._receive(message):
                    return end
            self._publish()
            await self._acknowledge(opened.subscriber)
            self._rounds.steady()
            if self._world.loop.time() > refresh_at:
                self.mirrors.forget_position()
                return None
        return None

    def _receive(self, message: sse.Message) -> Resync | Leave | None:
        event = events.decode(message.event, message.data)
        assert event is not None, message
        return self.mirrors.receive(event, message.id, self._world.loop.time())

    def _publish(self) -> None:
        for snapshot in self.mirrors.publish(self._world.loop.time()):
            self._world.oracle.published(self, snapshot)
            self.published[snapshot.service] = snapshot

    async def _acknowledge(self, subscriber: str) -> None:
        for service, revision in self.mirrors.acknowledge().items():
            try:
                await self._call(
                    lambda service=service, revision=revision: self._world.registry.acknowledge(
                        subscriber, service, revision
                    )
                )
            except (*LOST, Rejected):
                pass

    async def _call(self, handler) -> None:  # type: ignore[no-untyped-def]
        await self._world.network.call(self.name, HOST, handler, limits.CLIENT_ACK_S)

    # --- Calls ------------------------------------------------------------------------------------------------------

    async def _make_calls(self) -> None:
        """Call some endpoint now and then; report the one that cannot be reached."""
        while True:
            await asyncio.sleep(self._rng.uniform(0.5, 4.0))
            service = self._rng.choice(self._services)
            snapshot = self.published.get(service)
            if snapshot is None or not snapshot.endpoints:
                continue
            target = self._rng.choice(snapshot.endpoints)
            try:
                async with asyncio.timeout(1.0):
                    await self._world.network.reach(self.name, target.host)
            except (TimeoutError, ConnectionRefusedError):
                await self._report(target.id)

    async def _report(self, id: str) -> None:
        try:
            await self._call(lambda: self._world.registry.report(f"default/{id}", self.name))
        except (*LOST, Rejected):
            pass
