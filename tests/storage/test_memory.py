"""The memory store obeys the contract, and does what only it can."""

import asyncio
from random import Random

import pytest
from tests.storage.batches import commit, put, take
from tests.storage.contract import MakeStore, StoreContract

from muster.registry.store import EpochChanged, Store, Stored
from muster.storage.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        async def make(**options: int) -> Store:
            return MemoryStore(**options)

        return make


async def test_the_source_of_chance_decides_the_epoch() -> None:
    epochs = [(await MemoryStore(rng=Random(seed)).load()).epoch for seed in (1, 1, 2)]
    assert epochs[0] == epochs[1] != epochs[2]


async def test_a_restore_begins_another_history_above_the_old() -> None:
    store = MemoryStore(rng=Random(1))
    old = await store.load()
    for key in "abc":
        await commit(store, put(key))
    store.restore([Stored("old", b"v", 2, "op")])
    loaded = await store.load()
    assert (loaded.records, loaded.revision) == ((Stored("old", b"v", 2, "op"),), 4)
    assert loaded.epoch != old.epoch


async def test_a_restore_of_something_later_begins_above_that() -> None:
    store = MemoryStore()
    store.restore([Stored("a", b"v", 70, "op"), Stored("b", b"v", 7, "op")])
    assert (await store.load()).revision == 71
    assert await commit(store, put("a", expected=70)) == 72


async def test_a_restore_ends_every_live_tail() -> None:
    store = MemoryStore()
    behind = store.tail(0)
    await commit(store, put("a"))
    up_to_date = asyncio.create_task(take(store.tail(1), 1))  # noqa: TID251 - awaited below
    await asyncio.sleep(0)
    store.restore([])
    epoch = (await store.load()).epoch
    assert await up_to_date == [EpochChanged(epoch)]
    assert [event async for event in behind] == [EpochChanged(epoch)]
