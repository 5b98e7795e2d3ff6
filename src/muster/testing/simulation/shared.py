"""A store that several simulated registries share: one total order, leases that end by its own clock, and links that lose and cut.

`Central` is the store; `View` is how one replica sees it, a `SharedStore` through the network. What a view asks may arrive twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import TypeVar

from muster.registry.store import (
    Batch,
    Changes,
    CommitOutcome,
    Committed,
    Loaded,
    Stored,
    StoreUnavailable,
    TailEvent,
    Unknown,
    Write,
)
from muster.storage.memory import MemoryStore

from .loop import Process, VirtualLoop
from .network import Network

T = TypeVar("T")

CALL_S = 2.0
"""For an answer of the store."""
TWICE = 0.05
"""The share of transactions that arrive a second time, late."""


class Central:
    """The store itself, on a host of its own that never fails; `committed` sees every batch that is."""

    def __init__(
        self, loop: VirtualLoop, process: Process, store: MemoryStore, committed: Callable[[Batch], None]
    ) -> None:
        self._loop = loop
        self._process = process
        self._committed = committed
        self._ttls: dict[int, float] = {}
        self._ends: dict[int, asyncio.TimerHandle] = {}
        self._under: dict[str, int] = {}
        self._granted = 0
        self.store = store

    async def commit(self, batch: Batch) -> CommitOutcome:
        if any(write.lease and write.lease not in self._ends for write in batch.writes):
            raise StoreUnavailable("that lease has ended")
        before = (await self.store.load()).revision
        outcome = await self.store.commit(batch)
        if isinstance(outcome, Committed) and outcome.revision > before:
            self._under.update({write.key: write.lease for write in batch.writes})
            self._committed(batch)
        return outcome

    async def read(self, key: str) -> Stored | None:
        return next((record for record in (await self.store.load()).records if record.key == key), None)

    async def head(self) -> int:
        return (await self.store.load()).revision

    async def grant(self, ttl: int) -> int:
        self._granted += 1
        self._ttls[self._granted] = ttl
        self._ends[self._granted] = self._timer(self._granted)
        return self._granted

    async def keep(self, lease: int) -> float:
        timer = self._ends.get(lease)
        if timer is None:
            return 0.0
        timer.cancel()
        self._ends[lease] = self._timer(lease)
        return self._ttls[lease]

    async def revoke(self, lease: int) -> None:
        timer = self._ends.pop(lease, None)
        if timer is None:
            return
        timer.cancel()
        gone = {key for key, under in self._under.items() if under == lease}
        records = (await self.store.load()).records
        writes = tuple(Write(each.key, None, each.revision) for each in records if each.key in gone)
        if writes:
            await self.store.commit(Batch("", writes))

    def _timer(self, lease: int) -> asyncio.TimerHandle:
        return self._process.later(self._ttls[lease], lambda: self._process.spawn(self.revoke(lease)))


class View:
    """The store as the replica on `here` sees it; `there` is the store's host."""

    def __init__(self, central: Central, network: Network, here: str, there: str, rng: Random) -> None:
        self._central = central
        self._network = network
        self._here = here
        self._there = there
        self._rng = rng
        self.contact = 0.0
        self.uncompacted = False

    async def load(self) -> Loaded:
        return await self._ask(self._central.store.load)

    async def commit(self, batch: Batch) -> CommitOutcome:
        if self._rng.random() < TWICE:
            self._network.wires.spawn(self._again(batch))
        try:
            return await self._call(lambda: self._central.commit(batch))
        except TimeoutError:
            return Unknown("no answer of the store in time")

    async def _again(self, batch: Batch) -> None:
        await asyncio.sleep(self._rng.uniform(0.0, 2 * CALL_S))
        try:
            await self._central.commit(batch)
        except StoreUnavailable:
            pass

    async def tail(self, after: int) -> AsyncIterator[TailEvent]:
        async for event in self._central.store.tail(after):
            while not await self._network.link(self._there, self._here).pass_():
                pass  # another connection, from the same revision on
            if isinstance(event, Changes):
                self.contact = asyncio.get_running_loop().time()
            yield event

    async def read(self, key: str) -> Stored | None:
        return await self._ask(lambda: self._central.read(key))

    async def head(self) -> int:
        return await self._ask(self._central.head)

    async def grant(self, ttl: int) -> int:
        return await self._ask(lambda: self._central.grant(ttl))

    async def keep(self, lease: int) -> float:
        return await self._ask(lambda: self._central.keep(lease))

    async def revoke(self, lease: int) -> None:
        await self._ask(lambda: self._central.revoke(lease))

    async def close(self) -> None:
        """The store lives on."""

    async def _ask(self, handler: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._call(handler)
        except TimeoutError:
            raise StoreUnavailable("no answer of the store in time") from None

    async def _call(self, handler: Callable[[], Awaitable[T]]) -> T:
        answer = await self._network.call(self._here, self._there, handler, CALL_S)
        self.contact = asyncio.get_running_loop().time()
        return answer
