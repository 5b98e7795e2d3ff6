"""A shared store that does not tell everything, or not in time: what somebody wrote is there, and this process does not hear of it.

    store = ForgetfulStore(EtcdStore(...), lambda entry: entry.key == "i/default/web-1")
    store.hears.clear()     # nothing more is told, until it is set again

That is what a bug in a watch, or a slow one, looks like. Nothing else is changed: writes are guarded, loads and reads say the truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from muster.registry.store import (
    Batch,
    Changes,
    CommitOutcome,
    Loaded,
    Put,
    Removed,
    SharedStore,
    Stored,
    TailEvent,
)


class ForgetfulStore:
    """One process's view of `store`; `forgets` decides for each change that is to be told. While `hears` is not set, the tail waits."""

    def __init__(self, store: SharedStore, forgets: Callable[[Put | Removed], bool]) -> None:
        self._store = store
        self._forgets = forgets
        self.hears = asyncio.Event()
        self.hears.set()
        self.forgotten: list[str] = []

    def __repr__(self) -> str:
        return f"<ForgetfulStore {len(self.forgotten)} forgotten of {self._store!r}>"

    @property
    def contact(self) -> float:
        return self._store.contact

    @property
    def uncompacted(self) -> bool:
        return self._store.uncompacted

    async def tail(self, after: int) -> AsyncIterator[TailEvent]:
        async for event in self._store.tail(after):
            await self.hears.wait()
            yield self._but(event) if isinstance(event, Changes) else event

    def _but(self, event: Changes) -> Changes:
        kept = tuple(entry for entry in event.entries if not self._lost(entry))
        return Changes(event.revision, event.op, kept)

    def _lost(self, entry: Put | Removed) -> bool:
        lost = self._forgets(entry)
        if lost:
            self.forgotten.append(entry.key)
        return lost

    # --- As it is ---------------------------------------------------------------------------------------------------

    async def load(self) -> Loaded:
        return await self._store.load()

    async def commit(self, batch: Batch) -> CommitOutcome:
        return await self._store.commit(batch)

    async def close(self) -> None:
        await self._store.close()

    async def read(self, key: str) -> Stored | None:
        return await self._store.read(key)

    async def head(self) -> int:
        return await self._store.head()

    async def grant(self, ttl: int) -> int:
        return await self._store.grant(ttl)

    async def keep(self, lease: int) -> float:
        return await self._store.keep(lease)

    async def revoke(self, lease: int) -> None:
        await self._store.revoke(lease)
