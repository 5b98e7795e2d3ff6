"""What every store must do. Subclass `StoreContract` and give it a `make_store` fixture."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.storage.batches import Listener, changes, commit, put, puts, remove, take, values

from muster.registry.store import (
    Batch,
    Changes,
    Committed,
    Compacted,
    Condition,
    Conflict,
    Put,
    Removed,
    Store,
    Stored,
    StoreUnavailable,
    Write,
)

MakeStore = Callable[..., Awaitable[Store]]
"""Opens an empty store; `history_bytes` is optional."""


class StoreContract:
    most_writes = 1000
    """Of one batch: no fewer than `limits.BATCH_WRITES`."""

    @pytest.fixture
    async def store(self, make_store: MakeStore) -> AsyncIterator[Store]:
        store = await make_store()
        yield store
        await store.close()

    # --- transactions ---

    async def test_a_new_store_is_empty_and_has_an_epoch(self, store: Store) -> None:
        loaded = await store.load()
        assert (list(loaded.records), loaded.revision) == ([], 0)
        assert loaded.epoch

    async def test_every_transaction_has_the_next_revision(self, store: Store) -> None:
        assert [await commit(store, put(key)) for key in "abc"] == [1, 2, 3]
        assert (await store.load()).revision == 3

    async def test_a_record_tells_its_last_write(self, store: Store) -> None:
        await commit(store, put("a", b"1", op="first"))
        await commit(store, put("b", b"1", op="second"))
        await commit(store, put("a", b"2", expected=1, op="third"))
        assert sorted((await store.load()).records, key=lambda r: r.key) == [
            Stored("a", b"2", 3, "third"),
            Stored("b", b"1", 2, "second"),
        ]

    async def test_all_writes_of_a_batch_carry_one_revision(self, store: Store) -> None:
        await commit(store, puts("op", "a", "b", "c"))
        assert {record.revision for record in (await store.load()).records} == {1}

    async def test_a_removed_key_is_absent_again(self, store: Store) -> None:
        await commit(store, put("a", b"1"))
        await commit(store, remove("a", expected=1))
        assert await values(store) == {}
        assert await commit(store, put("a", b"2", expected=0)) == 3

    async def test_revisions_go_on_after_everything_is_removed(self, store: Store) -> None:
        await commit(store, put("a"))
        await commit(store, remove("a", expected=1))
        assert (await store.load()).revision == 2

    async def test_values_are_any_bytes_and_keys_any_text(self, store: Store) -> None:
        odd = {"": b"", "ключ/\n\x01'\"\\": bytes(range(256)), "a" * 1000: b"\0", "\U0001f600": b"\xff"}
        await commit(store, Batch("op ☃", tuple(Write(k, v, 0) for k, v in odd.items())))
        assert await values(store) == odd
        again = Batch("op", tuple(Write(k, v + b"!", 1) for k, v in odd.items()))
        assert await commit(store, again) == 2

    async def test_a_big_batch(self, store: Store) -> None:
        batch = puts("op", *(f"k{n:04}" for n in range(self.most_writes)), value=b"x" * 2000)
        assert await commit(store, batch) == 1
        assert len(await values(store)) == self.most_writes

    @pytest.mark.parametrize(
        "batch",
        [
            Batch("op", ()),
            Batch("op", (), (Condition("a", 0),)),
            Batch("op", (Write("a", b"1", 0), Write("a", b"2", 0))),
            Batch("op", (Write("a\0b", b"1", 0),)),
            Batch("op", (Write("\ud800", b"1", 0),)),
            Batch("op", (Write("a", bytes(20_000_000), 0),)),
        ],
        ids=["empty", "only conditions", "a key twice", "NUL", "surrogate", "too large"],
    )
    async def test_a_batch_that_only_a_bug_can_send(self, store: Store, batch: Batch) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - a lone surrogate is a UnicodeEncodeError
            await store.commit(batch)
        assert (await store.load()).revision == 0

    # --- conditions and conflicts ---

    @pytest.mark.parametrize(
        ("batch", "keys"),
        [
            (put("a", expected=0), ("a",)),
            (put("a", expected=2), ("a",)),
            (put("new", expected=1), ("new",)),
            (remove("a", expected=2), ("a",)),
            (remove("new", expected=1), ("new",)),
            (puts("op", "new", conditions={"a": 0}), ("a",)),
            (puts("op", "new", conditions={"other": 1}), ("other",)),
            (puts("op", "new", "b", "a", conditions={"a": 7, "other": 7}), ("b", "a", "other")),
        ],
    )
    async def test_a_conflict_names_its_keys_and_leaves_nothing(
        self, store: Store, batch: Batch, keys: tuple[str, ...]
    ) -> None:
        await commit(store, puts("before", "a", "b"))
        before = await store.load()
        tail = store.tail(before.revision)
        assert await store.commit(batch) == Conflict(keys)
        assert await store.load() == before
        await commit(store, put("after", op="after"))
        assert await take(tail, 1) == [changes(before.revision + 1, "after", "after")]

    async def test_guards_that_hold(self, store: Store) -> None:
        await commit(store, put("a"))
        assert await commit(store, puts("op", "new", conditions={"a": 1, "absent": 0})) == 2

    async def test_one_of_many_who_want_a_key_gets_it(self, store: Store) -> None:
        outcomes = await asyncio.gather(*(store.commit(put("a", b"%d" % n)) for n in range(20)))
        assert outcomes == [Committed(1)] + [Conflict(("a",))] * 19
        assert await values(store) == {"a": b"0"}

    async def test_batches_sent_together_are_committed_in_order(self, store: Store) -> None:
        chain = [put("a", b"%d" % n, expected=n) for n in range(20)]
        outcomes = await asyncio.gather(*map(store.commit, chain))
        assert outcomes == [Committed(n + 1) for n in range(20)]
        assert await values(store) == {"a": b"19"}

    # --- tails ---

    async def test_a_tail_tells_every_transaction_whole_and_in_order(self, store: Store) -> None:
        tail = store.tail(0)
        await commit(store, puts("one", "a", "b"))
        await commit(store, Batch("two", (Write("b", b"2", 1), Write("a", None, 1), Write("c", b"3", 0))))
        assert await take(tail, 2) == [
            changes(1, "one", "a", "b"),
            Changes(2, "two", (Put("b", b"2"), Removed("a"), Put("c", b"3"))),
        ]

    async def test_a_tail_starts_where_it_is_asked_to(self, store: Store) -> None:
        for key in "abcd":
            await commit(store, put(key))
        assert [event.revision for event in await take(store.tail(2), 2)] == [3, 4]  # type: ignore[union-attr]

    async def test_a_load_and_a_tail_from_it_tell_everything(self, store: Store) -> None:
        await commit(store, put("a"))
        loaded = await store.load()
        await commit(store, put("b", op="later"))
        assert await take(store.tail(loaded.revision), 1) == [changes(2, "later", "b")]

    async def test_several_tails_tell_the_same(self, store: Store) -> None:
        async with asyncio.TaskGroup() as group:
            listeners = [Listener(group, store, 0) for _ in range(5)]
            for key in "abc":
                await commit(store, put(key, op=key))
            expected = [changes(n, key, key) for n, key in enumerate("abc", start=1)]
            assert [each.heard for each in listeners] == [expected] * 5
            for each in listeners:
                each.task.cancel()

    async def test_a_tail_tells_of_a_commit_no_later_than_its_answer(self, store: Store) -> None:
        async with asyncio.TaskGroup() as group:
            listener = Listener(group, store, 0)

            async def write(key: str) -> None:
                revision = await commit(store, put(key))
                assert revision in {event.revision for event in listener.heard}  # type: ignore[union-attr]

            async with asyncio.TaskGroup() as writers:
                for n in range(50):
                    writers.create_task(write(f"k{n}"))
            listener.task.cancel()

    async def test_a_tail_that_waited_long_misses_nothing(self, store: Store) -> None:
        tail = store.tail(0)
        first = asyncio.create_task(take(tail, 1))  # noqa: TID251 - awaited below
        await asyncio.gather(*(store.commit(put(f"k{n}", op=str(n))) for n in range(100)))
        heard = await first + await take(tail, 99)
        assert heard == [changes(n + 1, str(n), f"k{n}") for n in range(100)]

    # --- compaction ---

    async def test_a_tail_from_before_the_kept_history_is_told_so_and_ends(
        self, make_store: MakeStore
    ) -> None:
        store = await make_store(history_bytes=1000)
        for n in range(10):
            await commit(store, put(f"k{n}", b"x" * 500))
        assert [event async for event in store.tail(0)] == [Compacted()]
        await store.close()

    async def test_a_tail_that_fell_behind_is_told_so_and_ends(self, make_store: MakeStore) -> None:
        store = await make_store(history_bytes=1000)
        tail = store.tail(0)
        await commit(store, put("first"))
        assert await take(tail, 1) == [changes(1, "op", "first")]
        for n in range(10):
            await commit(store, put(f"k{n}", b"x" * 500))
        assert [event async for event in tail] == [Compacted()]
        await store.close()

    async def test_a_tail_that_keeps_up_is_never_compacted(self, make_store: MakeStore) -> None:
        store = await make_store(history_bytes=1)
        async with asyncio.TaskGroup() as group:
            listener = Listener(group, store, 0)
            for n in range(20):
                await commit(store, put(f"k{n}", op=str(n)))
            assert listener.heard == [changes(n + 1, str(n), f"k{n}") for n in range(20)]
            listener.task.cancel()
        await store.close()

    async def test_a_tail_from_the_future_is_told_to_load(self, store: Store) -> None:
        assert [event async for event in store.tail(1)] == [Compacted()]

    # --- cancellation ---

    async def test_a_cancelled_commit_happens_once_or_never(self, store: Store) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(store.commit(put(f"k{n}", op=f"k{n}"))) for n in range(50)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
        after = await commit(store, put("after", op="after"))
        heard = await take(store.tail(0), after)
        ops = [event.op for event in heard if isinstance(event, Changes)]
        assert len(ops) == len(set(ops)) == after
        assert {f"k{n}" for n in range(1, 50, 2)} | {"after"} <= set(ops)
        assert {record.key for record in (await store.load()).records} == set(ops)

    async def test_a_cancelled_tail_leaves_the_others_alone(self, store: Store) -> None:
        async with asyncio.TaskGroup() as group:
            stays, leaves = Listener(group, store, 0), Listener(group, store, 0)
            await commit(store, put("a"))
            leaves.task.cancel()
            await commit(store, put("b"))
            assert (stays.heard, leaves.heard) == (
                [changes(1, "op", "a"), changes(2, "op", "b")],
                [changes(1, "op", "a")],
            )
            stays.task.cancel()

    # --- closing ---

    async def test_close_finishes_what_was_accepted(self, store: Store) -> None:
        tail = store.tail(0)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(store.commit(put(f"k{n}"))) for n in range(20)]
            await asyncio.sleep(0)
            await store.close()
        assert [task.result() for task in tasks] == [Committed(n + 1) for n in range(20)]
        assert len(await take(tail, 20)) == 20
        with pytest.raises(StoreUnavailable):
            await anext(tail)

    async def test_a_waiting_tail_is_told_of_the_close(self, store: Store) -> None:
        waiting = asyncio.create_task(take(store.tail(0), 1))  # noqa: TID251 - awaited below
        await asyncio.sleep(0)
        await store.close()
        with pytest.raises(StoreUnavailable):
            await waiting

    async def test_after_close_everything_is_unavailable(self, store: Store) -> None:
        await store.close()
        await store.close()
        with pytest.raises(StoreUnavailable):
            await store.load()
        with pytest.raises(StoreUnavailable):
            await store.commit(put("a"))
        with pytest.raises(StoreUnavailable):
            await anext(store.tail(0))
