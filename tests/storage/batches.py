"""Short ways to say a batch, and to listen to a tail."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from muster.registry.store import Batch, Changes, Committed, Condition, Put, Store, TailEvent, Write


def put(key: str, value: bytes = b"v", *, expected: int = 0, op: str = "op") -> Batch:
    return Batch(op, (Write(key, value, expected),))


def remove(key: str, *, expected: int, op: str = "op") -> Batch:
    return Batch(op, (Write(key, None, expected),))


def puts(op: str, *keys: str, conditions: Mapping[str, int] | None = None, value: bytes = b"v") -> Batch:
    unchanged = tuple(Condition(key, revision) for key, revision in (conditions or {}).items())
    return Batch(op, tuple(Write(key, value, 0) for key in keys), unchanged)


def changes(revision: int, op: str, *keys: str) -> Changes:
    return Changes(revision, op, tuple(Put(key, b"v") for key in keys))


async def commit(store: Store, batch: Batch) -> int:
    """The revision of a batch that must be committed."""
    outcome = await store.commit(batch)
    assert isinstance(outcome, Committed), outcome
    return outcome.revision


async def take(tail: AsyncIterator[TailEvent], count: int) -> list[TailEvent]:
    async with asyncio.timeout(10):
        return [await anext(tail) for _ in range(count)]


async def values(store: Store) -> dict[str, bytes]:
    return {record.key: record.value for record in (await store.load()).records}


class Listener:
    """A tail that is always being read, and what it has heard so far."""

    def __init__(self, group: asyncio.TaskGroup, store: Store, after: int) -> None:
        self.heard: list[TailEvent] = []
        self.task = group.create_task(self._listen(store.tail(after)))

    async def _listen(self, tail: AsyncIterator[TailEvent]) -> None:
        async for event in tail:
            self.heard.append(event)
