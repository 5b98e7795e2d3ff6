"""A lossy store loses exactly what it is told to, and a lost answer can be settled."""

import asyncio
from random import Random

import pytest
from tests.storage.batches import Listener, commit, put, remove, take, values
from tests.storage.contract import MakeStore, StoreContract

from muster.registry.store import Changes, Committed, Conflict, Store, StoreUnavailable, Unknown
from muster.storage.memory import MemoryStore
from muster.testing.stores import Fate, Fault, LossyStore, chances, script


class TestLossyStoreThatLosesNothing(StoreContract):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        async def make(**options: int) -> Store:
            return LossyStore(MemoryStore(**options), script())

        return make


async def test_a_lost_answer_is_settled_by_the_tail() -> None:
    store = LossyStore(MemoryStore(), script(Fate(Fault.LOST_ANSWER)))
    assert isinstance(await store.commit(put("a", op="mine")), Unknown)
    (event,) = await take(store.tail(0), 1)
    assert isinstance(event, Changes)
    assert event.op == "mine"


async def test_a_lost_answer_is_settled_by_a_load() -> None:
    store = LossyStore(MemoryStore(), script(Fate(Fault.LOST_ANSWER)))
    assert isinstance(await store.commit(put("a", op="mine")), Unknown)
    (record,) = (await store.load()).records
    assert record.op == "mine"


async def test_a_lost_batch_can_be_sent_again() -> None:
    store = LossyStore(MemoryStore(), script(Fate(Fault.LOST_BATCH)))
    assert isinstance(await store.commit(put("a")), Unknown)
    assert await values(store) == {}
    assert await store.commit(put("a")) == Committed(1)


async def test_a_batch_sent_again_after_a_lost_answer_conflicts_instead_of_happening_twice() -> None:
    store = LossyStore(MemoryStore(), script(Fate(), Fate(Fault.LOST_ANSWER)))
    await commit(store, put("a"))
    assert isinstance(await store.commit(remove("a", expected=1)), Unknown)
    assert await store.commit(remove("a", expected=1)) == Conflict(("a",))


async def test_a_refused_batch_is_not_committed() -> None:
    store = LossyStore(MemoryStore(), script(Fate(Fault.REFUSED)))
    with pytest.raises(StoreUnavailable):
        await store.commit(put("a"))
    assert await values(store) == {}


async def test_a_crash_after_the_commit_tells_nobody_and_the_next_process_finds_it() -> None:
    disk = MemoryStore()
    store = LossyStore(disk, script(Fate(), Fate(Fault.CRASH)))
    async with asyncio.TaskGroup() as group:
        listener = Listener(group, store, 0)
        await commit(store, put("a"))
        doomed = group.create_task(store.commit(put("b")))
        await store.crashed.wait()
        assert await values(LossyStore(disk, script())) == {"a": b"v", "b": b"v"}
        assert (len(listener.heard), doomed.done()) == (1, False)
        listener.task.cancel()
        doomed.cancel()


async def test_one_seed_is_one_run() -> None:
    async def run(seed: int) -> list[str]:
        store = LossyStore(MemoryStore(), chances(Random(seed), lost_answer=0.3, lost_batch=0.3, delay=1e-6))
        return [type(await store.commit(put(f"k{n}"))).__name__ for n in range(30)]

    assert await run(1) == await run(1) != await run(2)
