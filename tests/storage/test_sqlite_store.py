"""The SQLite store obeys the contract, and remembers."""

import asyncio
from pathlib import Path

import pytest
from tests.storage.batches import Listener, changes, commit, put, remove, take
from tests.storage.contract import MakeStore, StoreContract

from muster.registry.store import Store, Stored, StoreUnavailable
from muster.storage.sqlite import FILE_NAME, SqliteStore, StoreRefused


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        async def make(**options: int) -> Store:
            return await SqliteStore.open(tmp_path / FILE_NAME, **options)

        return make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / FILE_NAME


def move(source: Path, target: Path) -> None:
    source.rename(target)


async def test_what_was_committed_is_there_after_a_restart(path: Path) -> None:
    store = await SqliteStore.open(path)
    epoch = (await store.load()).epoch
    await commit(store, put("a", b"1", op="first"))
    await commit(store, put("b", b"2"))
    await commit(store, remove("b", expected=2))
    await store.close()

    store = await SqliteStore.open(path)
    loaded = await store.load()
    assert (loaded.records, loaded.revision, loaded.epoch) == ([Stored("a", b"1", 1, "first")], 3, epoch)
    await store.close()


async def test_a_tail_resumes_at_the_head_after_a_restart(path: Path) -> None:
    store = await SqliteStore.open(path)
    await commit(store, put("a"))
    await store.close()

    store = await SqliteStore.open(path)
    tail = store.tail(1)
    await commit(store, put("b"))
    assert await take(tail, 1) == [changes(2, "op", "b")]
    await store.close()


async def test_the_files_are_for_the_owner_alone(path: Path) -> None:
    store = await SqliteStore.open(path)
    await commit(store, put("a"))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {FILE_NAME: 0o600, f"{FILE_NAME}-wal": 0o600, f"{FILE_NAME}.lock": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    await store.close()


async def test_a_tail_that_keeps_up_is_not_compacted_by_a_group_of_commits(path: Path) -> None:
    store = await SqliteStore.open(path, history_bytes=1)
    async with asyncio.TaskGroup() as group:
        listener = Listener(group, store, 0)
        await asyncio.gather(*(store.commit(put(f"k{n}", op=str(n))) for n in range(100)))
        assert listener.heard == [changes(n + 1, str(n), f"k{n}") for n in range(100)]
        listener.task.cancel()
    await store.close()


async def test_a_full_queue_refuses(path: Path) -> None:
    store = await SqliteStore.open(path, queue=2)
    outcomes = await asyncio.gather(
        *(store.commit(put(f"k{n}", op=f"k{n}")) for n in range(100)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
    assert str(refused[0]) == "2 transactions are waiting for the disk: try again later"
    assert len((await store.load()).records) == 100 - len(refused)
    await store.close()


async def test_each_commit_is_timed(path: Path) -> None:
    seconds: list[float] = []
    store = await SqliteStore.open(path, on_commit=seconds.append)
    await commit(store, put("a"))
    await store.commit(put("a"))  # a conflict: nothing was committed
    await commit(store, put("b"))
    await store.close()
    assert len(seconds) == 2
    assert all(0 < each < 60 for each in seconds)


async def test_the_same_file_is_not_opened_twice(path: Path) -> None:
    store = await SqliteStore.open(path)
    with pytest.raises(StoreRefused, match=r"is in use by process \d+ \(.+\): stop that one first"):
        await SqliteStore.open(path)
    await store.close()
    await (await SqliteStore.open(path)).close()


async def test_a_file_that_was_taken_away_is_not_written_to(path: Path) -> None:
    store = await SqliteStore.open(path)
    await commit(store, put("a"))
    move(path, path.with_name("elsewhere"))
    with pytest.raises(StoreUnavailable, match="was moved, deleted or replaced"):
        await store.commit(put("b"))
    move(path.with_name("elsewhere"), path)
    assert await commit(store, put("b")) == 2
    await store.close()
