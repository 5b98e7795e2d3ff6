"""A store that fails the way real ones do: late, without an answer, or together with the process that asked.

    store = LossyStore(MemoryStore(), chances(rng, lost_answer=0.01, crash=0.001))

What happens to each batch is decided by a function, so that a test can script it and a simulator can draw it from a seed.
Delays are `asyncio.sleep`, so they take virtual time on a virtual loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from enum import Enum
from random import Random

from msgspec import Struct

from muster.registry.store import (
    Batch,
    CommitOutcome,
    Loaded,
    Store,
    StoreUnavailable,
    TailEvent,
    Unknown,
)


class Fault(Enum):
    """What becomes of a batch, and what its writer is told."""

    NONE = "decided, and the writer is told"
    LOST_ANSWER = "decided, and the writer is told Unknown"
    LOST_BATCH = "never arrived, and the writer is told Unknown"
    REFUSED = "not committed, and the writer is told StoreUnavailable"
    CRASH = "decided, and the writer's process is dead: it is told nothing, nor are its tails"


class Fate(Struct, frozen=True):
    """A fault, and the delays around it in seconds: before the store gets the batch, and before the writer gets the answer."""

    fault: Fault = Fault.NONE
    before: float = 0.0
    after: float = 0.0


Fates = Callable[[Batch | None], Fate]
"""Decides for each batch; None is a load, for which only delays and REFUSED mean something."""


class LossyStore:
    """One process's view of `store`. After a crash it is silent for ever (`crashed` is set), and the store lives on: open another
    view of it, as the next process would."""

    def __init__(self, store: Store, fates: Fates) -> None:
        self._store = store
        self._fates = fates
        self.crashed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<LossyStore {'crashed ' if self.crashed.is_set() else ''}{self._store!r}>"

    async def load(self) -> Loaded:
        fate = await self._arrive(None)
        loaded = await self._store.load()
        await self._leave(fate)
        return loaded

    async def commit(self, batch: Batch) -> CommitOutcome:
        fate = await self._arrive(batch)
        if fate.fault is Fault.CRASH:
            self.crashed.set()  # before the commit: its tails must not see it
        outcome = await self._decide(batch, fate.fault)
        await self._leave(fate)
        return outcome

    async def _decide(self, batch: Batch, fault: Fault) -> CommitOutcome:
        if fault is Fault.LOST_BATCH:
            return Unknown("the batch was lost on its way")
        outcome = await self._store.commit(batch)
        return Unknown("the answer was lost on its way") if fault is Fault.LOST_ANSWER else outcome

    async def _arrive(self, batch: Batch | None) -> Fate:
        await self._alive()
        fate = self._fates(batch)
        await self._pass(fate.before)
        if fate.fault is Fault.REFUSED:
            raise StoreUnavailable("the store refuses, as it was told to")
        return fate

    async def _leave(self, fate: Fate) -> None:
        await self._alive()
        await self._pass(fate.after)

    async def _pass(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)
            await self._alive()

    async def _alive(self) -> None:
        if self.crashed.is_set():
            await asyncio.Event().wait()  # for ever

    def tail(self, after: int) -> AsyncIterator[TailEvent]:
        return self._relay(self._store.tail(after))

    async def _relay(self, tail: AsyncIterator[TailEvent]) -> AsyncIterator[TailEvent]:
        async for event in tail:
            await self._alive()
            yield event

    async def close(self) -> None:
        if not self.crashed.is_set():
            await self._store.close()


def chances(
    rng: Random,
    *,
    lost_answer: float = 0.0,
    lost_batch: float = 0.0,
    refused: float = 0.0,
    crash: float = 0.0,
    delay: float = 0.0,
) -> Fates:
    """Draw each fate: probabilities of the faults, and the longest delay on either way in seconds."""
    faults = (Fault.LOST_ANSWER, Fault.LOST_BATCH, Fault.REFUSED, Fault.CRASH, Fault.NONE)
    weights = (lost_answer, lost_batch, refused, crash, 1.0 - lost_answer - lost_batch - refused - crash)

    def draw(_batch: Batch | None) -> Fate:
        (fault,) = rng.choices(faults, weights)
        return Fate(fault, before=rng.uniform(0, delay), after=rng.uniform(0, delay))

    return draw


def script(*fates: Fate) -> Fates:
    """These fates for the batches to come, in order; then, and for loads, all goes well."""
    waiting = iter(fates)
    return lambda batch: next(waiting, Fate()) if batch else Fate()
