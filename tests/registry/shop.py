"""A registry in virtual time, on a store that fails as it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from muster.core.commands import Command
from muster.model.errors import Rejected, Unavailable
from muster.registry.clock import Clock
from muster.registry.registry import Registry
from muster.registry.store import Batch
from muster.storage.memory import MemoryStore
from muster.testing.prober import ScriptedProber
from muster.testing.stores import Fate, Fates, Fault, LossyStore, script

FINE = script()


class Switch:
    """Fates of a store that can be turned off."""

    def __init__(self) -> None:
        self.on = True

    def __call__(self, batch: Batch | None) -> Fate:
        return Fate() if self.on or batch is None else Fate(Fault.REFUSED)


class KeptStore(MemoryStore):
    """Outlives the registry that closes it, as a disk does."""

    async def close(self) -> None:
        pass


class Shop:
    """`registry` on `store`; `tell` asks for a change and says what became of it in a word."""

    def __init__(self, fates: Fates = FINE, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore(rng=Random(1))
        self.lossy = LossyStore(self.store, self._note(fates))
        self.prober = ScriptedProber()
        self.batches: list[tuple[str, ...]] = []
        self.registry: Registry

    def _note(self, fates: Fates) -> Fates:
        def fate(batch: Batch | None) -> Fate:
            if batch is not None:
                self.batches.append(tuple(write.key for write in batch.writes))
            return fates(batch)

        return fate

    async def tell(self, command: Command) -> str:
        try:
            decided = await self.registry.command(command)
        except (Rejected, Unavailable) as error:
            return error.code
        return "done" if decided.changed else "no-op"

    def status(self, id: str = "web-1") -> str | None:
        entry = self.registry.entry(f"default/{id}")
        return entry and entry.status


@asynccontextmanager
async def opened(fates: Fates = FINE, store: MemoryStore | None = None) -> AsyncIterator[Shop]:
    shop = Shop(fates, store)
    loop = asyncio.get_running_loop()
    shop.registry = Registry(
        shop.lossy, shop.prober, clock=Clock(loop.time, lambda: 1_750_000_000 + loop.time()), rng=Random(1)
    )
    async with shop.registry.open():
        yield shop
